"""Who writes to SQLite waits for a turn, also for that of another process, and not without end."""

import fcntl
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from service.errors import Busy
from service.store import turns
from service.store.engine import writing
from tests.conftest import SetClock

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def test_another_process_that_writes_for_long_is_not_waited_for_without_end(
    engine: Engine, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.2)
    with Path(f"{engine.url.database}.writer").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        began = time.monotonic()
        with pytest.raises(Busy), writing(engine, clock):
            pass
        assert time.monotonic() - began < 2
    with writing(engine, clock):
        pass


def test_a_thread_that_writes_for_long_is_not_waited_for_without_end(
    engine: Engine, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine, clock):
        monkeypatch.setattr(turns, "TURN_SECONDS", 0.1)
        with pytest.raises(Busy), writing(engine, clock):
            pass
    with writing(engine, clock):
        pass


def test_the_lock_of_a_database_is_its_owners_alone(engine: Engine, clock: SetClock) -> None:
    lock = Path(f"{engine.url.database}.writer")
    lock.unlink(missing_ok=True)
    with writing(engine, clock):
        assert lock.stat().st_mode & 0o777 == 0o600
