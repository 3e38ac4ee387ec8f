"""One way to the database: writers wait their turn, readers keep still, and `recorded_at` follows commit order."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from service.errors import Busy
from service.store import audit
from service.store.engine import Writing, fixed_moment, is_sqlite, reading, writing
from service.store.schema import audit_entry
from tests.conftest import SetClock
from tests.council import moment


def now() -> datetime:
    return datetime.now(UTC)


def entries(engine: Engine) -> int:
    with reading(engine) as session:
        return session.scalar(select(func.count()).select_from(audit_entry)) or 0


def note(write: Writing, by: str = "u") -> None:
    audit.note(write.session, "read.people", by=by, at=write.now)


def test_a_write_is_there_once_the_block_has_ended(engine: Engine, clock: SetClock) -> None:
    with writing(engine, clock) as write:
        note(write)
        assert write.now == clock()
    assert entries(engine) == 1


def test_a_write_that_raises_leaves_nothing(engine: Engine, clock: SetClock) -> None:
    with pytest.raises(ZeroDivisionError), writing(engine, clock) as write:
        note(write)
        raise ZeroDivisionError
    assert entries(engine) == 0
    with writing(engine, clock) as write:
        note(write)
    assert entries(engine) == 1, "and the next writer gets its turn"


def test_a_read_cannot_write(engine: Engine, clock: SetClock) -> None:
    """On SQLite nothing is committed; PostgreSQL refuses the statement."""
    with suppress(DBAPIError), reading(engine) as session:
        audit.note(session, "read.people", by="u", at=clock())
    assert entries(engine) == 0


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_primary_that_lets_nobody_write_is_busy(engine: Engine, clock: SetClock) -> None:
    """It became a standby, or its host is full: the same write is safe to send again."""
    with pytest.raises(Busy), writing(engine, clock) as write:
        write.session.execute(text("SET TRANSACTION READ ONLY"))
        note(write)
    assert entries(engine) == 0


def test_a_read_keeps_still_while_others_write(engine: Engine, clock: SetClock) -> None:
    count = select(func.count()).select_from(audit_entry)
    with reading(engine) as session:
        before = session.scalar(count)
        with writing(engine, clock) as write:
            note(write)
        assert session.scalar(count) == before == 0
    assert entries(engine) == 1


def test_a_read_shows_what_is_committed_and_nothing_else(engine: Engine, clock: SetClock) -> None:
    with writing(engine, clock) as write:
        note(write)
        write.session.flush()
        assert entries(engine) == 0
    assert entries(engine) == 1


def test_the_clock_is_read_once_the_turn_has_come(engine: Engine) -> None:
    """On SQLite, where there is one writer: who waits is stamped after whom it waited for."""
    if not is_sqlite(engine):
        pytest.skip("PostgreSQL lets writers run side by side; the race below is its story")
    order: list[str] = []
    inside, waiting = threading.Event(), threading.Event()

    def second() -> None:
        waiting.set()
        with writing(engine, lambda: order.append("second reads the clock") or now()):
            pass

    with ThreadPoolExecutor(1) as pool:
        with writing(engine, now):
            inside.set()
            done = pool.submit(second)
            waiting.wait(5)
            order.append("first ends")
        done.result(5)
    assert order == ["first ends", "second reads the clock"]


def test_one_intake_at_a_time(engine: Engine) -> None:
    inside: list[str] = []
    overlaps: list[int] = []

    def intake(name: str) -> None:
        with writing(engine, now, intake=True) as write:
            inside.append(name)
            note(write, name)
            overlaps.append(len(inside))
            write.session.flush()
            inside.remove(name)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(intake, [f"n{n}" for n in range(12)]))
    assert overlaps == [1] * 12
    assert entries(engine) == 12


def test_what_outlasts_its_time_is_busy_and_may_be_tried_again(engine: Engine, clock: SetClock) -> None:
    if is_sqlite(engine):
        with pytest.raises(Busy) as busy, writing(engine, clock) as write:
            write.session.execute(text("PRAGMA busy_timeout=1"))
            other = engine.raw_connection()
            try:
                other.driver_connection.execute("PRAGMA busy_timeout=1")  # type: ignore[union-attr]
                other.driver_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]
            except Exception as error:
                raise OperationalError("", {}, error) from error  # type: ignore[arg-type]
            finally:
                other.close()
    else:
        with pytest.raises(Busy) as busy, writing(engine, clock) as write:
            write.session.execute(text("SET LOCAL statement_timeout = '5ms'"))
            write.session.execute(text("SELECT pg_sleep(5)"))
    assert busy.value.retry_after == 2
    assert entries(engine) == 0


def test_a_fault_of_our_own_is_not_called_busy(engine: Engine, clock: SetClock) -> None:
    with pytest.raises(DBAPIError), writing(engine, clock) as write:
        write.session.execute(text("SELECT * FROM no_such_table"))


def test_a_fixed_moment_leaves_no_trace(engine: Engine, clock: SetClock) -> None:
    assert fixed_moment(engine, clock) == clock()
    assert entries(engine) == 0


def rounds(engine: Engine, count: int, act: Callable[[], None], *, writers: int = 4) -> tuple[int, int]:
    """`count` moments fixed while writers write. (entries seen at first, seen late): the second must be 0."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            act()

    def recorded_by(at: datetime) -> set[str]:
        with reading(engine) as session:
            return set(session.scalars(select(audit_entry.c.audit_id).where(audit_entry.c.recorded_at <= at)))

    published: list[tuple[datetime, set[str]]] = []
    with ThreadPoolExecutor(writers) as pool:
        running = [pool.submit(write) for _ in range(writers)]
        try:
            for _ in range(count):
                at = fixed_moment(engine, now)
                published.append((at, recorded_by(at)))
        finally:
            stop.set()
        for each in running:
            each.result(30)
    late = [recorded_by(at) - seen for at, seen in published]
    return len(published[-1][1]), sum(map(len, late))


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.long)])
def test_nothing_recorded_by_a_fixed_moment_appears_afterwards(count: int, engine: Engine) -> None:
    """Writers stamp, dawdle and commit; a moment fixed meanwhile waits for those who stamped before it."""

    def act() -> None:
        with writing(engine, now) as write:
            for _ in range(5):  # stamped, and not yet committed for a while
                note(write)

    seen, late = rounds(engine, count, act)
    assert late == 0
    assert seen > 0, "there was something to see"


def test_the_race_is_lost_without_the_lock(engine: Engine) -> None:
    """Writers that stamp before they hold anything: were this not lost, the test above would prove nothing."""
    if is_sqlite(engine):
        pytest.skip("SQLite's writers cannot be made to overlap")

    def act() -> None:
        stamped = now()
        with Session(engine) as session:
            for _ in range(5):
                note(Writing(session, stamped))
            session.commit()

    _, late = rounds(engine, 60, act)
    assert late > 0


def test_settings_that_keep_an_acknowledged_write(engine: Engine) -> None:
    with reading(engine) as session:
        if is_sqlite(engine):
            asked = {
                name: session.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
            assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        else:
            asked = {
                name: session.execute(text(f"SHOW {name}")).scalar()
                for name in ("synchronous_commit", "timezone", "transaction_isolation")
            }
            assert asked == {"synchronous_commit": "on", "timezone": "UTC", "transaction_isolation": "repeatable read"}


def test_no_value_is_in_the_text_of_a_database_error(engine: Engine, clock: SetClock) -> None:
    with pytest.raises(DBAPIError) as error, writing(engine, clock) as write:
        write.session.execute(text("INSERT INTO no_such_table VALUES (:v)"), {"v": "Rowan Demo-Ashford"})
    assert "Rowan" not in str(error.value)
    assert moment("2020-07-31T08:00") == clock()
