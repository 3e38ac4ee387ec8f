"""The record: versions are added and superseded once; nothing that is kept can be changed or deleted by anybody."""

from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import pytest
from sqlalchemy import ColumnElement, Integer, Table, and_, delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session

from service.api.problems import raced
from service.domain.facts import KINDS, Basis, Confidence, Fact, Source, field_types
from service.domain.versions import NewVersion
from service.store import audit, intake, people, record, schema_access, schema_rights  # noqa: F401 - their tables are on the lists below
from service.store.schema import FACTS, METADATA
from service.store.types import UTCDateTime, new_id
from tests.conftest import SetClock
from tests.council import moment
from tests.factories import a_place

MONDAY, TUESDAY = moment("2020-07-27T08:00"), moment("2020-07-28T08:00")
VERSIONED = (*[table.name for table in FACTS.values()], "team", "worker")
CLOSED_ONCE = {
    "held_change": (),
    "row_issue": (),
    "person_identifier": ("released_by", "released_reason"),
    "person_merge": ("undone_by", "undone_reason"),
    "campaign": ("closed_by", "closed_reason"),
    "restriction": (),
    "allowed": ("removed_by", "removed_reason"),
    "clearing": ("decision", "decided_by", "decided_reason"),
    "referral": ("ended_by", "ended_reason"),
    "legal_hold": ("lifted_by", "lifted_reason"),
    "erasure": ("decision", "decided_by", "decided_reason", "rows"),
}  # tables whose rows are closed once, and the columns that say by whom and why
KEPT = (
    "fact_alias", "approval", "withdrawal", "watermark", "audit_entry", "audit_people", "hold", "hold_decision",
    "settlement", "campaign_person", "campaign_answer", "emergency_access", "revoked_token", "sign_in", "audit_link",
)  # fmt: skip
SAYS = {date: date(2020, 7, 1), datetime: MONDAY, bool: True, int: 1, str: "x"}


def somebody(session: Session) -> str:
    person_id = new_id(MONDAY)
    people.add(session, {f"E-{person_id[-8:]}": person_id}, at=MONDAY)
    return person_id


def a_row(session: Session, table: Table) -> dict[str, Any]:
    """A row of any table, each column with a value of its type; what it hangs on is made first."""
    row: dict[str, Any] = {}
    for column in table.columns:
        if column.name in {"superseded_at", *CLOSED_ONCE.get(table.name, ())}:
            continue
        if column.foreign_keys:
            parent = next(iter(column.foreign_keys)).column
            is_person = parent.table.name == "person"
            row[column.name] = somebody(session) if is_person else a_row(session, parent.table)[parent.name]
            continue
        python = datetime if isinstance(column.type, UTCDateTime) else column.type.python_type
        codes = getattr(column.type, "enum_class", None)
        row[column.name] = next(iter(codes)) if codes else SAYS[python]
    session.execute(insert(table).values(**row))
    return row


def refused(session: Session, statement: Any) -> bool:
    """Whether the database refuses a statement as against its append-only rule."""
    try:
        with session.begin_nested():
            session.execute(statement)
    except DBAPIError as error:
        return "append only" in str(error.orig)
    return False


def another(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return list(type(value))[-1]
    if isinstance(value, bool):
        return not value
    if isinstance(value, datetime):
        return TUESDAY
    return {date: date(2020, 7, 2), int: 2, str: "y"}[type(value)]


@pytest.mark.parametrize("name", [*VERSIONED, *CLOSED_ONCE, *KEPT])
def test_no_column_of_what_is_kept_can_be_changed(name: str, session: Session) -> None:
    table = METADATA.tables[name]
    row = a_row(session, table)
    of_it = one(table, row)
    changeable = [
        column
        for column, value in row.items()
        if not refused(session, update(table).where(of_it).values({column: another(value)}))
    ]
    assert changeable == []
    assert refused(session, delete(table).where(of_it))
    held = session.execute(select(*[table.c[column] for column in row])).mappings().all()
    assert row in [dict(each) for each in held]


def one(table: Table, row: dict[str, Any]) -> ColumnElement[bool]:
    """The row itself: making it may have made others."""
    return and_(*[column == row[column.name] for column in table.primary_key.columns])


@pytest.mark.parametrize("name", CLOSED_ONCE)
def test_a_row_is_closed_once_with_who_and_why(name: str, session: Session) -> None:
    table = METADATA.tables[name]
    row = a_row(session, table)
    of_it = one(table, row)
    said = {column: 1 if isinstance(table.c[column].type, Integer) else "x" for column in CLOSED_ONCE[name]}
    if said:
        assert refused(session, update(table).where(of_it).values(said)), "nobody closes what stays open"
    column = next(c for c in row if c not in {"person_id", "recorded_at"})
    both = {"superseded_at": TUESDAY, column: another(row[column])}
    assert refused(session, update(table).where(of_it).values(both)), "nothing else changes with it"
    session.execute(update(table).where(of_it).values(superseded_at=TUESDAY, **said))
    others = [{column: another(value)} for column, value in said.items()]
    for later in ({"superseded_at": MONDAY}, {"superseded_at": None}, *others):
        assert refused(session, update(table).where(of_it).values(later))
    assert refused(session, delete(table).where(of_it))
    held = session.execute(select(table).where(of_it)).mappings().one()
    assert dict(held) == row | said | {"superseded_at": TUESDAY}


@pytest.mark.parametrize("name", VERSIONED)
def test_a_version_is_superseded_once_and_for_good(name: str, session: Session) -> None:
    table = METADATA.tables[name]
    row = a_row(session, table)
    column = next(c for c in row if c not in {"version_id", "recorded_at", "person_id"})
    both = update(table).values({"superseded_at": TUESDAY, column: another(row[column])})
    assert refused(session, both), "nothing else changes with it"
    session.execute(update(table).values(superseded_at=TUESDAY))
    assert refused(session, update(table).values(superseded_at=MONDAY))
    assert refused(session, update(table).values(superseded_at=None))
    assert refused(session, delete(table))
    assert session.scalar(select(table.c.superseded_at)) == TUESDAY


def test_every_table_that_remembers_is_guarded() -> None:
    """A new table with versions must be put on one of the lists, here and in the migrations."""
    remembers = {name for name, table in METADATA.tables.items() if "superseded_at" in table.c}
    assert remembers == {*VERSIONED, *CLOSED_ONCE}


@pytest.mark.parametrize("kind", KINDS)
def test_the_checks_hold_exactly_the_codes(kind: str, session: Session) -> None:
    table = FACTS[kind]
    checks = {c["name"]: str(c["sqltext"]) for c in inspect(session.connection()).get_check_constraints(table.name)}
    codes = {n: t for n, t in field_types(KINDS[kind]).items() if issubclass(t, StrEnum)}
    codes |= {"source": Source, "confidence": Confidence}
    assert len(checks) == len(codes)
    for name, enum in codes.items():
        said = checks[f"ck_{table.name}_{kind}_{name}"].split("'")[1::2]
        assert sorted(said) == sorted(member.value for member in enum), name


def test_the_database_takes_no_other_code(session: Session) -> None:
    a_row(session, FACTS["accommodation"])
    copied = ", ".join(
        c.name for c in FACTS["accommodation"].columns if c.name not in {"version_id", "source", "fact_id"}
    )
    with pytest.raises(IntegrityError):
        session.execute(
            text(
                f"INSERT INTO fact_accommodation (version_id, fact_id, source, {copied}) "
                f"SELECT 'v2', 'f2', 'rumour', {copied} FROM fact_accommodation"
            )
        )


def test_a_stream_has_one_current_version(session: Session) -> None:
    person_id = somebody(session)
    first = version(person_id)
    record.append(session, [first], by="u", at=MONDAY, audit_id="a1")
    with pytest.raises(IntegrityError), session.begin_nested():
        record.append(session, [first], by="u", at=TUESDAY, audit_id="a2")
    record.append(session, [version(person_id, source_ref="accommodation/S1")], by="u", at=TUESDAY, audit_id="a3")


def version(person_id: str, fact: Fact | None = None, **changes: Any) -> NewVersion:
    usual = {"fact": fact or a_place(), "person_id": person_id, "fact_id": "f1", "source": Source.ECLIPSE}
    return NewVersion(**(usual | changes))


def test_a_new_version_closes_what_it_replaces_and_keeps_both(session: Session) -> None:
    person_id = somebody(session)
    (first,) = record.append(session, [version(person_id)], by="robot", at=MONDAY, audit_id="a1")
    after = version(person_id, a_place(code="K"), closes=(first,), reason="moved", flags=("one", "two"))
    (second,) = record.append(session, [after], by="robot", at=TUESDAY, audit_id="a2")
    table = FACTS["accommodation"]
    columns = [
        table.c[n] for n in ("version_id", "code", "recorded_at", "superseded_at", "recorded_by", "reason", "flags")
    ]
    rows = session.execute(select(*columns).order_by(table.c.recorded_at)).all()
    assert [tuple(row) for row in rows] == [
        (first, "U", MONDAY, TUESDAY, "robot", None, ""),
        (second, "K", TUESDAY, None, "robot", "moved", "one two"),
    ]


@pytest.mark.parametrize(
    ("at", "expected"), [("2020-07-27T07:59:59", []), ("2020-07-27T08:00", ["U"]), ("2020-07-28T07:59:59", ["U"]),
                         ("2020-07-28T08:00", ["K"]), (None, ["K"])]
)  # fmt: skip
def test_what_was_known_at_a_moment(at: str | None, expected: list[str], session: Session) -> None:
    person_id = somebody(session)
    (first,) = record.append(session, [version(person_id)], by="u", at=MONDAY, audit_id="a1")
    record.append(session, [version(person_id, a_place(code="K"), closes=(first,))], by="u", at=TUESDAY, audit_id="a2")
    table = FACTS["accommodation"]
    then = record.known_at(table, moment(at) if at else None)
    assert list(session.scalars(select(table.c.code).where(then))) == expected


def test_ids_come_back_in_the_order_given_whatever_the_kinds(session: Session) -> None:
    person_id = somebody(session)
    both = [
        version(person_id, fact_id="f1"),
        version(person_id, KINDS["plan_count"](here=1), fact_id="f2"),  # type: ignore[call-arg]
        version(person_id, a_place(code="K"), fact_id="f3"),
    ]
    ids = record.append(session, both, by="u", at=MONDAY, audit_id="a1")
    table = FACTS["accommodation"]
    held = {row.version_id: row.code for row in session.execute(select(table.c.version_id, table.c.code))}
    assert (held[ids[0]], held[ids[2]]) == ("U", "K")
    assert session.scalar(select(FACTS["plan_count"].c.version_id)) == ids[1]


def test_a_version_closed_already_keeps_the_moment_it_was_closed(session: Session) -> None:
    person_id = somebody(session)
    (first,) = record.append(session, [version(person_id)], by="u", at=MONDAY, audit_id="a1")
    record.supersede(session, "accommodation", [first], at=TUESDAY)
    record.supersede(session, "accommodation", [first], at=moment("2020-07-29T08:00"))
    assert session.scalar(select(FACTS["accommodation"].c.superseded_at)) == TUESDAY


def test_more_versions_than_one_statement_holds_are_closed(session: Session) -> None:
    person_id = somebody(session)
    many = [version(person_id, fact_id=f"f{n}") for n in range(1203)]
    ids = record.append(session, many, by="u", at=MONDAY, audit_id="a1")
    record.supersede(session, "accommodation", ids, at=TUESDAY)
    table = FACTS["accommodation"]
    assert session.execute(select(table.c.version_id).where(record.current(table))).all() == []


def test_the_newest_meaning_of_a_key_counts_and_each_source_has_its_own(session: Session) -> None:
    record.remember_aliases(session, [("accommodation", Source.ECLIPSE, "a/1", "f1")], at=MONDAY)
    record.remember_aliases(session, [("accommodation", Source.UPLOAD, "a/1", "f9")], at=TUESDAY)
    record.remember_aliases(session, [("accommodation", Source.ECLIPSE, "a/1", "f2")], at=TUESDAY)
    assert intake.aliases_of(session, Source.ECLIPSE, ["a/1", "a/2"]) == {("accommodation", "a/1"): "f2"}
    assert intake.aliases_of(session, Source.UPLOAD, ["a/1"]) == {("accommodation", "a/1"): "f9"}
    assert intake.aliases_of(session, Source.UPLOAD, []) == {}


def test_a_fact_comes_back_as_it_went_in(session: Session, clock: SetClock) -> None:
    place = a_place(judged_on=date(2020, 2, 29), judged_why="Zoë said so: “fine”", started_on_basis=Basis.ASSUMED)
    person_id = somebody(session)
    audit_id = audit.note(session, "record.accommodation", by="u", at=clock())
    record.append(session, [version(person_id, place)], by="u", at=clock(), audit_id=audit_id)
    table = FACTS["accommodation"]
    row = session.execute(select(*[table.c[name] for name in field_types(type(place))])).one()
    assert type(place)(**row._mapping) == place


@pytest.mark.parametrize("count", [199, 200, 4500])
def test_many_facts_come_back_as_they_went_in_however_they_are_put(count: int, session: Session) -> None:
    """From 200 rows PostgreSQL takes them by COPY, which has marks of its own for null, tab and line end."""
    person_id = somebody(session)
    says = (None, "", "\\N", "one\ttwo", "one\ntwo\r\n", "\\", "Zoë said so: “fine”", "\\.")
    places = [a_place(judged_why=says[n % len(says)], judged_on=date(2020, 2, 29) if n % 2 else None)
              for n in range(count)]  # fmt: skip
    many = [version(person_id, place, fact_id=f"f{n}", flags=("one",)) for n, place in enumerate(places)]
    ids = record.append(session, many, by="u", at=MONDAY, audit_id="a1")
    table = FACTS["accommodation"]
    columns = [table.c[name] for name in field_types(type(places[0]))]
    rows = {row.version_id: row for row in session.execute(select(table.c.version_id, *columns))}
    assert [type(places[0])(**{c.name: rows[i]._mapping[c] for c in columns}) for i in ids] == places
    envelope = select(table.c.source, table.c.confidence, table.c.recorded_at, table.c.flags, table.c.proposed)
    assert set(session.execute(envelope.distinct()).all()) == {
        (Source.ECLIPSE, Confidence.CONFIRMED, MONDAY, "one", False)
    }
    record.remember_aliases(
        session, [("accommodation", Source.ECLIPSE, f"a/{n}", f"f{n}") for n in range(count)], at=MONDAY
    )
    assert len(intake.aliases_of(session, Source.ECLIPSE, [f"a/{n}" for n in range(count)])) == count


@pytest.mark.parametrize("count", [2, 300])
def test_of_many_that_clash_none_is_kept(count: int, session: Session) -> None:
    person_id = somebody(session)
    many = [version(person_id, fact_id=f"f{n}") for n in range(count)]
    with pytest.raises(IntegrityError) as stopped, session.begin_nested():
        record.append(session, [*many, replace(many[0])], by="u", at=MONDAY, audit_id="a1")
    assert raced(stopped.value)
    assert session.scalar(select(func.count()).select_from(FACTS["accommodation"])) == 0


@pytest.mark.parametrize("count", [2, 300])
def test_nothing_unknown_is_kept_among_many(count: int, session: Session) -> None:
    many = [version(somebody(session), fact_id=f"f{n}") for n in range(count)]
    stranger = replace(many[-1], person_id="nobody")
    with pytest.raises(IntegrityError) as stopped, session.begin_nested():
        record.append(session, [*many[:-1], stranger], by="u", at=MONDAY, audit_id="a1")
    erased_meanwhile = session.get_bind().dialect.name == "postgresql"  # on SQLite nobody else writes
    assert raced(stopped.value) is erased_meanwhile


@pytest.mark.parametrize("name", ["audit_entry", "audit_people", "audit_link"])
def test_nothing_of_the_audit_is_replaced_or_emptied(name: str, session: Session) -> None:
    """`INSERT OR REPLACE` deletes without asking who guards deletions, and TRUNCATE without asking who guards rows."""
    table = METADATA.tables[name]
    row = a_row(session, table)
    forgeries: list[Any] = [text(f"TRUNCATE {name} CASCADE")]
    if session.get_bind().dialect.name == "sqlite":
        own = set(table.primary_key.columns.keys())
        said = {column: value if column in own else another(value) for column, value in row.items()}
        forgeries = [insert(table).prefix_with("OR REPLACE").values(**said)]
        changed = ", ".join(f"'y' || {column}" if column in own else column for column in row)
        if name != "audit_link":  # its number is the number of the row
            columns = f"INSERT OR REPLACE INTO {name} (rowid, {', '.join(row)})"
            forgeries.append(text(f"{columns} SELECT rowid, {changed} FROM {name}"))
        else:
            forgeries.append(
                text(f"INSERT OR REPLACE INTO {name} SELECT number + 1, audit_id, 'y', sealed_at FROM {name}")
            )
    assert [forgery for forgery in forgeries if not refused(session, forgery)] == []
    held = session.execute(select(*[table.c[column] for column in row])).mappings().all()
    assert row in [dict(each) for each in held]
