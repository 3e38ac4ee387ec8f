"""Answers only to the names the service was given: a request for another host was meant for, or made by, another."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.problems import problem
from service.errors import Misdirected

# Whoever watches the process, its own container first, asks it by its number, and is told nothing about anybody.
TO_ANYBODY = "/health/"


class Hosts:
    """ASGI middleware. Forwarded headers are not looked at: whoever calls can write them."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"].startswith(TO_ANYBODY) or _named(scope) in self._allowed:
            await self._app(scope, receive, send)
            return
        await problem(Misdirected())(scope, receive, send)


def _named(scope: Scope) -> str | None:
    """The host the request names, without its port; None when it names none or several."""
    named: list[str] = [value.decode("latin-1").lower() for header, value in scope["headers"] if header == b"host"]
    if len(named) != 1:
        return None
    host, colon, port = named[0].rpartition(":")
    return host if colon and (port.isdigit() or not port) and not host.endswith(":") else named[0]
