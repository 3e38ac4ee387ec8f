"""What the serving process does beside answering: the audit is sealed behind it, and nothing of it stops the server."""

import time

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from service import timers
from service.errors import Busy
from service.operations import sealing
from service.store import audit
from service.store.engine import reading, writing
from tests.conftest import SetClock


def look(engine: Engine, clock: SetClock) -> None:
    clock.advance(minutes=1)
    with writing(engine, clock) as write:
        audit.note(write.session, "read.people", by="u1", at=write.now, people=["p1"])
    clock.advance(minutes=2)


def test_what_was_noted_is_sealed_while_serving(engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    with reading(engine) as session:
        assert sealing.oldest_waits(session, at=clock.at) == 120
    with timers.sealing_on(engine, clock, every=0.01):
        until = time.monotonic() + 10
        while sealing.verify(engine).sealed == 0:
            assert time.monotonic() < until
    with reading(engine) as session:
        assert sealing.oldest_waits(session, at=clock.at) == 0


def test_the_seal_is_logged_with_its_head_so_that_the_log_keeps_it(engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    with capture_logs() as logs:
        timers.seal_once(engine, clock)
        timers.seal_once(engine, clock)
    (line,) = logs
    assert (line["event"], line["entries"], line["head"]) == ("sealed", 1, sealing.verify(engine).head)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("error", "event"), [(Busy(), "sealing_waits"), (RuntimeError("canary"), "sealing_failed")])
def test_whatever_goes_wrong_is_left_to_the_next_minute(
    error: Exception, event: str, engine: Engine, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    look(engine, clock)
    monkeypatch.setattr(sealing, "seal", fails)
    with capture_logs() as logs:
        timers.seal_once(engine, clock)
    assert [line["event"] for line in logs] == [event]
    assert "canary" not in str(logs)
    monkeypatch.undo()
    timers.seal_once(engine, clock)
    assert sealing.verify(engine).sealed == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_entry_that_nobody_can_read_is_told_of_and_the_rest_sealed(engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    with engine.begin() as connection:  # as a database administrator would, before it is sealed
        connection.execute(text("DROP TRIGGER audit_entry_no_update"))
        connection.execute(text("UPDATE audit_entry SET detail = CAST(x'ff00' AS TEXT)"))
    look(engine, clock)
    with capture_logs() as logs:
        timers.seal_once(engine, clock)
    told, sealed = logs
    assert (told["event"], told["entries"]) == ("sealing_unreadable", 1)
    assert (sealed["event"], sealed["entries"]) == ("sealed", 1)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_audit_that_cannot_be_sealed_stops_nothing(engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_link RENAME TO gone"))
    with timers.sealing_on(engine, clock, every=0.01):
        look(engine, clock)
