"""What a push did, would do, or could not: kept when it is applied, and shown with how it stands now."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from service.domain.access import DECIDES_HELD, Permission, User
from service.domain.changes import Change, Plan
from service.domain.data_quality import owner, reason
from service.domain.dates import london_day
from service.domain.foreseeing import Foreseen
from service.domain.foresight import Movement
from service.domain.intake import Refusal
from service.domain.policy import ALWAYS, DEFAULT_POLICY
from service.store import identifiers
from service.store.extracts import Batch
from service.store.holds import Hold

REFUSALS_SHOWN = 1000
PEOPLE_SHOWN = 1000
ROWS_SHOWN = 2000
REMIND = timedelta(days=DEFAULT_POLICY.limit("feed.held_reminder", ALWAYS).number)
FACTS = (*(change.value for change in Change), "unchanged")
REFERENCE = {"teams": "teams", "ssd_department": "teams", "workers": "workers", "ssd_professionals": "workers"}


@dataclass(frozen=True, slots=True)
class Weighed:
    """A push compared with what is held, and what would come of it; not `foreseen_cohorts`: for people, only."""

    compared: Plan
    foreseen: Foreseen
    foreseen_cohorts: bool = True


def heading(batch: Batch, state: str) -> dict[str, Any]:
    """Which push this is, and how far it has come: open, planned or applied."""
    return {
        "batch_id": batch.batch_id,
        "profile": batch.profile,
        "source": batch.source.value,
        "run_id": batch.run_id,
        "extracted_at": batch.extracted_at.isoformat(),
        "state": state,
    }


def written(batch: Batch, weighed: Weighed, *, state: str) -> dict[str, Any]:
    """The report as it is kept: figures, refusals, and who moves by person id (`shown` says it to a reader)."""
    compared, foreseen = weighed.compared, weighed.foreseen
    refused = sorted(compared.refusals, key=lambda r: (r.dataset, r.row))
    return heading(batch, state) | {
        "datasets": [_dataset(declared, weighed) for declared in batch.manifest["datasets"]],
        "people_added": len(compared.new_people),
        "teams_changed": len(compared.teams),
        "workers_changed": len(compared.workers),
        "only_the_watermark_moved": not (
            compared.units or compared.teams or compared.workers or compared.new_people
        ),
        "proposed_matches": [{"dataset": name, "row": row} for name, row in compared.proposed_matches[:REFUSALS_SHOWN]],
        "refused": len({(r.dataset, r.row) for r in refused}),
        "refusals": [_refusal(each) for each in refused[:REFUSALS_SHOWN]],
        "cohorts_foreseen": weighed.foreseen_cohorts,
        "cohorts": _cohorts(foreseen),
        "would_hold": [
            {"dataset": held.dataset, "reasons": list(held.reasons), "changes": len(held.units),
             "people": len(held.people)}
            for held in foreseen.held
        ],
        "moved": {person: dict(moves) for person, moves in foreseen.moved.items()},
        "waiting": {person: dict(moves) for person, moves in foreseen.waiting.items()},
    }  # fmt: skip


def _refusal(refusal: Refusal) -> dict[str, Any]:
    return {
        "dataset": refusal.dataset, "row": refusal.row, "field": refusal.field, "code": refusal.code,
        "allowed": refusal.allowed, "reason": reason(refusal.code, refusal.field, refusal.allowed),
        "owner": owner(refusal.code),
    }  # fmt: skip


def _dataset(declared: Mapping[str, Any], weighed: Weighed) -> dict[str, Any]:
    """One dataset: its rows, each in one of four outcomes, and beside them what became of its facts."""
    compared, name, rows = weighed.compared, declared["name"], declared["rows"]
    waits = {id(unit): unit for each in weighed.foreseen.held for unit in each.units}
    refused = {r.row for r in compared.refusals if r.dataset == name}
    held = {u.row for u in waits.values() if u.dataset == name and u.row is not None} - refused
    applied = {u.row for u in compared.units if u.dataset == name and u.row is not None} - held - refused
    counts = {"applied": len(applied) + _reference(name, compared), "held": len(held), "refused": len(refused)}
    if name in compared.unusable:
        counts = {"applied": 0, "held": 0, "refused": rows}
    unchanged = rows - sum(counts.values())
    if unchanged < 0:
        raise ValueError("more rows came out of a dataset than went in")
    return {
        "name": name, "mode": declared["mode"], "rows": rows, **counts, "unchanged": unchanged,
        "unusable": name in compared.unusable, "supplied": name not in compared.placeholders,
        "facts": {outcome: compared.tally[name, outcome] for outcome in FACTS}
        | {"held": sum(unit.dataset == name for unit in waits.values())},
    }  # fmt: skip


def by_row(weighed: Weighed) -> dict[str, Any]:
    """What each row would do, in the order of the files: its line, kind of fact, change, and whether it would wait.

    Without a line: what is gone from the file. The first of them, with how many there are in all; no values.
    """
    waits = {id(unit) for each in weighed.foreseen.held for unit in each.units}
    units = sorted(weighed.compared.units, key=lambda u: (u.dataset, u.row is None, u.row or 0, u.ref))
    return {
        "changes": len(units),
        "rows": [
            {"dataset": u.dataset, "row": u.row, "kind": u.kind, "change": u.change.value, "held": id(u) in waits}
            for u in units[:ROWS_SHOWN]
        ],
    }


def _reference(name: str, compared: Plan) -> int:
    match REFERENCE.get(name):
        case "teams":
            return len(compared.teams)
        case "workers":
            return len(compared.workers)
        case _:
            return 0


def _cohorts(foreseen: Foreseen) -> list[dict[str, Any]]:
    """Cohort by cohort, as far as anybody moves in it or anything waits."""
    moves = _by_cohort(foreseen.moved)
    codes = sorted(foreseen.before.keys() | foreseen.after.keys() | moves.keys())
    return [
        {
            "cohort": code, "before": foreseen.before.get(code, 0), "after": foreseen.after.get(code, 0),
            "after_if_approved": foreseen.if_approved.get(code, 0),
            **{movement.value: moves[code][movement] for movement in Movement},
        }
        for code in codes
    ]  # fmt: skip


def _by_cohort(moved: Mapping[str, Mapping[str, Any]]) -> dict[str, Counter[Any]]:
    found: dict[str, Counter[Any]] = defaultdict(Counter)
    for moves in moved.values():
        for cohort, movement in moves.items():
            found[cohort][movement] += 1
    return found


def shown(
    session: Session, kept: Mapping[str, Any], waiting: Sequence[Hold], *, to: User, at: datetime
) -> tuple[dict[str, Any], list[str]]:
    """A kept report as `to` may see it now, and the person ids it names: who moves, for those who decide alone."""
    told = {name: value for name, value in kept.items() if name not in ("moved", "waiting", "would_hold")}
    told["held"] = [held(each, at=at) for each in waiting] if kept["state"] != "planned" else kept["would_hold"]
    if not to.may(Permission.DECIDE_HELD):
        return told, []
    told["cohorts"], named = _with_people(session, kept, to=to, at=at)
    return told, named


def held(each: Hold, *, at: datetime) -> dict[str, Any]:
    """What waits of one dataset: why, since when, for whom, and what was decided."""
    until = each.decided_at or at
    return {
        "hold_id": each.hold_id, "batch_id": each.batch_id, "source": each.source.value, "profile": each.profile,
        "dataset": each.dataset, "reasons": list(each.reasons), "changes": each.changes, "people": each.people,
        "since": each.first_held_at, "age_hours": int((until - each.first_held_at).total_seconds() // 3600),
        "reminders": (until - each.first_held_at) // REMIND, "decides": list(DECIDES_HELD), "decision": each.decision,
        "decided_at": each.decided_at,
    }  # fmt: skip


def _with_people(
    session: Session, kept: Mapping[str, Any], *, to: User, at: datetime
) -> tuple[list[dict[str, Any]], list[str]]:
    """Movements with who moves, by Eclipse id, and their person ids; a restricted record is counted and not named."""
    named = identifiers.named(session, list(kept["moved"])[:PEOPLE_SHOWN], to=to, today=london_day(at))
    by_cohort: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for person_id, moves in kept["moved"].items():
        who = named.get(person_id)
        for cohort, movement in moves.items():
            if who is not None:
                by_cohort[cohort].append({"eclipse_id": who, "movement": movement})
    cohorts = [cohort | {"people": by_cohort[cohort["cohort"]]} for cohort in kept["cohorts"]]
    return cohorts, sorted(person_id for person_id, who in named.items() if who is not None)
