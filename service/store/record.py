"""The one mechanism by which facts are remembered: versions are added, superseded once, and never changed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import attrgetter

from sqlalchemy import BindParameter, ColumnElement, Table, column, func, insert, or_, select, table, text, update
from sqlmodel import Session

from service.domain.facts import KINDS, Source, field_types
from service.domain.versions import NewVersion
from service.store import bulk
from service.store.schema import FACTS, approval, fact_alias, withdrawal
from service.store.types import new_id, new_ids

_ENVELOPE = ("fact_id", "person_id", "source", "source_ref", "confidence", "proposed", "reason")
_envelope = attrgetter(*_ENVELOPE)

Moment = datetime | BindParameter[datetime]
GROWN = 0.5  # of what a table held when it was last looked at; what grows less, autovacuum looks at in time


@cache
def current(table: Table) -> ColumnElement[bool]:
    """Rows that nothing has superseded yet."""
    return table.c.superseded_at.is_(None)


def known_at(table: Table, moment: Moment | None) -> ColumnElement[bool]:
    """Rows known at `moment` (aware); with None, the current ones."""
    if moment is None:
        return current(table)
    return (table.c.recorded_at <= moment) & or_(table.c.superseded_at.is_(None), table.c.superseded_at > moment)


def append(session: Session, versions: Iterable[NewVersion], *, by: str, at: datetime, audit_id: str) -> list[str]:
    """Add versions and close those they replace, in batches. Returns the new version ids, in order."""
    by_kind: dict[str, list[tuple[str, NewVersion]]] = defaultdict(list)
    order = list(zip(new_ids(at), versions, strict=False))
    for version_id, version in order:
        by_kind[version.fact.kind].append((version_id, version))
    always = {"recorded_at": at, "recorded_by": by, "audit_id": audit_id}
    for kind, group in by_kind.items():
        supersede(session, kind, [old for _, version in group for old in version.closes], at=at)
        fields = tuple(field_types(KINDS[kind]))
        said = attrgetter(*fields)
        rows = ((version_id, *_envelope(v), " ".join(v.flags), *said(v.fact)) for version_id, v in group)
        bulk.add(session, FACTS[kind], ("version_id", *_ENVELOPE, "flags", *fields), rows, always=always)
    return [version_id for version_id, _ in order]


def supersede(session: Session, kind: str, version_ids: Sequence[str], *, at: datetime) -> None:
    """Close versions: the only update a fact table ever sees, once, from NULL."""
    table = FACTS[kind]
    for start in range(0, len(version_ids), 500):
        part = version_ids[start : start + 500]
        session.execute(update(table).where(table.c.version_id.in_(part), current(table)).values(superseded_at=at))


def gather_statistics(session: Session, added: Mapping[str, int]) -> None:
    """Tell PostgreSQL at once how large tables have become that grew by half: else it would plan as if empty.

    `added`: the name of a table -> rows that were added to it.
    """
    if session.get_bind().dialect.name != "postgresql":
        return
    known = table("pg_class", column("relname"), column("reltuples"), column("oid"))
    theirs = known.c.oid.in_([func.to_regclass(name) for name in added])
    sizes = dict(session.execute(select(known.c.relname, known.c.reltuples).where(theirs)).all())
    for name, rows in sorted(added.items()):
        if rows and rows >= GROWN * sizes.get(name, 0):
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
    names = ("alias_id", "kind", "source", "source_ref", "fact_id")
    rows = ((alias_id, *alias) for alias_id, alias in zip(new_ids(at), aliases, strict=False))
    bulk.add(session, fact_alias, names, rows, always={"recorded_at": at})
