"""All standing facts of one person, and small readers of them: how old, in care, on a plan, missing."""

from dataclasses import dataclass
from datetime import date

from service.domain import dates
from service.domain.facts import (
    Accommodation,
    Allocation,
    AllocationRole,
    CareLeaverStatus,
    CareProceedings,
    ChildProtectionPlan,
    ClaReview,
    Contact,
    CpReview,
    Fact,
    LegalStatus,
    MissingEpisode,
    MissingKind,
    PeriodOfCare,
    PermanencePlan,
    Person,
    Placement,
    PlanCount,
    PreProceedings,
    Responsibility,
)

SHORT_BREAKS = frozenset({"V3", "V4"})  # legal status codes of the SSDA903


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What stands of one person: after approvals, withdrawals and disagreements. Tuples are sorted by start."""

    person_id: str
    eclipse_id: str | None = None
    restricted: bool = False
    person: Person = Person()
    responsibilities: tuple[Responsibility, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    care_leaver_statuses: tuple[CareLeaverStatus, ...] = ()
    accommodations: tuple[Accommodation, ...] = ()
    contacts: tuple[Contact, ...] = ()  # the latest of each sort up to as_at, not the history
    child_protection_plans: tuple[ChildProtectionPlan, ...] = ()
    cp_reviews: tuple[CpReview, ...] = ()
    plan_counts: tuple[PlanCount, ...] = ()
    periods_of_care: tuple[PeriodOfCare, ...] = ()
    placements: tuple[Placement, ...] = ()
    legal_statuses: tuple[LegalStatus, ...] = ()
    cla_reviews: tuple[ClaReview, ...] = ()
    pre_proceedings: tuple[PreProceedings, ...] = ()
    care_proceedings: tuple[CareProceedings, ...] = ()
    permanence_plans: tuple[PermanencePlan, ...] = ()
    missing_episodes: tuple[MissingEpisode, ...] = ()
    proposed: tuple[Fact, ...] = ()  # better news that waits for a second person, never counted

    def age_on(self, day: date) -> int | None:
        """Age in whole years; None when the date of birth is not known (or the child not yet born)."""
        born_on = self.person.born_on
        return None if born_on is None or born_on > day else dates.age_on(born_on, day)

    def gone_on(self, day: date) -> bool:
        """Whether the person has died, passed to another council or been adopted by that day."""
        left = (self.person.died_on, self.person.transferred_out_on, self.person.adopted_on)
        return any(reached(when, day) for when in left)

    def period_on(self, day: date) -> PeriodOfCare | None:
        """The open period of care, while under 18: being looked after ends by law on the 18th birthday."""
        if not self.periods_of_care:
            return None
        age = self.age_on(day)
        if age is not None and age >= 18:
            return None
        return next((p for p in self.periods_of_care if in_spell(p.started_on, p.ended_on, day)), None)

    def has_open_period(self, day: date) -> bool:
        """Whether the person is in a period of care that day, short breaks included."""
        return self.period_on(day) is not None

    def on_short_breaks(self, day: date) -> bool:
        """Whether every legal status that covers the day is a series of short breaks (V3, V4)."""
        codes = [s.code for s in self.legal_statuses if to_last_day(s.started_on, s.ended_on, day)]
        return bool(codes) and all(code in SHORT_BREAKS for code in codes)

    def looked_after_on(self, day: date) -> bool:
        """In a period of care that is not a series of short breaks."""
        return self.has_open_period(day) and not self.on_short_breaks(day)

    def plans_on(self, day: date) -> tuple[ChildProtectionPlan, ...]:
        """This council's child protection plans open that day, earliest first."""
        return tuple(
            p
            for p in self.child_protection_plans
            if p.other_council is not True and to_last_day(p.started_on, p.ended_on, day)
        )

    def active_workers(self, role: AllocationRole | None, day: date) -> tuple[Allocation, ...]:
        """Allocations in a role that cover the day (None: those whose role could not be mapped)."""
        return tuple(a for a in self.allocations if a.role is role and to_last_day(a.started_on, a.ended_on, day))

    def missing_on(self, day: date) -> MissingEpisode | None:
        """The episode that makes the child missing that day. One of a kind not mapped counts as missing."""
        return next(
            (
                e
                for e in self.missing_episodes
                if e.missing_kind is not MissingKind.AWAY and in_spell(e.started_on, e.ended_on, day)
            ),
            None,
        )


def reached(when: date | None, day: date) -> bool:
    """Whether a dated event has happened by a day; an event without a date has not."""
    return when is not None and when <= day


def in_spell(started_on: date | None, ended_on: date | None, day: date) -> bool:
    """In a spell whose end is the day it was left: that day is out. A spell without a start has always run."""
    return (started_on is None or started_on <= day) and (ended_on is None or ended_on > day)


def to_last_day(started_on: date | None, ended_on: date | None, day: date) -> bool:
    """In a spell whose end is its last day: that day is in. A spell without a start has always run."""
    return (started_on is None or started_on <= day) and (ended_on is None or ended_on >= day)
