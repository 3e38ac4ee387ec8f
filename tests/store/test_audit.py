"""The audit: an entry with each act, a list of people kept once, and nothing of what a fact says."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, func, select
from sqlmodel import Session

from service.store import audit
from service.store.engine import reading, writing
from service.store.schema import audit_entry, audit_people
from tests.conftest import SetClock
from tests.council import moment

MONDAY = moment("2020-07-27T08:00")


def test_an_entry_says_who_did_what_when_to_whom(session: Session) -> None:
    session.info[audit.REQUEST_ID] = "r1"  # as the request boundary does
    audit_id = audit.note(
        session,
        "record.accommodation",
        by="u1",
        at=MONDAY,
        person_id="p1",
        detail={"kind": "accommodation"},
    )
    entry = session.execute(select(audit_entry)).one()
    assert entry._mapping == {
        "audit_id": audit_id, "recorded_at": MONDAY, "by_user": "u1", "act": "record.accommodation", "person_id": "p1",
        "people_set": None, "outcome": "done", "request_id": "r1", "detail": '{"kind": "accommodation"}',
        "reason": None, "seen": None, "changes": True,
    }  # fmt: skip


def test_the_same_people_in_any_order_are_kept_once(session: Session) -> None:
    for seen in (["p1", "p2"], ("p2", "p1"), {"p1", "p2"}, ["p1"]):
        audit.note(session, "read.people", by="u1", at=MONDAY, people=seen)
    sets = session.scalars(select(audit_entry.c.people_set)).all()
    assert len(set(sets)) == 2
    held = {row.people_set: json.loads(row.people) for row in session.execute(select(audit_people))}
    assert sorted(held.values()) == [["p1"], ["p1", "p2"]]
    assert set(sets) == set(held)


def test_nobody_seen_is_said_and_is_not_the_same_as_no_list(session: Session) -> None:
    audit.note(session, "read.people", by="u1", at=MONDAY, people=[])
    audit.note(session, "read.policy", by="u1", at=MONDAY)
    sets = {row.act: row.people_set for row in session.execute(select(audit_entry))}
    assert sets["read.policy"] is None
    assert sets["read.people"] is not None
    assert session.scalar(select(audit_people.c.people)) == "[]"


@pytest.mark.parametrize("people", [["p1", "p2", "p3"]])
def test_eight_readers_of_the_same_list_at_once_all_leave_their_entry(
    people: list[str], engine: Engine, clock: SetClock
) -> None:
    def look(n: int) -> None:
        with writing(engine, clock) as write:
            audit.note(write.session, "read.people", by=f"u{n}", at=write.now, people=people)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(16)))
    with reading(engine) as session:
        assert session.scalar(select(func.count()).select_from(audit_entry)) == 16
        assert session.scalar(select(func.count()).select_from(audit_people)) == 1


def test_a_write_that_fails_leaves_no_entry(engine: Engine, clock: SetClock) -> None:
    with pytest.raises(ValueError, match="no"), writing(engine, clock) as write:
        audit.note(write.session, "record.accommodation", by="u1", at=write.now)
        raise ValueError("no")
    with reading(engine) as session:
        assert session.execute(select(audit_entry)).first() is None


@pytest.mark.parametrize(
    ("act", "changes"),
    [
        ("record.accommodation", True),
        ("ingest.apply", True),
        ("user.change", True),
        ("read.people", False),
        ("alert.bulk_reading", False),
        ("denied", False),
        ("sign_in", False),
        ("sign_in.refused", False),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_entry_says_whether_an_answer_computed_before_may_differ(act: str, changes: bool, session: Session) -> None:
    audit.note(session, act, by="u1", at=MONDAY)
    assert session.scalar(select(audit_entry.c.changes)) is changes


def test_somebody_listed_twice_was_seen_once(session: Session) -> None:
    audit.note(session, "read.merges", by="u1", at=MONDAY, people=["p2", "p1", "p2"])
    audit.note(session, "read.merges", by="u1", at=MONDAY, people=["p1", "p2"])
    rows = session.execute(select(audit_entry.c.people_set, audit_entry.c.seen)).all()
    assert len(set(rows)) == 1
    assert rows[0].seen == 2


def test_the_reason_of_the_request_stands_unless_the_act_asks_for_one(session: Session) -> None:
    session.info[audit.REASON] = "Covering for a colleague"
    audit.note(session, "read.person", by="u1", at=MONDAY)
    audit.note(session, "user.sign_out", by="u1", at=MONDAY, reason="Has left")
    said = {row.act: row.reason for row in session.execute(select(audit_entry))}
    assert said == {"read.person": "Covering for a colleague", "user.sign_out": "Has left"}
