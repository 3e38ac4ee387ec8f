"""One way to reach the database: how it is opened, how a write waits its turn, how a read keeps still."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlmodel import Session

from service.errors import Busy, Refused
from service.store.away import away
from service.store.patience import GRACE, Patience, Patient, Silence
from service.store.turns import turns_of

# One key for all writers of facts. Writers share it; a publication takes it alone, for an instant,
# so that nothing recorded at or before the moment it fixes can be committed afterwards.
RECORDING_LOCK = 0x105_0F_51617
INTAKE_LOCK = 0x105_0F_51618
# Whoever answers a request shares it; a change of who may see what takes it alone. So no look that began before a
# record was restricted can be noted after it.
SIGHT_LOCK = 0x105_0F_51619
# With everybody waiting for it, a change of sight itself waits no longer than this for what an intake holds: less than
# after which the server looks for a deadlock, so that it is the one to give way.
SIGHT_WAITS_MS = 800
# In `session.info` of an intake: by name, what is done right before its commit, since others wait for it.
LAST = "last"
# A transaction that is left open, by a client that died unheard, keeps its locks for so long.
IDLE_SECONDS = 20
IDLE_ANYWAY = 60
# A connection that somebody gave back so lately is not asked whether it lives: if it does not, 503 once.
TRUSTED_SECONDS = 1.0
# Nothing is committed later than this after its moment was read: what is kept is believed on that (store/changes.py).
LONGEST_SECONDS = 50 * 60
PATIENCE = Patience()
WRITES, READS = "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_ALONE, _SHARED = "SELECT pg_advisory_xact_lock({})", "SELECT pg_advisory_xact_lock_shared({})"

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Writing:
    """A write under way. `now` was read once, after the lock was held: it is `at` and `recorded_at`."""

    session: Session
    now: datetime


def make_engine(url: str, *, pool_size: int = 40, patience: Patience = PATIENCE) -> Engine:
    """An engine for SQLite or PostgreSQL, set so that an acknowledged write is on disk and never lost."""
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            pool_size=pool_size,
            pool_timeout=patience.pool,
            hide_parameters=True,
            connect_args={"check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(
        url,
        pool_size=pool_size,
        hide_parameters=True,
        pool_timeout=patience.pool,
        execution_options={"los_patience": patience, "los_silence": Silence()},
        connect_args={
            "connect_timeout": patience.connect,
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            # Compiling a tracker's SELECTs takes longer than running them: jit is off.
            "options": "-c jit=off -c timezone=UTC -c synchronous_commit=on"
            f" -c idle_in_transaction_session_timeout={IDLE_ANYWAY}s",
        },
    )
    _bound(engine, patience)
    return engine


def _bound(engine: Engine, patience: Patience) -> None:
    """Wait for the server within bounds. Whoever takes a connection without a transaction of ours, as a migration
    does, waits for ever once the connection has given a sign of life."""

    def connected(_dialect: object, _record: object, cargs: Any, cparams: Any) -> Patient:
        connection = Patient.connect(*cargs, **cparams)
        connection.patience = patience.connect
        return connection

    def taken(connection: Patient, _record: object, _proxy: object) -> None:
        if connection.rested > TRUSTED_SECONDS:
            connection.patience = patience.ping
            try:
                engine.dialect.do_ping(connection)  # type: ignore[arg-type]
            except psycopg.Error as error:
                if engine.dialect.is_disconnect(error, connection, None):  # type: ignore[arg-type]
                    raise InvalidatePoolError from error
                raise
        connection.patience = None

    def given_back(connection: Patient | None, _record: object) -> None:
        if connection is not None:
            connection.rest()

    event.listen(engine, "do_connect", connected)
    event.listen(engine, "checkout", taken)
    event.listen(engine, "checkin", given_back)


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


@contextmanager
def writing(engine: Engine, clock: Clock, *, intake: bool = False, sight: bool = False) -> Iterator[Writing]:
    """One write transaction, committed when the block ends and rolled back when it raises.

    The clock is read once the lock is held, so `recorded_at` follows the order in which readers see commits.
    `intake`: one at a time, and with more time to finish. `sight`: changes who may see what, with nobody looking.
    """
    with _answering_busy(engine), _turn(engine), Session(engine, expire_on_commit=False) as session:
        if is_sqlite(engine):
            session.connection()
        else:
            _bounded(session, WRITES, *_locks(intake, sight), intake=intake, idle=IDLE_SECONDS)
        if intake:
            session.info[LAST] = {}
        begun = time.monotonic()
        yield Writing(session, clock())
        for step in session.info.get(LAST, {}).values():
            step()
        if time.monotonic() - begun > LONGEST_SECONDS:
            raise Busy(retry_after=2)
        session.commit()


def _locks(intake: bool, sight: bool) -> tuple[str, ...]:
    """What takes the locks of a write, in their order."""
    if intake:
        return _ALONE.format(INTAKE_LOCK), _SHARED.format(RECORDING_LOCK)
    if sight:
        waits = f"SET LOCAL lock_timeout = '{SIGHT_WAITS_MS}ms'"
        return _SHARED.format(RECORDING_LOCK), _ALONE.format(SIGHT_LOCK), waits
    return _SHARED.format(RECORDING_LOCK), _SHARED.format(SIGHT_LOCK)


def share_sight(session: Session) -> None:
    """Let nobody change who may see what from now until the end: for an intake, which takes no such lock at first."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(text(_SHARED.format(SIGHT_LOCK)))


def _bounded(session: Session, begin: str, *first: str, intake: bool = False, idle: int | None = None) -> None:
    """Begin, with an end to how long a statement may take: by the server's clock, and by ours if it has stopped.

    What comes `first` goes to the server in the same message as `begin`, each statement with that end.
    """
    begun = time.monotonic()
    connection = session.connection()
    options = connection.get_execution_options()
    patience: Patience = options["los_patience"]
    seconds = patience.intake if intake else patience.statement
    driver = connection.connection.driver_connection
    assert isinstance(driver, Patient)
    driver.patience, driver.least = seconds + GRACE, patience.least
    driver.until = None if intake else begun + patience.whole
    most = seconds if intake else idle or IDLE_ANYWAY
    limits = (
        f"SET LOCAL statement_timeout = '{seconds * 1000:.0f}ms'",
        f"SET LOCAL idle_in_transaction_session_timeout = '{most:.0f}s'",
    )
    driver.begins_itself()
    connection.exec_driver_sql("; ".join((begin, *limits, *first)), execution_options={"no_parameters": True})
    options["los_silence"].broken()


@contextmanager
def reading(engine: Engine, *, intake: bool = False) -> Iterator[Session]:
    """One snapshot: every SELECT inside sees the same moment. Nothing can be written.

    `intake`: a large push is read in it, with more time between one SELECT and the next.
    """
    with _answering_busy(engine, reads=True), Session(engine.execution_options(los_read=True)) as session:
        if not is_sqlite(engine):
            _bounded(session, READS, intake=intake)
        yield session


def fixed_moment(engine: Engine, clock: Clock, *, patience: float | None = None) -> datetime:
    """A `known_at` that stays exact: nothing recorded at or before it can appear afterwards.

    Whoever begins to write meanwhile waits too. `patience`: for so many seconds; raises Busy after that.
    """
    with _answering_busy(engine), _turn(engine), Session(engine) as session:
        if is_sqlite(engine):
            session.connection()
        else:
            _bounded(session, WRITES, intake=True)
            if patience is not None:
                session.execute(text(f"SET LOCAL lock_timeout = '{patience * 1000:.0f}ms'"))
            session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": RECORDING_LOCK})
        moment = clock()
        session.rollback()
        return moment


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    if not is_sqlite(engine):
        yield
        return
    with turns_of(str(engine.url), engine.url.database).turn():
        yield


@contextmanager
def _answering_busy(engine: Engine, *, reads: bool = False) -> Iterator[None]:
    """Busy, whatever it was that kept the database from answering: also when the answer to COMMIT was lost.

    What became of that commit nobody knows; whoever asks again with the same key finds out. `reads`: that nothing may
    be written is our own saying then, and to try it a fault of ours.
    """
    silence: Silence | None = engine.get_execution_options().get("los_silence")
    if silence is not None:
        silence.respect(engine.get_execution_options()["los_patience"].connect)
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        if not away(error) or (reads and _read_only(error)):
            raise
        if silence is not None:
            silence.fell(getattr(error, "orig", None) or error)
        raise Busy(retry_after=2) from error


def _read_only(error: Exception) -> bool:
    return isinstance(getattr(error, "orig", None), psycopg.errors.ReadOnlySqlTransaction)
