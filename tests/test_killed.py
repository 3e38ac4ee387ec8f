"""kill -9 in the middle of apply and approve: all of a step or nothing of it, and the same push again completes."""

import random
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, func, select, text

from service.domain.facts import Contact, ContactKind, ContactOutcome, Source
from service.operations import contacts
from service.operations.contacts import NewContact
from service.settings import Settings
from service.store.engine import make_engine, reading, writing
from service.store.schema import FACTS, batch_chunk, batch_dataset, idempotency_key
from tests import likeness, postgres
from tests.conftest import FRIDAY_MORNING, SetClock, migrate
from tests.council import HEAD, Council
from tests.doomed import Doomed, write_lock_held
from tests.killing import Night, Nights, Writer
from tests.likeness import State
from tests.village import enrol

SEED = 20200731
LATER = "2020-08-01T08:00:00+00:00"
NOTICED = 15.0  # seconds in which PostgreSQL must have noticed that whom it served is dead
CONTACT = FACTS["contact"]
Request = Callable[[httpx.Client], httpx.Response]


@pytest.fixture
def twin(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Council]:
    """The same council on a database that nothing ever happens to, and with a clock of its own."""
    with _twin_url(database, request, tmp_path) as url:
        engine = make_engine(url)
        yield Council(engine, SetClock(FRIDAY_MORNING))
        engine.dispose()


@contextmanager
def _twin_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if database == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "twin.db")
        yield f"sqlite:///{tmp_path / 'twin.db'}"
        return
    server = request.getfixturevalue("postgres_server")
    with postgres.database_on(server, f"{request.getfixturevalue('postgres_url').rsplit('/', 1)[1]}_twin") as url:
        migrate(url)
        yield url


@dataclass
class Story:
    """A council whose server is killed again and again, beside its twin whose server is not."""

    engine: Engine
    server: Doomed
    twin: Council
    writers: list[Writer]
    chance: random.Random
    fell: list[str] = field(default_factory=list)

    def night(self, night: Night) -> int:
        """Push a night, killed in its apply, and in the approval of what it held. How often it was killed."""
        theirs = self.twin.opened(night.manifest)
        self.twin.sent(theirs, night.files)
        here = self.sent(night)
        before = likeness.state(self.twin.engine)
        applied = self.step(night, f"{here}/apply", None, lambda: self.twin.applied(theirs), before)
        self.same_report(night, theirs)
        if not likeness.waits(self.twin.engine, theirs):
            return 1
        reason = {"reason": "checked"}
        self.step(night, f"{here}/approve", reason, lambda: self.twin.approved(theirs), applied)
        self.same_report(night, theirs)
        return 2

    def sent(self, night: Night) -> str:
        """Open the batch and send what is not there yet, as often as it takes; the batch's address."""
        with self.server.client("robot") as client:
            opened = client.post("/v1/ingest/batches", json=night.said)
            assert opened.status_code in (200, 201), opened.text
            here = f"/v1/ingest/batches/{opened.json()['batch_id']}"
            for name, body in night.files.items():
                sent = client.put(f"{here}/datasets/{name}", content=body, headers={"Content-Type": "text/csv"})
                assert sent.status_code == 200, sent.text
        return here

    def step(self, night: Night, path: str, body: Any, undisturbed: Callable[[], object], before: State) -> State:
        """One atomic step, killed at a random moment of it: nothing of it or all of it is there; again, it is all."""
        self.twin.clock.advance(seconds=1)  # no two steps of a database are of one moment
        began = time.perf_counter()
        undisturbed()
        span = time.perf_counter() - began
        after = likeness.state(self.twin.engine)
        assert likeness.differences(before, after), "a step that changes something"
        known = [frozenset(each.acknowledged) for each in self.writers]
        who, seconds = "head" if body else "robot", self.chance.uniform(0, 1.5) * span
        answer, where = self.killed(who, lambda client: client.post(path, json=body), seconds)
        which = self.which(before, after, f"{night.profile} night {night.number}, {path.rsplit('/', 1)[1]}, {where}")
        self.fell.append(f"{where} -> {which}")
        self.keeps(known)
        self.server.start()
        answer = answer()
        assert answer is None or answer.status_code == 200, answer.text + self.server.said()
        self.again(night, path, body, done=which == "all" or answer is not None)
        assert self.which(before, after, f"{path} again") == "all"
        return after

    def killed(self, who: str, request: Request, seconds: float) -> tuple[Callable[[], httpx.Response | None], str]:
        """Begin a request and kill the server after so many seconds of it. What it answered, if asked later."""
        answered, answers = threading.Event(), []

        def ask() -> None:
            try:
                answers.append(request(client))
            except httpx.TransportError:
                pass
            finally:
                client.close()
                answered.set()

        client = self.server.client(who)
        assert client.get("/health/live").status_code == 200
        asking = threading.Thread(target=ask)
        asking.start()
        answered.wait(seconds)
        where = "after the answer" if answered.is_set() else "with the lock" if self.locked() else "before the lock"
        self.server.kill()
        self.forgotten()

        def later() -> httpx.Response | None:
            asking.join(60)
            return answers[0] if answers else None

        return later, where

    def locked(self) -> bool:
        """Whether the server that will be killed is inside a write."""
        if self.engine.dialect.name == "sqlite":
            return write_lock_held(Path(str(self.engine.url.database)))
        return self.backends("state <> 'idle' AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')") > 0

    def backends(self, which: str = "true") -> int:
        """How many connections of the server's present life PostgreSQL serves."""
        query = text(f"SELECT count(*) FROM pg_stat_activity WHERE application_name = :life AND {which}")
        with self.engine.connect() as connection:
            return int(connection.execute(query, {"life": self.server.life}).scalar_one())

    def forgotten(self) -> None:
        """Nothing of a dead process lives on: no transaction, and no lock that the next one would wait for."""
        if self.engine.dialect.name == "sqlite":
            assert not write_lock_held(Path(str(self.engine.url.database)))
            return
        pause, until = threading.Event(), time.monotonic() + NOTICED
        while self.backends():
            assert time.monotonic() < until, "a dead process keeps its connections"
            pause.wait(0.05)

    def which(self, before: State, after: State, where: str) -> str:
        """Nothing, or all. Anything between is what this test is about."""
        if self.engine.dialect.name == "sqlite":
            with sqlite3.connect(str(self.engine.url.database)) as file:
                assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)], where
                assert file.execute("PRAGMA foreign_key_check").fetchall() == [], where
            file.close()
        found = likeness.state(self.engine)
        lacking, over = likeness.differences(after, found), likeness.differences(before, found)
        assert not lacking or not over, f"seed {SEED}, {where}: to all {lacking}, to nothing {over}"
        return "nothing" if lacking else "all"

    def again(self, night: Night, path: str, body: Any, *, done: bool) -> None:
        """The same push again. What was decided before the answer was lost is not decided twice."""
        assert self.sent(night) == path.rsplit("/", 1)[0], "the same run is the same batch"
        with self.server.client("head" if body else "robot") as client:
            answer = client.post(path, json=body)
        if body and done:
            assert (answer.status_code, answer.json()["code"]) == (409, "nothing_held")
        else:
            assert answer.status_code == 200, answer.text + self.server.said()

    def same_report(self, night: Night, theirs: str) -> None:
        """The report is the one that an undisturbed push has."""
        with self.server.client("robot") as client:
            here = client.post("/v1/ingest/batches", json=night.said).json()["batch_id"]
            told = likeness.the_same(client.get(f"/v1/ingest/batches/{here}/report").json())
        assert told == likeness.report(self.twin.engine, theirs, self.twin), f"seed {SEED}, night {night.number}"

    def keeps(self, known: list[frozenset[str]]) -> None:
        """What was acknowledged before the kill is there after it."""
        held = stored(self.engine)
        lost = [key for each, keys in zip(self.writers, known, strict=True) for key in keys if not held[each.sent[key]]]
        assert not lost, f"seed {SEED}: acknowledged and lost {lost}"

    def ended(self) -> None:
        """The writers stop; each contact is there once, and the tracker is that of the twin with the same contacts."""
        for each in self.writers:
            each.enough.set()
        for each in self.writers:
            each.join(60)
            assert not each.is_alive(), "a writer that never ends"
            assert each.wrong == []
            assert each.acknowledged.keys() == each.sent.keys()
        sent = [(each, key) for each in self.writers for key in each.sent]
        assert stored(self.engine) == Counter(each.sent[key] for each, key in sent)
        with reading(self.engine) as session:
            assert session.scalar(select(func.count()).select_from(idempotency_key)) == len(sent)
        with writing(self.twin.engine, self.twin.clock) as write:
            for each, key in sent:
                contact = Contact(
                    occurred_at=each.sent[key], contact_kind=ContactKind.PHONE, outcome=ContactOutcome.ATTEMPTED
                )
                new = NewContact(contact, eclipse_id=each.whom(key))
                contacts.log(write.session, new, by=HEAD, at=write.now)
        mine = Council(self.engine, self.twin.clock)
        self.twin.on(LATER)
        here, there = likeness.tracker(mine), likeness.tracker(self.twin)
        for name in here.keys() & there.keys():
            assert here[name] == there[name], f"seed {SEED}, {name}"
        assert here.keys() == there.keys()


def stored(engine: Engine) -> Counter[datetime]:
    """When the contacts took place that workers logged."""
    with reading(engine) as session:
        found = Counter(session.scalars(select(CONTACT.c.occurred_at).where(CONTACT.c.source != Source.ECLIPSE)))
    engine.dispose()
    return found


@pytest.mark.parametrize(("kills", "people"), [(5, 200), pytest.param(30, 400, marks=pytest.mark.long)])
def test_killed_at_any_moment_a_step_is_whole_or_absent(
    kills: int, people: int, engine: Engine, settings: Settings, clock: SetClock, twin: Council
) -> None:
    enrol(engine, settings, clock)
    server = Doomed("killed", settings, clock)
    other = server if settings.sqlite else Doomed("beside", settings, clock)
    nights = Nights(random.Random(SEED), people)
    writers = [Writer("first", other, "head"), Writer("second", other, "other_head")]
    story = Story(engine, server, twin, writers, random.Random(SEED + 1))
    try:
        for each in {server, other}:
            each.start()
        first = nights.first()
        theirs = twin.opened(first.manifest)
        twin.sent(theirs, first.files)
        twin.applied(theirs)
        with server.client("robot") as client:
            assert client.post(f"{story.sent(first)}/apply").status_code == 200
        for writer in writers:
            writer.start()
        done = 0
        while done < kills:
            done += story.night(nights.next())
        story.ended()
    finally:
        for writer in writers:
            writer.enough.set()
        for each in {server, other}:
            each.close()
        print("\n".join(story.fell), [(each.name, len(each.sent), each.cut) for each in writers])


@pytest.mark.parametrize("kills", [5, pytest.param(30, marks=pytest.mark.long)])
def test_a_dataset_that_was_being_sent_is_there_whole_or_not_at_all(
    kills: int, engine: Engine, settings: Settings, clock: SetClock
) -> None:
    enrol(engine, settings, clock)
    chance = random.Random(SEED)
    story = Story(engine, Doomed("killed", settings, clock), Council(engine, clock), [], chance)
    try:
        story.server.start()
        span = 0.0
        for number in range(kills + 1):
            night = Night(
                number, "cohorts", {"contacts": b"record_id,eclipse_id\n" + chance.randbytes(2**20).hex().encode()}
            )
            with story.server.client("robot") as client:
                here = client.post("/v1/ingest/batches", json=night.said).json()["batch_id"]
            story.fell.append(sent_once(story, night, here, chance.uniform(0, 0.7) * span if number else None))
            began = time.perf_counter()
            story.sent(night)
            span = span or time.perf_counter() - began
            assert kept(engine, here) == night.files
    finally:
        story.server.close()
        print("\n".join(story.fell))


def sent_once(story: Story, night: Night, batch_id: str, seconds: float | None) -> str:
    """Send a dataset to a server that is killed after so many seconds of it; what is there then."""
    if seconds is None:
        return "undisturbed"
    path, headers = f"/v1/ingest/batches/{batch_id}/datasets/contacts", {"Content-Type": "text/csv"}
    answer, where = story.killed(
        "robot", lambda client: client.put(path, content=night.files["contacts"], headers=headers), seconds
    )
    found = kept(story.engine, batch_id)
    assert found in ({}, night.files), (
        f"seed {SEED}, night {night.number}, {where}: {[*map(len, found.values())]} bytes"
    )
    story.server.start()
    told = answer()
    assert told is None or (told.status_code == 200 and found), "acknowledged, so kept"
    return f"{where} -> {'all' if found else 'nothing'}"


def kept(engine: Engine, batch_id: str) -> dict[str, bytes]:
    """The datasets of a batch, as far as there is any trace of them."""
    with reading(engine) as session:
        names = session.scalars(select(batch_dataset.c.name).where(batch_dataset.c.batch_id == batch_id)).all()
        found = dict.fromkeys(names, b"")
        pieces = select(batch_chunk.c.name, batch_chunk.c.content).where(batch_chunk.c.batch_id == batch_id)
        for name, content in session.execute(pieces.order_by(batch_chunk.c.number)):
            found[name] = found.get(name, b"") + content
    engine.dispose()
    return found
