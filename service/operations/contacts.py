"""Log a contact, made or attempted, with the change of accommodation that came with it."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Role, User
from service.domain.contact import mistimed
from service.domain.dates import london_day
from service.domain.facts import Accommodation, AllocationRole, Confidence, Contact, Fact
from service.domain.soundness import faults
from service.errors import ContactInFuture, ContactTooOld, NotFound, Unprocessable
from service.operations import entries
from service.operations.entries import Entered
from service.operations.lookup import somebody
from service.store import people, scope
from service.store.people import Somebody

_WORKS_AS = {Role.PERSONAL_ADVISER: AllocationRole.PERSONAL_ADVISER, Role.SOCIAL_WORKER: AllocationRole.SOCIAL_WORKER}


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact as a worker logs it: whom by one of two ids, and a move if there was one."""

    contact: Contact
    person_id: str | None = None
    eclipse_id: str | None = None
    accommodation: Accommodation | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """That an entry was recorded, and nothing more: its author may log for this person, and does not see them."""

    kind: str
    fact_id: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Logged:
    """What became of it, as far as its author may know."""

    contact: Entered | Noted
    accommodation: Entered | Noted | None


def log(session: Session, new: NewContact, *, by: User, at: datetime, why: str | None = None) -> Logged:
    """Record a contact. Clocks that turn on contact restart at once, if the young person was reached.

    Also for people whom `by` may not open: those of a worker's own team, and on duty those of the service.
    """
    for fault in mistimed(new.contact, at=at):
        raise (ContactInFuture if fault[1] == "in_future" else ContactTooOld)(fault)
    if found := faults(new.contact, at=at):
        raise Unprocessable(*found)  # before anybody is looked for: else it would tell who is held
    person, seen = whom(session, new.person_id, new.eclipse_id, by=by, at=at, why=why)
    ground = person.ground or scope.ground_of(session, by, london_day(at), person.kept_under)
    entered = [
        entries.enter(
            session, fact, person=person, by=by, at=at, confidence=Confidence.CONFIRMED, act=act, ground=ground
        )
        for act, fact in _entries(new, by)
    ]  # fmt: skip
    told = [each if seen else Noted(each.kind, each.fact_id, each.recorded_at) for each in entered]
    return Logged(told[0], told[1] if len(told) > 1 else None)


def whom(
    session: Session, ours: str | None, theirs: str | None, *, by: User, at: datetime, why: str | None
) -> tuple[Somebody, bool]:
    """Whom one of two ids means, and whether `by` may open the record. Raises NotFound when they may not even log."""
    today = london_day(at)
    try:
        seen = somebody(session, to=by, today=today, person_id=ours, eclipse_id=theirs, reason=why, writing=True)
    except NotFound:  # then perhaps somebody whom a colleague works with: the other predicate, and the same refusal
        if ours is None and theirs is None:
            raise
        colleagues = people.find_to_log_for(session, by, today, person_id=ours, eclipse_id=theirs)
        if colleagues is None:
            raise
        return colleagues, False
    return seen, True


def _entries(new: NewContact, by: User) -> list[tuple[str, Fact]]:
    """The contact, and the move that came with it, each with its act. Moved on the day of the contact, if not said."""
    contact = ("log", _with_worker(new.contact, by))
    place = new.accommodation
    if place is None:
        return [contact]
    moved = replace(place, started_on=place.started_on or london_day(new.contact.occurred_at))
    return [contact, ("record", moved)]


def _with_worker(contact: Contact, by: User) -> Contact:
    role = next((_WORKS_AS[role] for role in sorted(by.roles) if role in _WORKS_AS), AllocationRole.OTHER)
    return replace(contact, worker_ref=by.worker_ref, worker_role=role)
