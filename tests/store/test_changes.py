"""What was recorded since a snapshot: counted in one index, and never later than a write may live."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, func, select

from service.errors import Busy
from service.store import audit, changes
from service.store.changes import LONGEST_WRITE, Done
from service.store.engine import is_sqlite, reading, writing
from service.store.schema import audit_entry
from tests.conftest import SetClock


def noted(engine: Engine, clock: SetClock, act: str, *, ago: timedelta = timedelta(0)) -> None:
    with writing(engine, lambda: clock() - ago) as write:
        audit.note(write.session, act, by="somebody", at=write.now)


def test_reads_and_refusals_change_nothing_and_writes_do(engine: Engine, clock: SetClock) -> None:
    with reading(engine) as session:
        before = changes.mark(session, at=clock())
    for act in ("read.tracker", "denied", "sign_in", "alert.bulk"):
        noted(engine, clock, act)
    with reading(engine) as session:
        assert changes.unchanged(session, before)
        assert changes.since(session, before) == []
    noted(engine, clock, "log.contact", ago=LONGEST_WRITE - timedelta(seconds=1))
    with reading(engine) as session:
        assert not changes.unchanged(session, before)
        assert changes.since(session, before) == [Done("log.contact", None)]


def test_what_is_older_than_any_write_is_not_counted(engine: Engine, clock: SetClock) -> None:
    noted(engine, clock, "log.contact", ago=LONGEST_WRITE)
    with reading(engine) as session:
        assert changes.mark(session, at=clock()).acts == frozenset()


def test_a_write_that_lived_too_long_is_not_committed(
    engine: Engine, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.engine.LONGEST_SECONDS", -1)
    with pytest.raises(Busy), writing(engine, clock) as write:
        audit.note(write.session, "log.contact", by="somebody", at=write.now)
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(audit_entry)) == 0


def test_counting_goes_by_the_partial_index(engine: Engine, clock: SetClock) -> None:
    """As SQLite plans it; PostgreSQL weighs it anew as the table grows."""
    if not is_sqlite(engine):
        return
    sent: list[tuple[str, object]] = []
    with reading(engine) as session:
        mark = changes.mark(session, at=clock())
        event.listen(engine, "before_cursor_execute", lambda _c, _k, said, given, *_: sent.append((said, given)))
        assert changes.unchanged(session, mark)
        ((said, given),) = sent
        plan = str(session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given).all())
    assert "USING INDEX ix_audit_entry_changes" in plan
