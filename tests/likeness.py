"""What a database says, without what differs from one run to another: ids, and moments of recording."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, Table, select

from service.domain.facts import Source
from service.operations.intake import ingest
from service.store import holds
from service.store.engine import reading
from service.store.schema import FACTS, METADATA, audit_entry, person_identifier
from service.writers.tracker_json import dump, written
from tests.council import ROBOT, Council

# Who may sign in and did, what was answered to whom, whom an entry is about, what is sealed: no part of a push.
_APART = frozenset({"audit_people", "audit_link", "idempotency_key", "deployment", "alembic_version", "access_version",
                    "sign_in"})  # fmt: skip
_VARIES = frozenset({"recorded_at", "superseded_at", "applied_at", "first_held_at", "by_user", "people_set",
                     "created_by", "recorded_by", "decided_by"})  # fmt: skip
_STEPS = frozenset({"ingest.open", "ingest.apply", "ingest.approve"})
_OF_A_RUN = frozenset({"batch_id", "hold_id", "person_id", "fact_id", "version_id", "applied_at", "since", "decided_at",
                       "recorded_at", "known_at", "moved", "waiting", "etag"})  # fmt: skip
State = Mapping[str, Counter[tuple[Any, ...]]]


def the_same(value: Any) -> Any:
    """A JSON value without ids of its own and moments of recording."""
    if isinstance(value, dict):
        return {name: the_same(each) for name, each in value.items() if name not in _OF_A_RUN}
    if isinstance(value, list):
        return [the_same(each) for each in value]
    return value


def state(engine: Engine) -> State:
    """Every row that pushes leave, table by table. Leaves no connection open."""
    with reading(engine) as session:
        named = select(person_identifier.c.person_id, person_identifier.c.eclipse_id)
        names = dict(session.execute(named).all())
        found = {
            table.name: Counter(_told(table, tuple(row), names) for row in session.execute(_pushed(table)))
            for table in METADATA.sorted_tables
            if table.name not in _APART and not table.name.startswith("user")
        }
    engine.dispose()
    return found


def _pushed(table: Table) -> Any:
    if table in FACTS.values():
        return select(table).where(table.c.source == Source.ECLIPSE)
    return select(table).where(table.c.act.in_(_STEPS)) if table is audit_entry else select(table)


def _told(table: Table, row: tuple[Any, ...], names: Mapping[str, str]) -> tuple[Any, ...]:
    return tuple(_cell(column.name, value, names) for column, value in zip(table.columns, row, strict=True))


def _cell(name: str, value: Any, names: Mapping[str, str]) -> Any:
    if name == "person_id":
        return names.get(value)
    if name == "request_id":
        return None
    if value is not None and (name in _VARIES or (name.endswith("_id") and name not in ("eclipse_id", "run_id"))):
        return True
    if value is not None and name in ("report", "detail"):
        return json.dumps(the_same(json.loads(value)), sort_keys=True)
    return value


def differences(one: State, other: State) -> dict[str, tuple[int, int]]:
    """Table -> rows that only one has, rows that only the other has; nothing where they are alike."""
    found = {name: ((one[name] - other[name]).total(), (other[name] - one[name]).total()) for name in one}
    return {name: counts for name, counts in found.items() if any(counts)}


def report(engine: Engine, batch_id: str, council: Council) -> Any:
    """The report of a batch, as the integration account reads it."""
    with reading(engine) as session:
        return the_same(json.loads(dump(ingest.report(session, batch_id, to=ROBOT, at=council.clock()))))


def waits(engine: Engine, batch_id: str) -> bool:
    """Whether anything of a batch waits for a person."""
    with reading(engine) as session:
        return any(each.decision is None for each in holds.of_batch(session, batch_id))


def tracker(council: Council) -> dict[str, Any]:
    """The director's tracker, by part; of rows that are equally grave, those with the lower id of ours come first."""
    told = the_same(json.loads(written(council.tracker())))
    parts = {name: each for name, each in told.items() if name not in ("danger", "cohorts")}
    parts |= {f"danger {_whose(each)}": each for each in told["danger"]}
    for cohort in told["cohorts"]:
        parts |= {f"{cohort['code']} {_whose(each)}": each for each in cohort.pop("rows")}
        parts[cohort["code"]] = cohort
    return parts


def _whose(row: dict[str, Any]) -> str:
    return str(row["person"]["eclipse_id"])
