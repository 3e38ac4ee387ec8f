"""Whose turn it is to write to SQLite: first come, first served, and nobody waits without end."""

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from service.errors import Busy

TURN_SECONDS = 10


class Turns:
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
        mine, until = threading.Event(), time.monotonic() + TURN_SECONDS
        with self._guard:
            self._queue.append(mine)
            if self._queue[0] is mine:
                mine.set()
        try:
            if not mine.wait(TURN_SECONDS):
                raise Busy(retry_after=2)
            with self._file_lock(until):
                yield
        finally:
            with self._guard:
                self._queue.remove(mine)
                if self._queue:
                    self._queue[0].set()

    @contextmanager
    def _file_lock(self, until: float) -> Iterator[None]:
        if self._path is None:
            yield
            return
        with open(self._path, "w", opener=_private) as handle:
            while not _locked(handle):
                if time.monotonic() > until:
                    raise Busy(retry_after=2)
                time.sleep(0.01)
            yield


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _locked(handle: IO[str]) -> bool:
    """Whether the lock is ours now. Waiting in the kernel would have no end: another process may hold it for long."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_TURNS: dict[str, Turns] = {}
_TURNS_GUARD = threading.Lock()


def turns_of(database: str, file: str | None) -> Turns:
    """The one queue of this process for a database, given its address and the file it lies in."""
    with _TURNS_GUARD:
        if database not in _TURNS:
            _TURNS[database] = Turns(Path(f"{file}.writer") if file and file != ":memory:" else None)
        return _TURNS[database]
