"""kill -9 under four who log contacts: nothing acknowledged is lost, nothing is there twice, all of it is audited."""

import random
import sqlite3
import time
from datetime import datetime

import pytest
from sqlalchemy import Engine

from service.operations import sealing
from service.settings import Settings
from tests import calling
from tests.calling import Caller
from tests.conftest import SetClock
from tests.doomed import Doomed
from tests.village import Village, enrol, populate_only

SEED = 20201122


def lives(server: Doomed) -> float:
    """Seconds until the server that has just been started answers."""
    began = time.monotonic()
    with server.client("robot") as client:
        assert client.get("/health/live").status_code == 200
    return time.monotonic() - began


@pytest.mark.parametrize("kills", [5, pytest.param(50, marks=pytest.mark.long)])
def test_killed_under_four_writers(kills: int, engine: Engine, settings: Settings, clock: SetClock) -> None:
    enrol(engine, settings, clock)
    server, chance, up = Doomed("killed", settings, clock), random.Random(SEED), list[float]()
    callers: list[Caller] = []
    heads: list[str] = []

    def later() -> datetime:
        return server.now() + sealing.MARGIN  # nothing is too young

    try:
        server.start()
        lives(server)
        with server.client("head") as client:
            populate_only(Village(client, engine, settings, clock, lambda *_: ""))
            callers += [Caller(n, server.url, dict(client.headers)) for n in range(4)]
        for each in callers:
            each.start()
        for _ in range(kills):
            calling.answered_anew(callers, within=30)
            time.sleep(chance.uniform(0.1, 1.5))
            server.kill()
            server.start()
            up.append(lives(server))
            heads.append(sealing.seal(engine, later).head.hash)
        calling.ended(callers)
    finally:
        for each in callers:
            each.enough.set()
        server.close()
    count = calling.once_each(engine, callers)
    whole(engine)
    heads.append(sealing.seal(engine, later).head.hash)
    chain = [sealing.verify(engine, head=head) for head in heads]
    assert [each.broken for each in chain] == [None] * len(heads)
    assert chain[-1].sealed >= count
    cut = sum(each.cut for each in callers)
    print(f"seed {SEED}: {kills} kills, {count} contacts, {cut} cut, {dict(calling.answers(callers))}")
    print(f"up again after {sum(up) / len(up):.1f} s, at most {max(up):.1f} s")
    assert calling.answers(callers).keys() <= {201, 503}
    assert cut > 0, "somebody was being served"


def whole(engine: Engine) -> None:
    """The file is whole, where there is a file."""
    if engine.dialect.name != "sqlite":
        return
    engine.dispose()
    file = sqlite3.connect(str(engine.url.database))
    assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    file.close()
