"""Rights over a record: everything on one person, kept as long as the law says, erased by two people and only then."""

import json
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, Table, delete, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from service.domain.access import Role, ScopeKind
from service.domain.retention import Bar, Rule
from service.errors import (
    Conflict,
    NotFound,
    NothingProposed,
    NotPermitted,
    OwnRequest,
    SealedByAdoption,
    Unprocessable,
)
from service.operations.rights import holds, officers, retention, subject_access
from service.store import erasures, merges, rights, users
from service.store.engine import reading, writing
from service.store.schema import (
    FACTS,
    METADATA,
    audit_entry,
    batch,
    held_change,
    hold,
    hold_decision,
    idempotency_key,
    person,
    person_identifier,
    person_merge,
    row_issue,
    settlement,
)
from service.store.schema_access import clearing, restriction
from service.store.schema_rights import erasing, erasure, legal_hold
from service.store.types import UTCDateTime
from tests.conftest import SetClock

THEN, DAY = datetime(1961, 1, 1, tzinfo=UTC), date(1960, 6, 1)
AFTER_75 = datetime(2021, 1, 4, 9, tzinfo=UTC)  # Monday; who was born in 1945 fell due on the Friday before
SAYS: dict[type, Any] = {str: "canary", date: DAY, datetime: THEN, int: 1, bool: False, bytes: b"canary"}
KEPT_OF_A_PERSON = {"audit_entry", "audit_people", "erasure"}


@pytest.fixture
def now(clock: SetClock) -> SetClock:
    clock.set(AFTER_75)
    return clock


class Archive:
    """What a story does: keep people of long ago, name officers, act as them."""

    def __init__(self, engine: Engine, clock: SetClock) -> None:
        self.engine, self.clock = engine, clock
        with writing(engine, clock) as write:
            self.iris, self.ivo, self.ada, self.tom = (
                users.add_user(
                    write.session, issuer="i", subject=name, name=name, roles={role}, scopes={(ScopeKind.OWN, "")},
                    at=write.now,
                )
                for name, role in (
                    ("Iris", Role.INFORMATION_GOVERNANCE), ("Ivo", Role.INFORMATION_GOVERNANCE),
                    ("Ada", Role.ADMINISTRATOR), ("Tom", Role.TEAM_MANAGER),
                )
            )  # fmt: skip

    def somebody(self, eclipse_id: str, *, born_on: date | None = date(1945, 2, 14), whole: bool = False) -> str:
        """A person, once looked after and long gone from every service; `whole`: with a row in every table."""
        with writing(self.engine, self.clock) as write:
            own = row(write.session, person, sealed_at=None)["person_id"]
            row(write.session, person_identifier, eclipse_id=eclipse_id, person_id=own, superseded_at=None)
            fact(write.session, "person", own, born_on=born_on, died_on=None, adopted_on=None, transferred_out_on=None)
            fact(write.session, "period_of_care", own)
            if whole:
                everything_about(write.session, own)
        return str(own)

    def merge(self, other: str, into: str) -> str:
        with writing(self.engine, self.clock) as write:
            merge = row(write.session, person_merge, from_person_id=other, into_person_id=into, superseded_at=None)
        return str(merge["merge_id"])

    def add(self, table: Table, **given: Any) -> dict[str, Any]:
        with writing(self.engine, self.clock) as write:
            return row(write.session, table, **given)

    def propose(self, by: str | None = None) -> int:
        with writing(self.engine, self.clock, intake=True) as write:
            return retention.propose(write.session, reason="schedule", by=by or self.iris, at=write.now)

    def erase(self, person_id: str, by: str | None = None) -> int | None:
        with writing(self.engine, self.clock, intake=True) as write:
            return retention.erase(write.session, person_id, reason="seen", by=by or self.ivo, at=write.now)

    def refuse(self, person_id: str) -> None:
        with writing(self.engine, self.clock) as write:
            retention.refuse(write.session, person_id, reason="wanted", by=self.ivo, at=write.now)

    def place(self, person_id: str, by: str | None = None) -> str:
        with writing(self.engine, self.clock) as write:
            whom = officers.subject(write.session, person_id=person_id, eclipse_id=None)
            return holds.place(write.session, whom, reason="inquiry", by=by or self.iris, at=write.now)

    def lift(self, person_id: str, by: str | None = None) -> int:
        with writing(self.engine, self.clock) as write:
            whom = officers.subject(write.session, person_id=person_id, eclipse_id=None)
            return holds.lift(write.session, whom, reason="over", by=by or self.ivo, at=write.now)

    def id_of(self, eclipse_id: str) -> str:
        with reading(self.engine) as session:
            query = select(person_identifier.c.person_id).where(person_identifier.c.eclipse_id == eclipse_id)
            return str(session.scalar(query))

    def bars(self, person_id: str) -> set[Bar]:
        with reading(self.engine) as session:
            (found,) = retention.foresee(session, at=self.clock(), only=[person_id])
        return set(found.bars)

    def report(self) -> retention.Report:
        with reading(self.engine) as session:
            return retention.report(session, at=self.clock())

    def export(self, eclipse_id: str, **options: Any) -> subject_access.Export:
        with reading(self.engine) as session:
            whom = officers.subject(session, person_id=None, eclipse_id=eclipse_id)
            return subject_access.gather(session, whom, at=self.clock(), **{"include_sealed": False} | options)

    def everything(self) -> dict[str, list[str]]:
        """Every row of every table, as text."""
        with reading(self.engine) as session:
            return {t.name: sorted(map(repr, session.execute(select(t)))) for t in METADATA.sorted_tables}

    def audit(self, act: str) -> list[Any]:
        with reading(self.engine) as session:
            return list(session.execute(select(audit_entry).where(audit_entry.c.act == act)))


def row(session: Session, table: Table, **given: Any) -> dict[str, Any]:
    """A row with something in every column: ids new, days long gone."""
    said = {column.name: given.get(column.name, _something(column)) for column in table.columns} | given
    session.execute(insert(table).values(**said))
    return said


def _something(column: Any) -> Any:
    codes = getattr(column.type, "enum_class", None)
    if codes:
        return next(iter(codes))
    if column.name.endswith("_id"):
        return str(uuid.uuid4())
    python = datetime if isinstance(column.type, UTCDateTime) else column.type.python_type
    return SAYS[python]


def fact(session: Session, kind: str, person_id: str, **given: Any) -> dict[str, Any]:
    later = {"disposed_on": date(1961, 6, 1)} if kind == "care_proceedings" else {}
    return row(session, FACTS[kind], **later, person_id=person_id, superseded_at=None, **given)


def everything_about(session: Session, own: str) -> None:
    """A row about this person in every table that can hold one, closed where it can be."""
    tables = METADATA.tables
    held = {kind: fact(session, kind, own) for kind in FACTS if kind not in ("person", "period_of_care")}
    place = held["accommodation"]
    row(session, tables["approval"], version_id=place["version_id"])
    row(session, tables["withdrawal"], version_id=place["version_id"])
    row(session, settlement, fact_id=place["fact_id"])
    row(session, tables["fact_alias"], fact_id=place["fact_id"])
    pushed = row(session, batch, report=json.dumps({"moved": {own: {"c": "in"}}, "waiting": {}, "rows": 1}))
    waited = row(session, hold, batch_id=pushed["batch_id"])
    row(session, hold_decision, hold_id=waited["hold_id"])
    row(session, held_change, hold_id=waited["hold_id"], person_id=own)
    row(session, row_issue, batch_id=pushed["batch_id"], person_id=own)
    campaign = row(session, tables["campaign"], topic=str(uuid.uuid4()))
    for name in ("campaign_person", "campaign_answer"):
        row(session, tables[name], campaign_id=campaign["campaign_id"], person_id=own)
    (user,) = [each.user_id for each, _, _ in users.everyone(session) if each.name == "Iris"]
    restricted = row(session, restriction, person_id=own)
    row(session, tables["allowed"], restriction_id=restricted["restriction_id"], user_id=user)
    row(session, clearing, restriction_id=restricted["restriction_id"])
    for name in ("referral", "emergency_access"):
        row(session, tables[name], person_id=own, user_id=user)
    row(session, legal_hold, person_id=own)
    row(session, idempotency_key, user_id=own, key="k", answer=json.dumps({"person_id": own}).encode())


@pytest.fixture
def archive(engine: Engine, now: SetClock) -> Archive:
    """Nobody yet; two information governance officers, an administrator, a team manager. January 2021."""
    return Archive(engine, now)


# --- erasure ---


def test_every_table_is_either_about_a_person_or_says_why_not() -> None:
    ours = {table.name for table in rights.about(["p"])}
    assert ours.isdisjoint(rights.NOT_ERASED)
    assert ours | rights.NOT_ERASED.keys() == METADATA.tables.keys()


def test_nothing_is_left_of_who_was_erased_and_nothing_of_others_is_touched(archive: Archive) -> None:
    gone, other = archive.somebody("P1", whole=True), archive.somebody("P2", born_on=date(2001, 2, 14), whole=True)
    before = archive.everything()
    assert all(any(gone in line for line in before[t.name]) for t in rights.about([gone]) if "person_id" in t.c)
    assert archive.propose() == 1
    rows = archive.erase(gone)
    after = archive.everything()
    assert {name for name, lines in after.items() if any(gone in line for line in lines)} == KEPT_OF_A_PERSON
    about_other = {name: [line for line in lines if other in line] for name, lines in before.items()}
    assert {name: [line for line in lines if other in line] for name, lines in after.items()} == about_other
    counted = {t.name for t in rights.about([gone])} - {"person_merge"} | {"idempotency_key"}
    fewer = {name: len(before[name]) - len(after[name]) for name in counted}
    assert set(fewer.values()) == {1}, fewer
    assert rows == sum(fewer.values())
    assert set(before["audit_entry"]) < set(after["audit_entry"])
    assert after["erasing"] == []


def test_what_is_kept_of_it_is_who_decided_on_which_rule_and_how_many_rows(archive: Archive) -> None:
    gone = archive.somebody("P1", whole=True)
    archive.propose()
    rows = archive.erase(gone)
    with reading(archive.engine) as session:
        kept = session.execute(select(erasure)).one()
    assert (kept.person_id, kept.rule, kept.due_on, kept.rows) == (gone, Rule.LOOKED_AFTER, date(2021, 1, 1), rows)
    assert (kept.asked_by, kept.reason, kept.decided_by) == (archive.iris, "schedule", archive.ivo)
    assert (kept.decision, kept.decided_reason, kept.superseded_at) == ("erased", "seen", AFTER_75)
    (entry,) = archive.audit("rights.retention.erase")
    assert json.loads(entry.detail) == {"erasures": [kept.erasure_id], "rule": "looked_after", "rows": rows}
    assert (entry.person_id, entry.by_user, entry.reason, entry.changes) == (gone, archive.ivo, "seen", True)
    assert "canary" not in repr(kept) + repr(entry)
    assert archive.report().erased_in == {2021: 1}


def test_answers_computed_before_start_again(archive: Archive) -> None:
    gone = archive.somebody("P1")
    archive.propose()
    with reading(archive.engine) as session:
        before = users.access_version(session)
    archive.erase(gone)
    with reading(archive.engine) as session:
        assert users.access_version(session) == before + 1


def test_a_hold_that_is_being_placed_while_an_erasure_begins_wins(archive: Archive) -> None:
    held = archive.somebody("P1")
    archive.propose()
    with ThreadPoolExecutor(1) as pool:
        with writing(archive.engine, archive.clock) as write:
            whom = officers.subject(write.session, person_id=held, eclipse_id=None)
            holds.place(write.session, whom, reason="inquiry", by=archive.iris, at=write.now)
            write.session.flush()
            erased = pool.submit(archive.erase, held)
            _until_somebody_waits(archive.engine)
        assert erased.result(20) is None
    assert archive.bars(held) == {Bar.LEGAL_HOLD}


def _until_somebody_waits(engine: Engine) -> None:
    """On PostgreSQL, for a row that another writer holds; on SQLite a writer always waits its turn."""
    here = "datname = current_database()"
    waits = text(f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND {here}")
    for _ in range(500 if engine.dialect.name == "postgresql" else 0):
        with engine.connect() as connection:
            if connection.scalar(waits):
                return
        threading.Event().wait(0.01)


def test_the_report_of_a_push_keeps_its_figures_and_loses_the_id(archive: Archive) -> None:
    gone = archive.somebody("P1", whole=True)
    archive.propose()
    archive.erase(gone)
    with reading(archive.engine) as session:
        assert json.loads(session.scalar(select(batch.c.report)) or "") == {"moved": {}, "waiting": {}, "rows": 1}


def test_nothing_is_deleted_outside_an_erasure_before_or_after_one(archive: Archive) -> None:
    gone, other = archive.somebody("P1"), archive.somebody("P2", born_on=date(2001, 2, 14), whole=True)
    archive.propose()
    archive.erase(gone)
    guarded = [t for t in rights.about([other]) if t is not person]
    with writing(archive.engine, archive.clock) as write:
        deleted = [t.name for t in guarded if _deletes(write.session, t) and t is not person_merge]
        assert deleted == []
        write.session.execute(insert(erasing).values(erasure_id="e"))
        assert not _deletes(write.session, audit_entry), "an erasure reaches no audit"
        assert not _deletes(write.session, erasure), "nor what is kept of erasures"
        write.session.execute(delete(erasing))


def _deletes(session: Session, table: Table) -> bool:
    try:
        with session.begin_nested() as nested:
            session.execute(delete(table))
            nested.rollback()
    except DBAPIError as error:
        return "append only" not in str(error.orig)
    return True


def test_two_people_are_needed_and_the_second_answers_for_rights_or_is_an_administrator(archive: Archive) -> None:
    gone = archive.somebody("P1")
    archive.propose(by=archive.iris)
    before = archive.everything()
    with pytest.raises(OwnRequest):
        archive.erase(gone, by=archive.iris)
    assert archive.everything() == before
    assert archive.erase(gone, by=archive.ada) is not None


def test_who_may_be_named(archive: Archive) -> None:
    with writing(archive.engine, archive.clock) as write:
        for subject, called in (("g", "Gone"), ("t1", "Twice"), ("t2", "Twice")):
            made = users.add_user(
                write.session, issuer="i", subject=subject, name=called, roles={Role.INFORMATION_GOVERNANCE},
                scopes={(ScopeKind.OWN, "")}, at=write.now,
            )  # fmt: skip
            if called == "Gone":
                users.set_active(write.session, made, active=False)
    refused = [
        ("Ada", officers.ANSWERS, NotPermitted),
        ("Tom", officers.DECIDES, NotPermitted),
        ("Nobody", officers.DECIDES, Unprocessable),
        ("Gone", officers.DECIDES, Unprocessable),
        ("Twice", officers.DECIDES, Unprocessable),
    ]
    with reading(archive.engine) as session:
        for name, roles, raises in refused:
            with pytest.raises(raises):
                officers.officer(session, name, roles=roles)
        assert officers.officer(session, "Iris") == archive.iris
        assert officers.officer(session, "Ada", roles=officers.DECIDES) == archive.ada
        assert officers.officer(session, made) == made, "an id, where several share a name"


def test_who_is_not_due_is_not_proposed_and_who_is_no_longer_due_is_not_erased(archive: Archive) -> None:
    young, unknown = archive.somebody("P2", born_on=date(1946, 2, 14)), archive.somebody("P3", born_on=None)
    assert archive.propose() == 0
    gone = archive.somebody("P1")
    assert (archive.propose(), archive.propose()) == (1, 0)
    archive.place(gone, by=archive.ada)
    assert archive.erase(gone) is None, "a hold placed meanwhile wins"
    archive.lift(gone)
    assert archive.erase(gone) is not None
    assert archive.erase(gone) is None
    assert (archive.erase(young), archive.erase(unknown)) == (None, None)


def test_a_refused_erasure_stays_refused_until_it_is_proposed_again(archive: Archive) -> None:
    kept = archive.somebody("P1")
    archive.propose()
    archive.refuse(kept)
    with pytest.raises(NothingProposed):
        archive.refuse(kept)
    assert archive.erase(kept) is None
    assert archive.propose() == 1


# --- what stands in the way ---


def test_a_legal_hold_is_lifted_by_somebody_else_than_who_placed_it(archive: Archive) -> None:
    held = archive.somebody("P1")
    archive.place(held, by=archive.iris)
    assert archive.bars(held) == {Bar.LEGAL_HOLD}
    assert archive.propose() == 0
    with pytest.raises(OwnRequest):
        archive.lift(held, by=archive.iris)
    assert archive.lift(held, by=archive.ivo) == 1
    assert archive.bars(held) == set()
    with pytest.raises(Conflict):
        archive.lift(held, by=archive.ivo)
    assert [entry.reason for act in ("place", "lift") for entry in archive.audit(f"rights.hold.{act}")] == [
        "inquiry", "over",
    ]  # fmt: skip


def test_a_legal_hold_is_on_every_record_of_the_person_also_when_they_are_two_again(archive: Archive) -> None:
    kept, merged = archive.somebody("P1"), archive.somebody("P2")
    merge_id = archive.merge(merged, kept)
    archive.place(kept)
    with writing(archive.engine, archive.clock) as write:
        merges.undo(write.session, merge_id, by=archive.tom, reason="two people", at=write.now)
    assert (archive.bars(kept), archive.bars(merged)) == ({Bar.LEGAL_HOLD}, {Bar.LEGAL_HOLD})
    assert archive.propose() == 0
    assert archive.lift(merged) == 1
    assert (archive.bars(kept), archive.bars(merged)) == ({Bar.LEGAL_HOLD}, set())
    archive.merge(merged, kept)
    assert archive.lift(merged) == 1, "named by either id, all of theirs are lifted"
    assert archive.bars(kept) == set()


def test_one_account_holds_a_record_once_and_somebody_merged_since_as_well(archive: Archive) -> None:
    kept, merged = archive.somebody("P1"), archive.somebody("P2")
    archive.place(kept)
    with pytest.raises(Conflict):
        archive.place(kept)
    archive.merge(merged, kept)
    archive.place(kept)
    with pytest.raises(Conflict):
        archive.place(merged)
    archive.place(kept, by=archive.ivo)
    with reading(archive.engine) as session:
        assert Counter(each.person_id for each in erasures.holds(session)) == {kept: 2, merged: 2}
    archive.lift(kept, by=archive.ada)
    archive.place(kept)


def test_while_a_service_goes_on_nothing_is_due(archive: Archive) -> None:
    kinds = ("allocation", "child_protection_plan", "missing_episode", "care_leaver_status")
    ends = dict.fromkeys(kinds, "ended_on") | {"care_proceedings": "disposed_on"}
    for kind, last in ends.items():
        served = archive.somebody(kind)
        assert archive.bars(served) == set()
        archive.add(FACTS[kind], person_id=served, superseded_at=None, **{"proposed": False, last: None})
        assert archive.bars(served) == {Bar.OPEN_SERVICE}, kind
    answered_for = archive.somebody("a team that nothing ends")
    archive.add(FACTS["responsibility"], person_id=answered_for, superseded_at=None, proposed=False, ended_on=None)
    assert archive.bars(answered_for) == set()
    assert archive.report().kept_back == {Bar.OPEN_SERVICE: len(ends)}
    assert archive.propose() == 1


def test_while_somebody_has_to_decide_nothing_is_due(archive: Archive) -> None:
    asked, waits = archive.somebody("P1"), archive.somebody("P2")
    restricted = archive.add(restriction, person_id=asked, superseded_at=None)
    archive.add(clearing, restriction_id=restricted["restriction_id"], superseded_at=None)
    pushed = archive.add(batch, report=None)
    held = archive.add(hold, batch_id=pushed["batch_id"])
    archive.add(held_change, hold_id=held["hold_id"], person_id=waits, superseded_at=None)
    assert (archive.bars(asked), archive.bars(waits)) == ({Bar.OPEN_CLEARING}, {Bar.HELD_CHANGE})


def test_people_who_are_one_are_due_together_and_erased_together(archive: Archive) -> None:
    kept, merged, other = archive.somebody("P1"), archive.somebody("P2", born_on=None), archive.somebody("P3")
    archive.merge(merged, kept)
    undone = archive.merge(other, kept)
    with writing(archive.engine, archive.clock) as write:
        this = person_merge.c.merge_id == undone
        write.session.execute(update(person_merge).where(this).values(superseded_at=write.now, undone_by="x"))
    archive.place(merged)
    assert archive.propose() == 1, "a hold on one of their records holds both"
    archive.lift(kept)
    assert archive.propose() == 1
    assert archive.erase(merged) is not None, "whichever of the ids is named"
    with reading(archive.engine) as session:
        assert list(session.scalars(select(person.c.person_id))) == [other]
        assert session.scalar(select(func.count()).select_from(erasure).where(erasure.c.decision == "erased")) == 2


def test_a_merge_with_somebody_who_is_not_due_keeps_both(archive: Archive) -> None:
    kept, young = archive.somebody("P1"), archive.somebody("P2", born_on=date(2001, 2, 14))
    archive.propose()
    archive.merge(kept, young)
    assert archive.erase(kept) is None
    assert archive.propose() == 0


def test_a_fact_that_two_records_came_to_share_stays_with_the_other(archive: Archive) -> None:
    gone, other = archive.somebody("P1"), archive.somebody("P2", born_on=date(2001, 2, 14))
    shared = str(uuid.uuid4())
    for own in (gone, other):
        archive.add(FACTS["placement"], person_id=own, fact_id=shared, source_ref=own, superseded_at=None)
    archive.add(METADATA.tables["fact_alias"], fact_id=shared)
    archive.propose()
    archive.erase(gone)
    with reading(archive.engine) as session:
        assert session.scalar(select(func.count()).select_from(METADATA.tables["fact_alias"])) == 1


# --- how many, and at what cost ---


def test_looking_changes_nothing(archive: Archive) -> None:
    archive.somebody("P1", whole=True)
    archive.somebody("P2", born_on=date(1999, 2, 14))
    archive.somebody("P3", born_on=None)
    before = archive.everything()
    told = archive.report()
    assert (told.people, told.due, told.proposed) == (3, {Rule.LOOKED_AFTER: 1}, 0)
    assert (told.due_in, told.never) == ({2075: 1}, {Rule.NOT_KNOWN: 1})
    with reading(archive.engine) as session:
        assert [each.kept.until for each in retention.due(session, at=AFTER_75)] == [date(2020, 2, 14)]
    assert archive.everything() == before


def test_never_looked_after_is_counted_from_the_last_day_anything_speaks_of(archive: Archive) -> None:
    with writing(archive.engine, archive.clock) as write:
        own = row(write.session, person, sealed_at=None)["person_id"]
        nothing = {"died_on": None, "adopted_on": None, "transferred_out_on": None}
        fact(write.session, "person", own, born_on=date(1980, 1, 1), **nothing)
        fact(write.session, "child_protection_plan", own, started_on=date(1984, 5, 6), ended_on=date(1985, 6, 7))
    with reading(archive.engine) as session:
        (found,) = retention.foresee(session, at=AFTER_75)
    assert (found.kept.rule, found.kept.until) == (Rule.NEVER_LOOKED_AFTER, date(2020, 6, 7))
    archive.add(
        FACTS["contact"], person_id=own, superseded_at=None, occurred_at=datetime(1985, 12, 31, 23, 30, tzinfo=UTC)
    )
    with reading(archive.engine) as session:
        (found,) = retention.foresee(session, at=AFTER_75)
    assert found.kept.until == date(2020, 12, 31)


def test_what_sources_say_of_them_is_what_the_rule_is_asked(archive: Archive) -> None:
    died, adopted, corrected, taken_back = (archive.somebody(e, born_on=None) for e in ("P1", "P2", "P3", "P4"))
    nothing = {"born_on": date(2000, 1, 1), "died_on": None, "adopted_on": None, "transferred_out_on": None}
    with writing(archive.engine, archive.clock) as write:
        fact(write.session, "person", died, **nothing | {"died_on": date(2004, 5, 6)})
        fact(write.session, "person", adopted, **nothing | {"adopted_on": date(2004, 5, 6)})
        old = {"person_id": corrected, "superseded_at": THEN, "source_ref": "x"}
        row(write.session, FACTS["person"], **old, **nothing | {"born_on": date(2019, 1, 1)})
        fact(write.session, "person", corrected, **nothing)
        row(
            write.session, FACTS["person"], **old | {"person_id": taken_back}, **nothing | {"born_on": date(1999, 1, 1)}
        )
        write.session.execute(update(person).where(person.c.person_id == adopted).values(sealed_at=THEN))
    with reading(archive.engine) as session:
        found = {each.ids[0]: (each.kept.rule, each.kept.until) for each in retention.foresee(session, at=AFTER_75)}
    assert found == {
        died: (Rule.DIED_UNDER_18, date(2019, 5, 6)),
        adopted: (Rule.ADOPTED, date(2104, 5, 6)),
        corrected: (Rule.LOOKED_AFTER, date(2075, 1, 1)),
        taken_back: (Rule.LOOKED_AFTER, date(2074, 1, 1)),
    }


def test_a_stay_in_care_entered_on_the_wrong_person_makes_nobody_looked_after(archive: Archive) -> None:
    own = archive.somebody("P1")
    with reading(archive.engine) as session:
        version = session.scalar(select(FACTS["period_of_care"].c.version_id))
    archive.add(METADATA.tables["withdrawal"], version_id=version)
    with reading(archive.engine) as session:
        (found,) = retention.foresee(session, at=AFTER_75, only=[own])
    assert found.kept.rule is Rule.NEVER_LOOKED_AFTER


def test_foreseeing_costs_the_same_number_of_selects_for_one_as_for_many(archive: Archive) -> None:
    archive.somebody("P1")
    few = _selects(archive)
    for n in range(2, 9):
        archive.somebody(f"P{n}")
    assert _selects(archive) == few < 40


def _selects(archive: Archive) -> int:
    seen: list[str] = []
    event.listen(archive.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    archive.report()
    return sum(statement.lstrip().startswith(("SELECT", "WITH")) for statement in seen)


# --- subject access ---


def test_everything_is_in_the_file_every_version_with_who_and_when(archive: Archive) -> None:
    archive.somebody("P1", whole=True)
    archive.somebody("P2", whole=True)
    archive.place(archive.id_of("P1"), by=archive.ivo)
    export = archive.export("P1")
    assert export.document["accounts"] == [
        {"user_id": user_id, "name": name}
        for user_id, name in sorted(
            [(archive.ivo, "Ivo"), (export.document["access"]["referral"][0]["user_id"], "Iris")]
        )
    ]
    in_it = {name for part in export.document.values() if isinstance(part, dict) for name in part}
    expected = {*FACTS} | {table.name for table in rights.about(["p"]) if table not in FACTS.values()}
    expected |= {"record", "erasure", "conflicts"}
    assert expected <= in_it
    held = {name: n for name, n in export.counts.items() if name in expected - {"conflicts", "erasure", "person_merge"}}
    assert {name for name, n in held.items() if n == 0} == set()
    (place,) = export.document["facts"]["accommodation"]
    assert {"source", "recorded_at", "recorded_by", "confidence", "superseded_at", "proposed"} <= place.keys()
    assert place["recorded_at"] == "1961-01-01T00:00:00+00:00"
    with reading(archive.engine) as session:
        other = rights.find(session, eclipse_id="P2")
    assert other is not None
    assert other.person_id not in json.dumps(export.document)


def test_who_saw_or_changed_the_record_is_in_it(archive: Archive) -> None:
    own = archive.somebody("P1")
    archive.place(own)
    archive.clock.advance(minutes=1)
    with reading(archive.engine) as session:
        (whom,) = retention.foresee(session, at=AFTER_75, only=[own])
    with writing(archive.engine, archive.clock) as write:
        retention.named(write.session, [whom], reason="yearly look", by=archive.ivo, at=write.now)
    seen = [(each["act"], each["name"], each["reason"]) for each in archive.export("P1").document["recipients"]]
    assert seen == [("rights.hold.place", "Iris", "inquiry"), ("read.retention", "Ivo", "yearly look")]


def test_what_names_others_is_listed_for_the_person_who_decides(archive: Archive) -> None:
    own = archive.somebody("P1", whole=True)
    archive.merge(archive.somebody("P2"), own)
    document = archive.export("P1").document
    listed = {each["path"]: each["why"] for each in document["review"]}
    assert listed["/facts/contact/*/voice"] == "free text, which may speak of others or of how things were learnt"
    assert listed["/facts/contact/*/recorded_by"] == "names a worker of the council or another service"
    assert listed["/facts/care_proceedings/*/family_group"] == "shared by others of the family"
    assert listed["/access/restriction/*/reason"].startswith("free text")
    assert "/who/person_merge/*/from_person_id" not in listed, "their own other record"
    assert not {"/facts/person/*/forename", "/facts/contact/*/initiated_by"} & listed.keys()
    assert all(each["other_person"] for each in document["review"])
    assert any("serious harm" in line for line in document["head"]["read_first"])


def test_a_sealed_record_is_taken_only_where_a_sealed_one_is_asked_for(archive: Archive) -> None:
    own = archive.somebody("P1")
    with writing(archive.engine, archive.clock) as write:
        write.session.execute(update(person).where(person.c.person_id == own).values(sealed_at=THEN))
    with pytest.raises(SealedByAdoption):
        archive.export("P1")
    assert archive.export("P1", include_sealed=True).document["head"]["sealed_by_adoption"] is True


def test_taking_it_leaves_an_entry_of_counts(archive: Archive) -> None:
    own = archive.somebody("P1", whole=True)
    export = archive.export("P1")
    with writing(archive.engine, archive.clock) as write:
        taken = subject_access.taken(write.session, export, by=archive.iris, reason=" a request ", at=write.now)
    assert (taken.document["head"]["made_by"], taken.document["head"]["reason"]) == ("Iris", "a request")
    (entry,) = archive.audit("rights.subject_access")
    assert (entry.person_id, entry.by_user, entry.reason, entry.outcome) == (own, archive.iris, "a request", "done")
    assert set(map(type, json.loads(entry.detail)["rows"].values())) == {int}
    assert not entry.changes
    with writing(archive.engine, archive.clock) as write, pytest.raises(Unprocessable):
        subject_access.taken(write.session, export, by=archive.iris, reason=" ", at=write.now)


def test_a_reason_is_a_line_of_text() -> None:
    assert officers.because(" a request ") == "a request"
    for reason in ("", " ", "two\nlines", "\x1b[31m", "\udcff", "x" * 1001):
        with pytest.raises(Unprocessable):
            officers.because(reason)


def test_an_id_means_one_person_or_is_refused(archive: Archive) -> None:
    with reading(archive.engine) as session:
        for ids, raises in (
            ({"person_id": None, "eclipse_id": None}, Unprocessable),
            ({"person_id": "p", "eclipse_id": "P1"}, Unprocessable),
            ({"person_id": None, "eclipse_id": "P404"}, NotFound),
            ({"person_id": "p", "eclipse_id": None}, NotFound),
            ({"person_id": None, "eclipse_id": "P\udcff"}, NotFound),
        ):
            with pytest.raises(raises):
                officers.subject(session, **ids)  # type: ignore[arg-type]
