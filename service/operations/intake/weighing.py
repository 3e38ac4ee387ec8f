"""Set a batch beside what is held, and foresee what would come of it. Changes nothing."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from service.domain.assembly import by_person
from service.domain.changes import Change, Held, Plan
from service.domain.comparison import Comparison
from service.domain.dates import london_day
from service.domain.facts import KINDS, Contact, Fact, Source
from service.domain.foreseeing import NOTHING, Ground, foresee
from service.domain.holding import DEFAULT, EVERYTHING
from service.domain.intake import Extract
from service.domain.viewpoint import Viewpoint
from service.operations.intake.reports import Weighed
from service.store import facts, holds, identifiers, intake, issues, merges, people, reference
from service.store.extracts import Batch
from service.store.types import new_ids

REMEMBERED = timedelta(days=28)
"""How long what was rejected, and is said again, waits again."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A dataset as the manifest declares it. `mode` is full or delta; `rows` are data rows."""

    name: str
    mode: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch whose datasets have been read, before anything is locked."""

    batch: Batch
    extract: Extract


def declared_of(batch: Batch) -> dict[str, Declared]:
    """The datasets of a batch as its manifest declares them, by name."""
    return {d["name"]: Declared(**d) for d in batch.manifest["datasets"]}


def compare(session: Session, prepared: Prepared, *, at: datetime) -> tuple[Plan, Held, frozenset[str]]:
    """The extract beside what is held: the plan, what is held, and the kinds of it that were read."""
    batch, extract = prepared.batch, prepared.extract
    declared = declared_of(batch)
    fed = intake.kinds_fed(session, batch.source, declared)
    kinds = frozenset({claim.value.kind for claim in extract.claims} | fed)
    ids = people.ids_by_eclipse(session)
    versions = [v for kind in sorted(kinds - {Contact.kind}) for v in facts.current_of(session, kind)]
    refs = {f"{claim.dataset}/{claim.key}" for claim in extract.claims}
    refs.update(v.known.source_ref for v in versions if v.known and v.known.source is batch.source)
    aliases = intake.aliases_of(session, batch.source, refs)
    former = identifiers.former_holders(session)
    held = Held(
        people=ids,
        aliases=aliases,
        versions=versions + _held_contacts(session, extract, ids, aliases, former),
        teams=reference.teams(session),
        workers=reference.workers(session),
        former=former,
        sealed=identifiers.sealed(session),
        contested=issues.contested(session, batch.source),
    )
    full = frozenset(d.name for d in declared.values() if d.mode == "full")
    observed_on = london_day(batch.extracted_at)
    comparison = Comparison(
        held, source=batch.source, observed_on=observed_on, new_id=new_ids(at).__next__, full=full
    )  # fmt: skip
    return comparison.run(extract), held, kinds


def weigh(session: Session, prepared: Prepared, *, at: datetime, wholly: bool) -> Weighed:
    """The plan, and what would come of it for people and cohorts.

    What only adds is never held: unless the plan is wanted `wholly`, nothing is foreseen of it.
    """
    compared, held, kinds = compare(session, prepared, at=at)
    if not (compared.units or compared.workers):
        return Weighed(compared, NOTHING)
    adds = all(unit.change is Change.ADDED and not unit.seals for unit in compared.units) and not compared.workers
    uploaded = prepared.batch.source is Source.UPLOAD
    if adds and not (wholly or uploaded):
        return Weighed(compared, NOTHING, foreseen_cohorts=False)
    view = Viewpoint(london_day(at), at)
    everybody: set[str] = set(session.scalars(facts.in_view(view)))
    everybody |= {unit.person_id for unit in compared.units}
    read_as = {
        each.from_person_id: each.into_person_id for each in merges.everything(session) if each.superseded_at is None
    }
    everybody |= {one for pair in read_as.items() for one in pair}
    stands = replace(
        _ground(session, held, kinds, everybody, view, read_as),
        waiting=holds.undecided(session, prepared.batch.source, prepared.batch.profile, since=at - REMEMBERED),
    )
    thresholds = EVERYTHING if uploaded else DEFAULT
    return Weighed(compared, foresee(stands, compared, thresholds=thresholds, at=at))


def _ground(
    session: Session,
    held: Held,
    kinds: frozenset[str],
    everybody: set[str],
    view: Viewpoint,
    read_as: Mapping[str, str],
) -> Ground:
    others = [kind for kind in KINDS if kind not in kinds and kind != Contact.kind]
    found = [v for v in held.versions if v.kind != Contact.kind and v.known and v.known.person_id in everybody]
    found += facts.of_people(session, others, everybody, None) + facts.latest_contacts(session, everybody, view)
    versions: dict[str, list[Fact]] = defaultdict(list)
    for person_id, own in by_person(found).items():
        versions[read_as.get(person_id, person_id)] += own
    return Ground(versions, held.workers, facts.supplied_kinds(session, view), read_as)


def _held_contacts(
    session: Session, extract: Extract, ids: Mapping[str, str], aliases: Mapping[tuple[str, str], str],
    former: Mapping[str, frozenset[str]],
) -> list[Fact]:  # fmt: skip
    """Contacts that those of the extract may be: known by their keys, or else of the same person and moment."""
    said = [(c, c.value) for c in extract.claims if isinstance(c.value, Contact)]
    if not said:
        return []
    meant = [aliases.get((Contact.kind, f"{claim.dataset}/{claim.key}")) for claim, _ in said]
    keyed = facts.of_facts(session, Contact.kind, {fact_id for fact_id in meant if fact_id})
    found = {fact.known.fact_id for fact in keyed if fact.known}
    moments = {
        (ids[claim.eclipse_id], contact.occurred_at)
        for (claim, contact), fact_id in zip(said, meant, strict=True)
        if claim.eclipse_id in ids and (fact_id not in found or claim.eclipse_id in former)
    }
    return keyed + [
        fact for fact in intake.contacts_at(session, moments) if fact.known and fact.known.fact_id not in found
    ]
