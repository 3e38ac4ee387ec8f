"""What stands where sources differ.

docs/decisions.md, "The record": two sources that disagree, the worse stands; a nightly repeat of an old value
cannot displace what a worker logged since.
"""

from collections.abc import Iterable, Sequence
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
    MissingEpisode,
    MissingKind,
    Person,
    Source,
    SupportAt21,
    field_types,
)
from service.domain.undated import unread

_ENDS = ("ended_on", "disposed_on", "step_decided_on", "court_application_on")
_STARTS = ("started_on", "issued_on", "held_on", "agreed_on", "counted_on")
DISAGREE = "sources_disagree"
SETTLED = "settled"  # on an entry that decides which source is right: what feeds had said before it disagrees no more
DISPLACED = "displaced"  # intake's mark on a version that says again what a person's entry had displaced: no news
_NOT_SERVED = (Eligibility.QUALIFYING, Eligibility.NONE)
# Kinds whose sources complete each other (a name here, a due date there) instead of competing.
_COMPLETING = (Person,)


def stands(versions: Sequence[Fact]) -> tuple[Fact | None, tuple[Fact, ...]]:
    """The standing value of one fact out of its current versions, and the versions that wait for approval.

    A person's entry beats what a feed said before it took effect, flagged `sources_disagree` while the feed
    still says otherwise (and nobody has settled it); news a feed brings afterwards competes, and the worse of the
    two stands, flagged too.
    A standing value with better news waiting is flagged `contested`.
    """
    if len(versions) == 1 and not _known(versions[0]).proposed:
        return versions[0], ()
    effective = [v for v in versions if _known(v).effective_at is not None]
    waiting = tuple(v for v in versions if _known(v).effective_at is None)
    if not effective:
        return None, waiting
    candidates, displaced = competing(effective)
    fact = _settle(candidates)
    if any(differ(fact, old) for old in displaced):
        fact = _flagged(fact, DISAGREE)
    return (_flagged(fact, "contested") if waiting else fact), waiting


def _known(fact: Fact) -> Known:
    if fact.known is None:
        raise ValueError("a version without its envelope cannot be weighed")
    return fact.known


def _lately(fact: Fact) -> tuple[datetime, str]:
    """When a version was said (not when it was approved); of several at one moment the order is that of their ids."""
    return _known(fact).recorded_at, _known(fact).version_id


def _ended_by_hand(fact: Fact) -> bool:
    """Of two ends equally bad, the day a person wrote down is before the day a feed was seen to change."""
    return _known(fact).source is Source.API and end_of(fact) is not None


def competing(effective: Sequence[Fact]) -> tuple[list[Fact], list[Fact]]:
    """What competes, and what feeds had said before a person's entry displaced it; none of that once it is settled."""
    latest = entered_last(effective)
    if latest is None:
        return list(effective), []
    fed = [v for v in effective if _known(v).source is not Source.API]
    moment = _known(latest).recorded_at
    since: list[Fact] = []
    displaced: list[Fact] = []
    for version in fed:
        news = _known(version).recorded_at > moment and DISPLACED not in _known(version).flags
        (since if news else displaced).append(version)
    return [latest, *since], [] if SETTLED in _known(latest).flags else displaced


def entered_last(effective: Iterable[Fact]) -> Fact | None:
    """The latest entry by hand among the versions that count."""
    return max((v for v in effective if _known(v).source is Source.API), key=_lately, default=None)


def _settle(candidates: list[Fact]) -> Fact:
    if len(candidates) == 1:
        return candidates[0]
    if isinstance(candidates[0], _COMPLETING):
        newest_first = sorted(candidates, key=_lately, reverse=True)
        return _born(completed(newest_first[0], newest_first[1:]))
    worst_first = by_gravity(candidates)
    fact = completed(worst_first[0], worst_first[1:])
    return _flagged(fact, DISAGREE) if any(differ(worst_first[0], v) for v in worst_first[1:]) else fact


def by_gravity(candidates: Iterable[Fact]) -> list[Fact]:
    """Versions of one fact that compete, the one that stands first."""
    return sorted(candidates, key=lambda v: (gravity(v), _ended_by_hand(v), _lately(v)), reverse=True)


def _born(fact: Fact) -> Fact:
    """A child whom one source knows to be born is no longer expected, whatever another still says."""
    born = isinstance(fact, Person) and fact.born_on is not None and fact.expected_on is not None
    return replace(fact, expected_on=None) if born else fact  # type: ignore[call-arg]


def completed(fact: Fact, others: Iterable[Fact]) -> Fact:
    """`fact` with its blanks filled from others that do not contradict it. A blank end is no blank: it says "open".

    Nor is what could not be read: it may contradict, so it stays unknown.
    """
    filled: dict[str, Any] = {}
    said = unread(_known(fact).flags)
    for other in others:
        if not isinstance(fact, _COMPLETING) and contradict(fact, other):
            continue
        for name in _NAMES_OF[fact.kind]:
            ours, theirs = getattr(fact, name), getattr(other, name)
            if ours is None and theirs is not None and not (name in _ENDS or name in filled or name in said):
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
ENDS_OF = {code: tuple(name for name in _ENDS if name in names) for code, names in _NAMES_OF.items()}
END_NAMED = {code: names[0] for code, names in ENDS_OF.items() if names}
"""Kind -> the field that says it ended; kinds of a single day have none."""
STARTS_OF = {code: tuple(name for name in _STARTS if name in names) for code, names in _NAMES_OF.items()}


def end_of(fact: Fact) -> date | None:
    """The day a fact says it ended, whatever its kind calls that."""
    for name in ENDS_OF[fact.kind]:
        day: date | None = getattr(fact, name)
        if day is not None:
            return day
    return None


def start_of(fact: Fact) -> date | None:
    """The day a fact says it began, whatever its kind calls that."""
    for name in STARTS_OF[fact.kind]:
        day: date | None = getattr(fact, name)
        if day is not None:
            return day
    return None


def gravity(fact: Fact) -> tuple[int, int, int, int]:
    """How bad a version is beside another of the same fact: still open, graver, its dates written down, earlier."""
    begun = start_of(fact)
    grade = suitability.rank(fact) if isinstance(fact, Accommodation) else _grade(fact)
    return (1 if end_of(fact) is None else 0, grade, 0 if _observed(fact) else 1, -(begun or date.max).toordinal())


def _grade(fact: Fact) -> int:
    """How grave an open fact is beside another of its kind: out of touch, still served, missing rather than away."""
    if isinstance(fact, CareLeaverStatus):
        served = fact.support_at_21 is not SupportAt21.NOT_WANTED and fact.eligibility not in _NOT_SERVED
        return 2 * {InTouch.NO: 3, InTouch.YES: 2, None: 2}.get(fact.in_touch, 1) + served
    return int(isinstance(fact, MissingEpisode) and fact.missing_kind is not MissingKind.AWAY)


def differ(one: Fact, other: Fact) -> bool:
    """Whether two versions say something that matters differently: they contradict, or their starts do."""
    if _observed(one) or _observed(other):
        return contradict(one, other)
    starts = (start_of(one), start_of(other))
    return contradict(one, other) or (None not in starts and starts[0] != starts[1])


def contradict(one: Fact, other: Fact) -> bool:
    """Whether two versions cannot both be right: a defining value differs, or one has ended and one has not."""
    for name in one.defines:
        ours, theirs = getattr(one, name), getattr(other, name)
        if ours is not None and theirs is not None and ours != theirs:
            return True
    if isinstance(one, Accommodation) and isinstance(other, Accommodation) and suitability.are_two(one, other):
        return True
    ends = (end_of(one), end_of(other))
    return (ends[0] is None) != (ends[1] is None)
