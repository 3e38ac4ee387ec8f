"""Whether the database is there and in which shape."""

from sqlalchemy import insert, inspect, select, text
from sqlmodel import Session

from service.store.schema import deployment


def schema_revision(session: Session) -> str | None:
    """The migration the database stands at; None before the first."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return None
    revision: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def hurry(session: Session) -> None:
    """Let no SELECT of this read take longer than two seconds: a scrape must not wait for a busy database."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SET LOCAL statement_timeout = '2s'"))


def is_empty(session: Session) -> bool:
    """Whether nobody is held yet."""
    return session.scalar(text("SELECT 1 FROM person LIMIT 1")) is None


def purpose(session: Session) -> dict[str, str]:
    """What the database is marked as; empty for a council's own."""
    return dict(session.execute(select(deployment)).all())


def mark(session: Session, name: str, value: str) -> None:
    """Mark what the database is for."""
    session.execute(insert(deployment).values(name=name, value=value))
