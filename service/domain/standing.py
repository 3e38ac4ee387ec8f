"""What stands where sources differ, what counts at once, and what waits for a second person.

docs/decisions.md, "The record": worse counts at once, better waits; two sources that disagree, the worse stands;
a nightly repeat of an old value cannot displace what a worker logged since.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from service.domain import suitability
from service.domain.facts import (
    KINDS,
    Accommodation,
    Basis,
    CareLeaverStatus,
    Eligibility,
    Fact,
    InTouch,
    Known,
    Person,
    Source,
    SupportAt21,
    field_types,
)

# A category that takes a young person out of the ordinary in-touch count: good news until somebody else has looked.
WITHDRAWING = frozenset({InTouch.REFU, InTouch.NREQ, InTouch.RHOM})
_UNSERVED = frozenset({Eligibility.NONE, Eligibility.QUALIFYING})
_ENDS = ("ended_on", "disposed_on", "step_decided_on", "court_application_on")
_STARTS = ("started_on", "issued_on", "held_on", "agreed_on", "counted_on")
DISAGREE = "sources_disagree"
# Kinds whose sources complete each other (a name here, a due date there) instead of competing.
_COMPLETING = (Person,)


def stands(versions: Sequence[Fact]) -> tuple[Fact | None, tuple[Fact, ...]]:
    """The standing value of one fact out of its current versions, and the versions that wait for approval.

    A person's entry beats what a feed said before it took effect, flagged `sources_disagree` while the feed
    still says otherwise; news a feed brings afterwards competes, and the worse of the two stands, flagged too.
    A standing value with better news waiting is flagged `contested`.
    """
    if len(versions) == 1 and not _known(versions[0]).proposed:
        return versions[0], ()
    effective = [v for v in versions if _known(v).effective_at is not None]
    waiting = tuple(v for v in versions if _known(v).effective_at is None)
    if not effective:
        return None, waiting
    candidates, displaced = _candidates(effective)
    fact = _settle(candidates)
    if any(contradict(fact, old) for old in displaced):
        fact = _flagged(fact, DISAGREE)
    return (_flagged(fact, "contested") if waiting else fact), waiting


def _known(fact: Fact) -> Known:
    if fact.known is None:
        raise ValueError("a version without its envelope cannot be weighed")
    return fact.known


def _effective_at(fact: Fact) -> datetime:
    return _known(fact).effective_at or _known(fact).recorded_at


def _candidates(effective: list[Fact]) -> tuple[list[Fact], list[Fact]]:
    """What competes, and what feeds had said before a person's entry displaced it."""
    entered = [v for v in effective if _known(v).source is Source.API]
    if not entered:
        return effective, []
    latest = max(entered, key=_effective_at)
    fed = [v for v in effective if _known(v).source is not Source.API]
    moment = _effective_at(latest)
    since = [v for v in fed if _effective_at(v) > moment]
    return [latest, *since], [v for v in fed if _effective_at(v) <= moment]


def _settle(candidates: list[Fact]) -> Fact:
    if len(candidates) == 1:
        return candidates[0]
    if isinstance(candidates[0], _COMPLETING):
        newest_first = sorted(candidates, key=_effective_at, reverse=True)
        return _completed(newest_first[0], newest_first[1:])
    worst_first = sorted(candidates, key=lambda v: (gravity(v), _effective_at(v)), reverse=True)
    fact = _completed(worst_first[0], worst_first[1:])
    return _flagged(fact, DISAGREE) if any(contradict(worst_first[0], v) for v in worst_first[1:]) else fact


def _completed(fact: Fact, others: Iterable[Fact]) -> Fact:
    """`fact` with its blanks filled from others that do not contradict it. A blank end is no blank: it says "open"."""
    filled: dict[str, Any] = {}
    for other in others:
        if not isinstance(fact, _COMPLETING) and contradict(fact, other):
            continue
        for name in _NAMES_OF[fact.kind]:
            ours, theirs = getattr(fact, name), getattr(other, name)
            if ours is None and theirs is not None and name not in _ENDS and name not in filled:
                filled[name] = theirs
        if _observed(fact) and not _observed(other) and getattr(other, "started_on", None):
            filled |= {"started_on": other.started_on, "started_on_basis": other.started_on_basis}  # type: ignore[attr-defined]
    return replace(fact, **filled) if filled else fact


def _observed(fact: Fact) -> bool:
    return getattr(fact, "started_on_basis", None) is Basis.OBSERVED


def _flagged(fact: Fact, flag: str) -> Fact:
    known = _known(fact)
    return replace(fact, known=replace(known, flags=tuple(sorted({*known.flags, flag}))))


_NAMES_OF = {code: tuple(field_types(kind)) for code, kind in KINDS.items()}
_ENDS_OF = {code: tuple(name for name in _ENDS if name in names) for code, names in _NAMES_OF.items()}
_STARTS_OF = {code: tuple(name for name in _STARTS if name in names) for code, names in _NAMES_OF.items()}


def end_of(fact: Fact) -> date | None:
    """The day a fact says it ended, whatever its kind calls that."""
    for name in _ENDS_OF[fact.kind]:
        day: date | None = getattr(fact, name)
        if day is not None:
            return day
    return None


def start_of(fact: Fact) -> date | None:
    """The day a fact says it began, whatever its kind calls that."""
    for name in _STARTS_OF[fact.kind]:
        day: date | None = getattr(fact, name)
        if day is not None:
            return day
    return None


def gravity(fact: Fact) -> tuple[int, int, int, int]:
    """How bad a version is beside another of the same fact: still open, graver, its dates written down, earlier."""
    begun = start_of(fact)
    grade = suitability.rank(fact) if isinstance(fact, Accommodation) else _withdrawn_grade(fact)
    return (1 if end_of(fact) is None else 0, grade, 0 if _observed(fact) else 1, -(begun or date.max).toordinal())


def _withdrawn_grade(fact: Fact) -> int:
    if isinstance(fact, CareLeaverStatus):
        return {InTouch.NO: 3, InTouch.YES: 2, None: 2}.get(fact.in_touch, 1)
    return 0


def contradict(one: Fact, other: Fact) -> bool:
    """Whether two versions cannot both be right: a defining value differs, or one has ended and one has not."""
    for name in one.defines:
        ours, theirs = getattr(one, name), getattr(other, name)
        if ours is not None and theirs is not None and ours != theirs:
            return True
    ends = (end_of(one), end_of(other))
    return (ends[0] is None) != (ends[1] is None)


# --- second person ---------------------------------------------------------------------------

Weighed = tuple[Fact | None, Fact | None]


def weigh(before: Fact | None, after: Fact, leaving: Accommodation | None = None) -> Weighed:
    """What of a worker's entry counts at once, and what waits for a second person.

    `before` is the standing value when the entry corrects one; `leaving` the place a new accommodation
    spell follows. Returns (counts at once or None, waits or None).
    """
    rule = _WEIGHERS.get(type(after))
    return rule(before, after, leaving) if rule else (after, None)


def _weigh_accommodation(before: Fact | None, after: Fact, leaving: Accommodation | None) -> Weighed:
    assert isinstance(after, Accommodation)
    if before is None and leaving is not None and suitability.is_breach(leaving):
        return (None, after) if suitability.is_improvement(leaving, after) else (after, None)
    if isinstance(before, Accommodation) and suitability.is_improvement(before, after):
        return None, after
    if isinstance(before, Accommodation) and after.ended_on and not before.ended_on and suitability.is_breach(before):
        return None, after
    already = isinstance(before, Accommodation) and before.suitable is True
    if after.suitable is True and not already:
        unjudged = replace(after, suitable=None, judged_on=None, judged_by=None, judged_why=None, evidence=None)
        return (None if before is not None and unjudged == before else unjudged), after
    return after, None


def _weigh_status(before: Fact | None, after: Fact, _leaving: Accommodation | None) -> Weighed:
    assert isinstance(after, CareLeaverStatus)
    old = before if isinstance(before, CareLeaverStatus) else CareLeaverStatus()
    withdraws = after.in_touch in WITHDRAWING and after.in_touch != old.in_touch
    leaves = after.support_at_21 is SupportAt21.NOT_WANTED and old.support_at_21 is not SupportAt21.NOT_WANTED
    unserved = after.eligibility in _UNSERVED and after.eligibility != old.eligibility
    slower = (after.contact_interval_days or 0) > (old.contact_interval_days or 56)
    return (None, after) if withdraws or leaves or unserved or slower else (after, None)


_WEIGHERS: dict[type[Fact], Callable[[Fact | None, Fact, Accommodation | None], Weighed]] = {
    Accommodation: _weigh_accommodation,
    CareLeaverStatus: _weigh_status,
}
