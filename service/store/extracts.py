"""Pushed batches: what was declared, what was sent, what came of it, and how far each source has been read."""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

from sqlalchemy import delete, func, insert, select, update
from sqlmodel import Session

from service.domain.facts import Source
from service.store.schema import batch, batch_chunk, batch_dataset, watermark
from service.store.types import new_id

CHUNK = 1024 * 1024
"""Bytes of a dataset that are kept, and read, at a time."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One push. `state` is open, expired or applied; `manifest` is what was declared; `report` what came of it."""

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


def expire(session: Session, *, opened_before: datetime) -> None:
    """Let the bytes go of batches opened before this moment and still open; nobody can apply them any more."""
    left = (batch.c.state == "open") & (batch.c.recorded_at < opened_before)
    session.execute(update(batch).where(left).values(state="expired"))
    gone = select(batch.c.batch_id).where(batch.c.state == "expired")
    for table in (batch_chunk, batch_dataset):
        session.execute(delete(table).where(table.c.batch_id.in_(gone)))


@dataclass(frozen=True, slots=True)
class Content:
    """A dataset's bytes on their way in: read once, piece by piece, and what they were found to be."""

    pieces: Iterable[bytes]
    size: int
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "Content":
        """Bytes that are at hand."""
        pieces = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
        return cls(pieces, len(data), hashlib.sha256(data).hexdigest())


def put_dataset(session: Session, batch_id: str, name: str, content: Content, *, at: datetime) -> None:
    """Keep a dataset's bytes in pieces; sending it again replaces them."""
    _forget(session, batch_id, name)
    values = {"batch_id": batch_id, "name": name, "bytes": content.size, "recorded_at": at}
    session.execute(insert(batch_dataset).values(**values))
    for number, piece in enumerate(content.pieces):
        values = {"batch_id": batch_id, "name": name, "number": number, "content": piece}
        session.execute(insert(batch_chunk), [values])


def datasets(session: Session, batch_id: str) -> dict[str, Callable[[], BinaryIO]]:
    """Name -> what opens its bytes for reading, as long as the session lasts."""
    names = session.scalars(select(batch_dataset.c.name).where(batch_dataset.c.batch_id == batch_id))
    return {name: partial(_opened, session, batch_id, name) for name in names}


def _opened(session: Session, batch_id: str, name: str) -> BinaryIO:
    return io.BufferedReader(_Kept(session, batch_id, name), CHUNK)


class _Kept(io.RawIOBase):
    """The bytes of a dataset, fetched one piece at a time."""

    def __init__(self, session: Session, batch_id: str, name: str) -> None:
        self._session, self._of = session, (batch_chunk.c.batch_id == batch_id, batch_chunk.c.name == name)
        self._next, self._piece = 0, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        if not self._piece:
            query = select(batch_chunk.c.content).where(*self._of, batch_chunk.c.number == self._next)
            self._piece, self._next = memoryview(self._session.scalar(query) or b""), self._next + 1
        target = memoryview(into)
        taken = min(len(target), len(self._piece))
        target[:taken], self._piece = self._piece[:taken], self._piece[taken:]
        return taken


def _forget(session: Session, batch_id: str, name: str | None = None) -> None:
    for table in (batch_chunk, batch_dataset):
        which = [table.c.batch_id == batch_id] + ([table.c.name == name] if name is not None else [])
        session.execute(delete(table).where(*which))


def close_batch(
    session: Session, batch_id: str, report: Mapping[str, Any], *, at: datetime, keep_bytes: bool = False
) -> None:
    """Note that a batch was applied, keep its report, and let its bytes go: nothing is kept twice.

    `keep_bytes`: part of it waits for a person, who decides on these same bytes.
    """
    session.execute(
        update(batch)
        .where(batch.c.batch_id == batch_id)
        .values(state="applied", report=json.dumps(report), applied_at=at)
    )
    if not keep_bytes:
        _forget(session, batch_id)


def let_go(session: Session, batch_id: str) -> None:
    """Let the bytes of a batch go, once nothing of it waits any more."""
    _forget(session, batch_id)


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
