"""JSON read strictly: no duplicate keys, no NaN, no lone surrogates, no NUL, no depth that hurts."""

import json
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from service.api.dependencies import caller
from service.errors import Unprocessable

DEEPEST = 20
JSON = "application/json"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Unfit(ValueError):
    """What makes a body unfit, as a code."""


def check(body: bytes) -> None:
    """Raise Unprocessable when the bytes are not JSON that every parser would read alike."""
    try:
        depth(json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant), 0)
    except _Unfit as unfit:
        raise Unprocessable(("", str(unfit), "JSON without duplicate keys, NaN, NUL or broken characters")) from None
    except (ValueError, RecursionError):
        raise Unprocessable(("", "json_invalid", "valid JSON in UTF-8")) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Unfit("duplicate_key")
    return found


def _no_constant(_name: str) -> None:
    raise _Unfit("not_a_number")


def depth(value: Any, level: int) -> None:
    """Walk a parsed value; raise on text that cannot be stored and on nesting beyond DEEPEST."""
    if level > DEEPEST:
        raise _Unfit("too_deep")
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise _Unfit("broken_text")
    elif isinstance(value, dict):
        for key, each in value.items():
            depth(key, level + 1)
            depth(each, level + 1)
    elif isinstance(value, list):
        for each in value:
            depth(each, level + 1)


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
