"""The chain over the audit: entries in the order they are sealed, their links, and what one link is the hash of."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, literal, select, text, tuple_
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


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends: the number and hash of its last link, and the place of the entry it seals."""

    number: int
    hash: str
    recorded_at: datetime | None = None
    audit_id: str = ""


def take_turn(session: Session) -> bool:
    """Whether this transaction may seal: nobody else does meanwhile."""
    if session.get_bind().dialect.name == "sqlite":
        return True
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": SEALING_LOCK}))


def head(session: Session) -> Head:
    """Where the chain ends now."""
    last = (
        select(audit_link.c.number, audit_link.c.hash, audit_entry.c.recorded_at, audit_link.c.audit_id)
        .outerjoin(audit_entry, audit_entry.c.audit_id == audit_link.c.audit_id)
        .order_by(audit_link.c.number.desc())
        .limit(1)
    )
    row = session.execute(last).first()
    return Head(*row) if row else Head(0, BEGINNING)


def _behind(end: Head) -> ColumnElement[bool]:
    """Entries after the chain's end, in the order of sealing: by index, however long the chain is."""
    if end.recorded_at is None:
        return literal(True)
    at = audit_entry.c.recorded_at
    return (at >= end.recorded_at) & ((at > end.recorded_at) | (audit_entry.c.audit_id > end.audit_id))


def unsealed(session: Session, end: Head, *, upto: datetime, most: int) -> Sequence[Row[Any]]:
    """The next entries to be sealed, recorded at or before a moment before which nothing can appear any more."""
    query = select(*_ENTRY).where(_behind(end), audit_entry.c.recorded_at <= upto)
    return session.execute(query.order_by(*_PLACE).limit(most)).all()


def waiting(session: Session, end: Head) -> int:
    """How many entries stand after the chain's end."""
    return session.scalar(select(func.count()).select_from(audit_entry).where(_behind(end))) or 0


def oldest_unsealed(session: Session) -> datetime | None:
    """When the oldest entry that waits for its seal was recorded; None where none waits."""
    query = select(audit_entry.c.recorded_at).where(_behind(head(session))).order_by(audit_entry.c.recorded_at)
    return session.scalar(query.limit(1))


def chained(before: str, entry: Row[Any]) -> str:
    """The hash of a link: over the hash before it and everything the entry says."""
    said = {name: _plain(getattr(entry, name)) for name in SEALED}
    written = json.dumps(said, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
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


def walk(session: Session, *, most: int) -> Iterator[Row[Any]]:
    """Every link by number (`number`, `sealed_id`, `hash`) with its entry, whose columns are None where it is gone."""
    link = select(audit_link.c.number, audit_link.c.audit_id.label("sealed_id"), audit_link.c.hash, *_ENTRY)
    query = link.outerjoin(audit_entry, audit_entry.c.audit_id == audit_link.c.audit_id)
    last = -1
    while rows := session.execute(
        query.where(audit_link.c.number > last).order_by(audit_link.c.number).limit(most)
    ).all():
        yield from rows
        last = rows[-1].number


def people_sets(session: Session, *, most: int) -> Iterator[tuple[str, str]]:
    """Every set of people: its digest, and the list kept under it."""
    last = ""
    query = select(audit_people.c.people_set, audit_people.c.people).order_by(audit_people.c.people_set)
    while rows := session.execute(query.where(audit_people.c.people_set > last).limit(most)).all():
        yield from ((row.people_set, row.people) for row in rows)
        last = rows[-1].people_set


def outside(session: Session, end: Head) -> str | None:
    """The first entry that stands before the end of a chain that holds, without a link.

    Looked for only where there are more entries than links: each link of such a chain has its entry.
    """
    if end.recorded_at is None:
        return None
    linked = select(audit_link.c.audit_id).where(audit_link.c.audit_id == audit_entry.c.audit_id).exists()
    before = tuple_(*_PLACE) <= tuple_(literal(end.recorded_at, audit_entry.c.recorded_at.type), literal(end.audit_id))
    if session.scalar(select(func.count()).select_from(audit_entry).where(before)) == end.number:
        return None
    return session.scalar(select(audit_entry.c.audit_id).where(before, ~linked).order_by(*_PLACE).limit(1))
