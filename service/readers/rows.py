"""One row being read: typed access to its cells that notes what is wrong instead of stopping at it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import TypeVar

from service.domain.facts import Fact
from service.domain.intake import Claim, Refusal
from service.domain.standing import gravity
from service.readers import cells
from service.readers.header import Header
from service.readers.tables import Table

T = TypeVar("T")
_AN_ID = f"an id of at most {cells.MAX_ID} characters"
DELETED = "record_deleted"
"""The column in which a delta says that its source no longer has a record."""


class Row:
    """Reads cells by column name and gathers refusals and flags; a row with a refusal is not taken at all.

    `field` is the name of the fact's field, for flags: `placeholder_<field>` for a stand-in such as SSD_PH
    or 1900-01-01, `unmapped_<field>` for a code or text that the mapping does not know.
    """

    __slots__ = ("_deleted", "_faults", "_header", "dataset", "flags", "key", "known_as", "line", "texts")

    def __init__(self, dataset: str, line: int, found: Mapping[str, str], header: Header | None = None) -> None:
        self.dataset = dataset
        self.line = line
        self.key = ""
        self.known_as: str | None = None
        self._faults: list[tuple[str, str, str]] = []
        self.flags: list[str] = []
        self.texts = found
        self._header = header or Header(frozenset(found))
        self._deleted: bool | None = None

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Why the row cannot be taken, each under the key of the row's facts (`known_as` where `key` is not that)."""
        if not self._faults:
            return ()
        key = self.key if self.known_as is None else self.known_as
        return tuple(Refusal(self.dataset, self.line, *fault, key) for fault in self._faults)

    @property
    def blank(self) -> bool:
        """Whether no cell of the row says anything: SSD scripts write such rows where they have no data."""
        return all(cells.hollow(text.strip()) for text in self.texts.values())

    @property
    def deleted(self) -> bool:
        """Whether the row carries the marker of a delta: what it says is there no more."""
        if self._deleted is None:
            self._deleted = DELETED in self.texts and bool(self.yes(DELETED, DELETED))
        return self._deleted

    def claim(self, eclipse_id: str, value: Fact, *, suffix: str = "", undated: bool = False) -> Claim:
        """What the row says of a person, with the flags raised so far; `suffix` tells several facts of a row apart."""
        deleted, key = self.deleted, self.key + suffix
        return Claim(
            self.dataset, self.line, key, eclipse_id, value, undated, tuple(self.flags), deleted=deleted,
            unsaid=self.unsaid,
        )  # fmt: skip

    @property
    def unsaid(self) -> frozenset[str]:
        """Fields read so far of which the file has no column: it does not say that they are blank."""
        return self._header.unsaid

    def stays(self, allowed: str) -> None:
        """Refuse the marker of a delta where what the row is about cannot be deleted, only ended."""
        if self.deleted:
            self.refuse(DELETED, "cannot_be_deleted", allowed)

    def refuse(self, column: str, code: str, allowed: str) -> None:
        """Note why the row cannot be taken; the value itself is never noted."""
        self._faults.append((column, code, allowed))

    def flag(self, flag: str) -> None:
        """Note what a reader of the fact should know about it."""
        if flag not in self.flags:
            self.flags.append(flag)

    def given(self, column: str) -> bool:
        """Whether the cell holds anything but null."""
        return not cells.nothing(self.texts.get(column.lower(), "").strip())

    def read(self, column: str, field: str, reader: Callable[[str], T | cells.Fault]) -> T | None:
        """The cell as `reader` sees it; None when null, a placeholder (flagged) or unreadable (refused)."""
        text = self.texts.get(column.lower(), "").strip()
        if len(text) <= cells.LONGEST_STAND_IN:
            if cells.nothing(text):
                self._header.blank(column, field)
                return None
            if cells.placeholder(text):
                self.flag(f"placeholder_{field}")
                return None
        found = reader(text)
        if isinstance(found, cells.Fault):
            self.refuse(column, found.code, found.allowed)
            return None
        return found

    def text(self, column: str, field: str) -> str | None:
        """Any text."""
        return self.read(column, field, cells.plain)

    def ident(self, column: str, field: str) -> str | None:
        """An id."""
        return self.read(column, field, cells.ident)

    def yes(self, column: str, field: str) -> bool | None:
        """Yes or no."""
        return self.read(column, field, cells.yes)

    def whole(self, column: str, field: str) -> int | None:
        """A whole number."""
        return self.read(column, field, cells.whole)

    def day(self, column: str, field: str) -> date | None:
        """A day; 1900-01-01 is a placeholder."""
        found = self.read(column, field, cells.day)
        return self._unless_nothing(found, found, field)

    def moment(self, column: str, field: str) -> datetime | None:
        """A moment in UTC; any time on 1900-01-01 is a placeholder."""
        found = self.read(column, field, cells.moment)
        if found is None or found.year > cells.NOTHING_DAY.year:
            return found
        return self._unless_nothing(found, found.astimezone(cells.LONDON).date(), field)

    def mapped(self, column: str, field: str, find: Callable[[str], T | None]) -> T | None:
        """What the mapping makes of the text; a text it does not know is None and flagged."""
        text = self.text(column, field)
        found = find(text) if text is not None else None
        if text is not None and found is None:
            self.flag(f"unmapped_{field}")
        return found

    def must(self, column: str, found: T | None, otherwise: T, allowed: str) -> T:
        """`found`, or a refusal of the row and a value that nobody will see. A deleted row needs its ids alone."""
        return otherwise if found is None and self.deleted else self._must(column, found, otherwise, allowed)

    def _must(
        self, column: str, found: T | None, otherwise: T, allowed: str, code: str = "missing_value"
    ) -> T:  # fmt: skip
        if found is not None:
            return found
        if not any(fault[0] == column for fault in self._faults):
            self.refuse(column, code, allowed)
        return otherwise

    def must_key(self, column: str) -> str:
        """The source's own id of the row, which whoever makes the file forgot where it is empty."""
        return self._must(column, self.ident(column, column), "", _AN_ID, "missing_key")

    def must_ident(self, column: str) -> str:
        """An id without which the row says nothing."""
        return self._must(column, self.ident(column, column), "", _AN_ID)

    def must_day(self, column: str, field: str, *, of_key: bool = False) -> date:
        """A day without which the row says nothing. `of_key`: it is part of the row's key, also of a deleted one."""
        must = self._must if of_key else self.must
        return must(column, self.day(column, field), date.min, cells.DAY_ALLOWED)

    def in_order(self, started_on: date | None, ended_on: date | None, column: str) -> None:
        """Refuse a row that ends before it begins; `column` is that of the end."""
        if started_on is not None and ended_on is not None and ended_on < started_on:
            self.refuse(column, "ends_before_start", "a day not before the start")

    def _unless_nothing(self, found: T | None, on: date | None, field: str) -> T | None:
        if on != cells.NOTHING_DAY:
            return found
        self.flag(f"placeholder_{field}")
        return None


class Reading:
    """The rows of a table one by one, none of them kept: what is wrong with one is noted when the next is asked for.

    `unsaid`: fields of which the file has no column. `placeholder`, once they have been gone through: the table has
    rows, and nothing in any of them.
    """

    def __init__(self, dataset: str, table: Table, unsaid: Iterable[str] = ()) -> None:
        self.refusals: list[Refusal] = list(table.refusals)
        self._header = Header(table.columns, unsaid)
        self.placeholder = table.count > 0 and not table.refusals
        self._dataset, self._table = dataset, table

    def __iter__(self) -> Iterator[Row]:
        for line, found in self._table.rows:
            row = Row(self._dataset, line, found, self._header)
            self.placeholder = self.placeholder and row.blank
            yield row
            self.refusals.extend(row.refusals)


def taken(rows: Iterable[Row], build: Callable[[Row], Sequence[T]], column: str) -> list[T]:
    """What the rows yield, without rows that are empty or refused.

    `build` sets `row.key`. A key that comes again is left out when it says the same, and refused (`duplicate_row`, at
    `column`) when it says something else. Of the two the worse counts (open beats ended), flagged `several_rows`:
    neither order in the file nor a second row ends a danger.
    """
    found: dict[str, Sequence[T]] = {}
    for row in rows:
        if row.blank:
            continue
        made = build(row)
        if row.refusals or not made:
            continue
        earlier = found.setdefault(row.key, made)
        if earlier is not made and _anywhere(earlier) != _anywhere(made):
            row.refuse(column, "duplicate_row", "each id once in a dataset")
            found[row.key] = _worse(earlier, made)
    return [item for made in found.values() for item in made]


def _worse(earlier: Sequence[T], later: Sequence[T]) -> list[T]:
    """The graver of what two rows under one key say, as said by the earlier of them: the later one is refused."""
    line = getattr(earlier[0], "row", 0)
    said = later if _grade(later) > _grade(earlier) else earlier
    return [_at(item, line) for item in said]


def _at(item: T, line: int) -> T:
    if isinstance(item, Claim):
        return replace(item, row=line, flags=tuple(dict.fromkeys((*item.flags, "several_rows"))))
    return replace(item, row=line) if hasattr(item, "row") else item  # type: ignore[type-var]


def _grade(made: Sequence[object]) -> list[tuple[int, ...]]:
    values = [item.value if isinstance(item, Claim) else item for item in made]
    return [
        gravity(value) if isinstance(value, Fact) else (int(getattr(value, "ended_on", None) is None),)
        for value in values
    ]


def _anywhere(made: Sequence[object]) -> list[object]:
    """What a row yields, without where it stood."""
    return [replace(item, row=0) if isinstance(item, Claim) else item for item in made]
