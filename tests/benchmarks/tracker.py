"""What the whole-county tracker costs: at 1 and 10 times the people, at 1 and 10 years of contacts.

Run: .venv/bin/python tests/benchmarks/tracker.py [database url]. Prints medians and ratios; only ratios travel.
Without a url it makes SQLite files in a temporary folder; with one, that PostgreSQL database is emptied first.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, event, func, insert, select

from service.demo import council
from service.demo.replay import replay
from service.domain.access import Role, ScopeKind, User
from service.domain.viewpoint import Viewpoint
from service.operations.tracker import Filters, weekly
from service.readers import mapping
from service.store.engine import make_engine, reading, writing
from service.store.record import gather_statistics
from service.store.schema import FACTS
from service.store.types import new_id
from service.writers import tracker_json

ROOT = Path(__file__).parent.parent.parent
AS_AT = date(2020, 7, 31)
NOW = datetime(2020, 7, 31, 9, tzinfo=UTC)
DIRECTOR = User("bench", "bench", frozenset({Role.CHIEF_OFFICER}), frozenset({(ScopeKind.COUNTY, "")}), None, 1)
ROUNDS = 7


def fresh(url: str) -> Engine:
    """A migrated, empty database."""
    engine = make_engine(url)
    config = Config(toml_file=ROOT / "pyproject.toml")
    config.attributes["engine"] = engine
    command.downgrade(config, "base")
    command.upgrade(config, "head")
    return engine


def loaded(url: str, scale: int) -> Engine:
    """A database that holds the demo council, `scale` times Devon."""
    engine = fresh(url)
    built = council.build(AS_AT, scale)
    replay(engine, built, issuer="https://bench.invalid", codes=mapping.load(None), now=NOW, say=lambda _: None)
    return engine


def add_contacts(engine: Engine, copies: int, days: int) -> int:
    """Every contact there is again, `copies` times, each `days` further back. Returns how many there are then."""
    table = FACTS["contact"]
    with reading(engine) as session:
        held = [row._asdict() for row in session.execute(select(*table.c))]
    for copy in range(1, copies + 1):
        fresh_ids = ({"version_id": new_id(NOW), "fact_id": new_id(NOW)} for _ in held)
        shifted = [
            row
            | ids
            | {"occurred_at": row["occurred_at"] - timedelta(days=days * copy), "source_ref": f"{days}.{copy}"}
            for row, ids in zip(held, fresh_ids, strict=True)
        ]
        with writing(engine, lambda: NOW, intake=True) as write:
            write.session.execute(insert(table), shifted)
        if copy == copies:
            with writing(engine, lambda: NOW) as write:
                gather_statistics(write.session, {table.name: copies * len(held)})
    with reading(engine) as session:
        return int(session.scalar(select(func.count()).select_from(table)) or 0)


def tracker(engine: Engine) -> bytes:
    """The whole county, cold: SELECTs, facts, rules, explanations, JSON."""
    with reading(engine) as session:
        value, _ = weekly(session, to=DIRECTOR, view=Viewpoint(AS_AT, NOW), today=AS_AT, filters=Filters())
        return tracker_json.written(value)


def median_ms(work: Callable[[], object]) -> float:
    """Median of ROUNDS after one round to warm up."""
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def selects(engine: Engine) -> int:
    """How many statements one tracker sends."""
    sent: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: sent.append(statement))
    tracker(engine)
    return sum(statement.lstrip().upper().startswith("SELECT") for statement in sent)


def report(name: str, engine: Engine, base: float | None = None) -> float:
    """Print one line; returns the median in milliseconds."""
    took = median_ms(lambda: tracker(engine))
    size = len(tracker(engine))
    ratio = f"{took / base:6.2f} x" if base else "     1   "
    print(f"{name:<44} {took:8.0f} ms {ratio}  {size / 1e6:6.2f} MB  {selects(engine):3d} SELECTs", flush=True)
    return took


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp())
    given = sys.argv[1] if len(sys.argv) > 1 else None
    engine = loaded(given or f"sqlite:///{folder / 'one.db'}", 1)
    count = add_contacts(engine, copies=19, days=18)
    base = report(f"1 x the people, 1 year of contacts ({count:,})", engine)
    count = add_contacts(engine, copies=9, days=365)
    report(f"1 x the people, 10 years of contacts ({count:,})", engine, base)
    engine.dispose()
    report("10 x the people, a quarter of contacts", loaded(given or f"sqlite:///{folder / 'ten.db'}", 10), base)


if __name__ == "__main__":
    main()
