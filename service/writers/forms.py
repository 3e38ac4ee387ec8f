"""Our spreadsheets as they go out: empty, prefilled, or returned with errors; XLSX or CSV, never a formula."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import xlsxwriter

from service.writers import sheets

WIDTH, WIDE = 18, 40
NOTES = (
    "One row a fact. Leave the id empty for a new one: it comes back filled in, to correct the same row by.",
    "Days as dates, or as text: 2020-07-31 or 31/07/2020. No formulas.",
    "Ids are text. A number loses its leading zeros in Excel: the id columns are formatted as text, keep them so.",
    "The columns name and errors are not read. Rows with nothing but the person are passed over.",
)


@dataclass(frozen=True, slots=True)
class Heading:
    """One column: its name, what it allows in words, whether it must be filled, whether it is a day."""

    name: str
    allowed: str
    required: bool = False
    day: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One sheet: its name, its columns, and rows as cells by column."""

    name: str
    headings: tuple[Heading, ...]
    rows: Sequence[Mapping[str, str]]


def csv(page: Page) -> bytes:
    """One sheet as CSV."""
    return sheets.rows([heading.name for heading in page.headings], _lines(page))


def xlsx(pages: Iterable[Page], *, codes: str, at: datetime) -> bytes:
    """All sheets as a workbook, and a sheet named `codes` with what each column allows. `at` is its date of making."""
    out = io.BytesIO()
    every = list(pages)
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"created": at.replace(tzinfo=None)})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        plain, day = book.add_format({"num_format": "@"}), book.add_format({"num_format": "yyyy-mm-dd"})
        for page in every:
            _page(book.add_worksheet(page.name), page, bold, plain, day)
        _codes(book.add_worksheet(codes), every, bold)
    return out.getvalue()


def _page(sheet: Any, page: Page, bold: Any, plain: Any, day: Any) -> None:
    sheet.freeze_panes(1, 2)
    for at, heading in enumerate(page.headings):
        sheet.set_column(at, at, WIDTH, day if heading.day else plain)
        sheet.write_string(0, at, heading.name, bold)
    for line, cells in enumerate(_lines(page), start=1):
        for at, text in enumerate(cells):
            if text:
                sheet.write_string(line, at, sheets.safe(text), day if page.headings[at].day else plain)


def _codes(sheet: Any, pages: Sequence[Page], bold: Any) -> None:
    sheet.set_column(0, 2, WIDTH)
    sheet.set_column(3, 3, 3 * WIDE)
    for line, note in enumerate(NOTES):
        sheet.write_string(line, 0, note)
    start = len(NOTES) + 1
    for at, title in enumerate(("sheet", "column", "must be filled", "allowed")):
        sheet.write_string(start, at, title, bold)
    listed = [(page, heading) for page in pages for heading in page.headings]
    for line, (page, heading) in enumerate(listed, start=start + 1):
        cells = (page.name, heading.name, "yes" if heading.required else "", heading.allowed)
        for at, text in enumerate(cells):
            sheet.write_string(line, at, sheets.safe(text))


def _lines(page: Page) -> list[list[str]]:
    return [[row.get(heading.name, "") for heading in page.headings] for row in page.rows]
