"""Log a contact, made or attempted, with the change of accommodation that came with it."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Role, User
from service.domain.contact import mistimed
from service.domain.dates import london_day
from service.domain.facts import Accommodation, AllocationRole, Confidence, Contact
from service.errors import ContactInFuture, ContactTooOld
from service.operations import entries
from service.operations.entries import Entered
from service.operations.lookup import somebody

_WORKS_AS = {Role.PERSONAL_ADVISER: AllocationRole.PERSONAL_ADVISER, Role.SOCIAL_WORKER: AllocationRole.SOCIAL_WORKER}


@dataclass(frozen=True, slots=True)
class NewContact:
    """A contact as a worker logs it: whom by one of two ids, and a move if there was one."""

    contact: Contact
    person_id: str | None = None
    eclipse_id: str | None = None
    accommodation: Accommodation | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """What became of it."""

    contact: Entered
    accommodation: Entered | None


def log(session: Session, new: NewContact, *, by: User, at: datetime) -> Logged:
    """Record a contact. Clocks that turn on contact restart at once, if the young person was reached."""
    for fault in mistimed(new.contact, at=at):
        raise (ContactInFuture if fault[1] == "in_future" else ContactTooOld)(fault)
    person = somebody(
        session, to=by, today=london_day(at), person_id=new.person_id, eclipse_id=new.eclipse_id
    )  # fmt: skip
    contact = _with_worker(new.contact, by)
    logged = entries.enter(session, contact, person=person, by=by, at=at, confidence=Confidence.CONFIRMED, act="log")
    if new.accommodation is None:
        return Logged(logged, None)
    place = new.accommodation
    if place.started_on is None:
        place = replace(place, started_on=london_day(new.contact.occurred_at))
    moved = entries.enter(session, place, person=person, by=by, at=at, confidence=Confidence.CONFIRMED)
    return Logged(logged, moved)


def _with_worker(contact: Contact, by: User) -> Contact:
    role = next((_WORKS_AS[role] for role in sorted(by.roles) if role in _WORKS_AS), AllocationRole.OTHER)
    return replace(contact, worker_ref=by.worker_ref, worker_role=role)
