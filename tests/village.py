"""A village of eight people in two localities, pushed over HTTP as a council's Eclipse would, and who works there."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Engine, func, select, update

from service.api import identity
from service.api.facts import PATHS
from service.domain.access import DEFAULT_SCOPE, Role
from service.operations.entries import etag_of
from service.settings import Settings
from service.store.engine import reading, writing
from service.store.facts import of_fact
from service.store.schema import audit_entry, audit_people, person, person_identifier
from service.store.users import add_user, move_access_version

TokenFor = Callable[..., str]
DECIDED = re.compile(r"/v1/(?P<noun>[a-z-]+)/(?P<fact_id>[^/]+)/(approve|withdraw)")
HIDDEN = "Canary"
FORMULA = '=HYPERLINK("http://evil.invalid")'
SCRIPT = "<script>alert(1)</script>"
NAMES = ("Rowan", "Robin", "Jamie", "HYPERLINK", "alert(1)", HIDDEN, "Alex", "Demo-")


def sheet(*rows: Mapping[str, str]) -> bytes:
    """CSV bytes of these rows; a column that a row lacks is empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _team(code: str, locality: str, service: str = "care_leavers") -> dict[str, str]:
    return {
        "team_id": code, "title": code.replace("_", " ").title(), "area_code": f"{locality}_1",
        "locality_code": locality, "locality_title": locality.title(), "service_code": service,
        "service_title": service.replace("_", " ").title(),
    }  # fmt: skip


TEAMS = (_team("exeter_pt", "exeter"), _team("north_pt", "north"), _team("exeter_cf", "exeter", "children"))
WORKERS = (
    {"worker_id": "W1", "name": "A. Demo-Adviser", "role": "personal_adviser", "team_id": "exeter_pt"},
    {"worker_id": "W2", "name": "N. Demo-Adviser", "role": "personal_adviser", "team_id": "north_pt"},
    {"worker_id": "W3", "name": "S. Demo-Worker", "role": "social_worker", "team_id": "exeter_cf"},
)
# eclipse id, forename, surname, born on, team, worker
PEOPLE = (
    ("EX1", "Rowan", "Demo-Ashford", "2001-02-14", "exeter_pt", "W1"),
    ("EX2", "Robin", "Demo-Teign", "2000-05-03", "exeter_pt", "W1"),
    ("EX3", FORMULA, "Demo-Formula", "2001-03-03", "exeter_pt", "W1"),
    ("EX4", SCRIPT, "Demo-Script", "2001-04-04", "exeter_pt", "W1"),
    ("EX5", HIDDEN, "Demo-Hidden", "2001-05-05", "exeter_pt", "W1"),
    ("NO1", "Jamie", "Demo-Torridge", "2000-09-09", "north_pt", "W2"),
    ("CH1", "Alex", "Demo-Lyme", "2012-06-01", "exeter_cf", "W3"),
)
PLACES = (
    {"eclipse_id": "EX1", "code": "Z", "unacceptable": "tent", "started_on": "2020-07-10"},
    {"eclipse_id": "EX2", "code": "U", "suitable": "yes", "judged_on": "2020-02-01", "started_on": "2020-01-06"},
    {"eclipse_id": "EX3", "code": "U", "suitable": "no", "judged_on": "2020-06-01", "started_on": "2020-05-06"},
    {"eclipse_id": "EX4", "code": "X", "release_on": "2020-11-30", "started_on": "2020-05-07"},
    {"eclipse_id": "EX5", "code": "Z", "unacceptable": "tent", "started_on": "2020-07-11"},
    {"eclipse_id": "NO1", "code": "Z", "unacceptable": "sofa_surfing", "started_on": "2020-06-15"},
)


def ssd_files() -> dict[str, bytes]:
    """The SSD tables of the night."""
    leavers = [each for each in PEOPLE if each[0] != "CH1"]
    role = {"W1": "Personal adviser", "W2": "Personal adviser", "W3": "Social worker"}
    return {
        "ssd_person": sheet(
            *[
                {"pers_person_id": e, "pers_forename": f, "pers_surname": s, "pers_dob": f"{born} 00:00:00"}
                for e, f, s, born, *_ in PEOPLE
            ]
        ),
        "ssd_involvements": sheet(
            *[
                {
                    "invo_involvements_id": f"I{e}", "invo_person_id": e, "invo_professional_id": w,
                    "invo_professional_role_id": role[w], "invo_professional_team": team,
                    "invo_involvement_start_date": "2020-01-06 00:00:00",
                }
                for e, _, _, _, team, w in PEOPLE
            ]
        ),
        "ssd_care_leavers": sheet(
            *[
                {
                    "clea_table_id": f"L{e}", "clea_person_id": e, "clea_care_leaver_eligibility": "Former relevant",
                    "clea_care_leaver_in_touch": "YES", "clea_care_leaver_latest_contact": "2020-07-20 00:00:00",
                }
                for e, *_ in leavers
            ]
        ),
        "ssd_cp_plans": sheet(
            {
                "cppl_cp_plan_id": "P1", "cppl_person_id": "CH1", "cppl_cp_plan_start_date": "2019-09-02 00:00:00",
                "cppl_cp_plan_latest_category": "NEG",
            }
        ),
    }  # fmt: skip


def cohorts_files() -> dict[str, bytes]:
    """What the council adds: teams, who answers, where care leavers live, one contact, pre-proceedings."""
    return {
        "teams": sheet(*TEAMS),
        "workers": sheet(*WORKERS),
        "people": sheet(
            *[{"eclipse_id": e, "team_id": team, "responsible_from": "2020-01-06"} for e, _, _, _, team, _ in PEOPLE]
        ),
        "accommodation": sheet(*[{"spell_id": f"A{place['eclipse_id']}"} | place for place in PLACES]),
        "contacts": sheet(
            {
                "record_id": "C1", "eclipse_id": "EX1", "occurred_at": "2020-07-24T10:00:00+01:00",
                "contact_kind": "phone", "outcome": "made", "worker_id": "W1",
            }
        ),
        "pre_proceedings": sheet({"record_id": "PP1", "eclipse_id": "CH1", "PPStartDate": "2020-05-04"}),
        "care_proceedings": sheet({"record_id": "CP1", "eclipse_id": "CH1", "issued_on": "2020-01-06"}),
    }  # fmt: skip


def manifest(profile: str, run_id: str, extracted_at: str, files: Mapping[str, bytes], **more: Any) -> dict[str, Any]:
    """A manifest that declares these files as they are."""
    datasets = [
        {"name": n, "rows": max(0, body.count(b"\n") - 1), "sha256": hashlib.sha256(body).hexdigest()}
        for n, body in files.items()
    ]
    return {"profile": profile, "run_id": run_id, "extracted_at": extracted_at, "datasets": datasets} | more


def push(
    client: httpx.Client, headers: Mapping[str, str], profile: str, files: Mapping[str, bytes], *, run_id: str,
    extracted_at: str,
) -> dict[str, Any]:  # fmt: skip
    """Manifest, datasets, apply; the report."""
    said = manifest(profile, run_id, extracted_at, files)
    opened = client.post("/v1/ingest/batches", json=said, headers=headers)
    assert opened.status_code in (200, 201), opened.text
    here = f"/v1/ingest/batches/{opened.json()['batch_id']}"
    for name, body in files.items():
        sent = client.put(f"{here}/datasets/{name}", content=body, headers={**headers, "Content-Type": "text/csv"})
        assert sent.status_code == 200, sent.text
    applied = client.post(f"{here}/apply", headers=headers)
    assert applied.status_code == 200, applied.text
    return dict(applied.json())


@dataclass
class Village:
    """The village as a story sees it: who asks, and what comes back."""

    client: httpx.Client
    engine: Engine
    settings: Settings
    clock: Any
    sign_in: TokenFor
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    keys: int = 0
    enrolled: bool = False

    @classmethod
    def of(cls, client: httpx.Client, engine: Engine, settings: Settings, clock: Any, sign_in: TokenFor) -> "Village":
        """The village that `populate` left in this database."""
        village = cls(client, engine, settings, clock, sign_in)
        village.ids = ids_of(engine)
        village.enrolled = True
        return village

    def token(self, who: str) -> str:
        """The token of one of CAST, or of a role by its name: an account is made at the first asking."""
        if self.enrolled and who in CAST and who not in self.tokens:
            self.tokens[who] = token_of(self.settings, who, self.clock())
        if who not in self.tokens:
            role, options = CAST.get(who) or (Role(who), CODES.get(Role(who), {}))
            self.tokens[who] = self.sign_in(role, **options)
        return self.tokens[who]

    def headers(self, who: str, **more: str) -> dict[str, str]:
        """Signed headers; `if_match="x"` gives `If-Match: x`."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"Authorization": f"Bearer {self.token(who)}"} | named

    def get(self, who: str, path: str, **params: Any) -> httpx.Response:
        """A read by somebody."""
        return self.client.get(path, params=params or None, headers=self.headers(who))

    def post(self, who: str, path: str, body: object, *, key: str | None = None, **more: str) -> httpx.Response:
        """A write by somebody, under a key of its own unless one is given. Who decides on a fact has just read it."""
        self.keys += 1
        decided = DECIDED.fullmatch(path)
        if decided and "if_match" not in more:
            more["if_match"] = self.etag_of_fact(decided["noun"], decided["fact_id"])
        headers = self.headers(who, idempotency_key=key or f"key-{self.keys}", **more)
        return self.client.post(path, json=body, headers=headers)

    def etag_of_fact(self, noun: str, fact_id: str) -> str:
        """The etag that a fact has now; of a fact of nobody, that of nothing."""
        kind = next((kind for kind, path in PATHS.items() if path == noun), None)
        with reading(self.engine) as session:
            return etag_of(of_fact(session, kind, fact_id) if kind else ())

    def put(self, who: str, path: str, body: object, **more: str) -> httpx.Response:
        """A correction by somebody."""
        return self.client.put(path, json=body, headers=self.headers(who, **more))

    def etag(self, user_id: str) -> str:
        """What a change of an account must say; of nobody's, anything."""
        listed = self.get("administrator", "/v1/users").json()["users"]
        return next((str(each["etag"]) for each in listed if each["user_id"] == user_id), "none")

    def set_account(self, user_id: str, what: str, body: dict[str, Any]) -> httpx.Response:
        """A change of somebody's `access` or `worker` by an administrator who has read how it is."""
        said = {"active": True} | body if what == "access" else body
        return self.put("administrator", f"/v1/users/{user_id}/{what}", said, if_match=self.etag(user_id))

    def whole(self, who: str, eclipse_id: str) -> dict[str, Any]:
        """One person whole."""
        answer = self.get(who, f"/v1/people/{self.ids[eclipse_id]}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def tracker(self, who: str, **params: Any) -> dict[str, Any]:
        """Somebody's tracker as JSON."""
        answer = self.get(who, "/v1/tracker", **params)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def cohort(self, who: str, code: str, **params: Any) -> dict[str, Any]:
        """One cohort of somebody's tracker."""
        return next(each for each in self.tracker(who, **params)["cohorts"] if each["code"] == code)

    def audit(self, *, sign_ins: bool = False) -> dict[str, Any]:
        """Every audit entry by its id, but for the sign-ins: the first request with each token is one."""
        wanted = select(audit_entry) if sign_ins else select(audit_entry).where(audit_entry.c.act != "sign_in")
        with reading(self.engine) as session:
            return {entry.audit_id: entry for entry in session.execute(wanted).all()}

    def noted(self, before: Mapping[str, Any]) -> list[Any]:
        """The audit entries that were not there before."""
        return [entry for audit_id, entry in self.audit().items() if audit_id not in before]

    def shown_in(self, entry: Any) -> set[str]:
        """The person ids that an audit entry says were shown."""
        with reading(self.engine) as session:
            people = session.scalar(select(audit_people.c.people).where(audit_people.c.people_set == entry.people_set))
        return set(json.loads(people or "[]"))

    def audited(self) -> int:
        """How many audit entries there are, but for sign-ins."""
        with reading(self.engine) as session:
            return session.scalar(select(func.count()).where(audit_entry.c.act != "sign_in")) or 0

    def held(self, table: Any) -> int:
        """How many rows a table holds."""
        with reading(self.engine) as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def push(self, profile: str, files: Mapping[str, bytes], *, run_id: str, hours_ago: int = 6) -> dict[str, Any]:
        """A push by the integration account."""
        at = (self.clock() - timedelta(hours=hours_ago)).isoformat()
        return push(self.client, self.headers("robot"), profile, files, run_id=run_id, extracted_at=at)

    def restrict(self, eclipse_id: str) -> None:
        """Set the flag that no feed and no body can set."""
        with writing(self.engine, self.clock) as write:
            whom = person.c.person_id == self.ids[eclipse_id]
            write.session.execute(update(person).where(whom).values(restricted=True))
            move_access_version(write.session)


CAST: dict[str, tuple[Role, dict[str, Any]]] = {
    "adviser": (Role.PERSONAL_ADVISER, {"worker_ref": "W1", "name": "A. Demo-Adviser"}),
    "northern_adviser": (Role.PERSONAL_ADVISER, {"worker_ref": "W2", "name": "N. Demo-Adviser"}),
    "social_worker": (Role.SOCIAL_WORKER, {"worker_ref": "W3", "name": "S. Demo-Worker"}),
    "manager": (Role.TEAM_MANAGER, {"code": "exeter_pt"}),
    "northern_manager": (Role.TEAM_MANAGER, {"code": "north_pt"}),
    "head": (Role.HEAD_OF_SERVICE, {"name": "Head"}),
    "other_head": (Role.HEAD_OF_SERVICE, {"name": "Another head"}),
    "chief": (Role.CHIEF_OFFICER, {"name": "Chief"}),
    "robot": (Role.INTEGRATION, {"name": "Robot"}),
    "court": (Role.CASE_PROGRESSION_MANAGER, {"name": "Court"}),
}
CODES: dict[Role, dict[str, Any]] = {
    Role.DUTY_WORKER: {"code": "exeter_pt"},
    Role.TEAM_MANAGER: {"code": "exeter_pt"},
    Role.AREA_MANAGER: {"code": "exeter_1"},
    Role.LOCALITY_DIRECTOR: {"code": "exeter"},
    Role.SENIOR_MANAGER_CORPORATE_PARENTING: {"code": "care_leavers"},
}


def ids_of(engine: Engine) -> dict[str, str]:
    """Eclipse id -> person id."""
    with reading(engine) as session:
        rows = session.execute(select(person_identifier.c.eclipse_id, person_identifier.c.person_id))
        return dict(rows.all())


def token_of(settings: Settings, who: str, at: datetime) -> str:
    """A token of one of CAST, good for an hour. All tests sign with one key, so each is signed once."""
    if (who, at) not in _SIGNED:
        _SIGNED[who, at] = _signed(settings, who, at)
    return _SIGNED[who, at]


_SIGNED: dict[tuple[str, datetime], str] = {}


def _signed(settings: Settings, who: str, at: datetime) -> str:
    script = CAST[who][0] is Role.INTEGRATION
    return identity.mint(settings, f"cast:{who}", at=at, lifetime=timedelta(hours=1), script=script)


def enrol(engine: Engine, settings: Settings, clock: Any) -> None:
    """Make the accounts of CAST."""
    with writing(engine, clock) as write:
        for who, (role, options) in CAST.items():
            add_user(
                write.session, issuer=settings.oidc_issuer, subject=f"cast:{who}", name=options.get("name", who),
                roles={role}, scopes={(DEFAULT_SCOPE[role], options.get("code", ""))},
                worker_ref=options.get("worker_ref"), at=write.now,
            )  # fmt: skip


def populate(client: httpx.Client, engine: Engine, settings: Settings, clock: Any) -> None:
    """Fill an empty database: the accounts of CAST and the village's night."""
    enrol(engine, settings, clock)
    populate_only(Village(client, engine, settings, clock, lambda *_: ""))


def populate_only(village: Village) -> None:
    """Push the night as CAST's robot, and restrict EX5."""
    village.enrolled = True
    village.push("ssd", ssd_files(), run_id="ssd-1")
    village.push("cohorts", cohorts_files(), run_id="cohorts-1")
    village.ids = ids_of(village.engine)
    village.restrict("EX5")


def at(text: str) -> datetime:
    """A moment out of its ISO form."""
    return datetime.fromisoformat(text)


def codes(answer: httpx.Response) -> list[tuple[str, str]]:
    """(path, code) of the fields of a problem."""
    return [(each["path"], each["code"]) for each in answer.json().get("fields", [])]


def identities(body: bytes | str) -> Iterable[str]:
    """Which of the village's names stand in an answer."""
    text = body.decode() if isinstance(body, bytes) else body
    return [name for name in NAMES if name in text]
