"""`los`: migrate, serve, demo and token; shells over operations."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from service.app import log_as_json, utc_now
from service.domain.access import DEFAULT_SCOPE, WITHOUT_CODE, Role
from service.domain.dates import london_day
from service.errors import Busy, Refused, SettingsRefused
from service.settings import Settings, from_environment

app = typer.Typer(help="Line of Sight", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
TOKEN_LIFE = timedelta(hours=12)
EARLIEST = date(2015, 1, 1)  # the demo's people are born and its plans begin well after any rule here began


def _settings() -> Settings:
    try:
        settings = from_environment(os.environ)
    except SettingsRefused as refused:
        raise _stop(f"Refused to start: {refused}") from None
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return settings


def _stop(message: str, code: int = 1) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(code)


@contextmanager
def _database(settings: Settings) -> Iterator[Engine]:
    """The database, whose connections are given back at the end."""
    from service.store.engine import make_engine

    engine = make_engine(settings.database_url)
    try:
        yield engine
    finally:
        engine.dispose()


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from alembic import command

    settings = _settings()
    with _database(settings) as engine:
        command.upgrade(_alembic(engine), "head")
        if settings.sqlite:
            _private(engine.url.database)
    typer.echo("The database is at the newest schema.")


def _private(database: str | None) -> None:
    for ending in ("", "-wal", "-shm", ".writer"):
        path = Path(f"{database}{ending}")
        if path.exists():
            path.chmod(0o600)


def _alembic(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.attributes["engine"] = engine
    return config


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port; PORT or 8000 when left out")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL")] = 1,
) -> None:
    """Serve the API."""
    import uvicorn

    settings = _settings()
    if settings.loopback_only and host not in ("127.0.0.1", "::1", "localhost"):
        raise _stop("LOS_ENVIRONMENT: development listens on this machine only")
    if settings.sqlite and workers > 1:
        raise _stop("--workers: SQLite serves one process; set LOS_DATABASE_URL to a PostgreSQL for more")
    _refuse_other_schema(settings)
    uvicorn.run(
        "service.cli:asgi", factory=True, host=host, port=port or settings.port, workers=workers, access_log=False,
        log_level="warning", server_header=False, proxy_headers=False,
    )  # fmt: skip


def _refuse_other_schema(settings: Settings) -> None:
    from alembic.script import ScriptDirectory

    from service.store.engine import reading
    from service.store.health import schema_revision

    with _database(settings) as engine, reading(engine) as session:
        held = schema_revision(session)
    if held != ScriptDirectory.from_config(_alembic(engine)).get_current_head():
        raise _stop("The database has another schema than this version: run `los migrate`")


def asgi() -> object:
    """The application, for uvicorn's workers."""
    from service.app import create_app

    log_as_json()
    app = create_app(_settings())
    # A whole-county tracker makes tens of thousands of short-lived values: look for cycles less often.
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    return app


@app.command()
def demo(
    as_at: Annotated[str | None, typer.Option(help="Day of the last night, YYYY-MM-DD; today when left out")] = None,
    scale: Annotated[int, typer.Option(min=1, max=50, help="Times the size of Devon")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the extracts here instead, a folder per night")] = None,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when somebody is held already")] = False,
) -> None:
    """Load the demo council, night by night, into an empty database; or write its extract files."""
    settings = _settings()
    if settings.production:
        raise _stop("LOS_ENVIRONMENT: the demo is refused in production")
    day = _day(as_at)
    from service.demo import council

    if out is not None:
        council.write(council.build(day, scale), out)
        typer.echo(f"Extracts written to {out}")
        return
    with _database(settings) as engine:
        _load(settings, engine, day, scale, if_empty=if_empty)


def _day(text: str | None) -> date:
    today = london_day(utc_now())
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        raise _stop("--as-at: a date as YYYY-MM-DD", 2) from None
    if not EARLIEST <= day <= today:
        raise _stop(f"--as-at: a day from {EARLIEST} to today", 2)
    return day


def _load(settings: Settings, engine: Engine, day: date, scale: int, *, if_empty: bool) -> None:
    from service.demo import council, replay
    from service.readers import mapping
    from service.store.engine import reading
    from service.store.health import is_empty

    with reading(engine) as session:
        empty = is_empty(session)
    if if_empty and not empty:
        typer.echo("Somebody is held already; the demo was not loaded.")
        return
    if not empty:
        raise _stop("The demo goes into an empty database only.")
    codes = mapping.load(settings.mapping_file)
    now = utc_now()
    built = council.build(day, scale, until=now - replay.TAKEN)
    replay.replay(engine, built, issuer=settings.oidc_issuer, codes=codes, now=now, say=typer.echo)


@app.command()
def token(
    role: Annotated[str, typer.Option(help="A role, as in docs/permissions.md")],
    user: Annotated[str | None, typer.Option(help="Name of the user; the first with the role when left out")] = None,
) -> None:
    """Mint a development token; the last line printed is the token. Refused in production."""
    from service.api import identity
    from service.store.engine import writing

    settings = _settings()
    if role not in set(Role):
        raise _stop(f"--role: one of {', '.join(Role)}", 2)
    try:
        with _database(settings) as engine, writing(engine, utc_now) as write:
            name, subject = _account(write.session, settings, Role(role), user, at=write.now)
        minted = identity.mint(settings, subject, at=utc_now(), lifetime=TOKEN_LIFE)
    except SettingsRefused as refused:
        raise _stop(str(refused)) from None
    except Refused as refused:
        raise _stop(refused.title) from None
    typer.echo(f"For {name} ({role}), for 12 hours:", err=True)
    typer.echo(minted)


def _account(session: Session, settings: Settings, role: Role, name: str | None, *, at: datetime) -> tuple[str, str]:
    """The account the token is for: in development one is made when nobody has the role yet."""
    from service.store import users

    if settings.production:
        raise SettingsRefused("LOS_ENVIRONMENT: development tokens are refused in production")
    found = users.find_user_by_role(session, role, name=name)
    if found is not None:
        return found.name, found.subject
    made = name or f"Development {role.replace('_', ' ')}"
    scope = DEFAULT_SCOPE[role]
    scopes = [(scope, "")] if scope in WITHOUT_CODE else []
    subject = f"development:{role}:{made.lower().replace(' ', '-')}"
    users.add_user(
        session, issuer=settings.oidc_issuer, subject=subject, name=made, roles=[role], scopes=scopes, at=at
    )  # fmt: skip
    return made, subject


def main() -> None:
    """`los`, with what a person at a prompt can act on in place of a traceback when the database is away."""
    try:
        app()
    except (Busy, OperationalError) as error:
        typer.echo(
            f"The database does not answer ({type(error).__name__}): is it running, and LOS_DATABASE_URL right?",
            err=True,
        )
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
