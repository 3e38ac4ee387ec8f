"""Who is who, as far as a reader sees: ids, look-ups, pages of people."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, insert, select
from sqlmodel import Session

from service.domain.access import User
from service.domain.viewpoint import Viewpoint
from service.store import facts, merges
from service.store.merges import Bonds
from service.store.record import current
from service.store.schema import person, person_identifier
from service.store.scope import seen_by


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person's ids, and whether the record is restricted; a sealed one is, to everybody.

    `merged`: ids of records that are this person too. `addressed`: the id they were named by, where another is kept.
    """

    person_id: str
    eclipse_id: str | None
    restricted: bool
    merged: tuple[str, ...] = ()
    sealed: bool = False
    addressed: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that facts of this person are kept under, their own first."""
        return (self.person_id, *self.merged)

    @property
    def kept_under(self) -> str:
        """The id an entry about them is kept under: the one they were named by, so that undoing a merge loses none."""
        return self.addressed or self.person_id


def in_view(session: Session, user: User, view: Viewpoint, today: date) -> list[Somebody]:
    """People in the user's scope for whom some clock may run at the viewpoint; a sealed one is restricted."""
    bonds, running = _bonds(session, user, today, view.known_at), facts.in_view(view)
    condition = person.c.person_id.in_(merges.as_kept(session, bonds, running)) & merges.kept(session, bonds)
    return _united(_somebodies(session, condition & seen_by(user, today, sealed=True)), bonds)


def these(
    session: Session, user: User, today: date, which: Select[tuple[str]], *, known_at: datetime | None = None
) -> list[Somebody]:
    """Of the people whom a SELECT of ids names, those in the user's scope, each once."""
    bonds = _bonds(session, user, today, known_at)
    condition = person.c.person_id.in_(merges.as_kept(session, bonds, which)) & merges.kept(session, bonds)
    found = _united(_somebodies(session, condition & seen_by(user, today)), bonds)
    return [each for each in found if not each.sealed]


def those(session: Session, user: User, today: date, ids: Collection[str], known_at: datetime) -> list[Somebody]:
    """Of the people whom these ids name, those in the user's scope, each once."""
    named = select(person.c.person_id).where(facts.among(session, person.c.person_id, ids))
    return these(session, user, today, named, known_at=known_at)


def open_to(session: Session, user: User, today: date, eclipse_ids: Collection[str]) -> frozenset[str]:
    """Of these Eclipse ids, those of people whose record the user may open."""
    bonds = _bonds(session, user, today, None)
    query = (
        select(person_identifier.c.eclipse_id, person.c.person_id, person.c.restricted)
        .join(person, person.c.person_id == person_identifier.c.person_id)
        .where(
            facts.among(session, person_identifier.c.eclipse_id, eclipse_ids),
            current(person_identifier),
            seen_by(user, today),
        )
    )
    return frozenset(
        eclipse_id
        for eclipse_id, person_id, restricted in session.execute(query)
        if person_id not in bonds.sealed
        and (user.opens_restricted or not (restricted or person_id in bonds.restricted))
    )


def visible(
    session: Session, user: User, today: date, *, after: str | None, limit: int, known_at: datetime | None = None
) -> list[Somebody]:
    """A page of the people in the user's scope, in order of their ids."""
    bonds = _bonds(session, user, today, known_at)
    condition = seen_by(user, today) & merges.kept(session, bonds)
    if after is not None:
        condition &= person.c.person_id > after
    return [each for each in _united(_somebodies(session, condition, limit), bonds) if not each.sealed]


def find(
    session: Session, user: User, today: date, *, person_id: str | None = None, eclipse_id: str | None = None,
    known_at: datetime | None = None,
) -> Somebody | None:  # fmt: skip
    """One person by either id, if in the user's scope and not sealed; restricted or not is for the caller to weigh.

    A person merged into another is found as the other, as far as that was known at `known_at` (now when left out).
    Raises ValueError where neither is given: nobody is named, never the first who happens to be visible.
    """
    if person_id is None and eclipse_id is None:
        raise ValueError("a person is found by an id")
    condition = seen_by(user, today)
    if person_id is not None:
        condition &= person.c.person_id == person_id
    if eclipse_id is not None:
        condition &= person.c.person_id.in_(
            select(person_identifier.c.person_id).where(
                person_identifier.c.eclipse_id == eclipse_id, current(person_identifier)
            )
        )
    bonds = _bonds(session, user, today, known_at)
    named = next(iter(_somebodies(session, condition, 1)), None)
    if named is None:
        return None
    kept = bonds.into.get(named.person_id)
    found = named if kept is None else _somebodies(session, person.c.person_id == kept)[0]
    (whole,) = _united([found], bonds)
    if whole.sealed:
        return None
    return whole if kept is None else replace(whole, addressed=named.person_id)


def by_ids(session: Session, user: User, today: date, ids: Collection[str]) -> list[Somebody]:
    """Those of these records that are in the user's scope, each for itself, sealed ones too: for merging alone."""
    condition = seen_by(user, today, sealed=True) & facts.among(session, person.c.person_id, ids)
    return _somebodies(session, condition)


def meant(session: Session, *, person_id: str | None = None, eclipse_id: str | None = None) -> str | None:
    """Whose id this is, in scope or not: only for the audit of a refusal."""
    if person_id is not None:
        found = session.scalar(select(person.c.person_id).where(person.c.person_id == person_id))
    else:
        named = (person_identifier.c.eclipse_id == eclipse_id, current(person_identifier))
        found = session.scalar(select(person_identifier.c.person_id).where(*named))
    return found and (merges.kept_instead_of(session, found) or found)


def _bonds(session: Session, user: User, today: date, known_at: datetime | None) -> Bonds:
    return merges.bonds(session, seen=seen_by(user, today, sealed=True), known_at=known_at)


def _united(found: list[Somebody], bonds: Bonds) -> list[Somebody]:
    if not (bonds.applied or bonds.restricted or bonds.sealed):
        return found
    return [
        replace(
            each,
            merged=bonds.merged.get(each.person_id, ()),
            sealed=(sealed := each.sealed or each.person_id in bonds.sealed),
            restricted=each.restricted or sealed or each.person_id in bonds.restricted,
        )
        for each in found
    ]


def _somebodies(session: Session, condition: ColumnElement[bool], limit: int | None = None) -> list[Somebody]:
    eclipse_id = (
        select(person_identifier.c.eclipse_id)
        .where(person_identifier.c.person_id == person.c.person_id, current(person_identifier))
        .order_by(person_identifier.c.recorded_at.desc(), person_identifier.c.eclipse_id)
        .limit(1)
        .scalar_subquery()
    )
    query = select(person.c.person_id, eclipse_id, person.c.restricted, person.c.sealed_at).where(condition)
    rows = session.execute(query.order_by(person.c.person_id).limit(limit))
    return [
        Somebody(person_id, known_as, restricted or sealed_at is not None, sealed=sealed_at is not None)
        for person_id, known_as, restricted, sealed_at in rows
    ]


def ids_by_eclipse(session: Session, eclipse_ids: Collection[str] | None = None) -> dict[str, str]:
    """Eclipse id -> person id. For intake, the one reader that sees everybody."""
    query = select(person_identifier.c.eclipse_id, person_identifier.c.person_id).where(current(person_identifier))
    if eclipse_ids is not None:
        query = query.where(facts.among(session, person_identifier.c.eclipse_id, eclipse_ids))
    return dict(session.execute(query).all())


def add(session: Session, made: Mapping[str, str], *, at: datetime) -> None:
    """New people: Eclipse id -> the person id they were given."""
    if not made:
        return
    session.execute(insert(person), [{"person_id": p, "restricted": False, "recorded_at": at} for p in made.values()])
    session.execute(
        insert(person_identifier), [{"eclipse_id": e, "person_id": p, "recorded_at": at} for e, p in made.items()]
    )
