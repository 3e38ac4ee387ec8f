"""One way to reach the database: how it is opened, how a write waits its turn, how a read keeps still."""

import fcntl
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from service.errors import Busy

# One key for all writers of facts. Writers share it; a publication takes it alone, for an instant,
# so that nothing recorded at or before the moment it fixes can be committed afterwards.
RECORDING_LOCK = 0x105_0F_51617
INTAKE_LOCK = 0x105_0F_51618
# Whoever answers a request shares it; a change of who may see what takes it alone. So no look that began before a
# record was restricted can be noted after it.
SIGHT_LOCK = 0x105_0F_51619
WRITE_SECONDS = 15
INTAKE_SECONDS = 300
TURN_SECONDS = 10
CONTENDED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Writing:
    """A write under way. `now` was read once, after the lock was held: it is `at` and `recorded_at`."""

    session: Session
    now: datetime


class _Turns:
    """First come, first served among threads, and one process at a time through a lock file.

    SQLite's own back-off is unfair: under eight writers some wait for ever.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._queue: deque[threading.Event] = deque()
        self._guard = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn, at most TURN_SECONDS, then hold it."""
        mine = threading.Event()
        with self._guard:
            self._queue.append(mine)
            if self._queue[0] is mine:
                mine.set()
        try:
            if not mine.wait(TURN_SECONDS):
                raise Busy(retry_after=2)
            with self._file_lock():
                yield
        finally:
            with self._guard:
                self._queue.remove(mine)
                if self._queue:
                    self._queue[0].set()

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        if self._path is None:
            yield
            return
        with self._path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


_TURNS: dict[str, _Turns] = {}
_TURNS_GUARD = threading.Lock()


def make_engine(url: str, *, pool_size: int = 40) -> Engine:
    """An engine for SQLite or PostgreSQL, set so that an acknowledged write is on disk and never lost."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(
            url, pool_size=pool_size, hide_parameters=True, connect_args={"check_same_thread": False}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        pool_size=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,
        pool_timeout=TURN_SECONDS,
        connect_args={
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            # Compiling a tracker's SELECTs takes longer than running them: jit is off.
            "options": "-c jit=off -c timezone=UTC -c synchronous_commit=on"
            " -c idle_in_transaction_session_timeout=60000",
        },
    )


def _prepare_sqlite(dbapi: object, _record: object) -> None:
    dbapi.isolation_level = None  # type: ignore[attr-defined]
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=5000",
        "trusted_schema=OFF",
        "cache_size=-65536",
    ):
        dbapi.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("los_read")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def is_sqlite(engine: Engine) -> bool:
    """Whether the engine speaks to the embedded database."""
    return engine.dialect.name == "sqlite"


def _turns_of(engine: Engine) -> _Turns:
    key = str(engine.url)
    with _TURNS_GUARD:
        if key not in _TURNS:
            file = engine.url.database
            _TURNS[key] = _Turns(Path(f"{file}.writer") if file and file != ":memory:" else None)
        return _TURNS[key]


@contextmanager
def writing(engine: Engine, clock: Clock, *, intake: bool = False, sight: bool = False) -> Iterator[Writing]:
    """One write transaction, committed when the block ends and rolled back when it raises.

    The clock is read once the lock is held, so `recorded_at` follows the order in which readers see commits.
    `intake`: one at a time, and with more time to finish. `sight`: changes who may see what, with nobody looking.
    """
    with _answering_busy(), _turn(engine), Session(engine, expire_on_commit=False) as session:
        if is_sqlite(engine):
            session.connection()
        else:
            seconds = INTAKE_SECONDS if intake else WRITE_SECONDS
            session.execute(text(f"SET LOCAL statement_timeout = '{seconds}s'"))
            if intake:
                session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{seconds}s'"))
                session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INTAKE_LOCK})
            session.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": RECORDING_LOCK})
            if not intake:
                held = "pg_advisory_xact_lock" if sight else "pg_advisory_xact_lock_shared"
                session.execute(text(f"SELECT {held}(:key)"), {"key": SIGHT_LOCK})
        yield Writing(session, clock())
        session.commit()


@contextmanager
def reading(engine: Engine, *, intake: bool = False) -> Iterator[Session]:
    """One snapshot: every SELECT inside sees the same moment. Nothing can be written.

    `intake`: a large push is read in it, with more time between one SELECT and the next.
    """
    with _answering_busy():
        options = {"los_read": True} if is_sqlite(engine) else {"isolation_level": "REPEATABLE READ"}
        still = engine.execution_options(**options)
        with Session(still) as session:
            if not is_sqlite(engine):
                session.execute(text("SET TRANSACTION READ ONLY"))
                session.execute(text(f"SET LOCAL statement_timeout = '{WRITE_SECONDS}s'"))
                if intake:
                    session.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{INTAKE_SECONDS}s'"))
            yield session


def fixed_moment(engine: Engine, clock: Clock) -> datetime:
    """A `known_at` that stays exact: nothing recorded at or before it can appear afterwards."""
    with _answering_busy(), _turn(engine), Session(engine) as session:
        if is_sqlite(engine):
            session.connection()
        else:
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": RECORDING_LOCK})
        moment = clock()
        session.rollback()
        return moment


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    if not is_sqlite(engine):
        yield
        return
    with _turns_of(engine).turn():
        yield


@contextmanager
def _answering_busy() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if isinstance(error.orig, sqlite3.OperationalError) and error.orig.sqlite_errorcode not in CONTENDED:
            raise
        raise Busy(retry_after=2) from error
