"""Children in care proceedings over 26 weeks: stories with real dates."""

import pytest

from service.domain.clocks import State
from service.domain.cohorts import court
from service.domain.facts import DelayParty
from tests.factories import a_stage, an_application, child, day, find, found

COHORT = "proceedings_over_26_weeks"


@pytest.mark.parametrize(
    ("as_at", "state", "over"),
    [
        ("2020-07-05", State.WITHIN, 0),
        ("2020-07-06", State.APPROACHING, 0),  # 28 days
        ("2020-08-02", State.APPROACHING, 0),  # issue + 181, 25 weeks and 6 days after it
        ("2020-08-03", State.OVER, 1),  # issue + 182
    ],
)
def test_26_weeks_begin_with_the_day_of_issue(as_at: str, state: State, over: int) -> None:
    finding = found(COHORT, child(care_proceedings=(an_application("2020-02-03"),)), as_at)
    assert (finding.state, finding.days_over, finding.due_on) == (state, over, day("2020-08-02"))


def test_the_row_explains_itself() -> None:
    finding = found(COHORT, child(care_proceedings=(an_application("2020-01-06"),)))
    assert finding.explanation == (
        "26 weeks (182 days) beginning with 6 January 2020 end on 5 July 2020; 31 July 2020 is 26 days over."
    )
    assert finding.missing == ("the reason for delay",)


def test_an_extension_is_shown_and_never_moves_the_limit() -> None:
    application = an_application(
        "2020-01-06",
        extended_to="2020-08-30",
        extensions=1,
        delay_reason="court_listing",
        delay_party=DelayParty.COURT,
        weeks_lost=4,
    )
    finding = found(COHORT, child(care_proceedings=(application,)))
    assert (finding.state, finding.due_on) == (State.OVER, day("2020-07-05"))
    assert finding.extra["extended_to"] == day("2020-08-30")
    assert finding.extra["days_past_extension"] == 0
    assert (finding.extra["reason"], finding.extra["delay_party"], finding.extra["weeks_lost"]) == (
        "court_listing",
        "court",
        4,
    )
    later = found(COHORT, child(care_proceedings=(application,)), "2020-09-01")
    assert later.extra["days_past_extension"] == 2


def test_final_disposal_ends_it_withdrawal_included() -> None:
    facts = child(care_proceedings=(an_application("2020-01-06", disposed_on="2020-07-31", disposal="withdrawn"),))
    assert found(COHORT, facts, "2020-07-30").state is State.OVER
    assert find(COHORT, facts, "2020-07-31") is None


def test_a_disposal_without_a_date_ends_nothing() -> None:
    finding = found(COHORT, child(care_proceedings=(an_application("2020-01-06", disposal="care_order"),)))
    assert (finding.state, finding.flags) == (State.OVER, ("disposal_undated",))
    assert "the day of the final disposal" in finding.missing


def test_issue_is_assumed_from_the_application_where_no_proceedings_are_recorded() -> None:
    finding = found(COHORT, child(pre_proceedings=(a_stage("2019-10-01", court_application_on="2020-01-06"),)))
    assert (finding.state, finding.started_on_basis, finding.line) == (State.OVER, "assumed", "issue_assumed")
    assert "the court's issue date" in finding.missing


def test_nothing_is_assumed_beside_recorded_proceedings() -> None:
    stage = a_stage("2019-10-01", court_application_on="2020-01-06")
    for application in (an_application("2020-01-08"), an_application("2020-01-03", disposed_on="2020-06-01")):
        facts = child(pre_proceedings=(stage,), care_proceedings=(application,))
        assert len(court.open_applications(facts, day("2020-02-01"))) == 1
        assert court.open_applications(facts, day("2020-02-01"))[0].issued_on_basis == "recorded"


def test_old_proceedings_do_not_hide_a_new_application() -> None:
    facts = child(
        pre_proceedings=(a_stage("2019-10-01", court_application_on="2020-01-06"),),
        care_proceedings=(an_application("2015-03-01", disposed_on="2015-08-01"),),
    )
    assert found(COHORT, facts).started_on == day("2020-01-06")


def test_of_two_applications_the_older_is_the_row_and_both_are_listed() -> None:
    facts = child(care_proceedings=(an_application("2019-12-02", court_reference="EX1"), an_application("2020-07-01")))
    finding = found(COHORT, facts)
    assert finding.started_on == day("2019-12-02")
    assert finding.extra["applications"] == [
        {"court_reference": "EX1", "issued_on": day("2019-12-02")},
        {"court_reference": None, "issued_on": day("2020-07-01")},
    ]


def test_issued_tomorrow_is_not_issued() -> None:
    assert find(COHORT, child(care_proceedings=(an_application("2020-08-01"),))) is None
