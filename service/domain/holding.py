"""What of a push waits for a person: a bad night must not empty a cohort, nor hide new danger.

PRODUCT promise 10. Additions and worsenings always apply. Closures, blanks, vanishings and improvements apply too,
unless they are so many, or about such people, that somebody should look first.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from service.domain.changes import Change, Unit
from service.domain.foresight import Effect


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From when the subtractive part of a push is held: more than `share` of what is held, and at least `least`."""

    share: float
    least: int

    def passed(self, lost: int, of: int) -> bool:
        """Whether so many lost, of so many, is too much to apply unseen."""
        return lost >= self.least and lost > self.share * of


DEFAULT = Thresholds(share=0.10, least=3)  # our own choice (docs/rules.md)
EVERYTHING = Thresholds(share=-1.0, least=1)  # a spreadsheet is a person's word: better news waits for a second one


_SHARE = f"more than {DEFAULT.share:.0%}"
_LEAST = f"and at least {DEFAULT.least}"
RULES = (
    ("table_emptied", "a full dataset says nothing any more, where we hold facts of it"),
    ("table_shrunk", f"{_SHARE} of a dataset's open facts, {_LEAST}, would be gone, blanked, ended or better"),
    (
        "cohort_shrunk",
        f"{_SHARE} of a cohort or of those it is a part of, {_LEAST}, would leave it by what is ended or better",
    ),
    ("person_vanished", "somebody in a cohort is gone from a dataset that it rests on, or altogether"),
    ("would_seal", "somebody is said to have been adopted, which closes the record to everybody"),
    ("still_waiting", "a source says again what waits already, or what was rejected less than 28 days ago"),
    ("upload_improves", "anything that a spreadsheet ends, blanks or makes better"),
)
"""Why something waits, in words. All our own choice."""


# Kinds of which better news entered by hand waits (`domain/second_person.py`).
SECOND_PERSON = frozenset({"accommodation", "care_leaver_status", "missing_episode", "child_protection_plan"})


class Reason(StrEnum):
    """Why something waits."""

    TABLE_EMPTIED = "table_emptied"
    TABLE_SHRUNK = "table_shrunk"
    COHORT_SHRUNK = "cohort_shrunk"
    PERSON_VANISHED = "person_vanished"
    WOULD_SEAL = "would_seal"
    STILL_WAITING = "still_waiting"
    UPLOAD_IMPROVES = "upload_improves"


@dataclass(frozen=True, slots=True)
class Held:
    """What of one dataset waits, and why."""

    dataset: str
    reasons: tuple[Reason, ...]
    units: tuple[Unit, ...]

    @property
    def people(self) -> frozenset[str]:
        """Ids of the people it is about."""
        return frozenset(unit.person_id for unit in self.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """What the decision rests on.

    `effects`: what each changing unit does, by its place in `units`; `leavers`: cohort -> people whom the subtractive
    part would take out of it; `sizes`: cohort -> how many are in it; `resting`: person -> kinds of fact that the
    cohorts they are in rest on; `read_as`: record -> the person it is read as, where two records are one.
    """

    units: Sequence[Unit]
    effects: Mapping[int, Effect]
    running: Mapping[str, int]
    emptied: Collection[str]
    leavers: Mapping[str, frozenset[str]]
    sizes: Mapping[str, int]
    resting: Mapping[str, frozenset[str]]
    read_as: Mapping[str, str] = field(default_factory=dict)
    waiting: frozenset[tuple[str, str]] = frozenset()

    def whom(self, unit: Unit) -> str:
        """Under which id the person of a unit is read, where two records are one person."""
        return self.read_as.get(unit.person_id, unit.person_id)


def subtracts(unit: Unit, effect: Effect) -> bool:
    """Whether a unit takes something away: gone, blanked, ended, or better; never where it brings worse news."""
    if unit.change in (Change.LEFT, Change.BLANKED):
        return True
    if unit.seals:
        return True
    if unit.change is Change.ADDED or effect is Effect.WORSE:
        return False
    return effect is Effect.BETTER or unit.change is Change.CLOSED or _changes_team(unit)


def _changes_team(unit: Unit) -> bool:
    """Another team answers for somebody: a manager would no longer see them."""
    return unit.kind == "responsibility" and unit.change is Change.CHANGED


def _asks_a_second_person(unit: Unit, effect: Effect) -> bool:
    """Whether an addition by spreadsheet is better news of a kind that waits when it is entered by hand."""
    return unit.change is Change.ADDED and effect is Effect.BETTER and unit.kind in SECOND_PERSON


def hold(night: Night, thresholds: Thresholds = DEFAULT) -> list[Held]:
    """What waits, by dataset. Units are taken whole: what one row says is never half applied."""
    taking = {i: u for i, u in enumerate(night.units) if subtracts(u, night.effects.get(i, Effect.NEUTRAL))}
    if thresholds is EVERYTHING:
        better = {
            i for i, u in enumerate(night.units) if _asks_a_second_person(u, night.effects.get(i, Effect.NEUTRAL))
        }
        return _by_dataset(night.units, {i: {Reason.UPLOAD_IMPROVES} for i in sorted(taking.keys() | better)})
    lost = Counter(unit.dataset for unit in taking.values())
    shrunk = {name for name, count in lost.items() if thresholds.passed(count, night.running.get(name, 0))}
    out = {
        person
        for cohort, people in night.leavers.items()
        if thresholds.passed(len(people), night.sizes.get(cohort, 0))
        for person in people
    }
    missed = {(u.dataset, night.whom(u)) for u in taking.values() if u.change is Change.LEFT and _missed(u, night)}
    why: dict[int, set[Reason]] = defaultdict(set)
    for index, unit in taking.items():
        if unit.dataset in night.emptied:
            why[index].add(Reason.TABLE_EMPTIED)
        if unit.dataset in shrunk:
            why[index].add(Reason.TABLE_SHRUNK)
        if night.whom(unit) in out and night.effects.get(index) is Effect.BETTER:
            why[index].add(Reason.COHORT_SHRUNK)
        if unit.change is Change.LEFT and (unit.dataset, night.whom(unit)) in missed:
            why[index].add(Reason.PERSON_VANISHED)
        if unit.seals:
            why[index].add(Reason.WOULD_SEAL)
        if (unit.kind, unit.ref) in night.waiting:
            why[index].add(Reason.STILL_WAITING)
    return _by_dataset(night.units, why)


def _missed(unit: Unit, night: Night) -> bool:
    """Whether what is gone is somebody in a cohort: who they are, or what that cohort rests on."""
    rests_on = night.resting.get(night.whom(unit))
    return rests_on is not None and unit.kind in rests_on | {"person"}


def _by_dataset(units: Sequence[Unit], why: Mapping[int, Iterable[Reason]]) -> list[Held]:
    grouped: dict[str, list[int]] = defaultdict(list)
    for index in sorted(why):
        grouped[units[index].dataset].append(index)
    return [
        Held(
            name,
            tuple(reason for reason in Reason if any(reason in why[index] for index in indices)),
            tuple(units[index] for index in indices),
        )
        for name, indices in grouped.items()
    ]
