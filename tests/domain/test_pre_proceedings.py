"""Children in pre-proceedings over 12 weeks: stories with real dates."""

import pytest

from service.domain.clocks import Limit, State, Unit
from service.domain.facts import Person, PreProceedings, PreProceedingsOutcome
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY, Term
from tests.factories import a_stage, an_application, child, day, find, found, known

COHORT = "pre_proceedings_over_12_weeks"
STEP_DOWN, ISSUE = PreProceedingsOutcome.STEP_DOWN, PreProceedingsOutcome.ISSUE


def of(*stages: PreProceedings, **facts: object) -> Facts:
    return child(pre_proceedings=stages, **facts)


@pytest.mark.parametrize(
    ("as_at", "state", "over"),
    [
        ("2020-07-06", State.WITHIN, 0),
        ("2020-07-07", State.APPROACHING, 0),
        ("2020-07-27", State.APPROACHING, 0),  # day 84
        ("2020-07-28", State.OVER, 1),  # day 85
        ("2020-07-31", State.OVER, 4),
    ],
)
def test_day_84_and_day_85(as_at: str, state: State, over: int) -> None:
    finding = found(COHORT, of(a_stage("2020-05-04")), as_at)
    assert (finding.state, finding.days_over, finding.due_on) == (state, over, day("2020-07-27"))


def test_the_row_explains_itself() -> None:
    stage = a_stage(
        "2020-05-04", letter_sent_on="2020-05-11", family_group="F31", reason_over_12_weeks="expert_unavailable"
    )
    finding = found(COHORT, of(stage))
    assert finding.explanation == (
        "12 weeks (84 days) from 4 May 2020, not counting that day, end on 27 July 2020; 31 July 2020 is 4 days over."
    )
    assert (finding.line, finding.limit, finding.started_on_basis) == ("open", "12 weeks", "recorded")
    assert (finding.extra["family_group"], finding.extra["reason"]) == ("F31", "expert_unavailable")
    letter = finding.extra["from_letter"]
    assert isinstance(letter, dict)
    assert (letter["due_on"], letter["state"]) == (day("2020-08-03"), "approaching")


@pytest.mark.parametrize(
    ("ending", "last_day"),
    [
        ({"outcome": STEP_DOWN, "step_decided_on": "2020-07-29"}, "2020-07-28"),
        ({"court_application_on": "2020-07-29"}, "2020-07-28"),
        ({"outcome": ISSUE, "step_decided_on": "2020-07-01", "court_application_on": "2020-07-29"}, "2020-07-28"),
    ],
)
def test_step_down_or_application_ends_it(ending: dict[str, object], last_day: str) -> None:
    facts = of(a_stage("2020-05-04", **ending))
    assert found(COHORT, facts, last_day).state is State.OVER
    assert find(COHORT, facts, "2020-07-29") is None


def test_issue_by_the_court_ends_it_where_the_application_date_is_missing() -> None:
    facts = of(a_stage("2020-05-04"), care_proceedings=(an_application("2020-07-30"),))
    assert found(COHORT, facts, "2020-07-29").state is State.OVER
    assert find(COHORT, facts, "2020-07-30") is None


def test_proceedings_of_years_ago_do_not_end_it() -> None:
    facts = of(a_stage("2020-05-04"), care_proceedings=(an_application("2016-03-01", disposed_on="2016-08-01"),))
    assert found(COHORT, facts).state is State.OVER


def test_decided_to_issue_but_not_issued_stays_open() -> None:
    finding = found(COHORT, of(a_stage("2020-05-04", outcome=ISSUE, step_decided_on="2020-07-01")))
    assert (finding.state, finding.line, finding.days_over) == (State.OVER, "decided_not_issued", 4)
    assert finding.explanation.startswith("Decided on 1 July 2020 to issue, but no application is recorded.")


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ({"outcome_code": "Z", "step_decided_on": "2020-05-20"}, "the outcome of the decision"),
        ({"outcome_code": "Z"}, "the outcome of the decision"),
        ({"step_decided_on": "2020-05-20"}, "the outcome of the decision"),
        ({"outcome": STEP_DOWN}, "the day of the step-down"),
    ],
)
def test_an_ending_that_cannot_be_read_is_unknown(said: dict[str, object], missing: str) -> None:
    finding = found(COHORT, of(a_stage("2020-05-04", **said)), "2020-06-01", within=False)
    assert (finding.state, finding.line, finding.days_over) == (State.UNKNOWN, "outcome_unknown", None)
    assert missing in finding.missing


def test_an_unmapped_outcome_with_an_application_is_over_and_done() -> None:
    assert find(COHORT, of(a_stage("2020-05-04", outcome_code="Z", court_application_on="2020-07-20"))) is None


def test_a_start_nobody_wrote_down_is_unknown_until_the_letter_alone_is_over() -> None:
    stage = a_stage(None, letter_sent_on="2020-05-04")
    assert found(COHORT, of(stage), "2020-07-27").state is State.UNKNOWN
    finding = found(COHORT, of(stage), "2020-07-28")
    assert (finding.state, finding.started_on_basis) == (State.OVER, "assumed")
    assert finding.missing == ("the day pre-proceedings started",)


def test_no_date_at_all_is_unknown() -> None:
    assert found(COHORT, of(a_stage(None))).line == "start_unknown"


def test_begun_tomorrow_is_not_begun() -> None:
    assert find(COHORT, of(a_stage("2020-08-01"))) is None


FIRST = a_stage("2020-03-02", outcome=STEP_DOWN, step_decided_on="2020-05-01")


def test_a_restart_within_28_days_runs_from_the_earlier_start() -> None:
    finding = found(COHORT, of(FIRST, a_stage("2020-05-29")), "2020-06-01")
    assert (finding.started_on, finding.state) == (day("2020-03-02"), State.OVER)
    assert finding.extra["this_period_started_on"] == day("2020-05-29")
    assert "restart" in finding.flags
    assert finding.facts == (a_stage("2020-05-29"), FIRST)
    assert finding.explanation.startswith(
        "Restarted on 29 May 2020, within 28 days of the end of the period begun on 2 March"
    )


def test_a_later_start_is_a_period_of_its_own_with_the_earlier_shown_and_added() -> None:
    finding = found(COHORT, of(FIRST, a_stage("2020-05-30")), "2020-06-30")
    assert (finding.started_on, finding.state) == (day("2020-05-30"), State.WITHIN)
    assert finding.extra["earlier_periods"] == [
        {"started_on": day("2020-03-02"), "ended_on": day("2020-05-01"), "days": 60}
    ]
    assert finding.extra["days_in_all"] == 60 + 31


def test_the_worse_of_two_open_periods_is_the_row() -> None:
    assert found(COHORT, of(a_stage("2020-04-01"), a_stage("2020-07-20"))).started_on == day("2020-04-01")


def test_an_unborn_child_is_counted() -> None:
    unborn = Facts(
        person_id="p", person=Person(expected_on=day("2020-09-20")), pre_proceedings=(a_stage("2020-05-04"),)
    )
    finding = found(COHORT, unborn)
    assert (finding.state, finding.flags) == (State.OVER, ("unborn",))


def test_a_duration_is_judged_by_the_limit_of_its_start() -> None:
    sixteen = Term(
        code="court.pre_proceedings",
        title="Pre-proceedings",
        limit=Limit(16, Unit.WEEKS),
        authority="Local protocol",
        effective_from=day("2020-06-01"),
    )
    policy = DEFAULT_POLICY.plus([sixteen])
    assert found(COHORT, of(a_stage("2020-05-31")), policy=policy).limit == "12 weeks"
    assert found(COHORT, of(a_stage("2020-06-01")), policy=policy).limit == "16 weeks"


def test_a_row_that_left_the_extract_is_flagged_and_still_counted() -> None:
    finding = found(COHORT, of(a_stage("2020-05-04", known=known("left_the_extract"))))
    assert (finding.state, finding.flags) == (State.OVER, ("left_the_extract",))
