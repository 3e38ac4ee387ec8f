"""A file's bytes as rows of named text cells: CSV or NDJSON, as Excel, psql and scripts write them."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from service.domain.intake import Refusal
from service.readers import content as contents
from service.readers.content import MAX_LINE, Content, Opens, Unreadable

MAX_CELL = 10_000
"""Characters in one cell: longer than any field we take, shorter than a runaway quote."""
MAX_COLUMNS = 1_000
MAX_ROWS = 250_000
"""Data rows in one dataset: ten times a county's largest table."""

Line = tuple[int, list[str]]
"""A line number (the header is 1) and its cells."""
Cells = tuple[int, dict[str, str]]
"""A line number and its cells by column."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that are read from the file each time somebody goes through them, and never all held."""

    read: Callable[[], Iterator[Cells]]

    def __iter__(self) -> Iterator[Cells]:
        return self.read()


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset as text: column names in lower case, rows as (line, cells by column), what was refused.

    `count` is the number of data rows in the file, refused ones included. The file has been read to its end once
    before there is a table, so that no row of a file that breaks off is ever seen; `rows` reads it again.
    """

    columns: frozenset[str]
    rows: Iterable[Cells]
    refusals: tuple[Refusal, ...]
    count: int


def parse(dataset: str, content: Content) -> Table:
    """Rows of a CSV file or of a file with one JSON object per line; told apart by the first character.

    UTF-8 with or without BOM; LF or CRLF; RFC 4180 quotes. A file that cannot be read to its end is refused
    whole, so that half a file is never taken for all of it. Column names match whatever their case.
    """
    opens = contents.opener(content)
    try:
        return _ndjson(dataset, opens) if contents.first_character(opens) in ("{", "[") else _csv(dataset, opens)
    except Unreadable as fault:
        return _refused(dataset, fault.line, fault.code, fault.allowed)


def _refused(dataset: str, line: int, code: str, allowed: str) -> Table:
    return Table(frozenset(), (), (Refusal(dataset, line, "", code, allowed),), 0)


def _counted(count: int, line: int) -> int:
    if count >= MAX_ROWS:
        raise Unreadable(line, "too_many_rows", f"at most {MAX_ROWS} rows; send the dataset in parts, as deltas")
    return count + 1


# --- CSV -------------------------------------------------------------------------------------


def _csv(dataset: str, opens: Opens) -> Table:
    lines = _lines(opens)
    header = next(lines, None)
    if header is None:
        raise Unreadable(1, "missing_header", "a header of column names, also where no row follows")
    columns = _header(header)
    refusals: list[Refusal] = []
    count = 0
    for line, cells in lines:
        count = _counted(count, line)
        if fault := _line_fault(cells, len(columns)):
            refusals.append(Refusal(dataset, line, *fault))
    bad = frozenset(refusal.row for refusal in refusals)

    def read() -> Iterator[Cells]:
        again = _lines(opens)
        next(again)
        return ((line, dict(zip(columns, cells, strict=True))) for line, cells in again if line not in bad)

    return Table(frozenset(columns) - {""}, Rows(read), tuple(refusals), count)


def _lines(opens: Opens) -> Iterator[Line]:
    """Each record with the line it begins on: a quoted cell may hold line ends. Blank lines are no records."""
    begins, taken = 1, 0

    def fed() -> Iterator[str]:
        nonlocal taken
        for _, line in contents.lines(opens, ""):
            taken += len(line)
            if taken > MAX_LINE:
                raise Unreadable(begins, "line_too_long", f"at most {MAX_LINE} characters in a row")
            yield line

    reader = csv.reader(fed(), strict=True)
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins, taken = reader.line_num + 1, 0
    except csv.Error as fault:
        raise Unreadable(begins, "malformed_csv", "comma-separated values with RFC 4180 quotes") from fault


def _header(header: Line) -> list[str]:
    line, cells = header
    columns = [cell.strip().lower() for cell in cells]
    named = [column for column in columns if column]
    if any("\0" in column or len(column) > MAX_CELL for column in columns):
        raise Unreadable(line, "malformed_header", "column names in UTF-8 text")
    if len(columns) > MAX_COLUMNS:
        raise Unreadable(line, "too_many_columns", f"at most {MAX_COLUMNS} columns")
    if len(named) != len(set(named)):
        raise Unreadable(line, "duplicate_column", "each column once, whatever its case")
    return columns


def _line_fault(cells: list[str], width: int) -> tuple[str, str, str] | None:
    """(field, code, allowed) of a record that cannot be one row of this file."""
    if len(cells) != width:
        return "", "cell_count", f"{width} cells, as the header has"
    return _cell_fault(cells)


def _cell_fault(cells: Iterable[str]) -> tuple[str, str, str] | None:
    together = "".join(cells)
    if len(together) <= MAX_CELL and together.isascii() and "\0" not in together:
        return None
    for cell in cells:
        if len(cell) > MAX_CELL:
            return "", "cell_too_long", f"at most {MAX_CELL} characters in a cell"
        if not cell.isascii() and any("\ud800" <= character <= "\udfff" for character in cell):
            return "", "not_text", "whole Unicode characters"
        if "\0" in cell:
            return "", "nul_character", "text without NUL characters"
    return None


# --- NDJSON ----------------------------------------------------------------------------------


def _ndjson(dataset: str, opens: Opens) -> Table:
    columns: set[str] = set()
    refusals: list[Refusal] = []
    count = 0
    for line, content in contents.lines(opens, "\n"):
        if not content.strip():
            continue
        if not count and content.lstrip()[:1] == "[":
            raise Unreadable(1, "json_array", "one JSON object on each line, no array around them")
        count = _counted(count, line)
        cells = _object(content)
        if isinstance(cells, Malformed):
            refusals.append(Refusal(dataset, line, *cells))
        elif fault := _cell_fault(cells.values()):
            refusals.append(Refusal(dataset, line, *fault))
        else:
            columns |= cells.keys()
            if len(columns) > MAX_COLUMNS:
                raise Unreadable(line, "too_many_columns", f"at most {MAX_COLUMNS} columns")
    bad = frozenset(refusal.row for refusal in refusals)

    def read() -> Iterator[Cells]:
        for line, content in contents.lines(opens, "\n"):
            if content.strip() and line not in bad:
                again = _object(content)
                yield line, {} if isinstance(again, Malformed) else again

    return Table(frozenset(columns), Rows(read), tuple(refusals), count)


class Malformed(NamedTuple):
    """Why a line is no row."""

    field: str = ""
    code: str = "malformed_json"
    allowed: str = "one JSON object, each field once"


def _object(content: str) -> dict[str, str] | Malformed:
    """The cells of one JSON object as text, null as empty. Lists and objects only under `..._json`."""
    try:
        found = json.loads(
            content, object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        return Malformed()
    if not isinstance(found, dict):
        return Malformed()
    cells: dict[str, str] = {}
    for name, value in found.items():
        column = name.strip().lower()
        if isinstance(value, dict | list) and not column.endswith("_json"):
            return Malformed(code="not_text", allowed="text, a number, true, false or null in each cell")
        cells[column] = _text(value)
    return cells if len(cells) == len(found) else Malformed()


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is given twice")
    return found


def _no_constant(_name: str) -> str:
    raise ValueError("NaN and Infinity are not JSON")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def missing_columns(dataset: str, table: Table, required: Iterable[str]) -> tuple[Refusal, ...]:
    """Why a dataset cannot be taken at all: it is unreadable, or lacks required columns. A header alone can."""
    if not table.columns and table.refusals:
        return table.refusals
    return tuple(
        Refusal(dataset, 1, column, "missing_column", f"a column {column}")
        for column in required
        if column.lower() not in table.columns
    )


def unknown_datasets(names: Iterable[str], allowed: Iterable[str]) -> list[Refusal]:
    """A refusal of each dataset that a reader does not know, so that nothing is passed over in silence."""
    known = list(allowed)
    return [Refusal(name, 0, "", "unknown_dataset", ", ".join(known)) for name in names if name not in known]
