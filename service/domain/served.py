"""Care leavers served: the N of every care-leaver cohort, and who is shown beside it."""

from dataclasses import dataclass
from datetime import date, timedelta

from service.domain.facts import Basis, CareLeaverStatus, Eligibility, InTouch, SupportAt21
from service.domain.person import Facts, to_last_day
from service.domain.policy import Policy

FROM_AGE, BEFORE_AGE, SUPPORT_FROM_AGE = 16, 25, 21


@dataclass(frozen=True, slots=True)
class Served:
    """The statuses that make someone a care leaver served, and what is uncertain about it."""

    statuses: tuple[CareLeaverStatus, ...]
    flags: tuple[str, ...]
    age: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """From when an in-touch category has stood without a break; `since` is None when no day is known."""

    since: date | None
    basis: Basis


def served_on(facts: Facts, day: date, policy: Policy) -> Served | None:
    """Whether someone is a care leaver served that day, and by which statuses. docs/rules.md.

    Relevant, former relevant 18 to 20, former relevant 21 to 24 receiving support, to the day before the 25th
    birthday; unknown support, blank eligibility and "eligible" without a period of care are served, flagged.
    """
    if not facts.care_leaver_statuses:
        return None
    held = statuses_on(facts, day)
    age = facts.age_on(day)
    if not held or (age is not None and age >= BEFORE_AGE) or facts.gone_on(day):
        return None
    if any(status.in_touch is InTouch.DIED for status in held):
        return None
    answers = [(status, _serves(status, facts, age, day, policy)) for status in held]
    yes = [(status, flags) for status, flags in answers if flags is not None]
    if not yes:
        return None
    unsure = ("born_on_unknown",) if age is None else ()
    differ = ("sources_disagree",) if len(yes) < len(answers) else ()
    flags = dict.fromkeys((*unsure, *differ, *(flag for _, each in yes for flag in each)))
    return Served(tuple(status for status, _ in yes), tuple(flags), age)


def includes(facts: Facts, day: date, policy: Policy) -> bool:
    """Whether someone is a care leaver served that day."""
    return served_on(facts, day, policy) is not None


def statuses_on(facts: Facts, day: date) -> tuple[CareLeaverStatus, ...]:
    """Care leaver statuses that cover a day, earliest first."""
    return tuple(s for s in facts.care_leaver_statuses if to_last_day(s.started_on, s.ended_on, day))


def beside(facts: Facts, day: date, policy: Policy) -> str | None:
    """The group shown beside care leavers served, never added: eligible, qualifying or not_receiving_support."""
    held = statuses_on(facts, day)
    age = facts.age_on(day)
    if not held or facts.gone_on(day) or (age is not None and age >= BEFORE_AGE) or includes(facts, day, policy):
        return None
    kinds = {status.eligibility for status in held}
    if Eligibility.ELIGIBLE in kinds:
        return "eligible"
    if kinds & {Eligibility.RELEVANT, Eligibility.FORMER_RELEVANT}:
        return "not_receiving_support" if age is not None and age >= SUPPORT_FROM_AGE else None
    return "qualifying" if Eligibility.QUALIFYING in kinds else None


def standing(facts: Facts, category: InTouch, day: date) -> Standing:
    """From when a category that covers a day has stood: spells that follow each other without a gap are one."""
    spells = [s for s in facts.care_leaver_statuses if s.in_touch is category]
    covering = [s for s in spells if to_last_day(s.started_on, s.ended_on, day)]
    first = covering[0]
    for earlier in reversed(spells):
        if first.started_on is None:
            break
        begun = earlier.started_on is None or earlier.started_on < first.started_on
        joined = earlier.ended_on is None or earlier.ended_on >= first.started_on - timedelta(days=1)
        first = earlier if begun and joined else first
    return Standing(first.started_on, first.started_on_basis)


def _serves(
    status: CareLeaverStatus, facts: Facts, age: int | None, day: date, policy: Policy
) -> tuple[str, ...] | None:
    """The flags under which a status serves, or None when it does not."""
    match status.eligibility:
        case Eligibility.RELEVANT | Eligibility.FORMER_RELEVANT:
            return _relevant(status, facts, age, day, policy)
        case Eligibility.ELIGIBLE:
            return None if facts.has_open_period(day) else ("eligible_without_period_of_care",)
        case None:
            old_enough = age is None or age >= FROM_AGE
            return ("eligibility_unknown",) if old_enough and not facts.has_open_period(day) else None
        case _:
            return None


def _relevant(
    status: CareLeaverStatus, facts: Facts, age: int | None, day: date, policy: Policy
) -> tuple[str, ...] | None:
    if age is not None and age >= SUPPORT_FROM_AGE:
        if status.support_at_21 is None:
            return ("support_unknown",)
        return () if status.support_at_21 is SupportAt21.RECEIVING else None
    if status.eligibility is Eligibility.RELEVANT and age is not None and age < 18:
        return None if _home_for_good(status, facts, day, policy) else ()
    too_young = status.eligibility is Eligibility.FORMER_RELEVANT and age is not None and age < 18
    return ("eligibility_contradicts_age",) if too_young else ()


def _home_for_good(status: CareLeaverStatus, facts: Facts, day: date, policy: Policy) -> bool:
    """Whether a relevant child has been back home so long that relevant status has ended."""
    if status.in_touch is not InTouch.RHOM:
        return False
    began = standing(facts, InTouch.RHOM, day).since
    return began is not None and day > policy.limit("care_leaver.returned_home", began).last_day(began)
