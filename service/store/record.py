"""The one mechanism by which facts are remembered: versions are added, superseded once, and never changed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, insert, or_, select, text, update
from sqlmodel import Session

from service.domain.facts import Source, field_types
from service.domain.versions import NewVersion
from service.store import bulk
from service.store.schema import FACTS, approval, fact_alias, withdrawal
from service.store.types import new_id


def current(table: Table) -> ColumnElement[bool]:
    """Rows that nothing has superseded yet."""
    return table.c.superseded_at.is_(None)


def known_at(table: Table, moment: datetime | None) -> ColumnElement[bool]:
    """Rows known at `moment` (aware); with None, the current ones."""
    if moment is None:
        return current(table)
    return (table.c.recorded_at <= moment) & or_(table.c.superseded_at.is_(None), table.c.superseded_at > moment)


def append(session: Session, versions: Iterable[NewVersion], *, by: str, at: datetime, audit_id: str) -> list[str]:
    """Add versions and close those they replace, in batches. Returns the new version ids, in order."""
    by_kind: dict[str, list[NewVersion]] = defaultdict(list)
    ids: dict[int, str] = {}
    order = list(versions)
    for version in order:
        by_kind[version.fact.kind].append(version)
        ids[id(version)] = new_id(at)
    for kind, group in by_kind.items():
        supersede(session, kind, [old for v in group for old in v.closes], at=at)
        names = tuple(field_types(type(group[0].fact)))
        rows = (_row(v, names, version_id=ids[id(v)], by=by, at=at, audit_id=audit_id) for v in group)
        bulk.add(session, FACTS[kind], rows)
    return [ids[id(v)] for v in order]


def _row(
    version: NewVersion, names: Iterable[str], *, version_id: str, by: str, at: datetime, audit_id: str
) -> dict[str, Any]:
    fact = version.fact
    row: dict[str, Any] = {
        "version_id": version_id,
        "fact_id": version.fact_id,
        "person_id": version.person_id,
        "source": version.source,
        "source_ref": version.source_ref,
        "recorded_at": at,
        "recorded_by": by,
        "confidence": version.confidence,
        "proposed": version.proposed,
        "reason": version.reason,
        "flags": " ".join(version.flags),
        "audit_id": audit_id,
    }
    for name in names:
        row[name] = getattr(fact, name)
    return row


def supersede(session: Session, kind: str, version_ids: Sequence[str], *, at: datetime) -> None:
    """Close versions: the only update a fact table ever sees, once, from NULL."""
    table = FACTS[kind]
    for start in range(0, len(version_ids), 500):
        part = version_ids[start : start + 500]
        session.execute(update(table).where(table.c.version_id.in_(part), current(table)).values(superseded_at=at))


def gather_statistics(session: Session, kinds: Iterable[str]) -> None:
    """Tell PostgreSQL how large its tables have become, at once: after a first load it would plan as if empty."""
    if session.get_bind().dialect.name == "postgresql":
        for name in ("person", "person_identifier", *(FACTS[kind].name for kind in sorted(kinds))):
            session.execute(text(f"ANALYZE {name}"))


def approve(
    session: Session, kind: str, version_ids: Sequence[str], *, by: str, at: datetime, reason: str | None, audit_id: str
) -> None:
    """Let waiting versions count from `at`, and close what they replace in their own stream."""
    table = FACTS[kind]
    for version_id in version_ids:
        row = session.execute(
            select(table.c.fact_id, table.c.source, table.c.source_ref).where(table.c.version_id == version_id)
        ).one()
        replaced = session.scalars(
            select(table.c.version_id).where(
                table.c.fact_id == row.fact_id,
                table.c.source == row.source,
                table.c.source_ref == row.source_ref,
                table.c.version_id != version_id,
                or_(table.c.proposed.is_(False), table.c.version_id.in_(select(approval.c.version_id))),
                current(table),
            )
        ).all()
        supersede(session, kind, list(replaced), at=at)
        session.execute(
            insert(approval).values(
                approval_id=new_id(at), version_id=version_id, approved_by=by, reason=reason, recorded_at=at,
                audit_id=audit_id,
            )
        )  # fmt: skip


def withdraw(
    session: Session, kind: str, version_ids: Sequence[str], *, by: str, at: datetime, reason: str, audit_id: str
) -> None:
    """Take versions out of the file (they stay in the audit): the entry was made on the wrong person."""
    supersede(session, kind, version_ids, at=at)
    session.execute(
        insert(withdrawal),
        [
            {"withdrawal_id": new_id(at), "version_id": version_id, "withdrawn_by": by, "reason": reason,
             "recorded_at": at, "audit_id": audit_id}
            for version_id in version_ids
        ],
    )  # fmt: skip


def remember_aliases(session: Session, aliases: Iterable[tuple[str, Source, str, str]], *, at: datetime) -> None:
    """Note that (kind, source, source_ref) means `fact_id` from now on."""
    rows = (
        {"alias_id": new_id(at), "kind": kind, "source": source, "source_ref": ref, "fact_id": fact_id,
         "recorded_at": at}
        for kind, source, ref, fact_id in aliases
    )  # fmt: skip
    bulk.add(session, fact_alias, rows)


def aliases_of(session: Session, source: Source) -> dict[tuple[str, str], str]:
    """(kind, source_ref) -> fact_id for every key the source has used; the newest meaning counts."""
    rows = session.execute(
        select(fact_alias.c.kind, fact_alias.c.source_ref, fact_alias.c.fact_id)
        .where(fact_alias.c.source == source)
        .order_by(fact_alias.c.recorded_at, fact_alias.c.alias_id)
    )
    return {(kind, ref): fact_id for kind, ref, fact_id in rows}
