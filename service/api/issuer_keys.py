"""The verification keys of the configured issuer, fetched from one address and renewed in the background."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import BoundedSemaphore, Event, Lock, Thread
from typing import Generic, TypeVar

import httpx
import structlog

from service.errors import IssuerAway

Clock = Callable[[], datetime]
K = TypeVar("K")


class IssuerKeys(Generic[K]):
    """The keys of the configured issuer, fetched from its one address.

    An unknown name asks for a fetch, at most one a minute; the call that asked waits for it, no other call does, and
    known keys never wait. They are renewed in the background, so a dropped key is soon refused. While the issuer does
    not answer, or answers nonsense, the known keys go on. Before there are any, a few calls wait for the first fetch
    and the others are told so at once: threads that wait must not keep those from working who need no key.
    """

    AT_MOST_EVERY = timedelta(minutes=1)
    AT_FIRST_EVERY = timedelta(seconds=5)
    RENEW_AFTER = timedelta(minutes=10)
    OLD_AFTER = timedelta(hours=1)
    TIME_OUT = timedelta(seconds=3)
    LARGEST = 256 * 1024
    WAITING = 8

    def __init__(
        self, url: str, *, read: Callable[[object], Mapping[str, K]], through_proxy: bool, clock: Clock
    ) -> None:
        self._url = url
        self._read = read
        self._through_proxy = through_proxy
        self._clock = clock
        self._keys: Mapping[str, K] = {}
        self._lock = Lock()
        self._waiting = BoundedSemaphore(self.WAITING)
        self._asked_at: datetime | None = None
        self._had_at: datetime | None = None
        self._done = Event()
        self._done.set()

    def known(self) -> bool:
        """Whether keys have been fetched at all."""
        return self._had_at is not None

    def named(self, name: str) -> K | None:
        """The key of that name, or None; may fetch, see above. Raises IssuerAway when no keys were ever fetched."""
        if not self.known():
            return self._first(name)
        key = self._keys.get(name)
        if key is None:
            wait = self.renew(after=self.AT_MOST_EVERY)
        else:
            wait = self.renew(after=self.RENEW_AFTER) and self._old()
        if wait:
            self.settled(self.TIME_OUT.total_seconds())
        return self._keys.get(name) if wait else key

    def settled(self, seconds: float) -> bool:
        """Wait at most so long for a fetch under way; True when none is."""
        return self._done.wait(seconds)

    def renew(self, *, after: timedelta = timedelta(0)) -> bool:
        """Begin a fetch in the background, unless one runs or was begun within `after`. True when begun."""
        with self._lock:
            now = self._clock()
            # abs: a clock that was set back must not stop renewal.
            if not self._done.is_set() or (self._asked_at is not None and abs(now - self._asked_at) < after):
                return False
            self._asked_at = now
            self._done.clear()
        try:
            Thread(target=self._fetch, name="issuer-keys", daemon=True).start()
        except RuntimeError:  # no thread to be had: the next call may try again
            self._done.set()
            return False
        return True

    def _first(self, name: str) -> K | None:
        """The key of that name out of the first fetch, which few wait for."""
        self.renew(after=self.AT_FIRST_EVERY)
        if self._waiting.acquire(blocking=False):
            try:
                self.settled(self.TIME_OUT.total_seconds())
            finally:
                self._waiting.release()
        if not self.known():
            raise IssuerAway(retry_after=int(self.AT_FIRST_EVERY.total_seconds()))
        return self._keys.get(name)

    def _old(self) -> bool:
        """Whether nobody has asked for so long that a key may have been dropped meanwhile."""
        return self._had_at is not None and abs(self._clock() - self._had_at) >= self.OLD_AFTER

    def _fetch(self) -> None:
        try:
            self._keys = self._read(json.loads(self._download()))
            self._had_at = self._clock()
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            structlog.get_logger().warning("issuer_keys_not_renewed", error=type(error).__name__, known=len(self._keys))
        finally:
            self._done.set()

    def _download(self) -> bytes:
        seconds = self.TIME_OUT.total_seconds()
        until = self._clock() + self.TIME_OUT
        body = bytearray()
        with (
            httpx.Client(timeout=seconds, follow_redirects=False, trust_env=self._through_proxy) as client,
            client.stream("GET", self._url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK or "content-encoding" in answer.headers:
                raise ValueError("no JWK set")
            for chunk in answer.iter_raw():
                body += chunk
                if len(body) > self.LARGEST or self._clock() > until:
                    raise ValueError("too large or too slow")
        return bytes(body)
