"""Tables for spreadsheets: quoted, marked as UTF-8, and safe to open where a cell can be a formula."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence

from service.domain.dates import london_day
from service.domain.tracker import Danger, Row, Table, Tracker

_FORMULA = frozenset("=+-@|%\t\r\n")
_UNSEEN = frozenset({"Cc", "Cf", "Zs"})  # control, format and space characters
_NEXT_CELL = re.compile(r"""[;,][\s"']*[=+\-@]""")  # where another list separator would begin a cell
COLUMNS = (
    "as_at", "known_at", "cohort", "definition", "count", "of", "unknown", "approaching", "not_supplied",
    "not_yet_collected", "supplied",
    "lines", "state", "eclipse_id", "name", "age", "locality",
    "service", "team", "owner", "line", "flags", "started_on", "started_on_basis", "limit", "due_on", "days_over",
    "days_in_state", "last_contact_made_on", "explanation", "missing", "clears_when",
)  # fmt: skip


def safe(value: object) -> str:
    """A cell's text, with an apostrophe before anything a spreadsheet could take for a formula.

    Full-width forms, and spaces or invisible characters in front, do not hide one.
    """
    text = "" if value is None else str(value)
    plain = unicodedata.normalize("NFKC", text)
    first = next((c for c in plain if c in _FORMULA or unicodedata.category(c) not in _UNSEEN), "")
    return f"'{text}" if first in _FORMULA or _NEXT_CELL.search(plain) else text


def unsafe(text: str) -> str:
    """The text of a cell that `safe` made, as it was before."""
    return text[1:] if text.startswith("'") and safe(text[1:]) == text else text


def rows(header: Sequence[str], lines: Iterable[Sequence[object]]) -> bytes:
    """CSV bytes: UTF-8 with BOM, CRLF, every cell quoted."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    for line in lines:
        writer.writerow([safe(cell) for cell in line])
    return out.getvalue().encode("utf-8-sig")


def tracker(value: Tracker) -> bytes:
    """A line per row of the tracker, danger first; a cohort without rows has one line with its figures."""
    lines = [_danger(value, each) for each in value.danger]
    lines += [line for table in value.tables for line in _lines(value, table)]
    return rows(COLUMNS, lines)


def _danger(value: Tracker, each: Danger) -> list[object]:
    cells = dict.fromkeys(COLUMNS)
    said: dict[str, object] = {
        "as_at": value.view.as_at,
        "known_at": value.view.known_at.isoformat(),
        "cohort": "danger",
    }
    if each.card.restricted:
        said |= {"state": "danger", "name": "restricted record"}
    else:
        since = [f"missing since {each.missing_since}"] if each.missing_since else []
        said |= {
            "state": "danger", "eclipse_id": each.card.eclipse_id, "name": each.card.name, "age": each.card.age,
            "team": each.card.team, "owner": each.card.owner, "explanation": "; ".join([*since, *each.cohorts]),
        }  # fmt: skip
    return list((cells | said).values())


def _lines(value: Tracker, table: Table) -> list[list[object]]:
    lines = "; ".join(f"{code} {count}" for code, count in table.lines)
    head: list[object] = [
        value.view.as_at, value.view.known_at.isoformat(), table.cohort.code, table.cohort.definition, table.count,
        table.of, table.unknown, table.approaching, table.not_supplied, table.not_yet_collected, table.supplied, lines,
    ]  # fmt: skip
    blank: list[object] = [None] * (len(COLUMNS) - len(head))
    return [[*head, *_cells(row)] for row in table.rows] or [[*head, *blank]]


def _cells(row: Row) -> list[object]:
    card, finding = row.card, row.finding
    if card.restricted:
        hidden: list[object] = [finding.state.value, None, "restricted record"]
        return hidden + [None] * (len(COLUMNS) - 12 - len(hidden))
    return [
        finding.state.value, card.eclipse_id, card.name, card.age, card.locality, card.service, card.team, card.owner,
        finding.line, " ".join(finding.flags), finding.started_on, finding.started_on_basis, finding.limit,
        finding.due_on, finding.days_over, finding.days_in_state,
        london_day(card.made.occurred_at) if card.made else None,
        finding.explanation, "; ".join(finding.missing), finding.clears_when,
    ]  # fmt: skip
