"""Tables for spreadsheets: whole, readable in Excel, and never a formula."""

import csv
import io

import pytest

from service.writers import sheets
from tests.writers import trackers

FORMULAS = [
    "=1+1", "+44 1392", "-2", "@SUM(A1)", "|calc", "%0A", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\u200b=1",
    "\ufeff=1", "＝1+1", "＋1", "－1", "＠SUM", "\u2003=1", "\u3000=1", "\u200b \u200d=1", "\u00ad=1", "\u2066=1",
    "\x0b=1", "\x00=1", "Ann;=1", "Ann,=1", 'Ann";=1', "Ann; =1", 'Ann",  -1',
]  # fmt: skip
FIGURES = ("unknown", "approaching", "not_supplied", "not_yet_collected", "supplied", "lines")
PLAIN = ["Rowan Demo-Ashford", "2020-07-31", "O'Demo", "care leavers served", "84 days; due on 27 July", "", "a=b", "7"]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_could_take_for_a_formula_is_text(text: str) -> None:
    assert sheets.safe(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert sheets.safe(text) == text


def test_nothing_is_an_empty_cell() -> None:
    assert sheets.safe(None) == ""
    assert sheets.safe(0) == "0"


def test_every_cell_is_quoted_and_the_file_says_it_is_utf_8() -> None:
    content = sheets.rows(("a", "b"), [("Zoë", 'say "x", or\nnot')])
    assert content == b'\xef\xbb\xbf"a","b"\r\n"Zo\xc3\xab","say ""x"", or\nnot"\r\n'


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_tracker_is_a_line_a_row_and_a_line_for_an_empty_cohort() -> None:
    lines = read(sheets.tracker(trackers.of(trackers.somebody("Rowan"))))
    assert {line["cohort"] for line in lines} == {"danger"} | {cohort.code for cohort in trackers.COHORTS}
    danger, row = [line for line in lines if line["name"]]
    assert (danger["cohort"], danger["explanation"]) == ("danger", "unsuitable_accommodation")
    assert (row["state"], row["count"], row["of"], row["days_in_state"]) == ("danger", "1", "1", "21")
    assert (row["name"], row["age"], row["owner"]) == ("Rowan Demo-Ashford", "19", "A. Demo-Adviser")
    assert row["last_contact_made_on"] == "2020-07-20"
    empty = next(line for line in lines if line["cohort"] == "unallocated")
    assert (empty["count"], empty["of"], empty["state"]) == ("0", "1", "")


def test_a_line_says_the_unknown_and_how_the_count_is_made_up() -> None:
    """Two in a tent, one who lives nobody knows where."""
    nowhere = trackers.somebody("Robin", accommodations=(trackers.tent(code="R", unacceptable=None),))
    tents = [trackers.somebody("Rowan"), trackers.somebody("Jamie")]
    lines = read(sheets.tracker(trackers.of(*tents, nowhere)))
    figures = {line["cohort"]: line for line in lines if line["cohort"] != "danger"}
    unsuitable, unknown = figures["unsuitable_accommodation"], figures["accommodation_unknown"]
    assert [unsuitable[n] for n in ("count", "of", "unknown", "approaching", "lines")] == [
        "2", "3", "1", "0", "unacceptable 2",
    ]  # fmt: skip
    assert [unknown[n] for n in ("count", "unknown", "not_supplied", "lines")] == ["1", "1", "0", "not_known 1"]
    assert [line["eclipse_id"] for line in lines if line["cohort"] == "danger"] == ["EX-Jamie", "EX-Rowan"]


@pytest.mark.parametrize("name", ["=cmd|'/C calc'!A0", "＝1", "\t=1", "+1", "-1", "@x"])
def test_no_name_of_anybody_becomes_a_formula(name: str) -> None:
    content = sheets.tracker(trackers.of(trackers.somebody(name), owner=name))
    cells = [cell for line in read(content) for cell in line.values()]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t＝")]
    assert {f"'{name} Demo-Ashford", f"'{name}"} <= set(cells)


def test_a_restricted_person_is_a_line_without_anything() -> None:
    content = sheets.tracker(trackers.of(trackers.somebody("Hidden", restricted=True)))
    danger, row = [line for line in read(content) if line["state"]]
    assert {name for name, value in danger.items() if value} == {"as_at", "known_at", "cohort", "state", "name"}
    assert row["name"] == "restricted record"
    said = {name: value for name, value in row.items() if value}
    assert said.keys() == {"as_at", "known_at", "cohort", "definition", "count", "of", "state", "name", *FIGURES}
    assert b"Hidden" not in content


def test_narrative_is_never_in_a_list() -> None:
    assert trackers.WHY.encode() not in sheets.tracker(trackers.of(trackers.somebody("Rowan")))
