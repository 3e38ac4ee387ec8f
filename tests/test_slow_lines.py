"""Those who send slowly, or too much, or do not read, are not waited for, and nobody else waits because of them."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from sqlalchemy import Engine

from service.api import middleware
from service.cli import listening
from service.settings import Settings
from tests.conftest import SetClock
from tests.doomed import Doomed
from tests.live import Service, enrolled, serving
from tests.village import enrol

MIB = 1024 * 1024
MANY = 50
FEW = 1.0
CUT = {"method": "POST", "route": "/v1/people/lookup", "status": "400"}
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def live(
    app: FastAPI, engine: Engine, settings: Settings, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Service]:
    """An empty service with little time for anybody."""
    for name in ("HEAD_SECONDS", "REST_SECONDS", "READING_SECONDS"):
        monkeypatch.setattr(listening, name, FEW)
    monkeypatch.setattr(middleware, "SMALL_SECONDS", FEW)
    with enrolled(app, engine, settings, clock) as service:
        yield service


def connection(url: str) -> socket.socket:
    address = urlsplit(url)
    return socket.create_connection((address.hostname, address.port), timeout=20)


def ended(end: socket.socket) -> bytes:
    """What came until the other end was closed."""
    heard = b""
    try:
        while piece := end.recv(65536):
            heard += piece
    except ConnectionResetError:
        pass
    return heard


def dripped(ends: list[socket.socket], drop: bytes, url: str) -> tuple[list[bytes], float, float]:
    """Send a drop at a time on each until it is closed: what was heard, how long that took, and how long others do."""
    began, others = time.monotonic(), list[float]()
    with httpx.Client(base_url=url, trust_env=False) as other:
        for _ in range(int(FEW * 5)):
            for end in ends:
                with suppress(OSError):  # closed already
                    end.sendall(drop)
            asked = time.monotonic()
            assert other.get("/health/ready").status_code == 200
            others.append(time.monotonic() - asked)
            time.sleep(0.1)
        heard = [ended(end) for end in ends]
    return heard, time.monotonic() - began, median(others)


def test_a_head_that_never_ends(live: Service) -> None:
    with ExitStack() as opened:
        ends = [opened.enter_context(closing(connection(live.url))) for _ in range(MANY)]
        for end in ends:
            end.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        heard, seconds, others = dripped(ends, b"x", live.url)
    assert (set(heard), seconds < 10, others < 1) == ({b""}, True, True)


def crowded(monkeypatch: pytest.MonkeyPatch, opened: ExitStack, url: str, said: bytes) -> list[socket.socket]:
    """As many connections as there may be, with nothing but this said on each, and time for all of them."""
    for name, value in (("HEAD_SECONDS", 60.0), ("MOST_OPEN", 20)):
        monkeypatch.setattr(listening, name, value)
    monkeypatch.setattr(middleware, "SMALL_SECONDS", 5.0)
    ends = [opened.enter_context(closing(connection(url))) for _ in range(20)]
    for end in ends:
        end.sendall(said)
    time.sleep(0.2)  # until all has been read
    return ends


@pytest.mark.parametrize("said", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_half_open_connections_keep_nobody_out(live: Service, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """The one that has waited longest makes room; the others go on, as whoever has just been answered does."""
    with ExitStack() as opened:
        ends = crowded(monkeypatch, opened, live.url, said)
        began = time.monotonic()
        with live.client() as kept:
            for _ in range(3):
                assert kept.get("/health/live").status_code == 200
                assert httpx.get(f"{live.url}/health/live", trust_env=False).status_code == 200
        more = [opened.enter_context(closing(connection(live.url))) for _ in range(40)]
        assert httpx.get(f"{live.url}/health/live", trust_env=False).status_code == 200
        assert time.monotonic() - began < 5
        assert [ended(end) for end in ends] == [b""] * 20, "those that came first have gone"
        last = more[-1]
        last.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert ended(last).startswith(b"HTTP/1.1 200")


def test_one_connection_too_many_is_told_when_to_come_again(live: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as may be are asking: none of them is cut off, and the next is answered as every other refusal is."""
    with ExitStack() as opened:
        ends = crowded(monkeypatch, opened, live.url, heads(live, "Content-Length: 24", "Connection: close"))
        with closing(connection(live.url)) as late:
            head, _, body = ended(late).partition(b"\r\n\r\n")
        named = dict(line.lower().split(b": ") for line in head.split(b"\r\n")[1:])
        assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert {b"retry-after": b"2", b"cache-control": b"no-store", b"connection": b"close",
                b"content-type": b"application/problem+json"}.items() <= named.items()  # fmt: skip
        assert (json.loads(body)["code"], int(named[b"content-length"])) == ("busy", len(body))
        for end in ends:
            end.sendall(b'{"eclipse_id": "nobody"}')
        assert {ended(end)[:12] for end in ends} == {b"HTTP/1.1 404"}
    assert httpx.get(f"{live.url}/health/live", trust_env=False).status_code == 200


def test_a_connection_on_which_nothing_is_asked(live: Service) -> None:
    with closing(connection(live.url)) as end:
        began = time.monotonic()
        assert ended(end) == b""
        assert time.monotonic() - began < 5


def test_a_body_that_never_ends(live: Service) -> None:
    """It is answered, and then the connection is closed on whoever goes on."""
    head = (
        f"POST /v1/contacts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.token('head')}\r\n"
        "Content-Type: application/json\r\nIdempotency-Key: k\r\nContent-Length: 1000\r\n\r\n{"
    )
    with ExitStack() as opened:
        ends = [opened.enter_context(closing(connection(live.url))) for _ in range(MANY)]
        for end in ends:
            end.sendall(head.encode())
        heard, seconds, others = dripped(ends, b" ", live.url)
    assert {each.split(b"\r\n")[0] for each in heard} == {b"HTTP/1.1 408 Request Timeout"}
    assert {json.loads(each.rsplit(b"\r\n\r\n")[1])["code"] for each in heard} == {"too_slow"}
    assert (seconds < 10, others < 1) == (True, True)


def heads(live: Service, *more: str) -> bytes:
    """The head of a look-up, and what else it says."""
    said = ["POST /v1/people/lookup HTTP/1.1", "Host: x", f"Authorization: Bearer {live.token('head')}"]
    return "\r\n".join([*said, "Content-Type: application/json", *more, "", ""]).encode()


def refused_as_cut() -> float:
    return REGISTRY.get_sample_value("los_requests_total", CUT) or 0


@pytest.mark.parametrize("body", [b'{"a', b""])
def test_who_hangs_up_is_no_failure_of_ours(live: Service, body: bytes) -> None:
    """A phone that loses its line in the middle of a body must not wake anybody: 400, never 500."""
    before = refused_as_cut()
    with closing(connection(live.url)) as end:
        end.sendall(heads(live, "Content-Length: 50") + body)
        end.shutdown(socket.SHUT_WR)
        ended(end)
    until = time.monotonic() + 10
    while refused_as_cut() == before and time.monotonic() < until:  # the line is down before the request is over
        time.sleep(0.01)
    assert refused_as_cut() == before + 1


@pytest.mark.parametrize(
    "more",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 0", "Authorization: Bearer x"),
        ("Content-Length: 0", "Access-Reason: Asked by the court", "Access-Reason: Asked by nobody"),
        ("Content-Length: 0", "Idempotency-Key: a", "Idempotency-Key: b"),
    ],
)
def test_a_head_that_reads_in_two_ways_is_refused(live: Service, more: tuple[str, ...]) -> None:
    """A proxy in front may take the other of two headers, or end the body elsewhere, and see another request."""
    with closing(connection(live.url)) as end:
        end.sendall(heads(live, "Connection: close", *more) + b"0\r\n\r\n")
        heard = ended(end)
    assert heard.startswith(b"HTTP/1.1 400")
    assert b'"code":"ambiguous"' in heard


def test_a_head_that_is_too_long(live: Service) -> None:
    with closing(connection(live.url)) as end:
        end.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\n")
        for _ in range(5):
            end.sendall(b"X-Long: " + b"x" * 4096 + b"\r\n")
            time.sleep(0.02)
        assert ended(end)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431")


def test_an_answer_that_nobody_reads(live: Service) -> None:
    """A whole county's tracker, asked for and left: the connection is closed, and what it held with it."""

    async def endless(scope: Any, _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            await send({"type": "http.response.body", "body": b"x" * MIB, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    with serving(endless) as url, closing(connection(url)) as end:
        end.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(2 * FEW)
        assert len(ended(end)) < 64 * MIB


def test_too_much_is_refused_at_once_and_not_kept_in_memory(
    engine: Engine, settings: Settings, clock: SetClock
) -> None:
    enrol(engine, settings, clock)
    server = Doomed("burdened", settings, clock)
    json_type = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    bomb = gzip.compress(b"x" * 200 * MIB)
    packed = {"Content-Type": "text/csv", "Content-Encoding": "gzip"}
    burdens: list[tuple[str, str, dict[str, Any], set[int]]] = [
        ("POST", "/v1/contacts", {"content": b" " * 50 * MIB, "headers": json_type}, {413}),
        ("POST", "/v1/contacts", {"content": (b" " * MIB for _ in range(50)), "headers": json_type}, {413}),
        ("POST", "/v1/contacts", {"content": b"[" * MIB, "headers": json_type}, {422}),
        ("POST", "/v1/contacts", {"content": bomb, "headers": json_type | packed | json_type}, {413, 415, 422}),
        ("PUT", "/v1/ingest/batches/none/datasets/people", {"content": bomb, "headers": packed}, {404, 413}),
        ("GET", "/v1/people", {"params": [("a", "x")] * 10_000}, {400, 431}),
    ]
    try:
        server.start()
        with server.client("robot") as client:
            assert client.get("/health/ready").status_code == 200
            before, slowest = server.most_memory(), 0.0
            for method, path, burden, expected in burdens:
                began = time.monotonic()
                try:
                    assert client.request(method, path, **burden).status_code in expected | {403}, path
                except httpx.TransportError:  # whoever goes on sending may not hear the answer
                    assert expected == {413}
                slowest = max(slowest, time.monotonic() - began)
                print(path, f"{time.monotonic() - began:.2f} s, {(server.most_memory() - before) / MIB:.0f} MiB")
            held = (server.most_memory() - before) / MIB
    finally:
        server.close()
    print(f"slowest {slowest:.2f} s, {held:.0f} MiB more")
    assert slowest < 3
    assert held < 100
