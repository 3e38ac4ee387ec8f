"""Which failures mean that the database is away, busy, full or frozen, so that the same request may be sent again."""

import errno
import sqlite3

import psycopg
from sqlalchemy.exc import DBAPIError, DisconnectionError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# The low byte of SQLite's code; above it stands which of the many kinds it was.
OF_SQLITE = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT,
})  # fmt: skip
# Classes of PostgreSQL: connection, rolled back for another's sake, out of something, an operator's hand, the machine.
OF_POSTGRESQL = ("08", "40", "53", "57", "58")
ALSO_OF_POSTGRESQL = frozenset({
    "25006",  # nothing may be written: a primary that became a standby, a host that is full
    "25P03",  # idle in a transaction for too long
    "25P04",  # a transaction for too long
    "55P03",  # a lock that was not to be had
    "55006",  # in use
})  # fmt: skip
OF_THE_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EBUSY}
)
LOST = "8s2b"
"""SQLAlchemy's name for a transaction whose connection is gone."""


def away(error: BaseException) -> bool:
    """Whether this is the database's, the disk's or the line's fault. A statement of ours that is wrong is not."""
    if isinstance(error, PoolTimeout | DisconnectionError):
        return True
    if isinstance(error, PendingRollbackError):
        return error.code == LOST
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (error.orig is not None and away(error.orig))
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in OF_SQLITE
    if isinstance(error, psycopg.Error):
        return _of_postgresql(error)
    return isinstance(error, OSError) and error.errno in OF_THE_MACHINE


def _of_postgresql(error: psycopg.Error) -> bool:
    """What the server did not say itself (it has no code) is the line's, where it is about operation at all."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(OF_POSTGRESQL) or error.sqlstate in ALSO_OF_POSTGRESQL
