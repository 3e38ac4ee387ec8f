"""Child protection plans over 9 months, and repeat plans: stories with real dates."""

import pytest

from service.domain.clocks import State
from service.domain.facts import ChildProtectionPlan, CpReview, PlanCount
from service.domain.person import Facts
from tests.factories import a_period, a_plan, a_stage, an_application, child, cp_reviews, day, find, found

OVER, REPEAT = "cp_plan_over_9_months", "repeat_cp_plan"


def of(*plans: ChildProtectionPlan, **facts: object) -> Facts:
    return child(child_protection_plans=plans, **facts)


@pytest.mark.parametrize(
    ("started_on", "last_day", "next_day"),
    [
        ("2019-05-31", "2020-02-29", "2020-03-01"),
        ("2020-05-31", "2021-02-28", "2021-03-01"),
        ("2019-11-01", "2020-08-01", "2020-08-02"),  # 8 months and 29 or 30 days on 31 July
    ],
)
def test_over_from_the_day_after_nine_calendar_months(started_on: str, last_day: str, next_day: str) -> None:
    facts = of(a_plan(started_on))
    assert found(OVER, facts, last_day).state is State.APPROACHING
    assert (found(OVER, facts, next_day).state, found(OVER, facts, next_day).days_over) == (State.OVER, 1)


def test_what_the_row_shows_beside_its_clock() -> None:
    facts = of(
        a_plan("2019-08-15", plo_considered_on=day("2020-05-20"), plo_decision="remain_on_plan"),
        cp_reviews=(*cp_reviews("2019-11-14", "2020-05-14"), CpReview(due_on=day("2020-11-12"))),
        pre_proceedings=(a_stage("2020-06-01"),),
        care_proceedings=(),
        periods_of_care=(a_period("2020-07-01"),),
    )
    finding = found(OVER, facts)
    assert finding.explanation == (
        "9 months from 15 August 2019, not counting that day, end on 15 May 2020; 31 July 2020 is 77 days over."
    )
    assert finding.missing == ()
    assert finding.extra == {
        "this_plan_started_on": day("2019-08-15"),
        "category": "NEG",
        "plo_considered_on": day("2020-05-20"),
        "plo_decision": "remain_on_plan",
        "reviews_held": 2,
        "second_review_held_on": day("2020-05-14"),
        "next_review_due_on": day("2020-11-12"),
        "mid_point_due_on": day("2020-08-14"),  # second review held + 3 months
        "mid_point_checked_on": None,
        "in_pre_proceedings": True,
        "in_proceedings": False,
        "looked_after": True,
    }


def test_no_mid_point_is_due_before_a_second_review_is_held() -> None:
    facts = of(a_plan("2019-08-15"), cp_reviews=cp_reviews("2019-11-14", "2020-08-14"))
    assert found(OVER, facts).extra["mid_point_due_on"] is None
    assert found(OVER, facts).missing == ("the decision at 9 months whether to enter pre-proceedings",)


def test_in_proceedings_is_shown() -> None:
    assert found(OVER, of(a_plan("2019-08-15"), care_proceedings=(an_application("2020-06-01"),))).extra[
        "in_proceedings"
    ]


def test_a_plan_restarted_next_day_runs_from_the_earlier_start_and_is_a_repeat() -> None:
    facts = of(a_plan("2019-08-15", "2020-06-30"), a_plan("2020-07-01"))
    finding = found(OVER, facts)
    assert (finding.started_on, finding.state, finding.flags) == (day("2019-08-15"), State.OVER, ("restart",))
    assert finding.extra["this_plan_started_on"] == day("2020-07-01")
    repeat = found(REPEAT, facts)
    assert (repeat.state, repeat.line) == (State.OVER, "within_two_years")
    assert "restart" in repeat.flags


@pytest.mark.parametrize(("started_on", "runs_from"), [("2020-05-29", "2019-08-15"), ("2020-05-30", "2020-05-30")])
def test_a_restart_is_within_28_days(started_on: str, runs_from: str) -> None:
    facts = of(a_plan("2019-08-15", "2020-05-01"), a_plan(started_on))
    assert found(OVER, facts, "2020-07-31").started_on == day(runs_from)


def test_the_last_day_of_a_plan_is_still_on_it() -> None:
    facts = of(a_plan("2019-08-15", "2020-07-31"))
    assert found(OVER, facts, "2020-07-31").state is State.OVER
    assert find(OVER, facts, "2020-08-01") is None


def test_another_councils_plan_is_not_ours() -> None:
    assert find(OVER, of(a_plan("2019-08-15", other_council=True))) is None


# --- repeat ----------------------------------------------------------------------------------


def test_a_second_plan_five_months_after_the_first() -> None:
    finding = found(REPEAT, of(a_plan("2018-06-01", "2019-12-02"), a_plan("2020-05-04")))
    assert (finding.state, finding.line) == (State.OVER, "within_two_years")
    assert (finding.limit, finding.due_on, finding.days_over, finding.days_in_state) == (None, None, None, 88)
    assert finding.explanation == (
        "On a plan since 4 May 2020, 88 days by 31 July 2020; 1 earlier plan here and 0 elsewhere; "
        "the previous one ended on 2 December 2019, 154 days before this one started."
    )
    assert finding.flags == ("screening_outstanding",)
    assert finding.extra["days_between"] == 154


@pytest.mark.parametrize(("ended_on", "line"), [("2018-05-04", "within_two_years"), ("2018-05-03", "earlier")])
def test_within_two_years_is_from_the_previous_end_to_this_start(ended_on: str, line: str) -> None:
    finding = found(REPEAT, of(a_plan("2017-06-01", ended_on), a_plan("2020-05-04")), "2020-12-01")
    assert finding.line == line
    assert finding.extra["within_two_years"] is (line == "within_two_years")


@pytest.mark.parametrize(
    "facts",
    [
        of(a_plan("2020-05-04", previous_elsewhere=1)),
        of(a_plan("2020-05-04"), plan_counts=(PlanCount(here=0, elsewhere=1, counted_on=day("2020-05-04")),)),
    ],
)
def test_a_declared_count_is_enough_and_elsewhere_is_apart(facts: Facts) -> None:
    finding = found(REPEAT, facts)
    assert (finding.line, finding.extra["earlier_here"], finding.extra["earlier_elsewhere"]) == (
        "previous_end_unknown",
        0,
        1,
    )
    assert "the end of the previous plan" in finding.missing


def test_another_councils_row_counts_as_elsewhere() -> None:
    finding = found(REPEAT, of(a_plan("2018-01-08", "2018-11-01", other_council=True), a_plan("2020-05-04")))
    assert (finding.extra["earlier_here"], finding.extra["earlier_elsewhere"]) == (0, 1)


def test_the_larger_of_rows_and_declared_count_is_shown() -> None:
    facts = of(a_plan("2018-01-08", "2018-11-01"), a_plan("2020-05-04", previous_here=3))
    assert found(REPEAT, facts).extra["earlier_here"] == 3


def test_screening_done_is_no_longer_outstanding() -> None:
    plan = a_plan("2020-05-04", previous_here=1, repeat_screened_on=day("2020-04-30"))
    assert found(REPEAT, of(plan)).flags == ()


@pytest.mark.parametrize(
    "facts",
    [
        of(a_plan("2020-05-04")),
        of(a_plan("2020-05-04", previous_here=0, previous_elsewhere=0)),
        of(a_plan("2018-01-08", "2018-11-01")),  # an earlier plan, none open
        of(a_plan("2020-05-04"), plan_counts=(PlanCount(here=1, counted_on=day("2020-08-01")),)),  # counted tomorrow
    ],
)
def test_a_first_plan_and_a_closed_one_are_not_repeats(facts: Facts) -> None:
    assert find(REPEAT, facts) is None


def test_two_plans_open_at_once_are_flagged() -> None:
    assert "two_open_plans" in found(REPEAT, of(a_plan("2019-08-15"), a_plan("2020-05-04"))).flags


def test_an_end_in_the_year_9999_is_an_open_end() -> None:
    facts = of(a_plan("2019-08-15", "9999-12-31"), a_plan("2020-05-04", "9999-12-31"))
    assert found(OVER, facts).started_on == day("2019-08-15")
    assert found(REPEAT, facts).line == "within_two_years"
