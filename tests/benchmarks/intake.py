"""What a night costs over HTTP: manifest, PUT and apply of contacts, against the bare insert of the same rows.

Run: .venv/bin/python tests/benchmarks/intake.py [--rows N] [--rounds N] [PostgreSQL url]. The service runs as a process
of its own on an empty database (a PostgreSQL named is emptied first; without a url, SQLite in a temporary folder).
The yardstick: the rows it has made go into an empty table with the columns, checks, keys, foreign key, indexes and
triggers of fact_contact and are committed, by COPY on PostgreSQL, by executemany on SQLite; printed beside it, into a
table of the same columns alone. Best of the rounds, since the machine is shared, as wall time and as CPU time of
everybody who works (service and database; CPU of a database elsewhere cannot be seen). A ratio is what the yardstick
takes / what the night takes: 1 is as fast.
"""

import argparse
import csv
import gzip
import hashlib
import io
import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import uvicorn
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from service.api import development_keys, identity
from service.domain.access import Role, ScopeKind
from service.settings import Settings
from service.store import users
from service.store.engine import make_engine, writing

ROOT = Path(__file__).parent.parent.parent
PEOPLE = 2000
PER_DAY = 20


def contacts(rows: int, round_: int = 0) -> bytes:
    """`rows` contacts of PEOPLE people; another round is other contacts."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["record_id", "eclipse_id", "occurred_at", "contact_kind", "outcome", "seen", "worker_id",
                     "worker_role", "follow_up"])  # fmt: skip
    begins = datetime(2020, 7, 30, tzinfo=UTC) - timedelta(days=400 * round_)
    for n in range(rows):
        at = begins - timedelta(days=n // PEOPLE, minutes=n % 1000)
        writer.writerow([f"C{round_}-{n}", f"EX{n % PEOPLE}", at.isoformat(), ("phone", "email", "text")[n % 3],
                         ("made", "made", "attempted")[n % 7 % 3], "", f"W{n % 90}",
                         "personal_adviser", "Call again about the tenancy" if n % 5 == 0 else ""])  # fmt: skip
    return out.getvalue().encode()


def everybody() -> bytes:
    """The people whose contacts they are."""
    return b"eclipse_id,forename,surname\n" + b"".join(b"EX%d,Rowan,Demo-%d\n" % (n, n) for n in range(PEOPLE))


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[str, int]]:
    """The service as a process of its own: address and process id."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOS_")}
    variables = {"LOS_DATA_DIR": str(settings.data_dir), "LOS_DATABASE_URL": settings.database_url}
    command_line = [sys.executable, __file__, "--serve", str(port)]
    process = subprocess.Popen(command_line, env=clean | variables, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(f"{url}/health/live", trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)


def memory(pid: int) -> tuple[int, int]:
    """MiB a process holds, and the most it has held."""
    told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(told["VmRSS"].split()[0]) // 1024, int(told["VmHWM"].split()[0]) // 1024


def forget_peak(pid: int) -> None:
    """Let the most a process has held begin at what it holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


class Robot:
    """Who pushes."""

    def __init__(self, engine: Engine, settings: Settings, url: str) -> None:
        with writing(engine, lambda: datetime.now(UTC)) as write:
            users.add_user(
                write.session, issuer=settings.oidc_issuer, subject="bench", name="Bench", roles={Role.INTEGRATION},
                scopes={(ScopeKind.COUNTY, "")}, at=write.now,
            )  # fmt: skip
        token = identity.mint(settings, "bench", at=datetime.now(UTC), lifetime=timedelta(hours=2), script=True)
        self.client = httpx.Client(
            base_url=url, trust_env=False, timeout=600, headers={"Authorization": f"Bearer {token}"}
        )
        self.runs = 0

    def night(self, name: str, body: bytes, *, mode: str = "full", packed: bool = False) -> dict[str, float]:
        """One dataset pushed as a night of its own; seconds for each step."""
        self.runs += 1
        rows, digest = body.count(b"\n") - 1, hashlib.sha256(body).hexdigest()
        said = {"profile": "cohorts", "run_id": f"bench-{self.runs}", "extracted_at": datetime.now(UTC).isoformat(),
                "datasets": [{"name": name, "rows": rows, "sha256": digest, "mode": mode}]}  # fmt: skip
        data = gzip.compress(body, 1) if packed else body
        headers = {"Content-Type": "text/csv"} | ({"Content-Encoding": "gzip"} if packed else {})
        begun = time.perf_counter()
        opened = self.client.post("/v1/ingest/batches", json=said)
        assert opened.status_code == 201, opened.text
        here, manifest = f"/v1/ingest/batches/{opened.json()['batch_id']}", time.perf_counter()
        sent = self.client.put(f"{here}/datasets/{name}", content=data, headers=headers)
        assert sent.status_code == 200, sent.text
        put = time.perf_counter()
        applied = self.client.post(f"{here}/apply")
        assert applied.status_code == 200, applied.text
        assert applied.json()["refused"] == 0, applied.text[:500]
        done = time.perf_counter()
        return {"manifest": manifest - begun, "put": put - manifest, "apply": done - put, "whole": done - begun}


def fresh(url: str) -> Engine:
    """A migrated, empty database."""
    engine = make_engine(url)
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["engine"] = engine
    command.downgrade(config, "base")
    command.upgrade(config, "head")
    return engine


def processor(pid: int | str) -> float:
    """Seconds of CPU a process has had; none where it runs on another machine."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def backends(engine: Engine) -> list[int]:
    """Process ids of PostgreSQL's side of the connections to this database; of SQLite there are none."""
    if engine.dialect.name == "sqlite":
        return []
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
        return list(found.scalars())


def copied(url: str, rows: int, keyed: bool) -> tuple[float, float]:
    """COPY of `rows` of the contacts the service has made, their text at hand, into an empty table: wall, CPU.

    `keyed`: the table has the columns, checks, keys, foreign key, indexes and triggers of fact_contact; otherwise
    its columns alone. Committed, with synchronous_commit on as the service has it. CPU is of both sides.
    """
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE IF EXISTS plain_contact")
        connection.execute(f"CREATE TABLE plain_contact (LIKE fact_contact {'INCLUDING ALL' if keyed else ''})")
        if keyed:
            connection.execute("ALTER TABLE plain_contact ADD FOREIGN KEY (person_id) REFERENCES person")
            told = connection.execute(
                "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'fact_contact'::regclass "
                "AND NOT tgisinternal"
            ).fetchall()
            for (trigger,) in told:
                connection.execute(trigger.replace("fact_contact", "plain_contact"))
        text = io.BytesIO()
        with connection.cursor().copy(f"COPY (SELECT * FROM fact_contact LIMIT {rows}) TO STDOUT") as out:
            for piece in out:
                text.write(piece)
        connection.commit()
        server = connection.info.backend_pid
        begun, wall = processor("self") + processor(server), time.perf_counter()
        with connection.cursor().copy("COPY plain_contact FROM STDIN") as into:
            into.write(text.getvalue())
        connection.commit()
        took = time.perf_counter() - wall, processor("self") + processor(server) - begun
        connection.execute("DROP TABLE plain_contact")
    return took


def inserted(url: str, rows: int, keyed: bool) -> tuple[float, float]:
    """The same with executemany on SQLite."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("DROP TABLE IF EXISTS plain_contact")
    if keyed:
        for (made,) in connection.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = 'fact_contact' AND sql IS NOT NULL"
            " ORDER BY type = 'table' DESC"
        ).fetchall():
            connection.execute(made.replace("fact_contact", "plain_contact"))
    else:
        connection.execute("CREATE TABLE plain_contact AS SELECT * FROM fact_contact WHERE 0")
    held = connection.execute("SELECT * FROM fact_contact LIMIT ?", (rows,)).fetchall()
    begun, wall = time.process_time(), time.perf_counter()
    with connection:
        connection.executemany(f"INSERT INTO plain_contact VALUES ({','.join('?' * len(held[0]))})", held)
    took = time.perf_counter() - wall, time.process_time() - begun
    connection.execute("DROP TABLE plain_contact")
    connection.close()
    return took


def line(name: str, took: dict[str, float], bare: tuple[float, float], grown: int) -> None:
    """Print one kind of night, and the yardstick's time over its own."""
    parts = "  ".join(f"{step} {took[step] * 1000:5.0f}" for step in ("manifest", "put", "apply", "whole", "cpu"))
    wall, cpu = bare[0] / took["whole"], bare[1] / took["cpu"] if took["cpu"] else 0.0
    print(f"{name:<12} {parts} ms   wall {wall:4.2f} x  cpu {cpu:4.2f} x   memory +{grown} MiB", flush=True)


def best(found: list[tuple[float, float]]) -> tuple[float, float]:
    """The shortest of several rounds, wall and CPU each."""
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("url", nargs="?")
    options.add_argument("--rows", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.serve:
        uvicorn.run("service.cli:asgi", factory=True, port=asked.serve, log_level="warning", access_log=False)
        return
    folder = Path(tempfile.mkdtemp())
    url = (asked.url or f"sqlite:///{folder / 'bench.db'}").replace("postgresql://", "postgresql+psycopg://")
    settings = Settings(data_dir=folder, database_url=url)
    development_keys.public_jwk(folder)
    engine, bare = fresh(settings.database_url), copied if asked.url else inserted
    with serving(settings) as (url, pid):
        robot = Robot(engine, settings, url)
        robot.night("people", everybody())
        measured: dict[str, list[dict[str, float]]] = {"new": [], "unchanged": [], "new, packed": []}
        grown: dict[str, int] = defaultdict(int)
        plain, keyed = [], []
        for round_ in range(asked.rounds):
            body = contacts(asked.rows, 2 * round_)
            other = contacts(asked.rows, 2 * round_ + 1)
            for name, night, packed in (("new", body, False), ("unchanged", body, False), ("new, packed", other, True)):
                held, _ = memory(pid)
                forget_peak(pid)
                working = [pid, *backends(engine)]
                begun = sum(map(processor, working))
                took = robot.night("contacts", night, mode="delta", packed=packed)
                measured[name].append(took | {"cpu": sum(map(processor, working)) - begun})
                grown[name] = max(grown[name], memory(pid)[1] - held)
            plain.append(bare(settings.database_url, asked.rows, False))
            keyed.append(bare(settings.database_url, asked.rows, True))
    kind = "COPY" if asked.url else "executemany"
    for what, found in (("a table of the same columns", plain), ("the same with keys, indexes, triggers", keyed)):
        wall, cpu = best(found)
        print(f"{asked.rows:,} rows by {kind} into {what}: {wall * 1000:.0f} ms, {cpu * 1000:.0f} ms of CPU")
    print("the latter over the night, best of each:")
    for name, nights in measured.items():
        line(name, {step: min(night[step] for night in nights) for step in nights[0]}, best(keyed), grown[name])
    engine.dispose()


if __name__ == "__main__":
    main()
