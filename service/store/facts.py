"""The SELECTs that bring facts back: current or as known then, as true by then, never one per person."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from typing import Any, cast
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, Table, and_, case, func, literal, not_, or_, select, union_all
from sqlalchemy.dialects import postgresql
from sqlmodel import Session

from service.domain.facts import (
    KINDS,
    Contact,
    ContactKind,
    ContactOutcome,
    Fact,
    Known,
    PreProceedingsOutcome,
    field_types,
)
from service.domain.viewpoint import Viewpoint
from service.store.record import known_at
from service.store.schema import FACTS, approval, person

LONDON = ZoneInfo("Europe/London")

# Days that lie ahead on purpose; every other date is an event, and has not happened yet when after `as_at`.
PLANNED = frozenset({
    "due_on", "expected_on", "planned_end_on", "next_hearing_on", "extended_to", "next_review_due_on", "release_on",
})  # fmt: skip
# What is only known once the day beside it has come.
HANGS_ON = {
    ("accommodation", "suitable"): "judged_on",
    ("accommodation", "judged_by"): "judged_on",
    ("pre_proceedings", "outcome"): "step_decided_on",
    ("pre_proceedings", "outcome_code"): "step_decided_on",
    ("care_proceedings", "disposal"): "disposed_on",
    ("period_of_care", "end_reason"): "ended_on",
    ("child_protection_plan", "plo_decision"): "plo_considered_on",
    ("permanence_plan", "secured_by"): "secured_on",
}
# A fact of these kinds begins on this day; before it, it is not there yet.
BEGINS = {
    "responsibility": "started_on", "allocation": "started_on", "care_leaver_status": "started_on",
    "accommodation": "started_on", "child_protection_plan": "started_on", "period_of_care": "started_on",
    "placement": "started_on", "legal_status": "started_on", "pre_proceedings": "started_on",
    "care_proceedings": "issued_on", "missing_episode": "started_on", "permanence_plan": "agreed_on",
}  # fmt: skip
# An open fact of one of these kinds makes a person somebody a clock may run for, until this day.
KEEPS_IN_VIEW = {
    "care_leaver_status": "ended_on", "child_protection_plan": "ended_on", "period_of_care": "ended_on",
    "pre_proceedings": "court_application_on", "care_proceedings": "disposed_on", "missing_episode": "ended_on",
}  # fmt: skip
ENVELOPE = ("fact_id", "version_id", "person_id", "source", "recorded_at", "source_ref", "recorded_by", "confidence",
            "proposed")  # fmt: skip


def among(session: Session, column: ColumnElement[str], ids: Collection[str]) -> ColumnElement[bool]:
    """`column` is one of `ids`: one bound value, whatever their number."""
    if session.get_bind().dialect.name == "sqlite":
        values = func.json_each(json.dumps(list(ids))).table_valued("value")
        return column.in_(select(values.c.value))
    return column == func.any(literal(list(ids), postgresql.ARRAY(postgresql.TEXT)))


def end_of_day(view: Viewpoint) -> datetime:
    """The first moment after `as_at`, in London."""
    return datetime.combine(view.as_at + timedelta(days=1), time.min, LONDON)


def _as_true_by(table: Table, kind: str, name: str, view: Viewpoint | None) -> ColumnElement[Any]:
    column = table.c[name]
    if view is None:
        return column
    hangs_on = HANGS_ON.get((kind, name))
    if hangs_on:
        return case((table.c[hangs_on] > view.as_at, None), else_=column).label(name)
    if name.endswith("_on") and name not in PLANNED:
        return case((column > view.as_at, None), else_=column).label(name)
    return column


def _select(kind: str, view: Viewpoint | None, *, superseded: bool = False) -> Select[Any]:
    table = FACTS[kind]
    moment = view.known_at if view else None
    approved = approval.c.version_id == table.c.version_id
    if moment is not None:
        approved &= approval.c.recorded_at <= moment
    query = select(
        *[table.c[name] for name in ENVELOPE],
        approval.c.recorded_at.label("approved_at"),
        table.c.flags,
        *[_as_true_by(table, kind, name, view) for name in field_types(KINDS[kind])],
    ).outerjoin(approval, approved)
    if not superseded:
        query = query.where(known_at(table, moment))
    begins = BEGINS.get(kind)
    if view is not None and begins:
        query = query.where(or_(table.c[begins].is_(None), table.c[begins] <= view.as_at))
    return query


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
    for kind in kinds:
        query = _select(kind, view).where(among(session, FACTS[kind].c.person_id, people))
        found += map(_builder(kind), session.execute(query))
    return found


def of_fact(session: Session, kind: str, fact_id: str, *, lock: bool = False) -> list[Fact]:
    """The current versions of one fact; with `lock`, nobody else may close them meanwhile."""
    query = _select(kind, None).where(FACTS[kind].c.fact_id == fact_id)
    if lock and session.get_bind().dialect.name != "sqlite":
        session.execute(select(FACTS[kind].c.version_id).where(FACTS[kind].c.fact_id == fact_id).with_for_update())
    return list(map(_builder(kind), session.execute(query)))


def places_ended_with(session: Session, fact_id: str) -> list[Fact]:
    """Current versions of other places that the entry of this one ended, as entered or as corrected."""
    table = FACTS["accommodation"]
    acts = select(table.c.audit_id).where(table.c.fact_id == fact_id, table.c.ended_on.is_(None))
    query = _select("accommodation", None).where(
        table.c.audit_id.in_(acts), table.c.fact_id != fact_id, table.c.ended_on.is_not(None)
    )
    return list(map(_builder("accommodation"), session.execute(query)))


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


def waiting_with(session: Session, kind: str, version_ids: Sequence[str]) -> list[str]:
    """Ids of the versions that wait for approval and were entered in the same acts as these."""
    table = FACTS[kind]
    acts = select(table.c.audit_id).where(table.c.version_id.in_(version_ids))
    entered = map(_builder(kind), session.execute(_select(kind, None).where(table.c.audit_id.in_(acts))))
    return [v.known.version_id for v in entered if v.known and v.known.effective_at is None]


def of_kind(session: Session, kind: str) -> list[Fact]:
    """Every current version of one kind, from all sources. For intake, the one reader that sees everybody."""
    return list(map(_builder(kind), session.execute(_select(kind, None))))


def contacts_since(session: Session, people: Collection[str], since: datetime) -> list[Fact]:
    """Current contacts of these people from a moment on. For intake."""
    table = FACTS["contact"]
    query = _select("contact", None).where(among(session, table.c.person_id, people), table.c.occurred_at >= since)
    return list(map(_builder("contact"), session.execute(query)))


def history(session: Session, kind: str, person_id: str, view: Viewpoint) -> list[tuple[Fact, datetime | None]]:
    """All versions of one person's facts recorded by `known_at`, with when each was superseded."""
    table = FACTS[kind]
    query = _select(kind, None, superseded=True).add_columns(table.c.superseded_at)
    query = query.where(table.c.person_id == person_id, table.c.recorded_at <= view.known_at)
    rows = session.execute(query.order_by(table.c.recorded_at, table.c.version_id))
    build = _builder(kind)
    return [(build(row[:-1]), row[-1]) for row in rows]


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
            )
            .order_by(wanted.c.occurred_at.desc(), wanted.c.version_id.desc())
            .limit(1)
            .scalar_subquery()
        ).where(among(session, person.c.person_id, people))
        for wanted_only in (
            wanted.c.outcome == ContactOutcome.MADE,
            wanted.c.outcome == ContactOutcome.ATTEMPTED,
            (wanted.c.outcome == ContactOutcome.ATTEMPTED) & (wanted.c.contact_kind == ContactKind.THIRD_PARTY),
        )
    ]
    query = _select("contact", view).where(table.c.version_id.in_(union_all(*picks)))
    return list(map(_builder("contact"), session.execute(query)))


def contacts_of(
    session: Session, person_id: str, view: Viewpoint, *, limit: int, before: datetime | None
) -> list[Contact]:
    """One person's contacts, newest first."""
    table = FACTS["contact"]
    query = _select("contact", view).where(table.c.person_id == person_id, table.c.occurred_at < end_of_day(view))
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
            stepped_down = and_(
                table.c.outcome == PreProceedingsOutcome.STEP_DOWN, table.c.step_decided_on < view.as_at
            )
            still &= or_(table.c.outcome.is_(None), not_(stepped_down))
        parts.append(select(table.c.person_id).where(known_at(table, view.known_at), still))
    return select(union_all(*parts).subquery().c.person_id).distinct()


def supplied_kinds(session: Session, view: Viewpoint) -> frozenset[str]:
    """Kinds of fact that any source had supplied by `known_at`: one SELECT."""
    parts = [
        select(literal(kind)).where(select(table.c.version_id).where(table.c.recorded_at <= view.known_at).exists())
        for kind, table in FACTS.items()
    ]
    return frozenset(session.scalars(union_all(*parts)))
