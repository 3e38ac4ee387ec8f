"""What the benchmarks over HTTP share: the service as a process of its own, and clients that ask without pause."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from fastapi import Response
from sqlalchemy import Engine
from starlette.types import Receive, Scope, Send

from service.api import development_keys, identity
from service.api.tracker import TrackerReader
from service.app import create_app
from service.domain.access import Role, ScopeKind
from service.settings import Settings
from service.store import users
from service.store.engine import writing

ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2020, 7, 31, 9, tzinfo=UTC)
SECONDS = 3.0
BARE, FAST, NO_OP = "/bare", "/fast", "/no-op"


def settings_of(folder: Path, url: str) -> Settings:
    """Development, with a key pair in the folder."""
    development_keys.public_jwk(folder)
    return Settings(data_dir=folder, database_url=url)


def token(engine: Engine, settings: Settings, role: Role, scope: ScopeKind, *, worker_ref: str | None = None) -> str:
    """Somebody of the council's, signed in for a day by RS256."""
    subject = f"bench:{role.value}:{worker_ref}"
    with writing(engine, lambda: NOW) as write:
        users.add_user(
            write.session, issuer=settings.oidc_issuer, subject=subject, name=subject, roles={role},
            scopes={(scope, "")}, worker_ref=worker_ref, at=write.now,
        )  # fmt: skip
    return identity.mint(settings, subject, at=NOW, lifetime=timedelta(hours=24))


def serve(url: str, folder: str, port: int, size: int) -> None:
    """The service under a clock that begins at NOW, and beside it constants of `size` bytes and a no-op."""
    begun, constant = time.monotonic(), b"." * size
    app = create_app(settings_of(Path(folder), url), lambda: NOW + timedelta(seconds=time.monotonic() - begun))

    @app.get(FAST)
    def fast() -> Response:
        return Response(constant)

    @app.get(NO_OP)
    def no_op(look: TrackerReader) -> Response:
        return Response(look.at("read.nothing", lambda seen: (b"", ())), media_type="application/json")

    length = (b"content-length", str(size).encode())

    async def bare(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != BARE:
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": constant})

    uvicorn.run(bare, host="127.0.0.1", port=port, log_config=None, access_log=False)


@contextmanager
def serving(url: str, folder: Path, size: int) -> Iterator[int]:
    """The port of one worker in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, __file__, url, str(folder), str(port), str(size)]
    with (folder / "worker.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log
        )
    try:
        for _ in range(600):
            if process.poll() is not None:
                raise SystemExit((folder / "worker.log").read_text()[-2000:])
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


class Client:
    """One connection kept open, and no more work a request than it takes to count bytes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._room = memoryview(bytearray(1 << 20))

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and head of the answer; its body is read and dropped."""
        self._socket.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            got = self._socket.recv(65536)
            if not got:
                raise ConnectionError("the worker hung up")
            head += got
        head, _, body = head.partition(b"\r\n\r\n")
        status = int(head[9:12])
        left = 0 if status == 304 else _length(head) - len(body)
        while left > 0:
            got_now = self._socket.recv_into(self._room, min(left, len(self._room)))
            if not got_now:
                raise ConnectionError("the worker hung up")
            left -= got_now
        return status, head


def _length(head: bytes) -> int:
    return next(int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:")


def request(path: str, token: str | None = None, *, method: str = "GET", body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request."""
    said = {"Host": "127.0.0.1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        said["Authorization"] = f"Bearer {token}"
    if body:
        said |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in said.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def rate(work: Callable[[Client, int, int], None], port: int, *, clients: int = 8, seconds: float = SECONDS) -> float:
    """How often a second `work(connection, client, n)` is done, `clients` at once without a pause."""
    done = [0] * clients
    faults: list[BaseException] = []
    until = time.perf_counter() + seconds

    def go(client: int) -> None:
        try:
            connection = Client(port)
            while time.perf_counter() < until:
                work(connection, client, done[client])
                done[client] += 1
        except BaseException as fault:
            faults.append(fault)

    begun = time.perf_counter()
    threads = [threading.Thread(target=go, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return sum(done) / (time.perf_counter() - begun)


def expecting(status: int, asked: bytes) -> Callable[[Client, int, int], None]:
    """The same request time and again, answered with this status."""

    def work(connection: Client, _client: int, _n: int) -> None:
        answered, head = connection.ask(asked)
        if answered != status:
            raise RuntimeError(f"{answered} instead of {status}: {head[:200]!r}")

    return work


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
