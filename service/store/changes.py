"""Whether anything was recorded since an answer was computed: counted in the audit, no row that writers share."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, select, text
from sqlmodel import Session

from service.store.engine import LONGEST_SECONDS
from service.store.schema import audit_entry
from service.store.schema_access import emergency_access

# `engine.writing` commits nothing later than LONGEST_SECONDS after its moment was read; the rest is for hosts whose
# clocks differ. So what is committed after a snapshot was taken is stamped within this time before it, or later: it
# falls into the window, whatever the order of commits.
LONGEST_WRITE = timedelta(seconds=LONGEST_SECONDS, minutes=10)


# `changes` as it stands in the partial index, which is what is searched.
_CHANGES = text("audit_entry.changes")
_COUNTED = select(func.count(), func.max(audit_entry.c.recorded_at)).where(
    _CHANGES, audit_entry.c.recorded_at > bindparam("since")
)


@dataclass(frozen=True, slots=True)
class Mark:
    """The acts recorded after `since` that change answers, by audit id, and the moment of the latest.

    Entries are never taken away, so as many as before are the same as before, in whatever order writers commit.
    """

    since: datetime
    acts: frozenset[str]
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class Done:
    """One act, and whom it was about, if it was about one person."""

    act: str
    person_id: str | None


def mark(session: Session, *, at: datetime) -> Mark:
    """The mark of what is computed on this snapshot, taken at `at` or later."""
    since = at - LONGEST_WRITE
    query = select(audit_entry.c.audit_id, audit_entry.c.recorded_at)
    rows = session.execute(query.where(_CHANGES, audit_entry.c.recorded_at > since)).all()
    return Mark(since, frozenset(row[0] for row in rows), max((row[1] for row in rows), default=None))


def unchanged(session: Session, held: Mark) -> bool:
    """Whether nothing that changes answers was committed since the snapshot of this mark."""
    acts, latest = session.execute(_COUNTED, {"since": held.since}).one()
    return (acts, latest) == (len(held.acts), held.latest)


def since(session: Session, held: Mark) -> list[Done]:
    """What was done that changes answers and was not yet committed on the snapshot of this mark."""
    query = select(audit_entry.c.audit_id, audit_entry.c.act, audit_entry.c.person_id)
    rows = session.execute(query.where(_CHANGES, audit_entry.c.recorded_at > held.since))
    return [Done(act, person_id) for audit_id, act, person_id in rows if audit_id not in held.acts]


def emergency_ends(session: Session, user_id: str, *, at: datetime) -> datetime | None:
    """When the first of the user's emergencies ends, of those still running."""
    running = (emergency_access.c.user_id == user_id) & (emergency_access.c.until > at)
    first: datetime | None = session.scalar(select(func.min(emergency_access.c.until)).where(running))
    return first
