"""To whom a restricted record opens: its allow-list, its workers, the line over them, and two posts."""

from datetime import date

from sqlalchemy import ColumnElement, Select, false, or_, select, true, union_all

from service.domain.access import LINE, OPENS_RESTRICTED, ScopeKind, User
from service.domain.facts import AllocationRole
from service.store import merges
from service.store.cohort_reach import Day, running
from service.store.record import current
from service.store.schema import FACTS, person, team
from service.store.schema_access import allowed, restriction
from service.store.scope import Say, as_it_is, has_left, reaches

# Whose daily work a person is. Anybody else who helps is put on the allow-list by name.
WORKS = (AllocationRole.SOCIAL_WORKER, AllocationRole.PERSONAL_ADVISER, AllocationRole.IRO, AllocationRole.CP_CHAIR)
_UNITS = {
    ScopeKind.TEAM: team.c.code,
    ScopeKind.AREA: team.c.area_code,
    ScopeKind.LOCALITY: team.c.locality_code,
    ScopeKind.SERVICE: team.c.service_code,
}


def by_post(user: User) -> bool:
    """Whether the user's post opens every restricted record of their scope, if they say why."""
    return not OPENS_RESTRICTED.isdisjoint(user.roles)


def opens_to(user: User, today: date) -> ColumnElement[bool]:
    """Of `person`: whose restricted record this user may open, given that the person is in their scope."""
    return true() if by_post(user) else opens_unasked(user, today)


def opens_unasked(user: User, today: date) -> ColumnElement[bool]:
    """Of `person`: whose restricted record opens to this user without a reason, as things stand today.

    Who opens one of two records that are one person opens both: a restriction of one is on both.
    """
    people = _opened(user, today)
    return person.c.person_id.in_(union_all(*people, *[merges.one_with(each) for each in people]))


def opens_this(user: User, today: date, say: Say) -> ColumnElement[bool]:
    """As `opens_unasked`, of the one `person` of the SELECT around it, by that record alone."""
    return or_(*[reaches(each) for each in _opened(user, today, say)])


def _opened(user: User, today: date, say: Say = as_it_is) -> list[Select[tuple[str]]]:
    day = say("today", today)
    return [_allowed(user, say), *_worked_with(user, day, say), *_answered_for(user, day, say)]


def _allowed(user: User, say: Say) -> Select[tuple[str]]:
    named = (allowed.c.restriction_id == restriction.c.restriction_id) & current(allowed)
    listed = select(restriction.c.person_id).join(allowed, named)
    return listed.where(current(restriction), allowed.c.user_id == say("user_id", user.user_id))


def _worked_with(user: User, day: Day, say: Say) -> list[Select[tuple[str]]]:
    if user.worker_ref is None:
        return []
    works, ref = FACTS["allocation"], say("worker_ref", user.worker_ref)
    mine = (works.c.worker_ref == ref) & works.c.role.in_(WORKS) & ~has_left(ref, day)
    return [select(works.c.person_id).where(running(works, day), mine)]


def _answered_for(user: User, day: Day, say: Say) -> list[Select[tuple[str]]]:
    """People of the units whose line the user is. A scope of another kind makes nobody a manager."""
    scopes = enumerate(sorted(user.scopes))
    units = [_UNITS[kind] == say(f"code_{n}", code) for n, (kind, code) in scopes if kind in _UNITS]
    if not units or user.roles.isdisjoint(LINE - OPENS_RESTRICTED):
        return []
    answers = FACTS["responsibility"]
    teams = select(team.c.code).where(current(team), or_(false(), *units))
    return [select(answers.c.person_id).where(running(answers, day), answers.c.team_code.in_(teams))]
