"""Who did and saw what: an entry with each write in its transaction, one with each read before its answer."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import ColumnElement, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlmodel import Session

from service.store.schema import audit_entry, audit_people
from service.store.types import new_id

# In `session.info`: the request boundary says which request a session serves, and why its caller looks.
REQUEST_ID, REASON = "request_id", "reason"
# There too: whom the first entry of an act is about, for the answer that is kept of it.
WHOSE = "whose"
# Begins of acts that show people to somebody.
LOOKS = ("read.", "ingest.plan", "ingest.read", "rights.subject_access")
# An answer that was kept, given again.
KEPT_ANSWER = "read.kept_answer"
# In `session.info` too: the acts of the alerts raised in this session, to be counted once it has committed.
ALERTS, ALERT = "alerts", "alert."
# Acts after which an answer computed before is as good as ever.
CHANGES_NOTHING = frozenset({"denied", "sign_in", "sign_in.refused"})


@dataclass(frozen=True, slots=True)
class PeopleSet:
    """Whom a look showed, by content: the same people in any order are one set."""

    digest: str
    listed: str
    count: int


def set_of(people: Collection[str]) -> PeopleSet:
    """The set that these people are."""
    return _set_of(tuple(people))


@lru_cache(maxsize=8)
def _set_of(people: tuple[str, ...]) -> PeopleSet:
    """Remembered, since the same list is shown time and again while nothing changes."""
    ids = sorted(set(people))
    listed = json.dumps(ids)
    return PeopleSet(hashlib.sha256(listed.encode()).hexdigest(), listed, len(ids))


def note(
    session: Session,
    act: str,
    *,
    by: str,
    at: datetime,
    person_id: str | None = None,
    people: Collection[str] | PeopleSet | None = None,
    outcome: str = "done",
    detail: Mapping[str, object] | None = None,
    changes: bool | None = None,
    reason: str | None = None,
) -> str:
    """Add an entry and return its id. `detail` holds ids, codes and counts, never what a fact says.

    `changes`: whether an answer computed before may differ now; where it is left out, the act says it. `reason`: why,
    where the act itself asks for it; else what the caller said of the request.
    """
    audit_id = new_id(at)
    if people is not None and not isinstance(people, PeopleSet):
        people = set_of(people)
    if people is not None:
        _kept(session, people)
    row = {
        "audit_id": audit_id,
        "recorded_at": at,
        "by_user": by,
        "act": act,
        "person_id": person_id,
        "people_set": people.digest if people else None,
        "outcome": outcome,
        "request_id": session.info.get(REQUEST_ID),
        "detail": json.dumps(detail or {}, sort_keys=True, default=str),
        "reason": reason or session.info.get(REASON),
        "seen": people.count if people else None,
        "changes": changes_something(act) if changes is None else changes,
    }
    session.execute(insert(audit_entry), row)
    if act.startswith(ALERT):
        session.info.setdefault(ALERTS, []).append(act)
    if person_id is not None:
        session.info.setdefault(WHOSE, person_id)
    return audit_id


def is_look() -> ColumnElement[bool]:
    """Entries of acts that show people to somebody."""
    return or_(*[audit_entry.c.act.startswith(begins, autoescape=True) for begins in LOOKS])


def changes_something(act: str) -> bool:
    """Whether an answer computed before such an act may differ after it."""
    return act not in CHANGES_NOTHING and not act.startswith(("read.", ALERT))


def _kept(session: Session, people: PeopleSet) -> None:
    """Keep a set that is not kept yet."""
    if session.scalar(select(audit_people.c.people_set).where(audit_people.c.people_set == people.digest)):
        return
    row = {"people_set": people.digest, "people": people.listed}
    if session.get_bind().dialect.name == "sqlite":
        session.execute(insert(audit_people).values(**row).prefix_with("OR IGNORE"))
        return
    session.execute(postgresql_insert(audit_people).values(**row).on_conflict_do_nothing())
