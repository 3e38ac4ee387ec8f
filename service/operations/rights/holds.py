"""Hold a record for a court, an inquiry or a complaint: nothing of it is erased until somebody else lifts the hold."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from service.errors import Conflict, OwnRequest
from service.operations.rights import officers
from service.store import audit, erasures
from service.store.erasures import Hold
from service.store.rights import Subject


def place(session: Session, whom: Subject, *, reason: str, by: str, at: datetime) -> str:
    """Hold a record from now on; the id of the hold. Somebody else's hold stands beside the first.

    Of people who are one, each record is held, so that it still is when they turn out to be two; the id is that of
    the record named, where that was not held yet. Raises Conflict where this account holds all of them already.
    """
    reason = officers.because(reason)
    own = {each.person_id for each in erasures.holds(session, whom.ids) if _stands(each) and each.placed_by == by}
    free = [each for each in whom.ids if each not in own]
    if not free:
        raise Conflict(("hold", "held_already", "one hold of one account; yours stands"), about=whom.named)
    audit_id = audit.note(
        session, "rights.hold.place", by=by, at=at, person_id=whom.named, people=free, reason=reason, changes=False
    )
    placed = {each: erasures.place(session, each, by=by, reason=reason, at=at, audit_id=audit_id) for each in free}
    return placed.get(whom.named, placed[free[0]])


def lift(session: Session, whom: Subject, *, reason: str, by: str, at: datetime) -> int:
    """Lift every open hold on somebody; how many. Raises OwnRequest for whoever placed one of them."""
    reason = officers.because(reason)
    held = [each for each in erasures.holds(session, whom.ids) if _stands(each)]
    if not held:
        raise Conflict(("hold", "none", "somebody with an open legal hold"), about=whom.named)
    if any(each.placed_by == by for each in held):
        raise OwnRequest(about=whom.named)
    ids = [each.legal_hold_id for each in held]
    audit.note(
        session, "rights.hold.lift", by=by, at=at, person_id=whom.named, detail={"legal_holds": ids}, reason=reason,
        changes=False,
    )  # fmt: skip
    erasures.lift(session, ids, by=by, reason=reason, at=at)
    return len(ids)


def listed(session: Session, whom: Subject | None, *, reason: str, by: str, at: datetime) -> Sequence[Hold]:
    """Open holds; of one person, lifted ones too."""
    found = erasures.holds(session, None if whom is None else whom.ids)
    people = {each.person_id for each in found}
    audit.note(
        session, "read.legal_holds", by=by, at=at, people=people, detail={"holds": len(found)},
        reason=officers.because(reason),
    )  # fmt: skip
    return found


def _stands(hold: Hold) -> bool:
    return hold.superseded_at is None
