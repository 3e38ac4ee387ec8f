"""Rows of one care leaver read as one: no danger is lost, no good news invented, and no order decides."""

from datetime import date
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from service.domain.facts import Accommodation, CareLeaverStatus, Eligibility, InTouch
from service.domain.suitability import is_breach
from service.readers.leavers_weighed import Record, weighed

DAYS = [None, date(2020, 5, 1), date(2020, 7, 1)]
STATUSES = st.builds(
    CareLeaverStatus,
    eligibility=st.sampled_from([None, *Eligibility]),
    in_touch=st.sampled_from([None, *InTouch]),
    in_touch_on=st.sampled_from(DAYS),
    activity=st.sampled_from([None, "F5", "G5"]),
)
PLACES = st.none() | st.builds(
    Accommodation, code=st.sampled_from([None, *"SUVWXK0"]), suitable=st.sampled_from([None, True, False])
)
RECORDS = st.lists(st.tuples(STATUSES, PLACES), min_size=1, max_size=5).map(
    lambda rows: [
        Record(
            dataset="ssd_care_leavers", row=line, key=f"C{line}", person_id="P1",
            status=status, status_flags=(), place=place, place_flags=(),
        )
        for line, (status, place) in enumerate(rows, start=2)
    ]
)  # fmt: skip


def that_count(records: list[Record]) -> list[Record]:
    """The latest of the dated rows, and those without a date."""
    newest = max((r.status.in_touch_on for r in records if r.status.in_touch_on), default=None)
    return [r for r in records if r.status.in_touch_on in (newest, None)]


@given(RECORDS, st.randoms())
def test_the_order_of_rows_decides_nothing(records: list[Record], chance: Random) -> None:
    again = list(records)
    chance.shuffle(again)
    assert weighed(again) == weighed(records)


@given(RECORDS)
def test_a_breach_in_any_row_that_counts_stands_and_none_is_made_up(records: list[Record]) -> None:
    places = [r.place for r in that_count(records) if r.place is not None]
    found = weighed(records).place
    assert (found is not None and is_breach(found)) is any(is_breach(place) for place in places)


@given(RECORDS)
def test_touch_lost_in_any_row_that_counts_is_lost_and_a_death_needs_its_date(records: list[Record]) -> None:
    peers = that_count(records)
    said = {r.status.in_touch for r in peers} - {None}
    dated = {r.status.in_touch for r in peers if r.status.in_touch_on}
    found = weighed(records).status.in_touch
    if found is InTouch.DIED:
        assert dated == {InTouch.DIED} or said == {InTouch.DIED}
    elif InTouch.NO in said or InTouch.REFU in said:
        assert found is (InTouch.NO if InTouch.NO in said else InTouch.REFU)
    else:
        assert found is None or found in said


@given(RECORDS)
def test_what_is_known_afterwards_every_row_that_counts_allows(records: list[Record]) -> None:
    found = weighed(records).status
    for name in ("eligibility", "activity"):
        value = getattr(found, name)
        assert value is None or {getattr(r.status, name) for r in that_count(records)} <= {value, None}
