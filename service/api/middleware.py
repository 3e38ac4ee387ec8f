"""Around every request: a size limit, a request id, safe headers, a log line and a count without names."""

import re
import time
import uuid

import structlog
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.described import route_of
from service.api.problems import failed, problem
from service.errors import NotFound, Refused, TooLarge, Unprocessable

SMALL = 2 * 1024 * 1024
LARGE = 64 * 1024 * 1024
LARGE_AT = re.compile(r"PUT /v1/ingest/batches/[^/]+/datasets/[^/]+")
"""What is spooled to a file, for those who may send it. All else is read into memory."""
HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
]
REQUESTS = Counter("los_requests", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("los_request_seconds", "Seconds to answer", ["route"])
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"})
log = structlog.get_logger()


class _TooMuch(Exception):
    """More bytes came than are taken."""


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
        started, status, begun = time.perf_counter(), 500, False
        most = LARGE if LARGE_AT.fullmatch(f"{scope['method']} {scope['path']}") else SMALL
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > most:
                raise _TooMuch
            return message

        async def headed(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message["headers"], *HEADERS, (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            refused = _unfit(scope, most)
            await (problem(refused) if refused else self._app)(scope, counted, headed)
        except _TooMuch:
            await problem(TooLarge())(scope, receive, headed)
        except Exception as error:
            if begun:
                raise
            await failed(error)(scope, receive, headed)
        finally:
            _note(scope, status, time.perf_counter() - started, request_id)


def _unfit(scope: Scope, most: int) -> Refused | None:
    """Why a request goes no further: more is announced than is taken, or a NUL, which no id and no code holds."""
    if _declared(scope) > most:
        return TooLarge()
    if "\x00" in scope["path"]:
        return NotFound()
    if b"%00" in scope["query_string"]:
        return Unprocessable(("?", "broken_text", "text without NUL"))
    return None


def _declared(scope: Scope) -> int:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length[:12]) if length.isdigit() else 0


def _note(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    """Log and count by the route's pattern: no id, no query, no name."""
    route = route_of(scope)
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    REQUESTS.labels(method, route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)
    log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000), request_id=request_id)
