"""What it costs to log a contact over HTTP, against the bare insert and commit of such a row in the same database.

Run: .venv/bin/python tests/benchmarks/contact_post.py [PostgreSQL url]. One worker as a process of its own on the demo
council (a PostgreSQL named is emptied first; without a url, SQLite in a temporary folder); eight clients, each a
worker with a caseload and a token by RS256, each contact under a key of its own. The yardstick: eight
threads that insert one row and commit it, without a pause, as pgbench would. They take turns and the median of the
rounds counts, since the machine is shared: only ratios travel. At the end the tracker says the last contact of each.
"""

import json
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psycopg
from load import NOW, SECONDS, Client, rate, request, serving, settings_of, token
from sqlalchemy import Engine, func, select
from sqlmodel import col
from tracker import loaded

from service.domain.access import Role, ScopeKind
from service.domain.facts import AllocationRole
from service.store.engine import is_sqlite, reading
from service.store.schema import FACTS, person_identifier
from service.store.users import UserAccount

CLIENTS = 8
ROUNDS = 3
FLOOR, AIM = 0.04, 0.15
TABLE = (
    "CREATE TABLE bench_contact (contact_id TEXT PRIMARY KEY, person_id TEXT NOT NULL, occurred_at TEXT NOT NULL,"
    " contact_kind TEXT NOT NULL, outcome TEXT NOT NULL, recorded_at TEXT NOT NULL)"
)


def caseloads(engine: Engine) -> list[tuple[str, list[str]]]:
    """The workers with the most people and no account yet: worker, and the Eclipse ids of whom they work with."""
    works = FACTS["allocation"]
    running = works.c.superseded_at.is_(None) & works.c.ended_on.is_(None)
    theirs = running & works.c.role.in_((AllocationRole.PERSONAL_ADVISER, AllocationRole.SOCIAL_WORKER))
    with reading(engine) as session:
        taken = select(col(UserAccount.worker_ref)).where(col(UserAccount.worker_ref).is_not(None))
        most = (
            select(works.c.worker_ref)
            .where(theirs, works.c.worker_ref.not_in(taken))
            .group_by(works.c.worker_ref)
            .order_by(func.count().desc())
        )
        workers = list(session.scalars(most.limit(CLIENTS)))
        who = select(person_identifier.c.eclipse_id).join(works, works.c.person_id == person_identifier.c.person_id)
        return [(ref, list(session.scalars(who.where(theirs, works.c.worker_ref == ref)))) for ref in workers]


def logging(
    tokens: list[str], people: list[list[str]], last: dict[str, datetime]
) -> Callable[[Client, int, int], None]:
    """Each client logs contacts of its own caseload, each later than the one before."""
    used = [0] * CLIENTS

    def work(connection: Client, client: int, _n: int) -> None:
        used[client] += 1
        whom = people[client][used[client] % len(people[client])]
        when = NOW - timedelta(hours=1) + timedelta(milliseconds=used[client])
        said = {"eclipse_id": whom, "occurred_at": when.isoformat(), "contact_kind": "phone", "outcome": "made"}
        key = f"{client}-{used[client]}"
        body = json.dumps(said).encode()
        status, head = connection.ask(
            request("/v1/contacts", tokens[client], method="POST", body=body, Idempotency_Key=key)
        )
        if status != 201:
            raise RuntimeError(f"{status}: {head[:200]!r}")
        last[whom] = when

    return work


def bare(url: str) -> float:
    """Inserts committed a second by as many threads."""
    done = [0] * CLIENTS
    turn = threading.Lock()
    until = time.perf_counter() + SECONDS

    def row() -> tuple[str, ...]:
        return (str(uuid.uuid4()), "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "2020-07-31", "phone", "made", "2020-07-31")

    def in_sqlite(client: int) -> None:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        while time.perf_counter() < until:
            with turn:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO bench_contact VALUES (?, ?, ?, ?, ?, ?)", row())
                connection.execute("COMMIT")
            done[client] += 1
        connection.close()

    def in_postgres(client: int) -> None:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            while time.perf_counter() < until:
                connection.execute("INSERT INTO bench_contact VALUES (%s, %s, %s, %s, %s, %s)", row())
                done[client] += 1

    begun = time.perf_counter()
    go = in_sqlite if url.startswith("sqlite") else in_postgres
    threads = [threading.Thread(target=go, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begun)


def wrong(port: int, chief: str, last: dict[str, datetime]) -> int:
    """How many people's last contact the tracker says wrongly; those in no cohort it does not say at all."""
    shown = httpx.get(
        f"http://127.0.0.1:{port}/v1/tracker", headers={"Authorization": f"Bearer {chief}"}, timeout=60, trust_env=False
    ).json()  # fmt: skip
    rows = [row for table in shown["cohorts"] for row in table["rows"] if row["person"]["eclipse_id"] in last]
    assert rows
    said = {row["person"]["eclipse_id"]: row["last_contact"]["made"]["occurred_at"] for row in rows}
    return sum(datetime.fromisoformat(when) != last[whom] for whom, when in said.items())


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        url = sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder / 'bench.db'}"
        engine = loaded(url, 1)
        with engine.connect() as connection:
            if not is_sqlite(engine):
                connection.exec_driver_sql("DROP TABLE IF EXISTS bench_contact")
            connection.exec_driver_sql(TABLE)
            connection.commit()
        settings = settings_of(folder, url)
        chief = token(engine, settings, Role.CHIEF_OFFICER, ScopeKind.COUNTY)
        work_with = caseloads(engine)
        tokens = [token(engine, settings, Role.PERSONAL_ADVISER, ScopeKind.OWN, worker_ref=ref) for ref, _ in work_with]
        last: dict[str, datetime] = {}
        with serving(url, folder, 1) as port:
            work = logging(tokens, [people for _, people in work_with], last)
            rate(work, port, seconds=1)
            rounds = [(bare(url), rate(work, port)) for _ in range(ROUNDS)]
            wrongly = wrong(port, chief, last)
        engine.dispose()
    inserts, posts = (statistics.median(each) for each in zip(*rounds, strict=True))
    print(f"{engine.dialect.name}: {inserts:.0f} bare inserts a second, {posts:.0f} contacts a second")
    print(f"contact POST {posts / inserts:.3f} x bare insert + commit (floor {FLOOR}, aim {AIM})")
    print(f"last contacts said wrongly: {wrongly} of {len(last)}")


if __name__ == "__main__":
    main()
