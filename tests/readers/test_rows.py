"""One row: null, placeholder, unmapped and unreadable are four different things."""

from datetime import date

import pytest

from service.domain.facts import MissingEpisode
from service.readers import ssd_care, tables
from service.readers.mapping import CodeMap
from service.readers.rows import Reading, Row, taken
from service.readers.ssd_people import Context


@pytest.mark.parametrize("text", ["", "  ", "NULL", "null"])
def test_null_is_nothing_and_no_flag(text: str) -> None:
    row = Row("people", 2, {"born_on": text})
    assert (row.day("born_on", "born_on"), row.flags, row.refusals, row.given("born_on")) == (None, [], (), False)


@pytest.mark.parametrize("text", ["1900-01-01", "01/01/1900", "1900-01-01 00:00:00", "SSD_PH", "DQ", "??", "-1"])
def test_a_placeholder_is_nothing_with_a_flag(text: str) -> None:
    row = Row("people", 2, {"pers_dob": text})
    assert (row.day("pers_dob", "born_on"), row.flags, row.refusals) == (None, ["placeholder_born_on"], ())


def test_an_unmapped_text_is_nothing_with_a_flag(codes: CodeMap) -> None:
    row = Row("ssd_involvements", 2, {"role": "Wizard"})
    assert row.mapped("role", "role", codes.allocation_roles.find) is None
    assert (row.flags, row.refusals) == (["unmapped_role"], ())


def test_an_unreadable_cell_is_refused_without_its_value() -> None:
    row = Row("people", 7, {"born_on": "31/02/2001"})
    assert row.day("born_on", "born_on") is None
    (refusal,) = row.refusals
    assert (refusal.dataset, refusal.row, refusal.field, refusal.code) == ("people", 7, "born_on", "not_a_date")
    assert "31/02" not in refusal.allowed


def test_a_required_cell_is_refused_once_for_one_reason() -> None:
    row = Row("people", 2, {"started_on": "never"})
    row.must_day("started_on", "started_on")
    row.must_day("ended_on", "ended_on")
    assert [(r.field, r.code) for r in row.refusals] == [("started_on", "not_a_date"), ("ended_on", "missing_value")]


def test_an_end_before_the_start_is_refused() -> None:
    row = Row("people", 2, {})
    row.in_order(date(2020, 7, 1), date(2020, 7, 1), "ended_on")
    assert row.refusals == ()
    row.in_order(date(2020, 7, 1), date(2020, 6, 30), "ended_on")
    assert [refusal.code for refusal in row.refusals] == ["ends_before_start"]


def test_a_repeated_key_is_ignored_when_it_says_the_same_and_refused_when_not() -> None:
    def build(row: Row) -> list[str | None]:
        row.key = row.must_ident("id")
        return [row.text("name", "name")]

    texts = [("1", "Rowan"), ("2", "Ash"), ("1", "Rowan"), ("1", "Elm"), ("", "")]
    rows = [Row("people", line, {"id": i, "name": name}) for line, (i, name) in enumerate(texts, start=2)]
    assert taken(rows, build, "id") == ["Rowan", "Ash"]
    assert [(r.row, r.field, r.code) for row in rows for r in row.refusals] == [(5, "id", "duplicate_row")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["ended first", "open first"])
def test_of_two_rows_under_one_id_the_worse_counts_in_any_order(order: tuple[int, int], codes: CodeMap) -> None:
    """M1 ended, and M1 open: a child is missing, whichever line says so, and the second line is refused."""
    ends = ["2020-07-30", ""]
    table = tables.parse(
        "ssd_missing",
        b"miss_table_id,miss_person_id,miss_missing_episode_start_date,miss_missing_episode_end_date\n"
        + "".join(f"M1,P1,2020-07-28,{ends[n]}\n" for n in order).encode(),
    )
    reading = Reading("ssd_missing", table)
    context = Context(codes=codes, extracted_on=date(2020, 7, 31), people_of_periods={})
    (found,) = ssd_care.missing(reading, context)
    assert isinstance(found.value, MissingEpisode)
    assert (found.row, found.value.ended_on, found.flags[-1]) == (2, None, "several_rows")
    assert [(refusal.row, refusal.code) for refusal in reading.refusals] == [(3, "duplicate_row")]
