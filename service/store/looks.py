"""What one account looked at of late, or was refused, by the index on who and when."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session

from service.store.audit import is_look
from service.store.schema import audit_entry

_OPENED, _SHOWN = audit_entry.c.person_id, audit_entry.c.people_set
_READ = is_look()


@dataclass(frozen=True, slots=True)
class Opened:
    """How many people's records an account opened, since when, and whether this person's was one of them."""

    people: int
    first: datetime | None
    again: bool


def _by(user_id: str, since: datetime) -> ColumnElement[bool]:
    return (audit_entry.c.by_user == user_id) & (audit_entry.c.recorded_at > since)


def opened_since(session: Session, person_id: str, *, by: str, since: datetime) -> Opened:
    """Whose records the account opened one by one since then."""
    row = session.execute(
        select(
            func.count(_OPENED.distinct()),
            func.min(audit_entry.c.recorded_at),
            func.max(case((_OPENED == person_id, 1), else_=0)),
        ).where(_by(by, since), _READ, _OPENED.is_not(None), _SHOWN.is_not(None))
    ).one()
    return Opened(row[0], row[1], bool(row[2]))


def listed_again(session: Session, people_set: str, *, by: str, since: datetime) -> bool:
    """Whether the account read a list of exactly these people since then. The newest are looked at first."""
    same = select(audit_entry.c.audit_id).where(_by(by, since), _SHOWN == people_set)
    return session.scalar(same.order_by(audit_entry.c.recorded_at.desc()).limit(1)) is not None


def listed_since(session: Session, *, by: str, since: datetime) -> int:
    """How many people stood in the lists that the account read since then, each list counted once."""
    lists = select(_SHOWN, audit_entry.c.seen).where(_by(by, since), _READ, _OPENED.is_(None), _SHOWN.is_not(None))
    once = lists.distinct().subquery()
    return session.scalar(select(func.coalesce(func.sum(once.c.seen), 0))) or 0


def refused_since(session: Session, outcome: str, *, alert: str, by: str, since: datetime) -> tuple[int, bool]:
    """How often the account was refused so since then, and whether an alert of this act stands for it since then."""
    so = (audit_entry.c.act == "denied") & (audit_entry.c.outcome == outcome)
    counted = select(func.count(case((so, 1))), func.count(case((audit_entry.c.act == alert, 1))))
    refusals, alerts = session.execute(counted.where(_by(by, since))).one()
    return refusals, bool(alerts)


def noted_since(session: Session, act: str, *, by: str, since: datetime) -> bool:
    """Whether an entry of this act stands for the account since then."""
    same = select(audit_entry.c.audit_id).where(_by(by, since), audit_entry.c.act == act)
    return session.scalar(same.limit(1)) is not None
