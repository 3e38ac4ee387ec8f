"""Foresee what a push would do to people and cohorts, before anything is written."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from service.domain.assembly import assemble, without_leavers
from service.domain.changes import Change, Plan, Unit
from service.domain.cohorts import COHORTS
from service.domain.dates import london_day
from service.domain.facts import Fact, Known
from service.domain.foresight import Effect, Movement, Place, Places, effect, movements, over_days, places
from service.domain.holding import EVERYTHING, Held, Night, Thresholds, hold, subtracts
from service.domain.intake import Worker
from service.domain.policy import DEFAULT_POLICY, Policy
from service.domain.rules import judge
from service.domain.versions import NewVersion
from service.domain.viewpoint import EVENTS

DAYS_AHEAD = 3
WEIGHED = {Change.CHANGED, Change.CLOSED}
_POPULATIONS = {cohort.population.title: cohort.population for cohort in COHORTS}
_RESTS_ON = {cohort.code: frozenset(cohort.rests_on) for cohort in COHORTS}


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would come of a push: what waits, and cohort by cohort who would move.

    `before` and `after` are sizes of cohorts today (count and unknown together); `if_approved` once the held part is
    applied too and has taken effect.
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

    `read_as`: the id of a record that is one person with another -> the id they are read under. `waiting`: (kind,
    key) of what waits already, or was lately rejected.
    """

    versions: Mapping[str, Sequence[Fact]]
    workers: Mapping[str, Worker]
    supplied: frozenset[str]
    read_as: Mapping[str, str] = field(default_factory=dict)
    waiting: frozenset[tuple[str, str]] = frozenset()


class _Judge:
    """Where people would stand after some of the units of a plan. Answers are kept: each is asked for several times."""

    def __init__(self, stands: Ground, plan: Plan, *, policy: Policy, at: datetime) -> None:
        self._stands, self._units, self._policy, self._at = stands, plan.units, policy, at
        self._workers = {**stands.workers, **{worker.ref: worker for worker in plan.workers}}
        self._supplied = stands.supplied | {unit.kind for unit in plan.units if unit.versions}
        self._known: dict[tuple[str, date, frozenset[int]], Places] = {}

    def now(self, person_id: str, day: date) -> Places:
        """Where somebody would stand that day without the push."""
        stands = self._stands
        return self._places(person_id, stands.versions.get(person_id, ()), stands.workers, stands.supplied, day)

    def after(self, person_id: str, indices: Iterable[int], day: date) -> Places:
        """Where somebody would stand that day after these units, and after what the push says of workers."""
        key = (person_id, day, frozenset(indices))
        if key not in self._known:
            versions = self._laid_over(self._stands.versions.get(person_id, ()), sorted(key[2]))
            self._known[key] = self._places(person_id, versions, self._workers, self._supplied, day)
        return self._known[key]

    def _laid_over(self, versions: Sequence[Fact], indices: Sequence[int]) -> list[Fact]:
        new = [version for index in indices for version in self._units[index].versions]
        gone = {old for version in new for old in version.closes}
        gone.update(old for index in indices for old in self._units[index].withdrawn)
        kept = [v for v in versions if v.known is None or v.known.version_id not in gone]
        return kept + [_as_if(version, number, self._at) for number, version in enumerate(new)]

    def _places(
        self, person_id: str, versions: Sequence[Fact], workers: Mapping[str, Worker], supplied: frozenset[str],
        day: date,
    ) -> dict[str, Place]:  # fmt: skip
        if not versions:
            return {}
        standing = assemble(versions, person_id=person_id, as_at=day)
        standing = without_leavers(standing, workers, on=day)
        found = judge(standing, COHORTS, as_at=day, policy=self._policy, supplied=supplied)
        if standing.gone_on(day):
            return places(found)
        return places(
            found, (title for title, group in _POPULATIONS.items() if group.includes(standing, day, self._policy))
        )


def _as_if(new: NewVersion, number: int, at: datetime) -> Fact:
    """A version as it would be read once it is recorded."""
    known = Known(
        fact_id=new.fact_id, version_id=f"~{number:09}", person_id=new.person_id, source=new.source, recorded_at=at,
        source_ref=new.source_ref, confidence=new.confidence, flags=new.flags,
    )  # fmt: skip
    return replace(new.fact, known=known)


def foresee(stands: Ground, plan: Plan, *, thresholds: Thresholds, at: datetime) -> Foreseen:
    """What a plan would do, and what of it waits by these thresholds. Pure: `at` is when it would be applied.

    Judged today, and on the days on which what it says would take effect: a last day is still a day, so what ends
    today is missed tomorrow.
    """
    today = london_day(at)
    judged = _Judge(stands, plan, policy=DEFAULT_POLICY.known_at(at), at=at)
    mine: dict[str, list[int]] = defaultdict(list)
    for index, unit in enumerate(plan.units):
        mine[stands.read_as.get(unit.person_id, unit.person_id)].append(index)
    before = {person: judged.now(person, today) for person in stands.versions}
    weighed = WEIGHED | ({Change.ADDED} if thresholds is EVERYTHING else set())
    weighing = {p: [i for i in mine[p] if plan.units[i].change in weighed] for p in mine}
    days = {p: _days(today, [plan.units[i] for i in weighing[p]]) for p in mine if weighing[p]}
    effects = {index: what for person in days for index, what in _effects(judged, person, mine, weighing, days)}
    sizes = _sizes(before.values())
    night = Night(
        units=plan.units, effects=effects, running=plan.running, emptied=plan.emptied, waiting=stands.waiting,
        leavers=_leavers(judged, mine, plan.units, effects, days), sizes=sizes,
        resting={p: _resting(found) for p, found in before.items() if found}, read_as=stands.read_as,
    )  # fmt: skip
    touched = sorted(mine.keys() | _served_by(stands, plan))
    return _told(judged, before, sizes, mine, touched, tuple(hold(night, thresholds)), plan.units, days, today)


def _days(today: date, units: Iterable[Unit]) -> tuple[date, ...]:
    """Today, tomorrow, and the days after those on which something that the units say is to happen, the first few."""
    ahead = {
        day
        for unit in units
        for version in unit.versions
        for name in EVENTS[version.fact.kind]
        if (day := getattr(version.fact, name)) is not None and day > today
    }
    return today, today + timedelta(days=1), *(day + timedelta(days=1) for day in sorted(ahead)[:DAYS_AHEAD])


def _leavers(
    judged: _Judge, mine: Mapping[str, list[int]], units: Sequence[Unit], effects: Mapping[int, Effect],
    days: Mapping[str, tuple[date, ...]],
) -> dict[str, frozenset[str]]:  # fmt: skip
    """Cohort, or population -> people whom what the push takes away would take out of it."""
    leavers: dict[str, set[str]] = defaultdict(set)
    for person, asked in days.items():
        indices = mine[person]
        if all(effects.get(index) is not Effect.BETTER for index in indices):
            continue
        kept = [i for i in indices if not subtracts(units[i], effects.get(i, Effect.NEUTRAL))]
        for day in asked:
            with_all = judged.after(person, indices, day)
            for cohort, place in judged.after(person, kept, day).items():
                if place.inside and not (cohort in with_all and with_all[cohort].inside):
                    leavers[cohort].add(person)
    return {cohort: frozenset(people) for cohort, people in leavers.items()}


def _told(
    judged: _Judge, before: Mapping[str, Places], sizes: Counter[str], mine: Mapping[str, list[int]],
    touched: Sequence[str], held: tuple[Held, ...], units: Sequence[Unit], days: Mapping[str, tuple[date, ...]],
    today: date,
) -> Foreseen:  # fmt: skip
    waits = {id(unit) for each in held for unit in each.units}
    moved, waiting = {}, {}
    after, approved = Counter(sizes), Counter(sizes)
    for person in touched:
        indices = mine.get(person, [])
        first = [index for index in indices if id(units[index]) not in waits]
        for day in days.get(person, (today,)):  # what ends today is seen tomorrow
            was = before.get(person, {}) if day == today else judged.now(person, day)
            applied, both = judged.after(person, first, day), judged.after(person, indices, day)
            if day == today:
                after.update(_difference(was, applied))
            if was != both:
                break
        approved.update(_difference(was, both))
        moved[person], waiting[person] = movements(was, applied), movements(applied, both)
    return Foreseen(
        held, _cohorts_of(sizes), _cohorts_of(after), _cohorts_of(approved),
        {p: m for p, m in moved.items() if m}, {p: m for p, m in waiting.items() if m},
    )  # fmt: skip


def _cohorts_of(sizes: Mapping[str, int]) -> dict[str, int]:
    return {code: size for code, size in sizes.items() if code in _RESTS_ON}


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


def _effects(
    judged: _Judge, person: str, mine: Mapping[str, list[int]], weighing: Mapping[str, list[int]],
    days: Mapping[str, tuple[date, ...]],
) -> Iterable[tuple[int, Effect]]:  # fmt: skip
    """What each unit to be weighed does beside the others; what they do only together, each of them does."""
    weighed = weighing[person]
    beside = [index for index in mine[person] if index not in weighed]

    def does(*indices: int) -> Effect:
        by_day = [
            effect(judged.after(person, beside, day), judged.after(person, [*beside, *indices], day))
            for day in days[person]
        ]
        return over_days(by_day)

    together = does(*weighed)
    if len(weighed) == 1:
        return [(weighed[0], together)]
    singly = {index: does(index) for index in weighed}
    if together is not Effect.NEUTRAL and together not in singly.values():
        return [(index, together if what is Effect.NEUTRAL else what) for index, what in singly.items()]
    return singly.items()


def _resting(found: Places) -> frozenset[str]:
    return frozenset(kind for code in found if code in _RESTS_ON for kind in _RESTS_ON[code])


def _sizes(everybody: Iterable[Places]) -> Counter[str]:
    return Counter(code for found in everybody for code, place in found.items() if place.inside)


def _difference(was: Places, now: Places) -> dict[str, int]:
    codes = was.keys() | now.keys()
    inside = {code: (code in now and now[code].inside) - (code in was and was[code].inside) for code in codes}
    return {code: by for code, by in inside.items() if by}
