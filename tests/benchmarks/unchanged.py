"""What the whole-county tracker costs over HTTP while nothing changes, and when one fact changed before each pull.

Run: .venv/bin/python tests/benchmarks/unchanged.py [PostgreSQL url]. One worker as a process of its own on the demo
council (a PostgreSQL named is emptied first; without a url, SQLite in a temporary folder); eight clients on open
connections. The yardsticks: the same stack answering an authenticated, audited no-op, and bare uvicorn with a constant
of the tracker's size; for one fact changed before each pull, the framework with that constant, two clients. Cases take
turns and the median of the rounds counts, since the machine is shared: only ratios travel.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from load import BARE, FAST, NO_OP, NOW, Client, expecting, rate, request, serving, settings_of, token
from tracker import loaded

from service.domain.access import Role, ScopeKind
from service.store.engine import reading
from service.store.people import ids_by_eclipse

ROUNDS = 3
HERE = "/v1/tracker"
FLOORS = {"304": 0.7, "gzip": 0.5, "one fact changed": 0.02}
AIMS = {"304": 0.95, "gzip": 0.7, "one fact changed": 0.2}


def changing(pull: bytes, writer: str, people: list[str]) -> Callable[[Client, int, int], None]:
    """Log a contact of somebody, then pull: both are counted as one."""
    asked = expecting(200, pull)
    used = [0]

    def work(connection: Client, client: int, n: int) -> None:
        used[0] += 1
        when = NOW - timedelta(hours=1) + timedelta(milliseconds=used[0])
        said = {"eclipse_id": people[used[0] % len(people)], "occurred_at": when.isoformat(), "contact_kind": "phone",
                "outcome": "made"}  # fmt: skip
        post = request("/v1/contacts", writer, method="POST", body=json.dumps(said).encode(),
                       Idempotency_Key=f"{client}-{used[0]}-{n}")  # fmt: skip
        status, head = connection.ask(post)
        if status != 201:
            raise RuntimeError(f"{status}: {head[:200]!r}")
        asked(connection, client, n)

    return work


def measured(cases: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Case -> the median of its rounds, each case once a round."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        case()
    for _ in range(ROUNDS):
        for name, case in cases.items():
            taken[name].append(case())
    return {name: statistics.median(rates) for name, rates in taken.items()}


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder / 'bench.db'}"
        engine = loaded(url, 1)
        settings = settings_of(folder, url)
        chief = token(engine, settings, Role.CHIEF_OFFICER, ScopeKind.COUNTY)
        head = token(engine, settings, Role.HEAD_OF_SERVICE, ScopeKind.COUNTY)
        with reading(engine) as session:
            people = sorted(ids_by_eclipse(session))[:200]
        pull, packed = request(HERE, chief), request(HERE, chief, Accept_Encoding="gzip")
        with serving(url, folder, 1) as port:
            size = _size(Client(port).ask(pull)[1])
        with serving(url, folder, size) as port:
            tag = _tag(Client(port).ask(pull)[1])
            had = request(HERE, chief, If_None_Match=tag)
            asks = {
                "bare": expecting(200, request(BARE)), "no-op": expecting(200, request(NO_OP, chief)),
                "304": expecting(304, had), "gzip": expecting(200, packed), "plain": expecting(200, pull),
            }  # fmt: skip
            found = measured({name: _case(work, port, 8) for name, work in asks.items()})
            two = {"fast": expecting(200, request(FAST)), "one fact changed": changing(pull, head, people)}
            found |= measured({name: _case(work, port, 2) for name, work in two.items()})
        engine.dispose()
    print(f"{engine.dialect.name}, {size / 1e6:.2f} MB", flush=True)
    print(f"{'eight clients':<34} {'a second':>9} {'x no-op':>8} {'x bare':>8}  floor, aim (x no-op)")
    for name in ("bare", "no-op", "304", "gzip", "plain"):
        goal = f"  {FLOORS[name]}, {AIMS[name]}" if name in FLOORS else ""
        one, other = found[name] / found["no-op"], found[name] / found["bare"]
        print(f"{name:<34} {found[name]:9.0f} {one:8.2f} {other:8.3f}{goal}")
    print(f"{'two clients':<34} {'a second':>9} {'x fast':>8}")
    for name in ("fast", "one fact changed"):
        goal = f"           {FLOORS[name]}, {AIMS[name]} (x fast)" if name in FLOORS else ""
        print(f"{name:<34} {found[name]:9.1f} {found[name] / found['fast']:8.4f}{goal}")


def _case(work: Callable[[Client, int, int], None], port: int, clients: int) -> Callable[[], float]:
    return lambda: rate(work, port, clients=clients)


def _size(head: bytes) -> int:
    return next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))


def _tag(head: bytes) -> str:
    return next(line[6:].decode() for line in head.split(b"\r\n") if line.lower().startswith(b"etag:"))


if __name__ == "__main__":
    main()
