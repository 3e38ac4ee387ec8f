"""Who may be seen, and who is who: the one visibility predicate, ids and look-ups."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Select, Table, false, insert, or_, select, true
from sqlmodel import Session

from service.domain.access import ScopeKind, User
from service.domain.viewpoint import Viewpoint
from service.store import facts
from service.store.record import current
from service.store.schema import FACTS, person, person_identifier, team


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person's ids, and whether the record is restricted."""

    person_id: str
    eclipse_id: str | None
    restricted: bool


def seen_by(user: User, today: date) -> ColumnElement[bool]:
    """THE visibility predicate over `person`: no query about people goes without it but intake's.

    Scope is as things stand today, whatever viewpoint is asked for. An empty scope sees nobody.
    """
    if any(kind is ScopeKind.COUNTY for kind, _ in user.scopes):
        return true()
    reach = [_reach(user, kind, code, today) for kind, code in user.scopes]
    return or_(false(), *[person.c.person_id.in_(people) for people in reach if people is not None])


def _reach(user: User, kind: ScopeKind, code: str, today: date) -> Select[tuple[str]] | None:
    answers, works = FACTS["responsibility"], FACTS["allocation"]
    if kind is ScopeKind.OWN:
        if user.worker_ref is None:
            return None
        running = _running(works, today)
        return select(works.c.person_id).where(running, works.c.worker_ref == user.worker_ref)
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


def in_view(session: Session, user: User, view: Viewpoint, today: date) -> list[Somebody]:
    """People in the user's scope for whom some clock may run at the viewpoint."""
    return _somebodies(session, seen_by(user, today) & person.c.person_id.in_(facts.in_view(view)))


def visible(session: Session, user: User, today: date, *, after: str | None, limit: int) -> list[Somebody]:
    """A page of the people in the user's scope, in order of their ids."""
    condition = seen_by(user, today)
    if after is not None:
        condition &= person.c.person_id > after
    return _somebodies(session, condition, limit)


def find(
    session: Session, user: User, today: date, *, person_id: str | None = None, eclipse_id: str | None = None
) -> Somebody | None:
    """One person by either id, if in the user's scope; restricted or not is for the caller to weigh.

    Raises ValueError where neither is given: nobody is named, never the first who happens to be visible.
    """
    if person_id is None and eclipse_id is None:
        raise ValueError("a person is found by an id")
    condition = seen_by(user, today)
    if person_id is not None:
        condition &= person.c.person_id == person_id
    if eclipse_id is not None:
        condition &= person.c.person_id.in_(
            select(person_identifier.c.person_id).where(
                person_identifier.c.eclipse_id == eclipse_id, current(person_identifier)
            )
        )
    return next(iter(_somebodies(session, condition, 1)), None)


def meant(session: Session, *, person_id: str | None = None, eclipse_id: str | None = None) -> str | None:
    """Whose id this is, in scope or not: only for the audit of a refusal."""
    if person_id is not None:
        return session.scalar(select(person.c.person_id).where(person.c.person_id == person_id))
    named = (person_identifier.c.eclipse_id == eclipse_id, current(person_identifier))
    return session.scalar(select(person_identifier.c.person_id).where(*named))


def _somebodies(session: Session, condition: ColumnElement[bool], limit: int | None = None) -> list[Somebody]:
    eclipse_id = (
        select(person_identifier.c.eclipse_id)
        .where(person_identifier.c.person_id == person.c.person_id, current(person_identifier))
        .order_by(person_identifier.c.recorded_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(person.c.person_id, eclipse_id, person.c.restricted).where(condition).order_by(person.c.person_id)
    return [Somebody(*row) for row in session.execute(query.limit(limit))]


def ids_by_eclipse(session: Session, eclipse_ids: Collection[str] | None = None) -> dict[str, str]:
    """Eclipse id -> person id. For intake, the one reader that sees everybody."""
    query = select(person_identifier.c.eclipse_id, person_identifier.c.person_id).where(current(person_identifier))
    if eclipse_ids is not None:
        query = query.where(facts.among(session, person_identifier.c.eclipse_id, eclipse_ids))
    return dict(session.execute(query).all())


def add(session: Session, made: Mapping[str, str], *, at: datetime) -> None:
    """New people: Eclipse id -> the person id they were given."""
    if not made:
        return
    session.execute(insert(person), [{"person_id": p, "restricted": False, "recorded_at": at} for p in made.values()])
    session.execute(
        insert(person_identifier), [{"eclipse_id": e, "person_id": p, "recorded_at": at} for e, p in made.items()]
    )
