"""Take in a pushed batch: manifest, datasets, plan, apply, report. All of it or none of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from service.domain.access import User
from service.domain.comparison import Comparison, Held, Plan
from service.domain.dates import london_day
from service.domain.facts import Contact, Fact, Source
from service.domain.intake import Extract
from service.errors import Conflict, NotFound, OlderExtract, RunContentDiffers, Unprocessable
from service.readers import profiles
from service.readers.mapping import CodeMap
from service.readers.profiles import dataset_name
from service.store import audit, extracts, facts, people, record, reference
from service.store.extracts import Batch
from service.store.types import new_id

AHEAD = timedelta(minutes=5)
REFUSALS_SHOWN = 1000
MANY = 1000  # versions in one batch from which the database's idea of its tables is out of date
OUTCOMES = ("added", "changed", "closed", "unchanged", "left_the_extract", "refused")


@dataclass(frozen=True, slots=True)
class Declared:
    """A dataset as the manifest declares it. `mode` is full or delta; `rows` are data rows."""

    name: str
    mode: str
    rows: int
    sha256: str


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch whose datasets have been read, before anything is locked."""

    batch: Batch
    extract: Extract


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
    extracts.open_batch(session, batch, at=at)
    audit.note(
        session, "ingest.open", by=by.user_id, at=at, detail={"batch_id": batch.batch_id, "run_id": batch.run_id}
    )
    return batch, True


def _declared(batch: Batch) -> dict[str, Declared]:
    return {d["name"]: Declared(**d) for d in batch.manifest["datasets"]}


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


def put_dataset(session: Session, batch_id: str, name: str, content: bytes, *, by: User, at: datetime) -> Batch:
    """Keep one dataset's bytes, if they are the ones declared."""
    batch = _found(extracts.get(session, batch_id))
    declared = _declared(batch).get(dataset_name(batch.profile, name))
    if declared is None:
        raise Unprocessable(("name", "not_declared", "a dataset of the manifest"))
    if hashlib.sha256(content).hexdigest() != declared.sha256:
        raise Unprocessable(("sha256", "differs", "the bytes whose sha256 the manifest declares"))
    if batch.state == "open":
        extracts.put_dataset(session, batch_id, declared.name, content, at=at)
    return batch


def prepare(session: Session, batch_id: str, codes: CodeMap) -> Prepared:
    """Read a batch's datasets. Needs no lock: bytes do not change once they match the manifest."""
    batch = _found(extracts.get(session, batch_id))
    if batch.state == "applied":
        return Prepared(batch, Extract((), (), (), (), {}))
    sent, declared = extracts.datasets(session, batch_id), _declared(batch)
    absent = sorted(declared.keys() - sent.keys())
    if absent:
        raise Conflict(*[(f"datasets.{name}", "not_sent", "PUT it first") for name in absent])
    extract = profiles.read(batch.profile, sent, codes, batch.extracted_at)
    differing = [d.name for d in declared.values() if extract.rows.get(d.name, 0) != d.rows]
    if differing:
        raise Unprocessable(*[_why_rows_differ(extract, name) for name in differing])
    return Prepared(batch, extract)


def _why_rows_differ(extract: Extract, name: str) -> tuple[str, str, str]:
    """A file that could not be read to its end says why; any other has other rows than declared."""
    unreadable = next((r for r in extract.refusals if r.dataset == name), None)
    if unreadable is not None and not extract.rows.get(name):
        return f"datasets.{name}", unreadable.code, unreadable.allowed
    return f"datasets.{name}.rows", "differs", "the number of data rows sent"


def plan(session: Session, prepared: Prepared, *, at: datetime) -> dict[str, Any]:
    """What applying the batch would do, row by row counted. Changes nothing."""
    if prepared.batch.state == "applied" and prepared.batch.report:
        return dict(prepared.batch.report)
    compared = _compare(session, prepared, at=at)
    return _report(prepared, compared, state="planned")


def apply(session: Session, prepared: Prepared, *, by: User, at: datetime) -> dict[str, Any]:
    """Apply the batch as one step, compared again with what is held now. Applied before: the same report."""
    batch = _found(extracts.get(session, prepared.batch.batch_id, lock=True))
    if batch.state == "applied" and batch.report:
        return dict(batch.report)
    declared = tuple(_declared(batch).values())
    _refuse_older(session, batch.source, batch.profile, declared, batch.extracted_at)
    compared = _compare(session, prepared, at=at)
    report = _report(prepared, compared, state="applied") | {"applied_at": at.isoformat()}
    audit_id = audit.note(
        session, "ingest.apply", by=by.user_id, at=at,
        people={v.person_id for v in compared.versions}, detail={"batch_id": batch.batch_id, "run_id": batch.run_id},
    )  # fmt: skip
    people.add(session, compared.new_people, at=at)
    reference.remember_teams(session, compared.teams, at=at)
    reference.remember_workers(session, compared.workers, at=at)
    record.append(session, compared.versions, by=by.user_id, at=at, audit_id=audit_id)
    record.remember_aliases(session, compared.aliases, at=at)
    if len(compared.versions) >= MANY:
        record.gather_statistics(session, {version.fact.kind for version in compared.versions})
    marks = [(d.name, batch.extracted_at, d.sha256) for d in declared]
    extracts.note_watermarks(session, batch.source, batch.profile, batch.batch_id, marks, at=at)
    extracts.close_batch(session, batch.batch_id, report, at=at)
    return report


def report(session: Session, batch_id: str) -> dict[str, Any]:
    """What came of a batch; before it is applied, what it declares."""
    batch = _found(extracts.get(session, batch_id))
    if batch.report:
        return dict(batch.report)
    return _heading(batch, batch.state) | {"datasets": list(batch.manifest["datasets"]), "refusals": []}


def _compare(session: Session, prepared: Prepared, *, at: datetime) -> Plan:
    batch, extract = prepared.batch, prepared.extract
    declared = _declared(batch)
    aliases = record.aliases_of(session, batch.source)
    fed = {kind for kind, ref in aliases if ref.split("/", 1)[0] in declared}
    kinds = {claim.value.kind for claim in extract.claims} | fed
    ids = people.ids_by_eclipse(session)
    held = Held(
        people=ids,
        aliases=aliases,
        versions=[v for kind in sorted(kinds - {"contact"}) for v in facts.of_kind(session, kind)]
        + _held_contacts(session, extract, ids, aliases),
        teams=reference.teams(session),
        workers=reference.workers(session),
    )
    full = frozenset(d.name for d in declared.values() if d.mode == "full")
    observed_on = london_day(batch.extracted_at)
    return Comparison(
        held, source=batch.source, observed_on=observed_on, new_id=lambda: new_id(at), full=full
    ).run(extract)  # fmt: skip


def _held_contacts(
    session: Session, extract: Extract, ids: Mapping[str, str], aliases: Mapping[tuple[str, str], str]
) -> list[Fact]:
    """Contacts that those of the extract may be: at or after the earliest of them, or known by their keys."""
    said = [claim for claim in extract.claims if isinstance(claim.value, Contact)]
    if not said:
        return []
    since = min(claim.value.occurred_at for claim in said if isinstance(claim.value, Contact))
    found = facts.contacts_since(session, {ids[c.eclipse_id] for c in said if c.eclipse_id in ids}, since)
    keyed = {aliases.get((Contact.kind, f"{claim.dataset}/{claim.key}")) for claim in said}
    earlier = keyed - {None} - {contact.known.fact_id for contact in found if contact.known}
    return found + facts.of_facts(session, Contact.kind, [fact_id for fact_id in earlier if fact_id])


def _heading(batch: Batch, state: str) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "profile": batch.profile,
        "source": batch.source.value,
        "run_id": batch.run_id,
        "extracted_at": batch.extracted_at.isoformat(),
        "state": state,
    }


def _report(prepared: Prepared, compared: Plan, *, state: str) -> dict[str, Any]:
    refused = sorted(compared.refusals, key=lambda r: (r.dataset, r.row))
    return _heading(prepared.batch, state) | {
        "datasets": [
            {"name": d.name, "mode": d.mode, "rows": d.rows}
            | {outcome: compared.tally[d.name, outcome] for outcome in OUTCOMES}
            for d in _declared(prepared.batch).values()
        ],
        "people_added": len(compared.new_people),
        "teams_changed": len(compared.teams),
        "workers_changed": len(compared.workers),
        "only_the_watermark_moved": not (
            compared.versions or compared.teams or compared.workers or compared.new_people
        ),
        "proposed_matches": [{"dataset": name, "row": row} for name, row in compared.proposed_matches[:REFUSALS_SHOWN]],
        "refused": len({(r.dataset, r.row) for r in refused}),
        "refusals": [
            {"dataset": r.dataset, "row": r.row, "field": r.field, "code": r.code, "allowed": r.allowed}
            for r in refused[:REFUSALS_SHOWN]
        ],
    }
