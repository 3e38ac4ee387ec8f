"""The weekly tracker: as JSON, CSV or a page."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from service.api.asked import AskedView, View
from service.api.dependencies import Look, Seen, looking
from service.api.described import needs, problems
from service.api.keeping import once_per_change
from service.api.kept import Answer, AsWanted, digest_of, shown
from service.api.strict import StrictRoute
from service.domain import lasting
from service.domain.access import Permission
from service.domain.tracker import Tracker
from service.domain.viewpoint import Viewpoint
from service.operations import tracker
from service.operations.tracker import Computed, Filters
from service.store import changes
from service.store.changes import Mark
from service.writers import page, sheets, tracker_json

router = APIRouter(tags=["tracker"], route_class=StrictRoute)
TrackerReader = Annotated[Look, looking(Permission.READ_TRACKER)]
Unit = Annotated[str | None, Query(max_length=60)]

EXAMPLE: dict[str, Any] = {
    "as_at": "2020-07-31",
    "known_at": "2020-07-31T08:00:00Z",
    "scope": {"sight": "rows", "reach": [{"kind": "county"}], "filters": {}},
    "freshness": [
        {"source": "eclipse", "extracted_at": "2020-07-31T01:00:00Z", "age_hours": 7, "stale": False, "datasets": []}
    ],
    "held": [],
    "danger": [],
    "cohorts": [
        {
            "code": "unsuitable_accommodation", "title": "Unsuitable accommodation",
            "definition": "unsuitable_accommodation/1", "rule": "...", "count": 7, "of": 430,
            "population": "care leavers served", "unknown": 2, "approaching": 0, "not_supplied": 0,
            "not_yet_collected": 0, "supplied": True, "families": None, "lines": [{"code": "unacceptable", "count": 5}],
            "rows": [
                {
                    "person": {"person_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "eclipse_id": "EDGE-004",
                               "name": "Rowan Demo-Ashford", "age": 19, "restricted": False},
                    "locality": "Exeter", "service": "Corporate parenting", "team": "Care leavers 1",
                    "owner": "A. Demo-Adviser", "risk": "unknown",
                    "last_contact": {"made": {"occurred_at": "2020-07-24T10:00:00Z", "kind": "phone", "seen": False},
                                     "attempted": None},
                    "line": "unacceptable", "flags": [],
                    "clock": {"state": "danger", "started_on": "2020-07-10", "started_on_basis": "recorded",
                              "limit": None, "due_on": None, "days_over": None, "days_in_state": 21,
                              "explanation": "...", "facts": [], "term": {}, "missing": [], "clears_when": "...",
                              "beside": {}},
                }
            ],
        }
    ],
}  # fmt: skip


class Format(StrEnum):
    """What the tracker is written as."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


WRITERS = {
    Format.JSON: (tracker_json.written, "application/json"),
    Format.CSV: (sheets.tracker, "text/csv; charset=utf-8"),
    Format.HTML: (page.tracker, "text/html; charset=utf-8"),
}


def filters(
    cohort: Annotated[str | None, Query(max_length=60, description="One cohort, by its code")] = None,
    locality: Unit = None,
    service: Unit = None,
    area: Unit = None,
    team: Unit = None,
) -> Filters:
    """What of the reader's scope is asked for, by codes."""
    return Filters(cohort, locality, service, area, team)


def computed(seen: Seen, held: Answer | None, view: View, asked: Filters, form: Format) -> Answer:
    """The tracker in the form asked for, with all that must still be so for it to be shown again."""
    mark = changes.mark(seen.session, at=seen.now)
    at, live = view.at(seen.now), view == View(None, None)
    found = _after(seen, held, at) if held and live else None
    if found is None:
        found = tracker.computed(seen.session, to=seen.user, view=at, today=seen.today, filters=asked)
    write, media_type = WRITERS[form]
    body = write(found.tracker)
    named = {} if form is Format.HTML else {"Content-Disposition": f'inline; filename="tracker-{at.as_at}.{form}"'}
    return Answer(
        user=seen.user, people=tuple(sorted(found.parts)), mark=mark, today=seen.today, computed_at=seen.now,
        good_until=_good_until(seen, mark, found.tracker, live=view.known_at is None), body=body,
        digest=digest_of(body), media_type=media_type, headers=named, basis=found if live else None,
    )  # fmt: skip


def _after(seen: Seen, held: Answer, at: Viewpoint) -> Computed | None:
    """What was kept, with the news since; None where it says too little of now."""
    if held.basis is None or not held.stands_for(seen.user, at=seen.now, today=seen.today):
        return None
    return tracker.news(seen.session, held.basis, changes.since(seen.session, held.mark), view=at)


def _good_until(seen: Seen, mark: Mark, value: Tracker, *, live: bool) -> datetime:
    """Until when it may be shown again; not at all where somebody recorded after `seen.now` and before the snapshot."""
    if live and mark.latest is not None and mark.latest > seen.now:
        return seen.now
    same = lasting.good_until(value, at=seen.now, live=live)
    return min(same, changes.emergency_ends(seen.session, seen.user.user_id, at=seen.now) or same)


@router.get(
    "/tracker",
    summary="The weekly tracker",
    responses=problems()
    | {
        200: {
            "description": "The tracker of your scope",
            "headers": {"ETag": {"description": "Say it in If-None-Match", "schema": {"type": "string"}}},
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": EXAMPLE},
                "text/csv": {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
            },
        },
        304: {"description": "The answer you have is the answer; this was a look all the same"},
    },
    openapi_extra=needs(Permission.READ_TRACKER),
)
def read_tracker(
    look: TrackerReader,
    view: AskedView,
    asked: Annotated[Filters, Depends(filters)],
    want: AsWanted,
    format: Annotated[Format, Query(description="json, csv or html (a page that prints)")] = Format.JSON,
) -> Response:
    """Per cohort n of N, and a row a person that explains itself: facts, limit, authority, arithmetic, way out."""

    def compute(seen: Seen, held: Answer | None) -> tuple[Answer, Collection[str]]:
        answer = computed(seen, held, view, asked, format)
        return answer, answer.people

    return shown(once_per_change(look, "read.tracker", (view, asked, format), want, compute), want)
