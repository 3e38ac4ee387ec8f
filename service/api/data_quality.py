"""Rows that were refused or are doubtful: how many are whose, and which."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from service.api.dependencies import Look, Seen, looking
from service.api.described import needs, problems, shows
from service.api.strict import StrictRoute
from service.domain.access import Permission, Role
from service.domain.data_quality import WORDS, reason
from service.operations.intake import data_quality
from service.operations.intake.data_quality import days_between, refuse_unknown
from service.readers.profiles import DATASETS
from service.store.issues import Filters, Listed
from service.writers.tracker_json import dump

router = APIRouter(prefix="/data-quality", tags=["data quality"], route_class=StrictRoute)
Reader = Annotated[Look, looking(Permission.READ_DATA_QUALITY)]
OWNERS = (Role.INTEGRATION, Role.PERFORMANCE_ANALYST, Role.TEAM_MANAGER)
EVERY_DATASET = tuple(name for names in DATASETS.values() for name in names)

ISSUE: dict[str, Any] = {
    "issue_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b90", "batch_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77",
    "source": "eclipse", "profile": "cohorts", "dataset": "accommodation", "row": 57, "key": "AC7781",
    "person_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "team": "exeter_pt", "field": "ended_on",
    "code": "ends_before_start", "reason": "ended_on is before the day it began (allowed: a day not before the start).",
    "allowed": "a day not before the start", "doubtful": False, "owner": "team_manager",
    "since": "2020-07-29T01:04:11Z", "age_days": 2,
}  # fmt: skip
BLANK = dict.fromkeys(ISSUE) | {"reason": "This record is restricted."}
COUNTED = {"refused": 1, "doubtful": 12, "restricted": 1, "datasets": [
    {"source": "eclipse", "profile": "cohorts", "dataset": "accommodation", "refused": 1, "doubtful": 12,
     "oldest_days": 30, "owners": {"performance_analyst": 12, "team_manager": 1}},
]}  # fmt: skip


@router.get(
    "",
    summary="How many rows are refused or doubtful, and whose",
    responses=problems() | shows(COUNTED),
    openapi_extra=needs(Permission.READ_DATA_QUALITY),
)
def read_counts(look: Reader) -> Response:
    """Open issues by dataset and owner, as far as the reader's sight goes.

    `restricted` counts the restricted people with any issue; what is wrong there is in no other figure.
    """

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        found, restricted = data_quality.counts(seen.session, to=seen.user, at=seen.now)
        total = {
            "refused": sum(each.refused for each in found), "doubtful": sum(each.doubtful for each in found),
            "restricted": restricted,
        }  # fmt: skip
        return dump(total | {"datasets": [_counted(each) for each in found]}), ()

    return Response(look.at("read.data_quality", compute), media_type="application/json")


@router.get(
    "/rows",
    summary="Rows that are refused or doubtful",
    responses=problems() | shows({"rows": [ISSUE], "next": None}),
    openapi_extra=needs(Permission.READ_DATA_QUALITY),
)
def read_rows(
    look: Reader,
    dataset: Annotated[str | None, Query(max_length=60, description="A dataset of a profile")] = None,
    code: Annotated[str | None, Query(max_length=80, description="What is wrong")] = None,
    owner: Annotated[str | None, Query(max_length=40, description="Whose it is to put right")] = None,
    doubtful: Annotated[bool | None, Query(description="Taken, but doubtful; false: refused")] = None,
    cursor: Annotated[str | None, Query(max_length=36, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """The oldest first. `row` is the line in the push that first said so (`batch_id`); never what a cell held.

    Without a filter, one blank row at the end for each restricted person, however much is wrong.
    """
    refuse_unknown("dataset", dataset, EVERY_DATASET)
    refuse_unknown("owner", owner, OWNERS)
    refuse_unknown("code", code, WORDS)
    filters = Filters(dataset=dataset, code=code, owner=owner, doubtful=doubtful)

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        rows, blank, after = data_quality.page(
            seen.session, to=seen.user, at=seen.now, filters=filters, after=cursor, limit=limit
        )  # fmt: skip
        body = dump({"rows": [*(_issue(each, seen) for each in rows), *([BLANK] * blank)], "next": after})
        return body, sorted({each.person_id for each in rows if each.person_id})

    return Response(look.at("read.data_quality_rows", compute), media_type="application/json")


def _counted(each: data_quality.Count) -> dict[str, Any]:
    return {
        "source": each.source, "profile": each.profile, "dataset": each.dataset, "refused": each.refused,
        "doubtful": each.doubtful, "oldest_days": each.oldest_days, "owners": dict(each.owners),
    }  # fmt: skip


def _issue(each: Listed, seen: Seen) -> dict[str, Any]:
    return {
        "issue_id": each.issue_id, "batch_id": each.batch_id, "source": each.source, "profile": each.profile,
        "dataset": each.dataset, "row": each.row or None, "key": each.key or None, "person_id": each.person_id,
        "team": each.team, "field": each.field or None, "code": each.code,
        "reason": reason(each.code, each.field, each.allowed), "allowed": each.allowed or None,
        "doubtful": each.doubtful, "owner": each.owner, "since": each.recorded_at,
        "age_days": days_between(each.recorded_at, seen.now),
    }  # fmt: skip
