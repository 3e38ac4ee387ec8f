"""The migrations make exactly the tables the code declares, and can be walked up, down and up again."""

import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from service.store.engine import make_engine
from tests import postgres
from tests.conftest import alembic_config


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
