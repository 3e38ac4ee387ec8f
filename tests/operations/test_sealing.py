"""The sealed audit: what is changed, taken out or slipped in is named by the walk along the chain."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as dose
from hypothesis import strategies as some
from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from service.errors import Busy
from service.operations import sealing
from service.operations.sealing import Broken
from service.store import audit, seals
from service.store.engine import RECORDING_LOCK, reading, writing
from service.store.schema import audit_entry, audit_link, audit_people
from tests.conftest import SetClock

PEOPLE = (["p1", "p2"], ["p2", "p3"], None)
TABLES = ("audit_entry", "audit_people", "audit_link")


def look(engine: Engine, clock: SetClock, count: int = 6) -> list[str]:
    """Entries a minute apart, each with the next of PEOPLE."""
    made = []
    for n in range(count):
        clock.advance(minutes=1)
        with writing(engine, clock) as write:
            made.append(audit.note(write.session, "read.people", by="u1", at=write.now, people=PEOPLE[n % 3]))
    return made


def seal(engine: Engine, clock: SetClock, **options: int) -> sealing.Sealed:
    clock.advance(minutes=2)
    return sealing.seal(engine, clock, **options)


def links(engine: Engine) -> list[tuple[int, str]]:
    with reading(engine) as session:
        rows = session.execute(select(audit_link.c.number, audit_link.c.audit_id).order_by(audit_link.c.number))
        return [(row.number, row.audit_id) for row in rows]


@contextmanager
def as_an_administrator(engine: Engine) -> Iterator[Connection]:
    """A connection of somebody who owns the database, with the triggers off."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for table in TABLES:
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_delete"))
        yield connection


def slipped_in(database: Connection, at: datetime) -> None:
    """An entry `forged`, recorded at this moment."""
    row = {"recorded_at": at, "by_user": "u2", "act": "read.people", "outcome": "done", "detail": "{}"}
    database.execute(insert(audit_entry).values(audit_id="forged", changes=False, **row))


def test_entries_are_sealed_in_their_order_and_the_chain_holds(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    sealed = seal(engine, clock)
    assert (sealed.entries, sealed.head.number) == (6, 6)
    assert links(engine) == list(enumerate(made, start=1))
    assert sealing.verify(engine) == sealing.Verified(6, 0, sealed.head.hash, None)


def test_nothing_to_seal_is_no_fault(engine: Engine, clock: SetClock) -> None:
    assert sealing.verify(engine) == sealing.Verified(0, 0, seals.BEGINNING, None)
    assert seal(engine, clock).entries == 0
    look(engine, clock, 2)
    assert (sealing.verify(engine).unsealed, sealing.verify(engine).broken) == (2, None)


def test_in_batches_it_is_the_same_chain(engine: Engine, clock: SetClock) -> None:
    look(engine, clock, 5)
    assert (seal(engine, clock, batch=2).entries, seal(engine, clock).entries) == (5, 0)
    look(engine, clock, 3)
    assert (seal(engine, clock, batch=3).entries, sealing.verify(engine, batch=2).sealed) == (3, 8)
    assert sealing.verify(engine, batch=2).broken is None


def test_what_is_recorded_after_the_moment_waits(engine: Engine, clock: SetClock) -> None:
    look(engine, clock, 2)
    moment = clock.at
    clock.advance(minutes=5)
    with writing(engine, clock) as write:
        audit.note(write.session, "read.people", by="u1", at=write.now)
    clock.set(moment + sealing.MARGIN)
    sealed = sealing.seal(engine, clock)
    assert (sealed.entries, sealed.young) == (2, 1)
    with reading(engine) as session:
        assert seals.oldest_unsealed(session) == moment + timedelta(minutes=5)
    clock.advance(minutes=6)
    sealed = sealing.seal(engine, clock)
    assert (sealed.entries, sealed.young) == (1, 0)
    with reading(engine) as session:
        assert seals.oldest_unsealed(session) is None


def test_an_entry_that_another_hosts_clock_stamped_earlier_stands_behind_the_end(
    engine: Engine, clock: SetClock
) -> None:
    look(engine, clock, 2)
    sealing.seal(engine, clock)
    clock.advance(seconds=-59)
    with writing(engine, clock) as write:
        audit.note(write.session, "read.people", by="u1", at=write.now)
    clock.advance(minutes=3)
    assert sealing.seal(engine, clock).entries == 2
    assert sealing.verify(engine).broken is None
    clock.advance(minutes=-3)
    with writing(engine, clock) as write:
        late = audit.note(write.session, "read.people", by="u1", at=write.now - sealing.MARGIN)
    assert sealing.verify(engine).broken == Broken("added", audit_id=late), "a clock set back far is told of"


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ({"by_user": "somebody else"}, 3),
        ({"detail": "{}", "act": "read.policy"}, 1),
        ({"reason": "Asked by the head"}, 6),
        ({"changes": True}, 4),
        ({"recorded_at": datetime.fromisoformat("2020-07-31T08:00:30+00:00")}, 2),
    ],
)
def test_an_altered_entry_is_named(values: dict[str, object], number: int, engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(update(audit_entry).where(audit_entry.c.audit_id == made[number - 1]).values(**values))
    assert sealing.verify(engine).broken == Broken("altered", number, made[number - 1])


def test_of_two_altered_entries_the_first_is_named(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(update(audit_entry).where(audit_entry.c.audit_id.in_([made[4], made[1]])).values(act="x"))
    assert sealing.verify(engine).broken == Broken("altered", 2, made[1])


def test_a_deleted_entry_is_named(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(delete(audit_entry).where(audit_entry.c.audit_id == made[2]))
    assert sealing.verify(engine).broken == Broken("missing", 3, made[2])


def test_an_entry_deleted_with_its_seal_is_named_by_the_gap(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(delete(audit_entry).where(audit_entry.c.audit_id == made[2]))
        database.execute(delete(audit_link).where(audit_link.c.number == 3))
    assert sealing.verify(engine).broken == Broken("link_missing", 3), "the entry that is there is no other's"


@pytest.mark.parametrize(("cut", "named"), [((3,), 2), ((1,), 0), ((3, 4), 2), ((1, 2), 0)])
def test_of_a_seal_that_is_gone_the_entry_left_without_is_named(
    cut: tuple[int, ...], named: int, engine: Engine, clock: SetClock
) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(delete(audit_link).where(audit_link.c.number.in_(cut)))
    assert sealing.verify(engine, batch=2).broken == Broken("link_missing", cut[0], made[named])


def test_where_what_follows_the_gap_is_gone_too_only_the_number_is_known(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(delete(audit_link).where(audit_link.c.number == 3))
        database.execute(delete(audit_entry).where(audit_entry.c.audit_id == made[3]))
    assert sealing.verify(engine).broken == Broken("link_missing", 3)


@pytest.mark.parametrize("number", [0, -4])
def test_a_link_of_its_own_does_not_hide_what_was_slipped_in(number: int, engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        slipped_in(database, clock.at - timedelta(minutes=4, seconds=30))
        link = {"number": number, "audit_id": "forged", "hash": "0" * 64, "sealed_at": clock.at}
        database.execute(insert(audit_link).values(**link))
    assert sealing.verify(engine).broken == Broken("added", number, "forged")


ON_POSTGRESQL = ("UPDATE audit_entry SET recorded_at = 'infinity'", "UPDATE audit_entry SET recorded_at = '-infinity'",
                 "UPDATE audit_entry SET recorded_at = '0044-03-15 BC'")  # fmt: skip
ON_SQLITE = ("UPDATE audit_entry SET recorded_at = 'rubbish'", "UPDATE audit_entry SET outcome = x'ff00'",
             "UPDATE audit_entry SET detail = CAST(x'ff00' AS TEXT)", "UPDATE audit_entry SET recorded_at = 7",
             "UPDATE audit_entry SET changes = 'perhaps'", "UPDATE audit_entry SET seen = 9e999",
             "UPDATE audit_link SET hash = x'ff'", "UPDATE audit_link SET hash = CAST(x'ff00' AS TEXT)",
             )  # fmt: skip
ON_EITHER = [("postgresql", each) for each in ON_POSTGRESQL] + [("sqlite", each) for each in ON_SQLITE]


@pytest.mark.parametrize("which", [0, 2, 5], ids=["the first", "one amid", "the last"])
@pytest.mark.parametrize(("database", "damage"), ON_EITHER, indirect=["database"])
def test_what_no_driver_can_decode_is_named_and_sealing_goes_on(
    which: int, damage: str, engine: Engine, clock: SetClock
) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(text(f"{damage} WHERE audit_id = :this"), {"this": made[which]})
    for batch in (2, sealing.BATCH):
        assert sealing.verify(engine, batch=batch).broken == Broken("altered", which + 1, made[which])
    look(engine, clock, 2)
    with reading(engine) as session:
        assert sealing.oldest_waits(session, at=clock.at) >= 0
    assert seal(engine, clock).entries == 2
    assert sealing.verify(engine).broken == Broken("altered", which + 1, made[which])


@pytest.mark.parametrize("damage", ["'rubbish'", "x'ff00'", "CAST(x'ff00' AS TEXT)"])
@pytest.mark.parametrize("column", ["people", "people_set"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_list_of_people_that_is_no_text_is_named_by_the_first_that_refers_to_it(
    column: str, damage: str, engine: Engine, clock: SetClock
) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(text(f"UPDATE audit_people SET {column} = {damage} WHERE people LIKE '%p3%'"))
    for batch in (1, 2, sealing.BATCH):
        assert sealing.verify(engine, batch=batch).broken == Broken("people_altered", 2, made[1])


@pytest.mark.parametrize("damage", ["recorded_at = substr(recorded_at, 1, 19) || '-rubbish'",
                                    "detail = CAST(x'ff00' AS TEXT)"])  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_entry_made_unreadable_before_it_is_sealed_is_told_of_and_stops_no_other(
    damage: str, engine: Engine, clock: SetClock
) -> None:
    made = look(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(text(f"UPDATE audit_entry SET {damage} WHERE audit_id = :this"), {"this": made[3]})
    with pytest.raises(sealing.Unreadable) as told:
        seal(engine, clock, batch=2)
    assert (told.value.audit_ids, told.value.sealed.entries) == ([made[3]], 5)
    assert sealing.verify(engine).broken == Broken("added", audit_id=made[3])
    look(engine, clock, 1)
    assert seal(engine, clock).entries == 1


@pytest.mark.parametrize(
    ("database", "moment"), [("postgresql", "infinity"), ("sqlite", "rubbish")], indirect=["database"]
)
def test_an_entry_that_never_comes_to_be_sealed_is_told_of(moment: str, engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock, 3)
    with as_an_administrator(engine) as database:
        this = {"this": made[2]}
        database.execute(text(f"UPDATE audit_entry SET recorded_at = '{moment}' WHERE audit_id = :this"), this)
    assert seal(engine, clock).entries == 2
    assert sealing.verify(engine).broken == Broken("unreadable", audit_id=made[2])
    with reading(engine) as session:
        assert sealing.oldest_waits(session, at=clock.at) > 900


def test_where_nothing_can_be_read_sealing_ends_and_tells(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock, 3)
    value = "'-infinity'" if engine.dialect.name == "postgresql" else "'2019-rubbish'"
    with as_an_administrator(engine) as database:
        database.execute(text(f"UPDATE audit_entry SET recorded_at = {value}"))
    with pytest.raises(sealing.Unreadable) as told:
        seal(engine, clock, batch=2)
    assert (set(told.value.audit_ids) < set(made), told.value.sealed.entries) == (True, 0)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_that_is_gone_is_named(table: str, engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    seal(engine, clock)
    with moved_away(engine, table):
        assert sealing.missing(engine) == table
        assert sealing.verify(engine).broken == Broken("table_gone", table=table)
    assert (sealing.missing(engine), sealing.verify(engine).broken) == (None, None)


@contextmanager
def moved_away(engine: Engine, table: str) -> Iterator[None]:
    """One table under another name: the next test finds it again."""
    with engine.begin() as database:
        database.execute(text(f"ALTER TABLE {table} RENAME TO {table}_away"))
    try:
        yield
    finally:
        with engine.begin() as database:
            database.execute(text(f"ALTER TABLE {table}_away RENAME TO {table}"))


def test_a_column_that_is_gone_is_named(engine: Engine) -> None:
    with engine.begin() as database:
        database.execute(text("ALTER TABLE audit_link RENAME COLUMN hash TO hashed"))
    try:
        assert sealing.verify(engine).broken == Broken("table_gone", table="audit_link.hash")
    finally:
        with engine.begin() as database:
            database.execute(text("ALTER TABLE audit_link RENAME COLUMN hashed TO hash"))


@pytest.mark.parametrize("gone", [True, False])
def test_an_altered_or_deleted_list_of_people_is_named_by_the_first_that_refers_to_it(
    gone: bool, engine: Engine, clock: SetClock
) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        this = audit_people.c.people == '["p2", "p3"]'
        database.execute(
            delete(audit_people).where(this) if gone else update(audit_people).where(this).values(people='["p2"]')
        )
    assert sealing.verify(engine).broken == Broken("people_altered", 2, made[1])


def test_an_altered_seal_is_named(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        database.execute(update(audit_link).where(audit_link.c.number == 4).values(hash="f" * 64))
    assert sealing.verify(engine).broken == Broken("altered", 4, made[3])


def test_an_entry_slipped_in_behind_the_seals_is_named_and_never_sealed(engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        slipped_in(database, clock.at - timedelta(minutes=4, seconds=30))
    assert seal(engine, clock).entries == 0
    assert sealing.verify(engine).broken == Broken("added", audit_id="forged")


def test_a_chain_made_anew_in_another_order_is_named(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock, 3)
    seal(engine, clock)
    with as_an_administrator(engine) as database:
        rows = {row.audit_id: row for row in database.execute(select(audit_entry))}
        database.execute(delete(audit_link))
        before = seals.BEGINNING
        for number, audit_id in enumerate([made[1], made[0], made[2]], start=1):
            before = seals.chained(before, rows[audit_id])
            link = {"number": number, "audit_id": audit_id, "hash": before, "sealed_at": clock.at}
            database.execute(insert(audit_link).values(**link))
    assert sealing.verify(engine).broken == Broken("out_of_order", 2, made[0])


def test_a_chain_cut_short_is_named_by_the_head_that_was_kept_elsewhere(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    yesterday = seal(engine, clock).head
    look(engine, clock, 2)
    today = seal(engine, clock).head
    assert sealing.verify(engine, head=yesterday.hash).broken is None
    assert sealing.verify(engine, head=today.hash, number=8).broken is None
    assert sealing.verify(engine, head=today.hash, number=7).broken == Broken("head_unknown", 8), "another's number"
    assert sealing.verify(engine, head=seals.BEGINNING, number=0).broken is None
    with as_an_administrator(engine) as database:
        database.execute(delete(audit_link).where(audit_link.c.number > 4))
        kept = select(audit_link.c.audit_id)
        database.execute(delete(audit_entry).where(audit_entry.c.audit_id.not_in(kept)))
    assert sealing.verify(engine).broken is None, "nothing in the database itself can tell"
    assert sealing.verify(engine, head=yesterday.hash).broken == Broken("head_unknown", 4)
    assert links(engine)[-1] == (4, made[3])


def test_a_chain_that_an_administrator_made_anew_does_not_hold_the_head(engine: Engine, clock: SetClock) -> None:
    made = look(engine, clock)
    known = seal(engine, clock).head
    with as_an_administrator(engine) as database:
        database.execute(delete(audit_link))
        database.execute(update(audit_entry).where(audit_entry.c.audit_id == made[0]).values(by_user="u9"))
    seal(engine, clock)
    assert sealing.verify(engine).broken is None
    assert sealing.verify(engine, head=known.hash).broken == Broken("head_unknown", 6)


def test_the_same_entries_give_the_same_chain(engine: Engine, clock: SetClock) -> None:
    look(engine, clock)
    first = seal(engine, clock).head
    with as_an_administrator(engine) as database:
        database.execute(delete(audit_link))
    assert replace(seal(engine, clock, batch=4).head) == first


def test_sealers_and_writers_at_once_leave_one_chain(engine: Engine, clock: SetClock) -> None:
    look(engine, clock, 8)
    clock.advance(minutes=1)

    def work(n: int) -> None:
        if n % 2:
            with writing(engine, clock) as write:
                audit.note(write.session, "read.people", by=f"u{n}", at=write.now + timedelta(minutes=1))
        else:
            sealing.seal(engine, clock, batch=3)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    clock.advance(minutes=3)
    sealing.seal(engine, clock)
    found = sealing.verify(engine)
    assert (found.sealed, found.unsealed, found.broken) == (14, 0, None)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_long_intake_is_not_waited_for(engine: Engine, clock: SetClock) -> None:
    look(engine, clock, 1)
    clock.advance(minutes=2)
    with engine.begin() as other:
        other.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": RECORDING_LOCK})
        with pytest.raises(Busy):
            sealing.seal(engine, clock, patience=0.05)
    assert sealing.seal(engine, clock, patience=0.05).entries == 1


def test_a_seal_covers_every_column_of_an_entry() -> None:
    assert set(seals.SEALED) == {column.name for column in audit_entry.columns}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@dose(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=some.lists(some.integers(0, 4), min_size=1, max_size=3), batch=some.integers(1, 5), data=some.data())
def test_whichever_entry_is_altered_it_is_the_one_named(
    counts: list[int], batch: int, data: some.DataObject, engine: Engine, clock: SetClock
) -> None:
    with as_an_administrator(engine) as database:  # what can be drawn must not hang on the examples before
        for table in (audit_link, audit_entry):
            database.execute(delete(table))
    for count in counts:
        look(engine, clock, count)
        seal(engine, clock, batch=batch)
    chain = links(engine)
    if not chain:
        return
    number, audit_id = data.draw(some.sampled_from(chain))
    this = audit_entry.c.audit_id == audit_id
    with as_an_administrator(engine) as database:
        was = database.scalar(select(audit_entry.c.detail).where(this))
        database.execute(update(audit_entry).where(this).values(detail="altered"))
    assert sealing.verify(engine, batch=batch).broken == Broken("altered", number, audit_id)
    with as_an_administrator(engine) as database:
        database.execute(update(audit_entry).where(this).values(detail=was))
    assert sealing.verify(engine, batch=batch).broken is None
