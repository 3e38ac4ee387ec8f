"""What is refused or doubtful, over HTTP: who may ask, what is said of whom, and never what a cell held."""

import json
from collections import Counter

import pytest

from tests.village import NAMES, Village, codes, sheet, ssd_files

SPELL = {"spell_id": "AEX2", "eclipse_id": "EX2", "code": "U", "suitable": "yes", "started_on": "2020-01-06"}
BACKWARDS = SPELL | {"ended_on": "2019-12-01"}
HIDDEN = {"spell_id": "AEX5", "eclipse_id": "EX5", "code": "canary", "started_on": "2020-07-11"}
NORTH = {"spell_id": "ANO1", "eclipse_id": "NO1", "code": "canary", "started_on": "2020-06-15"}
ODD = {"spell_id": "AZZ9", "eclipse_id": "ZZ9", "code": "U", "started_on": "canary"}
ROWS = "/v1/data-quality/rows"
MAY = {"manager", "head", "robot", "performance_analyst", "area_manager", "locality_director"}


@pytest.fixture
def troubled(village: Village) -> Village:
    """The village after a night with a row that ends before it begins, two odd codes, and a date that is none."""
    spells = {"accommodation": sheet(BACKWARDS, HIDDEN, NORTH, ODD)}
    village.push("cohorts", spells, run_id="cohorts-2", hours_ago=1)
    return village


def rows(village: Village, who: str, **filters: object) -> list[dict[str, object]]:
    answer = village.get(who, ROWS, **filters)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["rows"])


def told(village: Village, who: str, **filters: object) -> set[tuple[object, object]]:
    return {(each["key"], each["code"]) for each in rows(village, who, **filters) if each["dataset"] == "accommodation"}


def test_each_reader_sees_what_is_theirs_to_put_right(troubled: Village) -> None:
    everything = told(troubled, "performance_analyst")
    assert {
        ("AEX2", "ends_before_start"),
        ("ANO1", "unmapped"),
        ("AZZ9", "not_a_date"),
    } <= everything
    assert told(troubled, "head") == everything
    theirs = told(troubled, "manager")
    assert ("AEX2", "ends_before_start") in theirs
    assert not {("ANO1", "unmapped"), ("AZZ9", "not_a_date")} & theirs
    assert ("ANO1", "unmapped") in told(troubled, "northern_manager")
    assert told(troubled, "robot") == {("AZZ9", "not_a_date")}


def test_a_row_says_why_and_whose_and_since_when(troubled: Village) -> None:
    troubled.clock.advance(days=2)
    troubled.tokens.clear()
    (row,) = rows(troubled, "manager", code="ends_before_start")
    assert row["reason"] == "ended_on is before the day it began (allowed: a day not before the start)."
    assert (row["owner"], row["team"], row["age_days"], row["doubtful"]) == ("team_manager", "exeter_pt", 2, False)
    assert row["person_id"] == troubled.ids["EX2"]


def test_nothing_of_a_restricted_person_and_no_value_and_no_name_is_said(troubled: Village) -> None:
    for who in ("performance_analyst", "head", "manager"):
        said = json.dumps(rows(troubled, who))
        assert troubled.ids["EX5"] not in said
        assert "AEX5" not in said
        assert not [word for word in (*NAMES, "canary") if word in said]


def test_a_restricted_person_is_one_blank_row_that_answers_to_no_filter(troubled: Village) -> None:
    """Neither which dataset, nor what is wrong, whose it is and since when; and one row however much is wrong."""
    troubled.push("cohorts", {"accommodation": sheet(HIDDEN | {"spell_id": "AE6"}, HIDDEN)}, run_id="3", hours_ago=0)
    whole = rows(troubled, "manager")
    blank = dict.fromkeys(whole[0]) | {"reason": "This record is restricted."}
    assert [each for each in whole if each["issue_id"] is None] == [whole[-1]] == [blank]
    filters = (
        {"dataset": "accommodation"},
        {"code": "unmapped"},
        {"owner": "performance_analyst"},
        {"doubtful": "true"},
    )
    for narrow in filters:
        assert None not in [each["issue_id"] for each in rows(troubled, "manager", **narrow)]
    page = troubled.get("manager", ROWS, limit=1).json()
    assert page["rows"] == whole[:1]


def test_a_script_learns_nothing_of_whom_its_file_names(troubled: Village) -> None:
    """Rows that nothing can read, of a child who is held, a restricted one, and nobody: the same but for their keys."""
    troubled.clock.advance(hours=2)
    troubled.tokens.clear()
    people = sheet(*[{"eclipse_id": each, "born_on": "rubbish"} for each in ("EX1", "EX5", "NOBODY-7")])
    troubled.push("cohorts", {"people": people}, run_id="probe", hours_ago=0)
    found = [each for each in rows(troubled, "robot") if each["dataset"] == "people"]
    assert sorted(each["key"] for each in found) == ["EX1", "EX5", "NOBODY-7"]
    assert {(each["person_id"], each["team"], each["code"]) for each in found} == {(None, None, "not_a_date")}
    assert troubled.get("robot", "/v1/data-quality").json()["restricted"] == 0


def test_counts_go_by_dataset_and_owner(troubled: Village) -> None:
    found = troubled.get("performance_analyst", "/v1/data-quality").json()
    (spells,) = [each for each in found["datasets"] if each["dataset"] == "accommodation"]
    assert spells["refused"] == 2
    assert spells["owners"]["team_manager"] == 1
    assert spells["owners"]["integration"] == 1
    assert sum(spells["owners"].values()) == spells["refused"] + spells["doubtful"]
    own = troubled.get("robot", "/v1/data-quality").json()
    assert (own["refused"], own["doubtful"]) == (1, 0)


def test_what_is_wrong_in_a_restricted_record_is_in_no_figure_but_that_of_people(troubled: Village) -> None:
    """The figures less the rows one may list must leave nothing: neither a table nor whose it is."""
    troubled.push("cohorts", {"accommodation": sheet(HIDDEN | {"spell_id": "AE6"}, HIDDEN)}, run_id="3", hours_ago=0)
    for who in ("performance_analyst", "head", "manager"):
        found, listed = troubled.get(who, "/v1/data-quality").json(), rows(troubled, who)
        told = Counter((each["dataset"], each["owner"]) for each in listed if each["issue_id"])
        assert told == {(e["dataset"], owner): n for e in found["datasets"] for owner, n in e["owners"].items()}
        assert (found["refused"] + found["doubtful"], found["restricted"]) == (told.total(), 1)


def test_pages_hold_everything_once(troubled: Village) -> None:
    whole = [each["issue_id"] for each in rows(troubled, "head")]
    assert len(whole) > 3
    found, cursor = [], None
    while True:
        page = troubled.get("head", ROWS, limit=1, **({"cursor": cursor} if cursor else {})).json()
        found += [each["issue_id"] for each in page["rows"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == whole


def test_a_filter_that_names_nothing_is_refused(troubled: Village) -> None:
    for name, value in (("dataset", "accomodation"), ("owner", "nobody"), ("code", "wrong")):
        answer = troubled.get("head", ROWS, **{name: value})
        assert (answer.status_code, codes(answer)) == (422, [(name, "unknown")])
    assert rows(troubled, "head", dataset="contacts") == []
    assert {each["doubtful"] for each in rows(troubled, "head", doubtful="true")} == {True}


@pytest.mark.parametrize("path", [ROWS, "/v1/data-quality"])
def test_others_may_not(village: Village, path: str) -> None:
    for who in ("adviser", "lead_member", "information_governance", "administrator"):
        assert village.get(who, path).status_code == 403
    for who in sorted(MAY):
        assert village.get(who, path).status_code == 200


def test_a_reading_is_audited_with_whom_it_showed(troubled: Village) -> None:
    before = troubled.audit()
    rows(troubled, "manager", code="ends_before_start")
    (entry,) = [each for each in troubled.noted(before) if each.act == "read.data_quality_rows"]
    assert entry.seen == 1


def test_coverage_says_what_is_fed_and_by_whom_and_who_feeds_nothing(village: Village) -> None:
    village.post("adviser", "/v1/contacts", {
        "eclipse_id": "EX1", "occurred_at": "2020-07-30T10:00:00+01:00", "contact_kind": "phone", "outcome": "made",
    })  # fmt: skip
    quiet = sheet({"team_id": "quiet", "title": "Quiet", "service_code": "care_leavers"})
    village.push("cohorts", {"teams": quiet}, run_id="cohorts-2", hours_ago=1)
    found = village.get("performance_analyst", "/v1/ingest/coverage").json()
    datasets = {each["dataset"]: each for each in found["datasets"]}
    assert datasets["ssd_person"]["supplied"]
    assert (datasets["ssd_person"]["rows"], datasets["ssd_person"]["facts"]) == (7, 7)
    assert (datasets["ssd_missing"]["supplied"], datasets["ssd_missing"]["age_hours"]) == (False, None)
    assert datasets["teams"]["age_hours"] == 1
    teams = {each["team"]: each for service in found["services"] for each in service["teams"]}
    assert teams["quiet"]["feeds"] == []
    assert (teams["exeter_pt"]["people"], teams["exeter_pt"]["feeds"]) == (5, ["feed", "workers"])
    assert teams["exeter_pt"]["people_by_kinds"]["contact"] == {"feed": 1, "workers": 1, "upload": 0}
    assert teams["north_pt"]["people_by_kinds"]["care_leavers"] == {"feed": 1, "workers": 0, "upload": 0}
    assert {s["service"]: s["people"] for s in found["services"]} == {"care_leavers": 6, "children": 1}
    assert not [word for word in (*NAMES, *village.ids, *village.ids.values()) if f'"{word}"' in json.dumps(found)]
    assert village.get("manager", "/v1/ingest/coverage").status_code == 403


def test_coverage_forgets_entries_after_four_weeks(village: Village) -> None:
    village.post("adviser", "/v1/contacts", {
        "eclipse_id": "EX1", "occurred_at": "2020-07-30T10:00:00+01:00", "contact_kind": "phone", "outcome": "made",
    })  # fmt: skip
    village.clock.advance(days=29)
    village.tokens.clear()
    found = village.get("head", "/v1/ingest/coverage").json()
    teams = {each["team"]: each for service in found["services"] for each in service["teams"]}
    assert teams["exeter_pt"]["feeds"] == ["feed"]
    assert all(each["stale"] for each in found["datasets"] if each["supplied"])


def test_a_person_whose_team_has_no_service_is_still_counted(village: Village) -> None:
    files = {"ssd_involvements": ssd_files()["ssd_involvements"].replace(b"north_pt", b"nowhere_")}
    village.push("ssd", files, run_id="ssd-2", hours_ago=1)
    found = village.get("head", "/v1/ingest/coverage")
    assert found.status_code == 200
