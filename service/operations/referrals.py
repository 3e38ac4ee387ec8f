"""Show one person in one's scope to one account outside its own, until a day; end it; list what one made or got."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from service.domain.access import REFERRAL_LASTS, Role, Sight, User, sight_of
from service.domain.dates import london_day
from service.errors import Conflict, NotFound, Unprocessable
from service.operations.lookup import somebody
from service.store import audit, people, referrals, scope, users
from service.store.referrals import Referral
from service.store.types import new_id


@dataclass(frozen=True, slots=True)
class NewReferral:
    """Whom, to which account, until when, and why."""

    user_id: str
    ends_on: date
    reason: str
    person_id: str | None = None
    eclipse_id: str | None = None


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody to whom a person may be referred."""

    user_id: str
    name: str
    roles: tuple[Role, ...]


def colleagues(session: Session) -> list[Colleague]:
    """Everybody who may sign in and sees people, by name: for whoever names an account, without an administrator."""
    return [
        Colleague(account.user_id, account.name, tuple(sorted(roles)))
        for account, roles, _ in users.everyone(session)
        if account.active and sight_of(roles) is Sight.ROWS
    ]


def refer(session: Session, new: NewReferral, *, by: User, at: datetime) -> Referral:
    """Show a person to an account from now on. Raises NotFound for a person whom `by` may not open.

    Raises Unprocessable for one whom `by` sees only by a referral or an emergency: that would outlast its own end.
    """
    today = london_day(at)
    if not today <= new.ends_on <= today + REFERRAL_LASTS:
        raise Unprocessable(("ends_on", "out_of_range", f"from today to {REFERRAL_LASTS.days} days ahead"))
    person = somebody(
        session, to=by, today=today, person_id=new.person_id, eclipse_id=new.eclipse_id, reason=new.reason, writing=True
    )  # fmt: skip
    if not scope.reached_lastingly(session, by, today, person.person_id):
        raise Unprocessable(("person_id", "passing_sight", "somebody in scope by more than a referral or an emergency"))
    _refuse_who_gains_nothing(session, new.user_id, by)
    made = Referral(new_id(at), person.kept_under, new.user_id, new.ends_on, by.user_id, new.reason, at)
    detail = {"referral_id": made.referral_id, "user_id": new.user_id, "ends_on": new.ends_on}
    audit_id = audit.note(
        session, "referral.add", by=by.user_id, at=at, person_id=person.person_id, detail=detail, reason=new.reason
    )
    referrals.add(session, made, audit_id=audit_id)
    users.move_access_version(session)
    return made


def _refuse_who_gains_nothing(session: Session, user_id: str, by: User) -> None:
    """A referral to oneself would outlast one's scope; an account that reads nobody would gain nothing."""
    reads = any(
        account.active and sight_of(roles) is Sight.ROWS
        for account, roles, _ in users.everyone(session)
        if account.user_id == user_id
    )
    if user_id == by.user_id or not reads:
        raise Unprocessable(("user_id", "unknown_user", "another account, active, that reads people"))


def end(session: Session, referral_id: str, *, reason: str, by: User, at: datetime) -> Referral:
    """Show them no longer. For who made the referral, and for whoever may refer the person themselves."""
    found = referrals.get(session, referral_id, lock=True)
    own = found is not None and found.referred_by == by.user_id
    # One that there is not takes the same look-ups as one of somebody hidden: "" is nobody's id.
    if not (own or _may_refer(session, found.person_id if found else "", by, at)) or found is None:
        raise NotFound(about=found.person_id if found else None)
    if found.superseded_at is not None:
        raise Conflict(("referral_id", "already_ended", "a referral that stands"))
    detail = {"referral_id": referral_id, "user_id": found.user_id}
    audit.note(session, "referral.end", by=by.user_id, at=at, person_id=found.person_id, detail=detail, reason=reason)
    referrals.end(session, referral_id, by=by.user_id, reason=reason, at=at)
    users.move_access_version(session)
    return referrals.get(session, referral_id) or found


def _may_refer(session: Session, person_id: str, by: User, at: datetime) -> bool:
    today = london_day(at)
    person = people.find(session, by, today, person_id=person_id)
    return person is not None and person.opens and scope.reached_lastingly(session, by, today, person.person_id)


def listed(session: Session, *, to: User, at: datetime) -> list[Referral]:
    """Referrals that an account made or got, ended ones too, the newest first.

    Only of people in its scope now, and of none who is restricted: a list gets printed.
    """
    every = referrals.of(session, to.user_id)
    seen = people.those(session, to, london_day(at), {each.person_id for each in every}, at)
    open_ = {own for one in seen if not one.restricted for own in one.ids}
    return [each for each in every if each.person_id in open_]
