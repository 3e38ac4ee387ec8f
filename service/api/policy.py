"""The policy: limits in force and the cohorts they define, with their authority."""

from typing import Annotated, Any

from fastapi import APIRouter, Response

from service.api.asked import AskedView
from service.api.dependencies import Look, Seen, looking
from service.api.described import needs, problems, shows
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.cohorts import COHORTS
from service.domain.holding import RULES
from service.domain.policy import DEFAULT_POLICY
from service.domain.rules import Cohort
from service.domain.viewpoint import Viewpoint
from service.writers import words
from service.writers.tracker_json import dump

router = APIRouter(tags=["policy"], route_class=StrictRoute)
EXAMPLE = {
    "as_at": "2020-07-31",
    "known_at": "2020-07-31T08:00:00Z",
    "terms": [
        {"code": "court.pre_proceedings", "limit": "12 weeks", "authority": "...", "effective_from": "2020-04-01"}
    ],
    "cohorts": [
        {"code": "pre_proceedings_over_12_weeks", "definition": "pre_proceedings_over_12_weeks/1", "rule": "..."}
    ],
    "held": [{"code": "table_emptied", "rule": "a full dataset says nothing any more, where we hold facts of it"}],
}


def _cohort(cohort: Cohort) -> dict[str, Any]:
    return {
        "code": cohort.code,
        "title": cohort.title,
        "definition": cohort.definition,
        "population": cohort.population.title,
        "rule": cohort.rule,
        "rests_on": cohort.rests_on,
        "terms": cohort.terms,
        "lines": (*cohort.lines, *cohort.beside),
    }


def shown(view: Viewpoint) -> bytes:
    """The terms in force at the viewpoint, the definitions of all cohorts, and what of a push is held."""
    policy = DEFAULT_POLICY.known_at(view.known_at)
    in_force = [each for each in policy.terms if each.in_force(view.as_at)]
    return dump(
        {
            "as_at": view.as_at,
            "known_at": view.known_at,
            "terms": [words.term(each) for each in in_force],
            "cohorts": [_cohort(each) for each in COHORTS],
            "held": [{"code": code, "rule": rule} for code, rule in RULES],
        }
    )


@router.get(
    "/policy",
    summary="Limits in force, on whose authority",
    responses=problems() | shows(EXAMPLE),
    openapi_extra=needs(Permission.READ_POLICY),
)
def read_policy(look: Annotated[Look, looking(Permission.READ_POLICY)], view: AskedView) -> Response:
    """Every term with its limit, authority and dates, and every cohort's rule in words."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        return shown(view.at(seen.now)), ()

    return Response(look.at("read.policy", compute), media_type="application/json")
