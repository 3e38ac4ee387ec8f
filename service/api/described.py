"""What every operation says of itself in OpenAPI: permission, problems, examples."""

from collections.abc import Mapping
from typing import Any

from service.api.problems import MEDIA_TYPE
from service.domain.access import Permission

PREFIX = "/v1"
MEANINGS = {
    400: "A header is missing or malformed",
    401: "No valid token",
    403: "Your role does not have this function",
    404: "Nothing here that you may see",
    408: "The body came too slowly; nothing was kept",
    409: "Clashes with what is held",
    412: "Changed since you read it",
    413: "Too large",
    415: "A content encoding that is not taken",
    422: "Some fields cannot be accepted",
    428: "If-Match is missing",
    429: "Too many records opened; wait as long as Retry-After says",
    431: "The address and headers are longer than 16 KiB",
    503: "The database did not answer in time; try again with the same key",
}
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; programs may rely on it"},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "code": {"type": "string"}, "allowed": {"type": "string"}},
            },
        },
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation; those of every protected one are added."""
    wanted = sorted({400, 401, 403, 408, 413, 422, 429, 431, 503, *statuses})
    return {
        status: {"description": MEANINGS[status], "content": {MEDIA_TYPE: {"schema": PROBLEM}}} for status in wanted
    }


def needs(permission: Permission) -> dict[str, Any]:
    """The permission an operation needs, as OpenAPI says it."""
    return {"x-permission": permission.value}


def shows(
    example: object, *, status: int = 200, media_type: str = "application/json"
) -> dict[int | str, dict[str, Any]]:
    """A success response with an example, for operations that answer bytes."""
    return {status: {"description": "Done", "content": {media_type: {"schema": {}, "example": example}}}}


def route_of(scope: Mapping[str, Any]) -> str:
    """The pattern of the address asked for, without an id in it; `none` where there is no such address."""
    path: str = getattr(scope.get("route"), "path", "")
    if not path:
        return "none"
    return path if path.startswith(PREFIX) or not scope["path"].startswith(PREFIX) else PREFIX + path
