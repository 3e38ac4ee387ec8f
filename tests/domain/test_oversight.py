"""Children and young people without an allocated worker: stories with real dates."""

import pytest

from service.domain.clocks import State
from service.domain.facts import AllocationRole, Eligibility
from service.domain.person import Facts
from service.domain.rules import NOT_SUPPLIED
from tests.factories import (
    EVERY_KIND,
    a_period,
    a_plan,
    a_stage,
    a_status,
    an_allocation,
    child,
    day,
    find,
    found,
    young_person,
)

COHORT = "unallocated"
ADVISER, WORKER = AllocationRole.PERSONAL_ADVISER, AllocationRole.SOCIAL_WORKER
IN_CARE = {"periods_of_care": (a_period("2020-01-15"),)}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (IN_CARE, "in care"),
        ({"child_protection_plans": (a_plan("2020-05-04"),)}, "on a child protection plan"),
        ({"pre_proceedings": (a_stage("2020-05-04"),)}, "in pre-proceedings"),
    ],
)
def test_a_child_who_must_have_a_social_worker_and_has_none(facts: dict[str, object], reason: str) -> None:
    finding = found(COHORT, child(**facts))
    assert (finding.state, finding.line) == (State.OVER, "no_social_worker")
    assert finding.extra["reasons"] == [reason]
    assert (finding.due_on, finding.days_over) == (None, None)
    assert find(COHORT, child(**facts, allocations=(an_allocation(WORKER),))) is None


def test_a_child_with_none_of_these_needs_nobody() -> None:
    assert find(COHORT, child()) is None
    assert find(COHORT, child(periods_of_care=(a_period("2019-01-15", "2020-07-31"),))) is None


def test_the_worker_who_left_yesterday() -> None:
    facts = child(**IN_CARE, allocations=(an_allocation(WORKER, ended_on=day("2020-07-30")),))
    assert find(COHORT, facts, "2020-07-30") is None
    finding = found(COHORT, facts, "2020-07-31")
    assert (finding.days_in_state, finding.started_on) == (1, day("2020-07-30"))
    assert finding.explanation == (
        "In care; no active social worker: the last social worker's allocation ended on 30 July 2020; "
        "31 July 2020 is 1 day later."
    )


def test_never_allocated_counts_from_the_need() -> None:
    assert found(COHORT, child(**IN_CARE)).days_in_state == 198


def test_a_personal_adviser_is_no_social_worker_nor_an_iro() -> None:
    for role in (ADVISER, AllocationRole.IRO, AllocationRole.OTHER):
        assert found(COHORT, child(**IN_CARE, allocations=(an_allocation(role),))).line == "no_social_worker"


def test_a_care_leaver_without_a_personal_adviser() -> None:
    finding = found(COHORT, young_person(allocations=(an_allocation(WORKER),)))
    assert (finding.state, finding.line) == (State.OVER, "no_personal_adviser")
    assert finding.clears_when == "The allocation of an active personal adviser is recorded."


def test_turned_18_with_no_adviser() -> None:
    """Eligible and in care until the day before; from the birthday a care leaver served."""
    facts = child(
        "2002-08-01",
        **IN_CARE,
        care_leaver_statuses=(a_status(eligibility=Eligibility.ELIGIBLE),),
        allocations=(an_allocation(WORKER),),
    )
    assert find(COHORT, facts, "2020-07-31") is None
    assert found(COHORT, facts, "2020-08-01").line == "no_personal_adviser"


def test_the_adviser_a_source_names_counts_until_the_allocation_has_ended() -> None:
    status = a_status(personal_adviser_ref="W7")
    assert find(COHORT, young_person(status=status, allocations=())) is None
    left = an_allocation(ADVISER, worker_ref="W7", ended_on=day("2020-07-30"))
    assert found(COHORT, young_person(status=status, allocations=(left,))).line == "no_personal_adviser"
    left_as_other = an_allocation(None, worker_ref="W7", ended_on=day("2020-07-30"))
    assert find(COHORT, young_person(status=status, allocations=(left_as_other,))) is not None


def test_a_role_that_is_not_mapped_leaves_it_unknown() -> None:
    finding = found(COHORT, child(**IN_CARE, allocations=(an_allocation(None),)))
    assert (finding.state, finding.line, finding.flags) == (State.UNKNOWN, "role_unknown", ("unmapped_role",))


def test_both_may_be_missing_at_once() -> None:
    facts = young_person(
        born_on="2003-02-14",
        status=a_status(eligibility=Eligibility.RELEVANT),
        allocations=(),
        child_protection_plans=(a_plan("2020-05-04"),),
    )
    finding = found(COHORT, facts)
    assert finding.missing == ("an active social worker", "an active personal adviser")
    assert finding.clears_when == (
        "The allocation of an active social worker and of an active personal adviser is recorded."
    )


def test_where_no_source_supplies_allocations_it_is_said_so() -> None:
    finding = found(COHORT, child(**IN_CARE), supplied=EVERY_KIND - {"allocation"})
    assert (finding.state, finding.line, finding.counts) == (State.UNKNOWN, NOT_SUPPLIED, False)


def test_nobody_is_owed_a_worker_after_leaving() -> None:
    assert find(COHORT, Facts(person_id="p")) is None
