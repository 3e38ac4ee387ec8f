"""What of a push waits for a person: what it is about, since when, and what was decided."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, or_, select, update
from sqlmodel import Session

from service.domain.facts import Source
from service.store.schema import held_change, hold, hold_decision

SLICE = 1000


@dataclass(frozen=True, slots=True)
class Hold:
    """The held part of one dataset of one batch. `decision` is None while it waits."""

    hold_id: str
    batch_id: str
    source: Source
    profile: str
    dataset: str
    reasons: tuple[str, ...]
    first_held_at: datetime
    recorded_at: datetime
    changes: int
    people: int
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeldChange:
    """One row, or the absence of one, that waits. `row` is the line of the file, None for what is gone from it."""

    dataset: str
    row: int | None
    kind: str
    source_ref: str
    person_id: str
    change: str


def add(session: Session, new: Hold, changes: Iterable[HeldChange], *, at: datetime, audit_id: str) -> None:
    """Keep what waits."""
    session.execute(
        insert(hold).values(
            hold_id=new.hold_id, batch_id=new.batch_id, source=new.source, profile=new.profile, dataset=new.dataset,
            reasons=" ".join(new.reasons), first_held_at=new.first_held_at, recorded_at=at, audit_id=audit_id,
        )
    )  # fmt: skip
    rows = [
        {"hold_id": new.hold_id, "kind": c.kind, "source_ref": c.source_ref, "person_id": c.person_id,
         "change": c.change, "row": c.row}
        for c in changes
    ]  # fmt: skip
    for start in range(0, len(rows), SLICE):
        session.execute(insert(held_change), rows[start : start + SLICE])


def _holds(moment: datetime | None) -> Select[Any]:
    """Every hold known at a moment (None is now), with its decision known by then and what still belongs to it."""
    decided = hold_decision.c.hold_id == hold.c.hold_id
    if moment is not None:
        decided &= hold_decision.c.recorded_at <= moment
    counted = (
        select(
            held_change.c.hold_id, func.count().label("changes"),
            func.count(held_change.c.person_id.distinct()).label("people"),
        )
        .where(_still(moment))
        .group_by(held_change.c.hold_id)
        .subquery()
    )  # fmt: skip
    query = (
        select(
            hold.c.hold_id, hold.c.batch_id, hold.c.source, hold.c.profile, hold.c.dataset, hold.c.reasons,
            hold.c.first_held_at, hold.c.recorded_at, func.coalesce(counted.c.changes, 0).label("changes"),
            func.coalesce(counted.c.people, 0).label("people"), hold_decision.c.decision, hold_decision.c.decided_by,
            hold_decision.c.recorded_at.label("decided_at"),
        )
        .outerjoin(hold_decision, decided)
        .outerjoin(counted, counted.c.hold_id == hold.c.hold_id)
        .order_by(hold.c.first_held_at, hold.c.recorded_at, hold.c.dataset, hold.c.hold_id)
    )  # fmt: skip
    return query if moment is None else query.where(hold.c.recorded_at <= moment)


def _still(moment: datetime | None) -> ColumnElement[bool]:
    if moment is None:
        return held_change.c.superseded_at.is_(None)
    return or_(held_change.c.superseded_at.is_(None), held_change.c.superseded_at > moment)


def _read(session: Session, query: Select[Any]) -> list[Hold]:
    return [Hold(**{**row, "reasons": tuple(row["reasons"].split())}) for row in session.execute(query).mappings()]


def waiting(session: Session, moment: datetime | None = None) -> list[Hold]:
    """What waited at a moment (None is now), longest first."""
    found = _read(session, _holds(moment).where(hold_decision.c.decision.is_(None)))
    return [each for each in found if each.changes]


def of_batch(session: Session, batch_id: str) -> list[Hold]:
    """What of a batch was held, decided or not."""
    return _read(session, _holds(None).where(hold.c.batch_id == batch_id))


def changes(session: Session, hold_ids: Collection[str]) -> list[HeldChange]:
    """What still belongs to these holds, in the order of the files."""
    query = (
        select(
            hold.c.dataset, held_change.c.row, held_change.c.kind, held_change.c.source_ref, held_change.c.person_id,
            held_change.c.change,
        )
        .join(hold, hold.c.hold_id == held_change.c.hold_id)
        .where(held_change.c.hold_id.in_(hold_ids), held_change.c.superseded_at.is_(None))
        .order_by(hold.c.dataset, held_change.c.row, held_change.c.source_ref)
    )  # fmt: skip
    return [HeldChange(*row) for row in session.execute(query)]


def undecided(session: Session, source: Source, profile: str, *, since: datetime) -> frozenset[tuple[str, str]]:
    """(kind, key) of what waits of a source, or was rejected since a moment and not approved after."""
    query = (
        select(held_change.c.kind, held_change.c.source_ref, hold_decision.c.decision)
        .join(hold, hold.c.hold_id == held_change.c.hold_id)
        .outerjoin(hold_decision, hold_decision.c.hold_id == hold.c.hold_id)
        .where(
            hold.c.source == source,
            hold.c.profile == profile,
            held_change.c.superseded_at.is_(None),
            or_(hold_decision.c.decision.is_(None), hold_decision.c.recorded_at >= since),
        )
        .order_by(hold.c.recorded_at, hold.c.hold_id)
    )
    last = {(kind, ref): decision for kind, ref, decision in session.execute(query)}
    return frozenset(key for key, decision in last.items() if decision in (None, "rejected"))


def people_concerned(session: Session, moment: datetime | None = None) -> frozenset[str]:
    """Ids of everybody of whom something waited at a moment."""
    decided = select(hold_decision.c.hold_id)
    made = select(hold.c.hold_id)
    if moment is not None:
        decided = decided.where(hold_decision.c.recorded_at <= moment)
        made = made.where(hold.c.recorded_at <= moment)
    query = (
        select(held_change.c.person_id)
        .distinct()
        .where(held_change.c.hold_id.in_(made), held_change.c.hold_id.not_in(decided), _still(moment))
    )
    return frozenset(session.scalars(query))


def decide(
    session: Session, hold_ids: Sequence[str], decision: str, *, by: str, reason: str, at: datetime, audit_id: str
) -> None:
    """Note what was decided of what waits: approved, rejected, or replaced by a later push."""
    rows = [
        {"hold_id": hold_id, "decision": decision, "decided_by": by, "reason": reason, "recorded_at": at,
         "audit_id": audit_id}
        for hold_id in hold_ids
    ]  # fmt: skip
    if rows:
        session.execute(insert(hold_decision), rows)


def release(session: Session, hold_ids: Collection[str], refs: Sequence[str], *, at: datetime) -> None:
    """Let go of what a later delta said of these keys: it no longer belongs to the holds."""
    if not hold_ids:
        return
    for start in range(0, len(refs), SLICE):
        session.execute(
            update(held_change)
            .where(
                held_change.c.hold_id.in_(hold_ids),
                held_change.c.source_ref.in_(refs[start : start + SLICE]),
                held_change.c.superseded_at.is_(None),
            )
            .values(superseded_at=at)
        )
