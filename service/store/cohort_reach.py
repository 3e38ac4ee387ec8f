"""How far a scope over one cohort reaches: the people its rule is judged over, by the kind of fact that defines it."""

from collections.abc import Callable
from datetime import date

from sqlalchemy import BindParameter, ColumnElement, Select, Table, and_, false, func, not_, or_, select

from service.store.record import current
from service.store.schema import FACTS, approval

Reach = Select[tuple[str]]
Day = date | BindParameter[date]

# Not the rule, which is Python's: whoever holds an open fact of these kinds, so that those approaching, those unknown
# and those whose sources disagree are seen as well. It may reach a few whom the rule no longer counts.
RESTS_ON: dict[str, tuple[str, ...]] = {
    "unsuitable_accommodation": ("care_leaver_status",),
    "accommodation_unknown": ("care_leaver_status",),
    "not_in_touch": ("care_leaver_status",),
    "pre_proceedings_over_12_weeks": ("pre_proceedings",),
    "proceedings_over_26_weeks": ("care_proceedings", "application"),
    "cp_plan_over_9_months": ("child_protection_plan",),
    "repeat_cp_plan": ("child_protection_plan",),
    "no_permanence_plan": ("period_of_care",),
    "unallocated": ("period_of_care", "child_protection_plan", "pre_proceedings", "care_leaver_status"),
}


def of(code: str, today: Day) -> list[Reach]:
    """SELECTs of the person ids that a scope over this cohort reaches; none for a cohort that there is not."""
    return [_OPEN[basis](today) for basis in RESTS_ON.get(code, ())]


def running(table: Table, today: Day) -> ColumnElement[bool]:
    """Spells that stand and cover the day; an end is the last day."""
    started = or_(table.c.started_on.is_(None), table.c.started_on <= today)
    runs = or_(table.c.ended_on.is_(None), table.c.ended_on >= today)
    return current(table) & table.c.proposed.is_(False) & started & runs


def _counts(table: Table) -> ColumnElement[bool]:
    """Versions that stand, with what a second person has approved."""
    approved = select(approval.c.version_id).where(approval.c.version_id == table.c.version_id)
    return current(table) & or_(table.c.proposed.is_(False), approved.exists())


def _spells(kind: str) -> Callable[[Day], Reach]:
    def reach(today: Day) -> Reach:
        table = FACTS[kind]
        begun = or_(table.c.started_on.is_(None), table.c.started_on <= today)
        return select(table.c.person_id).where(
            _counts(table), begun, or_(table.c.ended_on.is_(None), table.c.ended_on >= today)
        )

    return reach


def _pre_proceedings(today: Day) -> Reach:
    """Begun, without an application made or a step-down dated by the day."""
    stage = FACTS["pre_proceedings"]
    began = func.coalesce(stage.c.started_on, stage.c.letter_sent_on)
    applied = and_(stage.c.court_application_on.is_not(None), stage.c.court_application_on <= today)
    stepped = and_(stage.c.step_decided_on.is_not(None), stage.c.step_decided_on <= today)
    stepped_down = func.coalesce(stage.c.outcome == "step_down", false()) & stepped
    return select(stage.c.person_id).where(
        _counts(stage), or_(began.is_(None), began <= today), not_(applied), not_(stepped_down)
    )


def _care_proceedings(today: Day) -> Reach:
    court = FACTS["care_proceedings"]
    ended = or_(court.c.disposed_on.is_(None), court.c.disposed_on > today)
    return select(court.c.person_id).where(_counts(court), court.c.issued_on <= today, ended)


def _application(today: Day) -> Reach:
    """An application starts the clock even where nobody has recorded proceedings; it ends with a disposal after it."""
    stage, court = FACTS["pre_proceedings"], FACTS["care_proceedings"]
    disposed = select(court.c.person_id).where(
        court.c.person_id == stage.c.person_id, _counts(court), court.c.disposed_on <= today,
        court.c.disposed_on > stage.c.court_application_on,
    )  # fmt: skip
    return select(stage.c.person_id).where(
        _counts(stage), stage.c.court_application_on <= today, not_(disposed.exists())
    )


_OPEN: dict[str, Callable[[Day], Reach]] = {
    "care_leaver_status": _spells("care_leaver_status"),
    "child_protection_plan": _spells("child_protection_plan"),
    "period_of_care": _spells("period_of_care"),
    "pre_proceedings": _pre_proceedings,
    "care_proceedings": _care_proceedings,
    "application": _application,
}
