"""The weekly tracker over HTTP: its shape, its three forms, who sees what of it, and what was known when."""

import csv
import io
from typing import Any

import pytest

from service.domain.cohorts import COHORTS
from tests.village import FORMULA, HIDDEN, NAMES, SCRIPT, Village, codes, identities

FIGURES = ["lead_member", "housing_lead_member", "chief_executive", "improvement_director", "performance_analyst"]
FORMS = ["json", "csv", "html"]
UNSUITABLE = "unsuitable_accommodation"


def written(village: Village, who: str, form: str, **params: Any) -> str:
    answer = village.get(who, "/v1/tracker", format=form, **params)
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def sheet_of(village: Village, who: str, **params: Any) -> list[dict[str, str]]:
    answer = village.get(who, "/v1/tracker", format="csv", **params)
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def people_of(table: dict[str, Any]) -> list[str | None]:
    return [row["person"]["eclipse_id"] for row in table["rows"]]


def test_its_shape_is_the_one_that_others_rely_on(village: Village) -> None:
    tracker = village.tracker("chief")
    assert {"as_at", "known_at", "scope", "freshness", "held", "cohorts"} <= tracker.keys()
    assert (tracker["as_at"], tracker["known_at"], tracker["held"]) == ("2020-07-31", "2020-07-31T08:00:00Z", [])
    fresh = tracker["freshness"][0]
    assert {"source": "eclipse", "extracted_at": "2020-07-31T02:00:00Z", "age_hours": 6, "stale": False}.items() <= (
        fresh.items()
    )
    assert [each["code"] for each in tracker["cohorts"]] == [cohort.code for cohort in COHORTS]
    for table in tracker["cohorts"]:
        assert {
            "code", "title", "definition", "count", "of", "population", "unknown", "approaching", "not_supplied",
            "not_yet_collected", "lines", "rows",
        } <= table.keys()  # fmt: skip
        assert all(line.keys() == {"code", "count"} for line in table["lines"])
        for row in table["rows"]:
            assert {
                "person", "locality", "service", "team", "owner", "risk", "last_contact", "line", "flags", "clock",
            } <= row.keys()  # fmt: skip
            assert {"person_id", "eclipse_id", "name", "age"} <= row["person"].keys()
            assert row["risk"] == "unknown"
            assert {
                "state", "started_on", "started_on_basis", "limit", "due_on", "days_over", "days_in_state",
                "explanation", "facts", "term", "missing", "clears_when",
            } <= row["clock"].keys()  # fmt: skip


def test_a_row_explains_itself(village: Village) -> None:
    table = village.cohort("chief", UNSUITABLE)
    assert (table["count"], table["of"], table["population"]) == (5, 6, "care leavers served")
    assert {line["code"]: line["count"] for line in table["lines"]} == {"unacceptable": 3, "other": 1, "in_custody": 1}
    row = next(each for each in table["rows"] if each["person"]["eclipse_id"] == "EX1")
    clock = row["clock"]
    assert (clock["state"], clock["started_on"], clock["days_in_state"]) == ("danger", "2020-07-10", 21)
    assert "21 days" in clock["explanation"]
    assert clock["term"]["authority"]
    assert clock["clears_when"]
    assert {fact["source"] for fact in clock["facts"]} == {"eclipse"}
    assert {fact["recorded_at"] for fact in clock["facts"]} == {"2020-07-31T08:00:00Z"}


def test_limits_are_counted_in_days(village: Village) -> None:
    clock = village.cohort("chief", "pre_proceedings_over_12_weeks")["rows"][0]["clock"]
    assert (clock["limit"], clock["due_on"], clock["days_over"]) == ("12 weeks", "2020-07-27", 4)


def test_danger_comes_first(village: Village) -> None:
    states = [row["clock"]["state"] for row in village.cohort("chief", UNSUITABLE)["rows"]]
    assert states == ["danger", "danger", "danger", "over", "over"]
    assert {each["person"]["eclipse_id"] for each in village.tracker("chief")["danger"]} == {"EX1", "NO1", None}


# --- three forms of one value ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "media_type"), [("json", "application/json"), ("csv", "text/csv"), ("html", "text/html")]
)
def test_a_form_says_what_it_is_and_its_file_name_names_nobody(village: Village, form: str, media_type: str) -> None:
    answer = village.get("chief", "/v1/tracker", format=form)
    assert answer.headers["content-type"].startswith(media_type)
    given = "" if form == "html" else f'inline; filename="tracker-2020-07-31.{form}"'
    assert answer.headers.get("content-disposition", "") == given


def test_a_name_cannot_be_a_formula(village: Village) -> None:
    lines = sheet_of(village, "chief", cohort=UNSUITABLE)
    assert f"'{FORMULA} Demo-Formula" in {line["name"] for line in lines}
    assert not [cell for line in lines for cell in line.values() if cell[:1] in ("=", "+", "-", "@", "\t")]


def test_a_name_cannot_be_a_script(village: Village) -> None:
    page = written(village, "chief", "html")
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; Demo-Script" in page


def test_a_page_fetches_nothing(village: Village) -> None:
    page = written(village, "chief", "html").replace("http://evil.invalid", "")  # Formula's own forename
    for outside in ("http:", "https:", "src=", "@import", "url(", "<link", "<script", "<img", "<iframe", "javascript:"):
        assert outside not in page.lower()


def test_the_forms_agree(village: Village) -> None:
    tables = {table["code"]: table for table in village.tracker("chief")["cohorts"]}
    lines = sheet_of(village, "chief")
    page = written(village, "chief", "html")
    for code, table in tables.items():
        mine = [line for line in lines if line["cohort"] == code]
        assert {(line["count"], line["of"]) for line in mine} == {(str(table["count"]), str(table["of"]))}
        assert [line["eclipse_id"] or None for line in mine if line["state"]] == people_of(table)
        figure = f"{table['count']} of {table['of']}" if table["supplied"] else "Not supplied"
        assert f'<a href="#{code}"><strong>{figure}</strong>' in page


# --- who sees what --------------------------------------------------------------------------------


def test_a_manager_sees_the_team_and_counts_no_others(village: Village) -> None:
    mine, theirs = (village.cohort(who, UNSUITABLE) for who in ("manager", "northern_manager"))
    assert (mine["count"], mine["of"]) == (4, 5)
    assert (theirs["count"], theirs["of"], people_of(theirs)) == (1, 1, ["NO1"])
    for form in FORMS:
        assert "Jamie" not in written(village, "manager", form)
        assert village.ids["NO1"] not in written(village, "manager", form)


def test_scope_says_how_far_the_reader_sees(village: Village) -> None:
    assert village.tracker("manager")["scope"] == {
        "sight": "rows", "reach": [{"kind": "team", "code": "exeter_pt"}], "filters": {},
    }  # fmt: skip
    assert village.tracker("chief", locality="north")["scope"]["filters"] == {"locality": "north"}


@pytest.mark.parametrize(
    ("asked", "people"),
    [
        ({"locality": "north"}, ["NO1"]),
        ({"area": "north_1"}, ["NO1"]),
        ({"team": "north_pt"}, ["NO1"]),
        ({"service": "children"}, []),
        ({"service": "care_leavers", "locality": "exeter"}, ["EX1", None, "EX3", "EX4"]),
        ({"locality": "north", "team": "exeter_pt"}, []),
    ],
)
def test_filters_narrow_what_is_counted(village: Village, asked: dict[str, str], people: list[str | None]) -> None:
    table = village.cohort("chief", UNSUITABLE, **asked)
    assert sorted(map(str, people_of(table))) == sorted(map(str, people))
    assert table["count"] == len(people)


@pytest.mark.parametrize(
    ("query", "path", "code"),
    [
        ("locality=zq-nowhere", "locality", "unknown"),
        ("team=zq-nowhere", "team", "unknown"),
        ("cohort=zq-nowhere", "cohort", "unknown"),
        ("locaility=north", "?", "unknown_parameter"),
        ("asat=2020-07-31", "?", "unknown_parameter"),
        ("as_at=2020-07-31&as_at=2020-07-30", "?", "repeated_parameter"),
        ("known_at=1989-12-01T00:00:00Z", "known_at", "out_of_range"),
    ],
)
def test_a_misspelt_question_never_gets_a_calm_answer(village: Village, query: str, path: str, code: str) -> None:
    answer = village.get("chief", f"/v1/tracker?{query}")
    assert (answer.status_code, [(f["path"], f["code"]) for f in answer.json()["fields"]]) == (422, [(path, code)])
    assert "zq-" not in answer.text


def test_no_address_is_redirected(village: Village) -> None:
    answer = village.get("chief", "/v1/people/")
    assert answer.status_code == 404
    assert "location" not in answer.headers


def test_a_filter_never_widens_a_scope(village: Village) -> None:
    table = village.cohort("manager", UNSUITABLE, locality="north")
    assert (table["count"], table["of"], table["rows"]) == (0, 0, [])


def test_one_cohort_can_be_asked_for(village: Village) -> None:
    assert UNSUITABLE in [each["code"] for each in village.tracker("chief", cohort=UNSUITABLE)["cohorts"]]
    assert [each["code"] for each in village.tracker("chief", cohort="unallocated")["cohorts"]] == ["unallocated"]
    assert codes(village.get("chief", "/v1/tracker", cohort="nobody"))[0] == ("cohort", "unknown")


@pytest.mark.parametrize("who", FIGURES)
def test_figures_without_rows_and_without_anybody(village: Village, who: str) -> None:
    tracker = village.tracker(who)
    assert (tracker["scope"]["sight"], tracker["danger"]) == ("figures", [])
    counts = [(table["code"], table["count"], table["of"]) for table in tracker["cohorts"]]
    assert counts == [(table["code"], table["count"], table["of"]) for table in village.tracker("chief")["cohorts"]]
    assert not [row for table in tracker["cohorts"] for row in table["rows"]]
    for form in FORMS:
        text = written(village, who, form)
        assert not identities(text)
        assert not [word for word in (*village.ids, *village.ids.values(), "Adviser") if word in text]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("who", ["chief", "head", "manager"])
def test_a_restricted_person_is_counted_and_nothing_else(village: Village, form: str, who: str) -> None:
    text = written(village, who, form)
    assert not [word for word in (HIDDEN, "EX5", village.ids["EX5"], "2020-07-11", "11 July 2020") if word in text]
    assert "restricted" in text.lower()


def test_a_restricted_row_holds_no_date_and_no_fact(village: Village) -> None:
    table = village.cohort("chief", UNSUITABLE)
    row = next(each for each in table["rows"] if each["person"]["restricted"])
    assert (row["flags"], row["line"], row["team"], row["owner"], row["last_contact"]) == (["restricted"], *[None] * 4)
    clock = row["clock"]
    assert (clock["state"], clock["facts"], clock["missing"]) == ("danger", [], [])
    assert (clock["started_on"], clock["due_on"], clock["days_in_state"]) == (None, None, None)


# --- what was known when --------------------------------------------------------------------------


def test_a_moment_to_come_is_not_known(village: Village) -> None:
    answer = village.get("chief", "/v1/tracker", known_at="2020-07-31T08:00:01Z")
    assert (answer.status_code, codes(answer)) == (422, [("known_at", "in_future")])
    assert village.tracker("chief", known_at="2020-07-31T09:00:00+01:00")["known_at"] == "2020-07-31T08:00:00Z"


def test_before_and_after_a_late_fact_differ_in_that_fact(village: Village) -> None:
    before = village.clock().isoformat()
    village.clock.advance(minutes=30)
    late = {"eclipse_id": "EX2", "unacceptable": "sofa_surfing", "started_on": "2020-07-20"}
    village.post("adviser", "/v1/accommodation", late)
    then = village.tracker("chief", known_at=before)
    now = village.tracker("chief")
    changed = [a["code"] for a, b in zip(then["cohorts"], now["cohorts"], strict=True) if a != b]
    assert changed == [UNSUITABLE]
    old, new = (next(t for t in each["cohorts"] if t["code"] == UNSUITABLE) for each in (then, now))
    assert [row for row in new["rows"] if row["person"]["eclipse_id"] != "EX2"] == old["rows"]
    assert (old["count"], new["count"]) == (5, 6)


def test_the_same_view_is_the_same_bytes(village: Village) -> None:
    view = {"as_at": "2020-07-30", "known_at": "2020-07-31T08:00:00Z"}
    first = village.get("chief", "/v1/tracker", **view).content
    village.clock.advance(minutes=50)
    village.post("adviser", "/v1/contacts", {
        "eclipse_id": "EX1", "occurred_at": "2020-07-30T10:00:00Z", "contact_kind": "phone", "outcome": "made",
    })  # fmt: skip
    assert village.get("chief", "/v1/tracker", **view).content == first


def test_a_contact_shows_on_its_row_at_once(village: Village) -> None:
    village.post("adviser", "/v1/contacts", {
        "eclipse_id": "EX1", "occurred_at": "2020-07-31T08:30:00+01:00", "contact_kind": "phone", "outcome": "made",
        "voice": "Canary words",
    })  # fmt: skip
    rows = village.cohort("chief", UNSUITABLE)["rows"]
    row = next(each for each in rows if each["person"]["eclipse_id"] == "EX1")
    assert row["last_contact"]["made"]["occurred_at"] == "2020-07-31T07:30:00Z"
    for form in FORMS:
        assert "Canary words" not in written(village, "chief", form)


def test_an_empty_service_has_a_tracker_that_claims_nothing(empty: Village) -> None:
    tracker = empty.tracker("chief")
    assert tracker["freshness"] == []
    assert {(table["count"], table["of"]) for table in tracker["cohorts"]} == {(0, 0)}
    assert "No extract has been applied" in written(empty, "chief", "html")
    assert not [name for name in NAMES if name in written(empty, "chief", "csv")]
