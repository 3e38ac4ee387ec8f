"""Pushed batches: kept as declared, bytes until applied, and how far each source has been read."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.domain.facts import Source
from service.store import extracts
from service.store.extracts import Batch
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


def test_a_dataset_sent_again_takes_the_place_of_the_first(session: Session) -> None:
    extracts.open_batch(session, BATCH, at=TUESDAY)
    extracts.put_dataset(session, "b1", "ssd_person", b"first", at=TUESDAY)
    extracts.put_dataset(session, "b1", "ssd_person", bytes(range(256)), at=TUESDAY)
    assert extracts.datasets(session, "b1") == {"ssd_person": bytes(range(256))}


def test_a_batch_applied_keeps_its_report_and_lets_its_bytes_go(session: Session) -> None:
    for batch_id in ("b1", "b2"):
        extracts.open_batch(session, replace(BATCH, batch_id=batch_id, run_id=batch_id), at=TUESDAY)
        extracts.put_dataset(session, batch_id, "ssd_person", b"x", at=TUESDAY)
    extracts.close_batch(session, "b1", {"refused": 0}, at=TUESDAY)
    closed, other = extracts.get(session, "b1"), extracts.get(session, "b2")
    assert closed is not None
    assert other is not None
    assert (closed.state, closed.report, extracts.datasets(session, "b1")) == ("applied", {"refused": 0}, {})
    assert (other.state, other.report, extracts.datasets(session, "b2")) == ("open", None, {"ssd_person": b"x"})


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
