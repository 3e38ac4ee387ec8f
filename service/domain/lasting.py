"""Until when a tracker reads the same, as long as nothing new is recorded."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from service.domain.dates import london_day
from service.domain.tracker import Tracker

LONDON = ZoneInfo("Europe/London")
HOUR = timedelta(hours=1)


def good_until(tracker: Tracker, *, at: datetime, live: bool) -> datetime:
    """The first moment after `at` at which it would read differently; `live` when it says what is known now.

    Ages are whole hours, and the marks of staleness and of reminders are whole hours too: of each source, and of
    what waits. A new London day moves every clock, and who sees whom.
    """
    return min((_midnight(at), *(_next_hour(since, at) for since in (_aged(tracker) if live else ()))))


def _aged(tracker: Tracker) -> Iterator[datetime]:
    yield from (each.extracted_at for each in tracker.freshness)
    for each in tracker.held:
        since = each["since"]
        assert isinstance(since, datetime)
        yield since


def _next_hour(since: datetime, at: datetime) -> datetime:
    return since + ((at - since) // HOUR + 1) * HOUR


def _midnight(at: datetime) -> datetime:
    return datetime.combine(london_day(at) + timedelta(days=1), time.min, LONDON)
