"""The SELECTs that bring facts back: current or as known then, as true by then, never one per person."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    FromClause,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)
from sqlmodel import Session

from service.domain.dates import london_day
from service.domain.facts import (
    KINDS,
    Contact,
    ContactKind,
    ContactOutcome,
    Fact,
    Known,
    Source,
    field_types,
)
from service.domain.viewpoint import SAID_ANEW, Viewpoint
from service.store import arrays
from service.store.record import Moment, current, known_at
from service.store.schema import FACTS, approval, person, withdrawal
from service.store.types import UTCDateTime

LONDON = ZoneInfo("Europe/London")

# An open fact of one of these kinds makes a person somebody a clock may run for, until this day.
KEEPS_IN_VIEW = {
    "care_leaver_status": "ended_on", "child_protection_plan": "ended_on", "period_of_care": "ended_on",
    "pre_proceedings": "court_application_on", "care_proceedings": "disposed_on", "missing_episode": "ended_on",
}  # fmt: skip
ENVELOPE = ("fact_id", "version_id", "person_id", "source", "recorded_at", "source_ref", "recorded_by", "confidence",
            "proposed")  # fmt: skip


def among(session: Session, column: ColumnElement[str], ids: Collection[str]) -> ColumnElement[bool]:
    """`column` is one of `ids`: one bound value, whatever their number."""
    if _is_sqlite(session):
        values = func.json_each(json.dumps(list(ids))).table_valued("value")
        return column.in_(select(values.c.value))
    return column == func.any(arrays.array(ids))


def end_of_day(view: Viewpoint) -> datetime:
    """The first moment after `as_at`, in London."""
    return datetime.combine(view.as_at + timedelta(days=1), time.min, LONDON)


def _select(kind: str, moment: Moment | None, *, superseded: bool = False) -> Select[Any]:
    table = FACTS[kind]
    approved = approval.c.version_id == table.c.version_id
    if moment is not None:
        approved &= approval.c.recorded_at <= moment
    query = select(
        *[table.c[name] for name in ENVELOPE],
        approval.c.recorded_at.label("approved_at"),
        table.c.flags,
        *[table.c[name] for name in field_types(KINDS[kind])],
    ).outerjoin(approval, approved)
    return query if superseded else query.where(known_at(table, moment))


@cache
def _builder(kind: str) -> Callable[[Any], Fact]:
    """Row -> fact. A contact says nothing that waits for approval, so the envelope is the same for all."""
    cls, names, width = KINDS[kind], tuple(field_types(KINDS[kind])), len(ENVELOPE)

    def build(row: Any) -> Fact:
        flags = row[width + 1]
        envelope = (*row[: width + 1], tuple(flags.split()) if flags else ())
        known = Known(*envelope)
        return cls(known=known, **dict(zip(names, row[width + 2 :], strict=True)))

    return build


def of_people(session: Session, kinds: Iterable[str], people: Collection[str], view: Viewpoint | None) -> list[Fact]:
    """Every version of these kinds that counts for these people: one SELECT a kind."""
    found: list[Fact] = []
    said = _people(session, people) | ({"known_at": view.known_at} if view else {})
    for kind in kinds:
        query = _of_people(kind, view is not None, _is_sqlite(session))
        found += map(_builder(kind), session.execute(query, said))
    return found


@cache
def _of_people(kind: str, then: bool, sqlite: bool) -> Select[Any]:
    """Written down once: that costs more than to ask it of one person."""
    known = bindparam("known_at", type_=UTCDateTime()) if then else None
    return _select(kind, known).where(_among_people(FACTS[kind].c.person_id, sqlite))


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _people(session: Session, people: Collection[str]) -> dict[str, Any]:
    """What fills the place that `_among_people` leaves."""
    return {"people": json.dumps(list(people)) if _is_sqlite(session) else arrays.written(people)}


def _among_people(column: ColumnElement[str], sqlite: bool) -> ColumnElement[bool]:
    """As `among`, of people who are said when it is asked."""
    if sqlite:
        values = func.json_each(bindparam("people")).table_valued("value")
        return column.in_(select(values.c.value))
    return column == func.any(arrays.place("people"))


def said_before(session: Session, people: Collection[str], view: Viewpoint) -> dict[str, list[Fact]]:
    """Fact id -> versions since replaced whose own day had come by `as_at`, oldest first.

    Only of kinds that say a dated thing anew, and only when `as_at` lies in the past: a day is not asked about twice.
    """
    found: dict[str, list[Fact]] = {}
    if view.as_at >= london_day(view.known_at):
        return found
    for kind, dated in SAID_ANEW.items():
        table = FACTS[kind]
        counted = or_(table.c.proposed.is_(False), approval.c.recorded_at.is_not(None))
        itself = select(withdrawal.c.version_id).where(withdrawal.c.version_id == table.c.version_id).exists()
        query = _select(kind, view.known_at, superseded=True).where(
            among(session, table.c.person_id, people),
            table.c.superseded_at <= view.known_at,
            table.c[dated] <= view.as_at,
            counted,
            not_(itself),
        )
        for fact in map(_builder(kind), session.execute(query.order_by(table.c.recorded_at, table.c.version_id))):
            found.setdefault(fact.known.fact_id if fact.known else "", []).append(fact)
    return found


def of_fact(session: Session, kind: str, fact_id: str, *, lock: bool = False) -> list[Fact]:
    """The current versions of one fact; with `lock`, nobody else may close them meanwhile."""
    if lock and session.get_bind().dialect.name != "sqlite":
        session.execute(select(FACTS[kind].c.version_id).where(FACTS[kind].c.fact_id == fact_id).with_for_update())
    return list(map(_builder(kind), session.execute(_of_fact(kind), {"fact_id": fact_id})))


@cache
def _of_fact(kind: str) -> Select[Any]:
    return _select(kind, None).where(FACTS[kind].c.fact_id == bindparam("fact_id"))


def ended_with(session: Session, kind: str, fact_id: str) -> list[Fact]:
    """Current versions of other spells that the entry of this one ended, as entered or as corrected."""
    table = FACTS[kind]
    acts = select(table.c.audit_id).where(table.c.fact_id == fact_id, table.c.ended_on.is_(None))
    query = _select(kind, None).where(
        table.c.audit_id.in_(acts), table.c.fact_id != fact_id, table.c.ended_on.is_not(None)
    )
    return list(map(_builder(kind), session.execute(query)))


def took_the_place_of_an_entry(session: Session, kind: str, known: Known) -> bool:
    """Whether a version closed another that was entered by hand when it came to count; one that waits has not."""
    if known.effective_at is None:
        return False
    table = FACTS[kind]
    closed = select(table.c.version_id).where(
        table.c.fact_id == known.fact_id,
        table.c.source == known.source,
        table.c.source_ref == known.source_ref,
        table.c.superseded_at == known.effective_at,
    )
    return session.execute(closed.limit(1)).first() is not None


def authors_of(session: Session, kind: str, fact_id: str) -> set[str]:
    """Everybody who ever said anything of a fact by hand, superseded versions included."""
    table = FACTS[kind]
    said = select(table.c.recorded_by).where(table.c.fact_id == fact_id, table.c.source == Source.API)
    return set(session.scalars(said.distinct()))


def proposers_of(session: Session, kind: str, fact_id: str) -> set[str]:
    """Everybody who had a hand in what waits on a fact, in versions since corrected too."""
    table = FACTS[kind]
    said = select(table.c.recorded_by).where(table.c.fact_id == fact_id, table.c.proposed)
    approved = select(approval.c.version_id).where(approval.c.version_id == table.c.version_id).exists()
    return set(session.scalars(said.where(not_(approved)).distinct()))


def waiting_with(session: Session, kind: str, version_ids: Sequence[str]) -> list[str]:
    """Ids of the versions that wait for approval and were entered in the same acts as these."""
    table = FACTS[kind]
    acts = select(table.c.audit_id).where(table.c.version_id.in_(version_ids))
    entered = map(_builder(kind), session.execute(_select(kind, None).where(table.c.audit_id.in_(acts))))
    return [v.known.version_id for v in entered if v.known and v.known.effective_at is None]


def current_of(session: Session, kind: str, *where: ColumnElement[bool]) -> list[Fact]:
    """Every current version of one kind, from all sources. For intake, the one reader that sees everybody."""
    return list(map(_builder(kind), session.execute(_select(kind, None).where(*where))))


def of_facts(session: Session, kind: str, fact_ids: Collection[str]) -> list[Fact]:
    """The current versions of these facts. For intake."""
    if not fact_ids:
        return []
    return current_of(session, kind, among(session, FACTS[kind].c.fact_id, fact_ids))


def taken_back(table: Table) -> ColumnElement[bool]:
    """Whether a version was withdrawn as another person's, by itself or with all that was entered of its fact.

    What a feed has said, and what still stands, is not out of the file because an end that an entry gave it is.
    """
    withdrawn, other = table.alias("withdrawn"), table.alias("other")
    itself = select(withdrawal.c.version_id)
    entries = select(withdrawn.c.fact_id).join(withdrawal, withdrawal.c.version_id == withdrawn.c.version_id)
    goes_on = select(other.c.version_id).where(
        other.c.fact_id == table.c.fact_id, or_(current(other), other.c.source != Source.API)
    )  # fmt: skip
    return or_(table.c.version_id.in_(itself), table.c.fact_id.in_(entries) & not_(goes_on.exists()))


def history(session: Session, kind: str, person_id: str, view: Viewpoint) -> list[tuple[Fact, datetime | None]]:
    """All versions of one person's facts recorded by `known_at`, with when each was superseded by then.

    A fact withdrawn from the wrong person is out of the file: the audit keeps it, this does not. A fact of which only
    a version was withdrawn, as the end that a withdrawn move gave it, goes on without that version.
    """
    table = FACTS[kind]
    query = _select(kind, None, superseded=True).add_columns(table.c.superseded_at)
    query = query.where(
        table.c.person_id == person_id,
        table.c.recorded_at <= view.known_at,
        not_(taken_back(table)),
    )
    rows = session.execute(query.order_by(table.c.recorded_at, table.c.version_id))
    build = _builder(kind)
    return [(build(row[:-1]), row[-1] if row[-1] and row[-1] <= view.known_at else None) for row in rows]


def _stands(contact: FromClause, moment: Moment) -> ColumnElement[bool]:
    """Whether this version of a contact is no feed's that has been corrected by hand, as known at `moment`."""
    entry = FACTS["contact"].alias("entry")
    corrected = select(literal(1)).where(
        entry.c.fact_id == contact.c.fact_id,
        entry.c.source == Source.API,
        entry.c.recorded_at <= moment,
        or_(entry.c.superseded_at.is_(None), entry.c.superseded_at > moment),
    )
    # A scalar subquery, not EXISTS: PostgreSQL would hash the whole history for it, once a person. And unequal to
    # something, not null: PostgreSQL takes it for likely then, and looks no further than the first row in order.
    return (contact.c.source == Source.API) | (func.coalesce(corrected.limit(1).scalar_subquery(), 0) != 1)


# In the text of the statement, so that both databases know the index that holds nothing else.
THIRD_PARTY = bindparam(
    "third_party", ContactKind.THIRD_PARTY, FACTS["contact"].c.contact_kind.type, literal_execute=True
)


def latest_contacts(session: Session, people: Collection[str], view: Viewpoint) -> list[Fact]:
    """Each person's latest contact made, latest attempt and latest news by others, by `as_at`.

    Found by index, a seek a person inside one SELECT: history is never read.
    """
    table = FACTS["contact"]
    wanted = table.alias("wanted")
    picks = [
        select(
            select(wanted.c.version_id)
            .where(
                wanted.c.person_id == person.c.person_id,
                wanted_only,
                wanted.c.occurred_at < end_of_day(view),
                wanted.c.recorded_at <= view.known_at,
                or_(wanted.c.superseded_at.is_(None), wanted.c.superseded_at > view.known_at),
                _stands(wanted, view.known_at),
            )
            .order_by(wanted.c.occurred_at.desc(), wanted.c.version_id.desc())
            .limit(1)
            .scalar_subquery()
        ).where(among(session, person.c.person_id, people))
        for wanted_only in (
            wanted.c.outcome == ContactOutcome.MADE,
            wanted.c.outcome == ContactOutcome.ATTEMPTED,
            (wanted.c.outcome == ContactOutcome.ATTEMPTED) & (wanted.c.contact_kind == THIRD_PARTY),
        )
    ]
    query = _select("contact", view.known_at).where(table.c.version_id.in_(union_all(*picks)))
    return list(map(_builder("contact"), session.execute(query)))


def contacts_of(
    session: Session, person_id: str, view: Viewpoint, *, limit: int, before: datetime | None
) -> list[Contact]:
    """One person's contacts, newest first."""
    table = FACTS["contact"]
    query = _select("contact", view.known_at).where(
        table.c.person_id == person_id,
        table.c.occurred_at < end_of_day(view),
        _stands(table, view.known_at),
    )
    if before is not None:
        query = query.where(table.c.occurred_at < before)
    rows = session.execute(query.order_by(table.c.occurred_at.desc(), table.c.version_id.desc()).limit(limit))
    return [cast(Contact, fact) for fact in map(_builder("contact"), rows)]


def in_view(view: Viewpoint) -> Select[tuple[str]]:
    """People for whom some clock may run at `as_at`: cost follows them, not history."""
    parts = []
    for kind, ends in KEEPS_IN_VIEW.items():
        table = FACTS[kind]
        until = table.c[ends]
        still = or_(until.is_(None), until >= view.as_at)
        if kind == "pre_proceedings":
            still = or_(still & not_(_stepped_down(table, view)), _applied_and_not_disposed(table, view))
        parts.append(select(table.c.person_id).where(known_at(table, view.known_at), still))
    return select(union_all(*parts).subquery().c.person_id).distinct()


def _stepped_down(table: Table, view: Viewpoint) -> ColumnElement[bool]:
    outcome = func.coalesce(table.c.outcome, "")
    return and_(outcome == "step_down", table.c.step_decided_on.is_not(None), table.c.step_decided_on < view.as_at)


def _applied_and_not_disposed(table: Table, view: Viewpoint) -> ColumnElement[bool]:
    """An application starts the 26 weeks even where nobody has recorded the proceedings."""
    court = FACTS["care_proceedings"]
    disposed = select(court.c.person_id).where(
        court.c.person_id == table.c.person_id,
        known_at(court, view.known_at),
        court.c.issued_on <= view.as_at,
        court.c.disposed_on < view.as_at,
        court.c.disposed_on > table.c.court_application_on,
    )
    return table.c.court_application_on.is_not(None) & not_(disposed.exists())


def supplied_kinds(session: Session, view: Viewpoint) -> frozenset[str]:
    """Kinds of fact that any source had supplied by `known_at`: one SELECT."""
    return frozenset(session.scalars(_supplied(), {"known_at": view.known_at}))


@cache
def _supplied() -> CompoundSelect[tuple[str]]:
    known = bindparam("known_at", type_=UTCDateTime())
    parts = [
        select(literal(kind)).where(select(table.c.version_id).where(table.c.recorded_at <= known).exists())
        for kind, table in FACTS.items()
    ]
    return union_all(*parts)
