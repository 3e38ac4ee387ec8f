"""Around every request: a size limit, a request id, safe headers, a log line and a count without names."""

import re
import time
import uuid

import anyio
import structlog
from anyio.to_thread import current_default_thread_limiter
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from service.api.described import route_of
from service.api.problems import problem, unforeseen
from service.errors import Ambiguous, CutShort, HeadTooLarge, NotFound, Refused, TooLarge, TooSlow, Unprocessable
from service.writers.page import styles

SMALL = 2 * 1024 * 1024
LARGE = 64 * 1024 * 1024
LARGE_AT = re.compile(r"PUT /v1/ingest/batches/[^/]+/datasets/[^/]+")
"""What is spooled to a file, for those who may send it. All else is read into memory."""
MOST_AT_ONCE = 400
LARGEST_HEAD = 16 * 1024
SMALL_SECONDS = 30.0
LARGE_SECONDS = 600.0
PIECE_SECONDS = 20.0
"""Seconds in which a body has come, and in which a piece of it has."""
HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src {' '.join(styles())}; frame-ancestors 'none'".encode(),
    ),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
]
REQUESTS = Counter("los_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("los_request_seconds", "Seconds to answer", ["route"])
SAID_ONCE = (
    b"authorization", b"access-reason", b"idempotency-key", b"if-match", b"if-none-match", b"content-type",
    b"content-length", b"content-encoding", b"host",
)  # fmt: skip
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})
log = structlog.get_logger()


def a_thread_for_each() -> None:
    """Let as many requests as may well come at once have a thread. To be called where the event loop runs.

    Whoever holds a transaction needs a thread to go on with it, and would not get one if those who wait for that very
    transaction, or for its connection, held them all.
    """
    current_default_thread_limiter().total_tokens = MOST_AT_ONCE


class _Unwanted(Exception):
    """More bytes came than are taken, or they came too slowly."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


class _Body:
    """The body of a request on its way in: counted, and waited for no longer than is fair to the others."""

    def __init__(self, receive: Receive, *, large: bool) -> None:
        self._receive, self._taken, self._whole = receive, 0, False
        self.most = LARGE if large else SMALL
        self._until = time.monotonic() + (LARGE_SECONDS if large else SMALL_SECONDS)

    async def take(self) -> Message:
        """The next piece; once there is no more, whatever the server says next."""
        if self._whole:
            return await self._receive()
        message = await self._piece()
        self._taken += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._taken > self.most:
            raise _Unwanted(TooLarge())
        return message

    async def _piece(self) -> Message:
        try:
            with anyio.fail_after(min(PIECE_SECONDS, self._until - time.monotonic())):
                return await self._receive()
        except TimeoutError:
            raise _Unwanted(TooSlow()) from None


class Around:
    """ASGI middleware. Holds no state between requests but the counters."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id
        with bound_contextvars(request_id=request_id):  # on every line of it, those of worker threads too
            await self._answered(scope, receive, send, request_id)

    async def _answered(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started, status, begun = time.perf_counter(), 500, False
        body = _Body(receive, large=LARGE_AT.fullmatch(f"{scope['method']} {scope['path']}") is not None)

        async def headed(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message["headers"], *HEADERS, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            refused = _unfit(scope, body.most)
            await (problem(refused) if refused else self._app)(scope, body.take, headed)
        except _Unwanted as unwanted:
            await problem(unwanted.refused)(scope, receive, headed)
        except ClientDisconnect:  # a phone that lost its line: nothing was done, and nobody is there to read why
            await problem(CutShort())(scope, receive, headed)
        except Exception as error:
            if begun:
                raise
            await unforeseen(error)(scope, receive, headed)
        finally:
            _note(scope, status, time.perf_counter() - started)


def _unfit(scope: Scope, most: int) -> Refused | None:
    """Why a request goes no further: more is announced than is taken, or a NUL, which no id and no code holds."""
    if _head(scope) > LARGEST_HEAD:
        return HeadTooLarge()
    if _ambiguous(scope):
        return Ambiguous()
    if _declared(scope) > most:
        return TooLarge()
    if "\x00" in scope["path"]:
        return NotFound()
    if b"%00" in scope["query_string"]:
        return Unprocessable(("?", "broken_text", "text without NUL"))
    return None


def _head(scope: Scope) -> int:
    """Bytes of the address and the headers."""
    named = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    return named + len(scope["path"]) + len(scope["query_string"])


def _ambiguous(scope: Scope) -> bool:
    """Whether a proxy in front may have read another request than we do, or another caller, key or reason."""
    named = [name for name, _ in scope["headers"]]
    return {b"content-length", b"transfer-encoding"} <= {*named} or any(named.count(name) > 1 for name in SAID_ONCE)


def _declared(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length[:12]) if length.isdigit() else 0


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Log and count by the route's pattern: no id, no query, no name."""
    route = route_of(scope)
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)
    log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000))
