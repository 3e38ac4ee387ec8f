"""Until when a tracker reads the same: the hours of what has an age, and London's midnight."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from service.domain.lasting import good_until
from service.domain.tracker import Freshness, Tracker
from service.domain.viewpoint import Viewpoint

MORNING = datetime(2020, 7, 31, 8, 10, tzinfo=UTC)
MIDNIGHT = datetime(2020, 7, 31, 23, tzinfo=UTC)  # in London it is summer
NOTHING = Tracker(Viewpoint(date(2020, 7, 31), MORNING), {}, (), (), (), ())


def aged(*sources: str, held: str | None = None) -> Tracker:
    """A tracker of these sources, by when they were extracted, and of something that waits."""
    marks = [Freshness("eclipse", datetime.fromisoformat(at), 0, False, {}) for at in sources]
    waits = ({"since": datetime.fromisoformat(held)},) if held else ()
    return replace(NOTHING, freshness=tuple(marks), held=waits)


@pytest.mark.parametrize(
    ("tracker", "until"),
    [
        (NOTHING, MIDNIGHT),
        (aged("2020-07-31T01:00:00+00:00"), MORNING.replace(hour=9, minute=0)),
        (aged("2020-07-31T01:10:00+00:00"), MORNING.replace(hour=9, minute=10)),
        (aged("2020-07-31T01:00:00+00:00", "2020-06-01T04:20:00+00:00"), MORNING.replace(minute=20)),
        (aged("2020-07-31T01:00:00+00:00", held="2020-07-29T23:15:00+00:00"), MORNING.replace(minute=15)),
        (aged("2020-07-31T08:40:00+00:00"), MORNING.replace(minute=40)),
    ],
    ids=["only the day", "the hour", "the hour begins now", "the first of two", "what waits", "ahead of our clock"],
)
def test_it_reads_the_same_until_the_first_hour_is_full(tracker: Tracker, until: datetime) -> None:
    assert good_until(tracker, at=MORNING, live=True) == until
    assert good_until(tracker, at=MORNING, live=False) == MIDNIGHT, "what was known then does not age"


def test_the_day_ends_in_london() -> None:
    late = datetime(2020, 12, 31, 23, 59, tzinfo=UTC)
    assert good_until(NOTHING, at=late, live=True) == late + timedelta(minutes=1)
    assert good_until(NOTHING, at=MIDNIGHT, live=True) == MIDNIGHT + timedelta(days=1)
