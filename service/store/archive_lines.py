"""How a backup reads line by line: an opening, each table's columns and rows, and a manifest that counts them."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import orjson

from service.errors import BackupRefused

SLICE = 1000
SLICE_BYTES = 4 * 1024 * 1024
"""Rows, and bytes of their lines, that are handed on at once: memory is bounded by the larger."""

Row = tuple[Any, ...]


def _moment(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError
    return found


def _exact(python: type) -> Callable[[Any], Any]:
    def same(value: Any) -> Any:
        if type(value) is not python:
            raise ValueError
        return value

    return same


# What a column holds -> what becomes of its value in a line. In the line it is what JSON has for it.
DECODED: dict[str, Callable[[Any], Any]] = {
    "text": _exact(str),
    "number": _exact(int),
    "truth": _exact(bool),
    "day": date.fromisoformat,
    "moment": _moment,
    "bytes": lambda value: base64.b64decode(value, validate=True),
}


@dataclass(frozen=True, slots=True)
class Opening:
    """How a backup begins: the schema it was taken of, by which version of the service, and when (aware)."""

    revision: str
    version: str
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of one table, in their order. `columns` are (name, what it holds)."""

    table: str
    columns: tuple[tuple[str, str], ...]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Manifest:
    """How it ends: for each table its rows and the sha256 of its lines; number and hash of the newest seal."""

    opening: Opening
    tables: Mapping[str, tuple[int, str]]
    audit_head: tuple[int, str] | None

    @property
    def rows(self) -> int:
        """All rows of all tables."""
        return sum(rows for rows, _ in self.tables.values())


def line(value: object) -> bytes:
    """One line: JSON, with bytes in base64 and moments in UTC."""
    return orjson.dumps(value, default=_as_text, option=orjson.OPT_APPEND_NEWLINE)


def _as_text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


@dataclass(slots=True)
class _Table:
    """A table while its lines are read."""

    name: str
    columns: tuple[tuple[str, str], ...]
    digest: Any
    decoded: tuple[Callable[[Any], Any], ...]
    rows: int = 0
    size: int = 0
    waiting: list[Row] = field(default_factory=list)

    def take(self, said: bytes, values: list[Any]) -> None:
        """One more row."""
        self.digest.update(said + b"\n")
        made_of = zip(self.decoded, values, strict=True)
        self.waiting.append(tuple(None if value is None else made(value) for made, value in made_of))
        self.rows, self.size = self.rows + 1, self.size + len(said)

    def part(self) -> Part:
        """What waits, to be handed on."""
        part, self.waiting, self.size = Part(self.name, self.columns, self.waiting), [], 0
        return part


def read(coming: Iterable[bytes]) -> Iterator[Opening | Part | Manifest]:
    """The opening, parts of tables in order, and the manifest, once everything before it was found to agree with it.

    Raises BackupRefused when it does not.
    """
    try:
        yield from _read(iter(coming))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged() from None


def _read(coming: Iterator[bytes]) -> Iterator[Opening | Part | Manifest]:
    first = orjson.loads(next(coming, b""))
    opening = Opening(str(first["revision"]), str(first["version"]), _moment(first["taken_at"]))
    yield opening
    found: dict[str, tuple[int, str]] = {}
    table: _Table | None = None
    for each in coming:
        said = orjson.loads(each)
        if isinstance(said, list) and table is not None:
            table.take(each, said)
            if len(table.waiting) >= SLICE or table.size >= SLICE_BYTES:
                yield table.part()
            continue
        if table is not None:
            found[table.name] = (table.rows, table.digest.hexdigest())
            yield table.part()
        if "table" not in said:
            yield _ended(opening, said, found, coming)
            return
        table = _begun(each, said)
    raise _damaged()


def _begun(begins: bytes, said: Mapping[str, Any]) -> _Table:
    columns = tuple((str(name), str(held)) for name, held in said["columns"])
    digest = hashlib.sha256(begins + b"\n")
    return _Table(str(said["table"]), columns, digest, tuple(DECODED[held] for _, held in columns))


def _ended(
    opening: Opening, said: Mapping[str, Any], found: Mapping[str, tuple[int, str]], coming: Iterator[bytes]
) -> Manifest:  # fmt: skip
    told = {name: (rows, digest) for name, (rows, digest) in said["tables"].items()}
    if told != found or next(coming, None) is not None:
        raise _damaged()
    head = said["audit_head"]
    return Manifest(opening, told, (head[0], head[1]) if head else None)


def _damaged() -> BackupRefused:
    return BackupRefused("The backup is damaged: what it holds is not what it says it holds")
