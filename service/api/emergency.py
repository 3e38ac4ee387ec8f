"""Sight in an emergency: one person outside one's scope, out of hours, with a reason."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Response
from pydantic import ConfigDict, Field, StrictStr

from service.api.bodies import LONGEST_TEXT, About, one_person
from service.api.dependencies import Act, acting
from service.api.described import needs, problems, shows
from service.api.once import Key, keep_once
from service.api.people import CARD, listed
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.operations import emergency
from service.writers.tracker_json import dump

router = APIRouter(tags=["people"], route_class=StrictRoute)

SHORTEST_REASON = 10
ASKED: dict[str, Any] = {
    "eclipse_id": "EDGE-001",
    "reason": "Police called at 02:10: found at the station",
}
SHOWN: dict[str, Any] = {"emergency_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "until": "2020-08-01T01:05:04Z"}


class EmergencyBody(About):
    """Whom, and why they must be seen now."""

    reason: Annotated[StrictStr, Field(min_length=SHORTEST_REASON, max_length=LONGEST_TEXT)] = Field(
        description="Why this person must be seen now; information governance reads it"
    )
    model_config = ConfigDict(json_schema_extra={"examples": [ASKED]})


def _granted(act: Act, body: EmergencyBody) -> emergency.Opened:
    one_person(body)
    return emergency.open_one(
        act.session, person_id=body.person_id, eclipse_id=body.eclipse_id, reason=body.reason, by=act.user, at=act.now
    )


def _card_is_looked_up(_act: Act, _person_id: str, _answer: bytes) -> None:
    """Whether they may still see it turns out with the card."""


@router.post(
    "/emergency-sight",
    status_code=201,
    summary="Open one person outside your scope, out of hours",
    responses=problems(404) | shows(SHOWN | {"person": CARD}, status=201),
    openapi_extra=needs(Permission.EMERGENCY_SIGHT),
)
def open_in_emergency(
    body: EmergencyBody, act: Annotated[Act, acting(Permission.EMERGENCY_SIGHT, sight=True)], key: Key
) -> Response:
    """Their card, and 12 hours in which you see this person. Information governance is told, with your reason."""
    asked = ["emergency-sight", body.model_dump()]
    # What is kept for a retry holds no card: the card is looked up each time, so none outlives the sight.
    kept = orjson.loads(keep_once(act, key, asked, lambda: _granted(act, body), still=_card_is_looked_up).body)
    card = emergency.card_of(act.session, kept["person_id"], reason=body.reason, to=act.user, at=act.now)
    shown = {"emergency_id": kept["emergency_id"], "until": kept["until"], "person": listed(card)}
    return Response(dump(shown), 201, media_type="application/json")
