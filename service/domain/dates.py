"""London days, England's working days, calendar months and birthdays."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

LONDON = ZoneInfo("Europe/London")
FIRST_BANK_HOLIDAY_YEAR = 1872  # the Bank Holidays Act 1871 had its first full year then

# One-off days proclaimed after the `holidays` release in use: True adds a bank holiday, False takes one away.
ONE_OFF_DAYS: Mapping[date, bool] = {}


class BankHolidaysUnknown(ValueError):
    """No list of England's bank holidays reaches that year, so working days cannot be counted in it."""

    def __init__(self, year: int) -> None:
        super().__init__(f"bank holidays in England are not known for {year}")
        self.year = year


class NaiveMoment(ValueError):
    """A moment without an offset has no London day."""


def london_day(moment: datetime) -> date:
    """The day in London at a moment. Raises NaiveMoment when the moment carries no offset."""
    if moment.tzinfo is None:
        raise NaiveMoment("a moment needs an offset")
    return moment.astimezone(LONDON).date()


def in_words(day: date) -> str:
    """A day as people write it: 4 May 2020."""
    return f"{day.day} {day:%B} {day.year}"


def counted(number: int, noun: str) -> str:
    """A number and its noun: 1 day, 4 days."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def add_months(day: date, months: int) -> date:
    """The same day of the month, so many calendar months on, clamped: 31 May + 9 months is 28 or 29 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def birthday(born_on: date, age: int) -> date:
    """The day an age is reached. Someone born on 29 February has birthdays on 1 March in other years."""
    year = born_on.year + age
    if (born_on.month, born_on.day) == (2, 29) and monthrange(year, 2)[1] == 28:
        return date(year, 3, 1)
    return born_on.replace(year=year)


def age_on(born_on: date, day: date) -> int:
    """Age in whole years on a day; negative before birth."""
    age = day.year - born_on.year
    return age if day >= birthday(born_on, age) else age - 1


@lru_cache(maxsize=256)
def bank_holidays(year: int) -> frozenset[date]:
    """England's bank holidays in a year. Raises BankHolidaysUnknown beyond the last year known."""
    if year < FIRST_BANK_HOLIDAY_YEAR:
        return frozenset()
    calendar = holidays.country_holidays("GB", subdiv="ENG", years=year)
    if year > calendar.end_year:
        raise BankHolidaysUnknown(year)
    changed = {day for day in ONE_OFF_DAYS if day.year == year}
    return frozenset((set(calendar) - changed) | {day for day in changed if ONE_OFF_DAYS[day]})


def is_working_day(day: date) -> bool:
    """Monday to Friday and not a bank holiday in England."""
    return day.weekday() < 5 and day not in bank_holidays(day.year)


@lru_cache(maxsize=8192)
def add_working_days(day: date, number: int) -> date:
    """The working day that is `number` (0 or more) working days after a day; the day itself is not counted."""
    while number > 0:
        day += timedelta(days=1)
        if is_working_day(day):
            number -= 1
    return day
