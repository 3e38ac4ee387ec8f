"""A file's bytes as rows of named text cells: CSV or NDJSON, as Excel, psql and scripts write them."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.domain.intake import Refusal

MAX_CELL = 10_000
"""Characters in one cell: longer than any field we take, shorter than a runaway quote."""

Line = tuple[int, list[str]]
"""A line number (the header is 1) and its cells."""


@dataclass(frozen=True, slots=True)
class Table:
    """A dataset as text: column names in lower case, rows as (line, cells by column), what was refused.

    `count` is the number of data rows in the file, refused ones included.
    """

    columns: frozenset[str]
    rows: tuple[tuple[int, dict[str, str]], ...]
    refusals: tuple[Refusal, ...]
    count: int


class _Unreadable(Exception):
    """The whole file cannot be read from this line on: (line, code, what is allowed)."""

    def __init__(self, line: int, code: str, allowed: str) -> None:
        super().__init__(code)
        self.line, self.code, self.allowed = line, code, allowed


def parse(dataset: str, content: bytes) -> Table:
    """Rows of a CSV file or of a file with one JSON object per line; told apart by the first character.

    UTF-8 with or without BOM; LF or CRLF; RFC 4180 quotes. A file that cannot be read to its end is refused
    whole, so that half a file is never taken for all of it. Column names match whatever their case.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        return _refused(dataset, line, "wrong_encoding", "UTF-8, with or without BOM")
    try:
        return _ndjson(dataset, text) if text.lstrip()[:1] in ("{", "[") else _csv(dataset, text)
    except _Unreadable as fault:
        return _refused(dataset, fault.line, fault.code, fault.allowed)


def _refused(dataset: str, line: int, code: str, allowed: str) -> Table:
    return Table(frozenset(), (), (Refusal(dataset, line, "", code, allowed),), 0)


# --- CSV -------------------------------------------------------------------------------------


def _csv(dataset: str, text: str) -> Table:
    lines = _lines(text)
    header = next(lines, None)
    if header is None:
        return Table(frozenset(), (), (), 0)
    columns = _header(header)
    rows: list[tuple[int, dict[str, str]]] = []
    refusals: list[Refusal] = []
    count = 0
    for line, cells in lines:
        count += 1
        fault = _line_fault(cells, len(columns))
        if fault is None:
            rows.append((line, dict(zip(columns, cells, strict=True))))
        else:
            refusals.append(Refusal(dataset, line, *fault))
    return Table(frozenset(columns) - {""}, tuple(rows), tuple(refusals), count)


def _lines(text: str) -> Iterator[Line]:
    """Each record with the line it begins on: a quoted cell may hold line ends. Blank lines are no records."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as fault:
        raise _Unreadable(begins, "malformed_csv", "comma-separated values with RFC 4180 quotes") from fault


def _header(header: Line) -> list[str]:
    line, cells = header
    columns = [cell.strip().lower() for cell in cells]
    named = [column for column in columns if column]
    if any("\0" in column or len(column) > MAX_CELL for column in columns):
        raise _Unreadable(line, "malformed_header", "column names in UTF-8 text")
    if len(named) != len(set(named)):
        raise _Unreadable(line, "duplicate_column", "each column once, whatever its case")
    return columns


def _line_fault(cells: list[str], width: int) -> tuple[str, str, str] | None:
    """(field, code, allowed) of a record that cannot be one row of this file."""
    if len(cells) != width:
        return "", "cell_count", f"{width} cells, as the header has"
    return _cell_fault(cells)


def _cell_fault(cells: Iterable[str]) -> tuple[str, str, str] | None:
    for cell in cells:
        if len(cell) > MAX_CELL:
            return "", "cell_too_long", f"at most {MAX_CELL} characters in a cell"
        if not cell.isascii() and any("\ud800" <= character <= "\udfff" for character in cell):
            return "", "not_text", "whole Unicode characters"
        if "\0" in cell:
            return "", "nul_character", "text without NUL characters"
    return None


# --- NDJSON ----------------------------------------------------------------------------------


def _ndjson(dataset: str, text: str) -> Table:
    if text.lstrip()[:1] == "[":
        raise _Unreadable(1, "json_array", "one JSON object on each line, no array around them")
    rows: list[tuple[int, dict[str, str]]] = []
    refusals: list[Refusal] = []
    lines = [(line, content) for line, content in enumerate(text.split("\n"), start=1) if content.strip()]
    for line, content in lines:
        cells = _object(content)
        if cells is None:
            refusals.append(Refusal(dataset, line, "", "malformed_json", "one JSON object, each field once"))
        elif fault := _cell_fault(cells.values()):
            refusals.append(Refusal(dataset, line, *fault))
        else:
            rows.append((line, cells))
    columns = frozenset[str]().union(*(cells.keys() for _, cells in rows))
    return Table(columns, tuple(rows), tuple(refusals), len(lines))


def _object(content: str) -> dict[str, str] | None:
    """The cells of one JSON object as text, null as empty; None when it is no object or says a field twice."""
    try:
        found = json.loads(
            content, object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    cells = {name.strip().lower(): _text(value) for name, value in found.items()}
    return cells if len(cells) == len(found) else None


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
    """Why a dataset cannot be taken at all: it is unreadable, or lacks required columns. An empty file can."""
    if not table.columns and (table.refusals or not table.count):
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
