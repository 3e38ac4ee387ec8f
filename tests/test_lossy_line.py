"""Contacts over a line that loses a third of the answers and refuses a tenth of the calls: each is there once."""

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from service.settings import Settings
from tests.calling import NOON, WHOM, logged
from tests.conftest import ROOT, SetClock
from tests.faults import Line
from tests.live import Service, peopled

SEED = 20200731
LOST, REFUSED = 0.35, 0.10


@pytest.fixture
def live(app: FastAPI, engine: Engine, settings: Settings, clock: SetClock) -> Iterator[Service]:
    """The village, served on a free port."""
    with peopled(app, engine, settings, clock) as service:
        yield service


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`log_contact.py` as a module of ours, which does not pause before it tries again."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import calls

    monkeypatch.setattr(calls.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(calls.said, "quiet", True)
    yield
    for name in ("calls", "log_contact"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("script")
@pytest.mark.parametrize("contacts", [40, pytest.param(150, marks=pytest.mark.long)])
def test_contacts_over_a_lossy_line_are_there_once(
    contacts: int, live: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import calls
    import log_contact

    address = urlsplit(live.url)
    line = Line((str(address.hostname), address.port or 0), seed=SEED)
    tries, runs = Counter[str](), 0

    def asked(data: bytes) -> bool:
        tries["asked"] += data.startswith(b"POST /v1/contacts ")
        return data.startswith(b"POST ") and line.happens(LOST)

    line.loses, line.refused = asked, REFUSED
    monkeypatch.setenv("LOS_URL", f"http://127.0.0.1:{line.port}")
    monkeypatch.setenv("LOS_TOKEN", live.token("head"))
    monkeypatch.setenv("NO_PROXY", "*")
    sent = [NOON - timedelta(minutes=n) for n in range(contacts)]
    with line:
        for number, at in enumerate(sent):
            arguments = ["--eclipse-id", WHOM[number % 4], "--kind", "phone", "--outcome", "made",
                         "--at", at.isoformat(), "--key", f"phone-{number}"]  # fmt: skip
            monkeypatch.setattr(sys, "argv", ["log_contact.py", *arguments])
            code = None
            while code != calls.Exit.DONE:
                code = calls.run(log_contact.main)
                runs += 1
                assert code in (calls.Exit.DONE, calls.Exit.UNREACHABLE)
    found, unaudited = logged(live.engine)
    capsys.readouterr()
    print(f"{contacts} contacts: {runs} runs, {tries['asked']} tries heard")
    print(f"{line.lost} answers lost, {line.turned_away} calls refused")
    assert found == Counter(sent)
    assert unaudited == 0
    assert line.lost > contacts / 5
    assert line.turned_away > contacts / 15
