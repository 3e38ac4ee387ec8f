"""Settings under which an acknowledged write may be lost are found, and named."""

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from service.store.durability import careless
from service.store.engine import is_sqlite, reading


def test_our_own_engine_is_careful(engine: Engine) -> None:
    """PostgreSQL as it is installed; a test server made for speed says itself what it does without."""
    with reading(engine) as session:
        assert set(careless(session)) <= ({"fsync", "full_page_writes"} if not is_sqlite(engine) else set())


@pytest.mark.parametrize(
    ("name", "value"), [("synchronous", "NORMAL"), ("synchronous", "OFF"), ("foreign_keys", "OFF")]
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_that_would_lose_writes(name: str, value: str, engine: Engine) -> None:
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        connection.rollback()
        raw.execute(f"PRAGMA {name}={value}")  # type: ignore[union-attr]
        with Session(connection) as session:
            assert careless(session) == [name]
        connection.invalidate()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_that_would_lose_writes(engine: Engine) -> None:
    with reading(engine) as session:
        before = careless(session)
        session.execute(text("SET LOCAL synchronous_commit = off"))
        assert set(careless(session)) - set(before) == {"synchronous_commit"}
