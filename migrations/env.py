"""Alembic's way in: the service's own engine, so that a migration has the same transactions as a write."""

import os

from alembic import context
from sqlalchemy import Connection, Engine, text

import service.store.schema_access
import service.store.schema_rights
import service.store.users  # noqa: F401 - registers its tables
from service.settings import from_environment
from service.store.engine import is_sqlite, make_engine
from service.store.schema import METADATA
from service.store.types import UTCDateTime

MIGRATION_LOCK = 0x105_0F_516A7
TURN_MILLISECONDS = 600_000


def _render(kind: str, item: object, autogenerate: object) -> str | bool:
    if kind == "type" and isinstance(item, UTCDateTime):
        autogenerate.imports.add("from service.store.types import UTCDateTime")  # type: ignore[attr-defined]
        return "UTCDateTime()"
    return False


def _run(connection: Connection) -> None:
    """All steps in one transaction, which begins by waiting for its turn: two at once never both take a step, and one
    that is cut off leaves the schema it found."""
    if is_sqlite(connection.engine):
        connection.connection.driver_connection.execute(f"PRAGMA busy_timeout={TURN_MILLISECONDS}")
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=is_sqlite(connection.engine),
        render_item=_render,
        compare_type=True,
        transaction_per_migration=False,
        transactional_ddl=True,  # on SQLite too, as our engine begins its transactions itself
    )
    with context.begin_transaction():
        if not is_sqlite(connection.engine):
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.run_migrations()


def _engine() -> Engine:
    given = context.config.attributes.get("engine")
    return given if given is not None else make_engine(from_environment(os.environ).database_url)


with _engine().connect() as connection:
    try:
        _run(connection)
    finally:
        connection.invalidate()  # neither what was prepared for the old schema nor the long wait is handed on
