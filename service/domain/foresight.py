"""What a change would do to the people it touches: which cohorts they would enter, leave, or be worse or better in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from service.domain.clocks import GRAVITY, State
from service.domain.rules import Finding

IN_COHORT = frozenset({State.DANGER, State.OVER, State.UNKNOWN})
_OUT = len(GRAVITY)  # graver than nothing is everything
Places = Mapping[str, "Place"]
"""Cohort code -> where one person stands in it; cohorts in which nothing is found are left out.

Beside them `of <title>` for each population the person is of: who is in none is on no list, whatever happens.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person stands in one cohort; without a state, that they are of a population."""

    state: State | None
    days_over: int | None = None

    @property
    def inside(self) -> bool:
        """Whether the person is of the cohort's count or of its unknown, or of the population."""
        return self.state is None or self.state in IN_COHORT


class Movement(StrEnum):
    """How a person would move in a cohort."""

    ENTERED = "entered"
    LEFT = "left"
    WORSENED = "worsened"
    IMPROVED = "improved"
    BECAME_UNKNOWN = "became_unknown"


class Effect(StrEnum):
    """What a change does to one person, all cohorts taken together."""

    WORSE = "worse"
    NEUTRAL = "neutral"
    BETTER = "better"


OF = "of "
_MEMBER = Place(None)


def places(findings: list[Finding], populations: Iterable[str] = ()) -> dict[str, Place]:
    """Where a person stands, from what the rules found of them, and of which populations they are (titles)."""
    found = {f.cohort: Place(f.state, f.days_over) for f in findings if f.state is not State.WITHIN}
    return found | {OF + title: _MEMBER for title in populations}


def cohorts_only(found: Places) -> dict[str, Place]:
    """Without the populations."""
    return {code: place for code, place in found.items() if place.state is not None}


def movements(before: Places, after: Places) -> dict[str, Movement]:
    """Cohort -> movement, of the cohorts in which the person would stand differently."""
    codes = cohorts_only(before).keys() | cohorts_only(after).keys()
    found = {code: _movement(before.get(code), after.get(code)) for code in codes}
    return {code: movement for code, movement in sorted(found.items()) if movement is not None}


def _movement(was: Place | None, now: Place | None) -> Movement | None:
    if was == now:
        return None
    was_in, now_in = was is not None and was.inside, now is not None and now.inside
    if now_in and now is not None and now.state is State.UNKNOWN and (was is None or was.state is not State.UNKNOWN):
        return Movement.BECAME_UNKNOWN if not _was_danger(was) else Movement.IMPROVED
    if now_in and not was_in:
        return Movement.ENTERED
    if was_in and not now_in:
        return Movement.LEFT
    if not was_in:
        return None  # approaching, or no longer: in no count
    return Movement.IMPROVED if _better(was, now) else Movement.WORSENED


def _was_danger(was: Place | None) -> bool:
    return was is not None and was.state is State.DANGER


def _better(was: Place | None, now: Place | None) -> bool:
    """Out of danger, out of the cohort, or fewer days over. From unknown to over is no comfort."""
    if was is None or not was.inside:
        return False
    if now is None or not now.inside:
        return True
    if was.state is None:
        return False
    if was.state is State.DANGER:
        return now.state is not State.DANGER
    return was.state is now.state is State.OVER and (now.days_over or 0) < (was.days_over or 0)


def effect(before: Places, after: Places) -> Effect:
    """Whether a change makes things look worse or better for a person. New and graver trouble outweighs any comfort."""
    changed = [code for code in before.keys() | after.keys() if before.get(code) != after.get(code)]
    if not changed:
        return Effect.NEUTRAL
    was, now = _gravest(before, changed), _gravest(after, changed)
    entered = any(_breach(after.get(code)) and not _breach(before.get(code)) for code in changed)
    if now < was or (entered and was != GRAVITY[State.DANGER]):  # unknown that turns out a breach is no comfort
        return Effect.WORSE
    return Effect.BETTER if any(_better(before.get(code), after.get(code)) for code in changed) else Effect.WORSE


def _breach(place: Place | None) -> bool:
    return place is not None and place.state in IN_COHORT


def _gravest(found: Places, codes: list[str]) -> int:
    states = [place.state for code in codes if (place := found.get(code)) is not None]
    return min((GRAVITY[state] for state in states if state is not None and state in IN_COHORT), default=_OUT)


def over_days(effects: Sequence[Effect]) -> Effect:
    """One effect out of those on several days, today first: worse today is worse; else better on any day is better."""
    if effects[0] is Effect.WORSE:
        return Effect.WORSE
    return next((each for each in (Effect.BETTER, Effect.WORSE) if each in effects), Effect.NEUTRAL)
