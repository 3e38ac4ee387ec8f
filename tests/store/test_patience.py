"""A server that says nothing is waited for so long and no longer, and not by everybody."""

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from service.errors import Busy
from service.store import patience
from service.store.engine import make_engine, reading, writing
from service.store.patience import Patience, Silence, Silent
from tests.conftest import SetClock
from tests.faults import Line, line_to

HASTY = Patience(connect=2, ping=0.3, statement=0.5, pool=1.0)
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def line(database_url: str) -> Iterator[tuple[Line, Engine]]:
    """A line to the database, and an engine at its end."""
    line, url = line_to(database_url)
    with line:
        engine = make_engine(url, patience=HASTY)
        yield line, engine
        line.thaw()
        engine.dispose()


@on_postgresql
def test_a_statement_that_is_never_answered_is_given_up(line: tuple[Line, Engine], clock: SetClock) -> None:
    frozen, engine = line
    with pytest.raises(Busy), writing(engine, clock) as write:
        frozen.freeze()
        began = time.monotonic()
        write.session.execute(text("SELECT 1"))
    assert time.monotonic() - began < HASTY.statement + patience.GRACE + 0.5


@on_postgresql
def test_a_commit_that_is_never_answered_is_given_up(line: tuple[Line, Engine], clock: SetClock) -> None:
    frozen, engine = line
    with pytest.raises(Busy), writing(engine, clock):
        frozen.freeze()
        began = time.monotonic()
    assert time.monotonic() - began < HASTY.statement + patience.GRACE + 0.5


@on_postgresql
def test_while_it_is_silent_one_asks_and_the_others_are_told_at_once(
    line: tuple[Line, Engine], clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REST", 60.0)
    frozen, engine = line
    with pytest.raises(Busy), writing(engine, clock) as write:
        frozen.freeze()
        write.session.execute(text("SELECT 1"))
    began = time.monotonic()
    for _ in range(20):
        with pytest.raises(Busy), reading(engine):
            pass
    assert time.monotonic() - began < HASTY.ping


@on_postgresql
def test_a_long_statement_outside_of_our_transactions_is_waited_for(line: tuple[Line, Engine]) -> None:
    """A migration may take its time; so may an intake."""
    _, engine = line
    with engine.connect() as connection:
        connection.execute(text(f"SELECT pg_sleep({HASTY.statement + patience.GRACE + 0.3})"))
    with writing(engine, lambda: None, intake=True) as write:  # type: ignore[arg-type, return-value]
        write.session.execute(text(f"SELECT pg_sleep({HASTY.statement + patience.GRACE + 0.3})"))


def test_after_a_rest_one_goes_to_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the others wait for what it finds, for as long as it may take; then for it no more."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    silence = Silence()
    silence.respect(3)
    silence.fell(Silent("no answer"))
    with pytest.raises(Busy):
        silence.respect(3)
    now[0] += patience.REST
    silence.respect(3)
    with pytest.raises(Busy):
        silence.respect(3)
    now[0] += 3
    silence.respect(3)
    silence.broken()
    silence.respect(3)
    silence.respect(3)


def test_only_silence_is_silence() -> None:
    """A refused connection is told at once, so nobody need be spared from asking."""
    silence = Silence()
    silence.fell(ConnectionRefusedError())
    silence.respect(3)


def test_whoever_goes_to_see_goes_alone() -> None:
    silence, passed = Silence(), list[bool]()
    silence.fell(Silent("no answer"))
    time.sleep(patience.REST)

    def ask() -> None:
        try:
            silence.respect(30)
        except Busy:
            passed.append(False)
        else:
            passed.append(True)

    asking = [threading.Thread(target=ask) for _ in range(20)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert passed.count(True) == 1
