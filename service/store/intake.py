"""What intake sets beside a push: what its keys have meant, and everything held that its claims may be."""

import json
from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import FromClause, func, literal, or_, select, union_all
from sqlmodel import Session

from service.domain.facts import Contact, ContactOutcome, Fact, Source
from service.store import arrays, facts
from service.store.record import current
from service.store.schema import FACTS, fact_alias


def aliases_of(session: Session, source: Source, refs: Collection[str]) -> dict[tuple[str, str], str]:
    """(kind, source_ref) -> fact_id for those of these keys that the source has used; the newest meaning counts."""
    rows = session.execute(
        select(fact_alias.c.kind, fact_alias.c.source_ref, fact_alias.c.fact_id)
        .where(fact_alias.c.source == source, facts.among(session, fact_alias.c.source_ref, refs))
        .order_by(fact_alias.c.recorded_at, fact_alias.c.alias_id)
    )
    return {(kind, ref): fact_id for kind, ref, fact_id in rows}


def kinds_fed(session: Session, source: Source, datasets: Collection[str]) -> frozenset[str]:
    """Kinds of which a source's datasets have said what still stands; contacts, which never lapse, are not among them.

    One SELECT.
    """
    parts = []
    for kind, table in FACTS.items():
        if kind == Contact.kind:
            continue
        theirs = or_(*[table.c.source_ref.startswith(f"{name}/", autoescape=True) for name in datasets])
        said = select(table.c.version_id).where(current(table), table.c.source == source, theirs)
        parts.append(select(literal(kind)).where(said.exists()))
    return frozenset(session.scalars(union_all(*parts)))


def contacts_at(session: Session, moments: Collection[tuple[str, datetime]]) -> list[Fact]:
    """Current contacts of these people at these moments: a seek in the index for each, in one SELECT."""
    if not moments:
        return []
    wanted, table = _wanted(session, sorted(moments)), FACTS[Contact.kind]
    return facts.current_of(
        session,
        Contact.kind,
        table.c.person_id == wanted.c.person_id,
        table.c.outcome.in_(list(ContactOutcome)),
        table.c.occurred_at == wanted.c.occurred_at,
    )


def _wanted(session: Session, moments: Collection[tuple[str, datetime]]) -> FromClause:
    if session.get_bind().dialect.name == "sqlite":
        written = [(person_id, f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}") for person_id, at in moments]
        pairs = func.json_each(json.dumps(written)).table_valued("value")
        return select(
            func.json_extract(pairs.c.value, "$[0]").label("person_id"),
            func.json_extract(pairs.c.value, "$[1]").label("occurred_at"),
        ).subquery()
    people = arrays.array(person_id for person_id, _ in moments)
    times = arrays.array((at.isoformat() for _, at in moments), "TIMESTAMPTZ")
    return func.unnest(people, times).table_valued("person_id", "occurred_at").render_derived()
