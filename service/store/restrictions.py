"""Restrictions of records: set by one person, opened to a list, cleared by two."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, insert, select, update
from sqlmodel import Session, col

from service.domain.access import User
from service.store import opening, users
from service.store.facts import among
from service.store.record import current
from service.store.schema import person, person_identifier
from service.store.schema_access import allowed, clearing, restriction
from service.store.scope import seen_by
from service.store.types import new_id
from service.store.users import UserAccount


@dataclass(frozen=True, slots=True)
class Restriction:
    """A restriction that stands. `opens`: its record opens to the reader without being asked why."""

    restriction_id: str
    person_id: str
    eclipse_id: str | None
    restricted_by: str
    reason: str
    recorded_at: datetime
    opens: bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """An account that a restricted record opens to, by name."""

    user_id: str
    added_by: str
    reason: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Clearing:
    """That somebody asked for a restriction to be cleared, and nobody has decided yet."""

    clearing_id: str
    asked_by: str
    reason: str
    recorded_at: datetime


def add(session: Session, person_id: str, *, by: str, reason: str, at: datetime, audit_id: str) -> str:
    """Restrict a record from now on; the restriction's id."""
    restriction_id = new_id(at)
    said = {"person_id": person_id, "restricted_by": by, "reason": reason, "recorded_at": at, "audit_id": audit_id}
    session.execute(insert(restriction).values(restriction_id=restriction_id, **said))
    session.execute(update(person).where(person.c.person_id == person_id).values(restricted=True))
    users.move_access_version(session)
    return restriction_id


def carry(
    session: Session, people: Collection[str], *, of: Collection[str], by: str, reason: str, at: datetime, audit_id: str
) -> None:
    """Restrict each of these as any is restricted `of` the records that were one person with them.

    Undoing a merge opens nothing: whoever was on the list of one of the records opened all, and nobody else does now.
    """
    stands = (restriction.c.person_id == person.c.person_id) & current(restriction)
    those = select(person.c.person_id, restriction.c.restriction_id, restriction.c.reason).outerjoin(
        restriction, stands
    )
    flagged = among(session, person.c.person_id, of) & person.c.restricted
    rows = session.execute(those.where(flagged).order_by(restriction.c.recorded_at, restriction.c.restriction_id)).all()
    lists = allow_lists(session, [row[1] for row in rows if row[1]]).values()
    named = {each.user_id for listed in lists for each in listed}
    reason = next((row[2] for row in rows if row[2]), reason)
    for other in sorted(set(people) - {row[0] for row in rows} if rows else ()):
        made = add(session, other, by=by, reason=reason, at=at, audit_id=audit_id)
        allow(session, made, named, by=by, reason=reason, at=at, audit_id=audit_id)


def end(session: Session, found: Restriction, *, at: datetime) -> None:
    """The record is like any other again."""
    this = (restriction.c.restriction_id == found.restriction_id) & current(restriction)
    session.execute(update(restriction).where(this).values(superseded_at=at))
    session.execute(update(person).where(person.c.person_id == found.person_id).values(restricted=False))
    users.move_access_version(session)


def allow(
    session: Session, restriction_id: str, user_ids: Collection[str], *, by: str, reason: str, at: datetime,
    audit_id: str,
) -> None:  # fmt: skip
    """Open a restricted record to these accounts too."""
    said = {"restriction_id": restriction_id, "added_by": by, "reason": reason, "recorded_at": at, "audit_id": audit_id}
    if user_ids:
        rows = [{"allowed_id": new_id(at), "user_id": user_id, **said} for user_id in sorted(user_ids)]
        session.execute(insert(allowed), rows)
        users.move_access_version(session)


def disallow(session: Session, restriction_id: str, user_id: str, *, by: str, reason: str, at: datetime) -> None:
    """Open it to this account no longer."""
    this = (allowed.c.restriction_id == restriction_id) & (allowed.c.user_id == user_id) & current(allowed)
    session.execute(update(allowed).where(this).values(superseded_at=at, removed_by=by, removed_reason=reason))
    users.move_access_version(session)


def ask(session: Session, restriction_id: str, *, by: str, reason: str, at: datetime, audit_id: str) -> None:
    """Note that somebody asks for it to be cleared."""
    said = {"asked_by": by, "reason": reason, "recorded_at": at, "audit_id": audit_id}
    session.execute(insert(clearing).values(clearing_id=new_id(at), restriction_id=restriction_id, **said))


def decide(session: Session, asked: Clearing, decision: str, *, by: str, reason: str, at: datetime) -> None:
    """Note what somebody else decided: cleared or refused."""
    this = (clearing.c.clearing_id == asked.clearing_id) & current(clearing)
    said = {"superseded_at": at, "decision": decision, "decided_by": by, "decided_reason": reason}
    session.execute(update(clearing).where(this).values(**said))


def standing(
    session: Session, *, to: User, today: date, restriction_id: str | None = None, person_id: str | None = None
) -> list[Restriction]:
    """Restrictions that stand of people in `to`'s scope, the newest first: all, one, or that of one person."""
    condition: ColumnElement[bool] = current(restriction) & seen_by(to, today)
    if restriction_id is not None:
        condition &= restriction.c.restriction_id == restriction_id
    if person_id is not None:
        condition &= restriction.c.person_id == person_id
    named = (person_identifier.c.person_id == person.c.person_id) & current(person_identifier)
    eclipse_id = select(person_identifier.c.eclipse_id).where(named).order_by(person_identifier.c.recorded_at.desc())
    said = [restriction.c[name] for name in ("restricted_by", "reason", "recorded_at")]
    rows = session.execute(
        select(
            restriction.c.restriction_id, person.c.person_id, eclipse_id.limit(1).scalar_subquery(), *said,
            opening.opens_unasked(to, today),
        )
        .join(person, person.c.person_id == restriction.c.person_id)
        .where(condition)
        .order_by(restriction.c.recorded_at.desc(), restriction.c.restriction_id.desc())
    )  # fmt: skip
    return [
        Restriction(restriction_id, whose, known_as, by, reason, since, bool(opens))
        for restriction_id, whose, known_as, by, reason, since, opens in rows
    ]


def allow_lists(session: Session, restriction_ids: Collection[str]) -> Mapping[str, Sequence[Allowed]]:
    """Restriction id -> whom it opens to by name, the first added first."""
    said = [allowed.c[name] for name in Allowed.__dataclass_fields__]
    query = select(allowed.c.restriction_id, *said).order_by(allowed.c.recorded_at, allowed.c.user_id)
    found: dict[str, list[Allowed]] = defaultdict(list)
    for row in session.execute(
        query.where(among(session, allowed.c.restriction_id, restriction_ids), current(allowed))
    ):
        found[row[0]].append(Allowed(*row[1:]))
    return found


def asked(session: Session, restriction_ids: Collection[str]) -> Mapping[str, Clearing]:
    """Restriction id -> who asked for it to be cleared, where nobody has decided yet."""
    said = [clearing.c[name] for name in Clearing.__dataclass_fields__]
    wanted = among(session, clearing.c.restriction_id, restriction_ids) & current(clearing)
    rows = session.execute(select(clearing.c.restriction_id, *said).where(wanted))
    return {row[0]: Clearing(*row[1:]) for row in rows}


def names(session: Session, user_ids: Collection[str], *, active: bool = False) -> Mapping[str, str]:
    """User id -> name of these accounts; with `active`, of those that may sign in."""
    named = select(col(UserAccount.user_id), col(UserAccount.name))
    wanted = named.where(col(UserAccount.user_id).in_(sorted(set(user_ids))))
    if active:
        wanted = wanted.where(col(UserAccount.active).is_(True))
    return dict(session.execute(wanted).all())
