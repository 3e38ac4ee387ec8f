"""What retention asks of the record: how old, what is in it, what stands in the way, what was proposed and decided."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, or_, select, true, union, update
from sqlmodel import Session

from service.domain.dates import london_day
from service.domain.viewpoint import EVENTS, Viewpoint
from service.store import facts
from service.store.record import current
from service.store.schema import FACTS, person
from service.store.schema_access import clearing, restriction
from service.store.schema_rights import erasure, legal_hold
from service.store.types import new_id

MOMENTS = {"contact": ("occurred_at",)}
NO_SERVICE = frozenset({"born_on", "adopted_on"})
"""Days that are no event of the service: a record does not become younger or older by them."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one version of who somebody is says."""

    person_id: str
    born_on: date | None
    died_on: date | None
    adopted_on: date | None
    current: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold on one record, until it is lifted."""

    legal_hold_id: str
    person_id: str
    placed_by: str
    reason: str
    recorded_at: datetime
    superseded_at: datetime | None
    lifted_by: str | None
    lifted_reason: str | None


@dataclass(frozen=True, slots=True)
class Proposed:
    """An erasure that somebody asked for and nobody has decided."""

    erasure_id: str
    person_id: str
    rule: str
    due_on: date
    asked_by: str


def _of(session: Session, column: Any, only: Collection[str] | None) -> ColumnElement[bool]:
    return true() if only is None else facts.among(session, column, only)


def everyone(session: Session, only: Collection[str] | None = None) -> dict[str, bool]:
    """Person id -> whether the record is sealed."""
    query = select(person.c.person_id, person.c.sealed_at.is_not(None)).where(_of(session, person.c.person_id, only))
    return {person_id: bool(sealed) for person_id, sealed in session.execute(query)}


def said_of_people(session: Session, only: Collection[str] | None = None) -> list[Said]:
    """What every version says of who somebody is: births, deaths, adoptions."""
    table = FACTS["person"]
    columns = (table.c.person_id, table.c.born_on, table.c.died_on, table.c.adopted_on, current(table))
    query = select(*columns).where(_of(session, table.c.person_id, only))
    return [Said(own, born, died, adopted, bool(now)) for own, born, died, adopted, now in session.execute(query)]


def with_any_of(session: Session, kinds: Iterable[str], only: Collection[str] | None = None) -> frozenset[str]:
    """Everybody of whom a fact of one of these kinds was ever held, whichever version; withdrawn ones were not theirs.

    One SELECT.
    """
    parts = []
    for kind in kinds:
        table = FACTS[kind]
        theirs = _of(session, table.c.person_id, only) & ~facts.taken_back(table)
        parts.append(select(table.c.person_id).where(theirs))
    return frozenset(session.scalars(union(*parts)))


def last_days(session: Session, people: Collection[str]) -> dict[str, date]:
    """Person id -> the latest day that any version of any fact speaks of as an event: one SELECT a kind."""
    found: dict[str, date] = {}
    for kind, table in FACTS.items():
        latest = [func.max(table.c[name], type_=table.c[name].type) for name in (*EVENTS[kind], *MOMENTS.get(kind, ()))
                  if name not in NO_SERVICE]  # fmt: skip
        query = select(table.c.person_id, *latest).where(facts.among(session, table.c.person_id, people))
        for person_id, *days in session.execute(query.group_by(table.c.person_id)):
            said = [london_day(day) if isinstance(day, datetime) else day for day in days if day is not None]
            found[person_id] = max([found.get(person_id, date.min), *said])
    return {person_id: day for person_id, day in found.items() if day != date.min}


def in_service(session: Session, view: Viewpoint, only: Collection[str] | None = None) -> frozenset[str]:
    """Everybody for whom a clock may run or a worker is allocated: one SELECT.

    That a team answers for them is no service: sources leave it open for good.
    """
    table = FACTS["allocation"]
    goes_on = or_(table.c.ended_on.is_(None), table.c.ended_on >= view.as_at)
    allocated = select(table.c.person_id).where(current(table), goes_on)
    found = union(facts.in_view(view), allocated).subquery()
    return frozenset(session.scalars(select(found.c.person_id).where(_of(session, found.c.person_id, only))))


def with_open_clearing(session: Session) -> frozenset[str]:
    """Everybody about whose restriction somebody has to decide."""
    asked = restriction.join(clearing, clearing.c.restriction_id == restriction.c.restriction_id)
    return frozenset(session.scalars(select(restriction.c.person_id).select_from(asked).where(current(clearing))))


# --- legal holds ---


_HOLD = [legal_hold.c[name] for name in Hold.__dataclass_fields__]


def on_hold(session: Session) -> frozenset[str]:
    """Everybody with an open legal hold."""
    return frozenset(session.scalars(select(legal_hold.c.person_id).where(current(legal_hold))))


def holds(session: Session, people: Collection[str] | None = None) -> list[Hold]:
    """Legal holds, the oldest first: of these people, lifted ones too; of everybody, the open ones."""
    which = current(legal_hold) if people is None else legal_hold.c.person_id.in_(people)
    query = select(*_HOLD).where(which).order_by(legal_hold.c.recorded_at, legal_hold.c.legal_hold_id)
    return [Hold(*row) for row in session.execute(query)]


def place(session: Session, person_id: str, *, by: str, reason: str, at: datetime, audit_id: str) -> str:
    """Hold a record; the id of the hold."""
    hold_id = new_id(at)
    session.execute(
        insert(legal_hold).values(
            legal_hold_id=hold_id, person_id=person_id, placed_by=by, reason=reason, recorded_at=at, audit_id=audit_id
        )
    )
    return hold_id


def lift(session: Session, hold_ids: Collection[str], *, by: str, reason: str, at: datetime) -> None:
    """Lift holds."""
    these = legal_hold.c.legal_hold_id.in_(hold_ids) & current(legal_hold)
    session.execute(update(legal_hold).where(these).values(superseded_at=at, lifted_by=by, lifted_reason=reason))


# --- erasures ---


def proposed(session: Session, *, lock: bool = False) -> dict[str, Proposed]:
    """Person id -> the erasure that waits for a second person; with `lock`, nobody else decides meanwhile."""
    columns = [erasure.c[name] for name in Proposed.__dataclass_fields__]
    query = select(*columns).where(current(erasure)).order_by(erasure.c.recorded_at, erasure.c.erasure_id)
    query = query.with_for_update() if lock else query
    return {row.person_id: Proposed(*row) for row in session.execute(query)}


def propose(
    session: Session, due: Iterable[tuple[str, str, date]], *, by: str, reason: str, at: datetime, audit_id: str
) -> None:
    """(person id, rule, due on): ask for these to be erased."""
    rows = [
        {"erasure_id": new_id(at), "person_id": person_id, "rule": rule, "due_on": due_on, "asked_by": by,
         "reason": reason, "recorded_at": at, "audit_id": audit_id}
        for person_id, rule, due_on in due
    ]  # fmt: skip
    if rows:
        session.execute(insert(erasure), rows)


def decide(
    session: Session, erasure_ids: Collection[str], decision: str, *, by: str, reason: str, at: datetime, rows: int
) -> None:
    """Close what was proposed: erased, with how many rows, or refused."""
    values = {"superseded_at": at, "decision": decision, "decided_by": by, "decided_reason": reason, "rows": rows}
    session.execute(update(erasure).where(erasure.c.erasure_id.in_(erasure_ids), current(erasure)).values(**values))


def erased_by_year(session: Session) -> dict[int, int]:
    """Year -> how many records were erased in it."""
    found: dict[int, int] = defaultdict(int)
    query = select(erasure.c.superseded_at).where(erasure.c.decision == "erased")
    for moment in session.scalars(query):
        found[london_day(moment).year] += 1
    return dict(found)
