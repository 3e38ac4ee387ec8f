"""Decide about what of a push waits: approve it or reject it, with a reason, and never one's own push."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlmodel import Session

from service.domain.access import User
from service.errors import NotFound, NothingHeld, OwnPush, Unprocessable
from service.operations.intake import ingest, weighing
from service.operations.intake.weighing import Prepared
from service.store import audit, extracts, holds
from service.store.holds import Hold


def approve(
    session: Session, prepared: Prepared, *, datasets: Collection[str], reason: str, by: User, at: datetime
) -> dict[str, Any]:
    """Apply what was held of these datasets (none named: all), as one step. Returns the report.

    The same bytes are compared again: what has since been said otherwise, by a push or by hand, is not overrun.
    """
    batch_id = prepared.batch.batch_id
    waiting = _waiting(session, batch_id, datasets, by=by)
    held = {(c.kind, c.source_ref) for c in holds.changes(session, [each.hold_id for each in waiting])}
    compared, _, _ = weighing.compare(session, prepared, at=at)
    unknown = set(compared.new_people.values())  # whose id was released since: the batch is not about them any more
    units = [u for u in compared.units if (u.kind, u.ref) in held and u.person_id not in unknown]
    audit_id = audit.note(
        session, "ingest.approve", by=by.user_id, at=at, people={unit.person_id for unit in units},
        detail={"batch_id": batch_id, "changes": len(units)},
    )  # fmt: skip
    ingest.take(session, units, by=by, at=at, audit_id=audit_id)
    _decide(session, batch_id, waiting, "approved", reason=reason, by=by, at=at, audit_id=audit_id)
    return ingest.report(session, batch_id, to=by, at=at)


def reject(
    session: Session, batch_id: str, *, datasets: Collection[str], reason: str, by: User, at: datetime
) -> dict[str, Any]:
    """Leave what stands as it is: what was held of these datasets (none named: all) is not taken."""
    waiting = _waiting(session, batch_id, datasets, by=by)
    about = {c.person_id for c in holds.changes(session, [each.hold_id for each in waiting])}
    audit_id = audit.note(
        session, "ingest.reject", by=by.user_id, at=at, people=about, detail={"batch_id": batch_id}
    )  # fmt: skip
    _decide(session, batch_id, waiting, "rejected", reason=reason, by=by, at=at, audit_id=audit_id)
    return ingest.report(session, batch_id, to=by, at=at)


def _waiting(session: Session, batch_id: str, datasets: Collection[str], *, by: User) -> list[Hold]:
    batch = extracts.get(session, batch_id, lock=True)
    if batch is None:
        raise NotFound
    if by.user_id == batch.created_by:
        raise OwnPush
    waiting = [each for each in holds.of_batch(session, batch_id) if each.decision is None]
    named = {each.dataset for each in waiting}
    if not waiting:
        raise NothingHeld
    if unknown := sorted(set(datasets) - named):
        raise Unprocessable(*[("datasets", "not_held", ", ".join(sorted(named))) for _ in unknown])
    return [each for each in waiting if not datasets or each.dataset in datasets]


def _decide(
    session: Session, batch_id: str, waiting: list[Hold], decision: str, *, reason: str, by: User, at: datetime,
    audit_id: str,
) -> None:  # fmt: skip
    ids = [each.hold_id for each in waiting]
    holds.decide(session, ids, decision, by=by.user_id, reason=reason, at=at, audit_id=audit_id)
    if all(each.decision for each in holds.of_batch(session, batch_id)):
        extracts.let_go(session, batch_id)
