"""Keep what of a push waits for a person, and list what waits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session

from service.domain.access import User
from service.domain.changes import Unit
from service.domain.dates import london_day
from service.domain.holding import Held
from service.errors import NotFound
from service.operations.intake import reports
from service.operations.intake.reports import Weighed
from service.store import extracts, holds, identifiers
from service.store.extracts import Batch
from service.store.holds import HeldChange, Hold
from service.store.types import new_id

LATER = "a later push of the dataset took its place"


def keep(
    session: Session, batch: Batch, weighed: Weighed, datasets: Sequence[tuple[str, str]], *, by: User, at: datetime,
    audit_id: str,
) -> None:  # fmt: skip
    """Keep the held part of a push. `datasets` are those of it that could be read: (name, full or delta).

    What waited of a full dataset is replaced: the push says again what still holds, and the age goes on. A delta
    takes over what it says anew. What is said again waits on (`still_waiting`), however little of it a push says.
    """
    waiting = [h for h in holds.waiting(session) if (h.source, h.profile) == (batch.source, batch.profile)]
    new = {held.dataset: held for held in weighed.foreseen.held}
    for name, mode in datasets:
        earlier = [each for each in waiting if each.dataset == name]
        if mode == "full":
            _replace(session, earlier, by=by, at=at, audit_id=audit_id)
        elif earlier:
            refs = sorted(ref for ref in weighed.compared.said if ref.startswith(f"{name}/"))
            holds.release(session, [each.hold_id for each in earlier], refs, at=at)
        if name in new:
            since = min([each.first_held_at for each in earlier], default=at)
            _add(session, batch, new[name], since=since, at=at, audit_id=audit_id)


def _replace(session: Session, earlier: Sequence[Hold], *, by: User, at: datetime, audit_id: str) -> None:
    holds.decide(
        session, [each.hold_id for each in earlier], "replaced", by=by.user_id, reason=LATER, at=at, audit_id=audit_id
    )
    still = {each.batch_id for each in holds.waiting(session)}
    for batch_id in {each.batch_id for each in earlier} - still:
        extracts.let_go(session, batch_id)


def _add(session: Session, batch: Batch, held: Held, *, since: datetime, at: datetime, audit_id: str) -> None:
    new = Hold(
        hold_id=new_id(at), batch_id=batch.batch_id, source=batch.source, profile=batch.profile, dataset=held.dataset,
        reasons=held.reasons, first_held_at=since, recorded_at=at, changes=len(held.units), people=len(held.people),
        decision=None, decided_by=None, decided_at=None,
    )  # fmt: skip
    holds.add(session, new, (_change(unit) for unit in held.units), at=at, audit_id=audit_id)


def _change(unit: Unit) -> HeldChange:
    return HeldChange(unit.dataset, unit.row, unit.kind, unit.ref, unit.person_id, unit.change.value)


def waiting(session: Session, *, at: datetime) -> list[dict[str, Any]]:
    """Everything that waits for a decision, longest first."""
    return [reports.held(each, at=at) for each in holds.waiting(session)]


def of_batch(session: Session, batch_id: str, *, to: User, at: datetime) -> tuple[dict[str, Any], list[str]]:
    """What of a batch was held, row by row, and whom it is about.

    Of a restricted record only the dataset, last: its place, line or change would name it to who has the file.
    """
    batch = extracts.get(session, batch_id)
    if batch is None:
        raise NotFound
    would = (batch.report or {}).get("waiting", {})
    found = holds.of_batch(session, batch_id)
    changes = holds.changes(session, [each.hold_id for each in found])
    about = sorted({change.person_id for change in changes})
    named = identifiers.named(session, about, to=to, today=london_day(at))
    open_ = [change for change in changes if named.get(change.person_id)]
    shut = [change for change in changes if not named.get(change.person_id)]
    rows = [
        {"dataset": c.dataset, "row": c.row, "kind": c.kind, "change": c.change, "eclipse_id": named[c.person_id],
         "would": would.get(c.person_id, {})}
        for c in open_
    ]  # fmt: skip
    rows += [{"dataset": c.dataset, "row": None, "kind": None, "change": None, "eclipse_id": None, "would": {}}
             for c in shut]  # fmt: skip
    told = {"batch_id": batch_id, "held": [reports.held(each, at=at) for each in found], "rows": rows}
    return told, about
