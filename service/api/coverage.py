"""Which datasets, services and teams feed the service, and which feed nothing."""

from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Response

from service.api.dependencies import Look, Seen, looking
from service.api.described import needs, problems, shows
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.operations.intake import coverage
from service.operations.intake.coverage import Fed, TeamFeeds
from service.writers.tracker_json import dump

router = APIRouter(prefix="/ingest/coverage", tags=["ingest"], route_class=StrictRoute)
COVERED: dict[str, Any] = {
    "datasets": [
        {"source": "eclipse", "profile": "cohorts", "dataset": "accommodation", "supplied": True,
         "extracted_at": "2020-07-31T01:00:00Z", "age_hours": 7, "stale": False, "rows": 412, "facts": 398},
        {"source": "eclipse", "profile": "ssd", "dataset": "ssd_pre_proceedings", "supplied": False,
         "extracted_at": None, "age_hours": None, "stale": False, "rows": None, "facts": 0},
    ],
    "services": [
        {"service": "care_leavers", "title": "Care leavers", "people": 61, "teams": [
            {"team": "exeter_pt", "title": "Exeter Permanence and Transition", "people": 61, "feeds": ["feed"],
             "people_by_kinds": {"contact": {"feed": 58, "workers": 0, "upload": 0}}},
        ]},
    ],
}  # fmt: skip


@router.get(
    "",
    summary="Which datasets, services and teams feed the service",
    responses=problems() | shows(COVERED),
    openapi_extra=needs(Permission.READ_EXTRACT_REPORTS),
)
def read_coverage(look: Annotated[Look, looking(Permission.READ_EXTRACT_REPORTS)]) -> Response:
    """Counts only. Of workers' entries those of the last 28 days; a team that feeds nothing has `feeds: []`."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        found = coverage.datasets(seen.session, at=seen.now)
        by_service: dict[str | None, list[TeamFeeds]] = defaultdict(list)
        for each in coverage.teams(seen.session, at=seen.now):
            by_service[each.team.service_code].append(each)
        services = [_service(code, teams) for code, teams in by_service.items()]
        return dump({"datasets": [_dataset(each) for each in found], "services": services}), ()

    return Response(look.at("read.coverage", compute), media_type="application/json")


def _dataset(each: Fed) -> dict[str, Any]:
    return {
        "source": each.source, "profile": each.profile, "dataset": each.dataset,
        "supplied": each.extracted_at is not None, "extracted_at": each.extracted_at, "age_hours": each.age_hours,
        "stale": each.stale, "rows": each.rows, "facts": each.facts,
    }  # fmt: skip


def _service(code: str | None, teams: list[TeamFeeds]) -> dict[str, Any]:
    return {
        "service": code, "title": teams[0].team.service_title, "people": sum(each.people for each in teams),
        "teams": [
            {"team": each.team.code, "title": each.team.title, "people": each.people, "feeds": list(each.feeds),
             "people_by_kinds": each.groups}
            for each in teams
        ],
    }  # fmt: skip
