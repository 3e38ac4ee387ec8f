"""What stories over HTTP start from: a village pushed through the API, once for each kind of database, then copied."""

import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from service.api import development_keys
from service.app import create_app
from service.settings import Settings
from service.store.engine import make_engine
from tests import postgres
from tests.conftest import EMPTY, FRIDAY_MORNING, KEEP_SEEDS, SetClock, TokenFor, migrate, on_postgres
from tests.village import Village, populate


@pytest.fixture(scope="session")
def sqlite_village(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, development_key: Path) -> Path:
    """A SQLite file with the village in it, to be copied."""
    folder = tmp_path_factory.mktemp("village")
    shutil.copy(sqlite_template, folder / "village.db")
    _populate(f"sqlite:///{folder / 'village.db'}", folder, development_key)
    peopled = sqlite3.connect(folder / "village.db")
    peopled.execute("VACUUM INTO ?", (str(folder / "template.db"),))
    peopled.close()
    return folder / "template.db"


@pytest.fixture(scope="session")
def postgres_village(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: str, development_key: Path
) -> Iterator[str]:
    """A PostgreSQL with the village in it, to which it is set back before each test."""
    with postgres.database_on(postgres_server, f"los_village_{uuid.uuid4().hex[:8]}") as url:
        migrate(url)
        _populate(url, tmp_path_factory.mktemp("village"), development_key)
        on_postgres(url, KEEP_SEEDS)
        yield url


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, or the village's where the story asks for the village."""
    peopled = "village" in request.fixturenames
    if database == "sqlite":
        template = request.getfixturevalue("sqlite_village" if peopled else "sqlite_template")
        shutil.copy(template, tmp_path / "line-of-sight.db")
        return f"sqlite:///{tmp_path / 'line-of-sight.db'}"
    url = str(request.getfixturevalue("postgres_village" if peopled else "postgres_url"))
    on_postgres(url, EMPTY)
    return url


@pytest.fixture
def village(client: TestClient, engine: Engine, settings: Settings, clock: SetClock, token_for: TokenFor) -> Village:
    """The village on the morning of 31 July 2020."""
    return Village.of(client, engine, settings, clock, token_for)


@pytest.fixture
def empty(client: TestClient, engine: Engine, settings: Settings, clock: SetClock, token_for: TokenFor) -> Village:
    """The same, before anything has been pushed and without an account."""
    return Village(client, engine, settings, clock, token_for)


def _populate(url: str, folder: Path, key: Path) -> None:
    shutil.copy(key, folder / development_keys.FILE_NAME)
    settings, clock = Settings(data_dir=folder, database_url=url), SetClock(FRIDAY_MORNING)
    engine = make_engine(url)
    with TestClient(create_app(settings, clock), base_url="http://127.0.0.1") as client:
        populate(client, engine, settings, clock)
    engine.dispose()
