"""An extract beside what is held: what is new, changed, closed, gone from the extract, or refused.

Nothing here ends a fact because a source fell silent: a blank after a value keeps the
value and says so, a row gone from a full dataset is marked `left_the_extract` and still counts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any, TypeVar

from service.domain.blanks import begins, kept
from service.domain.changes import Change, Held, Plan, Unit
from service.domain.facts import (
    Basis,
    ClaReview,
    Confidence,
    Contact,
    CpReview,
    Fact,
    Known,
    Person,
    PlanCount,
    Source,
)
from service.domain.identity_check import other_person
from service.domain.intake import Claim, Extract, Refusal, Team, Worker
from service.domain.standing import DISPLACED, END_NAMED, contradict, differ, end_of, start_of
from service.domain.versions import NewVersion

LEFT = "left_the_extract"
DELETED = "deleted_at_source"
_LONGEST_REF = 160
T = TypeVar("T", Team, Worker)


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
        self._reused: frozenset[str] = frozenset()
        for fact in held.versions:
            known = _known(fact)
            self._by_person[known.person_id, fact.kind].append(fact)
            if known.source is source:
                self._joined.add((known.source_ref.split("/", 1)[0], known.fact_id))
                self._by_key[fact.kind, known.source_ref, known.fact_id] = fact

    def run(self, extract: Extract) -> Plan:
        """Compare everything the extract says."""
        self.plan.refusals.extend(extract.refusals)
        self.plan.placeholders = extract.placeholders
        self.plan.unusable = frozenset(r.dataset for r in extract.refusals if r.whole)
        self._introduce(extract)
        self._reused = self._ids_reused(extract)
        self._reference(extract)
        said = {ref for claim in extract.claims if (ref := self._claim(claim))}
        self.plan.said = frozenset(said)
        self._mark_absent(extract, said)
        for dataset, _ in {(refusal.dataset, refusal.row) for refusal in self.plan.refusals}:
            self.plan.tally[dataset, "refused"] += 1
        return self.plan

    def _introduce(self, extract: Extract) -> None:
        for claim in extract.claims:
            if isinstance(claim.value, Person) and claim.eclipse_id not in self._people:
                self._people[claim.eclipse_id] = self.plan.new_people[claim.eclipse_id] = self._new_id()

    def _ids_reused(self, extract: Extract) -> frozenset[str]:
        """Eclipse ids under which the extract means somebody else than we do: nothing lands on the old person.

        What an earlier push of another dataset said of an id holds until that dataset takes it back.
        """
        said = [claim for claim in (*extract.claims, *extract.doubted) if isinstance(claim.value, Person)]
        other = {claim.eclipse_id for claim in said if self._means_another(claim)}
        agreed = {(claim.eclipse_id, claim.dataset) for claim in said if claim.eclipse_id not in other}
        earlier = {
            eclipse_id
            for eclipse_id, datasets in self._held.contested.items()
            if eclipse_id in self._held.people and any((eclipse_id, name) not in agreed for name in datasets)
        }
        return frozenset(other | earlier)

    def _means_another(self, claim: Claim) -> bool:
        person_id = self._people.get(claim.eclipse_id)
        held = self._by_person.get((person_id, Person.kind), ()) if person_id else ()
        return isinstance(claim.value, Person) and any(
            isinstance(each, Person) and other_person(each, claim.value) for each in held
        )

    def _reference(self, extract: Extract) -> None:
        self.plan.teams = _changed(extract.teams, self._held.teams, lambda team: team.code)
        self.plan.workers = _changed(extract.workers, self._held.workers, lambda worker: worker.ref)

    def _claim(self, claim: Claim) -> str | None:
        ref = f"{claim.dataset}/{claim.key}"
        person_id = self._people.get(claim.eclipse_id)
        if person_id is None:
            self._refuse(claim, "eclipse_id", "person_not_found", "a person this push or an earlier one introduces")
            return ref
        if claim.eclipse_id in self._reused:
            self._refuse(claim, "eclipse_id", "id_reused", "the person this id was first about, or a released id")
            return ref
        if person_id in self._held.sealed:
            self._refuse(claim, "eclipse_id", "sealed", "nothing: the record is sealed")
            return ref
        if len(ref) > _LONGEST_REF:
            self._refuse(claim, "key", "too_long", f"at most {_LONGEST_REF} characters with the dataset's name")
            return None
        before = self._before(claim, ref)
        if before is not None and _known(before).person_id != person_id:
            self._refuse(claim, "eclipse_id", "other_person", "the person this row was first about")
        elif claim.deleted:
            self._delete(claim, ref, before)
        elif before is None:
            self._add(claim, ref, person_id)
        else:
            self._compare(claim, ref, before)
        return ref

    def _before(self, claim: Claim, ref: str) -> Fact | None:
        """What this source's key meant until now; nothing where it meant a person who had the Eclipse id before."""
        fact_id = self._held.aliases.get((claim.value.kind, ref))
        before = self._by_key.get((claim.value.kind, ref, fact_id)) if fact_id else None
        earlier = self._held.former.get(claim.eclipse_id, frozenset())
        return None if before is None or _known(before).person_id in earlier else before

    def _delete(self, claim: Claim, ref: str, before: Fact | None) -> None:
        """The marker of a delta: what runs ends on the day of the extract, what has no end is taken out of the file."""
        if before is None:
            self.plan.tally[claim.dataset, "unchanged"] += 1
            return
        known = _known(before)
        end = END_NAMED.get(before.kind)
        if end is None and not isinstance(before, Person):
            gone = (known.version_id,)
            self._unit(claim.dataset, claim.row, ref, before, Change.CLOSED, (), withdrawn=gone)
        elif end is None or end_of(before) is not None:
            self.plan.tally[claim.dataset, "unchanged"] += 1
        else:
            day = max(self._observed_on, start_of(before) or self._observed_on)
            ended: Fact = replace(before, **{end: day})  # type: ignore[arg-type]
            version = self._version(
                claim, ended, known.person_id, known.fact_id, flags=(*known.flags, DELETED), closes=known.version_id
            )
            self._unit(claim.dataset, claim.row, ref, before, Change.CLOSED, (version,))

    def _unit(
        self, dataset: str, row: int | None, ref: str, about: Fact | NewVersion, change: Change,
        versions: tuple[NewVersion, ...], *, aliases: tuple[tuple[str, Source, str, str], ...] = (),
        withdrawn: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        kind = about.fact.kind if isinstance(about, NewVersion) else about.kind
        person_id = about.person_id if isinstance(about, NewVersion) else _known(about).person_id
        seals = any(self._seals(version) for version in versions)
        self.plan.units.append(Unit(dataset, row, ref, person_id, kind, change, versions, aliases, withdrawn, seals))
        self.plan.tally[dataset, change.value] += 1

    def _seals(self, version: NewVersion) -> bool:
        """Whether this is the first to say that somebody we hold was adopted."""
        if not isinstance(version.fact, Person) or version.fact.adopted_on is None:
            return False
        held = self._by_person.get((version.person_id, Person.kind), ())
        return bool(held) and all(isinstance(each, Person) and each.adopted_on is None for each in held)

    def _refuse(self, claim: Claim, name: str, code: str, allowed: str) -> None:
        self.plan.refusals.append(Refusal(claim.dataset, claim.row, name, code, allowed, claim.key))

    def _add(self, claim: Claim, ref: str, person_id: str) -> None:
        added, aliases = self._opened(claim, ref, person_id)
        self._unit(claim.dataset, claim.row, ref, added, Change.ADDED, (added,), aliases=aliases)

    def _opened(
        self, claim: Claim, ref: str, person_id: str
    ) -> tuple[NewVersion, tuple[tuple[str, Source, str, str], ...]]:
        value = self._observed(claim.value) if claim.undated else claim.value
        fact_id = self._match(claim, value, person_id) or self._new_id()
        added = self._version(claim, value, person_id, fact_id, flags=tuple(sorted({*claim.flags})))
        return added, ((value.kind, self._source, ref, fact_id),)

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
        if not (claim.undated or claim.flags or _known(before).flags) and claim.value == before:
            self.plan.tally[claim.dataset, "unchanged"] += 1
            return
        known = _known(before)
        unsaid = frozenset[str]() if claim.undated or DELETED in known.flags else claim.unsaid
        value, blanked = kept(before, claim.value, undated=claim.undated, flags=claim.flags, unsaid=unsaid)
        flags = tuple(sorted({*claim.flags, *blanked}))
        if claim.undated and any(getattr(value, name) != getattr(before, name) for name in before.defines):
            over = end_of(before) is not None  # deleted at its source: that end stays
            ended = before if over else replace(before, ended_on=self._observed_on)  # type: ignore[call-arg]
            last = self._version(
                claim, ended, known.person_id, known.fact_id, flags=known.flags, closes=known.version_id
            )
            begun, carried = begins(before, claim.value, value, blanked)
            first, aliases = self._opened(
                replace(claim, value=begun, flags=(*claim.flags, *carried)), ref, known.person_id
            )
            self._unit(claim.dataset, claim.row, ref, before, Change.CHANGED, (last, first), aliases=aliases)
        elif value == before and flags == tuple(flag for flag in known.flags if flag != DISPLACED):
            self.plan.tally[claim.dataset, "unchanged"] += 1
        else:
            change = _change(before, value, {*blanked} - {*known.flags})
            flags = self._marked(value, before, flags)
            version = self._version(claim, value, known.person_id, known.fact_id, flags=flags, closes=known.version_id)
            self._unit(claim.dataset, claim.row, ref, before, change, (version,))

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
    ) -> NewVersion:
        return NewVersion(
            fact=value,
            person_id=person_id,
            fact_id=fact_id,
            source=self._source,
            source_ref=f"{claim.dataset}/{claim.key}",
            confidence=Confidence.OBSERVED if claim.undated else claim.confidence,
            flags=flags,
            closes=(closes,) if closes else (),
        )

    def _mark_absent(self, extract: Extract, said: set[str]) -> None:
        silent = {r.dataset for r in self.plan.refusals if not r.key}
        refused = {f"{r.dataset}/{r.key}".removesuffix("/") for r in self.plan.refusals if r.key}
        watched = {name for name in self._full - silent - extract.placeholders if name in extract.rows}
        speaking = {claim.dataset for claim in extract.claims} | {r.dataset for r in self.plan.refusals}
        for (kind, ref, fact_id), fact in self._by_key.items():
            dataset = ref.split("/", 1)[0]
            known = _known(fact)
            if isinstance(fact, Contact) or end_of(fact) is not None or self._held.aliases.get((kind, ref)) != fact_id:
                continue
            if LEFT in known.flags or known.person_id in self._held.sealed:
                continue
            self.plan.running[dataset] += 1
            if dataset not in watched or ref in said or any(ref == key or ref.startswith(f"{key}/") for key in refused):
                continue
            version = NewVersion(
                fact=fact, person_id=known.person_id, fact_id=fact_id, source=self._source, source_ref=ref,
                confidence=known.confidence, closes=(known.version_id,),
                flags=self._marked(fact, fact, tuple(sorted({*known.flags, LEFT}))),
            )  # fmt: skip
            self._unit(dataset, None, ref, fact, Change.LEFT, (version,))
        self.plan.emptied = frozenset(name for name in watched - speaking if self.plan.running[name])


def _change(before: Fact, after: Fact, blanked: set[str]) -> Change:
    if end_of(after) is not None and end_of(before) is None:
        return Change.CLOSED
    return Change.BLANKED if blanked and after == before else Change.CHANGED


def _known(fact: Fact) -> Known:
    if fact.known is None:
        raise ValueError("what is held has an envelope")
    return fact.known


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
    blank = {f.name for f in fields(each) if getattr(each, f.name) is None}
    if isinstance(each, Worker) and each.back:
        blank.discard("ended_on")
    return {name: getattr(before, name) for name in blank}
