"""Find the one person an act is about. Out of scope, restricted, sealed and unknown look the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from sqlmodel import Session

from service.domain.access import User
from service.errors import NotFound, ReasonMissing, Refused
from service.store import people
from service.store.people import Somebody

# In `session.info`: whose record was opened there for a reason, so that what is refused after it is in the audit too.
FOR_A_REASON = "opened_for_a_reason"


def reached(session: Session, *, to: User, today: date, person_id: str) -> Somebody:
    """The person with this id, if in the scope of `to`, whose record may be closed to them. Raises NotFound."""
    found = people.find(session, to, today, person_id=person_id)
    if found is None:
        raise NotFound(about=people.meant(session, person_id=person_id))
    return found


def somebody(
    session: Session, *, to: User, today: date, person_id: str | None = None, eclipse_id: str | None = None,
    known_at: datetime | None = None, reason: str | None = None, writing: bool = False,
) -> Somebody:  # fmt: skip
    """The person with this id, if `to` may open the record. Raises NotFound otherwise, whatever the cause.

    The id of somebody merged into another means the other, as far as that was known at `known_at` (now if left out).
    Raises ReasonMissing where `to` may open it and has to say why: a restricted record that their post alone opens,
    and, but for a write, somebody outside their caseload. Whoever may not open it is never told that.
    """
    if person_id is None and eclipse_id is None:
        raise NotFound  # nobody is named: never the first who happens to be in scope
    found = people.find(session, to, today, person_id=person_id, eclipse_id=eclipse_id, known_at=known_at)
    if found is None or not found.opens:
        raise NotFound(about=people.meant(session, person_id=person_id, eclipse_id=eclipse_id))
    if not reason and (found.by_post if writing else found.needs_reason):
        raise ReasonMissing(about=found.person_id)
    if found.by_post or found.needs_reason:
        session.info[FOR_A_REASON] = found.person_id
    return found


@contextmanager
def telling_whom(session: Session) -> Iterator[None]:
    """Let a refusal say whom it is about, where a record was opened for a reason before: it may tell of them."""
    try:
        yield
    except Refused as refused:
        refused.about = refused.about or session.info.pop(FOR_A_REASON, None)
        raise
