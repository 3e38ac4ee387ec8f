"""How long PostgreSQL is waited for, on this side of the line: a frozen server cancels nothing and refuses nothing."""

import threading
import time
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from service.errors import Busy

T = TypeVar("T")
GRACE = 1.0
"""Seconds that are waited beyond the server's own limit, so that a server that lives says it itself."""
REST = 1.0
"""Seconds after a silence in which nobody else is made to wait for it."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for a connection to be made, for a sign of life of one, for a statement, for one of an intake,
    for a connection that another request has. A transaction in which `whole` has passed waits only `least` more.
    """

    connect: int = 3
    ping: float = 2.0
    statement: float = 8.0
    intake: float = 300.0
    pool: float = 5.0
    whole: float = 11.0
    least: float = 2.0


class Silent(psycopg.OperationalError):
    """The server said nothing for as long as it was waited for."""


class Patient(psycopg.Connection[Any]):
    """A connection that waits `patience` seconds for an answer (None: for ever), and then is no more.

    TCP's own time-outs see a dead machine, never a process that stands still on one that lives.
    """

    patience: float | None = None
    until: float | None = None
    """When, by the monotonic clock, there is no time left but `least`."""
    least: float = 0.0

    _given_back: float | None = None

    def begins_itself(self) -> None:
        """Let a statement of ours say BEGIN, with what belongs to it: psycopg would send one before, and wait."""
        self.autocommit = True

    def rest(self) -> None:
        """Back in the pool: as if new, for whoever takes it next."""
        self.patience = self.until = None
        self._given_back = time.monotonic()
        if not self.closed:
            self.autocommit = False

    @property
    def rested(self) -> float:
        """Seconds since it was given back; none if it never was."""
        return 0.0 if self._given_back is None else time.monotonic() - self._given_back

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """What the server answers. Raises Silent."""
        most, began = self._most() if timeout is None else timeout, time.monotonic()
        try:
            return super().wait(gen, interval, timeout=most)
        except psycopg.errors.PipelineAborted:
            raise  # said on this side, of statements after one that the server refused: the line is well
        except psycopg.OperationalError as error:
            if error.sqlstate is not None:
                raise
            self.pgconn.finish()  # not the server's word: in what state the connection is nobody knows
            if most is not None and time.monotonic() - began >= most:
                raise Silent("no answer") from error
            raise

    def _most(self) -> float | None:
        if self.patience is None or self.until is None:
            return self.patience
        return min(self.patience, max(self.least, self.until - time.monotonic()))


class Silence:
    """Whether the server has just been found silent: then one goes to see, and the others are told at once.

    Without it each thread would wait its full time, and the requests queued behind them twice that.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._until: float | None = None

    def respect(self, longest: float) -> None:
        """Raise Busy while nobody knows better. Who comes after REST goes to see, for at most `longest` seconds."""
        if self._until is None:
            return
        with self._guard:
            now = time.monotonic()
            if self._until is None:
                return
            if now < self._until:
                raise Busy(retry_after=2)
            self._until = now + longest

    def fell(self, error: BaseException) -> None:
        """Note what kept a transaction from going on, if it was silence."""
        if isinstance(error, Silent | psycopg.errors.ConnectionTimeout):
            with self._guard:
                self._until = time.monotonic() + REST

    def broken(self) -> None:
        """The server has answered."""
        if self._until is not None:
            with self._guard:
                self._until = None
