"""People shown to one account by name: referrals until a day, and sight in an emergency until an hour."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import insert, or_, select, update
from sqlmodel import Session

from service.store.record import current
from service.store.schema_access import emergency_access, referral


@dataclass(frozen=True, slots=True)
class Referral:
    """One person shown to one account, from `recorded_at` to the last day `ends_on`, or until somebody ends it."""

    referral_id: str
    person_id: str
    user_id: str
    ends_on: date
    referred_by: str
    reason: str
    recorded_at: datetime
    superseded_at: datetime | None = None
    ended_by: str | None = None
    ended_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Emergency:
    """One person opened by one account outside its scope, until a moment."""

    emergency_id: str
    person_id: str
    user_id: str
    reason: str
    recorded_at: datetime
    until: datetime


_REFERRAL = tuple(referral.c[name] for name in Referral.__dataclass_fields__)


def add(session: Session, new: Referral, *, audit_id: str) -> None:
    """Show somebody to an account from now on."""
    said = {name: getattr(new, name) for name in Referral.__dataclass_fields__}
    session.execute(insert(referral).values(**said, audit_id=audit_id))


def get(session: Session, referral_id: str, *, lock: bool = False) -> Referral | None:
    """One referral by its id; with `lock`, nobody else ends it meanwhile."""
    query = select(*_REFERRAL).where(referral.c.referral_id == referral_id)
    row = session.execute(query.with_for_update() if lock else query).first()
    return Referral(*row) if row else None


def of(session: Session, user_id: str) -> list[Referral]:
    """Every referral this account made or got, ended ones too, the newest first."""
    theirs = or_(referral.c.user_id == user_id, referral.c.referred_by == user_id)
    query = select(*_REFERRAL).where(theirs).order_by(referral.c.recorded_at.desc(), referral.c.referral_id.desc())
    return [Referral(*row) for row in session.execute(query)]


def end(session: Session, referral_id: str, *, by: str, reason: str, at: datetime) -> None:
    """Show them no longer."""
    this = (referral.c.referral_id == referral_id) & current(referral)
    session.execute(update(referral).where(this).values(superseded_at=at, ended_by=by, ended_reason=reason))


def open_in_emergency(session: Session, new: Emergency, *, audit_id: str) -> None:
    """Let an account see one person more, until a moment."""
    said = {name: getattr(new, name) for name in Emergency.__dataclass_fields__}
    session.execute(insert(emergency_access).values(**said, audit_id=audit_id))


def opened_since(session: Session, user_id: str, moment: datetime) -> dict[str, datetime]:
    """Person id -> when this account last opened them in an emergency, after a moment."""
    query = select(emergency_access.c.person_id, emergency_access.c.recorded_at)
    rows = session.execute(
        query.where(emergency_access.c.user_id == user_id, emergency_access.c.recorded_at > moment).order_by(
            emergency_access.c.recorded_at
        )
    )
    return {row.person_id: row.recorded_at for row in rows}
