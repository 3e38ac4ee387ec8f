"""Every row about one person: where it is, read for a subject access request, deleted when two people decided so."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, exists, insert, or_, select, union_all, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from service.errors import Conflict
from service.store import merges, schema, schema_access, schema_rights
from service.store.record import current
from service.store.schema import FACTS, METADATA, audit_entry, audit_people, batch, idempotency_key, person
from service.store.schema import person_identifier as identifier
from service.store.schema import person_merge as merge
from service.store.schema_rights import erasing, erasure
from service.store.users import UserAccount

# Tables that hold nothing of a person, or what is kept of them when all else is gone, and why.
NOT_ERASED = {
    "audit_entry": "who did what and when, by id; an erasure of it would hide who looked",
    "audit_link": "seals over the audit",
    "audit_people": "lists of ids that the audit points at",
    "erasure": "that a record was erased, on which rule and by whom",
    "erasing": "empty outside an erasure",
    "idempotency_key": "answers, not rows about a person: those that name the person are let go",
    "batch": "reports of pushes: the person's id is taken out of them",
    "batch_dataset": "files as they were pushed, let go once nothing of them waits",
    "batch_chunk": "their bytes; nobody of whom something waits is erased",
    "hold": "a dataset that waits",
    "hold_decision": "what was decided on it",
    "watermark": "how far a source was read",
    "campaign": "a first load as a whole",
    "deployment": "what this database is for",
    "org_unit": "localities, areas and services",
    "team": "teams",
    "worker": "people who work for the council",
    "post": "posts",
    "user_account": "people who sign in",
    "user_role": "people who sign in",
    "user_scope": "people who sign in",
    "access_version": "a number",
    "revoked_token": "tokens",
    "sign_in": "people who sign in",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One person by every id that their rows are kept under, the kept one first. `named`: the id they were named by."""

    ids: tuple[str, ...]
    named: str
    restricted: bool
    sealed: bool

    @property
    def person_id(self) -> str:
        """The id that all of them are read as."""
        return self.ids[0]


def find(session: Session, *, person_id: str | None = None, eclipse_id: str | None = None) -> Subject | None:
    """Whom an id means, restricted and sealed people too: for those who answer for rights, whatever their scope."""
    if person_id is None:
        theirs = (identifier.c.eclipse_id == eclipse_id) & current(identifier)
        person_id = session.scalar(select(identifier.c.person_id).where(theirs))
    if person_id is None:
        return None
    centre = merges.kept_instead_of(session, person_id) or person_id
    merged = session.scalars(select(merge.c.from_person_id).where(merge.c.into_person_id == centre, current(merge)))
    ids = (centre, *sorted(merged))
    rows = session.execute(select(person.c.restricted, person.c.sealed_at).where(person.c.person_id.in_(ids))).all()
    if not rows:
        return None
    return Subject(ids, person_id, any(row[0] for row in rows), any(row[1] is not None for row in rows))


def about(ids: Collection[str]) -> dict[Table, ColumnElement[bool]]:
    """Table -> which of its rows are about this person, in an order in which foreign keys let them go."""
    of = {table.name: table.c.person_id.in_(ids) for table in METADATA.sorted_tables if "person_id" in table.c}
    versions = union_all(*[select(t.c.version_id).where(of[t.name]) for t in FACTS.values()])
    theirs = union_all(*[_facts_of_theirs_alone(t, of[t.name]) for t in FACTS.values()])
    restricted = select(schema_access.restriction.c.restriction_id).where(of["restriction"])
    return {
        schema.approval: schema.approval.c.version_id.in_(versions),
        schema.withdrawal: schema.withdrawal.c.version_id.in_(versions),
        schema.settlement: schema.settlement.c.fact_id.in_(theirs),
        schema.fact_alias: schema.fact_alias.c.fact_id.in_(theirs),
        **{table: of[table.name] for table in FACTS.values()},
        schema.held_change: of["held_change"],
        schema.row_issue: or_(of["row_issue"], _refused_under_their_id(ids)),
        schema.campaign_answer: of["campaign_answer"],
        schema.campaign_person: of["campaign_person"],
        schema_access.allowed: schema_access.allowed.c.restriction_id.in_(restricted),
        schema_access.clearing: schema_access.clearing.c.restriction_id.in_(restricted),
        schema_access.restriction: of["restriction"],
        schema_access.referral: of["referral"],
        schema_access.emergency_access: of["emergency_access"],
        schema_rights.legal_hold: of["legal_hold"],
        merge: or_(merge.c.from_person_id.in_(ids), merge.c.into_person_id.in_(ids)),
        identifier: of["person_identifier"],
        person: of["person"],
    }


def _facts_of_theirs_alone(table: Table, theirs: ColumnElement[bool]) -> Select[tuple[str]]:
    """Ids of their facts; not of one that another record, merged with theirs for a while, came to share."""
    other = table.alias()
    shared = exists().where(other.c.fact_id == table.c.fact_id, other.c.person_id != table.c.person_id)
    return select(table.c.fact_id).where(theirs, ~shared)


def _refused_under_their_id(ids: Collection[str]) -> ColumnElement[bool]:
    """Rows refused before anybody was held under their Eclipse id; not one that is somebody else's by now."""
    other, issue = identifier.alias(), schema.row_issue
    given_anew = exists().where(other.c.eclipse_id == identifier.c.eclipse_id, other.c.person_id.not_in(ids))
    named = select(identifier.c.eclipse_id).where(identifier.c.person_id.in_(ids), ~given_anew)
    return issue.c.person_id.is_(None) & issue.c.key.in_(named)


def rows(session: Session, ids: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Table name -> everything held about this person, oldest first: one SELECT a table."""
    tables = about(ids) | {erasure: erasure.c.person_id.in_(ids)}
    return {
        table.name: [
            dict(row)
            for row in session.execute(select(table).where(which).order_by(*_by_age(table))).mappings()
        ]
        for table, which in tables.items()
    }  # fmt: skip


def _by_age(table: Table) -> Iterator[ColumnElement[Any]]:
    if "recorded_at" in table.c:
        yield table.c.recorded_at
    yield from table.primary_key.columns


def recipients(session: Session, ids: Collection[str]) -> list[dict[str, Any]]:
    """Who saw or changed what of this person and when, by the audit: alone or in a list of people, oldest first."""
    named_in = or_(*[audit_people.c.people.contains(person_id, autoescape=True) for person_id in ids])
    lists = select(audit_people.c.people_set).where(named_in)
    theirs = or_(audit_entry.c.person_id.in_(ids), audit_entry.c.people_set.in_(lists))
    columns = [audit_entry.c[name] for name in ("recorded_at", "by_user", "act", "outcome", "reason", "seen")]
    query = select(*columns).where(theirs).order_by(audit_entry.c.recorded_at, audit_entry.c.audit_id)
    return [dict(row) for row in session.execute(query).mappings()]


def accounts(session: Session) -> dict[str, str]:
    """User id -> name, of everybody who ever had an account."""
    return dict(session.execute(select(col(UserAccount.user_id), col(UserAccount.name))).all())


def lock(session: Session, ids: Collection[str]) -> None:
    """Nothing is written about these people meanwhile."""
    if session.get_bind().dialect.name != "sqlite":
        query = select(person.c.person_id).where(person.c.person_id.in_(ids)).order_by(person.c.person_id)
        session.execute(query.with_for_update()).all()


def erase(session: Session, ids: Collection[str], erasure_ids: Collection[str]) -> int:
    """Delete every row about this person; how many there were. Only within the transaction do the triggers let it.

    Raises Conflict where something new points at what was to go.
    """
    session.execute(insert(erasing), [{"erasure_id": each} for each in erasure_ids])
    gone = _let_answers_go(session, ids)
    _take_out_of_reports(session, ids)
    try:
        for table, which in about(ids).items():
            gone += session.execute(delete(table).where(which)).rowcount  # type: ignore[attr-defined]
    except IntegrityError:
        raise Conflict(("person", "written_meanwhile", "the same again: something was written meanwhile")) from None
    session.execute(delete(erasing))
    return gone


def _let_answers_go(session: Session, ids: Collection[str]) -> int:
    """Answers kept for retries that name the person: by our id, an Eclipse id or a fact's. A week's at the most."""
    names = set(ids) | set(session.scalars(select(identifier.c.eclipse_id).where(identifier.c.person_id.in_(ids))))
    for table in FACTS.values():
        names |= set(session.scalars(select(table.c.fact_id).where(table.c.person_id.in_(ids))))
    wanted = [json.dumps(name).encode() for name in names]
    columns = [idempotency_key.c[name] for name in ("user_id", "key", "answer", "person_id")]
    gone = 0
    for user_id, key, answer, person_id in session.execute(select(*columns)).all():
        if person_id in ids or any(name in bytes(answer) for name in wanted):
            one = (idempotency_key.c.user_id == user_id) & (idempotency_key.c.key == key)
            gone += session.execute(delete(idempotency_key).where(one)).rowcount  # type: ignore[attr-defined]
    return gone


def _take_out_of_reports(session: Session, ids: Collection[str]) -> None:
    """Reports of pushes say who moved, by id."""
    named = or_(*[batch.c.report.contains(person_id, autoescape=True) for person_id in ids])
    for batch_id, report in session.execute(select(batch.c.batch_id, batch.c.report).where(named)).all():
        said = json.dumps(_without(json.loads(report), frozenset(ids)))
        session.execute(update(batch).where(batch.c.batch_id == batch_id).values(report=said))


def _without(value: Any, ids: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(each, ids) for name, each in value.items() if name not in ids}
    if isinstance(value, list):
        return [_without(each, ids) for each in value if not (isinstance(each, str) and each in ids)]
    return value
