"""People who log contacts all the while, send again what was not acknowledged, and know what they were told."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine, select

from service.domain.facts import Source
from service.store.engine import reading
from service.store.schema import FACTS, audit_entry

CONTACT = FACTS["contact"]
WHOM = ("EX1", "EX2", "EX3", "EX4")
HANDFUL = 4
NOON = datetime(2020, 7, 30, 11, 0, tzinfo=UTC)


class Caller(threading.Thread):
    """One of them. `told` is every answer that came: its status, and the seconds it took."""

    def __init__(self, number: int, url: str, headers: Mapping[str, str], *, most: int | None = None) -> None:
        super().__init__(name=f"caller-{number}", daemon=True)
        self._number, self._url, self._headers, self._most = number, url, headers, most
        self.sent: dict[str, datetime] = {}
        self.acknowledged: dict[str, bytes] = {}
        self.told: list[tuple[int, float]] = []
        self.cut = 0
        self.enough = threading.Event()

    def run(self) -> None:
        """One contact after the other, until there are enough and none is unanswered."""
        with httpx.Client(base_url=self._url, headers=self._headers, trust_env=False, timeout=30) as client:
            while len(self.sent) < self._most if self._most else not self.enough.is_set():
                key = f"{self.name}-{len(self.sent)}"
                self.sent[key] = NOON - timedelta(seconds=100 * len(self.sent) + self._number)
                while not self._acknowledged(client, key):
                    time.sleep(0.05)

    def _acknowledged(self, client: httpx.Client, key: str) -> bool:
        began = time.monotonic()
        try:
            answer = client.post("/v1/contacts", json=self._body(key), headers={"Idempotency-Key": key})
        except httpx.TransportError:
            self.cut += 1
            return False
        self.told.append((answer.status_code, time.monotonic() - began))
        if answer.status_code == 201:
            self.acknowledged[key] = answer.content
        return answer.status_code != 503

    def _body(self, key: str) -> dict[str, Any]:
        """A call to one of the village."""
        whom = WHOM[len(self.sent) % len(WHOM)]
        return {"eclipse_id": whom, "occurred_at": self.sent[key].isoformat(), "contact_kind": "phone",
                "outcome": "made"}  # fmt: skip


def ended(callers: "Iterable[Caller | Looker]") -> None:
    """They finish what they are at."""
    for each in callers:
        each.enough.set()
    for each in callers:
        each.join(60)
        assert not each.is_alive(), "a caller who is never answered"


def logged(engine: Engine) -> tuple[Counter[datetime], int]:
    """When the contacts took place that people logged, and how many of them lack their audit entry."""
    entries = select(audit_entry.c.audit_id)
    with reading(engine) as session:
        ours = CONTACT.c.source != Source.ECLIPSE
        found = Counter(session.scalars(select(CONTACT.c.occurred_at).where(ours)))
        unaudited = session.scalars(select(CONTACT.c.fact_id).where(ours, CONTACT.c.audit_id.not_in(entries))).all()
    return found, len(unaudited)


def once_each(engine: Engine, callers: Iterable[Caller]) -> int:
    """Nothing acknowledged is lost, nothing is there twice, all of it is audited. How many contacts that are."""
    found, unaudited = logged(engine)
    acknowledged = Counter(each.sent[key] for each in callers for key in each.acknowledged)
    assert not acknowledged - found, "acknowledged and lost"
    assert not found - acknowledged, "there twice, or never sent"
    assert unaudited == 0
    return found.total()


def answers(callers: "Iterable[Caller | Looker]") -> Counter[int]:
    """How many answers there were of each status."""
    return Counter(status for each in callers for status, _ in each.told)


def slowest(callers: "Iterable[Caller | Looker]") -> float:
    """Seconds of the answer that took longest."""
    return max(seconds for each in callers for _, seconds in each.told)


class Looker(threading.Thread):
    """Somebody who reads one page all the while. `told` is every answer that came, as a caller's."""

    def __init__(self, url: str, headers: Mapping[str, str], path: str = "/v1/people") -> None:
        super().__init__(name=f"looker {path}", daemon=True)
        self._url, self._headers, self._path = url, headers, path
        self.told: list[tuple[int, float]] = []
        self.enough = threading.Event()

    def run(self) -> None:
        """One look after the other."""
        with httpx.Client(base_url=self._url, headers=self._headers, trust_env=False, timeout=30) as client:
            while not self.enough.wait(0.05):
                began = time.monotonic()
                answer = client.get(self._path)
                self.told.append((answer.status_code, time.monotonic() - began))


def answered_anew(callers: Sequence[Caller], *, within: float) -> float:
    """Seconds until as many contacts more are acknowledged as a handful of people log."""
    began, known = time.monotonic(), sum(len(each.acknowledged) for each in callers)
    while sum(len(each.acknowledged) for each in callers) < known + HANDFUL:
        assert time.monotonic() - began < within, "it does not recover by itself"
        time.sleep(0.02)
    return time.monotonic() - began
