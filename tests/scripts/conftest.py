"""A live service for the scripts, and the demo council's nights as extract files."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine
from typer.testing import CliRunner

from service import cli
from service.app import door
from service.settings import Settings
from tests.conftest import FRIDAY_MORNING, SetClock
from tests.live import Service, serving
from tests.village import enrol


class Ticking(SetClock):
    """A clock on which no two readings are the same, as on a real one."""

    def __call__(self) -> datetime:
        self.advance(milliseconds=1)
        return self.at


@pytest.fixture
def clock() -> SetClock:
    """Friday 31 July 2020, from nine in the morning in London."""
    return Ticking(FRIDAY_MORNING)


@pytest.fixture
def service(app: FastAPI, engine: Engine, settings: Settings, clock: SetClock) -> Iterator[Service]:
    """An empty service on a free port, with the accounts of CAST."""
    enrol(engine, settings, clock)
    app.state.door = door(settings, clock)
    with serving(app) as url:
        yield Service(url, engine, settings, clock)
    app.state.door.engine.dispose()


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders that `los demo --out` writes, oldest night first."""
    folder = tmp_path_factory.mktemp("demo")
    out = folder / "nights"
    env = {"LOS_DATA_DIR": str(folder), "LOS_DATABASE_URL": "", "LOS_ENVIRONMENT": ""}
    done = CliRunner().invoke(cli.app, ["demo", "--as-at", "2020-07-31", "--out", str(out)], env=env)
    assert done.exit_code == 0, done.output
    return sorted(out.iterdir())
