"""The last day within each kind of limit, the approaching window, and the arithmetic in words."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import clocks
from service.domain.clocks import GRAVITY, Limit, State, Unit
from tests.factories import day

TWELVE_WEEKS = Limit(12, Unit.WEEKS)
LIMITS = st.builds(Limit, st.integers(1, 300), st.sampled_from(Unit), st.booleans())
STARTS = st.dates(min_value=date(2010, 1, 1), max_value=date(2040, 1, 1))


@pytest.mark.parametrize(
    ("start", "limit", "last_day"),
    [
        ("2020-05-04", TWELVE_WEEKS, "2020-07-27"),
        ("2020-05-04", Limit(84, Unit.DAYS), "2020-07-27"),
        ("2020-02-03", Limit(26, Unit.WEEKS, beginning_with=True), "2020-08-02"),  # issue + 181
        ("2019-05-31", Limit(9, Unit.MONTHS), "2020-02-29"),
        ("2020-05-31", Limit(9, Unit.MONTHS), "2021-02-28"),
        ("2019-12-02", Limit(20, Unit.WORKING_DAYS), "2020-01-02"),
        ("2020-07-01", Limit(1, Unit.WORKING_DAYS, beginning_with=True), "2020-07-01"),
    ],
)
def test_the_last_day_still_within(start: str, limit: Limit, last_day: str) -> None:
    assert limit.last_day(day(start)) == day(last_day)


@pytest.mark.parametrize(
    ("as_at", "state", "days_over", "days_in_state"),
    [
        ("2020-07-06", State.WITHIN, 0, 63),
        ("2020-07-07", State.APPROACHING, 0, 1),  # a quarter of 84 days is 21
        ("2020-07-27", State.APPROACHING, 0, 21),  # day 84
        ("2020-07-28", State.OVER, 1, 1),  # day 85
        ("2020-07-31", State.OVER, 4, 4),
    ],
)
def test_day_84_and_day_85(as_at: str, state: State, days_over: int, days_in_state: int) -> None:
    clock = clocks.read(day("2020-05-04"), TWELVE_WEEKS, day(as_at))
    assert (clock.state, clock.days_over, clock.days_in_state) == (state, days_over, days_in_state)


@pytest.mark.parametrize(("days", "window"), [(1, 1), (7, 1), (28, 7), (56, 14), (112, 28), (182, 28), (365, 28)])
def test_the_window_is_a_quarter_at_least_1_day_at_most_28(days: int, window: int) -> None:
    start = day("2020-01-06")
    assert clocks.window(start, start + timedelta(days=days)) == window


def test_the_arithmetic_in_a_sentence() -> None:
    clock = clocks.read(day("2020-05-04"), TWELVE_WEEKS, day("2020-07-31"))
    assert clock.sentence == (
        "12 weeks (84 days) from 4 May 2020, not counting that day, end on 27 July 2020; 31 July 2020 is 4 days over."
    )


def test_the_arithmetic_of_a_limit_that_begins_with_the_day() -> None:
    clock = clocks.read(day("2020-02-03"), Limit(26, Unit.WEEKS, beginning_with=True), day("2020-08-02"))
    assert clock.sentence == (
        "26 weeks (182 days) beginning with 3 February 2020 end on 2 August 2020; 2 August 2020 is the last day."
    )


def test_the_arithmetic_of_working_days() -> None:
    clock = clocks.read(day("2019-12-02"), Limit(20, Unit.WORKING_DAYS), day("2020-01-01"))
    assert clock.sentence == (
        "20 working days from 2 December 2019, not counting that day, weekends or bank holidays, end on 2 January "
        "2020; 1 January 2020 is 1 day before that."
    )


def test_states_are_in_order_of_gravity() -> None:
    assert sorted(State, key=GRAVITY.__getitem__) == ["danger", "unknown", "over", "approaching", "within"]


@given(STARTS, LIMITS)
def test_the_due_date_is_the_last_day_within(start: date, limit: Limit) -> None:
    due_on = limit.last_day(start)
    assert clocks.read(start, limit, due_on).state is State.APPROACHING
    assert clocks.read(start, limit, due_on + timedelta(days=1)).days_over == 1


@given(STARTS, LIMITS, st.integers(0, 3000), st.integers(0, 400))
def test_a_state_only_gets_graver_with_time(start: date, limit: Limit, after: int, later: int) -> None:
    one = clocks.read(start, limit, start + timedelta(days=after))
    other = clocks.read(start, limit, start + timedelta(days=after + later))
    assert GRAVITY[other.state] <= GRAVITY[one.state]
    assert other.days_over >= one.days_over


@given(STARTS, LIMITS, st.integers(0, 3000))
def test_days_in_state_count_back_to_the_day_it_began(start: date, limit: Limit, after: int) -> None:
    as_at = start + timedelta(days=after)
    clock = clocks.read(start, limit, as_at)
    first = as_at - timedelta(days=clock.days_in_state - 1)
    if clock.state is not State.WITHIN:
        assert clocks.read(start, limit, first).state is clock.state
        assert clocks.read(start, limit, first - timedelta(days=1)).state is not clock.state
