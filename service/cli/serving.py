"""Bring the database to the newest schema, and serve."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from service.app import log_as_json
from service.cli import shell
from service.cli.listening import LIMITS
from service.settings import Settings


def migrate() -> None:
    """Bring the database to the newest schema."""
    from alembic import command

    settings = shell.settings_here()
    with shell.database(settings) as engine:
        command.upgrade(shell.alembic(engine), "head")
        if settings.sqlite:
            _private(engine.url.database)
    typer.echo("The database is at the newest schema.")


def _private(database: str | None) -> None:
    for ending in ("", "-wal", "-shm", ".writer"):
        path = Path(f"{database}{ending}")
        if path.exists():
            path.chmod(0o600)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Port; PORT or 8000 when left out")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; more than one needs PostgreSQL")] = 1,
) -> None:
    """Serve the API."""
    import uvicorn

    from service.readers import mapping

    settings = shell.settings_here()
    if settings.loopback_only and host not in ("127.0.0.1", "::1", "localhost"):
        raise shell.stop("LOS_ENVIRONMENT: development listens on this machine only")
    if settings.sqlite and workers > 1:
        raise shell.stop("--workers: SQLite serves one process; set LOS_DATABASE_URL to a PostgreSQL for more")
    with shell.refusals():
        mapping.load(settings.mapping_file)
    _refuse_other_schema(settings)
    _refuse_carelessness(settings)
    uvicorn.run(
        "service.cli:asgi", factory=True, host=host, port=port or settings.port, workers=workers, access_log=False,
        log_config=None, log_level="warning", server_header=False, proxy_headers=False, **LIMITS,
    )  # fmt: skip


def _refuse_other_schema(settings: Settings) -> None:
    from alembic.script import ScriptDirectory

    from service.store.engine import reading
    from service.store.health import schema_revision

    with shell.database(settings) as engine, reading(engine) as session:
        held = schema_revision(session)
    scripts = ScriptDirectory.from_config(shell.alembic(engine))
    if held == scripts.get_current_head():
        return
    if held is None or held in {each.revision for each in scripts.walk_revisions()}:
        raise shell.stop("The database has an older schema than this version: run `los migrate`")
    raise shell.stop("The database has a schema that this version does not know: serve with the version that made it")


def _refuse_carelessness(settings: Settings) -> None:
    """An acknowledged write must outlive the machine's power: what would lose it is named."""
    from service.store.durability import careless
    from service.store.engine import reading

    with shell.database(settings) as engine, reading(engine) as session:
        found = ", ".join(careless(session))
    if not found:
        return
    said = f"The database may lose what it has acknowledged; set as documented: {found}"
    if settings.production:
        raise shell.stop(said)
    typer.echo(f"Warning: {said}", err=True)


def asgi() -> object:
    """The application, for uvicorn's workers."""
    from service.app import create_app

    log_as_json()
    app = create_app(shell.settings_here())
    # A whole-county tracker makes tens of thousands of short-lived values: look for cycles less often.
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    return app
