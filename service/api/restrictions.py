"""Restricted records: restrict one, keep its allow-list, ask for it to be cleared, decide what another asked."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field

from service.api.bodies import About, Id, Reasoned, one_person
from service.api.dependencies import Act, Look, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.once import Key, in_scope, once
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.operations import restrictions
from service.operations.restrictions import Decision, Shown
from service.writers.tracker_json import dump

router = APIRouter(prefix="/restrictions", tags=["restrictions"], route_class=StrictRoute)
Keeper = Annotated[Act, acting(Permission.RESTRICT_RECORD, sight=True)]
Decider = Annotated[Act, acting(Permission.CLEAR_RESTRICTION, sight=True)]
Reader = Annotated[Look, looking(Permission.CLEAR_RESTRICTION, reasoned=True)]
RestrictionId = Annotated[str, Path(max_length=36, description="The restriction's id")]
Keeping = Callable[..., Shown]

USER_ID = "01738b11-2f00-7c44-8e21-0c1e7d9a4f20"
WHY = "A parent of the child works in the council"
ASKED: dict[str, Any] = {"eclipse_id": "EDGE-012", "reason": WHY, "allow": [USER_ID]}
RESTRICTION: dict[str, Any] = {
    "restriction_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "since": "2020-07-30T13:05:04Z",
    "restricted_by": "Harper Demo-Level", "reason": WHY, "person_id": None, "eclipse_id": None,
    "allowed": [{"user_id": USER_ID, "name": "Indy Demo-Ledger", "since": "2020-07-30T13:05:04Z", "reason": WHY}],
    "clearing": None,
}  # fmt: skip
ASKED_FOR = {"asked_by": "Harper Demo-Level", "asked_at": "2020-07-31T08:00:00Z", "reason": "The parent has left"}
DECIDED = {"restriction_id": RESTRICTION["restriction_id"], "decision": "cleared"}


class RestrictBody(About, Reasoned):
    """Whose record, why, and whom it opens to by name."""

    allow: Annotated[list[Id], Field(max_length=100)] = Field(
        default=[], description="Ids of accounts that it opens to beside those whose work the person is"
    )
    model_config = ConfigDict(json_schema_extra={"examples": [ASKED]})


class AllowBody(Reasoned):
    """One account of the allow-list, and why."""

    user_id: Id = Field(description="The account's id", examples=[USER_ID])
    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": USER_ID, "reason": "Leads the review"}]})


class DecisionBody(Reasoned):
    """What is decided, and why."""

    decision: Decision
    model_config = ConfigDict(json_schema_extra={"examples": [{"decision": "cleared", "reason": "The parent left"}]})


def _shown(shown: Shown) -> dict[str, Any]:
    kept, asked = shown.restriction, shown.clearing
    return {
        "restriction_id": kept.restriction_id, "since": kept.recorded_at, "reason": kept.reason,
        "restricted_by": shown.names.get(kept.restricted_by),
        "person_id": kept.person_id if shown.named else None, "eclipse_id": kept.eclipse_id if shown.named else None,
        "allowed": [
            {"user_id": a.user_id, "name": shown.names.get(a.user_id), "since": a.recorded_at, "reason": a.reason}
            for a in shown.allowed
        ],
        "clearing": asked and {
            "asked_by": shown.names.get(asked.asked_by), "asked_at": asked.recorded_at, "reason": asked.reason,
        },
    }  # fmt: skip


@router.get(
    "",
    summary="Restrictions that stand, in your scope",
    responses=problems() | shows({"restrictions": [RESTRICTION | {"clearing": ASKED_FOR}]}),
    openapi_extra=needs(Permission.CLEAR_RESTRICTION),
)
def read_restrictions(look: Reader) -> Response:
    """Since when, by whom, why, the allow-list, and what waits for a decision. Whose record it is, only to whoever
    may open it; to head of service and Chief Officer with an Access-Reason."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        found = restrictions.listed(seen.session, to=seen.user, today=seen.today, reason=seen.reason)
        return dump({"restrictions": [_shown(each) for each in found]}), [each.restriction.person_id for each in found]

    return Response(look.at("read.restrictions", compute), media_type="application/json")


@router.post(
    "",
    status_code=201,
    summary="Restrict a record",
    responses=problems(404, 409) | shows(RESTRICTION, status=201),
    openapi_extra=needs(Permission.RESTRICT_RECORD),
)
def restrict_record(body: RestrictBody, act: Keeper, key: Key) -> Response:
    """From now on one blank row in every list; it opens to its allow-list, its workers and their line."""
    one_person(body)

    def do() -> dict[str, Any]:
        made = restrictions.restrict(
            act.session, person_id=body.person_id, eclipse_id=body.eclipse_id, reason=body.reason, allow=body.allow,
            by=act.user, at=act.now,
        )  # fmt: skip
        return _shown(made)

    return once(act, key, ["restrictions", body.model_dump()], do, still=in_scope)


def _kept_list(act: Act, key: str, name: str, restriction_id: str, body: AllowBody, do: Keeping) -> Response:
    def keep() -> dict[str, Any]:
        return _shown(do(act.session, restriction_id, body.user_id, reason=body.reason, by=act.user, at=act.now))

    return once(act, key, [f"restrictions/{name}", restriction_id, body.model_dump()], keep, status=200, still=in_scope)


@router.post(
    "/{restriction_id}/allow",
    summary="Open a restricted record to one more account",
    responses=problems(404, 409) | shows(RESTRICTION),
    openapi_extra=needs(Permission.RESTRICT_RECORD),
)
def allow_reader(restriction_id: RestrictionId, body: AllowBody, act: Keeper, key: Key) -> Response:
    """As far as the person is in that account's scope: a list widens nobody's scope. Never to your own account."""
    return _kept_list(act, key, "allow", restriction_id, body, restrictions.allow)


@router.post(
    "/{restriction_id}/disallow",
    summary="Take an account off the allow-list",
    responses=problems(404, 409) | shows(RESTRICTION | {"allowed": []}),
    openapi_extra=needs(Permission.RESTRICT_RECORD),
)
def disallow_reader(restriction_id: RestrictionId, body: AllowBody, act: Keeper, key: Key) -> Response:
    """Counts from the account's next request."""
    return _kept_list(act, key, "disallow", restriction_id, body, restrictions.disallow)


@router.post(
    "/{restriction_id}/clear",
    summary="Ask for a restriction to be cleared",
    responses=problems(404, 409) | shows(RESTRICTION | {"clearing": ASKED_FOR}),
    openapi_extra=needs(Permission.RESTRICT_RECORD),
)
def ask_to_clear(restriction_id: RestrictionId, body: Reasoned, act: Keeper, key: Key) -> Response:
    """Nothing opens until somebody else has decided."""

    def do() -> dict[str, Any]:
        return _shown(restrictions.ask(act.session, restriction_id, reason=body.reason, by=act.user, at=act.now))

    return once(act, key, ["restrictions/clear", restriction_id, body.model_dump()], do, status=200, still=in_scope)


@router.post(
    "/{restriction_id}/clearing",
    summary="Decide on clearing a restriction that somebody else asked to clear",
    responses=problems(404, 409) | shows(DECIDED),
    openapi_extra=needs(Permission.CLEAR_RESTRICTION),
)
def decide_clearing(restriction_id: RestrictionId, body: DecisionBody, act: Decider, key: Key) -> Response:
    """Cleared: a record like any other from now on. Refused: the restriction stands, and may be asked about again."""

    def do() -> dict[str, Any]:
        decided = restrictions.decide(
            act.session, restriction_id, body.decision, reason=body.reason, by=act.user, at=act.now
        )
        return {"restriction_id": restriction_id, "decision": decided.value}

    asked = ["restrictions/clearing", restriction_id, body.model_dump(mode="json")]
    return once(act, key, asked, do, status=200, still=in_scope)
