"""Restrict a record, keep its allow-list, and clear it again: one person asks for that, another decides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlmodel import Session

from service.domain.access import User
from service.domain.dates import london_day
from service.errors import Conflict, NotFound, NothingToClear, OwnRequest, Unprocessable
from service.operations.lookup import somebody
from service.store import audit, opening, restrictions
from service.store.restrictions import Allowed, Clearing, Restriction

ALERT = "alert.allow_list"


class Decision(StrEnum):
    """What somebody else decides on a clearing that was asked for."""

    CLEARED = "cleared"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Shown:
    """A restriction as its keepers see it. `named`: whether they may be told whose record it is."""

    restriction: Restriction
    allowed: Sequence[Allowed]
    clearing: Clearing | None
    names: Mapping[str, str]
    named: bool


def restrict(
    session: Session, *, reason: str, allow: Collection[str], by: User, at: datetime, person_id: str | None = None,
    eclipse_id: str | None = None,
) -> Shown:  # fmt: skip
    """Restrict a record of somebody in scope. From the next answer on it opens to nobody but who may open it.

    A record that is restricted already looks like an unknown one, unless `by` may open it.
    """
    today = london_day(at)
    found = somebody(
        session, to=by, today=today, person_id=person_id, eclipse_id=eclipse_id, reason=reason, writing=True
    )  # fmt: skip
    if found.restricted:
        raise Conflict(("person_id", "restricted_already", "a record that is not restricted"))
    _refuse_unfit(session, allow, by)
    audit_id = audit.note(
        session, "record.restrict", by=by.user_id, at=at, person_id=found.person_id, reason=reason,
        detail={"allowed": sorted(set(allow))},
    )  # fmt: skip
    made = restrictions.add(session, found.person_id, by=by.user_id, reason=reason, at=at, audit_id=audit_id)
    restrictions.allow(session, made, set(allow), by=by.user_id, reason=reason, at=at, audit_id=audit_id)
    return one(session, made, to=by, today=today)


def listed(session: Session, *, to: User, today: date, reason: str | None = None) -> list[Shown]:
    """Restrictions of people in scope, the newest first. Whose they are is said only to who may open the record."""
    return _shown(session, restrictions.standing(session, to=to, today=today), to=to, reason=reason)


def one(session: Session, restriction_id: str, *, to: User, today: date) -> Shown:
    """One restriction. Raises NotFound where it is of somebody out of scope, cleared, or unknown."""
    found = restrictions.standing(session, to=to, today=today, restriction_id=restriction_id)
    if not found:
        raise NotFound
    return _shown(session, found, to=to, reason=None)[0]


def allow(session: Session, restriction_id: str, user_id: str, *, reason: str, by: User, at: datetime) -> Shown:
    """Open a restricted record to one more account, as far as the person is in that account's scope.

    Never to one's own. Where `by` may not open the record themselves, information governance is told.
    """
    today = london_day(at)
    before = one(session, restriction_id, to=by, today=today)
    _refuse_unfit(session, [user_id], by)
    if user_id in {each.user_id for each in before.allowed}:
        raise Conflict(("user_id", "allowed_already", "an account that is not on the list"))
    audit_id = _noted(session, "record.allow", before, reason, by=by, at=at, user_id=user_id)
    if not (before.restriction.opens or opening.by_post(by)):
        _noted(session, ALERT, before, reason, by=by, at=at, user_id=user_id)
    restrictions.allow(session, restriction_id, [user_id], by=by.user_id, reason=reason, at=at, audit_id=audit_id)
    return one(session, restriction_id, to=by, today=today)


def disallow(session: Session, restriction_id: str, user_id: str, *, reason: str, by: User, at: datetime) -> Shown:
    """Take an account off the list, from its next request on."""
    today = london_day(at)
    before = one(session, restriction_id, to=by, today=today)
    if user_id not in {each.user_id for each in before.allowed}:
        raise Conflict(("user_id", "not_allowed", "an account on the list"))
    _noted(session, "record.disallow", before, reason, by=by, at=at, user_id=user_id)
    restrictions.disallow(session, restriction_id, user_id, by=by.user_id, reason=reason, at=at)
    return one(session, restriction_id, to=by, today=today)


def ask(session: Session, restriction_id: str, *, reason: str, by: User, at: datetime) -> Shown:
    """Ask for a restriction to be cleared. Nothing opens until somebody else decides."""
    today = london_day(at)
    before = one(session, restriction_id, to=by, today=today)
    if before.clearing is not None:
        raise Conflict(("restriction_id", "asked_already", "a restriction nobody has asked to clear"))
    audit_id = _noted(session, "record.clear.ask", before, reason, by=by, at=at)
    restrictions.ask(session, restriction_id, by=by.user_id, reason=reason, at=at, audit_id=audit_id)
    return one(session, restriction_id, to=by, today=today)


def decide(
    session: Session, restriction_id: str, decision: Decision, *, reason: str, by: User, at: datetime
) -> Decision:
    """Clear a restriction that somebody else asked to clear, or refuse to."""
    found = one(session, restriction_id, to=by, today=london_day(at))
    if found.clearing is None:
        raise NothingToClear
    if found.clearing.asked_by == by.user_id:
        raise OwnRequest
    _noted(session, f"record.clear.{decision}", found, reason, by=by, at=at, asked_by=found.clearing.asked_by)
    restrictions.decide(session, found.clearing, decision.value, by=by.user_id, reason=reason, at=at)
    if decision is Decision.CLEARED:
        restrictions.end(session, found.restriction, at=at)
    return decision


def _refuse_unfit(session: Session, user_ids: Collection[str], by: User) -> None:
    """Refuse who keeps a list and would stand on it: nobody opens a restricted record alone."""
    if by.user_id in user_ids:
        raise OwnRequest
    if restrictions.names(session, user_ids, active=True).keys() != set(user_ids):
        raise Unprocessable(("user_id", "unknown", "ids of accounts that may sign in"))


def _noted(session: Session, act: str, found: Shown, reason: str, *, by: User, at: datetime, **more: str) -> str:
    whose, detail = found.restriction.person_id, {"restriction_id": found.restriction.restriction_id, **more}
    return audit.note(session, act, by=by.user_id, at=at, person_id=whose, reason=reason, detail=detail)


def _shown(session: Session, found: Sequence[Restriction], *, to: User, reason: str | None) -> list[Shown]:
    ids = [each.restriction_id for each in found]
    lists, waiting = restrictions.allow_lists(session, ids), restrictions.asked(session, ids)
    users = {each.restricted_by for each in found} | {each.asked_by for each in waiting.values()}
    users |= {each.user_id for listed in lists.values() for each in listed}
    names = restrictions.names(session, users)
    by_post = reason is not None and opening.by_post(to)
    return [
        Shown(
            each, lists.get(each.restriction_id, ()), waiting.get(each.restriction_id), names, each.opens or by_post
        )
        for each in found
    ]  # fmt: skip
