"""Open one person outside one's scope out of hours: with a reason, for some hours, and information governance told."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from service.domain.access import EMERGENCY_COUNTED_OVER, EMERGENCY_LASTS, EMERGENCY_PEOPLE, ScopeKind, User
from service.domain.dates import london_day
from service.domain.tracker import Card
from service.domain.viewpoint import Viewpoint
from service.errors import TooMany
from service.operations.lookup import somebody
from service.operations.people import one
from service.store import audit, people, referrals, users
from service.store.referrals import Emergency
from service.store.types import new_id


@dataclass(frozen=True, slots=True)
class Opened:
    """What was granted."""

    emergency_id: str
    person_id: str
    until: datetime


def open_one(
    session: Session, *, person_id: str | None = None, eclipse_id: str | None = None, reason: str, by: User,
    at: datetime,
) -> Opened:  # fmt: skip
    """Let `by` see one person until EMERGENCY_LASTS from now.

    Raises NotFound for a person who is restricted (unless it opens to `by`), sealed or unknown, all alike; TooMany
    beyond EMERGENCY_PEOPLE, before it is known whether there is such a person.
    """
    _refuse_too_many(session, people.meant(session, person_id=person_id, eclipse_id=eclipse_id), by, at)
    # Looked up as if the county were in scope, so that restricted and unknown take the same SELECTs.
    # Beside their own scope, by which the records of a line open.
    anywhere = replace(by, scopes=by.scopes | {(ScopeKind.COUNTY, "")})
    person = somebody(
        session, to=anywhere, today=london_day(at), person_id=person_id, eclipse_id=eclipse_id, reason=reason
    )
    made = Emergency(new_id(at), person.person_id, by.user_id, reason, at, at + EMERGENCY_LASTS)
    referrals.open_in_emergency(session, made, audit_id=_noted(session, made, by, at))
    users.move_access_version(session)
    return Opened(made.emergency_id, person.person_id, made.until)


def _noted(session: Session, made: Emergency, by: User, at: datetime) -> str:
    """The look, and the alert that information governance reads."""
    detail = {"emergency_id": made.emergency_id, "until": made.until.isoformat()}
    for act in ("alert.emergency_sight", "emergency.sight"):
        audit_id = audit.note(
            session, act, by=by.user_id, at=at, person_id=made.person_id, people=[made.person_id], detail=detail,
            reason=made.reason,
        )  # fmt: skip
    return audit_id


def _refuse_too_many(session: Session, meant: str | None, by: User, at: datetime) -> None:
    opened = referrals.opened_since(session, by.user_id, at - EMERGENCY_COUNTED_OVER)
    if len(opened) >= EMERGENCY_PEOPLE and meant not in opened:
        free = min(opened.values()) + EMERGENCY_COUNTED_OVER - at
        raise TooMany(retry_after=max(1, -(-free // timedelta(seconds=1))))


def card_of(session: Session, person_id: str, *, reason: str, to: User, at: datetime) -> Card:
    """The person's card, while the sight lasts: asked anew at each retry, and each time a look in the audit."""
    today = london_day(at)
    whole = one(session, to=to, view=Viewpoint(today, at), today=today, person_id=person_id, reason=reason)
    people_shown = [whole.facts.person_id]
    audit.note(
        session, "read.emergency", by=to.user_id, at=at, person_id=person_id, people=people_shown, reason=reason
    )  # fmt: skip
    return whole.card
