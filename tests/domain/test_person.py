"""Small readers of one person's facts: in care, on a plan, missing, gone, on a day."""

import pytest

from service.domain.facts import AllocationRole, LegalStatus, Person
from service.domain.person import Facts
from tests.factories import a_period, a_plan, an_allocation, child, day, missing


def test_age_is_none_before_birth_and_where_no_date_of_birth_is_known() -> None:
    assert child("2020-08-01").age_on(day("2020-07-31")) is None
    assert child("2020-08-01").age_on(day("2020-08-01")) == 0
    assert child(None).age_on(day("2020-08-01")) is None


@pytest.mark.parametrize(
    ("as_at", "inside"), [("2020-01-14", False), ("2020-01-15", True), ("2020-07-30", True), ("2020-07-31", False)]
)
def test_the_day_a_period_of_care_ends_is_out_of_it(as_at: str, inside: bool) -> None:
    facts = child(periods_of_care=(a_period("2020-01-15", "2020-07-31"),))
    assert facts.has_open_period(day(as_at)) is inside


def test_someone_whose_age_is_not_known_stays_in_care() -> None:
    assert child(None, periods_of_care=(a_period("2001-01-15"),)).looked_after_on(day("2020-07-31"))


def test_short_breaks_are_care_but_not_looked_after_all_the_time() -> None:
    breaks = LegalStatus(code="V4", started_on=day("2020-01-15"))
    facts = child(periods_of_care=(a_period("2020-01-15"),), legal_statuses=(breaks,))
    assert (facts.has_open_period(day("2020-07-31")), facts.looked_after_on(day("2020-07-31"))) == (True, False)


def test_a_care_order_beside_short_breaks_is_care() -> None:
    statuses = (
        LegalStatus(code="V4", started_on=day("2020-01-15")),
        LegalStatus(code="C2", started_on=day("2020-03-01")),
    )
    facts = child(periods_of_care=(a_period("2020-01-15"),), legal_statuses=statuses)
    assert facts.looked_after_on(day("2020-07-31"))


def test_plans_of_this_council_on_a_day() -> None:
    facts = child(child_protection_plans=(a_plan("2020-05-04"), a_plan("2020-06-01", other_council=True)))
    assert facts.plans_on(day("2020-07-31")) == (a_plan("2020-05-04"),)


def test_an_allocation_covers_its_last_day() -> None:
    facts = child(allocations=(an_allocation(ended_on=day("2020-07-30")),))
    assert len(facts.active_workers(AllocationRole.SOCIAL_WORKER, day("2020-07-30"))) == 1
    assert facts.active_workers(AllocationRole.SOCIAL_WORKER, day("2020-07-31")) == ()


def test_found_today_is_not_missing_today() -> None:
    facts = child(missing_episodes=(missing("2020-07-29", ended_on="2020-07-31"),))
    assert facts.missing_on(day("2020-07-30")) is not None
    assert facts.missing_on(day("2020-07-31")) is None


def test_gone_from_the_day_itself() -> None:
    facts = Facts(person_id="p", person=Person(transferred_out_on=day("2020-07-31")))
    assert (facts.gone_on(day("2020-07-30")), facts.gone_on(day("2020-07-31"))) == (False, True)
