"""Who did and saw what: an entry with each write in its transaction, one with each read before its answer."""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlmodel import Session

from service.store.schema import audit_entry, audit_people
from service.store.types import new_id

REQUEST_ID = "request_id"  # in `session.info`: the request boundary says which request a session serves


def note(
    session: Session,
    act: str,
    *,
    by: str,
    at: datetime,
    person_id: str | None = None,
    people: Collection[str] | None = None,
    outcome: str = "done",
    detail: Mapping[str, object] | None = None,
) -> str:
    """Add an entry and return its id. `detail` holds ids, codes and counts, never what a fact says."""
    audit_id = new_id(at)
    session.execute(
        insert(audit_entry).values(
            audit_id=audit_id,
            recorded_at=at,
            by_user=by,
            act=act,
            person_id=person_id,
            people_set=None if people is None else _people_set(session, people),
            outcome=outcome,
            request_id=session.info.get(REQUEST_ID),
            detail=json.dumps(detail or {}, sort_keys=True, default=str),
        )
    )
    return audit_id


def _people_set(session: Session, people: Collection[str]) -> str:
    listed = json.dumps(sorted(people))
    digest = hashlib.sha256(listed.encode()).hexdigest()
    held = session.scalar(select(audit_people.c.people_set).where(audit_people.c.people_set == digest))
    if held is None:
        _insert_once(session, digest, listed)
    return digest


def _insert_once(session: Session, digest: str, listed: str) -> None:
    if session.get_bind().dialect.name == "sqlite":
        session.execute(insert(audit_people).values(people_set=digest, people=listed).prefix_with("OR IGNORE"))
        return
    session.execute(postgresql_insert(audit_people).values(people_set=digest, people=listed).on_conflict_do_nothing())
