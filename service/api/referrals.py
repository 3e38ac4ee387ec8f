"""Referrals: one person shown to one account outside its scope, until a day."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field

from service.api.bodies import About, Day, Id, Reasoned, one_person
from service.api.dependencies import Act, Look, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.once import Key, KeyOfRetry, in_scope, once
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.operations import referrals
from service.operations.referrals import NewReferral
from service.store.referrals import Referral
from service.writers.tracker_json import dump

router = APIRouter(prefix="/referrals", tags=["referrals"], route_class=StrictRoute)
Referrer = Annotated[Act, acting(Permission.REFER_PERSON, sight=True)]

ASKED: dict[str, Any] = {
    "eclipse_id": "EDGE-001", "user_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "ends_on": "2020-10-30",
    "reason": "Independent visitor for the placement move",
}  # fmt: skip
REFERRAL: dict[str, Any] = {
    "referral_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "person_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f12",
    "user_id": ASKED["user_id"], "ends_on": ASKED["ends_on"], "reason": ASKED["reason"],
    "referred_by": "01738b11-2f00-7c44-8e21-0c1e7d9a4f11", "recorded_at": "2020-07-30T13:05:04Z",
    "ended_at": None, "ended_by": None, "ended_reason": None,
}  # fmt: skip

COLLEAGUE: dict[str, Any] = {
    "user_id": ASKED["user_id"], "name": "A. Demo-Adviser", "roles": ["personal_adviser"],
}  # fmt: skip


class ReferralBody(About, Reasoned):
    """Whom, to which account, to which last day, and why."""

    user_id: Id = Field(description="The account that is to see the person", examples=[ASKED["user_id"]])
    ends_on: Day = Field(description="The last day, at most 366 days ahead", examples=[ASKED["ends_on"]])
    model_config = ConfigDict(json_schema_extra={"examples": [ASKED]})


def _shown(each: Referral) -> dict[str, Any]:
    return {
        "referral_id": each.referral_id, "person_id": each.person_id, "user_id": each.user_id,
        "ends_on": each.ends_on, "reason": each.reason, "referred_by": each.referred_by,
        "recorded_at": each.recorded_at, "ended_at": each.superseded_at, "ended_by": each.ended_by,
        "ended_reason": each.ended_reason,
    }  # fmt: skip


@router.post(
    "",
    status_code=201,
    summary="Show one person to one account",
    responses=problems(404) | shows(REFERRAL, status=201),
    openapi_extra=needs(Permission.REFER_PERSON),
)
def refer(body: ReferralBody, act: Referrer, key: Key) -> Response:
    """The account sees this person as if in its scope, to the last day, or until the referral is ended."""

    def do() -> dict[str, Any]:
        one_person(body)
        new = NewReferral(body.user_id, body.ends_on, body.reason, body.person_id, body.eclipse_id)
        return _shown(referrals.refer(act.session, new, by=act.user, at=act.now))

    return once(act, key, ["referrals", body.model_dump(mode="json")], do)


@router.post(
    "/{referral_id}/end",
    summary="End a referral",
    responses=problems(404, 409) | shows({"referral_id": REFERRAL["referral_id"], "ended_at": "2020-07-31T08:00:00Z"}),
    openapi_extra=needs(Permission.REFER_PERSON),
)
def end_referral(
    referral_id: Annotated[str, Path(max_length=36, description="The referral's id")],
    body: Reasoned,
    act: Referrer,
    key: KeyOfRetry,
) -> Response:
    """For who made it, and for whoever may refer this person. Counts from the account's next request."""

    def do() -> dict[str, Any]:
        ended = referrals.end(act.session, referral_id, reason=body.reason, by=act.user, at=act.now)
        return {"referral_id": ended.referral_id, "ended_at": ended.superseded_at}

    return once(act, key, ["referrals/end", referral_id, body.model_dump()], do, status=200, still=in_scope)


@router.get(
    "",
    summary="Referrals you made or got",
    responses=problems() | shows({"referrals": [REFERRAL]}),
    openapi_extra=needs(Permission.READ_PEOPLE),
)
def read_referrals(look: Annotated[Look, looking(Permission.READ_PEOPLE)]) -> Response:
    """Those that stand and those ended, the newest first, of people in your scope now who are not restricted."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        found = referrals.listed(seen.session, to=seen.user, at=seen.now)
        return dump({"referrals": [_shown(each) for each in found]}), sorted({each.person_id for each in found})

    return Response(look.at("read.referrals", compute), media_type="application/json")


@router.get(
    "/colleagues",
    summary="Accounts a person can be referred to",
    responses=problems() | shows({"colleagues": [COLLEAGUE]}),
    openapi_extra=needs(Permission.REFER_PERSON),
)
def read_colleagues(look: Annotated[Look, looking(Permission.REFER_PERSON)]) -> Response:
    """Everybody who may sign in and sees people, by name: the `user_id` of referrals and of allow-lists."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        return dump({"colleagues": referrals.colleagues(seen.session)}), ()

    return Response(look.at("read.colleagues", compute), media_type="application/json")
