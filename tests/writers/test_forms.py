"""Our spreadsheets as they go out: text cells only, what is allowed beside them, and back again unchanged."""

import io
import zipfile
from datetime import UTC, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.readers.sheets_in import read_csv, read_xlsx
from service.writers import forms, sheets
from service.writers.forms import Heading, Page

AT = datetime(2020, 7, 31, 8, 0, tzinfo=UTC)
HEADINGS = (
    Heading("eclipse_id", "an id", required=True),
    Heading("started_on", "a day", day=True),
    Heading("name", ""),
)
NAMES = tuple(heading.name for heading in HEADINGS)
ATTACKS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", " =1", "\u200b=1", 'x";=1', "%0A=1", "|calc")


def page(*names: str) -> Page:
    return Page("accommodation", HEADINGS, [{"eclipse_id": "E1", "name": name} for name in names])


def opened(content: bytes) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(content))


def test_a_workbook_has_its_headings_and_says_what_each_column_allows() -> None:
    book = opened(forms.xlsx([page("Rowan")], codes="Codes", at=AT))
    assert book.sheetnames == ["accommodation", "Codes"]
    assert [cell.value for cell in book["accommodation"][1]] == list(NAMES)
    assert [cell.value for cell in book["accommodation"][2]] == ["E1", None, "Rowan"]
    said = [[cell.value for cell in row] for row in book["Codes"].iter_rows()]
    assert ["accommodation", "eclipse_id", "yes", "an id"] in said
    assert any("leading zeros" in str(row[0]) for row in said)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_is_a_formula(attack: str) -> None:
    content = forms.xlsx([page(attack)], codes="Codes", at=AT)
    cell = opened(content)["accommodation"]["C2"]
    assert cell.data_type == "s"
    assert cell.value.startswith("'")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert not any(
            b"<f>" in archive.read(name) or b"hyperlink" in archive.read(name) for name in archive.namelist()
        )
    assert f"\"'{attack[:1]}".encode() in forms.csv(page(attack)).replace(b'""', b'"')


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=40))
def test_what_goes_out_comes_back(name: str) -> None:
    """Through both kinds of file, apostrophes and all; only spaces at the ends are lost."""
    columns, required = {"accommodation": NAMES}, {"accommodation": ("eclipse_id",)}
    (book,) = read_xlsx(forms.xlsx([page(name)], codes="Codes", at=AT), columns, required)
    listed = read_csv(forms.csv(page(name)), "accommodation", NAMES, ("eclipse_id",))
    for found in (book, listed):
        ((_, cells),) = found.rows
        assert sheets.unsafe(cells["name"]) == name


def test_the_same_form_is_the_same_bytes() -> None:
    assert forms.xlsx([page("a")], codes="Codes", at=AT) == forms.xlsx([page("a")], codes="Codes", at=AT)
