"""Where sources contradict each other and only a person can say who is right: derived from versions, never stored.

A conflict is one fact of which two sources say different things, or two facts of a kind, of different sources and
the same days, that may be one. docs/conflicts.md.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import combinations
from typing import Any

from service.domain import suitability
from service.domain.facts import (
    KINDS,
    Accommodation,
    CareLeaverStatus,
    Contact,
    Fact,
    InTouch,
    Known,
    MissingEpisode,
    MissingKind,
    Source,
    field_types,
)
from service.domain.standing import (
    DISPLACED,
    ENDS_OF,
    STARTS_OF,
    by_gravity,
    competing,
    differ,
    end_of,
    entered_last,
    stands,
    start_of,
)
from service.domain.viewpoint import as_true_by

# Kinds of which a person has one at a time: two of different sources on the same days may be one.
ONE_AT_A_TIME = (
    "accommodation", "care_leaver_status", "child_protection_plan", "period_of_care", "placement", "legal_status",
    "pre_proceedings", "care_proceedings", "permanence_plan", "missing_episode",
)  # fmt: skip
_SHOWN = {
    code: tuple(name for name in field_types(kind) if not kind.__dataclass_fields__[name].metadata["private"])
    for code, kind in KINDS.items()
}


class Question(StrEnum):
    """What a person is asked: which source is right, or whether two facts are one."""

    WHICH_IS_RIGHT = "which_is_right"
    ONE_OR_TWO = "one_or_two"


@dataclass(frozen=True, slots=True)
class Side:
    """What one source says, as far as the sides differ. `stands`: whether this counts meanwhile."""

    version: Fact
    stands: bool
    says: Mapping[str, Any]

    @property
    def known(self) -> Known:
        """How and when this side was learnt."""
        return _known(self.version)


@dataclass(frozen=True, slots=True)
class Conflict:
    """One thing for a person to decide. `since`: from when the two could both be read."""

    question: Question
    kind: str
    person_id: str
    fact_ids: tuple[str, ...]
    sides: tuple[Side, ...]
    since: datetime
    why: str
    danger: tuple[int, int]


def _known(fact: Fact) -> Known:
    if fact.known is None:
        raise ValueError("a version without its envelope cannot be weighed")
    return fact.known


def conflicts_of(
    versions: Iterable[Fact], *, as_at: date | None = None, apart: Mapping[frozenset[str], str] | None = None
) -> list[Conflict]:
    """Every conflict in these versions (of any number of people), in no order.

    `as_at`: facts that begin later are left out. `apart`: fact ids found to be two -> what they said then (`about`).
    """
    by_fact: dict[tuple[str, str, str], list[Fact]] = defaultdict(list)
    for version in versions:
        by_fact[_known(version).person_id, version.kind, _known(version).fact_id].append(version)
    running: dict[tuple[str, str], list[list[Fact]]] = defaultdict(list)
    found = []
    for (person_id, kind, _), group in by_fact.items():
        fact, _waiting = stands(group)
        if fact is None or (as_at is not None and as_true_by(fact, as_at) is None):
            continue
        if (one := of_one_fact(group)) is not None:
            found.append(one)
        if kind in ONE_AT_A_TIME:
            running[person_id, kind].append(group)
    for groups in running.values():
        for first, second in combinations(groups, 2):
            pair = of_two_facts(first, second)
            if pair is not None and (apart or {}).get(frozenset(pair.fact_ids)) != about(first, second):
                found.append(pair)
    return found


def of_one_fact(versions: Sequence[Fact]) -> Conflict | None:
    """What sources say differently of one fact out of its current versions, unless it is settled or they agree."""
    effective = [v for v in versions if _known(v).effective_at is not None]
    candidates, displaced = competing(effective) if effective else ([], [])
    entry = entered_last(effective)
    if len(effective) < 2 or (entry is None and isinstance(effective[0], Contact)):
        return None
    if entry is not None and isinstance(entry, Contact):
        standing: Fact = entry  # of a contact, the correction stands whatever a source says later
        displaced = []
    else:
        standing = by_gravity(candidates)[0]
    fact, _ = stands(effective)
    against = [v for v in candidates if v is not standing and differ(standing, v)]
    against += [v for v in displaced if fact is not None and differ(fact, v)]
    if not against:
        return None
    sides = _sides([standing, *against], standing=(standing,))
    return Conflict(
        question=Question.WHICH_IS_RIGHT,
        kind=standing.kind,
        person_id=_known(standing).person_id,
        fact_ids=(_known(standing).fact_id,),
        sides=sides,
        since=min(_both_said(standing, other, entry) for other in against),
        why=_why(standing, candidates, entry),
        danger=(danger(standing), max(danger(side.version) for side in sides)),
    )


def _both_said(standing: Fact, other: Fact, entry: Fact | None) -> datetime:
    """The later of two recordings. What only says again what an entry displaced was there when that was made."""
    if entry is not None and DISPLACED in _known(other).flags:
        return _known(entry).recorded_at
    return max(_known(standing).recorded_at, _known(other).recorded_at)


def _why(standing: Fact, candidates: Sequence[Fact], entry: Fact | None) -> str:
    if isinstance(standing, Contact):
        return "The correction by hand stands; the source has since said something else."
    if len(candidates) == 1 and standing is entry:
        return "What was entered by hand stands over what the source had said before, and still says."
    return "The sources differ: the worse stands until somebody decides."


def of_two_facts(one: Sequence[Fact], other: Sequence[Fact]) -> Conflict | None:
    """Whether two facts of a person and kind, given by their versions, are of different sources and the same days."""
    first, second = stands(one)[0], stands(other)[0]
    if first is None or second is None or not _same_days(first, second):
        return None
    feeds, others = _feeds(one), _feeds(other)
    if feeds & others or not (feeds or others):
        return None
    standing = (first, second)
    sides = _sides(standing, standing=standing)
    return Conflict(
        question=Question.ONE_OR_TWO,
        kind=first.kind,
        person_id=_known(first).person_id,
        fact_ids=tuple(sorted(_known(fact).fact_id for fact in standing)),
        sides=sides,
        since=max(min(_known(v).recorded_at for v in group) for group in (one, other)),
        why="Both count until somebody says whether they are one; on days that both cover, the worse stands.",
        danger=(max(map(danger, standing)), max(map(danger, standing))),
    )


def _feeds(versions: Iterable[Fact]) -> set[tuple[Source, str]]:
    """The datasets that speak of a fact: one dataset says of its own two rows that they are two."""
    return {
        (known.source, known.source_ref.split("/", 1)[0])
        for known in map(_known, versions)
        if known.source is not Source.API
    }


def _same_days(one: Fact, other: Fact) -> bool:
    """Whether both cover a day; the day a place is left, on which the next begins, is none."""
    start = max(start_of(one) or date.min, start_of(other) or date.min)
    end = min(end_of(one) or date.max, end_of(other) or date.max)
    return start < end


def _sides(versions: Sequence[Fact], *, standing: Sequence[Fact]) -> tuple[Side, ...]:
    kind = versions[0].kind
    differing = [name for name in _SHOWN[kind] if len({getattr(v, name) for v in versions}) > 1]
    named = dict.fromkeys((*KINDS[kind].defines, *STARTS_OF[kind], *ENDS_OF[kind], *differing))
    shown = [n for n in named if n in differing or any(getattr(v, n) is not None for v in versions)]
    return tuple(
        Side(v, any(v is each for each in standing), {name: getattr(v, name) for name in shown}) for v in versions
    )


def about(one: Sequence[Fact], other: Sequence[Fact]) -> str:
    """What two facts say, as one value to compare later: they were found to be two as they are, not whatever comes.

    An end is no reason to ask again.
    """
    standing = [fact for fact in (stands(one)[0], stands(other)[0]) if fact is not None]
    said = sorted(
        (_known(f).fact_id, *(str(getattr(f, name)) for name in f.defines), str(start_of(f))) for f in standing
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()


def danger(fact: Fact) -> int:
    """How much of a danger an open fact is, across kinds: 5 (no place fit to live in, missing) to 0."""
    if end_of(fact) is not None:
        return 0
    if isinstance(fact, Accommodation):
        return suitability.rank(fact)
    if isinstance(fact, MissingEpisode):
        return 3 if fact.missing_kind is MissingKind.AWAY else 5
    if isinstance(fact, CareLeaverStatus):
        return 4 if fact.in_touch is InTouch.NO else 1
    return 1


def order_key(conflict: Conflict) -> tuple[int, int, datetime, str, tuple[str, ...]]:
    """Danger first, by what stands and then by the worst that is said; then the longest open."""
    stands_at, worst = conflict.danger
    return -stands_at, -worst, conflict.since, conflict.kind, conflict.fact_ids
