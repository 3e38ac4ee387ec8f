"""The weekly tracker: as JSON, CSV or a page."""

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from service.api.dependencies import AskedView, Look, Seen, looking
from service.api.described import needs, problems
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.tracker import Tracker
from service.operations import tracker
from service.operations.tracker import Filters
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


def written(value: Tracker, form: Format) -> Response:
    """The tracker in the form asked for."""
    write, media_type = WRITERS[form]
    headers = (
        {} if form is Format.HTML else {"Content-Disposition": f'inline; filename="tracker-{value.view.as_at}.{form}"'}
    )
    return Response(write(value), headers=headers, media_type=media_type)


@router.get(
    "/tracker",
    summary="The weekly tracker",
    responses=problems()
    | {
        200: {
            "description": "The tracker of your scope",
            "content": {
                "application/json": {"schema": {"type": "object"}, "example": EXAMPLE},
                "text/csv": {"schema": {"type": "string"}},
                "text/html": {"schema": {"type": "string"}},
            },
        }
    },
    openapi_extra=needs(Permission.READ_TRACKER),
)
def read_tracker(
    look: TrackerReader,
    view: AskedView,
    asked: Annotated[Filters, Depends(filters)],
    format: Annotated[Format, Query(description="json, csv or html (a page that prints)")] = Format.JSON,
) -> Response:
    """Per cohort n of N, and a row a person that explains itself: facts, limit, authority, arithmetic, way out."""

    def compute(seen: Seen) -> tuple[Tracker, list[str]]:
        return tracker.weekly(seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, filters=asked)

    return written(look.at("read.tracker", compute), format)
