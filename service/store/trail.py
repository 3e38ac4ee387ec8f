"""What the audit says: of one person, of one account, of refusals and alerts."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col

from service.domain.access import Role
from service.domain.period import Period
from service.store.audit import is_look
from service.store.merges import everything
from service.store.schema import audit_entry, audit_people, person, person_identifier
from service.store.schema_rights import erasure
from service.store.users import UserAccount, UserRole

Place = tuple[datetime, str]
"""Where an entry stands in the audit: when, and its id."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the audit. `seen`: how many people a read showed."""

    audit_id: str
    recorded_at: datetime
    by_user: str
    act: str
    person_id: str | None
    outcome: str
    reason: str | None
    request_id: str | None
    seen: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Who:
    """An account: its name and roles as they are now."""

    user_id: str
    name: str | None = None
    roles: tuple[Role, ...] = ()


_COLUMNS = tuple(audit_entry.c[name] for name in Entry.__dataclass_fields__)


def is_known(session: Session, person_id: str) -> bool:
    """Whether somebody has this id: sealed, restricted and erased people too."""
    if session.scalar(select(person.c.person_id).where(person.c.person_id == person_id)) is not None:
        return True
    return session.scalar(_erased(select(erasure.c.person_id), person_id).limit(1)) is not None


def _erased(query: Select[Any], person_id: str) -> Select[Any]:
    return query.where(erasure.c.person_id == person_id, erasure.c.decision == "erased")


def _erased_with(session: Session, person_id: str) -> set[str]:
    """The ids that were erased as one with theirs: with the record, the merges are gone."""
    moments = _erased(select(erasure.c.superseded_at), person_id)
    lists = (
        select(audit_people.c.people)
        .join(audit_entry, audit_entry.c.people_set == audit_people.c.people_set)
        .where(audit_entry.c.recorded_at.in_(moments), audit_entry.c.act == "rights.retention.erase")
    )
    listed = [set(json.loads(people)) for people in session.scalars(lists)]
    return {own for ids in listed if person_id in ids for own in ids}


def whose_eclipse_id(session: Session, eclipse_id: str) -> str | None:
    """Who has an id of Eclipse's, else who had it last."""
    held = select(person_identifier.c.person_id).where(person_identifier.c.eclipse_id == eclipse_id)
    newest = held.order_by(person_identifier.c.superseded_at.is_not(None), person_identifier.c.recorded_at.desc())
    return session.scalar(newest.limit(1))


def one_with(session: Session, person_id: str, period: Period) -> tuple[str, ...]:
    """The person's ids in the period: their own, and those of records that were read as one with it meanwhile.

    Of an erased record, those that were erased with it, whatever the period.
    """
    ids = {person_id} | _erased_with(session, person_id)
    for merge in everything(session):
        stood = merge.recorded_at < period.until and (
            merge.superseded_at is None or merge.superseded_at >= period.since
        )
        if stood and person_id in (merge.from_person_id, merge.into_person_id):
            ids |= {merge.from_person_id, merge.into_person_id}
    return tuple(sorted(ids))


def place_of(session: Session, audit_id: str, *, by: str | None = None) -> Place | None:
    """Where an entry stands, if there is such an entry (of this account)."""
    query = select(audit_entry.c.recorded_at, audit_entry.c.audit_id).where(audit_entry.c.audit_id == audit_id)
    row = session.execute(query if by is None else query.where(audit_entry.c.by_user == by)).first()
    return (row[0], row[1]) if row else None


def about(session: Session, ids: Sequence[str], period: Period, *, after: Place | None, limit: int) -> list[Entry]:
    """Entries about somebody, by any of these ids, through lists too, oldest first.

    Lists are searched as far as the period's entries refer to them: their number grows with the period only.
    """
    within = _within(period)
    referred = select(audit_entry.c.people_set).where(within, audit_entry.c.people_set.is_not(None))
    holding = or_(*[audit_people.c.people.contains(f'"{each}"', autoescape=True) for each in ids])
    sets = select(audit_people.c.people_set).where(audit_people.c.people_set.in_(referred), holding)
    concerned = audit_entry.c.person_id.in_(ids) | audit_entry.c.people_set.in_(sets)
    query = select(*_COLUMNS).where(within, concerned)
    return _entries(session, query, after=after, limit=limit)


def looks_of(session: Session, user_id: str, period: Period, *, after: Place | None, limit: int) -> list[Entry]:
    """What an account looked at, newest first."""
    query = select(*_COLUMNS).where(audit_entry.c.by_user == user_id, _within(period), is_look())
    return _entries(session, query, after=after, limit=limit, newest_first=True)


def of_acts(session: Session, beginning: str, period: Period, *, after: Place | None, limit: int) -> list[Entry]:
    """Entries of an act, or with a dot at the end of all that begin so, whoever did them, newest first."""
    act = audit_entry.c.act
    named = act.startswith(beginning, autoescape=True) if beginning.endswith(".") else act == beginning
    query = select(*_COLUMNS).where(_within(period), named)
    return _entries(session, query, after=after, limit=limit, newest_first=True)


def _within(period: Period) -> ColumnElement[bool]:
    return (audit_entry.c.recorded_at >= period.since) & (audit_entry.c.recorded_at < period.until)


def _entries(
    session: Session,
    query: Select[*tuple[object, ...]],
    *,
    after: Place | None,
    limit: int,
    newest_first: bool = False,
) -> list[Entry]:
    at, audit_id = audit_entry.c.recorded_at, audit_entry.c.audit_id
    if after is not None and newest_first:
        query = query.where(at <= after[0], (at < after[0]) | (audit_id < after[1]))
    elif after is not None:
        query = query.where(at >= after[0], (at > after[0]) | (audit_id > after[1]))
    order = (at.desc(), audit_id.desc()) if newest_first else (at, audit_id)
    return [Entry(*row) for row in session.execute(query.order_by(*order).limit(limit))]


def who(session: Session, user_ids: Collection[str]) -> dict[str, Who]:
    """Accounts by their ids, with name and roles as they are now; without either where there is no such account."""
    rows = session.execute(
        select(col(UserAccount.user_id), col(UserAccount.name), col(UserRole.role))
        .outerjoin(UserRole, col(UserRole.user_id) == col(UserAccount.user_id))
        .where(col(UserAccount.user_id).in_(set(user_ids)))
    ).all()
    names = {row.user_id: row.name for row in rows}
    return {
        each: Who(each, names.get(each), tuple(sorted(r.role for r in rows if r.user_id == each and r.role)))
        for each in set(user_ids)
    }
