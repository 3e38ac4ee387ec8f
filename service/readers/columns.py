"""Columns derived from a kind of fact: one for each field, and what the cells of a row say in them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_type_hints

from service.domain.facts import Fact
from service.readers import cells
from service.readers.rows import Row
from service.readers.tables import Table


@dataclass(frozen=True, slots=True)
class Column:
    """One column of one of our files: its name, the field it fills, how a cell is read, whether it must be there."""

    name: str
    field: str
    read: Callable[[Row, str, str], Any]
    allowed: str
    required: bool = False


def _enum(kind: type[Enum]) -> tuple[Callable[[Row, str, str], Any], str]:
    reader = cells.member(kind)
    return lambda row, name, field: row.read(name, field, reader), ", ".join(str(item.value) for item in kind)


_READERS: dict[type, tuple[Callable[[Row, str, str], Any], str]] = {
    str: (Row.text, "text"),
    bool: (Row.yes, "yes, no"),
    int: (Row.whole, "a whole number"),
    date: (Row.day, cells.DAY_ALLOWED),
    datetime: (Row.moment, cells.MOMENT_ALLOWED),
}


def columns_of(kind: type[Fact], names: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """A column for each field of a kind of fact, by the field's name or by `names[field]`."""
    hints = get_type_hints(kind)
    found: list[Column] = []
    for field in fields(kind):
        if field.name == "known":
            continue
        typed = next(
            option for option in (get_args(hints[field.name]) or (hints[field.name],)) if option is not NoneType
        )
        read, allowed = _enum(typed) if issubclass(typed, Enum) else _READERS[typed]
        if field.name.endswith(("_ref", "team_code")):
            read, allowed = Row.ident, "an id"
        name = (names or {}).get(field.name, field.name)
        found.append(Column(name, field.name, read, allowed, required=field.default is MISSING))
    return tuple(found)


Present = Sequence[tuple[Column, str, dict[str, Any]]]
"""Columns to read in a file, each with its name there and what its cells were found to say: most say little else."""

_KEPT = 2000


def present(columns: Iterable[Column], table: Table) -> Present:
    """The columns of a file that there is anything to read of: those it has, and those it must have."""
    named = [(column, column.name.lower()) for column in columns]
    return [(column, name, {}) for column, name in named if column.required or name in table.columns]


def given(row: Row, present: Present) -> dict[str, Any]:
    """The fields that a row fills. A required one that is empty is refused, and stands in as None."""
    found: dict[str, Any] = {}
    for column, name, kept in present:
        text = row.texts.get(name, "")
        value = kept.get(text)
        if value is None and text:
            value = column.read(row, column.name, column.field)
            if value is not None and len(kept) < _KEPT:
                kept[text] = value
        if value is None and column.required:
            row.must(column.name, value, True, column.allowed)
        if value is not None or column.required:
            found[column.field] = value
    return found
