"""How long is allowed, where that leaves us on a day, and the arithmetic in words."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from service.domain import dates


class State(StrEnum):
    """Where a clock stands, gravest first."""

    DANGER = "danger"
    UNKNOWN = "unknown"
    OVER = "over"
    APPROACHING = "approaching"
    WITHIN = "within"


GRAVITY: dict[State, int] = {state: place for place, state in enumerate(State)}  # 0 is gravest


class Unit(StrEnum):
    """What a limit is counted in."""

    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    WORKING_DAYS = "working_days"


LONGEST_WINDOW = 28  # days


@dataclass(frozen=True, slots=True)
class Limit:
    """So many units. The start day is not counted unless the limit says "beginning with the day"."""

    number: int
    unit: Unit
    beginning_with: bool = False

    @property
    def words(self) -> str:
        """The limit as people say it: 12 weeks, 10 working days."""
        return dates.counted(self.number, self.unit.value.replace("_", " ").removesuffix("s"))

    def last_day(self, start: date) -> date:
        """The last day still within the limit."""
        before = timedelta(days=1) if self.beginning_with else timedelta()
        match self.unit:
            case Unit.DAYS:
                return start + timedelta(days=self.number) - before
            case Unit.WEEKS:
                return start + timedelta(weeks=self.number) - before
            case Unit.MONTHS:
                return dates.add_months(start, self.number) - before
            case Unit.WORKING_DAYS:
                return dates.add_working_days(start - before, self.number)


def window(start: date, due_on: date) -> int:
    """Days of the approaching window: a quarter of the limit, at least 1 and at most 28."""
    return max(1, min(LONGEST_WINDOW, (due_on - start).days // 4))


def stands(start: date, due_on: date, as_at: date, *, window_days: int | None = None) -> State:
    """Over from the day after `due_on`, approaching in the window that ends with it, otherwise within."""
    if as_at > due_on:
        return State.OVER
    days = window(start, due_on) if window_days is None else window_days
    return State.APPROACHING if (due_on - as_at).days < days else State.WITHIN


@dataclass(frozen=True, slots=True)
class Clock:
    """A limit running from a start, read on a day."""

    start: date
    limit: Limit
    as_at: date
    due_on: date
    state: State
    window_days: int

    @property
    def days_over(self) -> int:
        """Days past the last day within; 0 while within it."""
        return max(0, (self.as_at - self.due_on).days)

    @property
    def days_in_state(self) -> int:
        """Days since the state began, 1 on its first day; within counts from the start, that day not counted."""
        if self.state is State.OVER:
            return self.days_over
        if self.state is State.APPROACHING:
            return (self.as_at - self.due_on).days + self.window_days
        return max(0, (self.as_at - self.start).days)

    @property
    def sentence(self) -> str:
        """The arithmetic with its real dates."""
        return f"{span(self.start, self.limit, self.due_on)}; {position(self.due_on, self.as_at)}."


def read(start: date, limit: Limit, as_at: date, *, window_days: int | None = None) -> Clock:
    """Read a limit that runs from `start` on a day. `window_days` replaces the usual approaching window."""
    due_on = limit.last_day(start)
    days = window(start, due_on) if window_days is None else window_days
    return Clock(start, limit, as_at, due_on, stands(start, due_on, as_at, window_days=days), days)


def span(start: date, limit: Limit, due_on: date) -> str:
    """From where to where a limit runs: "12 weeks (84 days) from 4 May 2020, not counting that day, end on ..."."""
    in_days = f" ({limit.number * 7} days)" if limit.unit is Unit.WEEKS else ""
    verb = "ends" if limit.number == 1 else "end"
    if limit.beginning_with:
        counting = f"beginning with {dates.in_words(start)}"
    elif limit.unit is Unit.WORKING_DAYS:
        counting = f"from {dates.in_words(start)}, not counting that day, weekends or bank holidays,"
    else:
        counting = f"from {dates.in_words(start)}, not counting that day,"
    return f"{limit.words}{in_days} {counting} {verb} on {dates.in_words(due_on)}"


def position(due_on: date, as_at: date) -> str:
    """Where a day lies against the last day within."""
    days = (as_at - due_on).days
    if days > 0:
        return f"{dates.in_words(as_at)} is {dates.counted(days, 'day')} over"
    if days == 0:
        return f"{dates.in_words(as_at)} is the last day"
    return f"{dates.in_words(as_at)} is {dates.counted(-days, 'day')} before that"
