"""Conflicts between sources: read the list, say which side is right, whether two facts are one."""

import base64
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from service.api.asked import AskedView
from service.api.bodies import Code, Id, Reasoned
from service.api.dependencies import Act, Look, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.facts import IfMatch
from service.api.once import Key, once
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.facts import KINDS
from service.errors import ConditionMissing, Unprocessable
from service.operations import conflicts, settling
from service.operations.conflicts import Asked, Place, Row
from service.writers import words
from service.writers.tracker_json import dump

router = APIRouter(tags=["conflicts"], route_class=StrictRoute)
Settler = Annotated[Act, acting(Permission.SETTLE_CONFLICT, reasoned=True)]

FACT_ID, OTHER_ID = "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "01738f2c-9a01-7c40-8a17-5b1c2d3e4f50"
VERSION_ID = "01738f2c-7e10-7b02-8c11-0d1e2f3a4b5c"
PERSON_ID = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"
SIDE = {
    "version_id": VERSION_ID, "fact_id": FACT_ID, "source": "eclipse", "dataset": "ssd_care_leavers",
    "recorded_at": "2020-07-28T01:00:00Z", "says": {"code": "K", "suitable": False, "started_on": "2020-07-01"},
    "stands": True,
}  # fmt: skip
LISTED: dict[str, Any] = {
    "count": 1,
    "conflicts": [
        {
            "person": {"person_id": PERSON_ID, "eclipse_id": "EDGE-004", "name": "Rowan Demo-Ashford", "age": 19,
                       "restricted": False},
            "team": "Care leavers 1", "owner": "A. Demo-Adviser", "question": "which_is_right",
            "kind": "accommodation", "fact_ids": [FACT_ID], "etags": {FACT_ID: "9b1f0c"}, "sides": [SIDE],
            "why": "The sources differ: the worse stands until somebody decides.", "since": "2020-07-28T01:00:00Z",
            "days_open": 3,
        }
    ],
    "next": None,
}  # fmt: skip
DECIDED = {
    "settlement_id": "01738f2d-0000-7a31-9d2b-3f2f0a5c1b77", "decision": "settled", "kind": "accommodation",
    "fact_id": FACT_ID, "person_id": PERSON_ID, "recorded_at": "2020-07-31T08:00:00Z", "disagree": False,
    "etag": "77ab01",
}  # fmt: skip
WHY = "Visited today; the tenancy is signed"


class _OfAFact(Reasoned):
    kind: Code = Field(description="Kind of fact", examples=["accommodation"])
    fact_id: Id = Field(description="The fact", examples=[FACT_ID])


class Settling(_OfAFact):
    """Which side of a conflict is right."""

    version_id: Id = Field(description="`version_id` of the side that is right", examples=[VERSION_ID])
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "accommodation", "fact_id": FACT_ID, "version_id": VERSION_ID, "reason": WHY}]
        }
    )


class Joining(_OfAFact):
    """Two facts that are one. `fact_id` is one of which only feeds speak."""

    same_as: Id = Field(description="The fact that it is", examples=[OTHER_ID])
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "accommodation", "fact_id": FACT_ID, "same_as": OTHER_ID, "reason": WHY}]
        }
    )


class Parting(_OfAFact):
    """Two facts that are two."""

    other_fact_id: Id = Field(description="The fact that it is not", examples=[OTHER_ID])
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "accommodation", "fact_id": FACT_ID, "other_fact_id": OTHER_ID, "reason": WHY}]
        }
    )


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        raise Unprocessable(("kind", "unknown", ", ".join(KINDS)))
    return kind


def _cursor(place: Place | None) -> str | None:
    if place is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _place(cursor: str | None) -> Place | None:
    """Where the page before ended, out of its `next`."""
    if cursor is None:
        return None
    try:
        said = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        stands, worst, since, kind, fact_ids = said
        at = datetime.fromisoformat(since)
        if at.tzinfo is None:
            raise ValueError
        return int(stands), int(worst), at, str(kind), tuple(map(str, fact_ids))
    except (ValueError, TypeError):
        raise Unprocessable(("cursor", "unknown", "`next` of the page before")) from None


def _shown(row: Row) -> dict[str, Any]:
    """A row; of a restricted person, only that there is one."""
    conflict, whose = row.conflict, words.person(row.card)
    if conflict is None:
        blank = dict.fromkeys(("team", "owner", "question", "kind", "since", "days_open"))
        return {"person": whose, **blank, "fact_ids": [], "etags": {}, "sides": [], "why": "This record is restricted."}
    return {
        "person": whose,
        "team": row.card.team,
        "owner": row.owner,
        "question": conflict.question,
        "kind": conflict.kind,
        "fact_ids": conflict.fact_ids,
        "etags": row.etags,
        "sides": [
            {
                "version_id": side.known.version_id,
                "fact_id": side.known.fact_id,
                "source": side.known.source,
                "dataset": side.known.source_ref.split("/", 1)[0] or None,
                "recorded_at": side.known.recorded_at,
                "says": side.says,
                "stands": side.stands,
            }
            for side in conflict.sides
        ],
        "why": conflict.why,
        "since": conflict.since,
        "days_open": row.days_open,
    }


@router.get(
    "/conflicts",
    summary="What sources contradict each other about",
    responses=problems(404) | shows(LISTED),
    openapi_extra=needs(Permission.READ_CONFLICTS),
)
def read_conflicts(
    look: Annotated[Look, looking(Permission.READ_CONFLICTS, reasoned=True)],
    view: AskedView,
    kind: Annotated[str | None, Query(max_length=40, description="One kind of fact")] = None,
    team: Annotated[str | None, Query(max_length=60, description="People of one team, by its code")] = None,
    person_id: Annotated[str | None, Query(max_length=36, description="One person's, whole if you may open it")] = None,
    cursor: Annotated[str | None, Query(max_length=400, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Danger first, then the longest open. `question`: which side is right, or whether two facts are one."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        asked = Asked(_known_kind(kind) if kind else None, team, person_id, _place(cursor), limit, seen.reason)
        page = conflicts.listed(seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, asked=asked)
        body = {"count": page.count, "conflicts": list(map(_shown, page.rows)), "next": _cursor(page.after)}
        return dump(body), page.people

    return Response(look.at("read.conflicts", compute, person_id=person_id), media_type="application/json")


@router.post(
    "/conflicts/settle",
    status_code=201,
    summary="Say which side is right",
    responses=problems(404, 409, 412, 428) | shows(DECIDED, status=201),
    openapi_extra=needs(Permission.SETTLE_CONFLICT),
)
def settle(body: Settling, act: Settler, key: Key, if_match: IfMatch = None) -> Response:
    """The side stands from now on, and a repeat of the other disagrees no more. For better news, never your own."""
    if if_match is None:
        raise ConditionMissing
    kind, etag = _known_kind(body.kind), if_match.strip('"')

    def do() -> object:
        return settling.settle(
            act.session, kind, body.fact_id, body.version_id, by=act.user, at=act.now, reason=body.reason, if_match=etag
        )  # fmt: skip

    return once(act, key, ["settle", body.model_dump()], do)


@router.post(
    "/conflicts/join",
    status_code=201,
    summary="Say that two facts are one",
    responses=problems(404, 409) | shows(DECIDED | {"decision": "joined", "disagree": True}, status=201),
    openapi_extra=needs(Permission.SETTLE_CONFLICT),
)
def join(body: Joining, act: Settler, key: Key) -> Response:
    """What feeds say of one is said of the other from now on. What then differs is a conflict: the worse stands."""
    kind = _known_kind(body.kind)

    def do() -> object:
        return settling.join(
            act.session, kind, body.fact_id, body.same_as, by=act.user, at=act.now, reason=body.reason
        )  # fmt: skip

    return once(act, key, ["join", body.model_dump()], do)


@router.post(
    "/conflicts/apart",
    status_code=201,
    summary="Say that two facts are two",
    responses=problems(404, 409) | shows(DECIDED | {"decision": "apart"}, status=201),
    openapi_extra=needs(Permission.SETTLE_CONFLICT),
)
def apart(body: Parting, act: Settler, key: Key) -> Response:
    """They are not listed again while both say what they say now. Both go on counting."""
    kind = _known_kind(body.kind)

    def do() -> object:
        return settling.apart(
            act.session, kind, body.fact_id, body.other_fact_id, by=act.user, at=act.now, reason=body.reason
        )  # fmt: skip

    return once(act, key, ["apart", body.model_dump()], do)
