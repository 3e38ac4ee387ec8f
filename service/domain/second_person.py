"""Worse counts at once, better waits: what of a hand-made entry counts now, and what waits for a second person.

docs/decisions.md, "Which entries wait". The worse state stands until somebody else has looked.
"""

from collections.abc import Callable
from dataclasses import replace

from service.domain import suitability
from service.domain.facts import (
    Accommodation,
    Basis,
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
from service.domain.policy import ALWAYS, DEFAULT_POLICY
from service.domain.standing import end_of, start_of

Weighed = tuple[Fact | None, Fact | None]
"""(what counts at once or None, what waits or None)."""

# Days between contacts where none is agreed: the longest that needs nobody's approval.
POLICY_INTERVAL = DEFAULT_POLICY.limit("care_leaver.in_touch", ALWAYS).number
NO_PLACE = Accommodation()  # where nothing is held, it is not known where the young person lives
_SERVING = frozenset({Eligibility.RELEVANT, Eligibility.FORMER_RELEVANT})
_COUNTED_SINCE = frozenset({InTouch.NO, InTouch.REFU, InTouch.RHOM})  # an earlier start would let older contact end it
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
    """Whether taking a fact out of the file would take danger away, or a young person out of a count."""
    if isinstance(withdrawn, Accommodation):
        return suitability.rank(withdrawn) >= suitability.UNKNOWN
    if isinstance(withdrawn, MissingEpisode):
        return withdrawn.ended_on is None
    return isinstance(withdrawn, CareLeaverStatus)


def _begins_later(before: Fact, after: Fact) -> bool:
    """A start moved to a later day, or left blank: fewer days over."""
    was, now = start_of(before), start_of(after)
    return isinstance(after, _CLOCKED) and was is not None and (now is None or now > was)


def _ends_sooner(before: Fact, after: Fact) -> bool:
    was, now = end_of(before), end_of(after)
    return now is not None and (was is None or now < was)


def _accommodation(before: Fact | None, after: Fact, follows: Fact | None) -> Weighed:
    assert isinstance(after, Accommodation)
    if isinstance(before, Accommodation):
        ends_breach = suitability.is_breach(before) and _ends_sooner(before, after)
        better = suitability.is_improvement(before, after) or _now_a_move(before, after)
        return (None, after) if ends_breach or better else (after, None)
    unjudged = after
    if after.suitable is True:
        unjudged = replace(after, suitable=None, judged_on=None, judged_by=None, judged_why=None, evidence=None)
    left = follows if isinstance(follows, Accommodation) else NO_PLACE
    leaves_breach = suitability.is_breach(left) and suitability.is_improvement(left, after)
    if leaves_breach or suitability.is_improvement(left, unjudged):
        return None, after
    return (after, None) if unjudged is after else (unjudged, after)


def _now_a_move(before: Accommodation, after: Accommodation) -> bool:
    """A place not known whose day first seen would count as that of a recorded move: it would be "being assessed"."""
    observed = before.started_on_basis is not Basis.RECORDED and after.started_on_basis is Basis.RECORDED
    return observed and suitability.rank(before) == suitability.UNKNOWN


def _status(before: Fact | None, after: Fact, follows: Fact | None) -> Weighed:
    assert isinstance(after, CareLeaverStatus)
    old = next((each for each in (before, follows) if isinstance(each, CareLeaverStatus)), CareLeaverStatus())
    toned = replace(after, **_withheld(old, after))  # type: ignore[arg-type]
    if (before is not None and _ends_sooner(before, after)) or _since_earlier(old, toned):
        return None, after
    if toned == after:
        return after, None
    return (None if toned == before else toned), after


def _since_earlier(old: CareLeaverStatus, new: CareLeaverStatus) -> bool:
    """A category that counts from the day it stands, said of earlier days, or another one said of that very day."""
    if old.in_touch not in _COUNTED_SINCE or old.started_on is None or new.started_on is None:
        return False
    return new.started_on < old.started_on or (new.started_on == old.started_on and new.in_touch != old.in_touch)


def _withheld(old: CareLeaverStatus, new: CareLeaverStatus) -> dict[str, object]:
    """The fields of a new status that would take a young person out of a count, with what stands until approval."""
    held: dict[str, object] = {}
    from_nothing = old.in_touch is None and new.in_touch is InTouch.YES
    if new.in_touch not in (old.in_touch, InTouch.NO) and not from_nothing:
        held |= {"in_touch": old.in_touch, "in_touch_on": old.in_touch_on}
    elif new.in_touch is InTouch.YES and _touched_later(old, new):
        held["in_touch_on"] = old.in_touch_on
    if new.support_at_21 is SupportAt21.NOT_WANTED and old.support_at_21 is not SupportAt21.NOT_WANTED:
        held["support_at_21"] = old.support_at_21
    if new.eligibility != old.eligibility and not _surely_serves(new):
        held["eligibility"] = old.eligibility
    if (new.contact_interval_days or POLICY_INTERVAL) > (old.contact_interval_days or POLICY_INTERVAL):
        held["contact_interval_days"] = old.contact_interval_days
    if new.personal_adviser_ref is not None and new.personal_adviser_ref != old.personal_adviser_ref:
        held["personal_adviser_ref"] = old.personal_adviser_ref
    return held


def _touched_later(old: CareLeaverStatus, new: CareLeaverStatus) -> bool:
    """A day in touch later than the one held, or none where one was: what counts at once is logged as contact."""
    was, now = old.in_touch_on, new.in_touch_on
    return was != now and (was is None or now is None or now > was)


def _surely_serves(status: CareLeaverStatus) -> bool:
    """Whether a category makes a care leaver served whatever their age: not where a refusal or a return ends that."""
    excused = status.support_at_21 is SupportAt21.NOT_WANTED or status.in_touch is InTouch.RHOM
    return status.eligibility in _SERVING and not excused


def _plan(before: Fact | None, after: Fact, _follows: Fact | None) -> Weighed:
    """Another council's plan, and fewer earlier ones, take a child out of a count; days count as their keeper says."""
    assert isinstance(after, ChildProtectionPlan)
    if not isinstance(before, ChildProtectionPlan):
        return after, None
    disowned = after.other_council is True and before.other_council is not True
    fewer = any(
        (getattr(after, name) or 0) < (getattr(before, name) or 0) for name in ("previous_here", "previous_elsewhere")
    )
    return (None, after) if disowned or fewer else (after, None)


def _missing(before: Fact | None, after: Fact, _follows: Fact | None) -> Weighed:
    assert isinstance(after, MissingEpisode)
    if not isinstance(before, MissingEpisode):
        return after, None
    found = _ends_sooner(before, after)
    away = after.missing_kind is MissingKind.AWAY and before.missing_kind is not MissingKind.AWAY
    return (None, after) if found or away else (after, None)


_RULES: dict[type[Fact], Callable[[Fact | None, Fact, Fact | None], Weighed]] = {
    Accommodation: _accommodation,
    CareLeaverStatus: _status,
    ChildProtectionPlan: _plan,
    MissingEpisode: _missing,
}
