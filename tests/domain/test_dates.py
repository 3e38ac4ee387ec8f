"""London days, working days, calendar months and birthdays, at their edges."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain import dates
from tests.factories import day

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2060, 12, 31))


@pytest.mark.parametrize(
    ("moment", "london"),
    [
        ("2020-07-30T23:30:00+00:00", "2020-07-31"),  # summer: half past midnight in London
        ("2020-01-30T23:30:00+00:00", "2020-01-30"),  # winter: no difference
        ("2026-03-29T00:59:59+00:00", "2026-03-29"),  # a second before the clocks go forward
        ("2026-03-29T23:00:00+00:00", "2026-03-30"),  # and that night it is midnight in London
        ("2026-10-24T23:30:00+00:00", "2026-10-25"),  # summer's last night
        ("2026-10-25T23:30:00+00:00", "2026-10-25"),  # after the clocks went back
        ("2020-07-31T00:30:00+01:00", "2020-07-31"),
    ],
)
def test_a_moment_belongs_to_the_day_in_london(moment: str, london: str) -> None:
    assert dates.london_day(datetime.fromisoformat(moment)) == day(london)


def test_a_moment_without_an_offset_has_no_day() -> None:
    with pytest.raises(dates.NaiveMoment):
        dates.london_day(datetime(2020, 7, 31, 12, 0))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2019-05-31", 9, "2020-02-29"),
        ("2020-05-31", 9, "2021-02-28"),
        ("2019-11-04", 9, "2020-08-04"),
        ("2020-12-31", 2, "2021-02-28"),
        ("2020-01-31", 12, "2021-01-31"),
        ("2020-02-29", 12, "2021-02-28"),
        ("2020-12-01", 1, "2021-01-01"),
    ],
)
def test_months_are_calendar_months_clamped(start: str, months: int, end: str) -> None:
    assert dates.add_months(day(start), months) == day(end)


@pytest.mark.parametrize("age", [16, 18, 21, 25])
def test_a_birthday_on_29_february_falls_on_1_march(age: int) -> None:
    """2004 + 16 and + 20 are leap years; the others are not."""
    born_on = day("2004-02-29")
    expected = date(2020, 2, 29) if age == 16 else date(2004 + age, 3, 1)
    assert dates.birthday(born_on, age) == expected
    assert dates.age_on(born_on, expected) == age
    assert dates.age_on(born_on, expected - timedelta(days=1)) == age - 1


def test_16_on_1_march_when_that_year_is_not_a_leap_year() -> None:
    """Never true of a birth year that is a leap year, but for a century: 1884 + 16 = 1900."""
    assert dates.birthday(date(1884, 2, 29), 16) == date(1900, 3, 1)


def test_working_days_jump_weekends_and_english_bank_holidays() -> None:
    """20 working days from 2 December 2019: Christmas Day, Boxing Day and New Year's Day are left out."""
    assert dates.add_working_days(day("2019-12-02"), 20) == day("2020-01-02")
    assert dates.add_working_days(day("2020-04-09"), 1) == day("2020-04-14")  # Maundy Thursday


def test_the_may_bank_holiday_of_2020_was_moved_to_ve_day() -> None:
    assert dates.is_working_day(day("2020-05-04"))
    assert not dates.is_working_day(day("2020-05-08"))


def test_2_january_is_a_holiday_in_scotland_only() -> None:
    assert dates.is_working_day(day("2020-01-02"))


def test_a_proclaimed_day_can_be_added_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dates, "ONE_OFF_DAYS", {day("2031-06-06"): True, day("2031-05-05"): False})
    dates.bank_holidays.cache_clear()
    try:
        assert not dates.is_working_day(day("2031-06-06"))
        assert dates.is_working_day(day("2031-05-05"))
    finally:
        dates.bank_holidays.cache_clear()


def test_beyond_the_last_known_year_working_days_are_refused() -> None:
    with pytest.raises(dates.BankHolidaysUnknown) as refusal:
        dates.add_working_days(day("2101-01-03"), 3)
    assert refusal.value.year == 2101


def test_a_year_before_bank_holidays_had_none() -> None:
    assert dates.bank_holidays(1850) == frozenset()


def test_a_day_in_words() -> None:
    assert dates.in_words(day("2020-05-04")) == "4 May 2020"
    assert (dates.counted(1, "day"), dates.counted(0, "day")) == ("1 day", "0 days")


@given(DAYS, st.integers(0, 40))
def test_so_many_working_days_lie_between(start: date, number: int) -> None:
    end = dates.add_working_days(start, number)
    between = [start + timedelta(days=n) for n in range(1, (end - start).days + 1)]
    assert sum(map(dates.is_working_day, between)) == number


@given(DAYS, st.integers(0, 60))
def test_months_keep_the_day_or_end_the_month(start: date, months: int) -> None:
    end = dates.add_months(start, months)
    assert (end.year * 12 + end.month) - (start.year * 12 + start.month) == months
    assert end.day == start.day or (end + timedelta(days=1)).day == 1


@given(DAYS, DAYS)
def test_an_age_begins_on_its_birthday(born_on: date, on: date) -> None:
    age = dates.age_on(born_on, on)
    assert dates.birthday(born_on, age) <= on < dates.birthday(born_on, age + 1)
