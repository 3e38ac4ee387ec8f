"""Our spreadsheets as they come back: XLSX or CSV, opened with care, as rows of named text cells."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import openpyxl

from service.domain.intake import Refusal
from service.errors import Unprocessable
from service.readers import tables

CSV_TYPE = "text/csv"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CODES = "Codes"  # the sheet that says what is allowed; never read
MAX_UNPACKED = 8 * 1024 * 1024
MAX_PARTS = 200
MAX_TAGS, MAX_TAGS_IN_ROW = 600_000, 5_000  # an element costs many times its text once it is read
MAX_LINES = 5_000
MAX_COLUMNS = 100
CELLS_NAMED = 10
_FORMULA = re.compile(rb"<(?:\w{1,20}:)?f[\s/>]")
_FORMULA_AT = re.compile(
    rb'<(?:\w{1,20}:)?c [^<>]{0,200}?r="([A-Z]{1,3}[0-9]{1,7})"[^<>]{0,200}>\s{0,20}<(?:\w{1,20}:)?f[\s/>]'
)
_ENCODING = re.compile(rb"""^<\?xml[^<>]{0,200}encoding=["']([^"'<>]{1,40})["']""")


@dataclass(frozen=True, slots=True)
class Returned:
    """One sheet as sent back: rows as (line in the sheet, cells by column in lower case), and rows not readable."""

    sheet: str
    rows: tuple[tuple[int, dict[str, str]], ...]
    refusals: tuple[Refusal, ...] = ()


def _refuse(path: str, code: str, allowed: str) -> Unprocessable:
    return Unprocessable((path, code, allowed))


def read_csv(content: bytes, sheet: str, columns: Sequence[str], required: Sequence[str]) -> Returned:
    """One sheet as a CSV file. Raises Unprocessable where the file as a whole cannot be taken."""
    table = tables.parse(sheet, content)
    if not table.columns:
        fault = next((each for each in table.refusals if each.code != "missing_header"), None)
        raise _refuse(sheet, fault.code, fault.allowed) if fault else _refuse(sheet, "empty", "the form's header row")
    _check_columns(sheet, table.columns, columns, required)
    rows = tuple(table.rows)
    if len(rows) > MAX_LINES:
        raise _refuse(sheet, "too_many_rows", f"at most {MAX_LINES} rows")
    return _sound(sheet, rows, table.refusals)


def read_xlsx(
    content: bytes, columns: Mapping[str, Sequence[str]], required: Mapping[str, Sequence[str]]
) -> list[Returned]:
    """The sheets of a workbook: `columns` and `required` by the names of the sheets that are allowed.

    Values only: a workbook with macros or formulas is refused, links to other files are not followed. Raises
    Unprocessable where the workbook as a whole cannot be taken.
    """
    _check_archive(content)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except Exception as fault:  # a damaged workbook raises whatever the part that reads it stumbles over
        raise _not_a_workbook() from fault
    with_rows = [name for name in book.sheetnames if name != CODES]
    named = {name.strip().lower(): name for name in with_rows}
    if unknown := [name for name in named if name not in columns]:
        raise _refuse("sheets", "unknown_sheet", f"{len(unknown)} too many; allowed: {', '.join([*columns, CODES])}")
    if not named:
        raise _refuse("sheets", "missing_sheet", ", ".join(columns))
    try:
        return [_sheet(book[named[name]], name, columns[name], required[name]) for name in columns if name in named]
    except Unprocessable:
        raise
    except Exception as fault:
        raise _not_a_workbook() from fault
    finally:
        book.close()


def _not_a_workbook() -> Unprocessable:
    return _refuse("file", "not_a_workbook", "an Excel workbook (.xlsx) that opens without repair")


# --- before anything is unpacked -------------------------------------------------------------


def _check_archive(content: bytes) -> None:
    """Refuse what unpacks to too much, holds macros or formulas, or XML that could hide something."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as fault:
        raise _not_a_workbook() from fault
    # What a part unpacks to is never more than its entry says: zipfile reads no further.
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise _refuse("file", "too_large_unpacked", f"at most {MAX_UNPACKED // 1024 // 1024} MB unpacked")
    if any(part.filename.lower().endswith("vbaproject.bin") for part in parts):
        raise _refuse("file", "macros", "a workbook without macros, saved as .xlsx")
    formulas: list[str] = []
    for part in parts:
        if part.filename.lower().endswith((".xml", ".rels")):
            xml = _unpacked(archive, part)
            rows = xml.split(b"<row")
            if len(rows) > MAX_LINES + 1:
                raise _refuse("file", "too_many_rows", f"at most {MAX_LINES} rows, blank ones included")
            if xml.count(b"<") > MAX_TAGS or max(row.count(b"<") for row in rows[1:] or [b""]) > MAX_TAGS_IN_ROW:
                raise _refuse("file", "too_many_cells", f"at most {MAX_COLUMNS} columns and {MAX_LINES} rows")
            if part.filename.lower().startswith("xl/worksheets/") and _FORMULA.search(xml):
                formulas += [found[1].decode() for found in _FORMULA_AT.finditer(xml)] or ["?"]
    if formulas:
        where = ", ".join(formulas[:CELLS_NAMED])
        raise _refuse("file", "formulas", f"values, no formulas (copy, paste as values); they are in {where}")


def _unpacked(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    try:
        xml = archive.read(part).removeprefix(b"\xef\xbb\xbf")
    except Exception as fault:  # damaged, encrypted, or packed in a way nobody uses
        raise _not_a_workbook() from fault
    encoding = _ENCODING.match(xml)
    plain = xml.lstrip()[:1] == b"<" and (encoding is None or encoding[1].lower() in (b"utf-8", b"us-ascii"))
    if not plain or b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise _not_a_workbook()
    return xml


# --- a sheet ---------------------------------------------------------------------------------


def _sheet(found: Any, name: str, columns: Sequence[str], required: Sequence[str]) -> Returned:
    found.reset_dimensions()  # what a file says of its own size is not believed
    lines = _lines(found, name)
    header = next(lines, None)
    if header is None:
        raise _refuse(name, "empty", "the form's header row")
    titles = [_text(cell).strip().lower() for cell in header[1]]
    if len(set(filter(None, titles))) < len([title for title in titles if title]):
        raise _refuse(name, "duplicate_column", "each column once, whatever its case")
    _check_columns(name, frozenset(titles) - {""}, columns, required)
    width = len(titles)
    rows: list[tuple[int, dict[str, str]]] = []
    for line, cells in lines:
        texts = [_text(cell) for cell in cells]
        beyond = "".join(texts[width:]).strip()
        texts = [*texts[:width], *[""] * (width - len(texts))]
        rows.append((line, dict(zip(titles, texts, strict=True)) | ({"": beyond} if beyond else {})))
    return _sound(name, rows, ())


def _lines(found: Any, name: str) -> Iterator[tuple[int, Sequence[Any]]]:
    """Rows that hold anything, with their numbers. Stops at the first sign of a sheet made to be endless."""
    for line, cells in enumerate(found.iter_rows(values_only=True), start=1):
        if line > MAX_LINES:
            raise _refuse(name, "too_many_rows", f"at most {MAX_LINES} rows, blank ones included")
        if len(cells) > MAX_COLUMNS:
            raise _refuse(name, "too_many_columns", f"at most {MAX_COLUMNS} columns")
        if any(cell is not None and cell != "" for cell in cells):
            yield line, cells


def _text(value: Any) -> str:
    """A cell as the text that a CSV file would hold: days as YYYY-MM-DD, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _check_columns(sheet: str, found: frozenset[str], columns: Sequence[str], required: Sequence[str]) -> None:
    ours = {column.lower() for column in columns}
    if found - ours:
        raise _refuse(sheet, "unknown_column", "the columns of our form and no others: get the form anew")
    if missing := [column for column in required if column.lower() not in found]:
        raise Unprocessable(*[(f"{sheet}.{column}", "missing_column", f"a column {column}") for column in missing])


def _sound(sheet: str, rows: Iterable[tuple[int, dict[str, str]]], refusals: Sequence[Refusal]) -> Returned:
    """The rows whose cells are text under a heading; the others refused."""
    taken, refused = [], list(refusals)
    for line, cells in rows:
        fault = _fault(cells)
        if fault is None:
            taken.append((line, {name: text for name, text in cells.items() if name}))
        else:
            refused.append(Refusal(sheet, line, *fault))
    return Returned(sheet, tuple(taken), tuple(refused))


def _fault(cells: Mapping[str, str]) -> tuple[str, str, str] | None:
    if cells.get("", "").strip():
        return "", "cell_without_column", "cells under the form's headings only"
    for name, text in cells.items():
        if len(text) > tables.MAX_CELL:
            return name, "cell_too_long", f"at most {tables.MAX_CELL} characters in a cell"
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            return name, "not_text", "whole Unicode characters"
    return None
