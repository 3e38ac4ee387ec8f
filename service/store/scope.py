"""How far a reader sees: the one visibility predicate, from every source of scope."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, false, not_, or_, select, true, union_all
from sqlmodel import Session

from service.domain.access import LINE, LOGS_FOR_TEAM, Permission, Role, ScopeKind, User
from service.store import cohort_reach, merges
from service.store.cohort_reach import Day, Reach, running
from service.store.record import current
from service.store.schema import FACTS, person, team, worker
from service.store.schema_access import emergency_access, referral

# What the audit calls a source; the nearest first, since that is the ground on which somebody acts.
GROUNDS: dict[ScopeKind, str] = {
    ScopeKind.OWN: "allocation",
    ScopeKind.TEAM: "team",
    ScopeKind.DUTY: "duty",
    ScopeKind.AREA: "area",
    ScopeKind.LOCALITY: "locality",
    ScopeKind.SERVICE: "service",
    ScopeKind.COHORT: "cohort",
}
# How a predicate says something of the one who asks: by name and value.
Say = Callable[[str, Any], Any]
REFERRAL, COUNTY, EMERGENCY = "referral", "county", "emergency"
_ORDER = [*GROUNDS.values(), REFERRAL, EMERGENCY]
_UNIT = {
    ScopeKind.TEAM: team.c.code,
    ScopeKind.DUTY: team.c.service_code,
    ScopeKind.AREA: team.c.area_code,
    ScopeKind.LOCALITY: team.c.locality_code,
    ScopeKind.SERVICE: team.c.service_code,
}
_LED = frozenset({ScopeKind.TEAM, ScopeKind.AREA, ScopeKind.LOCALITY, ScopeKind.SERVICE})


def as_it_is(_name: str, value: Any) -> Any:
    """Values of the one who asks, in the predicate itself."""
    return value


def when_asked(name: str, _value: Any) -> Any:
    """A place for a value of the one who asks, to be filled by `said_by` whenever the statement is executed."""
    return bindparam(name)


def said_by(user: User, today: date) -> dict[str, Any]:
    """What fills the places of `when_asked`."""
    codes = {f"code_{n}": code for n, (_, code) in enumerate(sorted(user.scopes))}
    return codes | {"today": today, "user_id": user.user_id, "worker_ref": user.worker_ref, "at": user.at}


def nobody_like(user: User) -> User:
    """What of a user decides how predicates are built, and nothing that says who they are."""
    kept = {ScopeKind.COHORT, ScopeKind.OWN, ScopeKind.COUNTY}
    scopes = [(kind, code if kind in kept else f"{n:06}") for n, (kind, code) in enumerate(sorted(user.scopes))]
    ref = None if user.worker_ref is None else ""
    at = None if user.at is None else datetime.min.replace(tzinfo=UTC)
    return User("", "", user.roles, frozenset(scopes), ref, 0, at)


def seen_by(user: User, today: date, *, sealed: bool = False) -> ColumnElement[bool]:
    """THE visibility predicate over `person`: no query about people goes without it but intake's.

    Scope is as things stand today, whatever viewpoint is asked for. An empty scope sees nobody. Who sees one of two
    records that are one person sees both. Sealed records are out of it, but for counts of days before (`sealed`).
    """
    open_ = true() if sealed else person.c.sealed_at.is_(None)
    if sees_county(user):
        return open_
    return open_ & _among([source.reach for source in sources(user, today)])


def logged_by(user: User, today: date) -> ColumnElement[bool]:
    """People for whom the user may log a contact without seeing them: a colleague's in the team, those of the service.

    Only for the act of logging (operations/contacts.py), never for a read.
    """
    return person.c.sealed_at.is_(None) & _among([reach for _, reach in _loggable(user, today)])


def outside_caseload(user: User, today: date) -> ColumnElement[bool]:
    """People whom the user reaches by none of what is their daily work: to open one of these takes a reason.

    Daily work is one's own allocations, people one was shown by name, cohorts one works on, and for the line the
    unit or county one answers for.
    """
    if leads_county(user):
        return false()
    return not_(_among([source.reach for source in sources(user, today) if source.daily]))


def ground_of(session: Session, user: User, today: date, person_id: str) -> str | None:
    """By which source, the nearest of several, a user has this person: for the audit of what they do. One SELECT."""
    named = [(source.ground, _among([source.reach])) for source in sources(user, today)]
    named += [(COUNTY, true())] if sees_county(user) else []
    named += [(ground, _among([reach])) for ground, reach in _loggable(user, today)]
    if not named:
        return None
    first = case(*[(holds, ground) for ground, holds in named], else_=None)
    return session.scalar(select(first).where(person.c.person_id == person_id))


def reached_lastingly(session: Session, user: User, today: date, person_id: str) -> bool:
    """Whether a user has this person by more than a referral or an emergency, which pass no sight on. One SELECT."""
    if sees_county(user):
        return True
    lasting = _among([each.reach for each in sources(user, today) if each.ground not in (REFERRAL, EMERGENCY)])
    return session.scalar(select(person.c.person_id).where(person.c.person_id == person_id, lasting)) is not None


def sees_county(user: User) -> bool:
    """Whether the user's scope is everybody."""
    return any(kind is ScopeKind.COUNTY for kind, _ in user.scopes)


def leads_county(user: User) -> bool:
    """Whether the user answers for everybody."""
    return not LINE.isdisjoint(user.roles) and sees_county(user)


def reaches(reach: Reach) -> ColumnElement[bool]:
    """Whether a source reaches the `person` of the SELECT around it: asked of one person it is found by their id."""
    (whom,) = reach.selected_columns
    return reach.where(whom == person.c.person_id).exists()


def _among(reaches: Iterable[Reach]) -> ColumnElement[bool]:
    """Whom these reach, by whichever of their ids. One IN (... UNION ALL ...), which PostgreSQL plans well."""
    listed = list(reaches)
    if not listed:
        return false()
    return person.c.person_id.in_(union_all(*listed, *[merges.one_with(people) for people in listed]))


@dataclass(frozen=True, slots=True)
class SourceOfScope:
    """Whom one source reaches, what the audit calls it, and whether it is `daily` work: then no reason is asked for."""

    ground: str
    reach: Reach
    daily: bool


def sources(user: User, today: date, say: Say = as_it_is) -> list[SourceOfScope]:
    """Every source of the user's scope but the county, the nearest first."""
    leads, day = not LINE.isdisjoint(user.roles), say("today", today)
    found: list[tuple[str, Reach | None, bool]] = [(GROUNDS[ScopeKind.OWN], _own(user, day, say), True)]
    for n, (kind, code) in enumerate(sorted(user.scopes)):
        if kind in _UNIT:
            found.append((GROUNDS[kind], _unit(kind, say(f"code_{n}", code), day), leads and kind in _LED))
    found += [(GROUNDS[ScopeKind.COHORT], reach, True) for reach in _cohorts(user, day)]
    found += [(REFERRAL, _referred(user, day, say), True), (EMERGENCY, _opened_in_emergency(user, say), False)]
    held = [SourceOfScope(ground, reach, daily) for ground, reach, daily in found if reach is not None]
    return sorted(held, key=lambda each: _ORDER.index(each.ground))


def _own(user: User, day: Day, say: Say) -> Reach | None:
    if user.worker_ref is None or (ScopeKind.OWN, "") not in user.scopes:
        return None
    works, ref = FACTS["allocation"], say("worker_ref", user.worker_ref)
    return select(works.c.person_id).where(running(works, day), works.c.worker_ref == ref, not_(has_left(ref, day)))


def has_left(worker_ref: Any, day: Day) -> ColumnElement[bool]:
    """Whether a worker has left before the day."""
    left = select(worker.c.ref).where(current(worker), worker.c.ref == worker_ref, worker.c.ended_on < day)
    return left.exists()


def _unit(kind: ScopeKind, code: Any, day: Day) -> Reach:
    return _answered_for(select(team.c.code).where(_UNIT[kind] == code, current(team)), day)


def _answered_for(teams: Select[tuple[str]], day: Day) -> Reach:
    """People for whom one of these teams answers."""
    answers = FACTS["responsibility"]
    return select(answers.c.person_id).where(running(answers, day), answers.c.team_code.in_(teams))


def _cohorts(user: User, day: Day) -> list[Reach]:
    codes = sorted(code for kind, code in user.scopes if kind is ScopeKind.COHORT)
    return [reach for code in codes for reach in cohort_reach.of(code, day)]


def _referred(user: User, day: Day, say: Say) -> Reach:
    """People shown to this account by name, until a day."""
    mine = (referral.c.user_id == say("user_id", user.user_id)) & current(referral) & (referral.c.ends_on >= day)
    return select(referral.c.person_id).where(mine)


def _opened_in_emergency(user: User, say: Say) -> Reach | None:
    """People this account opened out of hours, for as long as that lasts and the account has the function."""
    if user.at is None or not user.may(Permission.EMERGENCY_SIGHT):
        return None
    mine = emergency_access.c.user_id == say("user_id", user.user_id)
    return select(emergency_access.c.person_id).where(mine, emergency_access.c.until > say("at", user.at))


def _loggable(user: User, today: date) -> list[tuple[str, Reach]]:
    """For whom a worker logs beyond whom they see: their own team's people; on duty, those of the service."""
    found: list[tuple[str, Reach]] = []
    for kind, wanted in _LOGS.items():
        reach = wanted(user, today)
        if reach is not None:
            found.append((GROUNDS[kind], reach))
    return found


def _team_of(user: User, today: date) -> Reach | None:
    if user.worker_ref is None or (ScopeKind.OWN, "") not in user.scopes or LOGS_FOR_TEAM.isdisjoint(user.roles):
        return None
    still = or_(worker.c.ended_on.is_(None), worker.c.ended_on >= today)
    mine = select(worker.c.team_code).where(current(worker), worker.c.ref == user.worker_ref, still)
    return _answered_for(select(team.c.code).where(team.c.code.in_(mine), current(team)), today)


def _service_of(user: User, today: date) -> Reach | None:
    if Role.DUTY_WORKER not in user.roles:
        return None
    teams = sorted(code for kind, code in user.scopes if kind is ScopeKind.TEAM)
    theirs = team.alias("theirs")
    services = select(theirs.c.service_code).where(theirs.c.code.in_(teams), theirs.c.superseded_at.is_(None))
    return _answered_for(select(team.c.code).where(team.c.service_code.in_(services), current(team)), today)


_LOGS: dict[ScopeKind, Callable[[User, date], Reach | None]] = {
    ScopeKind.TEAM: _team_of,
    ScopeKind.DUTY: _service_of,
}
