"""Pushed batches: what was declared, what was sent, what came of it, and how far each source has been read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session

from service.domain.facts import Source
from service.store.schema import batch, batch_chunk, batch_dataset, watermark
from service.store.types import new_id


@dataclass(frozen=True, slots=True)
class Batch:
    """One push. `state` is open, planned or applied; `manifest` is what was declared; `report` what came of it."""

    batch_id: str
    profile: str
    source: Source
    run_id: str
    digest: str
    extracted_at: datetime
    state: str
    manifest: Mapping[str, Any]
    report: Mapping[str, Any] | None
    created_by: str


_COLUMNS = [batch.c[name] for name in (
    "batch_id", "profile", "source", "run_id", "digest", "extracted_at", "state", "manifest", "report", "created_by",
)]  # fmt: skip


def _batch(row: Any) -> Batch:
    values = row._asdict()
    values["manifest"] = json.loads(values["manifest"])
    values["report"] = json.loads(values["report"]) if values["report"] else None
    return Batch(**values)


def by_run(session: Session, profile: str, source: Source, run_id: str) -> Batch | None:
    """The batch with this run id."""
    row = session.execute(
        select(*_COLUMNS).where(batch.c.profile == profile, batch.c.source == source, batch.c.run_id == run_id)
    ).first()
    return _batch(row) if row else None


def get(session: Session, batch_id: str, *, lock: bool = False) -> Batch | None:
    """One batch; with `lock`, nobody else may apply it meanwhile."""
    query = select(*_COLUMNS).where(batch.c.batch_id == batch_id)
    row = session.execute(query.with_for_update() if lock else query).first()
    return _batch(row) if row else None


def open_batch(session: Session, new: Batch, *, at: datetime) -> None:
    """Keep a manifest."""
    values = {name: getattr(new, name) for name in ("batch_id", "profile", "source", "run_id", "digest", "extracted_at",
                                                    "state", "created_by")}  # fmt: skip
    session.execute(insert(batch).values(**values, manifest=json.dumps(new.manifest), recorded_at=at))


def put_dataset(session: Session, batch_id: str, name: str, content: bytes, *, at: datetime) -> None:
    """Keep a dataset's bytes; sending it again replaces them."""
    of = (batch_chunk.c.batch_id == batch_id, batch_chunk.c.name == name)
    session.execute(delete(batch_chunk).where(*of))
    session.execute(delete(batch_dataset).where(batch_dataset.c.batch_id == batch_id, batch_dataset.c.name == name))
    values = {"batch_id": batch_id, "name": name, "bytes": len(content), "recorded_at": at}
    session.execute(insert(batch_dataset).values(**values))
    session.execute(insert(batch_chunk).values(batch_id=batch_id, name=name, number=0, content=content))


def datasets(session: Session, batch_id: str) -> dict[str, bytes]:
    """Name -> bytes."""
    rows = session.execute(select(batch_chunk.c.name, batch_chunk.c.content).where(batch_chunk.c.batch_id == batch_id))
    return {name: bytes(content) for name, content in rows}


def close_batch(session: Session, batch_id: str, report: Mapping[str, Any], *, at: datetime) -> None:
    """Note that a batch was applied, keep its report, and let its raw bytes go: nothing is kept twice."""
    session.execute(
        update(batch)
        .where(batch.c.batch_id == batch_id)
        .values(state="applied", report=json.dumps(report), applied_at=at)
    )
    session.execute(delete(batch_chunk).where(batch_chunk.c.batch_id == batch_id))
    session.execute(delete(batch_dataset).where(batch_dataset.c.batch_id == batch_id))


def note_watermarks(
    session: Session, source: Source, profile: str, batch_id: str, marks: Iterable[tuple[str, datetime, str]], *,
    at: datetime,
) -> None:  # fmt: skip
    """(dataset, extracted_at, sha256) for each dataset of a batch."""
    rows = [
        {"watermark_id": new_id(at), "source": source, "profile": profile, "dataset": name, "extracted_at": extracted,
         "sha256": digest, "batch_id": batch_id, "recorded_at": at}
        for name, extracted, digest in marks
    ]  # fmt: skip
    if rows:
        session.execute(insert(watermark), rows)


def watermarks(session: Session, moment: datetime | None = None) -> dict[tuple[Source, str, str], datetime]:
    """(source, profile, dataset) -> newest extract time known at `moment`."""
    query = select(
        watermark.c.source, watermark.c.profile, watermark.c.dataset, func.max(watermark.c.extracted_at)
    ).group_by(watermark.c.source, watermark.c.profile, watermark.c.dataset)
    if moment is not None:
        query = query.where(watermark.c.recorded_at <= moment)
    return {(source, profile, dataset): extracted for source, profile, dataset, extracted in session.execute(query)}
