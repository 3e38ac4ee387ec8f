"""The SELECTs that say who feeds what: counts by source and dataset, by team and channel; nobody is named."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Subquery, case, func, literal, or_, select, union_all
from sqlmodel import Session

from service.domain.facts import Source
from service.store.record import current
from service.store.schema import FACTS, batch, watermark

FEED, WORKERS, UPLOAD = "feed", "workers", "upload"


@dataclass(frozen=True, slots=True)
class Read:
    """The newest extract of a dataset, and how many rows its push declared."""

    extracted_at: datetime
    rows: int | None


def newest(session: Session) -> dict[tuple[str, str, str], Read]:
    """(source, profile, dataset) -> its newest extract."""
    keys = (watermark.c.source, watermark.c.profile, watermark.c.dataset)
    place = func.row_number().over(
        partition_by=keys, order_by=(watermark.c.extracted_at.desc(), watermark.c.recorded_at.desc())
    )
    ranked = select(*keys, watermark.c.extracted_at, watermark.c.batch_id, place.label("place")).subquery()
    rows = session.execute(
        select(ranked.c.source, ranked.c.profile, ranked.c.dataset, ranked.c.extracted_at, batch.c.manifest)
        .outerjoin(batch, batch.c.batch_id == ranked.c.batch_id)
        .where(ranked.c.place == 1)
    )
    return {
        (source.value, profile, dataset): Read(at, _declared(manifest, dataset))
        for source, profile, dataset, at, manifest in rows
    }


def _declared(manifest: str | None, dataset: str) -> int | None:
    if manifest is None:
        return None
    return next((each["rows"] for each in json.loads(manifest)["datasets"] if each["name"] == dataset), None)


def standing(session: Session) -> dict[tuple[str, str], int]:
    """(source, dataset) -> facts that stand by it."""
    parts = [
        select(table.c.source, _dataset(session, table.c.source_ref).label("dataset")).where(
            current(table), table.c.proposed.is_(False), table.c.source != Source.API
        )
        for table in FACTS.values()
    ]
    found = union_all(*parts).subquery()
    keys = (found.c.source, found.c.dataset)
    rows = session.execute(select(*keys, func.count()).group_by(*keys))
    return {(source.value, dataset): facts for source, dataset, facts in rows}


def _dataset(session: Session, ref: ColumnElement[str]) -> ColumnElement[str]:
    """What stands before the first slash of a source's key."""
    where = func.instr if session.get_bind().dialect.name == "sqlite" else func.strpos
    return func.substr(ref, 1, where(ref, "/") - 1)


def _answered_for(today: date) -> Subquery:
    answers = FACTS["responsibility"]
    return (
        select(answers.c.person_id, func.max(answers.c.team_code).label("team_code"))
        .where(
            current(answers), answers.c.proposed.is_(False), answers.c.team_code.is_not(None),
            or_(answers.c.started_on.is_(None), answers.c.started_on <= today),
            or_(answers.c.ended_on.is_(None), answers.c.ended_on >= today),
        )
        .group_by(answers.c.person_id)
        .subquery()
    )  # fmt: skip


def answered_for(session: Session, today: date) -> dict[str, int]:
    """Team -> people it answers for today."""
    answers = _answered_for(today)
    query = select(answers.c.team_code, func.count()).group_by(answers.c.team_code)
    return dict(session.execute(query).all())


def fed(
    session: Session, groups: Mapping[str, Sequence[str]], today: date, *, entered_since: datetime
) -> dict[tuple[str, str, str], int]:
    """(team, group of kinds, channel) -> people of the team of whom something came by that channel.

    From feeds and uploads all that stands; by workers only what was entered since `entered_since`.
    """
    parts = []
    for group, kinds in groups.items():
        for kind in kinds:
            table = FACTS[kind]
            channel = case(
                (table.c.source == Source.API, literal(WORKERS)), (table.c.source == Source.UPLOAD, literal(UPLOAD)),
                else_=literal(FEED),
            )  # fmt: skip
            parts.append(
                select(table.c.person_id, literal(group).label("kinds"), channel.label("channel")).where(
                    current(table), or_(table.c.source != Source.API, table.c.recorded_at >= entered_since)
                )
            )
    found, answers = union_all(*parts).subquery(), _answered_for(today)
    keys = (answers.c.team_code, found.c.kinds, found.c.channel)
    rows = session.execute(
        select(*keys, func.count(found.c.person_id.distinct()))
        .join(found, found.c.person_id == answers.c.person_id)
        .group_by(*keys)
    )
    return {(team, group, channel): people for team, group, channel, people in rows}
