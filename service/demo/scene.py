"""The day a demo council ends on, its dice and its size: what every part of it is drawn from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import TypeVar

T = TypeVar("T")

NIGHTS = (28, 21, 14, 7, 0)
"""Days before the last day on which extracts are run."""


@dataclass(frozen=True, slots=True)
class Scene:
    """All dates are days before `as_at`, so that the council tells the same story whatever the day."""

    as_at: date
    scale: int
    dice: Random
    numbers: Iterator[int] = field(default_factory=lambda: count(100_001))

    def ago(self, days: int) -> date:
        """The date `days` before the last day; negative is ahead."""
        return self.as_at - timedelta(days=days)

    def number(self) -> int:
        """The next number of the source's own, used once."""
        return next(self.numbers)

    def one_of(self, weights: dict[T, int]) -> T:
        """One of the keys, each as often as its weight says."""
        return self.dice.choices(list(weights), list(weights.values()))[0]

    def deal(self, shares: dict[T, int], size: int) -> list[T]:
        """Exactly `size` keys in the proportions of `shares`, shuffled."""
        total = sum(shares.values())
        hand = [key for key, share in shares.items() for _ in range(share * size // total)]
        largest = max(shares, key=lambda key: shares[key])
        hand += [largest] * (size - len(hand))
        self.dice.shuffle(hand)
        return hand

    def sample(self, choices: Sequence[T], size: int) -> list[T]:
        """`size` different elements in a random order."""
        return self.dice.sample(choices, size)


def years_before(day: date, years: int) -> date:
    """The same day `years` earlier; 29 February becomes 1 March in a year without one."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1)


def months_after(day: date, months: int) -> date:
    """The same day of the month `months` later (earlier when negative), clamped to the month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def age_on(day: date, born_on: date) -> int:
    """Whole years of age; somebody born on 29 February has birthdays on 1 March otherwise."""
    return day.year - born_on.year - ((day.month, day.day) < (born_on.month, born_on.day))


def birthday(born_on: date, age: int) -> date:
    """The day somebody reaches `age`."""
    return years_before(born_on, -age)
