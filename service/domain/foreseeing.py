"""Foresee what a push would do to people and cohorts, before anything is written."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from service.domain.assembly import assemble, without_leavers
from service.domain.changes import Change, Plan, Unit
from service.domain.cohorts import COHORTS
from service.domain.dates import london_day
from service.domain.facts import Fact, Known
from service.domain.foresight import Effect, Movement, Place, Places, effect, movements, places
from service.domain.holding import Held, Night, Thresholds, hold, subtracts
from service.domain.intake import Worker
from service.domain.policy import DEFAULT_POLICY, Policy
from service.domain.rules import judge
from service.domain.versions import NewVersion

_RESTS_ON = {cohort.code: frozenset(cohort.rests_on) for cohort in COHORTS}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would come of a push: what waits, and cohort by cohort who would move.

    `before` and `after` are sizes of cohorts (count and unknown together); `if_approved` with the held part too.
    `moved`: person -> cohort -> movement once what is not held is applied; `waiting`: the same for the held part.
    """

    held: tuple[Held, ...]
    before: Mapping[str, int]
    after: Mapping[str, int]
    if_approved: Mapping[str, int]
    moved: Mapping[str, Mapping[str, Movement]]
    waiting: Mapping[str, Mapping[str, Movement]]


NOTHING = Foreseen((), {}, {}, {}, {}, {})


@dataclass(frozen=True, slots=True)
class Ground:
    """What stands now: every version by person, workers, and which kinds have ever been supplied.

    `read_as`: the id of a record that is one person with another -> the id they are read under.
    """

    versions: Mapping[str, Sequence[Fact]]
    workers: Mapping[str, Worker]
    supplied: frozenset[str]
    read_as: Mapping[str, str] = field(default_factory=dict)


class _Judge:
    """Where people would stand after some of the units of a plan. Answers are kept: each is asked for several times."""

    def __init__(self, stands: Ground, plan: Plan, *, day: date, policy: Policy, at: datetime) -> None:
        self._stands, self._units, self._day, self._policy, self._at = stands, plan.units, day, policy, at
        self._workers = {**stands.workers, **{worker.ref: worker for worker in plan.workers}}
        self._supplied = stands.supplied | {unit.kind for unit in plan.units if unit.versions}
        self._known: dict[tuple[str, frozenset[int]], Places] = {}

    def now(self, person_id: str) -> Places:
        """Where somebody stands before the push."""
        return self._places(
            person_id, self._stands.versions.get(person_id, ()), self._stands.workers, self._stands.supplied
        )

    def after(self, person_id: str, indices: Iterable[int]) -> Places:
        """Where somebody would stand after these units, and after what the push says of workers."""
        key = (person_id, frozenset(indices))
        if key not in self._known:
            versions = self._laid_over(self._stands.versions.get(person_id, ()), sorted(key[1]))
            self._known[key] = self._places(person_id, versions, self._workers, self._supplied)
        return self._known[key]

    def _laid_over(self, versions: Sequence[Fact], indices: Sequence[int]) -> list[Fact]:
        new = [version for index in indices for version in self._units[index].versions]
        gone = {old for version in new for old in version.closes}
        gone.update(old for index in indices for old in self._units[index].withdrawn)
        kept = [v for v in versions if v.known is None or v.known.version_id not in gone]
        return kept + [_as_if(version, number, self._at) for number, version in enumerate(new)]

    def _places(
        self, person_id: str, versions: Sequence[Fact], workers: Mapping[str, Worker], supplied: frozenset[str]
    ) -> dict[str, Place]:
        if not versions:
            return {}
        standing = assemble(versions, person_id=person_id, as_at=self._day)
        standing = without_leavers(standing, workers, on=self._day)
        return places(judge(standing, COHORTS, as_at=self._day, policy=self._policy, supplied=supplied))


def _as_if(new: NewVersion, number: int, at: datetime) -> Fact:
    """A version as it would be read once it is recorded."""
    known = Known(
        fact_id=new.fact_id, version_id=f"~{number:09}", person_id=new.person_id, source=new.source, recorded_at=at,
        source_ref=new.source_ref, confidence=new.confidence, flags=new.flags,
    )  # fmt: skip
    return replace(new.fact, known=known)


def foresee(stands: Ground, plan: Plan, *, thresholds: Thresholds, at: datetime) -> Foreseen:
    """What a plan would do, and what of it waits by these thresholds. Pure: `at` is when it would be applied."""
    day = london_day(at)
    judged = _Judge(stands, plan, day=day, policy=DEFAULT_POLICY.known_at(at), at=at)
    mine: dict[str, list[int]] = defaultdict(list)
    for index, unit in enumerate(plan.units):
        mine[stands.read_as.get(unit.person_id, unit.person_id)].append(index)
    before = {person: judged.now(person) for person in stands.versions}
    touched = sorted(mine.keys() | _served_by(stands, plan))
    effects = {index: what for person in mine for index, what in _effects(judged, person, mine[person], plan.units)}
    base = {p: [i for i in mine[p] if not subtracts(plan.units[i], effects.get(i, Effect.NEUTRAL))] for p in mine}
    leavers: dict[str, set[str]] = defaultdict(set)
    for person, indices in base.items():
        if any(effects.get(index) is Effect.BETTER for index in mine[person]):
            with_all = judged.after(person, mine[person])
            for cohort, place in judged.after(person, indices).items():
                if place.inside and not (cohort in with_all and with_all[cohort].inside):
                    leavers[cohort].add(person)
    sizes = _sizes(before.values())
    held = tuple(
        hold(
            Night(
                units=plan.units, effects=effects, running=plan.running, emptied=plan.emptied,
                leavers={cohort: frozenset(people) for cohort, people in leavers.items()}, sizes=sizes,
                resting={p: _resting(found) for p, found in before.items() if found},
                read_as=stands.read_as,
            ),
            thresholds,
        )
    )  # fmt: skip
    return _told(judged, before, sizes, mine, touched, held, plan.units)


def _told(
    judged: _Judge, before: Mapping[str, Places], sizes: Mapping[str, int], mine: Mapping[str, list[int]],
    touched: Sequence[str], held: tuple[Held, ...], units: Sequence[Unit],
) -> Foreseen:  # fmt: skip
    waits = {id(unit) for each in held for unit in each.units}
    moved, waiting = {}, {}
    after, approved = Counter(sizes), Counter(sizes)
    for person in touched:
        indices = mine.get(person, [])
        was = before.get(person, {})
        first = judged.after(person, [index for index in indices if id(units[index]) not in waits])
        both = judged.after(person, indices)
        after.update(_difference(was, first))
        approved.update(_difference(was, both))
        moved[person], waiting[person] = movements(was, first), movements(first, both)
    return Foreseen(
        held, dict(sizes), dict(after), dict(approved),
        {p: m for p, m in moved.items() if m}, {p: m for p, m in waiting.items() if m},
    )  # fmt: skip


def _served_by(stands: Ground, plan: Plan) -> set[str]:
    """People whose worker the push says something new of: one who has left allocates nobody."""
    changed = {worker.ref for worker in plan.workers if worker.ended_on is not None}
    if not changed:
        return set()
    named = ("worker_ref", "personal_adviser_ref")
    return {
        person
        for person, versions in stands.versions.items()
        if any(getattr(version, name, None) in changed for version in versions for name in named)
    }


def _effects(judged: _Judge, person: str, indices: list[int], units: Sequence[Unit]) -> Iterable[tuple[int, Effect]]:
    """What each changing or closing unit does beside what the push adds; together better is better for each."""
    open_to = [index for index in indices if units[index].change in (Change.CHANGED, Change.CLOSED)]
    if not open_to:
        return []
    added = [index for index in indices if units[index].change is Change.ADDED]
    base = judged.after(person, added)
    together = effect(base, judged.after(person, [*added, *open_to]))
    if len(open_to) == 1:
        return [(open_to[0], together)]
    singly = [(index, effect(base, judged.after(person, [*added, index]))) for index in open_to]
    if together is Effect.BETTER and all(what is Effect.NEUTRAL for _, what in singly):
        return [(index, Effect.BETTER) for index in open_to]
    return singly


def _resting(found: Places) -> frozenset[str]:
    return frozenset(kind for code in found for kind in _RESTS_ON[code])


def _sizes(everybody: Iterable[Places]) -> Counter[str]:
    return Counter(code for found in everybody for code, place in found.items() if place.inside)


def _difference(was: Places, now: Places) -> dict[str, int]:
    codes = was.keys() | now.keys()
    inside = {code: (code in now and now[code].inside) - (code in was and was[code].inside) for code in codes}
    return {code: by for code, by in inside.items() if by}
