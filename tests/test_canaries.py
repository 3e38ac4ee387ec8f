"""Words planted wherever a request can carry one are in no log, problem, header, metric, file name or command's words.

Through the real server, on SQLite, with every kind of answer provoked. An answer to whoever may read a record repeats
what is in the record, and nothing else does.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from service import cli
from service.api.facts import PATHS
from service.app import log_as_json
from service.domain.access import DEFAULT_SCOPE, GRANTS, Permission, Role
from service.operations import looks, people
from service.settings import Settings
from service.store.engine import writing
from service.store.users import add_user
from tests.api.test_dependencies import OPERATIONS, document
from tests.conftest import SetClock, TokenFor
from tests.live import Service, peopled
from tests.village import CODES, manifest, push, sheet

WORD = "Kanarie"
FORGED = f'{WORD}\r\n{{"event": "forged", "level": "critical"}}\n\x1b[31m{WORD}\x07'
PLAIN = f"{WORD} is on leave this week"
ALSO = {"User-Agent": WORD, "Referer": f"https://{WORD}.invalid/?name={WORD}", "Cookie": f"name={WORD}",
        "X-Forwarded-For": WORD, "X-Request-ID": WORD, "Content-Disposition": f'attachment; filename="{WORD}.csv"',
        "Accept-Language": WORD, "Origin": f"https://{WORD}.invalid"}  # fmt: skip
sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Logging as the service does it, on captured standard output."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers
    log_as_json()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(), cache_logger_on_first_use=False)
    yield capsys
    structlog.configure(**before)
    logging.getLogger().handlers = handlers


@pytest.fixture
def live(app: FastAPI, engine: Engine, settings: Settings, clock: SetClock) -> Iterator[Service]:
    """The village behind a real server."""
    with peopled(app, engine, settings, clock) as service:
        yield service


class Sent:
    """Requests, and everything answered that is not for whoever may read a record."""

    def __init__(self, service: Service, client: httpx.Client, token_for: TokenFor) -> None:
        self.service, self.client, self.token_for = service, client, token_for
        self.told: list[str] = []
        self.statuses: set[int] = set()
        self.tokens: dict[str, str] = {}
        self.count = 0

    def token(self, who: str) -> str:
        """A token of the CAST, or of a role by its name."""
        if who not in self.tokens:
            in_cast = who in ("head", "adviser", "manager", "robot", "chief")
            self.tokens[who] = self.service.token(who) if in_cast else self._signed_in(Role(who))
        return self.tokens[who]

    def _signed_in(self, role: Role) -> str:
        return self.token_for(role, **{"name": f"{WORD} {role}"} | CODES.get(role, {}))

    def __call__(self, who: str, method: str, path: str, *, key: str = "", **more: Any) -> httpx.Response:
        """One request, with a word in every header that may have one."""
        self.count += 1
        own = {"Authorization": f"Bearer {self.token(who)}", "Idempotency-Key": key or f"{WORD}-{self.count}"}
        headers = ALSO | own | more.pop("headers", {})
        answer = self.client.request(method, path, headers=headers, **more)
        self.statuses.add(answer.status_code)
        self.told += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", (path, answer.text)
            self.told.append(answer.text)
        return answer


@pytest.fixture
def sent(live: Service, token_for: TokenFor, lines: pytest.CaptureFixture[str]) -> Iterator[Sent]:
    """Requests to it, once the log is listened to."""
    with live.client() as client:
        client.timeout = 60  # one machine for all tests
        yield Sent(live, client, token_for)


def quiet(sent: Sent, lines: pytest.CaptureFixture[str], *folders: Path) -> None:
    """No word in what was told, logged, counted, or named; and each line of the log one JSON object."""
    seen = lines.readouterr()
    logged = [json.loads(line) for line in seen.out.splitlines()]
    assert len(logged) >= sent.count
    assert all(isinstance(line, dict) and line["event"] != "forged" for line in logged)
    assert not seen.err
    metrics = sent.client.get("/metrics").text
    names = [str(path) for folder in folders for path in folder.rglob("*")]
    assert "los_requests_total" in metrics
    for where in (*sent.told, seen.out, metrics, *names):
        assert WORD.lower() not in where.lower(), where


def test_what_a_library_says_is_one_line_of_the_log_without_what_it_was_filled_with(
    lines: pytest.CaptureFixture[str],
) -> None:
    """As uvicorn does of a request that is none, and of an application that failed."""
    log_as_json()  # on the output that is captured now
    said = logging.getLogger("uvicorn.error")
    said.warning("Invalid HTTP request received.")
    try:
        raise ValueError(WORD)
    except ValueError:
        said.exception('Failed on %s\n{"event": "forged"}', WORD)
    seen = lines.readouterr()
    plain, failed = (json.loads(line) for line in seen.out.splitlines())
    assert (plain["event"], plain["level"], plain["logger"]) == (
        "Invalid HTTP request received.", "warning", "uvicorn.error",
    )  # fmt: skip
    assert (failed["event"], failed["kind"]) == ("Failed on %s", "ValueError")
    assert WORD not in seen.out + seen.err


# --- what is planted ---------------------------------------------------------------------------


def leaves(value: Any, put: Callable[[Any], Any]) -> Iterator[Any]:
    """The body once for each text in it, with a word in its place."""
    if isinstance(value, str):
        yield put(PLAIN)
        yield put(FORGED)
    elif isinstance(value, dict):
        yield put(value | {WORD: WORD})
        for name, inner in value.items():
            yield from leaves(inner, lambda new, name=name: put(value | {name: new}))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, lambda new, place=place: put([*value[:place], new, *value[place + 1 :]]))


def parameters(method: str, path: str) -> Iterator[tuple[str, str]]:
    """(where, name) of what an operation takes beside its body."""
    for each in document()["paths"][path][method.lower()].get("parameters", []):
        yield each["in"], each["name"]


def address(path: str) -> str:
    """The address with a word for each id in it."""
    return "/".join(f"{WORD}%0d%0a%1b[31m" if step.startswith("{") else step for step in path.split("/"))


def planted_in(who: Role) -> list[tuple[str, str, Permission, Any]]:
    """The operations of a role that the one before it had not; of the kinds of fact made alike, one in a small dose."""
    others = tuple(f"/v1/{path}/" for kind, path in PATHS.items() if kind not in ("contact", "accommodation"))
    whole = bool(os.environ.get("LOS_TEST_LONG"))
    before = {each for role in WHO[: WHO.index(who)] for each in GRANTS[role]}
    return [
        each for each in OPERATIONS
        if each[2] in GRANTS[who] - before and (whole or not f"{each[1]}/".startswith(others))
    ]  # fmt: skip


WHO = [Role.HEAD_OF_SERVICE, Role.ADMINISTRATOR, Role.SENIOR_MANAGER_SAFEGUARDING_QA, Role.INTEGRATION,
       Role.INFORMATION_GOVERNANCE, Role.DUTY_WORKER]  # fmt: skip


def test_words_are_planted_in_every_operation() -> None:
    assert {each[2] for who in WHO for each in planted_in(who)} >= set(Permission) - {
        Permission(f"record_{kind}") for kind in ("care_leaver_status", "missing", "child_protection", "court",
                                                  "permanence", "care_review")
    }  # fmt: skip


@sqlite
def test_a_word_in_any_field_query_header_or_path_is_repeated_nowhere(
    sent: Sent, lines: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for who in WHO:
        for method, path, _, body in planted_in(who):
            here = address(path)
            for planted in leaves(body, lambda new: new) if body else [None]:
                sent(who, method, here, json=planted, headers={"If-Match": WORD})
            for where, name in parameters(method, path):
                if where == "query":
                    sent(who, method, here, params={name: PLAIN}, json=body)
                if where == "header":
                    sent(who, method, here, headers={name: PLAIN}, json=body)
            sent(who, method, here, headers={"Authorization": f"Bearer {WORD}.{WORD}.{WORD}"}, json=body)
    assert {401, 404, 422} <= sent.statuses
    quiet(sent, lines, tmp_path)


# --- what is stored and read again -------------------------------------------------------------


def stored(sent: Sent) -> None:
    """Names, notes, reasons, titles, references and run ids with words in them, all taken."""
    robot = {"Authorization": f"Bearer {sent.token('robot')}"}
    row = sheet({"pers_person_id": f"{WORD}9", "pers_forename": WORD, "pers_surname": WORD})
    said = manifest("ssd", f"{WORD}-run", "2020-07-31T04:00:00Z", {"ssd_person": row})
    said["datasets"][0]["mode"] = "delta"
    here = f"/v1/ingest/batches/{sent('robot', 'POST', '/v1/ingest/batches', json=said).json()['batch_id']}"
    sent("robot", "PUT", f"{here}/datasets/ssd_person", content=row, headers={"Content-Type": "text/csv"})
    assert sent("robot", "POST", f"{here}/apply").status_code == 200
    files = {
        "teams": sheet({"team_id": WORD, "title": WORD, "area_code": WORD, "locality_code": WORD,
                        "locality_title": WORD, "service_code": "care_leavers", "service_title": WORD}),
        "contacts": sheet({"record_id": WORD, "eclipse_id": "EX1", "occurred_at": WORD, "contact_kind": WORD,
                           "outcome": WORD, "worker_id": WORD}),
    }  # fmt: skip
    push(sent.client, robot, "cohorts", files, run_id=f"{WORD}-2", extracted_at="2020-07-31T05:00:00Z")
    call = {"eclipse_id": "EX1", "occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}
    for field in ("note", "notes", "summary", "voice", "their_words", "views", "said"):
        sent("adviser", "POST", "/v1/contacts", json=call | {field: PLAIN})
    made = sent("adviser", "POST", "/v1/contacts", json=call, headers={"Access-Reason": PLAIN}).json()["contact"]
    read = {"If-Match": made["etag"]}
    sent("head", "POST", f"/v1/contacts/{made['fact_id']}/withdraw", json={"reason": PLAIN}, headers=read)
    account = {"subject": WORD, "name": f"{WORD} account", "roles": ["lead_member"], "scopes": [{"kind": "county"}]}
    sent("administrator", "POST", "/v1/users", json=account)
    sent("head", "POST", "/v1/campaigns", json={"topic": "accommodation", "reason": PLAIN})
    sheet_in = sheet({"eclipse_id": "EX2", "code": WORD, "judged_why": PLAIN, "suitable": "yes"})
    sent("manager", "POST", "/v1/uploads/accommodation", content=sheet_in, headers={"Content-Type": "text/csv"})
    sent("manager", "POST", f"/v1/uploads/accommodation?sheet={WORD}", content=sheet_in,
         headers={"Content-Type": "text/csv"})  # fmt: skip


def refused(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of refusal and failure, each with a word in what was asked."""
    ask = {"eclipse_id": "EX1", "occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}
    sent("head", "GET", "/v1/people", headers={"Authorization": f"Bearer {WORD}"})
    sent("lead_member", "POST", "/v1/contacts", json=ask | {"eclipse_id": WORD})
    sent("head", "POST", "/v1/people/lookup", json={"eclipse_id": WORD})
    sent("head", "DELETE", f"/v1/people/{WORD}")
    sent("head", "POST", "/v1/campaigns", json={"topic": "accommodation", "reason": PLAIN})
    place = {"eclipse_id": "EX2", "code": "U", "suitable": True, "judged_on": "2020-07-30"}
    fact = sent("adviser", "POST", "/v1/accommodation", json=place).json()["fact_id"]
    better = {**place, "reason": PLAIN}
    del better["eclipse_id"]
    sent("adviser", "PUT", f"/v1/accommodation/{fact}", json=better, headers={"If-Match": WORD})
    sent("adviser", "PUT", f"/v1/accommodation/{fact}", json=better)
    sent("head", "POST", "/v1/contacts", content=WORD.encode() * 400_000, headers={"Content-Type": "application/json"})
    sent("head", "GET", "/v1/people", params={"cursor": WORD * 3000})
    row = sheet({"team_id": WORD})
    open_ = sent("robot", "POST", "/v1/ingest/batches",
                 json=manifest("cohorts", f"{WORD}-3", "2020-07-31T06:00:00Z", {"teams": row}))  # fmt: skip
    sent("robot", "PUT", f"/v1/ingest/batches/{open_.json()['batch_id']}/datasets/teams", content=row,
         headers={"Content-Type": "text/csv", "Content-Encoding": WORD})  # fmt: skip
    for error in (ValueError(WORD), OperationalError(f"SELECT '{WORD}'", {"name": WORD}, OSError(28, WORD))):
        monkeypatch.setattr(people, "page", failing(error))
        sent("chief", "GET", "/v1/people")
    monkeypatch.undo()


def failing(error: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@sqlite
def test_words_that_are_stored_are_told_to_those_who_may_read_them_only(
    sent: Sent, lines: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(sent)
    refused(sent, monkeypatch)
    assert WORD in sent("head", "POST", "/v1/people/lookup", json={"eclipse_id": f"{WORD}9"}).text
    assert WORD in sent("administrator", "GET", "/v1/users").text
    for path in ("/v1/tracker", "/v1/tracker?format=csv", "/v1/tracker?format=html", "/v1/people"):
        assert sent("head", "GET", path).status_code == 200
    assert {200, 201, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 431, 500, 503} <= sent.statuses
    quiet(sent, lines, tmp_path)


@sqlite
def test_reading_in_bulk_is_refused_without_a_word(
    sent: Sent, lines: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "OPENED_MOST", 1)
    for eclipse_id in ("EX1", "EX2"):
        sent("head", "POST", "/v1/people/lookup", json={"eclipse_id": eclipse_id}, headers={"Access-Reason": PLAIN})
    assert sent.statuses == {200, 429}
    quiet(sent, lines, tmp_path)


@sqlite
def test_no_command_says_a_word(
    sent: Sent, lines: pytest.CaptureFixture[str], tmp_path: Path, database_url: str, clock: SetClock
) -> None:
    stored(sent)
    name = f"{WORD} Officer"
    with writing(sent.service.engine, clock) as write:
        add_user(write.session, issuer="local", subject=WORD, name=name, roles={Role.INFORMATION_GOVERNANCE},
                 scopes={(DEFAULT_SCOPE[Role.INFORMATION_GOVERNANCE], "")}, worker_ref=None, at=write.now)  # fmt: skip
    place = {name: "" for name in os.environ if name.startswith("LOS_") and not name.startswith("LOS_TEST_")}
    place |= {"LOS_DATA_DIR": str(tmp_path), "LOS_DATABASE_URL": database_url}
    asked = ("--by", name, "--reason", PLAIN)
    for command in (
        ("subject-access", "--eclipse-id", f"{WORD}9", *asked), ("retention", "report"), ("audit", "seal"),
        ("audit", "verify"), ("backup", str(tmp_path / "night.backup"), "--unencrypted"),
        ("verify-backup", str(tmp_path / "night.backup"), "--unencrypted"),
    ):  # fmt: skip
        done = CliRunner().invoke(cli.app, list(command), env=place)
        assert done.exit_code == 0, (command, done.output)
        assert WORD.lower() not in done.output.lower(), command
    quiet(sent, lines, tmp_path)
