"""The issuer's keys over real HTTP: few fetches, rotation, and an issuer that fails."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.api.issuer_keys import IssuerKeys
from service.errors import IssuerAway

MORNING = datetime(2020, 7, 31, 8, 0, tzinfo=UTC)


class Issuer:
    """A server that answers as it is told, and counts. While `gate` is closed, it keeps callers waiting."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                issuer.gate.wait(10)
                self.send_response(issuer.status)
                for name, value in {"Content-Length": str(len(issuer.body)), **issuer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(issuer.body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"

    def publish(self, **keys: str) -> None:
        """Answer with these keys: a name and what it holds."""
        self.status, self.headers, self.body = 200, {}, json.dumps(keys).encode()


class Hands:
    """A clock a test moves."""

    def __init__(self) -> None:
        self.at = MORNING

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    thread = threading.Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield issuer
    issuer.gate.set()
    issuer.server.shutdown()
    thread.join()
    issuer.server.server_close()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def keys(issuer: Issuer, hands: Hands) -> IssuerKeys[str]:
    return IssuerKeys(issuer.url, read=read, through_proxy=False, clock=hands)


def read(described: object) -> Mapping[str, str]:
    """Stands for `identity.keys_of`: here a key is a name and a word."""
    if not isinstance(described, dict):
        raise ValueError("not a set of keys")
    return described


def settle(keys: IssuerKeys[str]) -> None:
    """Let a fetch under way come to its end."""
    assert keys.settled(10)


def test_the_first_token_waits_for_the_first_fetch(issuer: Issuer, keys: IssuerKeys[str]) -> None:
    issuer.publish(summer="a")
    assert keys.named("summer") == "a"
    assert keys.named("summer") == "a"
    assert issuer.asked == ["/keys"]


def test_two_thousand_unknown_names_are_one_fetch_a_minute(issuer: Issuer, keys: IssuerKeys[str], hands: Hands) -> None:
    issuer.publish(summer="a")
    assert [keys.named(f"../../{n}") for n in range(2000)] == [None] * 2000
    assert len(issuer.asked) == 1
    hands.at += timedelta(seconds=59)
    assert keys.named("unknown") is None
    assert len(issuer.asked) == 1
    hands.at += timedelta(seconds=1)
    assert keys.named("unknown") is None
    assert issuer.asked == ["/keys", "/keys"]


def test_a_new_key_is_picked_up_and_the_dropped_one_refused(
    issuer: Issuer, keys: IssuerKeys[str], hands: Hands
) -> None:
    issuer.publish(summer="a")
    assert keys.named("summer") == "a"
    issuer.publish(autumn="b")
    hands.at += timedelta(minutes=1)
    assert keys.named("autumn") == "b"
    assert keys.named("summer") is None


def test_a_dropped_key_is_refused_though_nobody_asks_for_another(
    issuer: Issuer, keys: IssuerKeys[str], hands: Hands
) -> None:
    issuer.publish(summer="a")
    assert keys.named("summer") == "a"
    issuer.publish()
    hands.at += timedelta(minutes=10)
    assert keys.named("summer") in ("a", None), "renewal is in the background"
    settle(keys)
    assert keys.named("summer") is None


def test_known_keys_do_not_wait_for_a_slow_issuer(issuer: Issuer, keys: IssuerKeys[str], hands: Hands) -> None:
    issuer.publish(summer="a")
    assert keys.named("summer") == "a"
    issuer.gate.clear()
    hands.at += timedelta(minutes=10)
    assert [keys.named("summer") for _ in range(100)] == ["a"] * 100
    assert keys.named("unknown") is None, "somebody else's fetch is not waited for"
    assert not keys.settled(0), "and all the while the issuer has not answered"
    issuer.gate.set()
    settle(keys)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {}, b"{}"),
        (404, {}, b"{}"),
        (302, {"Location": "/elsewhere"}, b""),
        (200, {}, b""),
        (200, {}, b"<html>sign in to the guest network</html>"),
        (200, {}, b"[]"),
        (200, {}, b"[" * 100_000),
        (200, {}, b"\xff\xfe\x00"),
        (200, {}, b'{"summer": "forged"' + b" " * (256 * 1024) + b"}"),
        (200, {"Content-Encoding": "gzip"}, b'{"summer": "forged"}'),
    ],
)
def test_an_issuer_that_fails_changes_nothing(
    issuer: Issuer, keys: IssuerKeys[str], hands: Hands, status: int, headers: dict[str, str], body: bytes
) -> None:
    issuer.publish(summer="a")
    assert keys.named("summer") == "a"
    issuer.status, issuer.headers, issuer.body = status, headers, body
    hands.at += timedelta(minutes=1)
    assert keys.named("autumn") is None
    assert keys.named("summer") == "a"
    assert issuer.asked == ["/keys", "/keys"]


def test_an_issuer_that_is_down_changes_nothing_and_is_asked_again(
    issuer: Issuer, keys: IssuerKeys[str], hands: Hands
) -> None:
    nobody = IssuerKeys("http://127.0.0.1:1/keys", read=read, through_proxy=False, clock=hands)
    issuer.status = 503
    for away in (nobody, keys, keys):
        with pytest.raises(IssuerAway) as refused:
            away.named("summer")
        assert refused.value.retry_after == 5
        assert not away.known()
    assert issuer.asked == ["/keys"], "not again within five seconds"
    issuer.publish(summer="a")
    hands.at += timedelta(seconds=5)
    assert keys.named("summer") == "a"
    assert keys.known()
    assert keys.named("autumn") is None, "and from then on, once a minute"
    assert issuer.asked == ["/keys"] * 2


def test_before_the_first_keys_few_wait_and_the_others_are_told_at_once(
    issuer: Issuer, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that wait for a slow issuer must not be all the threads there are."""
    keys = IssuerKeys(issuer.url, read=read, through_proxy=False, clock=hands)
    all_wait, settled = threading.Barrier(keys.WAITING + 1), keys.settled

    def settling(seconds: float) -> bool:
        all_wait.wait(10)
        return settled(seconds)

    monkeypatch.setattr(keys, "settled", settling)
    issuer.publish(summer="a")
    issuer.gate.clear()
    found: list[str | None] = []
    waiting = [threading.Thread(target=lambda: found.append(keys.named("summer"))) for _ in range(keys.WAITING)]
    for caller in waiting:
        caller.start()
    all_wait.wait(10)
    begun = time.monotonic()
    with pytest.raises(IssuerAway):
        keys.named("summer")
    assert time.monotonic() - begun < 1
    issuer.gate.set()
    for caller in waiting:
        caller.join()
    assert found == ["a"] * keys.WAITING
    assert len(issuer.asked) == 1


def test_a_call_waits_for_its_own_time_out_and_no_longer(
    issuer: Issuer, keys: IssuerKeys[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IssuerKeys, "TIME_OUT", timedelta(seconds=0.2))
    issuer.gate.clear()
    begun = time.monotonic()
    with pytest.raises(IssuerAway):
        keys.named("summer")
    assert time.monotonic() - begun < 2


def test_after_an_hour_unasked_a_key_is_looked_for_before_it_is_believed(
    issuer: Issuer, keys: IssuerKeys[str], hands: Hands
) -> None:
    issuer.publish(summer="a")
    assert keys.named("summer") == "a"
    issuer.publish()
    hands.at += timedelta(hours=1)
    assert keys.named("summer") is None
    issuer.publish(summer="a")
    hands.at += timedelta(minutes=1)
    assert keys.named("summer") == "a"
    issuer.status = 503
    hands.at += timedelta(hours=2)
    assert keys.named("summer") == "a", "an issuer that is down takes nobody's key away"


def test_a_clock_set_back_does_not_stop_renewal(issuer: Issuer, keys: IssuerKeys[str], hands: Hands) -> None:
    issuer.publish(summer="a")
    assert keys.named("summer") == "a"
    issuer.publish(autumn="b")
    hands.at -= timedelta(days=1)
    assert keys.named("autumn") == "b"


def test_many_first_calls_at_once_are_one_fetch(issuer: Issuer, keys: IssuerKeys[str]) -> None:
    issuer.publish(summer="a")
    found: list[str | None] = []
    callers = [threading.Thread(target=lambda: found.append(keys.named("summer"))) for _ in range(keys.WAITING)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert found == ["a"] * keys.WAITING
    assert len(issuer.asked) == 1
