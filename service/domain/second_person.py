"""Worse counts at once, better waits: what of a hand-made entry counts now, and what waits for a second person.

docs/decisions.md, "Which entries wait". The worse state stands until somebody else has looked.
"""

from collections.abc import Callable
from dataclasses import replace

from service.domain import suitability
from service.domain.facts import (
    Accommodation,
    CareLeaverStatus,
    CareProceedings,
    ChildProtectionPlan,
    Eligibility,
    Fact,
    InTouch,
    MissingEpisode,
    MissingKind,
    PreProceedings,
    SupportAt21,
)
from service.domain.standing import start_of

Weighed = tuple[Fact | None, Fact | None]
"""(what counts at once or None, what waits or None)."""

POLICY_INTERVAL = 56  # days between contacts where none is agreed: the longest that needs nobody's approval
_UNSERVED = frozenset({Eligibility.NONE, Eligibility.QUALIFYING})
_CLOCKED = (
    Accommodation, CareLeaverStatus, ChildProtectionPlan, PreProceedings, CareProceedings, MissingEpisode,
)  # fmt: skip


def weigh(before: Fact | None, after: Fact, *, follows: Fact | None = None) -> Weighed:
    """What counts at once, and what waits.

    `before` is the standing value when the entry corrects one; `follows` the standing spell that a new one
    comes after (a place, a care leaver status). A start moved to a later day is better news for any clock.
    """
    if before is not None and _begins_later(before, after):
        return None, after
    rule = _RULES.get(type(after))
    return rule(before, after, follows) if rule else (after, None)


def lowers(withdrawn: Fact | None) -> bool:
    """Whether taking a fact out of the file would take away danger that somebody reported."""
    if isinstance(withdrawn, Accommodation):
        return suitability.is_breach(withdrawn)
    if isinstance(withdrawn, MissingEpisode):
        return withdrawn.ended_on is None
    return isinstance(withdrawn, CareLeaverStatus) and withdrawn.in_touch is InTouch.NO


def _begins_later(before: Fact, after: Fact) -> bool:
    was, now = start_of(before), start_of(after)
    return isinstance(after, _CLOCKED) and was is not None and now is not None and now > was


def _accommodation(before: Fact | None, after: Fact, follows: Fact | None) -> Weighed:
    assert isinstance(after, Accommodation)
    unjudged = after
    if after.suitable is True:
        unjudged = replace(after, suitable=None, judged_on=None, judged_by=None, judged_why=None, evidence=None)
    if isinstance(before, Accommodation):
        ends_breach = after.ended_on is not None and before.ended_on is None and suitability.is_breach(before)
        better = suitability.is_improvement(before, after)
        return (None, after) if ends_breach or better else (after, None)
    if isinstance(follows, Accommodation):
        leaves_breach = suitability.is_breach(follows) and suitability.is_improvement(follows, after)
        if leaves_breach or suitability.is_improvement(follows, unjudged):
            return None, after
    return (after, None) if unjudged is after else (unjudged, after)


def _status(before: Fact | None, after: Fact, follows: Fact | None) -> Weighed:
    assert isinstance(after, CareLeaverStatus)
    old = next((each for each in (before, follows) if isinstance(each, CareLeaverStatus)), CareLeaverStatus())
    if before is not None and after.ended_on is not None and old.ended_on is None:
        return None, after
    toned = replace(after, **_withheld(old, after))  # type: ignore[arg-type]
    if toned == after:
        return after, None
    return (None if toned == before else toned), after


def _withheld(old: CareLeaverStatus, new: CareLeaverStatus) -> dict[str, object]:
    """The fields of a new status that would take a young person out of a count, with what stands until approval."""
    held: dict[str, object] = {}
    from_nothing = old.in_touch is None and new.in_touch is InTouch.YES
    if new.in_touch not in (old.in_touch, InTouch.NO) and not from_nothing:
        held |= {"in_touch": old.in_touch, "in_touch_on": old.in_touch_on}
    if new.support_at_21 is SupportAt21.NOT_WANTED and old.support_at_21 is not SupportAt21.NOT_WANTED:
        held["support_at_21"] = old.support_at_21
    if new.eligibility in _UNSERVED and new.eligibility != old.eligibility:
        held["eligibility"] = old.eligibility
    if (new.contact_interval_days or POLICY_INTERVAL) > (old.contact_interval_days or POLICY_INTERVAL):
        held["contact_interval_days"] = old.contact_interval_days
    return held


def _missing(before: Fact | None, after: Fact, _follows: Fact | None) -> Weighed:
    assert isinstance(after, MissingEpisode)
    if not isinstance(before, MissingEpisode):
        return after, None
    found = after.ended_on is not None and before.ended_on is None
    away = after.missing_kind is MissingKind.AWAY and before.missing_kind is not MissingKind.AWAY
    return (None, after) if found or away else (after, None)


_RULES: dict[type[Fact], Callable[[Fact | None, Fact, Fact | None], Weighed]] = {
    Accommodation: _accommodation,
    CareLeaverStatus: _status,
    MissingEpisode: _missing,
}
