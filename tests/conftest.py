"""What every test may ask for: a database of each kind, a clock that can be set, a client with a real token."""

import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session
from starlette.testclient import TestClient

from service.api import development_keys, identity
from service.app import create_app, door
from service.domain.access import DEFAULT_SCOPE, Role, ScopeKind
from service.settings import Settings
from service.store import engine as engines
from service.store import users
from service.store.engine import make_engine, writing
from tests import postgres

ROOT = Path(__file__).parent.parent
TokenFor = Callable[..., str]
FRIDAY_MORNING = datetime(2020, 7, 31, 8, 0, tzinfo=UTC)

# Rows that the migrations themselves put in are kept beside, so that each test starts from exactly those.
KEEP_SEEDS = """
DO $$ DECLARE name text; filled boolean; BEGIN
    CREATE SCHEMA seed;
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%s)', name) INTO filled;
        IF filled THEN EXECUTE format('CREATE TABLE seed.%s AS SELECT * FROM public.%s', name, name); END IF;
    END LOOP;
END $$
"""
# `replica` switches the append-only triggers and the foreign keys off for this one transaction.
# What the planner knew of a large council would mislead it about the next one.
EMPTY = """
DO $$ DECLARE name text; filled boolean; known real; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%s)', name) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM public.%s', name);
            SELECT reltuples INTO known FROM pg_class WHERE oid = ('public.' || name)::regclass;
            IF known > 500 THEN EXECUTE format('ANALYZE public.%s', name); END IF;
        END IF;
    END LOOP;
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'seed' LOOP
        EXECUTE format('INSERT INTO public.%s SELECT * FROM seed.%s', name, name);
    END LOOP;
END $$
"""


class SetClock:
    """A clock that stands where a test puts it. Calling it gives an aware UTC datetime."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def set(self, at: datetime) -> None:
        """Put the clock at an aware moment."""
        self.at = at.astimezone(UTC)

    def advance(self, **by: float) -> None:
        """Move the clock: `clock.advance(days=1)`."""
        self.at += timedelta(**by)


def alembic_config(engine: Engine) -> Config:
    """Alembic's settings for one database: `migrations/env.py` takes the engine it is given."""
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["engine"] = engine
    return config


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Full doses run only when they are asked for."""
    if os.environ.get("LOS_TEST_LONG"):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason="a full dose: set LOS_TEST_LONG=1"))


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    """Let all engines on SQLite share what SQLAlchemy compiled: each test makes its own, and would compile it all anew.

    A third of the tests' time went there. A service has one engine, so nothing of it is otherwise than it would be.
    """
    make, first = engines.create_engine, list[Engine]()

    def sharing(url: str, **options: Any) -> Engine:
        engine = make(url, **options)
        if engine.dialect.name != "sqlite":
            return engine  # its dialect makes the connections, each engine's in its own way
        if not first:
            with suppress(SQLAlchemyError), engine.connect():  # a dialect learns its server when it first connects
                first.append(engine)
            engine.dispose()  # that connection knows nothing of what is listened for on each
            return engine
        engine.dialect, engine._compiled_cache = first[0].dialect, first[0]._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "create_engine", sharing)
        yield


@pytest.fixture
def clock() -> SetClock:
    """Friday 31 July 2020, nine in the morning in London."""
    return SetClock(FRIDAY_MORNING)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL in which databases may be made: the one named, else one of our own."""
    named = os.environ.get("LOS_TEST_POSTGRES_URL")
    with ExitStack() as stack:
        try:
            url = postgres.answering(named) if named else stack.enter_context(postgres.server())
        except postgres.NoPostgres as reason:
            _without_postgres(reason)
        yield url


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A migrated database of this worker's own, dropped at the end."""
    name = f"los_test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}_{uuid.uuid4().hex[:8]}"
    with postgres.database_on(postgres_server, name) as url:
        migrate(url)
        on_postgres(url, KEEP_SEEDS)
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file in one piece (no write-ahead log beside it), to be copied."""
    folder = tmp_path_factory.mktemp("template")
    migrate(f"sqlite:///{folder / 'migrated.db'}")
    migrated = sqlite3.connect(folder / "migrated.db")
    migrated.execute("VACUUM INTO ?", (str(folder / "template.db"),))
    migrated.close()
    return folder / "template.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """The kind of database. Whatever asks for one runs on both."""
    return str(request.param)


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database that holds nothing but what the migrations put in."""
    if database == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "line-of-sight.db")
        return f"sqlite:///{tmp_path / 'line-of-sight.db'}"
    url = str(request.getfixturevalue("postgres_url"))
    on_postgres(url, EMPTY)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The service's own engine on that database."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: Engine, clock: SetClock) -> Iterator[Session]:
    """A write under way, rolled back at the end. It holds SQLite's write lock: take `session` or `client`, not both."""
    with writing(engine, clock) as write:
        yield write.session
        write.session.rollback()


@pytest.fixture(scope="session")
def development_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key pair for all tests: a new one each time costs more than most tests."""
    folder = tmp_path_factory.mktemp("key")
    development_keys.public_jwk(folder)
    return folder / development_keys.FILE_NAME


@pytest.fixture
def settings(database_url: str, development_key: Path, tmp_path: Path) -> Settings:
    """Development, on this test's database, with a key pair of its own to sign with."""
    shutil.copy(development_key, tmp_path / development_keys.FILE_NAME)
    return Settings(data_dir=tmp_path, database_url=database_url)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> FastAPI:
    """The whole service, built once: building it costs more than most tests."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("app"), database_url=f"sqlite:///{sqlite_template}")
    app = create_app(settings, SetClock(FRIDAY_MORNING))
    app.state.door.engine.dispose()
    return app


@pytest.fixture
def client(app: FastAPI, settings: Settings, clock: SetClock) -> Iterator[TestClient]:
    """HTTP to the whole service. Errors that nobody foresaw are answered, as they would be, and not raised."""
    app.state.door = door(settings, clock)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def token_for(engine: Engine, settings: Settings, clock: SetClock) -> TokenFor:
    """Add somebody and sign them in: `token_for(Role.TEAM_MANAGER, code="exeter_pt_1")`.

    The scope is the role's usual one, `code` names its unit; the token is valid for an hour of the test's clock.
    """

    def sign_in(
        role: Role, *, code: str = "", scope: ScopeKind | None = None, worker_ref: str | None = None, name: str = ""
    ) -> str:
        subject = uuid.uuid4().hex
        with writing(engine, clock) as write:
            users.add_user(
                write.session,
                issuer=settings.oidc_issuer,
                subject=subject,
                name=name or f"Demo {role}",
                roles={role},
                scopes={(scope or DEFAULT_SCOPE[role], code)},
                worker_ref=worker_ref,
                at=write.now,
            )
        script = role is Role.INTEGRATION
        return identity.mint(settings, subject, at=clock(), lifetime=timedelta(hours=1), script=script)

    return sign_in


def bearer(token: str, **headers: str) -> dict[str, str]:
    """The headers of a signed-in request: `bearer(token, **{"Idempotency-Key": "k1"})`."""
    return {"Authorization": f"Bearer {token}", **headers}


def migrate(url: str) -> None:
    """Bring a database to the newest schema."""
    engine = make_engine(url)
    command.upgrade(alembic_config(engine), "head")
    engine.dispose()


def on_postgres(url: str, statement: str) -> None:
    """Run one statement on a PostgreSQL."""
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        connection.execute(statement)


def _without_postgres(reason: Exception) -> NoReturn:
    if os.environ.get("LOS_TEST_REQUIRE_POSTGRES") or os.environ.get("CI"):
        pytest.fail(f"PostgreSQL is required here: {reason}", pytrace=False)
    pytest.skip(f"no PostgreSQL: {reason}")
