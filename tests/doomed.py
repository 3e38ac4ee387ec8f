"""The service as a process of its own, which a test may kill at any moment and start again at the same address."""

import multiprocessing
import os
import signal
import socket
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import httpx
import uvicorn

from service.app import create_app
from service.cli.listening import LIMITS
from service.settings import Settings
from tests.conftest import SetClock
from tests.village import token_of

# Each life is a process forked from one that has done the imports and nothing else: a new one would take seconds.
_NURSERY = multiprocessing.get_context("forkserver")
_NURSERY.set_forkserver_preload(["tests.doomed"])


class Doomed:
    """A server process. Its port is ours: while it is dead, calls wait for the next one, as before a proxy.

    Its clock is the test's, and runs on from there: a story has its own days, whatever day it is today.
    """

    def __init__(self, name: str, settings: Settings, clock: SetClock) -> None:
        self._name, self._settings, self._clock, self._lives = name, settings, clock, 0
        self._shift = datetime.now(UTC) - clock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.log = settings.data_dir / f"{name}.log"
        self._process: ForkServerProcess | None = None

    @property
    def life(self) -> str:
        """The name under which the database knows the process that runs now."""
        return f"{self._name}-{self._lives}"

    def now(self) -> datetime:
        """What its clock says."""
        return datetime.now(UTC) - self._shift

    def start(self) -> None:
        """Begin a new life."""
        self._lives += 1
        shift = self._shift.total_seconds()
        life = (self._listener, self._settings, shift, self.life, str(self.log))
        self._process = _NURSERY.Process(target=serve, args=life, daemon=True)
        self._process.start()

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is closed or told."""
        assert self._process is not None
        self._process.kill()
        self._process.join(20)
        assert self._process.exitcode == -signal.SIGKILL, self.said()
        self._process = None

    def close(self) -> None:
        """End for good."""
        if self._process is not None:
            self.kill()
        self._listener.close()

    def said(self) -> str:
        """The end of what the process wrote."""
        return self.log.read_text(errors="replace")[-3000:]

    def most_memory(self) -> int:
        """The most bytes the process has held so far."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return 1024 * int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))

    def client(self, who: str) -> httpx.Client:
        """Calls as one of the village's CAST."""
        headers = {"Authorization": f"Bearer {token_of(self._settings, who, self._clock())}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=120)


def serve(listener: socket.socket, settings: Settings, shift: float, life: str, log: str) -> None:
    """Serve on a socket that was handed down, `shift` seconds ago, known to PostgreSQL as `life`."""
    os.environ["PGAPPNAME"] = life
    with Path(log).open("ab") as written:
        os.dup2(written.fileno(), 1)
        os.dup2(written.fileno(), 2)
    app = create_app(settings, lambda: datetime.now(UTC) - timedelta(seconds=shift))
    config = uvicorn.Config(app, log_level="warning", access_log=False, **LIMITS | {"timeout_keep_alive": 60})
    uvicorn.Server(config).run(sockets=[listener])


def write_lock_held(database: Path) -> bool:
    """Whether a process holds the lock file of SQLite's writers, as the kernel says."""
    lock = Path(f"{database}.writer")
    if not lock.exists():
        return False
    inode = f":{lock.stat().st_ino} "
    return any(inode in line for line in Path("/proc/locks").read_text().splitlines())
