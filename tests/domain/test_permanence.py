"""Looked-after children without a permanence plan: stories with real dates."""

from dataclasses import replace

import pytest

from service.domain.clocks import State
from service.domain.facts import LegalStatus, PermanencePlan
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY
from service.domain.rules import NOT_SUPPLIED
from tests.factories import (
    EVERY_KIND,
    a_period,
    a_permanence_plan,
    a_status,
    child,
    cla_reviews,
    day,
    find,
    found,
    known,
)

COHORT = "no_permanence_plan"
IN_CARE = {"periods_of_care": (a_period("2020-01-15"),), "cla_reviews": cla_reviews("2020-02-12")}


def of(**facts: object) -> Facts:
    return child(**(IN_CARE | facts))


@pytest.mark.parametrize(
    ("as_at", "state", "line"),
    [
        ("2020-04-14", State.WITHIN, "none_agreed"),
        ("2020-04-15", State.APPROACHING, "none_agreed"),  # the last 28 days
        ("2020-05-12", State.APPROACHING, "none_agreed"),  # first review held 12 February + 3 months
        ("2020-05-13", State.OVER, "review_not_held"),
    ],
)
def test_by_the_day_the_second_review_is_due(as_at: str, state: State, line: str) -> None:
    finding = found(COHORT, of(), as_at)
    assert (finding.state, finding.line, finding.due_on) == (state, line, day("2020-05-12"))


def test_the_row_explains_itself() -> None:
    assert found(COHORT, of()).explanation == (
        "The first review was held on 12 February 2020; the second was due 3 months later, on 12 May 2020, and is not "
        "held. The last day within is 12 May 2020; 31 July 2020 is 80 days over. No plan is agreed."
    )


def test_a_second_review_held_early_is_the_limit() -> None:
    facts = of(cla_reviews=cla_reviews("2020-02-12", "2020-04-20"))
    assert (found(COHORT, facts, "2020-04-20").state, found(COHORT, facts, "2020-04-20").due_on) == (
        State.APPROACHING,
        day("2020-04-20"),
    )
    finding = found(COHORT, facts, "2020-04-21")
    assert (finding.state, finding.line, finding.days_over) == (State.OVER, "none_agreed", 1)


def test_a_second_review_held_late_moves_nothing() -> None:
    facts = of(cla_reviews=cla_reviews("2020-02-12", "2020-06-30"))
    assert found(COHORT, facts).due_on == day("2020-05-12")
    assert found(COHORT, facts).line == "none_agreed"


def test_a_review_due_over_christmas_leaves_out_its_bank_holidays() -> None:
    """Entry on 2 December 2019: 20 working days, without Christmas, Boxing and New Year's Day, end on 2 January."""
    facts = child(periods_of_care=(a_period("2019-12-02"),))
    finding = found(COHORT, facts, "2020-04-03")
    assert (finding.due_on, finding.days_over) == (day("2020-04-02"), 1)
    assert "due on 2 January 2020, 20 working days after entry on 2 December 2019" in finding.explanation


def test_a_second_review_due_in_the_christmas_week_falls_on_its_calendar_day() -> None:
    """Months do not skip bank holidays: first review on 25 September, second due on Christmas Day."""
    facts = child(periods_of_care=(a_period("2019-08-28"),), cla_reviews=cla_reviews("2019-09-25"))
    assert found(COHORT, facts, "2019-12-26").due_on == day("2019-12-25")


@pytest.mark.parametrize(
    ("plan", "state", "line"),
    [
        (a_permanence_plan("2020-05-12", "2020-05-14"), State.WITHIN, None),
        (a_permanence_plan("2020-07-30", "2020-07-31"), State.WITHIN, None),  # late, but there now
        (a_permanence_plan("2020-05-12", None), State.OVER, "agreed_not_recorded"),
        (a_permanence_plan("2020-05-12", "2020-08-01"), State.OVER, "agreed_not_recorded"),
        (a_permanence_plan(None, "2020-05-14"), State.OVER, "review_not_held"),
        (a_permanence_plan("2020-08-01", "2020-08-01"), State.OVER, "review_not_held"),
        (a_permanence_plan("2020-05-12", "2020-05-14", ended_on=day("2020-07-31")), State.OVER, "review_not_held"),
    ],
)
def test_agreed_and_recorded(plan: PermanencePlan, state: State, line: str | None) -> None:
    finding = found(COHORT, of(permanence_plans=(plan,)))
    assert (finding.state, finding.line) == (state, line)


def test_what_is_missing_is_named() -> None:
    assert found(COHORT, of()).missing == ("the second review", "an agreed permanence plan", "its record on Eclipse")
    agreed = of(permanence_plans=(a_permanence_plan("2020-05-12", None),))
    assert found(COHORT, agreed).missing == ("the record of the plan on Eclipse",)


def test_an_agreed_plan_of_an_earlier_period_of_care_does_not_serve_this_one() -> None:
    facts = of(
        periods_of_care=(a_period("2018-01-08", "2019-03-01"), a_period("2020-01-15")),
        permanence_plans=(a_permanence_plan("2018-05-01", "2018-05-02"),),
    )
    assert found(COHORT, facts).state is State.OVER


def test_reviews_of_an_earlier_period_are_not_this_ones() -> None:
    facts = of(
        periods_of_care=(a_period("2018-01-08", "2019-03-01"), a_period("2020-01-15")),
        cla_reviews=cla_reviews("2018-02-05", "2018-05-01"),
    )
    assert found(COHORT, facts).due_on == day("2020-05-12"), "entry + 20 working days is 12 February"


def test_reviews_are_joined_by_the_periods_reference() -> None:
    facts = of(
        periods_of_care=(a_period("2020-01-15", period_ref="CLA2"),),
        cla_reviews=(*cla_reviews("2020-02-03", period_ref="CLA1"), *cla_reviews("2020-02-10", period_ref="CLA2")),
    )
    assert found(COHORT, facts).due_on == day("2020-05-10")


def test_two_rows_of_one_review_are_one_review() -> None:
    facts = of(cla_reviews=cla_reviews("2020-02-12", "2020-02-12"))
    assert found(COHORT, facts).extra["reviews_held"] == 1


def test_one_night_out_of_care_does_not_restart_the_clock() -> None:
    facts = of(periods_of_care=(a_period("2020-01-15", "2020-06-10"), a_period("2020-06-11")))
    finding = found(COHORT, facts)
    assert (finding.state, finding.started_on, finding.flags) == (State.OVER, day("2020-01-15"), ("restart",))
    assert finding.extra["period_started_on"] == day("2020-06-11")


@pytest.mark.parametrize(("code", "member"), [("V3", False), ("V4", False), ("V2", True), ("C2", True), (None, True)])
def test_short_breaks_are_left_out(code: str | None, member: bool) -> None:
    legal = LegalStatus(code=code, started_on=day("2020-01-15"))
    assert (find(COHORT, of(legal_statuses=(legal,))) is not None) is member


def test_care_ends_on_the_18th_birthday() -> None:
    facts = replace(of(), person=replace(child("2002-08-01").person))
    assert find(COHORT, facts, "2020-07-31") is not None
    assert find(COHORT, facts, "2020-08-01") is None


ENTERED_AT_15 = {
    "born_on": "2005-01-15",
    "care_leaver_statuses": (a_status(eligibility=None, pathway_plan_on=day("2020-05-01")),),
}


def test_for_entry_at_15_a_pathway_plan_serves() -> None:
    facts = of(**ENTERED_AT_15)
    finding = found(COHORT, facts)
    assert (finding.state, finding.flags) == (State.WITHIN, ("pathway_plan_serves",))
    assert find(COHORT, facts, within=False) is None


def test_for_entry_the_day_before_15_it_does_not() -> None:
    assert found(COHORT, of(**(ENTERED_AT_15 | {"born_on": "2005-01-16"}))).state is State.OVER


def test_the_policy_may_say_that_it_never_serves() -> None:
    terms = tuple(t for t in DEFAULT_POLICY.terms if t.code != "permanence.pathway_plan_serves")
    assert found(COHORT, of(**ENTERED_AT_15), policy=replace(DEFAULT_POLICY, terms=terms)).state is State.OVER


def test_where_no_source_supplies_plans_it_is_said_so_and_counted_apart() -> None:
    supplied = EVERY_KIND - {"permanence_plan"}
    finding = found(COHORT, of(), supplied=supplied)
    assert (finding.state, finding.line, finding.counts) == (State.UNKNOWN, NOT_SUPPLIED, False)
    assert found(COHORT, of(), "2020-05-12", supplied=supplied).state is State.APPROACHING


def test_a_decision_reversed_on_a_day_nobody_wrote_down_is_no_plan() -> None:
    """Placed for adoption, then reversed without a date: nothing stands, unless something was secured since."""
    plan = a_permanence_plan("2020-04-01", "2020-04-03", known=known("reversed_without_date"))
    assert found(COHORT, of(permanence_plans=(plan,))).line in ("none_agreed", "review_not_held")
    secured = replace(plan, secured_on=day("2020-06-01"))
    assert find(COHORT, of(permanence_plans=(secured,)), within=False) is None
    assert find(COHORT, of(permanence_plans=(replace(plan, known=known()),)), within=False) is None
