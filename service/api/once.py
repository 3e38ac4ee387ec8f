"""A POST that creates is done once per key: the same body gets the same answer again, byte for byte."""

import hashlib
from collections.abc import Callable
from typing import Annotated

import orjson
from fastapi import Depends, Header, Response

from service.api.dependencies import Act
from service.errors import KeyMissing, KeyReused
from service.store import audit, keys
from service.store.keys import Answer
from service.writers.tracker_json import dump


def idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, min_length=1, description="Yours, one per entry; a retry with it is safe for 7 days"),
    ] = None,
) -> str:
    """The key of a POST that creates."""
    if idempotency_key is None:
        raise KeyMissing
    return idempotency_key


Key = Annotated[str, Depends(idempotency_key)]


def once(act: Act, key: str, asked: object, do: Callable[[], object], *, status: int = 201) -> Response:
    """Do it once per key. The same body gets the same answer again, byte for byte; another body is refused."""
    given = keep_once(act, key, asked, do, status=status)
    return Response(given.body, given.status, media_type="application/json")


def keep_once(act: Act, key: str, asked: object, do: Callable[[], object], *, status: int = 201) -> Answer:
    """As `once`, giving the kept answer."""
    digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
    kept = keys.answered(act.session, act.user.user_id, key, at=act.now)
    if kept is not None:
        if kept.request_sha256 != digest:
            raise KeyReused
        audit.note(act.session, "read.kept_answer", by=act.user.user_id, at=act.now)
        return kept
    fresh = Answer(digest, status, dump(do()))
    keys.keep(act.session, act.user.user_id, key, fresh, at=act.now)
    return fresh
