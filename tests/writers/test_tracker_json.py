"""The tracker as JSON: one shape, times in UTC, narrative and restricted people left out."""

from datetime import date, datetime, timedelta, timezone

import orjson
import pytest

from service.writers import tracker_json
from tests.writers import trackers


def written(*people: trackers.Facts, rows: bool = True) -> dict[str, object]:
    return dict(orjson.loads(tracker_json.written(trackers.of(*people, rows=rows))))


def test_times_are_utc_and_days_are_days() -> None:
    summer = timezone(timedelta(hours=1))
    said = {"at": datetime(2020, 7, 30, 14, 5, tzinfo=summer), "on": date(2020, 7, 31), "codes": frozenset({"b", "a"})}
    assert tracker_json.dump(said) == b'{"at":"2020-07-30T14:05:00+01:00","on":"2020-07-31","codes":["a","b"]}'
    assert tracker_json.written(trackers.of()).startswith(b'{"as_at":"2020-07-31","known_at":"2020-07-31T08:00:00Z"')


def test_what_it_cannot_write_it_refuses() -> None:
    with pytest.raises(TypeError):
        tracker_json.dump({"engine": object()})


def test_nobody_at_all_is_still_every_cohort() -> None:
    tracker = written()
    tables = tracker["cohorts"]
    assert isinstance(tables, list)
    assert [table["code"] for table in tables] == [cohort.code for cohort in trackers.COHORTS]
    assert all(table["count"] == table["of"] == 0 and table["rows"] == [] for table in tables)
    assert (tracker["danger"], tracker["held"]) == ([], [])


def test_a_row_carries_its_clock_and_no_narrative() -> None:
    content = tracker_json.written(trackers.of(trackers.somebody("Rowan")))
    assert trackers.WHY.encode() not in content
    table = orjson.loads(content)["cohorts"][0]
    (row,) = table["rows"]
    assert (table["code"], row["line"], row["risk"]) == ("unsuitable_accommodation", "unacceptable", "unknown")
    assert row["flags"] == ["contested"]
    assert row["clock"]["facts"][0]["flags"] == ["contested"]
    assert row["last_contact"]["made"] == {"occurred_at": "2020-07-20T10:00:00+01:00", "kind": "phone", "seen": None}


def test_danger_is_listed_once_with_its_cohorts() -> None:
    (danger,) = orjson.loads(tracker_json.written(trackers.of(trackers.somebody("Rowan"))))["danger"]
    assert (danger["person"]["name"], danger["cohorts"]) == ("Rowan Demo-Ashford", ["unsuitable_accommodation"])
    assert danger["missing_since"] is None


def test_a_restricted_person_leaves_count_and_state() -> None:
    content = tracker_json.written(trackers.of(trackers.somebody("Hidden", restricted=True)))
    assert b"Hidden" not in content
    assert b"2020-07-10" not in content
    table = orjson.loads(content)["cohorts"][0]
    assert (table["count"], table["rows"][0]["clock"]["state"]) == (1, "danger")


def test_figures_without_rows() -> None:
    content = tracker_json.written(trackers.of(trackers.somebody("Rowan"), rows=False))
    assert b"Rowan" not in content
    assert orjson.loads(content)["cohorts"][0]["count"] == 1
