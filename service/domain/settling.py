"""What a decision between sources adds to the record: the entry that says which is right, facts that are one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from service.domain.facts import Fact, Known, Source
from service.domain.second_person import weigh
from service.domain.standing import (
    DISAGREE,
    DISPLACED,
    SETTLED,
    by_gravity,
    completed,
    differ,
    entered_last,
    gravity,
    stands,
)
from service.domain.versions import NewVersion

_OF_THE_STREAM = frozenset({DISPLACED, SETTLED, "left_the_extract"})  # about a version's place, not about what it says


def is_better(chosen: Fact, others: Iterable[Fact]) -> bool:
    """Whether a reading is better news than any of the others: then its author may not be who decides for it."""
    return any(
        weigh(replace(other, known=None), replace(chosen, known=None))[1] is not None
        or gravity(chosen)[:2] < gravity(other)[:2]
        for other in others
    )


def settled(versions: Sequence[Fact], chosen: Fact, *, reason: str) -> NewVersion:
    """The entry by which one reading is right: its value, its blanks filled from those that do not contradict it."""
    known = _known(chosen)
    effective = [v for v in versions if _known(v).effective_at is not None]
    value = completed(chosen, by_gravity(v for v in effective if v is not chosen))
    return NewVersion(
        fact=replace(value, known=None),
        person_id=known.person_id,
        fact_id=known.fact_id,
        source=Source.API,
        confidence=known.confidence,
        reason=reason,
        flags=tuple(sorted(({*known.flags} - _OF_THE_STREAM) | {SETTLED})),
        closes=tuple(_known(v).version_id for v in effective if _known(v).source is Source.API),
    )


def still_settled(versions: Sequence[Fact], after: Fact) -> tuple[str, ...]:
    """The flag that a correction keeps, where it leaves what was settled as it is and no source has news since."""
    entry = entered_last(v for v in versions if _known(v).effective_at is not None)
    standing, _ = stands(versions)
    if entry is None or standing is None or SETTLED not in _known(entry).flags:
        return ()
    return () if DISAGREE in _known(standing).flags or differ(entry, after) else (SETTLED,)


def said_under(versions: Iterable[Fact], fact_id: str) -> list[NewVersion]:
    """What feeds say of one fact, said of another from now on: as news, so that it competes with what is held there."""
    return [
        NewVersion(
            fact=replace(version, known=None),
            person_id=known.person_id,
            fact_id=fact_id,
            source=known.source,
            source_ref=known.source_ref,
            confidence=known.confidence,
            flags=tuple(flag for flag in known.flags if flag not in (DISPLACED, SETTLED)),
            closes=(known.version_id,),
        )
        for version in versions
        for known in (_known(version),)
    ]


def _known(fact: Fact) -> Known:
    if fact.known is None:
        raise ValueError("a version without its envelope cannot be decided on")
    return fact.known
