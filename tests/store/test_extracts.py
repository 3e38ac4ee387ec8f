"""Pushed batches: kept as declared, bytes until applied, and how far each source has been read."""

import random
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.domain.facts import Source
from service.store import extracts
from service.store.extracts import CHUNK, Batch, Content
from service.store.schema import batch_chunk, batch_dataset
from tests.council import moment

MONDAY, TUESDAY = moment("2020-07-27T08:00"), moment("2020-07-28T08:00")
BATCH = Batch(
    batch_id="b1", profile="ssd", source=Source.ECLIPSE, run_id="r1", digest="d", extracted_at=MONDAY, state="open",
    manifest={"datasets": [{"name": "ssd_person", "rows": 1}]}, report=None, created_by="robot",
)  # fmt: skip


def test_a_batch_comes_back_as_it_was_opened(session: Session) -> None:
    extracts.open_batch(session, BATCH, at=TUESDAY)
    assert extracts.get(session, "b1") == extracts.get(session, "b1", lock=True) == BATCH
    assert extracts.by_run(session, "ssd", Source.ECLIPSE, "r1") == BATCH


def test_a_run_is_of_its_profile_and_source(session: Session) -> None:
    extracts.open_batch(session, BATCH, at=TUESDAY)
    for profile, source, run in (
        ("cohorts", Source.ECLIPSE, "r1"),
        ("ssd", Source.UPLOAD, "r1"),
        ("ssd", Source.ECLIPSE, "r2"),
    ):
        assert extracts.by_run(session, profile, source, run) is None
    assert extracts.get(session, "b2") is None
    with pytest.raises(IntegrityError):
        extracts.open_batch(session, replace(BATCH, batch_id="b2"), at=TUESDAY)


def put(session: Session, batch_id: str, name: str, data: bytes) -> None:
    extracts.put_dataset(session, batch_id, name, Content.of(data), at=TUESDAY)


def kept(session: Session, batch_id: str) -> dict[str, bytes]:
    return {name: opened().read() for name, opened in extracts.datasets(session, batch_id).items()}


def test_a_dataset_sent_again_takes_the_place_of_the_first(session: Session) -> None:
    extracts.open_batch(session, BATCH, at=TUESDAY)
    put(session, "b1", "ssd_person", b"first " * CHUNK)
    put(session, "b1", "ssd_person", bytes(range(256)))
    put(session, "b1", "ssd_missing", b"")
    assert kept(session, "b1") == {"ssd_person": bytes(range(256)), "ssd_missing": b""}


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_bytes_are_kept_in_pieces_and_come_back_whole(size: int, session: Session) -> None:
    extracts.open_batch(session, BATCH, at=TUESDAY)
    data = random.Random(size).randbytes(size)
    put(session, "b1", "ssd_person", data)
    pieces = session.execute(select(func.length(batch_chunk.c.content)).order_by(batch_chunk.c.number)).scalars().all()
    assert (sum(pieces), max(pieces, default=0) <= CHUNK) == (size, True)
    assert session.scalar(select(batch_dataset.c.bytes)) == size
    opened = extracts.datasets(session, "b1")["ssd_person"]
    assert opened().read() == data
    assert b"".join(iter(partial(opened().read, 100_003), b"")) == data
    one, other = opened(), opened()
    assert (one.read(10), other.read(10), one.read(10)) == (data[:10], data[:10], data[10:20])


def test_a_batch_applied_keeps_its_report_and_lets_its_bytes_go(session: Session) -> None:
    for batch_id in ("b1", "b2"):
        extracts.open_batch(session, replace(BATCH, batch_id=batch_id, run_id=batch_id), at=TUESDAY)
        put(session, batch_id, "ssd_person", b"x")
    extracts.close_batch(session, "b1", {"refused": 0}, at=TUESDAY)
    closed, other = extracts.get(session, "b1"), extracts.get(session, "b2")
    assert closed is not None
    assert other is not None
    assert (closed.state, closed.report, kept(session, "b1")) == ("applied", {"refused": 0}, {})
    assert (other.state, other.report, kept(session, "b2")) == ("open", None, {"ssd_person": b"x"})


def test_a_batch_of_which_part_waits_keeps_its_bytes_until_they_are_let_go(session: Session) -> None:
    extracts.open_batch(session, BATCH, at=TUESDAY)
    put(session, "b1", "ssd_person", b"x")
    extracts.close_batch(session, "b1", {"held": 1}, at=TUESDAY, keep_bytes=True)
    assert kept(session, "b1") == {"ssd_person": b"x"}
    extracts.let_go(session, "b1")
    assert kept(session, "b1") == {}


def test_the_newest_extract_time_known_at_a_moment(session: Session) -> None:
    def note(source: Source, name: str, extracted: str, at: str) -> None:
        extracts.note_watermarks(session, source, "ssd", "b1", [(name, moment(extracted), "0" * 64)], at=moment(at))

    note(Source.ECLIPSE, "ssd_person", "2020-07-27T01:00", "2020-07-27T02:00")
    note(Source.ECLIPSE, "ssd_person", "2020-07-28T01:00", "2020-07-28T02:00")
    note(Source.UPLOAD, "ssd_person", "2020-07-20T01:00", "2020-07-28T03:00")
    extracts.note_watermarks(session, Source.ECLIPSE, "ssd", "b1", [], at=TUESDAY)
    newest = (Source.ECLIPSE, "ssd", "ssd_person")
    assert extracts.watermarks(session) == {
        newest: moment("2020-07-28T01:00"),
        (Source.UPLOAD, "ssd", "ssd_person"): moment("2020-07-20T01:00"),
    }
    assert extracts.watermarks(session, moment("2020-07-28T01:59")) == {newest: moment("2020-07-27T01:00")}
