"""The service on a port of this machine, and the scripts as somebody would run them."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from service.settings import Settings
from tests.conftest import ROOT, SetClock
from tests.village import token_of

# With one attempt: a pause before the next would only make the tests slow.
_ONCE = "import sys; sys.path.insert(0, 'scripts'); sys.argv = sys.argv[1:]; import calls, {0}; calls.ATTEMPTS = 1; "


class _Server(uvicorn.Server):
    """A server that says when it has begun to listen."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
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


def run(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `scripts/<script>.py` with these arguments and LOS_* variables."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOS_")}
    code = _ONCE.format(script) + f"raise SystemExit(calls.run({script}.main))"
    return subprocess.run(
        [sys.executable, "-c", code, f"{script}.py", *map(str, arguments)],
        cwd=ROOT, env=clean | {"COLUMNS": "200"} | environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
