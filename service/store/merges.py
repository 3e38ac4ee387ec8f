"""Two records that are one person: which, from when, until when. Facts and ids stay where they were recorded."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, insert, not_, select, true, union, union_all, update
from sqlmodel import Session

from service.domain.facts import Accommodation, Fact, Source
from service.store.facts import among, of_facts
from service.store.record import current
from service.store.schema import FACTS, person, person_merge


@dataclass(frozen=True, slots=True)
class Merge:
    """`from_person_id` is read as `into_person_id` from `recorded_at`, until it is undone at `superseded_at`."""

    merge_id: str
    from_person_id: str
    into_person_id: str
    merged_by: str
    reason: str
    recorded_at: datetime
    superseded_at: datetime | None
    undone_by: str | None
    undone_reason: str | None

    def stands_at(self, moment: datetime | None) -> bool:
        """Whether it was known at a moment and not yet undone by then; None is now."""
        if moment is None:
            return self.superseded_at is None
        return self.recorded_at <= moment and (self.superseded_at is None or self.superseded_at > moment)


_COLUMNS = tuple(person_merge.c[name] for name in Merge.__dataclass_fields__)


def everything(session: Session) -> list[Merge]:
    """Every merge, undone ones too, oldest first. A council has a few dozen."""
    query = select(*_COLUMNS).order_by(person_merge.c.recorded_at, person_merge.c.merge_id)
    return [Merge(*row) for row in session.execute(query)]


def get(session: Session, merge_id: str) -> Merge | None:
    """One merge by its id."""
    row = session.execute(select(*_COLUMNS).where(person_merge.c.merge_id == merge_id)).first()
    return Merge(*row) if row else None


def add(session: Session, merge: Merge, *, audit_id: str) -> None:
    """Read one person as another from now on."""
    said = {name: getattr(merge, name) for name in Merge.__dataclass_fields__}
    session.execute(insert(person_merge).values(**said, audit_id=audit_id))


def undo(session: Session, merge_id: str, *, by: str, reason: str, at: datetime) -> None:
    """Read them as two people again."""
    this = (person_merge.c.merge_id == merge_id) & current(person_merge)
    session.execute(update(person_merge).where(this).values(superseded_at=at, undone_by=by, undone_reason=reason))


def lock(session: Session, people: Collection[str]) -> None:
    """Nobody else merges these people meanwhile, undoes it, or enters what may end what is held of them.

    In the order of ids, so that nobody waits in a ring.
    """
    if session.get_bind().dialect.name != "sqlite":
        rows = select(person.c.person_id).where(person.c.person_id.in_(sorted(people))).order_by(person.c.person_id)
        session.execute(rows.with_for_update(key_share=True)).all()


def one_with(people: Any) -> Select[tuple[str]]:
    """Everybody who is now one person with somebody of these (a SELECT of person ids), by whichever of their ids."""
    kin, known = _bound_now()
    return kin.where(known.in_(people))


@cache
def _bound_now() -> tuple[Select[tuple[str]], ColumnElement[str]]:
    """Everybody who is one person with somebody, and that somebody's id: put together once, since it costs more to
    write down than to ask, and each request asks for it a dozen times."""
    centre, both = person_merge.c.into_person_id.label("centre"), current(person_merge)
    members = union_all(
        select(centre, person_merge.c.from_person_id.label("person_id")).where(both),
        select(centre, person_merge.c.into_person_id.label("person_id")).where(both),
    )
    known, kin = members.subquery(), members.subquery()
    return select(kin.c.person_id).join(known, known.c.centre == kin.c.centre), known.c.person_id


def all_of(session: Session, person_id: str) -> frozenset[str]:
    """Every id that is now read as one person with this one, itself too."""
    return frozenset({person_id, *session.scalars(one_with([person_id]))})


def kept_instead_of(session: Session, person_id: str) -> str | None:
    """Whom a person is read as now; None where they stand for themselves."""
    merged = (person_merge.c.from_person_id == person_id) & current(person_merge)
    return session.scalar(select(person_merge.c.into_person_id).where(merged))


def places_left_across(session: Session, merge: Merge) -> list[Fact]:
    """Places of the one record that a move entered on the other ended, while they were one person."""
    place, moved = FACTS[Accommodation.kind], FACTS[Accommodation.kind].alias("moved")
    either = (place.c.person_id == merge.from_person_id) | (moved.c.person_id == merge.from_person_id)
    query = select(place.c.version_id, place.c.fact_id).join(moved, moved.c.audit_id == place.c.audit_id)
    rows = session.execute(
        query.where(
            either, place.c.person_id != moved.c.person_id, current(place), place.c.ended_on.is_not(None),
            moved.c.ended_on.is_(None), place.c.source == Source.API, moved.c.source == Source.API,
            place.c.recorded_at >= merge.recorded_at,
        )
    ).all()  # fmt: skip
    ended, places = {row[0] for row in rows}, {row[1] for row in rows}
    return [f for f in of_facts(session, Accommodation.kind, places) if f.known and f.known.version_id in ended]


@dataclass(frozen=True, slots=True)
class Bonds:
    """Merges as a reader sees them at a viewpoint: who is read as whom, and what is restricted or sealed with them."""

    applied: tuple[str, ...] = ()
    into: Mapping[str, str] = field(default_factory=dict)
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    restricted: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    sealed: frozenset[str] = frozenset()


def bonds(
    session: Session, *, seen: ColumnElement[bool], opens: ColumnElement[bool], known_at: datetime | None
) -> Bonds:
    """Merges known at a moment (None is now) of people both of whom are `seen`, the reader's predicate over `person`.

    `closed` are those of them of whom a record is restricted that does not open to the reader (`opens`, likewise).
    One SELECT where nobody was ever merged, two where somebody was.
    """
    every = everything(session)
    now, then = [m for m in every if m.stands_at(None)], [m for m in every if m.stands_at(known_at)]
    ids = {person_id for each in (*now, *then) for person_id in (each.from_person_id, each.into_person_id)}
    if not ids:
        return Bonds()
    closed = person.c.restricted & not_(opens)
    query = select(
        person.c.person_id, person.c.restricted, person.c.sealed_at.is_not(None), seen.label("seen"),
        closed.label("closed"),
    )  # fmt: skip
    rows = session.execute(query.where(among(session, person.c.person_id, ids))).all()
    in_sight = {row[0] for row in rows if row[3]}
    then = [each for each in then if {each.from_person_id, each.into_person_id} <= in_sight]
    merged: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for each in then:
        merged[each.into_person_id] += (each.from_person_id,)
    return Bonds(
        applied=tuple(each.merge_id for each in then),
        into={each.from_person_id: each.into_person_id for each in then},
        merged=merged,
        restricted=_spread({row[0] for row in rows if row[1]}, now, then),
        closed=_spread({row[0] for row in rows if row[4]}, now, then),
        sealed=_spread({row[0] for row in rows if row[2]}, now, then),
    )


def _spread(marked: set[str], *bound: list[Merge]) -> frozenset[str]:
    """What holds of one record of a person holds of all: as they are one now, and as they were at the viewpoint."""
    for merged in bound:
        centres = {m.into_person_id for m in merged if not marked.isdisjoint((m.from_person_id, m.into_person_id))}
        marked |= centres | {m.from_person_id for m in merged if m.into_person_id in centres}
    return frozenset(marked)


def as_kept(session: Session, bound: Bonds, people: Select[tuple[str]]) -> Select[tuple[str]]:
    """These people, and whom those of them who were merged are read as."""
    if not bound.applied:
        return people
    merged = among(session, person_merge.c.merge_id, bound.applied) & person_merge.c.from_person_id.in_(people)
    both = union(people, select(person_merge.c.into_person_id.label("person_id")).where(merged)).subquery()
    return select(both.c.person_id)


def kept(session: Session, bound: Bonds) -> ColumnElement[bool]:
    """Who is a row of their own: a person merged into another is not."""
    if not bound.applied:
        return true()
    merged = among(session, person_merge.c.merge_id, bound.applied)
    return person.c.person_id.not_in(select(person_merge.c.from_person_id).where(merged))
