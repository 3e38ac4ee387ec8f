"""An extract beside what is held: what is new, changed, closed, gone from the extract, or refused.

Nothing here ends a fact because a source fell silent: a blank after a value keeps the
value and says so, a row gone from a full dataset is marked `left_the_extract` and still counts.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date
from typing import Any, TypeVar

from service.domain.facts import (
    Accommodation,
    Basis,
    CareLeaverStatus,
    ClaReview,
    Confidence,
    Contact,
    CpReview,
    Fact,
    InTouch,
    Known,
    Person,
    PlanCount,
    Responsibility,
    Source,
)
from service.domain.intake import Claim, Extract, Refusal, Team, Worker
from service.domain.standing import DISPLACED, contradict, differ, end_of, start_of
from service.domain.suitability import is_breach
from service.domain.versions import NewVersion

LEFT = "left_the_extract"
NO_LONGER = "no_longer_supplied"
UNMAPPED = "unmapped_"
# A blank where an end stood opens the fact again: a source that no longer says it ended ends nothing.
_ENDS = frozenset({
    "ended_on", "end_reason", "disposed_on", "disposal", "step_decided_on", "outcome", "outcome_code",
    "court_application_on",
})  # fmt: skip
_LONGEST_REF = 160
T = TypeVar("T", Team, Worker)


@dataclass(frozen=True, slots=True)
class Held:
    """What the service holds: ids of people, meanings of keys, all current versions of the kinds claimed."""

    people: Mapping[str, str]
    aliases: Mapping[tuple[str, str], str]
    versions: Iterable[Fact]
    teams: Mapping[str, Team]
    workers: Mapping[str, Worker]


@dataclass(slots=True)
class Plan:
    """What applying an extract would do, and what it would not."""

    new_people: dict[str, str] = field(default_factory=dict)
    versions: list[NewVersion] = field(default_factory=list)
    aliases: list[tuple[str, Source, str, str]] = field(default_factory=list)
    teams: list[Team] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    proposed_matches: list[tuple[str, int]] = field(default_factory=list)
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)


class Comparison:
    """One extract being compared. The state is what has been seen so far; the result is `plan`."""

    def __init__(
        self, held: Held, *, source: Source, observed_on: date, new_id: Callable[[], str], full: frozenset[str]
    ) -> None:
        self.plan = Plan()
        self._held, self._source, self._observed_on, self._new_id = held, source, observed_on, new_id
        self._full = full
        self._people = dict(held.people)
        self._joined: set[tuple[str, str]] = set()
        self._by_key: dict[tuple[str, str, str], Fact] = {}
        self._by_person: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        for fact in held.versions:
            known = _known(fact)
            self._by_person[known.person_id, fact.kind].append(fact)
            if known.source is source:
                self._joined.add((known.source_ref.split("/", 1)[0], known.fact_id))
                self._by_key[fact.kind, known.source_ref, known.fact_id] = fact

    def run(self, extract: Extract) -> Plan:
        """Compare everything the extract says."""
        self.plan.refusals.extend(extract.refusals)
        self._introduce(extract)
        self._reference(extract)
        said = {ref for claim in extract.claims if (ref := self._claim(claim))}
        self._mark_absent(extract, said)
        for dataset, _ in {(refusal.dataset, refusal.row) for refusal in self.plan.refusals}:
            self.plan.tally[dataset, "refused"] += 1
        return self.plan

    def _introduce(self, extract: Extract) -> None:
        for claim in extract.claims:
            if isinstance(claim.value, Person) and claim.eclipse_id not in self._people:
                self._people[claim.eclipse_id] = self.plan.new_people[claim.eclipse_id] = self._new_id()

    def _reference(self, extract: Extract) -> None:
        self.plan.teams = _changed(extract.teams, self._held.teams, lambda team: team.code)
        self.plan.workers = _changed(extract.workers, self._held.workers, lambda worker: worker.ref)

    def _claim(self, claim: Claim) -> str | None:
        ref = f"{claim.dataset}/{claim.key}"
        person_id = self._people.get(claim.eclipse_id)
        if person_id is None:
            self._refuse(claim, "eclipse_id", "person_not_found", "a person this push or an earlier one introduces")
            return ref
        if len(ref) > _LONGEST_REF:
            self._refuse(claim, "key", "too_long", f"at most {_LONGEST_REF} characters with the dataset's name")
            return None
        fact_id = self._held.aliases.get((claim.value.kind, ref))
        before = self._by_key.get((claim.value.kind, ref, fact_id)) if fact_id else None
        if before is None:
            self._add(claim, ref, person_id)
        elif _known(before).person_id != person_id:
            self._refuse(claim, "eclipse_id", "other_person", "the person this row was first about")
        else:
            self._compare(claim, ref, before)
        return ref

    def _refuse(self, claim: Claim, name: str, code: str, allowed: str) -> None:
        self.plan.refusals.append(Refusal(claim.dataset, claim.row, name, code, allowed, claim.key))

    def _add(self, claim: Claim, ref: str, person_id: str, outcome: str = "added") -> None:
        value = self._observed(claim.value) if claim.undated else claim.value
        fact_id = self._match(claim, value, person_id) or self._new_id()
        self.plan.aliases.append((value.kind, self._source, ref, fact_id))
        self._version(claim, value, person_id, fact_id, flags=tuple(sorted({*claim.flags})))
        self.plan.tally[claim.dataset, outcome] += 1

    def _observed(self, value: Fact) -> Fact:
        if getattr(value, "started_on", self) is not None:
            return value
        return replace(value, started_on=self._observed_on, started_on_basis=Basis.OBSERVED)  # type: ignore[call-arg]

    def _match(self, claim: Claim, value: Fact, person_id: str) -> str | None:
        """The one fact of another stream that this can only be; overlap with a contradiction is left to a person."""
        prefix = f"{claim.dataset}/"
        others = [
            fact
            for fact in self._by_person[person_id, value.kind]
            if not (_known(fact).source is self._source and _known(fact).source_ref.startswith(prefix))
        ]
        if isinstance(value, Person):
            return next((_known(fact).fact_id for fact in others), None)
        near = [fact for fact in others if overlap(value, fact)]
        same = {_known(fact).fact_id for fact in near if not contradict(value, fact)}
        same -= {_known(fact).fact_id for fact in near if contradict(value, fact)}
        same = {fact_id for fact_id in same if (claim.dataset, fact_id) not in self._joined}
        if len(same) == 1:
            self._joined.add((claim.dataset, found := same.pop()))
            return found
        if near:
            self.plan.proposed_matches.append((claim.dataset, claim.row))
        return None

    def _compare(self, claim: Claim, ref: str, before: Fact) -> None:
        value, blanked = kept(before, claim.value, undated=claim.undated, flags=claim.flags)
        known = _known(before)
        flags = tuple(sorted({*claim.flags, *blanked}))
        if claim.undated and any(getattr(value, name) != getattr(before, name) for name in before.defines):
            ended = replace(before, ended_on=self._observed_on)  # type: ignore[call-arg]
            self._version(claim, ended, known.person_id, known.fact_id, flags=known.flags, closes=known.version_id)
            self._add(claim, ref, known.person_id, "changed")
        elif value == before and flags == tuple(flag for flag in known.flags if flag != DISPLACED):
            self.plan.tally[claim.dataset, "unchanged"] += 1
        else:
            closed = end_of(value) is not None and end_of(before) is None
            flags = self._marked(value, before, flags)
            self._version(claim, value, known.person_id, known.fact_id, flags=flags, closes=known.version_id)
            self.plan.tally[claim.dataset, "closed" if closed else "changed"] += 1

    def _marked(self, value: Fact, before: Fact, flags: tuple[str, ...]) -> tuple[str, ...]:
        """The flags, with `displaced` where an entry by hand stands over what `value` only says again."""
        known, again = _known(before), DISPLACED in _known(before).flags
        same = (end_of(value), start_of(value)) == (end_of(before), start_of(before)) and all(
            getattr(value, n) == getattr(before, n) for n in before.defines
        )
        stood = [
            fact
            for fact in self._by_person[known.person_id, before.kind]
            if (entry := _known(fact)).fact_id == known.fact_id
            and entry.source is Source.API
            and entry.effective_at is not None
            and (again or entry.recorded_at >= known.recorded_at)
        ]
        if not same or not any(differ(value, entry) for entry in stood):
            return flags
        return tuple(sorted({*flags, DISPLACED}))

    def _version(
        self,
        claim: Claim,
        value: Fact,
        person_id: str,
        fact_id: str,
        *,
        flags: tuple[str, ...],
        closes: str | None = None,
    ) -> None:
        version = NewVersion(
            fact=value,
            person_id=person_id,
            fact_id=fact_id,
            source=self._source,
            source_ref=f"{claim.dataset}/{claim.key}",
            confidence=Confidence.OBSERVED if claim.undated else claim.confidence,
            flags=flags,
            closes=(closes,) if closes else (),
        )
        self.plan.versions.append(version)

    def _mark_absent(self, extract: Extract, said: set[str]) -> None:
        silent = {r.dataset for r in self.plan.refusals if not r.key}
        refused = {f"{r.dataset}/{r.key}".removesuffix("/") for r in self.plan.refusals if r.key}
        watched = {name for name in self._full - silent if extract.rows.get(name)}
        for (kind, ref, fact_id), fact in self._by_key.items():
            dataset = ref.split("/", 1)[0]
            known = _known(fact)
            if dataset not in watched or ref in said or any(ref == key or ref.startswith(f"{key}/") for key in refused):
                continue
            if isinstance(fact, Contact) or end_of(fact) is not None or self._held.aliases.get((kind, ref)) != fact_id:
                continue
            if LEFT in known.flags:
                continue
            self.plan.versions.append(
                NewVersion(
                    fact=fact, person_id=known.person_id, fact_id=fact_id, source=self._source, source_ref=ref,
                    confidence=known.confidence, closes=(known.version_id,),
                    flags=self._marked(fact, fact, tuple(sorted({*known.flags, LEFT}))),
                )
            )  # fmt: skip
            self.plan.tally[dataset, LEFT] += 1


def _known(fact: Fact) -> Known:
    if fact.known is None:
        raise ValueError("what is held has an envelope")
    return fact.known


def kept(before: Fact, after: Fact, *, undated: bool, flags: Iterable[str] = ()) -> tuple[Fact, set[str]]:
    """`after` with every blank that follows a value filled from `before`, and a flag for each.

    A cell that could not be mapped is no blank: something new was said, and the old value no longer stands,
    unless it was the worse (`_outlasts`): not understanding what is said ends no danger, whatever is said of a
    place that could not be read.
    """
    unread = {flag.removeprefix(UNMAPPED) for flag in flags if flag.startswith(UNMAPPED)}
    if "code" in unread and isinstance(before, Accommodation) and is_breach(before):
        after = replace(after, suitable=before.suitable, unacceptable=before.unacceptable)  # type: ignore[call-arg]
    filled: dict[str, Any] = {}
    for name in (f.name for f in fields(after) if f.name != "known"):
        old, new = getattr(before, name), getattr(after, name)
        if old is None or new is not None or name in _ENDS:
            continue
        if name not in unread or _outlasts(before, name):
            filled[name] = old
    if undated and _starts_no_earlier(before, after):
        filled["started_on"] = getattr(before, "started_on", None)
        if hasattr(before, "started_on_basis"):
            filled["started_on_basis"] = before.started_on_basis
    dates_of_ours = {"started_on", "started_on_basis"} if undated else set()
    blanked = {f"{NO_LONGER}:{name}" for name in filled if name not in dates_of_ours}
    return (replace(after, **filled) if filled else after), blanked


def _starts_no_earlier(before: Fact, after: Fact) -> bool:
    """Whether the start we hold stands: none is said, or the same team is said again, by a new worker in it."""
    was, now = getattr(before, "started_on", None), getattr(after, "started_on", None)
    return now is None or (isinstance(after, Responsibility) and was is not None and was <= now)


def _outlasts(before: Fact, name: str) -> bool:
    if isinstance(before, Accommodation):
        return is_breach(before)
    if isinstance(before, CareLeaverStatus):
        return before.in_touch not in (InTouch.YES, None) if name == "in_touch" else False
    return False


def overlap(one: Fact, other: Fact) -> bool:
    """Whether two facts of a kind speak of the same days; a missing start is taken as long ago."""
    if isinstance(one, Contact) and isinstance(other, Contact):
        return one.occurred_at == other.occurred_at
    if isinstance(one, PlanCount):
        return True
    if isinstance(one, CpReview | ClaReview) and isinstance(other, CpReview | ClaReview):
        return not {one.held_on, one.due_on}.isdisjoint({other.held_on, other.due_on} - {None})
    starts = [start_of(one) or date.min, start_of(other) or date.min]
    ends = [end_of(one) or date.max, end_of(other) or date.max]
    return max(starts) <= min(ends)


def _changed(said: Iterable[T], held: Mapping[str, T], code: Callable[[T], str]) -> list[T]:
    changed: dict[str, T] = {}
    for each in said:
        before = changed.get(code(each)) or held.get(code(each))
        after = each if before is None else replace(each, **_blanks_filled(each, before))
        if after != before:
            changed[code(each)] = after
    return list(changed.values())


def _blanks_filled(each: Team | Worker, before: Team | Worker) -> dict[str, Any]:
    return {f.name: getattr(before, f.name) for f in fields(each) if getattr(each, f.name) is None}
