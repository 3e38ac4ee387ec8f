"""The demo council, and development tokens to look at it with."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine
from sqlmodel import Session

from service.app import utc_now
from service.cli import shell
from service.domain.access import DEFAULT_SCOPE, WITHOUT_CODE, Role
from service.domain.dates import london_day
from service.errors import Refused, SettingsRefused
from service.settings import Settings

TOKEN_LIFE = timedelta(hours=12)
EARLIEST = date(2015, 1, 1)  # the demo's people are born and its plans begin well after any rule here began


def demo(
    as_at: Annotated[str | None, typer.Option(help="Day of the last night, YYYY-MM-DD; today when left out")] = None,
    scale: Annotated[int, typer.Option(min=1, max=50, help="Times the size of Devon")] = 1,
    out: Annotated[Path | None, typer.Option(help="Write the extracts here instead, a folder per night")] = None,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Do nothing when somebody is held already")] = False,
) -> None:
    """Load the demo council, night by night, into an empty database; or write its extract files."""
    settings = shell.settings_here()
    if settings.production:
        raise shell.stop("LOS_ENVIRONMENT: the demo is refused in production")
    day = _day(as_at)
    from service.demo import council

    if out is not None:
        council.write(council.build(day, scale), out)
        typer.echo(f"Extracts written to {out}")
        return
    with shell.database(settings) as engine:
        _load(settings, engine, day, scale, if_empty=if_empty)


def _day(text: str | None) -> date:
    today = london_day(utc_now())
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        raise shell.stop("--as-at: a date as YYYY-MM-DD", 2) from None
    if not EARLIEST <= day <= today:
        raise shell.stop(f"--as-at: a day from {EARLIEST} to today", 2)
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
        raise shell.stop("The demo goes into an empty database only.")
    codes = mapping.load(settings.mapping_file)
    now = utc_now()
    built = council.build(day, scale, until=now - replay.TAKEN)
    replay.replay(engine, built, issuer=settings.oidc_issuer, codes=codes, now=now, say=typer.echo)


def token(
    role: Annotated[str, typer.Option(help="A role, as in docs/permissions.md")],
    user: Annotated[str | None, typer.Option(help="Name of the user; the first with the role when left out")] = None,
) -> None:
    """Mint a development token; the last line printed is the token. Refused in production."""
    from service.api import identity
    from service.store.engine import writing

    settings = shell.settings_here()
    if role not in set(Role):
        raise shell.stop(f"--role: one of {', '.join(Role)}", 2)
    try:
        with shell.database(settings) as engine, writing(engine, utc_now) as write:
            name, subject = _account(write.session, settings, Role(role), user, at=write.now)
        minted = identity.mint(
            settings, subject, at=utc_now(), lifetime=TOKEN_LIFE, script=role == Role.INTEGRATION
        )  # fmt: skip
    except SettingsRefused as refused:
        raise shell.stop(str(refused)) from None
    except Refused as refused:
        raise shell.stop(refused.title) from None
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
