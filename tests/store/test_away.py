"""What may be tried again: the database away, busy, full or frozen. A statement of ours that is wrong may not."""

import errno
import sqlite3

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import Busy
from service.store.away import away
from service.store.engine import is_sqlite, reading, writing
from tests.conftest import SetClock


def of_sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("canary")
    error.sqlite_errorcode = code
    return error


AWAY = [
    PoolTimeout(), DisconnectionError(), PendingRollbackError("x", code="8s2b"),
    of_sqlite(sqlite3.SQLITE_BUSY), of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), of_sqlite(sqlite3.SQLITE_FULL),
    of_sqlite(sqlite3.SQLITE_IOERR_WRITE), of_sqlite(sqlite3.SQLITE_IOERR_FSYNC), of_sqlite(sqlite3.SQLITE_CANTOPEN),
    of_sqlite(sqlite3.SQLITE_READONLY_DIRECTORY),
    psycopg.OperationalError("connection refused"), psycopg.errors.ConnectionTimeout(),
    OSError(errno.ENOSPC, ""), OSError(errno.EDQUOT, ""), OSError(errno.EMFILE, ""),
]  # fmt: skip
OURS = [
    of_sqlite(sqlite3.SQLITE_ERROR), of_sqlite(sqlite3.SQLITE_CONSTRAINT), sqlite3.ProgrammingError("x"),
    of_sqlite(sqlite3.SQLITE_CORRUPT), psycopg.ProgrammingError("x"), psycopg.errors.UndefinedTable(),
    PendingRollbackError("x", code="7s2a"), OSError(errno.ENOENT, ""), OSError("No space left on device"),
    ValueError("database is locked"), AssertionError(),
]  # fmt: skip


def wrapped(error: Exception) -> list[Exception]:
    """The error as it is, and as SQLAlchemy hands it on."""
    if not isinstance(error, sqlite3.Error | psycopg.Error):
        return [error]
    return [error, DBAPIError("SELECT 1", {}, error)]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_what_may_be_tried_again(error: Exception) -> None:
    assert all(map(away, wrapped(error)))


@pytest.mark.parametrize("error", OURS, ids=repr)
def test_what_would_only_fail_again(error: Exception) -> None:
    assert not any(map(away, wrapped(error)))


def test_a_connection_that_was_lost_is_away_whatever_was_said_last() -> None:
    assert away(DBAPIError("SELECT 1", {}, psycopg.InterfaceError("x"), connection_invalidated=True))


RAISE = "DO $$ BEGIN RAISE EXCEPTION 'canary' USING ERRCODE = '{}'; END $$"
AGAIN = ["40001", "40P01", "53100", "53200", "53300", "55P03", "57014", "57P01", "57P02", "57P03", "58030", "25P03"]
NEVER = ["22012", "23514", "42P01", "42501", "XX000"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_says_itself_what_may_be_tried_again(engine: Engine, clock: SetClock) -> None:
    for code in AGAIN:
        with pytest.raises(Busy), writing(engine, clock) as write:
            write.session.execute(text(RAISE.format(code)))
    for code in NEVER:
        with pytest.raises(DBAPIError), writing(engine, clock) as write:
            write.session.execute(text(RAISE.format(code)))


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_is_thrown_out_comes_again(engine: Engine, clock: SetClock) -> None:
    """As an administrator does, or a restart: in a read, in a write, between two of them, and in a savepoint."""
    out = text("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(Busy), reading(engine) as session:
        session.execute(out)
    with pytest.raises(Busy), writing(engine, clock) as write:
        write.session.execute(out)
    with pytest.raises(Busy), writing(engine, clock) as write, write.session.begin_nested():
        write.session.execute(out)
    with reading(engine) as session:
        assert session.scalar(text("SELECT 1")) == 1


def test_a_lock_on_which_the_database_waits_is_no_fault_of_ours(engine: Engine, clock: SetClock) -> None:
    if is_sqlite(engine):
        with pytest.raises(Busy), writing(engine, clock) as write:
            write.session.execute(text("PRAGMA busy_timeout=1"))
            raise of_sqlite(sqlite3.SQLITE_LOCKED)
    else:
        with pytest.raises(Busy), writing(engine, clock) as write:
            write.session.execute(text("SET LOCAL lock_timeout = '5ms'"))
            with writing(engine, clock) as other:
                other.session.execute(text("LOCK TABLE deployment"))
                write.session.execute(text("LOCK TABLE deployment"))
