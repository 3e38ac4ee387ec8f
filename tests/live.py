"""The service on a port of this machine, and the scripts as somebody would run them."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine
from starlette.types import ASGIApp

from service.api.middleware import a_thread_for_each
from service.app import door
from service.cli.listening import LIMITS
from service.settings import Settings
from tests.conftest import ROOT, SetClock
from tests.village import Village, enrol, populate_only, token_of

# With one attempt: a pause before the next would only make the tests slow.
_ONCE = "import sys; sys.path.insert(0, 'scripts'); sys.argv = sys.argv[1:]; import calls, {0}; calls.ATTEMPTS = 1; "


class _Server(uvicorn.Server):
    """A server that says when it has begun to listen."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", **LIMITS))
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        a_thread_for_each()
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 and yield the address."""
    server = _Server(app)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert server.listening.wait(20)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


@dataclass(frozen=True)
class Service:
    """The service under a set clock, and who may call it."""

    url: str
    engine: Engine
    settings: Settings
    clock: SetClock

    def token(self, who: str) -> str:
        """The token of one of the village's CAST."""
        return token_of(self.settings, who, self.clock())

    def client(self) -> httpx.Client:
        """Plain HTTP to the service."""
        return httpx.Client(base_url=self.url, trust_env=False)

    def run(self, script: str, *arguments: object, who: str = "robot", **environment: str) -> Any:
        """Run a script as `who`; its exit code and what it printed."""
        return run(script, *arguments, LOS_URL=self.url, LOS_TOKEN=self.token(who), **environment)


class Ticking(SetClock):
    """A clock on which no two readings are the same, as on a real one."""

    def __call__(self) -> datetime:
        self.advance(milliseconds=1)
        return self.at


@contextmanager
def enrolled(app: FastAPI, engine: Engine, settings: Settings, clock: SetClock) -> Iterator[Service]:
    """The service on a free port, with the accounts of CAST."""
    enrol(engine, settings, clock)
    app.state.door = door(settings, clock)
    with serving(app) as url:
        yield Service(url, engine, settings, clock)
    app.state.door.engine.dispose()


@contextmanager
def peopled(app: FastAPI, engine: Engine, settings: Settings, clock: SetClock) -> Iterator[Service]:
    """The same, with the village in it."""
    with enrolled(app, engine, settings, clock) as service:
        with service.client() as client:
            populate_only(Village(client, engine, settings, clock, lambda *_: ""))
        yield service


def run(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `scripts/<script>.py` with these arguments and LOS_* variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOS_")}
    code = _ONCE.format(script) + f"raise SystemExit(calls.run({script}.main))"
    return subprocess.run(
        [sys.executable, "-c", code, f"{script}.py", *map(str, arguments)],
        cwd=ROOT, env=clean | {"COLUMNS": "200"} | environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
