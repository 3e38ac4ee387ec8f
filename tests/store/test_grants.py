"""The service's own role on PostgreSQL works as usual, and could not touch the record if it wanted to."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from service.domain.access import Role
from service.operations import backup
from service.store import grants, record, users
from service.store.engine import make_engine, writing
from service.store.schema import METADATA
from tests import postgres
from tests.conftest import SetClock, migrate
from tests.council import introduced, leaver
from tests.factories import a_contact

KEPT = ("audit_entry", "audit_link", "audit_people", "fact_contact", "fact_accommodation", "erasure", "person")


@pytest.fixture(scope="module")
def granted(postgres_server: str) -> Iterator[tuple[str, str]]:
    """A migrated database whose every new session is the service's own role, with the rights it is given."""
    name = f"los_granted_{os.getpid()}_{uuid.uuid4().hex[:8]}"
    with postgres.database_on(postgres_server, name) as url:
        migrate(url)
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain, autocommit=True) as owner:
            owner.execute(f"CREATE ROLE {name} NOLOGIN")
            for _ in range(2):
                for statement in grants.statements(name):
                    owner.execute(statement)
            owner.execute(f"ALTER DATABASE {name} SET role = '{name}'")
        yield url, name
    with psycopg.connect(postgres_server.replace("+psycopg", "", 1), autocommit=True) as server:
        server.execute(f"DROP ROLE {name}")


@pytest.fixture(scope="module")
def engine(granted: tuple[str, str]) -> Iterator[Engine]:
    """The service's engine, as its role."""
    engine = make_engine(granted[0])
    yield engine
    engine.dispose()


def denied(engine: Engine, statement: str) -> bool:
    """Whether the database refuses for want of a right, before any trigger."""
    with pytest.raises(DBAPIError) as stopped, engine.begin() as connection:
        connection.execute(text(statement))
    return isinstance(stopped.value.orig, psycopg.errors.InsufficientPrivilege)


def test_the_service_works_as_its_own_role(engine: Engine, clock: SetClock, tmp_path: Path) -> None:
    with engine.connect() as connection:
        assert not connection.scalar(text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"))
    council = introduced(engine, clock)
    council.log(a_contact("2020-07-01T00:30+00:00"))
    council.night("2020-07-02T01:00", leaver("P1", "B"), leaver("P2"), leaver("P3"))
    council.clock.advance(minutes=5)
    assert council.tracker().tables
    with writing(engine, clock) as write:
        user_id = users.add_user(
            write.session, issuer="i", subject="s", name="n", roles={Role.CHIEF_OFFICER}, scopes=(), at=write.now
        )
        users.set_active(write.session, user_id, active=False)
    taken = backup.take(engine, tmp_path / "b", key=None, revision="0004", version="1", clock=clock)
    assert taken.tables["fact_contact"][0] > 0


def test_counting_rows_for_the_planner_fails_nobody(engine: Engine, clock: SetClock) -> None:
    """ANALYZE needs the owner. For anybody else PostgreSQL leaves it out, with a warning."""
    with writing(engine, clock) as write:
        record.gather_statistics(write.session, {"fact_contact": 1_000_000})
        assert write.session.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_is_refused_before_any_trigger(name: str, engine: Engine) -> None:
    column = next(c.name for c in METADATA.tables[name].columns if c.name not in grants.SET.get(name, ()))
    assert denied(engine, f"DELETE FROM {name}")
    assert denied(engine, f"TRUNCATE {name}")
    assert denied(engine, f"UPDATE {name} SET {column} = {column}")
    assert denied(engine, f"DROP TABLE {name}")
    assert denied(engine, f"ALTER TABLE {name} DISABLE TRIGGER ALL")


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO erasing VALUES ('e1')",
        "UPDATE alembic_version SET version_num = '0000'",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SET session_replication_role = replica",
        "COPY person TO PROGRAM 'cat'",
    ],
)
def test_nothing_lets_it_open_the_guards(statement: str, engine: Engine) -> None:
    assert denied(engine, statement)


def test_only_what_is_ever_set_may_be_set(engine: Engine, granted: tuple[str, str]) -> None:
    """Of each table, by what the database itself says of the role."""
    with engine.connect() as connection:
        may = connection.execute(
            text("SELECT table_name, column_name FROM information_schema.column_privileges"
                 " WHERE grantee = :role AND privilege_type = 'UPDATE' AND table_schema = 'public'"),
            {"role": granted[1]},
        ).all()  # fmt: skip
        rights = connection.execute(
            text("SELECT table_name, privilege_type FROM information_schema.table_privileges"
                 " WHERE grantee = :role AND privilege_type <> 'UPDATE'"),
            {"role": granted[1]},
        ).all()  # fmt: skip
    assert set(map(tuple, may)) == {(name, column) for name, columns in grants.SET.items() for column in columns}
    held = {kind: {row.table_name for row in rights if row.privilege_type == kind} for kind in
            {row.privilege_type for row in rights}}  # fmt: skip
    everything = set(METADATA.tables)
    assert held == {
        "SELECT": everything | {"alembic_version"}, "INSERT": everything - {"erasing"}, "DELETE": set(grants.LET_GO),
    }  # fmt: skip


def test_an_owner_is_no_role_for_the_service(postgres_url: str) -> None:
    with psycopg.connect(postgres_url.replace("postgresql+psycopg://", "postgresql://", 1)) as owner:
        name = owner.execute("SELECT current_user").fetchone()
        with pytest.raises(psycopg.errors.RaiseException, match="a role of its own"):
            for statement in grants.statements(name[0]):  # type: ignore[index]
                owner.execute(statement)


@pytest.mark.parametrize("name", ["", "x; DROP TABLE person", 'a"b', "Los", "a" * 64, "a'b"])
def test_a_role_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="role name"):
        list(grants.statements(name))
