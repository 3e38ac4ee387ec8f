"""A fact as it was by a London day: nothing dated later has happened, and what had not begun is not there."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.facts import (
    Accommodation,
    CareLeaverStatus,
    Fact,
    InTouch,
    PeriodOfCare,
    Person,
    PlanCount,
    PreProceedingsOutcome,
)
from service.domain.viewpoint import as_true_by
from tests.factories import a_place, a_plan, a_stage, a_status, an_application, day

LEFT = a_place(ended_on=day("2020-07-30"))
IN_CUSTODY = a_place(code="X", release_on=day("2020-12-01"))
STEPPED_DOWN = a_stage(
    "2020-05-04", step_decided_on="2020-07-31", outcome=PreProceedingsOutcome.STEP_DOWN, outcome_code="B"
)  # fmt: skip
SINCE_NOBODY_KNOWS = a_place(started_on=None)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        pytest.param(a_place(ended_on=day("2020-07-31")), a_place(), id="an end that has not come"),
        pytest.param(LEFT, LEFT, id="an end that has"),
        pytest.param(a_place(judged_on=day("2020-07-31"), judged_by="T"), a_place(suitable=None), id="a judgement"),
        pytest.param(IN_CUSTODY, IN_CUSTODY, id="a release that is planned"),
        pytest.param(STEPPED_DOWN, a_stage("2020-05-04"), id="a step down"),
        pytest.param(
            PeriodOfCare(started_on=day("2020-01-15"), ended_on=day("2020-07-31"), end_reason="E4A"),
            PeriodOfCare(started_on=day("2020-01-15")),
            id="why care will end",
        ),
        pytest.param(
            an_application("2020-02-03", disposed_on="2020-07-31", disposal="care_order", next_hearing_on="2020-08-10"),
            an_application("2020-02-03", next_hearing_on="2020-08-10"),
            id="an order, but not the hearing that is planned",
        ),
        pytest.param(Person(forename="Rowan", died_on=day("2020-07-31")), Person(forename="Rowan"), id="a death"),
        pytest.param(a_place(started_on=day("2020-07-31")), None, id="a place not yet moved to"),
        pytest.param(a_plan("2020-07-31"), None, id="a plan not yet begun"),
        pytest.param(PlanCount(here=1, counted_on=day("2020-07-31")), None, id="plans not yet counted"),
        pytest.param(a_stage(None, letter_sent_on="2020-07-31"), None, id="a letter not yet sent, and no start"),
        pytest.param(SINCE_NOBODY_KNOWS, SINCE_NOBODY_KNOWS, id="a place since nobody knows when"),
    ],
)
def test_what_was_true_by_30_july(fact: Fact, expected: Fact | None) -> None:
    assert as_true_by(fact, day("2020-07-30")) == expected


def test_a_new_judgement_does_not_unsay_the_one_before() -> None:
    """Judged suitable on 9 March, unsuitable on 20 July: in May it was suitable."""
    before = a_place(suitable=True, judged_on=day("2020-03-09"), judged_by="T")
    now = a_place(suitable=False, judged_on=day("2020-07-20"), judged_by="U")
    then = as_true_by(now, day("2020-05-01"), [before])
    assert then == before
    assert as_true_by(now, day("2020-03-08"), [before]) == a_place(suitable=None)
    assert as_true_by(now, day("2020-07-20"), [before]) == now


def test_a_newer_date_in_touch_does_not_unsay_the_one_before() -> None:
    before = a_status(in_touch=InTouch.YES, in_touch_on=day("2020-06-25"))
    now = a_status(in_touch=InTouch.YES, in_touch_on=day("2020-07-25"))
    then = as_true_by(now, day("2020-07-20"), [before])
    assert isinstance(then, CareLeaverStatus)
    assert then.in_touch_on == day("2020-06-25")


DAYS = st.none() | st.dates(date(2020, 6, 1), date(2020, 8, 31))


PLACES = st.builds(Accommodation, code=st.just("U"), started_on=DAYS, ended_on=DAYS, judged_on=DAYS)


@settings(max_examples=200, deadline=None)
@given(PLACES, st.dates(date(2020, 6, 1), date(2020, 8, 31)))
def test_nothing_dated_after_the_day_is_in_what_was_true_by_it(place: Accommodation, on: date) -> None:
    then = as_true_by(place, on)
    if then is None:
        assert place.started_on is not None
        assert place.started_on > on
        return
    assert isinstance(then, Accommodation)
    assert all(when is None or when <= on for when in (then.started_on, then.ended_on, then.judged_on))
    assert as_true_by(then, on) == then
