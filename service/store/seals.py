"""The chain over the audit: entries in the order they are sealed, their links, and what one link is the hash of."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import Row, Select, func, insert, inspect, literal, select, text, tuple_
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session

from service.store.schema import audit_entry, audit_link, audit_people

# One process seals at a time. On SQLite the write turn does it.
SEALING_LOCK = 0x105_0F_5161A
BEGINNING = "0" * 64
# What a seal covers, by name: a column added later is not in the seals of before.
SEALED = (
    "audit_id", "recorded_at", "by_user", "act", "person_id", "people_set", "outcome", "request_id", "detail",
    "reason", "seen", "changes",
)  # fmt: skip
_ENTRY = tuple(audit_entry.c[name] for name in SEALED)
_PLACE = (audit_entry.c.recorded_at, audit_entry.c.audit_id)
_LINKED = select(audit_link.c.audit_id).where(audit_link.c.audit_id == audit_entry.c.audit_id).exists()
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends: the number and hash of its last link, and the place of the entry it seals."""

    number: int
    hash: str
    recorded_at: datetime | None = None
    audit_id: str = ""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A link of which something, or of whose entry, was made what no driver can decode. Its ids as far as they are."""

    number: int
    sealed_id: str | None


def gone(session: Session) -> str | None:
    """The first of the audit's tables, or of their columns, that the database does not have."""
    inspector = inspect(session.connection())
    for table in (audit_entry, audit_people, audit_link):
        if not inspector.has_table(table.name):
            return table.name
        held = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in held:
                return f"{table.name}.{column.name}"
    return None


def take_turn(session: Session) -> bool:
    """Whether this transaction may seal: nobody else does meanwhile."""
    if session.get_bind().dialect.name == "sqlite":
        return True
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": SEALING_LOCK}))


def head(session: Session) -> Head:
    """Where the chain ends now. Its place is that of the last entry sealed which is there and can be read."""
    last = (
        select(audit_link.c.number, audit_link.c.hash, audit_entry.c.recorded_at, audit_link.c.audit_id)
        .outerjoin(audit_entry, audit_entry.c.audit_id == audit_link.c.audit_id)
        .order_by(audit_link.c.number.desc())
    )
    for row in _read(session, last, 0, 1):
        if row is not None and row.recorded_at is not None:
            return Head(row.number, row.hash, row.recorded_at, row.audit_id)
    number = session.scalar(select(func.max(audit_link.c.number)))
    if number is None:
        return Head(0, BEGINNING)
    (end,) = _read(session, select(audit_link.c.hash).where(audit_link.c.number == number), 0, 1)
    said = "?" if end is None else end.hash
    at = last.where(audit_entry.c.audit_id.is_not(None))
    passed = 0
    while rows := _read(session, at, passed, 1):
        if rows[0] is not None:
            return Head(number, said, rows[0].recorded_at, rows[0].audit_id)
        passed += 1
    return Head(number, said)


def _read(session: Session, query: Select[Any], first: int, most: int) -> list[Row[Any] | None]:
    """`most` rows of a query from the `first` on; None in the place of one that the driver cannot decode."""
    try:
        return list(session.execute(query.offset(first).limit(most)).all())
    except Exception as error:
        if not _undecodable(error):
            raise
    if most == 1:
        return [None]
    half = most // 2
    return [*_read(session, query, first, half), *_read(session, query, first + half, most - half)]


def _undecodable(error: Exception) -> bool:
    """Whether it is the value that could not be made Python's: the database itself gave it without complaint."""
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, psycopg.Error):
        return isinstance(cause, psycopg.DataError) and cause.sqlstate is None
    if isinstance(cause, sqlite3.Error):
        return not hasattr(cause, "sqlite_errorcode")
    return isinstance(cause, ValueError | TypeError | ArithmeticError)


def _behind(end: Head) -> ColumnElement[bool]:
    """Entries after the chain's end, in the order of sealing: by index, however long the chain is."""
    if end.recorded_at is None:
        return literal(True)
    at = audit_entry.c.recorded_at
    return (at >= end.recorded_at) & ((at > end.recorded_at) | (audit_entry.c.audit_id > end.audit_id))


def unsealed(session: Session, end: Head, *, upto: datetime, most: int) -> list[Row[Any] | str]:
    """The next entries to be sealed, recorded at or before a moment before which nothing can appear any more.

    Of one that cannot be decoded its id, which is no reason to leave those behind it unsealed.
    """
    these = select(*_ENTRY).where(_behind(end), ~_LINKED, audit_entry.c.recorded_at <= upto).order_by(*_PLACE)
    rows = _read(session, these, 0, most)
    return [_id_at(session, these, n) if row is None else row for n, row in enumerate(rows)]


def undecodable(session: Session, end: Head, *, most: int) -> str | None:
    """The first entry after the chain's end that cannot be decoded."""
    these, passed = select(*_ENTRY).where(_behind(end), ~_LINKED).order_by(*_PLACE), 0
    while rows := _read(session, these, passed, most):
        if None in rows:
            return _id_at(session, these, passed + rows.index(None))
        passed += len(rows)
    return None


def _id_at(session: Session, these: Select[Any], place: int) -> str:
    (row,) = _read(session, these.with_only_columns(audit_entry.c.audit_id), place, 1)
    return str(row.audit_id) if row is not None else "?"


def waiting(session: Session, end: Head) -> int:
    """How many entries stand after the chain's end."""
    return session.scalar(select(func.count()).select_from(audit_entry).where(_behind(end))) or 0


def oldest_unsealed(session: Session) -> datetime | None:
    """When the oldest entry that waits for its seal was recorded; None where none waits.

    LONG_AGO where that cannot be decoded: it will wait for ever, and whoever watches is to be told.
    """
    query = select(audit_entry.c.recorded_at).where(_behind(head(session))).order_by(audit_entry.c.recorded_at)
    for row in _read(session, query, 0, 1):
        return LONG_AGO if row is None else row.recorded_at
    return None


def chained(before: str, entry: Row[Any]) -> str:
    """The hash of a link: over the hash before it and everything the entry says."""
    said = {name: _plain(getattr(entry, name)) for name in SEALED}
    written = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(f"{before}\n{written}".encode()).hexdigest()


def _plain(value: object) -> object:
    return value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value


def add(session: Session, end: Head, entries: Sequence[Row[Any]], *, at: datetime) -> Head:
    """Link these entries to the chain's end, in their order; where it ends then."""
    links = []
    for entry in entries:
        end = Head(end.number + 1, chained(end.hash, entry), entry.recorded_at, entry.audit_id)
        links.append({"number": end.number, "audit_id": end.audit_id, "hash": end.hash, "sealed_at": at})
    if links:
        session.execute(insert(audit_link), links)
    return end


def walk(session: Session, *, most: int) -> Iterator[Row[Any] | Damaged]:
    """Every link by number (`number`, `sealed_id`, `hash`) with its entry, whose columns are None where it is gone."""
    link = select(audit_link.c.number, audit_link.c.audit_id.label("sealed_id"), audit_link.c.hash, *_ENTRY)
    query = link.outerjoin(audit_entry, audit_entry.c.audit_id == audit_link.c.audit_id).order_by(audit_link.c.number)
    every = select(audit_link.c.number).order_by(audit_link.c.number)
    while numbers := session.scalars(every.limit(most)).all():
        rows = _read(session, query.where(audit_link.c.number.between(numbers[0], numbers[-1])), 0, len(numbers))
        for number, row in zip(numbers, rows, strict=True):
            yield _damaged(session, number) if row is None else row
        every = select(audit_link.c.number).order_by(audit_link.c.number).where(audit_link.c.number > numbers[-1])


def _damaged(session: Session, number: int) -> Damaged:
    (row,) = _read(session, select(audit_link.c.audit_id).where(audit_link.c.number == number), 0, 1)
    return Damaged(number, None if row is None else str(row.audit_id))


def people_sets(session: Session, *, most: int) -> Iterator[tuple[str, str | None]]:
    """Every set of people: its digest, and the list kept under it; None for what is no text."""
    digest = audit_people.c.people_set
    last, passed = "", 0
    while True:
        these = select(digest, audit_people.c.people).where(digest > last).order_by(digest)
        rows = _read(session, these, passed, most)
        if not rows:
            return
        first = passed
        for n, row in enumerate(rows, start=first):
            (name,) = _read(session, these.with_only_columns(digest), n, 1) if row is None else (row,)
            passed += 1
            if name is not None:  # else no entry refers to it
                last, passed = name.people_set, 0
                yield last, row.people if row is not None and isinstance(row.people, str) else None


def outside(session: Session, end: Head) -> str | None:
    """The first entry that stands before the end of a chain that holds, without a link.

    Looked for only where there are more entries than links: each link of such a chain has its entry.
    """
    if end.recorded_at is None:
        return None
    before = tuple_(*_PLACE) <= tuple_(literal(end.recorded_at, audit_entry.c.recorded_at.type), literal(end.audit_id))
    if session.scalar(select(func.count()).select_from(audit_entry).where(before)) == end.number:
        return None
    return session.scalar(select(audit_entry.c.audit_id).where(before, ~_LINKED).order_by(*_PLACE).limit(1))


def between(session: Session, first: tuple[datetime, str] | None, last: tuple[datetime, str]) -> str | None:
    """The first entry without a link that stands between these two places, or before the last."""
    kinds = (audit_entry.c.recorded_at.type, audit_entry.c.audit_id.type)
    these = [tuple_(*_PLACE) < tuple_(*map(literal, last, kinds)), ~_LINKED]
    if first is not None:
        these.append(tuple_(*_PLACE) > tuple_(*map(literal, first, kinds)))
    return session.scalar(select(audit_entry.c.audit_id).where(*these).order_by(*_PLACE).limit(1))
