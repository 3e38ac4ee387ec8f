"""People: a page of them, one whole, one over time, one by Eclipse's id."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from service.api.asked import AskedView
from service.api.bodies import Id, Strict
from service.api.dependencies import Look, Seen, looking
from service.api.described import needs, problems, shows
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.assembly import ATTRIBUTES
from service.domain.facts import KINDS
from service.domain.rules import Finding
from service.domain.tracker import Card
from service.operations import people
from service.operations.people import Event, Whole
from service.writers import words
from service.writers.tracker_json import dump

router = APIRouter(tags=["people"], route_class=StrictRoute)
PersonReader = Annotated[Look, looking(Permission.READ_PERSON, reasoned=True)]
TimelineReader = Annotated[Look, looking(Permission.READ_TIMELINE, reasoned=True)]
PersonId = Annotated[str, Path(max_length=36)]
CARD = {"person_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "eclipse_id": "EDGE-004", "name": "Rowan Demo-Ashford",
        "age": 19, "restricted": False}  # fmt: skip
LISTED = {"people": [CARD | {"team": "Care leavers 1", "owner": "A. Demo-Adviser"}], "next": None}
WHOLE = {"person": CARD, "facts": {"accommodation": []}, "proposed": [], "clocks": []}


class LookUp(Strict):
    """Whom to look up. By POST, so that no id of another system stands in an address or a log."""

    eclipse_id: Id = Field(description="Eclipse's id", examples=["EDGE-004"])


def listed(card: Card) -> dict[str, Any]:
    """A card as lists and look-ups show it."""
    placed = {"locality": card.locality, "service": card.service, "team": card.team, "owner": card.owner}
    return words.person(card) | placed | {"last_contact": words.last_contact(card)}


def _clock(finding: Finding) -> dict[str, Any]:
    return {"cohort": finding.cohort, "line": finding.line, "flags": finding.flags} | words.clock(finding)


def _whole(whole: Whole) -> bytes:
    standing = {kind: getattr(whole.facts, attribute) for kind, attribute in ATTRIBUTES.items()}
    standing = {"person": (whole.facts.person,), **standing}
    facts = {
        kind: [
            words.fact(f, private=True) | {"etag": whole.etags.get(f.known.fact_id if f.known else "")} for f in found
        ]
        for kind, found in standing.items()
        if found
    }
    return dump(
        {
            "person": listed(whole.card),
            "facts": facts,
            "proposed": [words.fact(each, private=True) for each in whole.facts.proposed],
            "clocks": [_clock(each) for each in whole.clocks],
        }
    )


def _event(event: Event) -> dict[str, Any]:
    return words.fact(event.fact, private=True) | {
        "version_id": event.fact.known.version_id if event.fact.known else None,
        "superseded_at": event.superseded_at,
        "waits": event.fact.known is not None and event.fact.known.effective_at is None,
    }


@router.get(
    "/people",
    summary="People in your scope",
    responses=problems() | shows(LISTED),
    openapi_extra=needs(Permission.READ_PEOPLE),
)
def read_people(
    look: Annotated[Look, looking(Permission.READ_PEOPLE)],
    view: AskedView,
    cursor: Annotated[str | None, Query(max_length=36, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """A page at a time. A restricted person of your scope is one blank row, counted, at the end of the last page."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        page = people.page(
            seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, after=cursor, limit=limit
        )  # fmt: skip
        return dump({"people": [listed(card) for card in page.cards], "next": page.after}), page.people

    return Response(look.at("read.people", compute), media_type="application/json")


@router.post(
    "/people/lookup",
    summary="Find a person by Eclipse's id",
    responses=problems(404) | shows(CARD),
    openapi_extra=needs(Permission.READ_PERSON),
)
def look_up(body: LookUp, look: PersonReader, view: AskedView) -> Response:
    """The person's card, if in your scope."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        whole = people.one(
            seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, eclipse_id=body.eclipse_id,
            reason=seen.reason,
        )  # fmt: skip
        return dump(listed(whole.card)), [whole.facts.person_id]

    return Response(look.at("read.lookup", compute, one=True), media_type="application/json")


@router.get(
    "/people/{person_id}",
    summary="One person whole",
    responses=problems(404) | shows(WHOLE),
    openapi_extra=needs(Permission.READ_PERSON),
)
def read_person(person_id: PersonId, look: PersonReader, view: AskedView) -> Response:
    """What stands, what waits for a second person, every clock that runs, and the etag a correction of a fact needs."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        whole = people.one(
            seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, person_id=person_id,
            reason=seen.reason,
        )  # fmt: skip
        return _whole(whole), [whole.facts.person_id]

    return Response(look.at("read.person", compute, person_id=person_id), media_type="application/json")


@router.get(
    "/people/{person_id}/timeline",
    summary="One person over time",
    responses=problems(404) | shows({"person_id": CARD["person_id"], "events": []}),
    openapi_extra=needs(Permission.READ_TIMELINE),
)
def read_timeline(person_id: PersonId, look: TimelineReader, view: AskedView) -> Response:
    """Every version of every fact, in the order we learnt them, those since superseded included."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        found, events = people.timeline(
            seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, person_id=person_id,
            reason=seen.reason,
        )  # fmt: skip
        return dump({"person_id": found.person_id, "events": [_event(each) for each in events]}), [found.person_id]

    return Response(look.at("read.timeline", compute, person_id=person_id), media_type="application/json")


assert set(ATTRIBUTES) | {"person"} == set(KINDS)
