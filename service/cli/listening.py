"""How long a connection is waited for: its request's head, the rest of a body nobody wants, and its reading.

And how many there may be: whoever opens more than that, and asks nothing, keeps nobody else out.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.api.problems import problem
from service.errors import Busy

MOST_OPEN = 1000
HEAD_SECONDS = 10.0
REST_SECONDS = 10.0
READING_SECONDS = 60.0
LIMITS: dict[str, Any] = {
    "http": "service.cli.listening:Bounded",
    "h11_max_incomplete_event_size": 16 * 1024,
    "timeout_keep_alive": 15,
    "timeout_graceful_shutdown": 20,
}
"""uvicorn's settings wherever we serve."""


def _full() -> bytes:
    """What one connection too many is told, as bytes: there is no request of it yet that could be answered."""
    refused = problem(Busy(retry_after=2))
    headers = [*refused.raw_headers, (b"cache-control", b"no-store"), (b"connection", b"close")]
    head = b"".join(b"%s: %s\r\n" % header for header in headers)
    return b"HTTP/1.1 503 Service Unavailable\r\n%s\r\n%s" % (head, bytes(refused.body))


FULL = _full()


class Bounded(H11Protocol):
    """uvicorn's HTTP with an end to each wait: it has none of its own for a head, a refused body or a slow reader.

    uvicorn's own `limit_concurrency` turns away whoever comes last, so that half-open connections keep everybody out.
    Here the one that has waited longest for a head makes room.
    """

    _silent_since = 0.0
    _timer: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection: the head of its first request is waited for."""
        super().connection_made(transport)
        self._silent_since = self.loop.time()
        if len(self.connections) > MOST_OPEN and not self._room_made():
            self.logger.warning("More connections are asking than are served at once: one was turned away.")
            transport.write(FULL)
            transport.close()
            return
        self._wait(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Bytes. Those that begin another request begin another wait for a head."""
        if self._timer is None and self.conn.their_state is h11.IDLE:
            self._wait(HEAD_SECONDS)
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE and not self._answered():
            self._come()

    def on_response_complete(self) -> None:
        """An answer is out. What still comes of a body that was refused is read for a while, so that it is heard."""
        rest = self.conn.their_state is h11.SEND_BODY
        self._silent_since = self.loop.time()
        super().on_response_complete()
        if rest:
            self._wait(REST_SECONDS)

    def pause_writing(self) -> None:
        """The reader is slower than we are."""
        super().pause_writing()
        self._reading = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The reader has caught up, or is gone."""
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self._come()
        super().connection_lost(exc)

    def _room_made(self) -> bool:
        """Whether another connection could be closed, on which nothing has been asked, or nothing more."""
        silent = [
            each for each in self.connections
            if isinstance(each, Bounded) and each is not self and each.conn.their_state is h11.IDLE
            and not each.transport.is_closing()
        ]  # fmt: skip
        if not silent:
            return False
        min(silent, key=lambda each: each._silent_since).transport.close()
        return True

    def _answered(self) -> bool:
        return self.cycle is not None and self.cycle.response_complete

    def _wait(self, seconds: float) -> None:
        self._come()
        self._timer = self.loop.call_later(seconds, self._in_vain)

    def _come(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _in_vain(self) -> None:
        """What was waited for did not come. There is no request yet to answer, or it has been answered."""
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()
