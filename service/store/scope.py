"""How far a reader sees: the one visibility predicate, from every source of scope."""

from datetime import date

from sqlalchemy import ColumnElement, Select, Table, false, not_, or_, select, true, union_all

from service.domain.access import ScopeKind, User
from service.store import merges
from service.store.record import current
from service.store.schema import FACTS, person, team, worker


def seen_by(user: User, today: date, *, sealed: bool = False) -> ColumnElement[bool]:
    """THE visibility predicate over `person`: no query about people goes without it but intake's.

    Scope is as things stand today, whatever viewpoint is asked for. An empty scope sees nobody. Who sees one of two
    records that are one person sees both. Sealed records are out of it, but for counts of days before (`sealed`).
    """
    open_ = true() if sealed else person.c.sealed_at.is_(None)
    if any(kind is ScopeKind.COUNTY for kind, _ in user.scopes):
        return open_
    reach = [people for kind, code in user.scopes if (people := _reach(user, kind, code, today)) is not None]
    if not reach:
        return false()
    return open_ & person.c.person_id.in_(union_all(*reach, *[merges.one_with(people) for people in reach]))


def _reach(user: User, kind: ScopeKind, code: str, today: date) -> Select[tuple[str]] | None:
    answers, works = FACTS["responsibility"], FACTS["allocation"]
    if kind is ScopeKind.OWN:
        if user.worker_ref is None:
            return None
        running = _running(works, today)
        left = select(worker.c.ref).where(current(worker), worker.c.ref == user.worker_ref, worker.c.ended_on < today)
        return select(works.c.person_id).where(running, works.c.worker_ref == user.worker_ref, not_(left.exists()))
    column = {
        ScopeKind.TEAM: team.c.code,
        ScopeKind.AREA: team.c.area_code,
        ScopeKind.LOCALITY: team.c.locality_code,
        ScopeKind.SERVICE: team.c.service_code,
    }[kind]
    teams = select(team.c.code).where(column == code, team.c.superseded_at.is_(None))
    return select(answers.c.person_id).where(_running(answers, today), answers.c.team_code.in_(teams))


def _running(table: Table, today: date) -> ColumnElement[bool]:
    started = or_(table.c.started_on.is_(None), table.c.started_on <= today)
    running = or_(table.c.ended_on.is_(None), table.c.ended_on >= today)
    return current(table) & table.c.proposed.is_(False) & started & running
