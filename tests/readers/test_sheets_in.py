"""Spreadsheets as they come back: what each cell becomes, and what is refused before it is opened."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import Unprocessable
from service.readers import sheets_in
from service.readers.sheets_in import Returned, read_csv, read_xlsx

COLUMNS = ("spell_id", "eclipse_id", "name", "code", "started_on", "suitable", "errors")
ONE = {"accommodation": COLUMNS}
MUST = {"accommodation": ("eclipse_id",)}


def book(rows: Sequence[Sequence[Any]], name: str = "accommodation", more: Sequence[str] = ("Codes",)) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    sheet.title = name
    for row in rows:
        sheet.append(list(row))
    for title in more:
        made.create_sheet(title).append(["anything"])
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def packed(parts: Mapping[str, bytes], onto: bytes = b"") -> bytes:
    """A workbook with parts added or put in the place of others."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        if onto:
            with zipfile.ZipFile(io.BytesIO(onto)) as old:
                for part in old.infolist():
                    if part.filename not in parts:
                        made.writestr(part, old.read(part))
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


def read(content: bytes) -> Returned:
    (found,) = read_xlsx(content, ONE, MUST)
    return found


def refused(content: bytes, columns: Mapping[str, Sequence[str]] = ONE) -> tuple[str, str]:
    with pytest.raises(Unprocessable) as caught:
        read_xlsx(content, columns, dict.fromkeys(columns, ("eclipse_id",)))
    path, code, allowed = caught.value.fields[0]
    assert allowed
    return path, code


def test_cells_become_the_text_a_csv_would_hold() -> None:
    found = read(
        book(
            [
                COLUMNS,
                (None, "0042", "Rowan", "U", date(2020, 7, 1), True, None),
                (None, 42, None, 0, datetime(2020, 7, 1, 9, 30, tzinfo=UTC).replace(tzinfo=None), False, None),
                (),
                (None, 42.0, None, "R", "01/07/2020", "no", None),
                (None, 4.5, None, None, None, None, None),
            ]
        )
    )
    assert [line for line, _ in found.rows] == [2, 3, 5, 6]
    assert [(c["eclipse_id"], c["code"], c["started_on"], c["suitable"]) for _, c in found.rows] == [
        ("0042", "U", "2020-07-01", "yes"),
        ("42", "0", "2020-07-01 09:30:00", "no"),
        ("42", "R", "01/07/2020", "no"),
        ("4.5", "", "", ""),
    ]


def test_headings_match_whatever_their_case_and_order() -> None:
    found = read(book([("Code", "ECLIPSE_ID"), ("U", "E1")]))
    assert found.rows == ((2, {"code": "U", "eclipse_id": "E1"}),)


def test_a_cell_beside_the_headings_refuses_its_row_only() -> None:
    found = read(book([("eclipse_id", "code"), ("E1", "U", None, "?"), ("E2", "U")]))
    assert [(r.row, r.code) for r in found.refusals] == [(2, "cell_without_column")]
    assert [line for line, _ in found.rows] == [3]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (
            book([("as_at", "known_at", "cohort", "eclipse_id"), ("a", "b", "c", "d")]),
            ("accommodation", "unknown_column"),
        ),
        (book([("eclipse_id", "code", "Code"), ("a", "b", "c")]), ("accommodation", "duplicate_column")),
        (book([("code",), ("U",)]), ("accommodation.eclipse_id", "missing_column")),
        (book([]), ("accommodation", "empty")),
        (book([COLUMNS], name="Sheet1"), ("sheets", "unknown_sheet")),
        (book([COLUMNS], name="Codes", more=()), ("sheets", "missing_sheet")),
        (book([COLUMNS], more=("Notes",)), ("sheets", "unknown_sheet")),
        (book([("eclipse_id", *[""] * 120, "x")]), ("accommodation", "too_many_columns")),
        (b"eclipse_id,code\nE1,U\n", ("file", "not_a_workbook")),
        (packed({"hello.xml": b"<a/>"}), ("file", "not_a_workbook")),
        (b"PK\x03\x04 and no more", ("file", "not_a_workbook")),
    ],
)
def test_a_workbook_that_is_not_our_form_is_refused_whole(content: bytes, why: tuple[str, str]) -> None:
    assert refused(content) == why


def test_a_bomb_is_refused_by_what_it_says_of_itself() -> None:
    """8 MB of nothing packed to 8 kB; or parts without number."""
    bomb = packed({"xl/worksheets/sheet1.xml": b" " * (sheets_in.MAX_UNPACKED + 1)})
    assert len(bomb) < 100_000
    assert refused(bomb) == ("file", "too_large_unpacked")
    assert refused(packed({f"part{n}.bin": b"" for n in range(300)})) == ("file", "too_large_unpacked")


@pytest.mark.parametrize(
    "xml",
    [
        b'<!DOCTYPE a [<!ENTITY b "c">]><worksheet/>',
        b'<?xml version="1.0" encoding="UTF-16"?><worksheet/>',
        "<worksheet/>".encode("utf-16"),
    ],
)
def test_xml_that_could_hide_something_is_refused(xml: bytes) -> None:
    assert refused(packed({"xl/worksheets/sheet1.xml": xml}, onto=book([COLUMNS]))) == ("file", "not_a_workbook")


def test_a_part_that_would_grow_when_read_is_refused() -> None:
    """Half a megabyte of empty cells in one row, of rows, of strings, or of nesting, in a few packed kilobytes."""
    plain = book([("eclipse_id", "code"), ("E1", "U")], more=())
    sheet, strings = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
    row = b"<worksheet><sheetData><row>%s</row></sheetData></worksheet>"
    grown = {
        sheet: [row % (b"<c/>" * 6_000), row % (b"</row><row>" * 6_000), row % (b"<c>" * 6_000)],
        strings: [b"<sst>%s</sst>" % (b"<si/>" * 700_000)],
    }
    for name, contents in grown.items():
        for content in contents:
            assert refused(packed({name: content}, onto=plain))[1] in ("too_many_cells", "too_many_rows")


def test_macros_are_refused() -> None:
    assert refused(packed({"xl/vbaProject.bin": b"Sub Auto_Open()"}, onto=book([COLUMNS]))) == ("file", "macros")


def test_formulas_are_refused_with_their_cells() -> None:
    content = book([("eclipse_id", "code"), ("E1", "U"), ("E2", '=HYPERLINK("http://evil.invalid")')])
    with pytest.raises(Unprocessable) as caught:
        read(content)
    path, code, allowed = caught.value.fields[0]
    assert (path, code) == ("file", "formulas")
    assert "B3" in allowed
    assert "evil" not in allowed


def test_a_sheet_made_to_be_endless_stops_early() -> None:
    """One cell in row 999,999,999, and a declared size of a whole sheet."""
    plain = book([("eclipse_id", "code"), ("E1", "U")], more=())
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        name = "xl/worksheets/sheet1.xml"
        xml = archive.read(name)
    far = xml.replace(b"</sheetData>", b'<row r="999999999"><c r="A999999999"><v>1</v></c></row></sheetData>')
    assert refused(packed({name: far}, onto=plain)) == ("accommodation", "too_many_rows")
    sized = xml.replace(b'ref="A1:B2"', b'ref="A1:XFD1048576"')
    assert sized != xml
    assert len(read(packed({name: sized}, onto=plain)).rows) == 1


def test_a_date_no_calendar_has_is_no_date() -> None:
    plain = book([("eclipse_id", "started_on"), ("E1", date(2020, 7, 1))], more=())
    name = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        xml = archive.read(name)
    broken = xml.replace(b"<v>44013</v>", b"<v>99999999999</v>")
    assert broken != xml
    with pytest.warns(UserWarning, match="outside the limits"):
        found = read(packed({name: broken}, onto=plain))
    assert found.rows[0][1]["started_on"] == "#VALUE!"


def test_csv_is_read_as_the_same_rows() -> None:
    found = read_csv(b'\xef\xbb\xbf"eclipse_id","code"\r\n"E1","U"\r\n', "accommodation", COLUMNS, ("eclipse_id",))
    assert found.rows == ((2, {"eclipse_id": "E1", "code": "U"}),)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        ("eclipse_id,code\nÉ,U\n".encode("cp1252"), "wrong_encoding"),
        (b"as_at,cohort\n1,2\n", "unknown_column"),
        (b"code\nU\n", "missing_column"),
        (b'eclipse_id,code\n"E1,U\n', "malformed_csv"),
        (book([COLUMNS]), "wrong_encoding"),
    ],
)
def test_a_csv_that_is_not_our_form_is_refused_whole(content: bytes, code: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        read_csv(content, "accommodation", COLUMNS, ("eclipse_id",))
    assert caught.value.fields[0][1] == code


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for do in (lambda: read(content), lambda: read_csv(content, "accommodation", COLUMNS, ("eclipse_id",))):
        with suppress(Unprocessable):
            do()


WHOLE = book([COLUMNS, (None, "E1", "x", "U", date(2020, 7, 1), True, None)])


@given(st.data())
def test_a_damaged_workbook_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Unprocessable):
        read_xlsx(bytes(content[: data.draw(st.integers(1, len(content)))]), ONE, MUST)
