"""From versions to what stands: one person's facts, put together for the rules."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from service.domain.facts import Allocation, Contact, Fact, Person, Source
from service.domain.intake import Worker
from service.domain.one_person import completed, said_once
from service.domain.person import Facts
from service.domain.standing import DISAGREE, end_of, stands, start_of
from service.domain.viewpoint import as_true_by

ATTRIBUTES: dict[str, str] = {
    "responsibility": "responsibilities",
    "allocation": "allocations",
    "care_leaver_status": "care_leaver_statuses",
    "accommodation": "accommodations",
    "contact": "contacts",
    "child_protection_plan": "child_protection_plans",
    "cp_review": "cp_reviews",
    "plan_count": "plan_counts",
    "period_of_care": "periods_of_care",
    "placement": "placements",
    "legal_status": "legal_statuses",
    "cla_review": "cla_reviews",
    "pre_proceedings": "pre_proceedings",
    "care_proceedings": "care_proceedings",
    "permanence_plan": "permanence_plans",
    "missing_episode": "missing_episodes",
}
NOTHING: Mapping[str, Sequence[Fact]] = {}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def by_person(versions: Iterable[Fact]) -> dict[str, list[Fact]]:
    """Person id -> versions."""
    grouped: dict[str, list[Fact]] = defaultdict(list)
    for version in versions:
        grouped[version.known.person_id].append(version)  # type: ignore[union-attr]
    return grouped


def assemble(
    versions: Iterable[Fact],
    *,
    person_id: str,
    eclipse_id: str | None = None,
    restricted: bool = False,
    as_at: date | None = None,
    before: Mapping[str, Sequence[Fact]] = NOTHING,
) -> Facts:
    """What stands of one person out of the versions known, settled first and then read as at a London day.

    `before` are versions since replaced, by fact id (`store.facts.said_before`). What waits for a second
    person is kept apart. Versions kept under another person's id are of the same person, merged into this one.
    """
    by_fact: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    merged = False
    for version in versions:
        by_fact[version.kind, version.known.fact_id].append(version)  # type: ignore[union-attr]
        merged |= version.known.person_id != person_id  # type: ignore[union-attr]
    standing: dict[str, list[Any]] = defaultdict(list)
    proposed: list[Fact] = []
    identities: list[Person] = []
    for (kind, fact_id), group in by_fact.items():
        fact, waiting = stands(group)
        proposed.extend(waiting)
        if fact is not None and as_at is not None:
            fact = as_true_by(fact, as_at, before.get(fact_id, ()))
        if isinstance(fact, Person):
            identities.append(fact)
        elif fact is not None:
            standing[ATTRIBUTES[kind]].append(fact)
    if merged:
        standing = said_once(standing, person_id)
    for facts in standing.values():
        if len(facts) > 1:
            facts.sort(key=_order)
    places = standing.get("accommodations", [])
    if any(DISAGREE in each.known.flags and end_of(each) is not None for each in places):
        standing["accommodations"] = [_disputed(each) for each in places]
    return Facts(
        person_id=person_id,
        eclipse_id=eclipse_id,
        restricted=restricted,
        person=completed(identities, person_id),
        proposed=tuple(proposed),
        **{attribute: tuple(facts) for attribute, facts in standing.items()},
    )


def _disputed(place: Fact) -> Fact:
    """A place entered by hand, while a feed still says that the place before it runs on."""
    known = place.known
    if known is None or known.source is not Source.API or end_of(place) is not None or DISAGREE in known.flags:
        return place
    return replace(place, known=replace(known, flags=tuple(sorted({*known.flags, DISAGREE}))))


def _order(fact: Fact) -> tuple[datetime, date, str]:
    occurred = fact.occurred_at if isinstance(fact, Contact) else _LONG_AGO
    return occurred, start_of(fact) or date.min, fact.known.version_id if fact.known else ""


def without_leavers(facts: Facts, workers: Mapping[str, Worker], *, on: date) -> Facts:
    """The same facts, where nobody who has left by that day owns anything: no allocation outlasts its worker."""
    gone = {ref for ref in _named(facts) if _left(workers.get(ref), on)}
    if not gone:
        return facts
    allocations = tuple(_until_they_left(each, workers[each.worker_ref]) if each.worker_ref in gone else each
                        for each in facts.allocations)  # fmt: skip
    statuses = tuple(replace(each, personal_adviser_ref=None) if each.personal_adviser_ref in gone else each
                     for each in facts.care_leaver_statuses)  # fmt: skip
    return replace(facts, allocations=allocations, care_leaver_statuses=statuses)


def _named(facts: Facts) -> set[str]:
    advisers = {status.personal_adviser_ref for status in facts.care_leaver_statuses} - {None}
    return {allocation.worker_ref for allocation in facts.allocations} | {ref for ref in advisers if ref}


def _left(worker: Worker | None, on: date) -> bool:
    return worker is not None and worker.ended_on is not None and worker.ended_on < on


def _until_they_left(allocation: Allocation, worker: Worker) -> Allocation:
    left_on = worker.ended_on
    if left_on is None or (allocation.ended_on is not None and allocation.ended_on <= left_on):
        return allocation
    return replace(allocation, ended_on=left_on)
