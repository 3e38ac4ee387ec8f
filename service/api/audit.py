"""The audit over HTTP: who saw a child, what I looked at myself, what was refused or told of."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Response

from service.api.bodies import Day
from service.api.dependencies import Look, Seen, looking
from service.api.described import needs, problems, shows
from service.api.people import LookUp
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.period import Period
from service.errors import Unprocessable
from service.operations import audit
from service.operations.audit import Asked, Kind, Trail
from service.store.audit import KEPT_ANSWER
from service.store.trail import Entry
from service.writers.tracker_json import dump

router = APIRouter(prefix="/audit", tags=["audit"], route_class=StrictRoute)
AuditReader = Annotated[Look, looking(Permission.READ_AUDIT)]

USUAL_DAYS, MOST_DAYS = 30, 92
PERSON, OTHER = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "01738b11-2f00-7c44-8e21-0c1e7d9a4f11"
ENTRY: dict[str, Any] = {
    "audit_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "at": "2020-07-30T13:05:04Z",
    "who": {"user_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f99", "name": "A. Demo-Adviser",
            "roles": ["personal_adviser"]},
    "kind": "look", "act": "read.person", "outcome": "done", "person_id": PERSON, "through_list": False, "people": 1,
    "reason": "Covering for the allocated worker", "request_id": "8d6f2a9e-5a0f-4c1e-9a55-0c7d9c1f2b11",
    "detail": {},
}  # fmt: skip
TRAIL = {"person_id": PERSON, "ids": [PERSON, OTHER], "from": "2020-07-01", "to": "2020-07-31", "entries": [ENTRY],
         "next": None}  # fmt: skip
MINE = {"from": "2020-07-01", "to": "2020-07-31", "next": None,
        "looks": [{"at": "2020-07-30T13:05:04Z", "act": "read.person", "person_id": PERSON, "people": 1,
                   "reason": None, "request_id": "8d6f2a9e-5a0f-4c1e-9a55-0c7d9c1f2b11"}]}  # fmt: skip
ALERT = ENTRY | {
    "kind": "alert", "act": "alert.bulk_reading", "person_id": None, "people": None, "reason": None,
    "detail": {"what": "records_opened", "count": 60, "alert_from": 60},
}  # fmt: skip


class Watched(StrEnum):
    """What of the audit information governance watches."""

    ALERT = Kind.ALERT.value
    DENIAL = Kind.DENIAL.value
    SIGN_IN = Kind.SIGN_IN.value
    REFUSED_SIGN_IN = Kind.REFUSED_SIGN_IN.value


@dataclass(frozen=True, slots=True)
class Pages:
    """Which days are asked for, and which page of them."""

    first: date | None
    last: date | None
    cursor: str | None
    limit: int

    def at(self, today: date) -> Asked:
        """The period and page: up to today where no end is said, and the usual days before it."""
        last = self.last or today
        first = self.first or last - timedelta(days=USUAL_DAYS)
        if first > last:
            raise Unprocessable(("from", "after_to", "a day up to `to`"))
        if last - first > timedelta(days=MOST_DAYS):
            raise Unprocessable(("from", "too_long", f"at most {MOST_DAYS} days before `to`; ask for the rest apart"))
        return Asked(Period(first, last), self.cursor, self.limit)


def pages(
    from_: Annotated[
        Day | None, Query(alias="from", description=f"First London day; {USUAL_DAYS} days before `to` when left out")
    ] = None,
    to: Annotated[
        Day | None, Query(description=f"Last London day, at most {MOST_DAYS} later; today if left out")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=36, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Pages:
    """The part of the audit that is asked for."""
    return Pages(from_, to, cursor, limit)


AskedPages = Annotated[Pages, Depends(pages)]


def _entry(entry: Entry, trail: Trail) -> dict[str, Any]:
    who = trail.who[entry.by_user]
    return {
        "audit_id": entry.audit_id,
        "at": entry.recorded_at,
        "who": {"user_id": who.user_id, "name": who.name, "roles": who.roles},
        "kind": audit.kind_of(entry),
        "act": entry.act,
        "outcome": entry.outcome,
        "person_id": entry.person_id,
        "through_list": entry.person_id is None and entry.seen is not None,
        "people": entry.seen,
        "reason": entry.reason,
        "request_id": entry.request_id,
        "detail": orjson.loads(entry.detail),
    }


def _look(entry: Entry) -> dict[str, Any]:
    """A look of one's own: whose record it was only where one record was opened, and nobody's name.

    An answer given again opened none: whoever logs for a colleague's young person is not told their id.
    """
    return {
        "at": entry.recorded_at,
        "act": entry.act,
        "person_id": None if entry.act == KEPT_ANSWER else entry.person_id,
        "people": entry.seen,
        "reason": entry.reason,
        "request_id": entry.request_id,
    }


def _page(asked: Asked, trail: Trail) -> dict[str, Any]:
    return {"from": asked.period.first, "to": asked.period.last, "next": trail.after}


def _about(seen: Seen, asked: Asked, **whom: str) -> tuple[bytes, list[str]]:
    trail = audit.about(seen.session, asked, **whom)
    entries = [_entry(each, trail) for each in trail.entries]
    body = {"person_id": trail.person_id, "ids": trail.ids} | _page(asked, trail) | {"entries": entries}
    return dump(body), [trail.person_id] if trail.person_id else []


@router.get(
    "/people/{person_id}",
    summary="Who saw or changed what about a person",
    responses=problems(404) | shows(TRAIL),
    openapi_extra=needs(Permission.READ_AUDIT),
)
def read_about(
    person_id: Annotated[str, Path(max_length=36, description="Our id")], look: AuditReader, asked: AskedPages
) -> Response:
    """Looks, changes and refusals, oldest first, those through lists and at merged records too; nobody is hidden."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        return _about(seen, asked.at(seen.today), person_id=person_id)

    return Response(look.at("read.audit.person", compute, one=True), media_type="application/json")


@router.post(
    "/people/lookup",
    summary="The same, by Eclipse's id",
    responses=problems(404) | shows(TRAIL),
    openapi_extra=needs(Permission.READ_AUDIT),
)
def look_up(body: LookUp, look: AuditReader, asked: AskedPages) -> Response:
    """Whoever has that id now, else whoever had it last."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        return _about(seen, asked.at(seen.today), eclipse_id=body.eclipse_id)

    return Response(look.at("read.audit.person", compute, one=True), media_type="application/json")


@router.get(
    "/mine",
    summary="What you looked at yourself",
    responses=problems() | shows(MINE),
    openapi_extra=needs(Permission.READ_OWN_LOOKS),
)
def read_mine(look: Annotated[Look, looking(Permission.READ_OWN_LOOKS)], asked: AskedPages) -> Response:
    """Newest first. Ids only: what one may no longer open is not shown again."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        wanted = asked.at(seen.today)
        trail = audit.mine(seen.session, wanted, to=seen.user)
        return dump(_page(wanted, trail) | {"looks": list(map(_look, trail.entries))}), ()

    return Response(look.at("read.audit.mine", compute), media_type="application/json")


@router.get(
    "/alerts",
    summary="Alerts, refusals, sign-ins and refused sign-ins",
    responses=problems() | shows({"from": "2020-07-01", "to": "2020-07-31", "next": None, "entries": [ALERT]}),
    openapi_extra=needs(Permission.READ_AUDIT),
)
def read_alerts(
    look: AuditReader, asked: AskedPages, kind: Annotated[Watched, Query(description="Of which sort")] = Watched.ALERT
) -> Response:
    """Newest first, whoever's they are."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        wanted = asked.at(seen.today)
        trail = audit.watched(seen.session, wanted, Kind(kind))
        body = _page(wanted, trail) | {"entries": [_entry(each, trail) for each in trail.entries]}
        return dump(body), sorted({each.person_id for each in trail.entries if each.person_id})

    return Response(look.at("read.audit.alerts", compute), media_type="application/json")
