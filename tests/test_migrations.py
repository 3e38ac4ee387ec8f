"""The migrations make exactly the tables the code declares, and can be walked up, down and up again."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    event,
    insert,
    inspect,
    select,
    text,
)  # fmt: skip
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from service.store import extracts
from service.store.engine import make_engine
from service.store.schema import METADATA, batch_dataset, person_identifier
from service.store.types import UTCDateTime
from tests import postgres
from tests.conftest import ROOT, alembic_config
from tests.council import moment
from tests.rows import common, fill, held
from tests.schemas import schema

REVISIONS = ("0001", "0002", "0003", "0004")


@pytest.fixture
def bare(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An engine on a database in which nothing has been made."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'bare.db'}"
        if database == "postgresql":
            name = f"los_bare_{os.getpid()}_{uuid.uuid4().hex[:8]}"
            url = stack.enter_context(postgres.database_on(request.getfixturevalue("postgres_server"), name))
        engine = make_engine(url)
        stack.callback(engine.dispose)
        yield engine


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_there_is_one_head(bare: Engine) -> None:
    assert len(ScriptDirectory.from_config(alembic_config(bare)).get_heads()) == 1


def test_up_makes_what_the_code_declares(bare: Engine) -> None:
    command.upgrade(alembic_config(bare), "head")
    command.check(alembic_config(bare))
    assert tables(bare)


def test_up_down_and_up_again(bare: Engine) -> None:
    command.upgrade(alembic_config(bare), "head")
    made = tables(bare)
    command.downgrade(alembic_config(bare), "base")
    assert tables(bare) == set()
    command.upgrade(alembic_config(bare), "head")
    assert tables(bare) == made
    command.check(alembic_config(bare))


def test_a_second_upgrade_changes_nothing(bare: Engine) -> None:
    command.upgrade(alembic_config(bare), "head")
    made = tables(bare)
    command.upgrade(alembic_config(bare), "head")
    assert tables(bare) == made


FIRST, SECOND = moment("2020-07-30T02:00"), moment("2020-07-31T02:00")
AN_UPLOAD = bytes(range(256)) * 9000


def at(name: str) -> Column[datetime]:
    return Column(name, UTCDateTime())


# The tables that 0002 alters, as 0001 has them.
PERSON = Table("person", MetaData(), Column("person_id", String), Column("restricted", Boolean), at("recorded_at"))
IDENTIFIER = Table(
    "person_identifier", MetaData(), Column("eclipse_id", String), Column("person_id", String), at("recorded_at")
)
BATCH = Table(
    "batch", MetaData(),
    *[Column(name, String) for name in "batch_id profile source run_id digest state manifest created_by".split()],
    at("extracted_at"), at("recorded_at"),
)  # fmt: skip
DATASET = Table(
    "batch_dataset", MetaData(), Column("batch_id", String), Column("name", String), Column("content", LargeBinary),
    at("recorded_at"),
)  # fmt: skip

OPENED = {
    "batch_id": "b1", "profile": "ssd", "source": "eclipse", "run_id": "r1", "digest": "d", "state": "open",
    "manifest": "{}", "created_by": "robot", "extracted_at": FIRST, "recorded_at": SECOND,
}  # fmt: skip
SENT = {"batch_id": "b1", "name": "ssd_person", "content": AN_UPLOAD, "recorded_at": SECOND}


def rows(engine: Engine, table: Table) -> list[dict[str, Any]]:
    """What a table holds in the columns 0001 knows, by its first column."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(table.columns[0])).mappings()]


def moved(engine: Engine, revision: str, *, down: bool | None = None) -> None:
    """Up, or down where the database stands higher."""
    with engine.connect() as connection:
        stands = connection.scalar(text("SELECT version_num FROM alembic_version"))
    lower = revision != "head" and revision < stands if down is None else down
    (command.downgrade if lower else command.upgrade)(alembic_config(engine), revision)


def test_what_is_held_goes_up_down_and_up_again(bare: Engine) -> None:
    """The bytes of an open batch go up; on the way down they are let go, and the push sends them again."""
    command.upgrade(alembic_config(bare), "0001")
    people = [{"person_id": f"P{n}", "restricted": n == 2, "recorded_at": FIRST} for n in (1, 2)]
    known = [{"eclipse_id": f"EX{n}", "person_id": f"P{n}", "recorded_at": SECOND} for n in (1, 2)]
    with bare.begin() as connection:
        for into, values in ((PERSON, people), (IDENTIFIER, known), (BATCH, [OPENED]), (DATASET, [SENT])):
            connection.execute(insert(into), values)
    for revision in ("head", "0001", "head"):
        moved(bare, revision)
        assert (rows(bare, PERSON), rows(bare, IDENTIFIER), rows(bare, BATCH)) == (people, known, [OPENED])
    command.check(alembic_config(bare))
    with Session(bare) as session:
        assert extracts.datasets(session, "b1") == {}


def test_the_bytes_of_an_open_batch_go_up(bare: Engine) -> None:
    command.upgrade(alembic_config(bare), "0001")
    with bare.begin() as connection:
        connection.execute(insert(BATCH), [OPENED])
        connection.execute(insert(DATASET), [SENT])
    moved(bare, "0002")
    with Session(bare) as session:
        (opened,) = extracts.datasets(session, "b1").values()
        assert opened().read() == AN_UPLOAD
        assert session.scalar(select(batch_dataset.c.bytes)) == len(AN_UPLOAD)


def test_an_id_that_was_given_on_goes_down_with_its_newest_holder(bare: Engine) -> None:
    command.upgrade(alembic_config(bare), "head")
    people = [{"person_id": f"P{n}", "restricted": False, "recorded_at": FIRST} for n in (1, 2)]
    with bare.begin() as connection:
        connection.execute(insert(PERSON), people)
        connection.execute(
            insert(person_identifier),
            [{"eclipse_id": "EX1", "person_id": "P1", "recorded_at": FIRST, "superseded_at": SECOND},
             {"eclipse_id": "EX1", "person_id": "P2", "recorded_at": SECOND, "superseded_at": None}],
        )  # fmt: skip
    moved(bare, "0001")
    assert [(row["eclipse_id"], row["person_id"]) for row in rows(bare, IDENTIFIER)] == [("EX1", "P2")]
    moved(bare, "0002")
    assert [(row["eclipse_id"], row["person_id"]) for row in rows(bare, IDENTIFIER)] == [("EX1", "P2")]


# What an older schema has no room for, below the revision named: sent again, or told by what is still held.
LET_GO = {"0001": frozenset({"batch_dataset", "person_identifier"})}


@pytest.mark.parametrize(
    ("start", "stops"),
    [
        ("0001", ("0004", "0001", "0004")),
        pytest.param("0002", ("0004", "0002", "0003", "0001", "0004"), marks=pytest.mark.long),
        ("0004", ("0003", "0002", "0004")),
        pytest.param("0004", ("0001", "0004"), marks=pytest.mark.long),
    ],
)
def test_rows_of_every_table_go_up_and_down(start: str, stops: tuple[str, ...], bare: Engine) -> None:
    """Wherever a database stands: each row comes to the newest schema, back to each older one, and up again."""
    config = alembic_config(bare)
    command.upgrade(config, start)
    fill(bare, but=frozenset({"erasing"}))
    kept = held(bare)
    for stop in stops:
        moved(bare, stop)
        kept, found = common(kept, held(bare), but=LET_GO.get(stop, ()))
        assert kept == found
    assert len(kept) > 30
    command.check(config)


def test_a_scope_with_an_end_does_not_come_back_without_one(bare: Engine) -> None:
    """An older schema knows no end: the scope is taken away rather than made one for good."""
    command.upgrade(alembic_config(bare), "head")
    account = {"user_id": "u1", "issuer": "i", "subject": "s", "name": "Demo", "active": True, "created_at": FIRST}
    scopes = [{"user_id": "u1", "kind": kind, "code": "", "until": until}
              for kind, until in (("county", SECOND), ("own", None))]  # fmt: skip
    with bare.begin() as connection:
        connection.execute(insert(METADATA.tables["user_account"]), [account])
        connection.execute(insert(METADATA.tables["user_scope"]), scopes)
    for revision in ("0002", "head"):
        moved(bare, revision)
        assert [scope["kind"] for scope in held(bare)["user_scope"]] == ["own"]


def test_up_and_down_come_to_the_same_schema(bare: Engine) -> None:
    """Tables, keys, indexes and checks, and above all the guards: an older schema is as append-only as it was."""
    config, found = alembic_config(bare), {}
    for revision in REVISIONS:
        command.upgrade(config, revision)
        found[revision] = schema(bare)
    for revision in reversed(REVISIONS[:-1]):
        command.downgrade(config, revision)
        assert schema(bare) == found[revision]
    for revision in REVISIONS:
        command.upgrade(config, revision)
        assert schema(bare) == found[revision]


def test_who_was_restricted_before_it_was_recorded_stays_restricted(bare: Engine) -> None:
    config = alembic_config(bare)
    command.upgrade(config, "0002")
    people = [{"person_id": f"P{n}", "restricted": n == 2, "recorded_at": FIRST} for n in (1, 2)]
    with bare.begin() as connection:
        connection.execute(insert(PERSON), people)
    for revision in ("head", "0002", "head"):
        moved(bare, revision)
        assert rows(bare, PERSON) == people
    (said,) = held(bare)["restriction"]
    assert uuid.UUID(said["restriction_id"])
    assert said["restriction_id"] not in {"P1", "P2"}
    assert (said["person_id"], said["restricted_by"], said["superseded_at"]) == ("P2", "migration", None)
    assert said["restriction_id"] != "P2", "it is listed to people who may not know whose it is"


def test_sight_that_an_older_schema_does_not_know_goes_down_as_none(bare: Engine) -> None:
    """Somebody who saw the duty service sees nothing there, until somebody says what: never more than before."""
    config = alembic_config(bare)
    command.upgrade(config, "head")
    fill(bare)
    with bare.begin() as connection:
        connection.execute(text("UPDATE user_scope SET kind = 'duty' WHERE kind = 'own'"))
    moved(bare, "0002")
    assert [row["kind"] for row in held(bare)["user_scope"]] == ["team"]
    with pytest.raises(DBAPIError, match=r"(?i)check"), bare.begin() as connection:
        connection.execute(text("UPDATE user_scope SET kind = 'duty'"))


UP = ("CREATE TABLE restriction", "CREATE TABLE erasing", "INSERT INTO restriction")
DOWN = ("DROP TABLE audit_link", "ALTER TABLE user_scope DROP COLUMN until", "ALTER TABLE user_account DROP COLUMN oid")


class PowerCut(Exception):
    """What ends a migration in the middle."""


USUAL = {"CREATE TABLE erasing", "DROP TABLE audit_link"}


@pytest.mark.parametrize("at", [each if each in USUAL else pytest.param(each, marks=pytest.mark.long)
                                for each in (*UP, *DOWN)])  # fmt: skip
def test_a_step_that_fails_half_way_was_never_taken(at: str, bare: Engine) -> None:
    config = alembic_config(bare)
    from_, to = ("0001", "head") if at in UP else ("head", "0001")
    command.upgrade(config, from_)
    fill(bare, but=frozenset({"erasing"}))
    found, before = schema(bare), held(bare)

    def cut(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if " ".join(statement.split()).startswith(at):
            raise PowerCut

    event.listen(bare, "before_cursor_execute", cut)
    with pytest.raises(PowerCut):
        moved(bare, to, down=at in DOWN)
    event.remove(bare, "before_cursor_execute", cut)
    assert (schema(bare), held(bare)) == (found, before)
    moved(bare, to, down=at in DOWN)
    one, other = common(before, held(bare), but=LET_GO["0001"] if at in DOWN else ())
    assert one == other
    assert schema(bare) != found


KILLED = """
import os, sys
from alembic import command
from sqlalchemy import event
from service.store.engine import make_engine
from tests.conftest import alembic_config

engine = make_engine(sys.argv[1])
cut = lambda _c, _cursor, statement, *_: os._exit(9) if "CREATE TABLE erasing" in statement else None
event.listen(engine, "before_cursor_execute", cut)
command.upgrade(alembic_config(engine), "head")
"""


def test_a_migration_that_is_killed_is_run_again(bare: Engine) -> None:
    command.upgrade(alembic_config(bare), "0001")
    fill(bare)
    found, before = schema(bare), held(bare)
    url = bare.url.render_as_string(hide_password=False)
    killed = subprocess.run([sys.executable, "-c", KILLED, url], cwd=ROOT, check=False, env=os.environ | PATH)
    assert killed.returncode == 9
    assert (schema(bare), held(bare)) == (found, before)
    moved(bare, "head")
    command.check(alembic_config(bare))


PATH = {"PYTHONPATH": str(ROOT)}


def test_two_at_once_make_one_schema(bare: Engine, tmp_path: Path) -> None:
    """Two hosts that start together both run it; the second finds it done."""
    url = bare.url.render_as_string(hide_password=False)
    variables = {"LOS_DATABASE_URL": url, "LOS_DATA_DIR": str(tmp_path)}
    los = [sys.executable, "-m", "service.cli", "migrate"]
    with ExitStack() as stack:
        both = [
            stack.enter_context(subprocess.Popen(los, cwd=ROOT, env=os.environ | variables, stderr=subprocess.PIPE))
            for _ in range(2)
        ]
        said = [each.communicate(timeout=60)[1] for each in both]
    assert [each.returncode for each in both] == [0, 0], said
    command.check(alembic_config(bare))
