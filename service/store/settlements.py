"""What was decided between sources, and the SELECT that finds whose facts sources may contradict."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import cast

from sqlalchemy import ColumnElement, FromClause, Select, Table, and_, func, insert, literal, or_, select, union_all
from sqlmodel import Session

from service.domain.conflicts import ONE_AT_A_TIME
from service.domain.facts import Contact, Source
from service.domain.standing import ENDS_OF, STARTS_OF
from service.store.record import known_at
from service.store.schema import FACTS, settlement
from service.store.types import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One decision: settled (one side is right), joined (two facts are one), apart (they are two).

    `version_id`: the version that stands by it, where it made one; `about`: what two facts said when found to be two.
    """

    decision: str
    kind: str
    fact_id: str
    chosen_version_id: str
    against: tuple[str, ...]
    settled_by: str
    reason: str
    recorded_at: datetime
    version_id: str | None = None
    about: str | None = None


def add(session: Session, decided: Settlement, *, audit_id: str) -> str:
    """Keep a decision; its id."""
    settlement_id = new_id(decided.recorded_at)
    row = asdict(decided) | {"against": " ".join(decided.against)}
    session.execute(insert(settlement).values(settlement_id=settlement_id, audit_id=audit_id, **row))
    return settlement_id


def of_fact(session: Session, kind: str, fact_id: str) -> list[Settlement]:
    """Every decision on a fact, oldest first."""
    columns = [settlement.c[name] for name in Settlement.__dataclass_fields__]
    query = select(*columns).where(settlement.c.kind == kind, settlement.c.fact_id == fact_id)
    rows = session.execute(query.order_by(settlement.c.recorded_at, settlement.c.settlement_id))
    return [Settlement(**dict(row._mapping) | {"against": tuple(row.against.split())}) for row in rows]


def found_apart(session: Session, moment: datetime) -> dict[frozenset[str], str]:
    """Pairs of facts found to be two by a moment -> what they said when that was last decided."""
    rows = session.execute(
        select(settlement.c.fact_id, settlement.c.against, settlement.c.about)
        .where(settlement.c.decision == "apart", settlement.c.recorded_at <= moment)
        .order_by(settlement.c.recorded_at, settlement.c.settlement_id)
    )
    return {frozenset((fact_id, other)): about for fact_id, other, about in rows}


def disputed(session: Session, kinds: Iterable[str], moment: datetime) -> list[tuple[str, str]]:
    """(kind, person id) of facts known at a moment that more than one version speaks of, or that overlap others.

    A few too many: what contradicts what is for `domain/conflicts.py`, and in whose scope for the caller.
    """
    parts: list[Select[tuple[str, str]]] = []
    for kind in kinds:
        table = FACTS[kind]
        wanted = known_at(table, moment)
        owner = select(literal(kind).label("kind"), table.c.person_id.label("person_id"))
        if kind == Contact.kind:
            parts.append(owner.where(wanted, _corrected_and_contradicted(table, moment)))
            continue
        twice = select(table.c.fact_id).where(wanted).group_by(table.c.fact_id).having(func.count() > 1)
        parts.append(owner.where(wanted, table.c.fact_id.in_(twice)))
        if kind in ONE_AT_A_TIME:
            parts.append(owner.where(wanted, _overlapping(kind, table, moment)))
    found = union_all(*parts).subquery()
    rows = session.execute(select(found.c.kind, found.c.person_id).distinct())
    return [(kind, person_id) for kind, person_id in rows]


def _corrected_and_contradicted(table: FromClause, moment: datetime) -> ColumnElement[bool]:
    """A contact corrected by hand (only corrections have a reason), of which a source said something later."""
    fed = cast(Table, FACTS[Contact.kind].alias("fed"))
    later = select(fed.c.version_id).where(
        fed.c.fact_id == table.c.fact_id, fed.c.source != Source.API, known_at(fed, moment),
        fed.c.recorded_at > table.c.recorded_at,
    )  # fmt: skip
    return and_(table.c.source == Source.API, table.c.reason.is_not(None), later.exists())


def _overlapping(kind: str, table: FromClause, moment: datetime) -> ColumnElement[bool]:
    """Another fact of the person and kind, of another key, on some of the same days."""
    other = cast(Table, FACTS[kind].alias("other"))
    return (
        select(other.c.version_id)
        .where(
            other.c.person_id == table.c.person_id,
            other.c.fact_id != table.c.fact_id,
            known_at(other, moment),
            or_(other.c.source != table.c.source, other.c.source_ref != table.c.source_ref),
            _began(kind, table) < _ended(kind, other),
            _began(kind, other) < _ended(kind, table),
        )
        .exists()
    )


def _began(kind: str, table: FromClause) -> ColumnElement[date]:
    return func.coalesce(*[table.c[name] for name in STARTS_OF[kind]], literal(date.min))


def _ended(kind: str, table: FromClause) -> ColumnElement[date]:
    return func.coalesce(*[table.c[name] for name in ENDS_OF[kind]], literal(date.max))
