"""The one file that speaks RFC 9457: every refusal as problem+json, with paths and codes, never the input."""

import re
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from starlette.exceptions import HTTPException

from service.errors import Busy, NotFound, Refused
from service.store.away import away

MEDIA_TYPE = "application/problem+json"
OURS = re.compile(r"[a-z][a-z0-9_]{0,40}")
ALLOWED = {
    "missing": "a value",
    "extra_forbidden": "only the documented fields",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "string_type": "text",
    "date_shape": "a date as YYYY-MM-DD",
    "date_out_of_range": "a year from 1901 to 2199",
    "moment_shape": "a time with offset, as 2020-07-31T14:05:00+01:00",
    "int_parsing": "a whole number",
    "json_invalid": "valid JSON",
    "not_printable": "printable characters, no space around them",
    "model_attributes_type": "a JSON object",
    "list_type": "a list",
}
FROM_CONTEXT = {
    "enum": "expected",
    "literal_error": "expected",
    "string_too_long": "max_length",
    "string_too_short": "min_length",
    "greater_than_equal": "ge",
    "less_than_equal": "le",
    "too_long": "max_length",
    "too_short": "min_length",
    "string_pattern_mismatch": "pattern",
}
WORDS = {
    "max_length": "at most {} long",
    "min_length": "at least {} long",
    "ge": "at least {}",
    "le": "at most {}",
    "expected": "one of {}",
    "pattern": "text of the form {}",
}
# Two writers met at one key; the second may try again. Any other constraint that stops a write is our own fault.
RACED = re.compile(
    r"pk_idempotency_key|uq_batch_profile|uq_fact_\w+_current|pk_hold_decision|uq_(approval|withdrawal)_version_id"
    r"|fk_\w+_person_id"  # whose record was erased meanwhile
    r"|UNIQUE constraint failed: (idempotency_key\.|batch\.profile|fact_\w+\.fact_id)"
)
log = structlog.get_logger()


def problem(refused: Refused) -> Response:
    """The refusal as a response."""
    fields = [{"path": path, "code": code, "allowed": allowed} for path, code, allowed in refused.fields]
    return answer(refused.status, refused.code, refused.title, fields, retry_after=refused.retry_after)


def answer(
    status: int, code: str, title: str, fields: Sequence[dict[str, str]] = (), *, retry_after: int | None = None
) -> Response:
    """A problem+json response."""
    body: dict[str, Any] = {"type": f"urn:line-of-sight:problem:{code}", "title": title, "status": status, "code": code}
    if fields:
        body["fields"] = list(fields)
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def failed(error: Exception) -> Response:
    """What nobody foresaw, as a problem. The log says which kind and where; a message could hold anybody's record."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.error("unhandled", kind=type(error).__name__, at=f"{Path(where.filename).name}:{where.lineno}")
    return answer(500, "failed", "The service failed; nothing of this request was kept")


def unforeseen(error: Exception) -> Response:
    """What no handler took: the database's, the disk's or the line's fault may be tried again, any other is ours."""
    return busy(error) if away(error) else failed(error)


def busy(error: Exception) -> Response:
    """The database did not do it: the same request may be sent again."""
    told = error.__cause__ if isinstance(error, Busy) and error.__cause__ else error
    told = getattr(told, "orig", None) or told
    code = getattr(told, "sqlite_errorname", None) or getattr(told, "sqlstate", None)
    log.warning("database_busy", kind=type(told).__name__, code=code)
    return problem(error if isinstance(error, Busy) else Busy(retry_after=2))


def raced(error: IntegrityError) -> bool:
    """Whether a constraint stopped a write that may be tried again: by its name (PostgreSQL) or columns (SQLite)."""
    told = getattr(error.orig, "diag", None)
    return RACED.match((told.constraint_name or "") if told else str(error.orig)) is not None


def fields_of(errors: Iterable[Any], *, within_body: bool = False) -> list[dict[str, str]]:
    """What pydantic found, as path, code and what is allowed. `within_body`: places do not begin with "body"."""
    return [{"path": _path(e, within_body), "code": e["type"], "allowed": _allowed(e)} for e in errors]


def _path(error: Any, within_body: bool) -> str:
    """Where: names that could be ours; any other name was sent, so it is not repeated."""
    where, *steps = ("body", *error["loc"]) if within_body else error["loc"]
    if where == "header":
        return ".".join(str(step).lower() for step in steps)
    return ".".join(str(s) if isinstance(s, int) or OURS.fullmatch(str(s)) else "?" for s in steps)


def _allowed(error: Any) -> str:
    code, context = error["type"], error.get("ctx", {})
    if code in FROM_CONTEXT and FROM_CONTEXT[code] in context:
        return WORDS[FROM_CONTEXT[code]].format(context[FROM_CONTEXT[code]])
    if code.startswith(("datetime_", "timezone_")):
        return ALLOWED["moment_shape"]
    if code.startswith("date_") and code not in ALLOWED:
        return ALLOWED["date_shape"]
    return ALLOWED.get(code, "what the documentation says")


def methods_at(request: Request) -> str:
    """The methods that the asked address takes, by the document; the most literal of the patterns it fits counts."""
    paths: dict[str, dict[str, Any]] = request.app.openapi()["paths"]
    fit = [path for path in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path)]
    verbs = paths[min(fit, key=lambda path: path.count("{"))] if fit else {}
    return ", ".join(sorted(verb.upper() for verb in verbs)) or "GET"


def install(app: FastAPI, denied: Callable[[Request, Refused], None]) -> None:
    """Let every way a request can end badly end as a problem. `denied` notes refusals in the audit."""

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        if error.status in (401, 403, 404, 429) or error.about is not None:
            try:
                denied(request, error)
            except Exception as unaudited:  # whatever the reason: an answer that is not in the audit is not given
                return busy(unaudited)
        return busy(error) if isinstance(error, Busy) else problem(error)

    def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(422, "invalid", "Some fields cannot be accepted", fields_of(error.errors()))

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 404:
            return problem(NotFound())
        titles = {405: ("method_not_allowed", "This address does not take that method")}
        code, title = titles.get(error.status_code, ("bad_request", "The request cannot be done"))
        response = answer(error.status_code, code, title)
        response.headers.update(error.headers or {})
        if error.status_code == 405:  # the framework names the methods of the first operation there only
            response.headers["Allow"] = methods_at(request)
        return response

    def stopped(_request: Request, error: Exception) -> Response:
        assert isinstance(error, SQLAlchemyError)
        return busy(error) if isinstance(error, IntegrityError) and raced(error) else unforeseen(error)

    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(SQLAlchemyError, stopped)
