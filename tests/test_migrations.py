"""The migrations make exactly the tables the code declares, and can be walked up, down and up again."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, Engine, LargeBinary, MetaData, String, Table, insert, inspect, select
from sqlmodel import Session

from service.store import extracts
from service.store.engine import make_engine
from service.store.schema import batch_dataset, person_identifier
from service.store.types import UTCDateTime
from tests import postgres
from tests.conftest import alembic_config
from tests.council import moment


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


def moved(engine: Engine, revision: str) -> None:
    config = alembic_config(engine)
    (command.downgrade if revision == "0001" else command.upgrade)(config, revision)


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
