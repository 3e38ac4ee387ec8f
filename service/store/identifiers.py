"""What ends with an identifier or a person: an Eclipse id released, a record sealed by adoption."""

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import select, union, update
from sqlmodel import Session

from service.domain.access import User
from service.store import facts, merges, scope, users
from service.store.record import current
from service.store.schema import FACTS, person, person_identifier


def release(session: Session, eclipse_id: str, *, by: str, reason: str, at: datetime) -> None:
    """End what an Eclipse id meant: who had it keeps their facts, and the next push brings a new person under it."""
    held = (person_identifier.c.eclipse_id == eclipse_id) & current(person_identifier)
    closed = {"superseded_at": at, "released_by": by, "released_reason": reason}
    session.execute(update(person_identifier).where(held).values(**closed))
    users.move_access_version(session)


def former_holders(session: Session) -> dict[str, frozenset[str]]:
    """Eclipse id -> the people who had it before it was released."""
    former: dict[str, set[str]] = {}
    query = select(person_identifier.c.eclipse_id, person_identifier.c.person_id)
    for eclipse_id, person_id in session.execute(query.where(person_identifier.c.superseded_at.is_not(None))):
        former.setdefault(eclipse_id, set()).add(person_id)
    return {eclipse_id: frozenset(people) for eclipse_id, people in former.items()}


def adopted(session: Session, today: date) -> frozenset[str]:
    """Everybody of whom a source says that they were adopted by today: an order dated later seals nothing yet."""
    said = FACTS["person"]
    query = select(said.c.person_id).where(current(said), said.c.proposed.is_(False), said.c.adopted_on <= today)
    return frozenset(session.scalars(query))


def seal(session: Session, ids: Collection[str], *, at: datetime) -> None:
    """Seal the records of people adopted: from now on nobody opens them and nothing is added. Never undone here."""
    open_ = facts.among(session, person.c.person_id, ids) & person.c.sealed_at.is_(None)
    if session.execute(update(person).where(open_).values(sealed_at=at).returning(person.c.person_id)).all():
        users.move_access_version(session)


def sealed(session: Session) -> frozenset[str]:
    """Everybody whose record is sealed, by whichever of their ids."""
    adopted = select(person.c.person_id).where(person.c.sealed_at.is_not(None))
    return frozenset(session.scalars(union(adopted, merges.one_with(adopted))))


def named(session: Session, person_ids: Collection[str], *, to: User, today: date) -> dict[str, str | None]:
    """Person id -> Eclipse id of those in `to`'s scope, without restricted and sealed people."""
    hidden = select(person.c.person_id).where(person.c.restricted | person.c.sealed_at.is_not(None))
    query = (
        select(person.c.person_id, person_identifier.c.eclipse_id)
        .outerjoin(
            person_identifier, (person_identifier.c.person_id == person.c.person_id) & current(person_identifier)
        )
        .where(
            facts.among(session, person.c.person_id, person_ids),
            scope.seen_by(to, today),
            person.c.person_id.not_in(hidden),
            person.c.person_id.not_in(merges.one_with(hidden)),
        )
    )
    return dict(session.execute(query).all())
