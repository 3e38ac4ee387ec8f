"""The disk full, the database restarted, frozen, cut: never a 500, never long, nothing lost and nothing twice.

An acknowledged contact is there once and audited; whatever else was answered, or was not, may be sent again.
"""

import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url

from service.settings import Settings
from service.store.engine import make_engine
from service.store.patience import GRACE, Patience
from tests import calling
from tests.calling import Caller, Looker
from tests.conftest import FRIDAY_MORNING, SetClock
from tests.faults import Line, line_to
from tests.live import Service, Ticking, peopled

NAME = "behind-the-line"
HASTY = Patience(connect=2, ping=0.5, statement=1.5, pool=2.0)
LONGEST = 15.0
AGAIN = 10.0
FROZEN = 5.5  # longer than anybody is made to wait: who was being served is told before it ends
MANY = 2**31 - 2

on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def clock() -> SetClock:
    """Friday 31 July 2020, from nine in the morning in London."""
    return Ticking(FRIDAY_MORNING)


@pytest.fixture
def live(app: FastAPI, engine: Engine, settings: Settings, clock: SetClock) -> Iterator[Service]:
    """The village, served on a free port."""
    with peopled(app, engine, settings, clock) as service:
        yield service


@dataclass
class Work:
    """Four who log contacts and one who reads, while something goes wrong."""

    service: Service
    callers: list[Caller] = field(default_factory=list)
    looker: Looker | None = None

    @property
    def everybody(self) -> list[Any]:
        """The callers and the looker."""
        return [*self.callers, self.looker]

    def begins(self, callers: int = 4) -> None:
        """They start, and each has had an answer before anything goes wrong."""
        headers = {"Authorization": f"Bearer {self.service.token('head')}"}
        self.callers = [Caller(n, self.service.url, headers) for n in range(callers)]
        self.looker = Looker(self.service.url, headers)
        for each in self.everybody:
            each.start()
        calling.answered_anew(self.callers, within=30)

    def recovers(self) -> None:
        """Each caller is served again before long."""
        seconds = calling.answered_anew(self.callers, within=AGAIN)
        print(f"served again after {seconds:.1f} s")

    def ends(self, *, longest: float = LONGEST) -> None:
        """Nothing but success and `try again` was answered, soon enough; each contact is there once."""
        calling.ended(self.everybody)
        told = calling.answers(self.everybody)
        count = calling.once_each(self.service.engine, self.callers)
        cut = sum(each.cut for each in self.callers)
        print(f"{count} contacts, answers {dict(told)}, cut {cut}, slowest {calling.slowest(self.everybody):.1f} s")
        assert told.keys() <= {200, 201, 503}, told
        assert calling.slowest(self.everybody) < longest


@pytest.fixture
def work(live: Service) -> Iterator[Work]:
    """The village at work. Whatever happens, nobody goes on after the test."""
    work = Work(live)
    yield work
    for each in work.everybody:
        if each is not None:
            each.enough.set()


@contextmanager
def behind(app: FastAPI, service: Service, patience: Patience = HASTY) -> Iterator[Line]:
    """The service reaches its PostgreSQL through a line that can fail."""
    line, url = line_to(service.settings.database_url, seed=20200731)
    url = make_url(url).update_query_dict({"application_name": NAME}).render_as_string(hide_password=False)
    before = app.state.door.engine
    with line:
        app.state.door = replace(app.state.door, engine=make_engine(url, patience=patience))
        before.dispose()
        try:
            yield line
        finally:
            line.thaw()
            app.state.door.engine.dispose()


def terminated(engine: Engine) -> int:
    """End every connection that the service has, as a restart of PostgreSQL does. How many there were."""
    ask = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name")
    with engine.connect() as connection:
        return int(connection.execute(ask, {"name": NAME}).scalar_one())


def times(small: int, full: int) -> Any:
    """A small dose, and the full one."""
    return pytest.mark.parametrize("rounds", [small, pytest.param(full, marks=pytest.mark.long)])


# --- PostgreSQL ----------------------------------------------------------------------------


@on_postgresql
@times(3, 30)
def test_postgresql_is_restarted(rounds: int, app: FastAPI, work: Work) -> None:
    with behind(app, work.service) as line:
        work.begins()
        ended = 0
        for _ in range(rounds):
            line.refused = 1.0
            ended += terminated(work.service.engine)
            time.sleep(0.3)
            ended += terminated(work.service.engine)
            line.refused = 0.0
            work.recovers()
        work.ends()
        assert ended >= rounds


@on_postgresql
@times(1, 8)
def test_postgresql_stands_still(rounds: int, app: FastAPI, work: Work) -> None:
    """It takes what is sent and answers nothing, not even to a cancel; then it goes on where it was."""
    with behind(app, work.service) as line:
        work.begins()
        for _ in range(rounds):
            line.freeze()
            time.sleep(FROZEN)
            line.thaw()
            work.recovers()
        work.ends(longest=FROZEN)
        assert calling.answers(work.everybody)[503] > 0


@on_postgresql
@pytest.mark.long
def test_a_hundred_before_a_postgresql_that_stands_still(app: FastAPI, work: Work) -> None:
    """With the times that are set: more than there are threads to wait in, and nobody waits for another's wait."""
    with behind(app, work.service, Patience()) as line:
        work.begins(100)
        line.freeze()
        time.sleep(25)
        line.thaw()
        work.recovers()
        work.ends()


def test_the_times_that_are_set_keep_every_answer_below_fifteen_seconds() -> None:
    """The same sum as the story above measures with shorter ones."""
    default = Patience()
    assert default.pool + default.ping + default.connect + default.least < LONGEST
    assert max(default.statement + GRACE, default.whole) + default.least < LONGEST


@on_postgresql
@times(2, 20)
def test_the_answer_to_a_commit_is_lost(rounds: int, app: FastAPI, work: Work) -> None:
    """Whether it was kept nobody knows who was not told; the key decides."""
    with behind(app, work.service) as line:
        work.begins()
        line.loses = lambda asked: b"COMMIT" in asked and line.happens(0.2)
        time.sleep(rounds)
        line.loses = lambda _asked: False
        work.recovers()
        work.ends()
        assert line.lost > rounds


@on_postgresql
@times(2, 20)
def test_every_other_connection_is_refused(rounds: int, app: FastAPI, work: Work) -> None:
    with behind(app, work.service) as line:
        work.begins()
        line.refused = 0.5
        for _ in range(4 * rounds):
            line.cut()
            time.sleep(0.25)
        line.refused = 0.0
        work.recovers()
        work.ends()
        assert line.turned_away > 0


@on_postgresql
@times(1, 10)
def test_the_line_is_slow(rounds: int, app: FastAPI, work: Work) -> None:
    """Slow is no fault: everything is answered, and nothing is refused."""
    with behind(app, work.service, Patience()) as line:
        work.begins()
        line.latency = 0.01
        time.sleep(rounds)
        work.ends()
        assert 503 not in calling.answers(work.everybody)


def test_more_at_once_than_forty_threads(live: Service) -> None:
    """Who holds the write needs a thread to go on, and gets it though all the others wait for that write."""
    headers = {"Authorization": f"Bearer {live.token('head')}"}
    callers = [Caller(n, live.url, headers, most=1) for n in range(48)]
    for each in callers:
        each.start()
    calling.ended(callers)
    assert calling.answers(callers) == {201: len(callers)}
    assert calling.once_each(live.engine, callers) == len(callers)


# --- the disk ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Room:
    """Where the SQLite file lies, and how its disk is filled and emptied."""

    fill: Callable[[], None]
    empty: Callable[[], None]


@contextmanager
def few_pages(app: FastAPI, _work: Work, _folder: Path) -> Iterator[Room]:
    """A file that may not grow: SQLite says what it says on a full disk."""
    most = [MANY]

    def bounded(dbapi: Any, _record: object, _proxy: object) -> None:
        dbapi.execute(f"PRAGMA max_page_count={most[0]}")

    event.listen(app.state.door.engine, "checkout", bounded)
    yield Room(lambda: most.__setitem__(0, 1), lambda: most.__setitem__(0, MANY))


@contextmanager
def small_disk(app: FastAPI, work: Work, folder: Path) -> Iterator[Room]:
    """A file on a disk of its own, of 12 MiB."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=True)
    try:
        whole = sqlite3.connect(str(work.service.engine.url.database))
        whole.execute("VACUUM INTO ?", (str(disk / "small.db"),))
        whole.close()
        app.state.door.engine.dispose()
        app.state.door = replace(app.state.door, engine=make_engine(f"sqlite:///{disk / 'small.db'}"))
        work.service = replace(work.service, engine=make_engine(f"sqlite:///{disk / 'small.db'}"))
        yield Room(lambda: _fill(disk / "filler"), (disk / "filler").unlink)
    finally:
        app.state.door.engine.dispose()
        work.service.engine.dispose()
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _fill(file: Path) -> None:
    with file.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"\0" * 4096)
        except OSError:
            return


def _can_mount() -> bool:
    if os.geteuid() != 0:
        return False
    done = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"], capture_output=True
    )
    return done.returncode == 0


@on_sqlite
@pytest.mark.parametrize("room", [few_pages, *([small_disk] if _can_mount() else [])])
@times(1, 10)
def test_the_disk_is_full(rounds: int, room: Any, app: FastAPI, work: Work, tmp_path: Path) -> None:
    """No room, no audit entry, no data: 503 to writers and readers alike. Then somebody makes room, and that is all."""
    with room(app, work, tmp_path) as disk:
        work.begins()
        for _ in range(rounds):
            disk.fill()
            refused = until_refused(work)
            with work.service.client() as client:
                assert client.get("/health/live").status_code == 200
                assert client.get("/health/ready").status_code in (200, 503)
            assert refused.headers["retry-after"] == "2"
            disk.empty()
            work.recovers()
        work.ends()
        assert calling.answers(work.callers)[503] > 0
        with work.service.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def until_refused(work: Work) -> httpx.Response:
    """Look until there is no room for the audit entry either."""
    headers = {"Authorization": f"Bearer {work.service.token('chief')}"}
    until = time.monotonic() + 20
    with work.service.client() as client:
        while True:
            answer = client.get("/v1/people", headers=headers)
            if answer.status_code == 503:
                return answer
            assert answer.status_code == 200, answer.text
            assert time.monotonic() < until, "a disk that is never full"
            threading.Event().wait(0.02)
