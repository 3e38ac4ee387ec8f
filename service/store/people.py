"""Who is who, as far as a reader sees: ids, look-ups, pages of people."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, false, func, insert, not_, or_, select
from sqlmodel import Session

from service.domain.access import User
from service.domain.viewpoint import Viewpoint
from service.store import alone, facts, merges, opening
from service.store.alone import KNOWN_AS, Alone, named
from service.store.merges import Bonds
from service.store.record import current
from service.store.schema import person, person_identifier, person_merge
from service.store.scope import logged_by, outside_caseload, seen_by

NONE: ColumnElement[bool] = false()


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person's ids, and whether the record is restricted; a sealed one is, to everybody.

    `opens`: whether the reader may open the record; `by_post`: that they may by their post alone, which takes a reason.
    In a list no restricted record opens to anybody: lists get printed.
    `merged`: ids of records that are this person too. `addressed`: the id they were named by, where another is kept.
    `ground`: by which source of scope the reader has them, where it was asked of them alone.
    """

    person_id: str
    eclipse_id: str | None
    restricted: bool
    opens: bool
    by_post: bool = False
    outside_caseload: bool = False
    merged: tuple[str, ...] = ()
    sealed: bool = False
    addressed: str | None = None
    ground: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that facts of this person are kept under, their own first."""
        return (self.person_id, *self.merged)

    @property
    def kept_under(self) -> str:
        """The id an entry about them is kept under: the one they were named by, so that undoing a merge loses none."""
        return self.addressed or self.person_id

    @property
    def needs_reason(self) -> bool:
        """Whether the reader has to say why they open the record."""
        return self.by_post or self.outside_caseload


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


def open_to(
    session: Session, user: User, today: date, eclipse_ids: Collection[str], *, reason: str | None = None
) -> frozenset[str]:
    """Of these Eclipse ids, those of people whose record the user may open; with a `reason`, by their post too."""
    opens = opening.opens_to(user, today) if reason else opening.opens_unasked(user, today)
    bonds = _bonds(session, user, today, None, opens)
    query = (
        select(person_identifier.c.eclipse_id, person.c.person_id)
        .join(person, person.c.person_id == person_identifier.c.person_id)
        .where(
            facts.among(session, person_identifier.c.eclipse_id, eclipse_ids),
            current(person_identifier),
            seen_by(user, today),
            or_(not_(person.c.restricted), opens),
        )
    )
    barred = bonds.sealed | bonds.closed
    return frozenset(eclipse_id for eclipse_id, person_id in session.execute(query) if person_id not in barred)


def visible(
    session: Session, user: User, today: date, *, after: str | None, limit: int, known_at: datetime | None = None
) -> list[Somebody]:
    """A page of the people in the user's scope whose record is not restricted, in order of their ids."""
    bonds = _bonds(session, user, today, known_at)
    condition = _each_once(session, user, today, bonds) & not_(_closed(session, bonds))
    if after is not None:
        condition &= person.c.person_id > after
    return _united(_somebodies(session, condition, limit), bonds)


def redacted(session: Session, user: User, today: date, *, known_at: datetime | None = None) -> list[Somebody]:
    """Everybody in the user's scope whose record is restricted: to be counted, never shown."""
    bonds = _bonds(session, user, today, known_at)
    condition = _each_once(session, user, today, bonds) & _closed(session, bonds)
    return [each for each in _united(_somebodies(session, condition), bonds) if not each.sealed]


def _each_once(session: Session, user: User, today: date, bonds: Bonds) -> ColumnElement[bool]:
    return seen_by(user, today) & merges.kept(session, bonds)


def _closed(session: Session, bonds: Bonds) -> ColumnElement[bool]:
    """Restricted or sealed, by whichever of their records."""
    return or_(person.c.restricted, facts.among(session, person.c.person_id, bonds.restricted | bonds.sealed))


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
    one = alone.find(session, user, today, person_id=person_id, eclipse_id=eclipse_id)
    if one is not None and one.ground and one.opens and not (one.merged or one.sealed):
        return _by_itself(one)
    # Whoever is hidden takes the same statements as nobody, so that time tells nothing of them.
    return _of_merged(session, user, today, named(person_id, eclipse_id), known_at)


def _by_itself(one: Alone) -> Somebody:
    return Somebody(
        one.person_id, one.eclipse_id, one.restricted, one.opens, outside_caseload=one.outside_caseload,
        ground=one.ground,
    )  # fmt: skip


def _of_merged(
    session: Session, user: User, today: date, naming: ColumnElement[bool], known_at: datetime | None
) -> Somebody | None:
    """Whom ids name, where two records are or were one person: what holds of the one holds of the other."""
    condition = seen_by(user, today) & naming
    opens = opening.opens_unasked(user, today)
    bonds = _bonds(session, user, today, known_at, opens)
    named = next(iter(_somebodies(session, condition, 1, opens=opens, outside=outside_caseload(user, today))), None)
    if named is None:
        return None
    kept = bonds.into.get(named.person_id)
    found = named
    if kept is not None:
        (found,) = _somebodies(session, person.c.person_id == kept, opens=opens)
        found = replace(found, addressed=named.person_id, outside_caseload=named.outside_caseload)
    (whole,) = _united([found], bonds)
    return None if whole.sealed else _by_post(whole, user)


def find_to_log_for(
    session: Session, user: User, today: date, *, person_id: str | None = None, eclipse_id: str | None = None
) -> Somebody | None:
    """Somebody by either id for whom the user may log a contact, though they do not see them; never restricted."""
    condition = logged_by(user, today) & named(person_id, eclipse_id)
    found = _united(_somebodies(session, condition, 1), _bonds(session, user, today, None))
    return next((each for each in found if not each.restricted and not each.sealed), None)


def _by_post(each: Somebody, user: User) -> Somebody:
    """With what the user's post opens beside."""
    return replace(each, opens=True, by_post=True) if not each.opens and opening.by_post(user) else each


def by_ids(session: Session, user: User, today: date, ids: Collection[str]) -> list[Somebody]:
    """Those of these records that are in the user's scope, each for itself, sealed ones too: for merging alone."""
    condition = seen_by(user, today, sealed=True) & facts.among(session, person.c.person_id, ids)
    found = _somebodies(session, condition, opens=opening.opens_unasked(user, today))
    return [_by_post(each, user) for each in found]


def meant(session: Session, *, person_id: str | None = None, eclipse_id: str | None = None) -> str | None:
    """Whose id this is, in scope or not: only for the audit of a refusal. One SELECT, whoever it names or nobody."""
    if person_id is None and eclipse_id is None:
        return None
    into = select(person_merge.c.into_person_id).where(
        person_merge.c.from_person_id == person.c.person_id, current(person_merge)
    )
    kept = func.coalesce(into.scalar_subquery(), person.c.person_id)
    found: str | None = session.scalar(select(kept).where(named(person_id, None if person_id else eclipse_id)))
    return found


def _bonds(
    session: Session, user: User, today: date, known_at: datetime | None, opens: ColumnElement[bool] = NONE
) -> Bonds:
    return merges.bonds(session, seen=seen_by(user, today, sealed=True), opens=opens, known_at=known_at)


def _united(found: list[Somebody], bonds: Bonds) -> list[Somebody]:
    if not (bonds.applied or bonds.restricted or bonds.sealed):
        return found
    return [
        replace(
            each,
            merged=bonds.merged.get(each.person_id, ()),
            sealed=(sealed := each.sealed or each.person_id in bonds.sealed),
            restricted=each.restricted or sealed or each.person_id in bonds.restricted,
            opens=each.opens and each.person_id not in bonds.closed,
        )
        for each in found
    ]


def _somebodies(
    session: Session, condition: ColumnElement[bool], limit: int | None = None, *,
    opens: ColumnElement[bool] = NONE, outside: ColumnElement[bool] = NONE,
) -> list[Somebody]:  # fmt: skip
    """People, each record for itself, with what `opens` of those restricted and which lie `outside` the caseload."""
    open_ = or_(not_(person.c.restricted), opens)
    query = select(person.c.person_id, KNOWN_AS, person.c.restricted, person.c.sealed_at, open_, outside)
    query = query.where(condition)
    rows = session.execute(query.order_by(person.c.person_id).limit(limit))
    return [
        Somebody(
            person_id, known_as, restricted or sealed_at is not None, bool(open_),
            outside_caseload=bool(outside), sealed=sealed_at is not None,
        )
        for person_id, known_as, restricted, sealed_at, open_, outside in rows
    ]  # fmt: skip


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
