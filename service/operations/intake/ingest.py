"""Take in a pushed batch: manifest, datasets, plan, apply. All of it or none, but for what waits for a person."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from service.domain.access import User
from service.domain.changes import Plan, Unit
from service.domain.dates import london_day
from service.domain.facts import Source
from service.domain.intake import Extract, Refusal
from service.errors import Conflict, Expired, NotFound, OlderExtract, RunContentDiffers, Unprocessable
from service.operations.intake import data_quality, holds, reports
from service.operations.intake.weighing import Declared, Prepared, declared_of, weigh
from service.readers import profiles
from service.readers.mapping import CodeMap
from service.readers.profiles import dataset_name
from service.store import audit, extracts, identifiers, people, record, reference
from service.store import holds as kept
from service.store.extracts import Batch, Content
from service.store.schema import FACTS
from service.store.types import new_id

AHEAD = timedelta(minutes=5)
STAYS_OPEN = timedelta(days=7)
TEAMS, WORKERS = {"teams", "ssd_department"}, {"workers", "ssd_professionals"}
MANY = 1000  # versions in one batch from which the database's idea of its tables is out of date


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a push says it brings."""

    profile: str
    source: Source
    run_id: str
    extracted_at: datetime
    datasets: tuple[Declared, ...]

    @property
    def digest(self) -> str:
        """One hash over all that was declared, in any order of datasets."""
        said = [asdict(d) for d in sorted(self.datasets, key=lambda d: d.name)]
        return hashlib.sha256(json.dumps([self.extracted_at.isoformat(), said], sort_keys=True).encode()).hexdigest()


def open_batch(session: Session, manifest: Manifest, *, by: User, at: datetime) -> tuple[Batch, bool]:
    """Keep a manifest. Returns the batch and whether it is new: the same run id and content give the same batch."""
    if manifest.extracted_at > at + AHEAD:
        raise Unprocessable(("extracted_at", "in_future", "at most 5 minutes ahead"))
    canonical = tuple(
        Declared(dataset_name(manifest.profile, d.name), d.mode, d.rows, d.sha256) for d in manifest.datasets
    )
    if len({d.name for d in canonical}) < len(canonical):
        raise Unprocessable(("datasets", "duplicate", "each dataset once"))
    manifest = Manifest(manifest.profile, manifest.source, manifest.run_id, manifest.extracted_at, canonical)
    held = extracts.by_run(session, manifest.profile, manifest.source, manifest.run_id)
    if held is not None:
        if held.digest != manifest.digest:
            raise RunContentDiffers
        return held, False
    _refuse_older(session, manifest.source, manifest.profile, canonical, manifest.extracted_at)
    batch = Batch(
        batch_id=new_id(at), profile=manifest.profile, source=manifest.source, run_id=manifest.run_id,
        digest=manifest.digest, extracted_at=manifest.extracted_at, state="open",
        manifest={"datasets": [asdict(d) for d in canonical]}, report=None, created_by=by.user_id,
    )  # fmt: skip
    extracts.expire(session, opened_before=at - STAYS_OPEN)
    extracts.open_batch(session, batch, at=at)
    audit.note(
        session, "ingest.open", by=by.user_id, at=at, detail={"batch_id": batch.batch_id, "run_id": batch.run_id}
    )
    return batch, True


def _refuse_older(
    session: Session, source: Source, profile: str, datasets: Sequence[Declared], extracted_at: datetime
) -> None:
    marks = extracts.watermarks(session)
    newer = [d.name for d in datasets if marks.get((source, profile, d.name), extracted_at) > extracted_at]
    if newer:
        raise OlderExtract(
            *[(f"datasets.{name}", "older_extract", "an extract not older than the last") for name in newer]
        )


def _found(batch: Batch | None) -> Batch:
    if batch is None:
        raise NotFound
    return batch


def _own(batch: Batch | None, by: User) -> Batch:
    """A batch of one's own that can still go on: to another account it is as if it were not there."""
    if batch is None or batch.created_by != by.user_id:
        raise NotFound
    if batch.state == "expired":
        raise Expired
    return batch


def put_dataset(
    session: Session, batch_id: str, name: str, content: bytes | Content, *, by: User, at: datetime
) -> Batch:
    """Keep one dataset's bytes, if they are the ones declared. One push of a batch at a time."""
    batch = _own(extracts.get(session, batch_id, lock=True), by)
    declared = declared_of(batch).get(dataset_name(batch.profile, name))
    if declared is None:
        raise Unprocessable(("name", "not_declared", "a dataset of the manifest"))
    content = Content.of(content) if isinstance(content, bytes) else content
    if content.sha256 != declared.sha256:
        raise Unprocessable(("sha256", "differs", "the bytes whose sha256 the manifest declares"))
    if batch.state == "open":
        extracts.put_dataset(session, batch_id, declared.name, content, at=at)
    return batch


def prepare(session: Session, batch_id: str, codes: CodeMap) -> Prepared:
    """Read a batch's datasets. Needs no lock: bytes do not change once they match the manifest.

    A file that cannot be read, or has other rows than declared, says nothing, and the others still do. Refuses
    (Unprocessable) a batch of which no file can be used.
    """
    batch = _found(extracts.get(session, batch_id))
    if batch.state == "expired":
        raise Expired
    sent, declared = extracts.datasets(session, batch_id), declared_of(batch)
    if batch.state == "applied" and not sent:
        return Prepared(batch, Extract((), (), (), (), {}))
    absent = sorted(declared.keys() - sent.keys())
    if absent:
        raise Conflict(*[(f"datasets.{name}", "not_sent", "PUT it first") for name in absent])
    extract = profiles.read(batch.profile, sent, codes, batch.extracted_at)
    unusable = {r.dataset: r for r in reversed(extract.refusals) if r.whole}
    for name, each in declared.items():
        if name not in unusable and extract.rows.get(name, 0) != each.rows:
            unusable[name] = Refusal(name, 0, "rows", "rows_differ", "the number of data rows sent")
    if len(unusable) == len(declared):
        raise Unprocessable(*[_why_unusable(unusable[name]) for name in declared])
    return Prepared(batch, _without(extract, unusable))


def _why_unusable(refusal: Refusal) -> tuple[str, str, str]:
    if refusal.code == "rows_differ":
        return f"datasets.{refusal.dataset}.rows", "differs", refusal.allowed
    return f"datasets.{refusal.dataset}", refusal.code, refusal.allowed


def _without(extract: Extract, unusable: Mapping[str, Refusal]) -> Extract:
    """The extract without what files that cannot be used said, but for why they cannot."""
    if not unusable:
        return extract
    refusals = [r for r in extract.refusals if r.dataset not in unusable or r.whole]
    refusals += [r for r in unusable.values() if r.code == "rows_differ"]
    return replace(
        extract,
        claims=tuple(claim for claim in extract.claims if claim.dataset not in unusable),
        doubted=tuple(claim for claim in extract.claims if claim.dataset in unusable),
        teams=() if unusable.keys() & TEAMS else extract.teams,
        workers=() if unusable.keys() & WORKERS else extract.workers,
        refusals=tuple(refusals),
    )


def plan(session: Session, prepared: Prepared, *, to: User, at: datetime) -> tuple[dict[str, Any], list[str]]:
    """What applying the batch would do, by row and by cohort, and the person ids it tells of. Changes nothing.

    Its figures tell of everybody whom the batch would change, whether they are named or not.
    """
    if prepared.batch.state == "applied":
        return told(session, prepared.batch.batch_id, to=to, at=at)
    weighed = weigh(session, prepared, at=at, wholly=True)
    written = reports.written(prepared.batch, weighed, state="planned")
    shown, named = reports.shown(session, written, (), to=to, at=at)
    held = {unit.person_id for unit in weighed.compared.units} - set(weighed.compared.new_people.values())
    return shown | reports.by_row(weighed), sorted({*named, *held})


def apply(session: Session, prepared: Prepared, *, by: User, at: datetime) -> dict[str, Any]:
    """Apply the batch as one step, compared again with what is held now, but for what waits for a person.

    Applied before: the same report.
    """
    batch = _own(extracts.get(session, prepared.batch.batch_id, lock=True), by)
    if batch.state == "applied":
        return report(session, batch.batch_id, to=by, at=at)
    declared = tuple(declared_of(batch).values())
    _refuse_older(session, batch.source, batch.profile, declared, batch.extracted_at)
    weighed = weigh(session, prepared, at=at, wholly=False)
    compared = weighed.compared
    waits = {id(unit) for each in weighed.foreseen.held for unit in each.units}
    units = [unit for unit in compared.units if id(unit) not in waits]
    audit_id = audit.note(
        session, "ingest.apply", by=by.user_id, at=at, people={unit.person_id for unit in units},
        detail={"batch_id": batch.batch_id, "run_id": batch.run_id, "held": len(waits)},
    )  # fmt: skip
    people.add(session, compared.new_people, at=at)
    reference.remember_teams(session, compared.teams, at=at)
    reference.remember_workers(session, compared.workers, at=at)
    take(session, units, by=by, at=at, audit_id=audit_id)
    usable = [d for d in declared if d.name not in compared.unusable | prepared.extract.placeholders]
    marks = [(d.name, batch.extracted_at, d.sha256) for d in usable]
    extracts.note_watermarks(session, batch.source, batch.profile, batch.batch_id, marks, at=at)
    holds.keep(session, batch, weighed, [(d.name, d.mode) for d in usable], by=by, at=at, audit_id=audit_id)
    _note_quality(session, batch, prepared.extract, compared, at=at)
    done = reports.written(batch, weighed, state="applied") | {"applied_at": at.isoformat()}
    extracts.close_batch(session, batch.batch_id, done, keep_bytes=bool(waits), at=at)
    return report(session, batch.batch_id, to=by, at=at)


def _note_quality(session: Session, batch: Batch, extract: Extract, compared: Plan, *, at: datetime) -> None:
    whole = frozenset(d.name for d in declared_of(batch).values() if d.mode == "full")
    full = whole - compared.unusable - extract.placeholders
    data_quality.note(
        session, batch=batch, refusals=compared.refusals, claims=extract.claims,
        people=people.ids_by_eclipse(session), full=full, said_rows=extract.rows, at=at,
    )  # fmt: skip


def take(session: Session, units: Sequence[Unit], *, by: User, at: datetime, audit_id: str) -> None:
    """Record what these units say: versions, meanings of keys, versions taken out of the file, records sealed."""
    versions = [version for unit in units for version in unit.versions]
    record.append(session, versions, by=by.user_id, at=at, audit_id=audit_id)
    record.remember_aliases(session, [alias for unit in units for alias in unit.aliases], at=at)
    for kind in sorted({unit.kind for unit in units if unit.withdrawn}):
        gone = [version_id for unit in units if unit.kind == kind for version_id in unit.withdrawn]
        record.withdraw(
            session, kind, gone, by=by.user_id, at=at, reason="its source deleted it", audit_id=audit_id
        )  # fmt: skip
    identifiers.seal(session, identifiers.adopted(session, london_day(at)), at=at)
    if len(versions) >= MANY:
        added = Counter(FACTS[version.fact.kind].name for version in versions)
        whole = dict.fromkeys(("person", "person_identifier"), added["fact_person"])
        record.gather_statistics(session, added | whole | {"fact_alias": len(versions)})


def report(session: Session, batch_id: str, *, to: User, at: datetime) -> dict[str, Any]:
    """As `told`, without whom it names."""
    return told(session, batch_id, to=to, at=at)[0]


def told(session: Session, batch_id: str, *, to: User, at: datetime) -> tuple[dict[str, Any], list[str]]:
    """What came of a batch and of what was held (before it is applied: what it declares), and who is named in it."""
    batch = _found(extracts.get(session, batch_id))
    if not batch.report:
        declared = {"datasets": list(batch.manifest["datasets"]), "refusals": []}
        return reports.heading(batch, batch.state) | declared, []
    return reports.shown(session, batch.report, kept.of_batch(session, batch_id), to=to, at=at)
