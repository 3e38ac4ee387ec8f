"""Requests read strictly: no parameter that a route does not take, no JSON that two parsers would read apart."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from service.api import unambiguous
from service.api.dependencies import caller
from service.api.unambiguous import Ambiguous
from service.errors import Unprocessable

JSON = "application/json"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def check(body: bytes) -> None:
    """Raise Unprocessable when the bytes are not JSON that every parser would read alike."""
    try:
        unambiguous.read(body)
    except Ambiguous as what:
        raise Unprocessable(("", str(what), "JSON without duplicate keys, NaN, NUL or broken characters")) from None
    except (ValueError, RecursionError):
        raise Unprocessable(("", "json_invalid", "valid JSON in UTF-8")) from None


def announced(content_type: str) -> str:
    """The media type of a Content-Type header, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def _query_names(dependant: Dependant) -> set[str]:
    """The query parameters a route takes, its dependencies' included."""
    names = {field.alias for field in dependant.query_params}
    return names.union(*(_query_names(each) for each in dependant.dependencies))


def _check_query(request: Request, asked: set[str]) -> None:
    """A misspelt filter must not read as none: every parameter is one the route takes, and comes once."""
    names = [name for name, _ in request.query_params.multi_items()]
    if not set(names) <= asked:
        raise Unprocessable(("?", "unknown_parameter", ", ".join(sorted(asked)) or "no parameters"))
    if len(set(names)) < len(names):
        raise Unprocessable(("?", "repeated_parameter", "each parameter once"))


class StrictRoute(APIRoute):
    """A route that takes only the query it names, and reads a JSON body strictly before anything else does."""

    def get_route_handler(self) -> Handler:
        """The handler, with the check in front."""
        handle = super().get_route_handler()
        asked = _query_names(self.dependant)

        async def handler(request: Request) -> Response:
            if self.body_field is not None:  # nobody's body is read before it is known whose it is
                await caller(request)
            _check_query(request, asked)
            if self.body_field is not None:
                if announced(request.headers.get("content-type", "")) != JSON:
                    raise Unprocessable(("content-type", "not_json", JSON))
                check(await request.body())
            return await handle(request)

        return handler
