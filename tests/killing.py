"""What is under way when a process is killed: nights that are pushed, and workers who log contacts meanwhile."""

import random
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx

from service.domain.facts import Source
from service.operations.intake.ingest import Manifest
from service.operations.intake.weighing import Declared
from tests.council import TEAMS, WORKERS
from tests.doomed import Doomed
from tests.village import sheet

SPOKEN_TO = 60  # so many are there from the beginning, and workers log contacts with them
TEAM_CODES = ("exeter_2", "exeter_1")
FIRST_DAY = datetime(2020, 6, 1, 1, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Night:
    """One push: which profile, and its files."""

    number: int
    profile: str
    files: dict[str, bytes]

    @property
    def manifest(self) -> Manifest:
        """What it declares. Contacts come as changes only, all else whole."""
        datasets = tuple(
            Declared(name, "delta" if name == "contacts" else "full", body.count(b"\n") - 1, sha256(body).hexdigest())
            for name, body in self.files.items()
        )
        at = FIRST_DAY + timedelta(days=self.number)
        return Manifest(self.profile, Source.ECLIPSE, f"{self.profile}-{self.number}", at, datasets)

    @property
    def said(self) -> dict[str, Any]:
        """The same as a request says it."""
        told = self.manifest
        datasets = [{"name": d.name, "mode": d.mode, "rows": d.rows, "sha256": d.sha256} for d in told.datasets]
        return {
            "profile": told.profile, "run_id": told.run_id, "extracted_at": told.extracted_at.isoformat(),
            "datasets": datasets,
        }  # fmt: skip


class Nights:
    """A council that grows and changes each night; every fourth night is cut short, and that waits for a person."""

    def __init__(self, chance: random.Random, people: int) -> None:
        self.chance, self.people, self.number = chance, people, -1
        self.homes: dict[str, str] = {f"K{i}": "U" for i in range(SPOKEN_TO)}

    def first(self) -> Night:
        """Teams, workers, and the people whom workers speak to from the beginning."""
        self.number += 1
        people = [
            {"eclipse_id": e, "forename": "Demo", "surname": f"Demo-{e}", "born_on": "2001-05-01",
             "team_id": TEAM_CODES[1], "responsible_from": "2019-05-01"}
            for e in self.homes
        ]  # fmt: skip
        files = {"teams": TEAMS.encode(), "workers": WORKERS.encode(), "people": sheet(*people)}
        return Night(self.number, "cohorts", files)

    def next(self) -> Night:
        """One night the SSD tables, the next night contacts and where people live."""
        self.number += 1
        return self._tables() if self.number % 2 else self._contacts()

    def _tables(self) -> Night:
        news = self.people - len(self.homes) if self.number == 1 else 10
        self.homes |= {f"K{i}": "U" for i in range(len(self.homes), len(self.homes) + news)}
        for each in self.homes:
            if self.chance.random() < 0.1:
                self.homes[each] = self.chance.choice("USSZXT")
        listed = list(self.homes)
        sent = listed if self.number % 4 == 1 else listed[: self.chance.choice([0, 30, self.people * 3 // 4])]
        people = [
            {"pers_person_id": e, "pers_forename": "Demo", "pers_surname": f"Demo-{e}",
             "pers_dob": "2001-13-45" if self.chance.random() < 0.01 else "2001-05-01"}
            for e in listed
        ]  # fmt: skip
        teams = {e: self.chance.choice(TEAM_CODES[i < SPOKEN_TO :]) for i, e in enumerate(listed)}
        allocated = [
            {"invo_involvements_id": f"I{e}", "invo_person_id": e, "invo_professional_id": "W1",
             "invo_professional_role_id": "PA", "invo_professional_team": teams[e],
             "invo_involvement_start_date": "2019-05-01"}
            for e in listed
        ]  # fmt: skip
        leavers = [
            {"clea_table_id": f"C{e}", "clea_person_id": e, "clea_care_leaver_eligibility": "Former relevant",
             "clea_care_leaver_in_touch": self.chance.choice(["YES", "YES", "NO"]),
             "clea_care_leaver_latest_contact": "2020-06-15", "clea_care_leaver_accommodation": self.homes[e],
             "clea_care_leaver_accom_suitable": "1" if self.homes[e] == "U" else "2",
             "clea_care_leaver_activity": "F5"}
            for e in sent
        ]  # fmt: skip
        header = sheet(leavers[0] if leavers else {"clea_table_id": "", "clea_person_id": ""}).split(b"\n")[0] + b"\n"
        files = {"ssd_person": sheet(*people), "ssd_involvements": sheet(*allocated),
                 "ssd_care_leavers": sheet(*leavers) if leavers else header}  # fmt: skip
        return Night(self.number, "ssd", files)

    def _contacts(self) -> Night:
        at = FIRST_DAY + timedelta(days=self.number, hours=-2)
        contacts = [
            {"record_id": f"{self.number}-{i}", "eclipse_id": self.chance.choice(list(self.homes)),
             "occurred_at": (at - timedelta(minutes=i)).isoformat(), "contact_kind": "phone",
             "outcome": self.chance.choice(["made", "attempted"])}
            for i in range(3 * self.people)
        ]  # fmt: skip
        spells = [
            {"spell_id": f"S{e}", "eclipse_id": e, "code": "U", "suitable": "yes", "judged_on": "2020-02-01",
             "started_on": f"2020-01-{1 + self.number % 20:02}"}
            for e in list(self.homes)[: self.people // 2]
        ]  # fmt: skip
        return Night(self.number, "cohorts", {"contacts": sheet(*contacts), "accommodation": sheet(*spells)})


class Writer(threading.Thread):
    """Somebody who logs contacts all the while, and sends again under the same key what was not acknowledged."""

    def __init__(self, name: str, server: Doomed, who: str) -> None:
        super().__init__(name=name)
        self.server, self.who = server, who
        self.sent: dict[str, datetime] = {}
        self.acknowledged: dict[str, bytes] = {}
        self.cut = 0
        self.wrong: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        """One contact after the other, until there are enough and none is unanswered."""
        with self.server.client(self.who) as client:
            while not self.enough.is_set():
                key = f"{self.name}-{len(self.sent)}"
                self.sent[key] = datetime(2020, 7, 30, 9, 0, tzinfo=UTC) - timedelta(
                    minutes=2 * len(self.sent) + (self.name == "second")
                )
                self._until_acknowledged(client, key)

    def whom(self, key: str) -> str:
        """Whom it is about: somebody of those whose rows are pushed."""
        return f"K{int(key.rsplit('-', 1)[1]) % SPOKEN_TO}"

    def body(self, key: str) -> dict[str, Any]:
        """An attempt: it restarts no clock, so the push finds the same cohorts whenever it comes."""
        return {"eclipse_id": self.whom(key), "occurred_at": self.sent[key].isoformat(), "contact_kind": "phone",
                "outcome": "attempted"}  # fmt: skip

    def _until_acknowledged(self, client: httpx.Client, key: str) -> None:
        for _ in range(2000):
            try:
                answer = client.post("/v1/contacts", json=self.body(key), headers={"Idempotency-Key": key})
            except httpx.TransportError:
                self.cut += 1
                continue
            if answer.status_code == 201 and key in self.acknowledged:
                if answer.content != self.acknowledged[key]:
                    self.wrong.append(f"{key}: another answer")
                return
            if answer.status_code == 201:
                self.acknowledged[key] = answer.content
                self.enough.wait(0.2)
                if len(self.sent) % 5:
                    return
            elif answer.status_code == 503:
                self.enough.wait(0.1)
            else:
                self.wrong.append(f"{key}: {answer.status_code} {answer.text}")
                return
        self.wrong.append(f"{key}: never answered")
