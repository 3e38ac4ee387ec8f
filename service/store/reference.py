"""Teams, workers and the localities, areas and services they belong to, as known at a moment."""

from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlmodel import Session

from service.domain.intake import Team, Worker
from service.store.record import known_at
from service.store.schema import org_unit, team, worker

UNITS = ("area", "locality", "service")
_TEAM = tuple(f.name for f in fields(Team))
_WORKER = tuple(f.name for f in fields(Worker) if f.name != "back")


def teams(session: Session, moment: datetime | None = None) -> dict[str, Team]:
    """Code -> team, with the titles its area, locality and service had then (from any of their teams), else codes."""
    columns = [team.c[name] for name in _TEAM]
    found = [
        Team(*row) for row in session.execute(select(*columns).where(known_at(team, moment)).order_by(team.c.code))
    ]
    titles = {
        (unit, getattr(each, f"{unit}_code")): title
        for each in found
        for unit in UNITS
        if (title := getattr(each, f"{unit}_title")) is not None
    }
    return {each.code: replace(each, **_titled(each, titles)) for each in found}


def _titled(each: Team, titles: dict[tuple[str, str | None], str]) -> dict[str, Any]:
    codes = {unit: getattr(each, f"{unit}_code") for unit in UNITS}
    return {f"{unit}_title": titles.get((unit, code), code) for unit, code in codes.items()}


def workers(session: Session, moment: datetime | None = None) -> dict[str, Worker]:
    """Eclipse id -> worker."""
    columns = [worker.c[name] for name in _WORKER]
    return {
        row.ref: Worker(**row._mapping) for row in session.execute(select(*columns).where(known_at(worker, moment)))
    }


def remember_teams(session: Session, changed: Iterable[Team], *, at: datetime) -> None:
    """Add versions of teams, and any locality, area or service they are the first to name."""
    rows, units = [], {}
    for each in changed:
        rows.append(asdict(each))
        for unit in UNITS:
            code = getattr(each, f"{unit}_code")
            if code:
                units[(unit, code)] = getattr(each, f"{unit}_title") or code
    _remember(session, team, "code", rows, at=at)
    held = {(unit, code): title for unit, code, title in session.execute(select(org_unit))}
    fresh = [{"unit": u, "code": c, "title": t} for (u, c), t in units.items() if (u, c) not in held]
    if fresh:
        session.execute(insert(org_unit), fresh)
    for (unit, code), title in units.items():
        if (unit, code) in held and held[unit, code] != title:
            session.execute(
                update(org_unit).where(org_unit.c.unit == unit, org_unit.c.code == code).values(title=title)
            )


def remember_workers(session: Session, changed: Iterable[Worker], *, at: datetime) -> None:
    """Add versions of workers."""
    rows = [{name: getattr(each, name) for name in _WORKER} for each in changed]
    _remember(session, worker, "ref", rows, at=at)


def _remember(session: Session, table: Table, key: str, rows: list[dict[str, Any]], *, at: datetime) -> None:
    for start in range(0, len(rows), 500):
        part = rows[start : start + 500]
        codes = [row[key] for row in part]
        session.execute(
            update(table).where(table.c[key].in_(codes), table.c.superseded_at.is_(None)).values(superseded_at=at)
        )
        session.execute(insert(table), [row | {"recorded_at": at} for row in part])
