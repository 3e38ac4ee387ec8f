"""What a change would do to the people it touches: which cohorts they would enter, leave, or be worse or better in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.domain.clocks import GRAVITY, State
from service.domain.rules import Finding

IN_COHORT = frozenset({State.DANGER, State.OVER, State.UNKNOWN})
_OUT = len(GRAVITY)  # graver than nothing is everything
Places = Mapping[str, "Place"]
"""Cohort code -> where one person stands in it; cohorts in which nothing is found are left out."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a person stands in one cohort."""

    state: State
    days_over: int | None

    @property
    def inside(self) -> bool:
        """Whether the person is of the cohort's count or of its unknown."""
        return self.state in IN_COHORT


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


def places(findings: list[Finding]) -> dict[str, Place]:
    """Where a person stands, from what the rules found of them."""
    return {f.cohort: Place(f.state, f.days_over) for f in findings if f.state is not State.WITHIN}


def movements(before: Places, after: Places) -> dict[str, Movement]:
    """Cohort -> movement, of the cohorts in which the person would stand differently."""
    found = {code: _movement(before.get(code), after.get(code)) for code in before.keys() | after.keys()}
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
    if was.state is State.DANGER:
        return now.state is not State.DANGER
    return was.state is now.state is State.OVER and (now.days_over or 0) < (was.days_over or 0)


def effect(before: Places, after: Places) -> Effect:
    """Whether a change makes things look worse or better for a person. New and graver trouble outweighs any comfort."""
    changed = [code for code in before.keys() | after.keys() if before.get(code) != after.get(code)]
    if not changed:
        return Effect.NEUTRAL
    was, now = _gravest(before, changed), _gravest(after, changed)
    if now < was:
        return Effect.WORSE
    return Effect.BETTER if any(_better(before.get(code), after.get(code)) for code in changed) else Effect.WORSE


def _gravest(found: Places, codes: list[str]) -> int:
    return min((GRAVITY[place.state] for code in codes if (place := found.get(code)) and place.inside), default=_OUT)
