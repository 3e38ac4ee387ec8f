"""A POST that creates is done once per key: the same body gets the same answer again, byte for byte."""

import hashlib
from collections.abc import Callable
from typing import Annotated

import orjson
from fastapi import Depends, Header, Response

from service.api.dependencies import Act
from service.domain.dates import london_day
from service.errors import KeyMissing, KeyReused
from service.operations.lookup import reached, somebody
from service.store import audit, keys
from service.store.keys import Answer
from service.writers.tracker_json import dump


async def idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, min_length=1, description="Yours, one per entry; a retry with it is safe for 7 days"),
    ] = None,
) -> str:
    """The key of a POST that creates."""
    if idempotency_key is None:
        raise KeyMissing
    return idempotency_key


async def retry_key(
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, min_length=1, description="If given, a retry with it is the same answer for 7 days"),
    ] = None,
) -> str | None:
    """The key of a POST that ends or decides what is named by its own id: a second one acts on nobody else."""
    return idempotency_key


Key = Annotated[str, Depends(idempotency_key)]
KeyOfRetry = Annotated[str | None, Depends(retry_key)]
Still = Callable[[Act, str, bytes], object]
"""Raises NotFound where the act's user may no longer be told this answer about the person with this id."""


def opens(act: Act, person_id: str, _answer: bytes) -> object:
    """They may open the person's record."""
    return somebody(
        act.session, to=act.user, today=london_day(act.now), person_id=person_id, reason=act.reason, writing=True
    )


def in_scope(act: Act, person_id: str, answer: bytes) -> object:
    """They have the person in scope: enough for an answer that does not say whose record it is."""
    if person_id.encode() in answer:
        return opens(act, person_id, answer)
    return reached(act.session, to=act.user, today=london_day(act.now), person_id=person_id)


def once(
    act: Act, key: str | None, asked: object, do: Callable[[], object], *, status: int = 201, still: Still = opens
) -> Response:
    """Do it once per key. The same body gets the same answer again, byte for byte; another body is refused.

    An answer about a person is given again to whom `still` lets it: somebody who is hidden now is unknown again.
    """
    given = keep_once(act, key, asked, do, status=status, still=still)
    return Response(given.body, given.status, media_type="application/json")


def keep_once(
    act: Act, key: str | None, asked: object, do: Callable[[], object], *, status: int = 201, still: Still = opens
) -> Answer:
    """As `once`, giving the kept answer. Without a key it is done, and nothing is kept."""
    digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
    if key is None:
        return Answer(digest, status, dump(do()))
    kept = keys.answered(act.session, act.user.user_id, key, at=act.now)
    if kept is not None:
        if kept.request_sha256 != digest:
            raise KeyReused
        if kept.person_id is not None:
            still(act, kept.person_id, kept.body)
        audit.note(act.session, audit.KEPT_ANSWER, by=act.user.user_id, at=act.now, person_id=kept.person_id)
        return kept
    act.session.info.pop(audit.WHOSE, None)
    fresh = Answer(digest, status, dump(do()), act.session.info.get(audit.WHOSE))
    keys.keep(act.session, act.user.user_id, key, fresh, at=act.now)
    return fresh
