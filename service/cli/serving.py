"""Bring the database to the newest schema, and serve."""

import gc
from pathlib import Path
from typing import Annotated

import typer

from service.app import log_as_json
from service.cli import shell
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

    settings = shell.settings_here()
    if settings.loopback_only and host not in ("127.0.0.1", "::1", "localhost"):
        raise shell.stop("LOS_ENVIRONMENT: development listens on this machine only")
    if settings.sqlite and workers > 1:
        raise shell.stop("--workers: SQLite serves one process; set LOS_DATABASE_URL to a PostgreSQL for more")
    _refuse_other_schema(settings)
    uvicorn.run(
        "service.cli:asgi", factory=True, host=host, port=port or settings.port, workers=workers, access_log=False,
        log_level="warning", server_header=False, proxy_headers=False,
    )  # fmt: skip


def _refuse_other_schema(settings: Settings) -> None:
    from alembic.script import ScriptDirectory

    from service.store.engine import reading
    from service.store.health import schema_revision

    with shell.database(settings) as engine, reading(engine) as session:
        held = schema_revision(session)
    if held != ScriptDirectory.from_config(shell.alembic(engine)).get_current_head():
        raise shell.stop("The database has another schema than this version: run `los migrate`")


def asgi() -> object:
    """The application, for uvicorn's workers."""
    from service.app import create_app

    log_as_json()
    app = create_app(shell.settings_here())
    # A whole-county tracker makes tens of thousands of short-lived values: look for cycles less often.
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    return app
