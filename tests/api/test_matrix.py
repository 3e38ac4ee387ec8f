"""Every role at every operation, about somebody in scope, out of scope, restricted and unknown: one table, all of it.

On SQLite every role; on PostgreSQL three. LOS_TEST_LONG=1: each role at the operations of every kind of fact.
"""

import io
import os
import shutil
import sqlite3
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, event, select, update
from starlette.testclient import TestClient

from service.api import development_keys, identity
from service.api.facts import PATHS
from service.app import create_app
from service.domain.access import DEFAULT_SCOPE, GRANTS, OWNS, Permission, Role
from service.settings import Settings
from service.store.engine import make_engine, reading, writing
from service.store.schema import audit_entry, person
from service.store.users import add_user, find_user_by_name, move_access_version
from tests.conftest import EMPTY, FRIDAY_MORNING, SetClock, TokenFor, on_postgres
from tests.matrix import (
    NOBODY,
    OF_NOBODY,
    READER,
    UNKNOWN,
    WHY,
    Asked,
    Key,
    Laid,
    Line,
    Record,
    asked,
    first_fact,
    lines,
    lists,
    signed_in_as,
)
from tests.village import HIDDEN, Village, cohorts_files, ids_of, manifest, sheet

QA = str(Role.SENIOR_MANAGER_SAFEGUARDING_QA)
COLLEAGUE = "Colleague"
BY_POST = frozenset({Role.HEAD_OF_SERVICE, Role.CHIEF_OFFICER})
VARIES = frozenset({"x-request-id", "date"})
NOTED = frozenset({200, 201, 304, 403, 404, 429})
ON_POSTGRESQL = (Role.PERSONAL_ADVISER, Role.SENIOR_MANAGER_SAFEGUARDING_QA, Role.HEAD_OF_SERVICE)
OF_KIND = {f"/v1/{path}/{{fact_id}}": kind for kind, path in PATHS.items()}


# --- what it stands on -------------------------------------------------------------------------


def ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code in (200, 201), (str(answer.request.url), answer.text)
    return dict(answer.json())


def laid_out(village: Village) -> Laid:
    """Facts of every kind, a merge and a referral for each of three records; a campaign; a push that waits."""
    with writing(village.engine, village.clock) as write:  # until the head of service has written in it
        write.session.execute(update(person).values(restricted=False))
        move_access_version(write.session)
    sibling(village)
    begun = ok(village.post("head", "/v1/campaigns", {"topic": "accommodation", "reason": WHY}))
    to = colleague(village)
    pairs = (("EX1", "EX2", "EX3"), ("CH1", "CH2", "CH3"), ("EX5", "EX4", "NO1"))
    near, outside, other = (about(village, *each, to) for each in pairs)
    hidden = replace(other, restriction_id=restricted(village, "EX5"))
    restricted(village, "EX4")
    empty = cohorts_files()["accommodation"].splitlines(keepends=True)[0]
    report = village.push("cohorts", {"accommodation": empty}, run_id="empty", hours_ago=3)
    assert report["held"]
    return Laid(
        near, outside, hidden, begun["campaign_id"], report["batch_id"], to, first_fact(village, "accommodation", "EX1")
    )


def signs_in(engine: Engine, settings: Settings, clock: SetClock) -> TokenFor:
    """As the fixture `token_for`, for longer than one test."""

    def sign_in(role: Role, *, name: str = "") -> str:
        subject = uuid.uuid4().hex
        with writing(engine, clock) as write:
            add_user(
                write.session, issuer=settings.oidc_issuer, subject=subject, name=name or f"Demo {role}", roles={role},
                scopes={(DEFAULT_SCOPE[role], "")}, worker_ref=None, at=write.now,
            )  # fmt: skip
        return identity.mint(settings, subject, at=clock(), lifetime=timedelta(hours=1))

    return sign_in


def sibling(village: Village) -> None:
    """CH2, twice: no team answers for either."""
    twice = ({"pers_person_id": e, "pers_forename": "Sibling", "pers_surname": "Demo-Lyme"} for e in ("CH2", "CH3"))
    row = sheet(*twice)
    said = manifest("ssd", "ssd-2", "2020-07-31T04:00:00Z", {"ssd_person": row})
    said["datasets"][0]["mode"] = "delta"
    headers = village.headers("robot")
    here = f"/v1/ingest/batches/{ok(village.client.post('/v1/ingest/batches', json=said, headers=headers))['batch_id']}"
    ok(village.client.put(f"{here}/datasets/ssd_person", content=row, headers=headers | {"Content-Type": "text/csv"}))
    ok(village.client.post(f"{here}/apply", headers=headers))
    village.ids = ids_of(village.engine)


def colleague(village: Village) -> str:
    village.sign_in(Role.IRO, name=COLLEAGUE)
    with reading(village.engine) as session:
        found = find_user_by_name(session, COLLEAGUE)
    assert found is not None
    return found.user_id


def about(village: Village, eclipse_id: str, kept: str, other: str, to: str) -> Record:
    facts, table = {}, lines(Laid(UNKNOWN, UNKNOWN, UNKNOWN, NOBODY, NOBODY, NOBODY, NOBODY))
    whom = Record(eclipse_id=eclipse_id)
    for kind, path in PATHS.items():
        told = ok(village.post("head", f"/v1/{path}", table["POST", f"/v1/{path}"].ask(whom).body))
        facts[kind] = str(told.get("contact", told)["fact_id"])
    named = {"keep": {"eclipse_id": kept}, "merge": {"eclipse_id": other}, "reason": WHY}
    merge = ok(village.post("head", "/v1/people/merge", named | {"although_births_differ": True}))
    shown = {"eclipse_id": eclipse_id, "user_id": to, "ends_on": "2020-08-31", "reason": WHY}
    referral = ok(village.post("head", "/v1/referrals", shown))
    return Record(
        village.ids[eclipse_id], eclipse_id, facts, merge["merge_id"], referral["referral_id"]
    )  # fmt: skip


def restricted(village: Village, eclipse_id: str) -> str:
    return str(ok(village.post(QA, "/v1/restrictions", {"eclipse_id": eclipse_id, "reason": WHY}))["restriction_id"])


@pytest.fixture(scope="module")
def sqlite_laid(
    tmp_path_factory: pytest.TempPathFactory, sqlite_village: Path, development_key: Path
) -> tuple[Path, Laid]:
    """The village with all that, once, to be copied."""
    folder = tmp_path_factory.mktemp("matrix")
    shutil.copy(sqlite_village, folder / "laid.db")
    shutil.copy(development_key, folder / development_keys.FILE_NAME)
    settings = Settings(data_dir=folder, database_url=f"sqlite:///{folder / 'laid.db'}")
    clock, engine = SetClock(FRIDAY_MORNING), make_engine(settings.database_url)
    with TestClient(create_app(settings, clock), base_url="http://127.0.0.1") as client:
        laid = laid_out(Village.of(client, engine, settings, clock, signs_in(engine, settings, clock)))
    engine.dispose()
    made = sqlite3.connect(folder / "laid.db")
    made.execute("VACUUM INTO ?", (str(folder / "template.db"),))
    made.close()
    return folder / "template.db", laid


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """On SQLite a copy of what is laid out; on PostgreSQL the village, and the test lays it out."""
    if database == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_laid")[0], tmp_path / "line-of-sight.db")
        return f"sqlite:///{tmp_path / 'line-of-sight.db'}"
    url = str(request.getfixturevalue("postgres_village"))
    on_postgres(url, EMPTY)
    return url


@pytest.fixture
def matrix(database: str, request: pytest.FixtureRequest, village: Village) -> "Matrix":
    """The village laid out, whichever database it is on."""
    laid = request.getfixturevalue("sqlite_laid")[1] if database == "sqlite" else laid_out(village)
    if database == "sqlite":  # nothing here tells of a power cut, and the disk is most of the time
        event.listen(
            village.client.app.state.door.engine, "connect",
            lambda raw, _: raw.execute("PRAGMA synchronous=OFF"),
        )  # fmt: skip
    return Matrix(village, laid)


# --- how it is walked --------------------------------------------------------------------------

Told = tuple[int, dict[str, str], bytes]


class Matrix:
    """One walk: the records, whoever asks about them, and everything found that is not as it should be."""

    def __init__(self, village: Village, laid: Laid) -> None:
        self.village, self.laid = village, laid
        self.lines, self.faults, self.asked = lines(laid), list[str](), dict[str, str]()
        paths = village.client.app.openapi()["paths"]  # type: ignore[attr-defined]
        self.permissions = {
            (verb.upper(), path): Permission(operation["x-permission"])
            for path, verbs in paths.items()
            for verb, operation in verbs.items()
            if "x-permission" in operation
        }

    def ask(self, role: Role, key: Key, whom: Record, *, line: Line | None = None) -> tuple[Told, list[str]]:
        """What a role is told of one record, and by which statements."""
        sent = (line or self.lines[key]).ask(whom)
        with statements(self.village) as run:
            answer = asked(self.village, f"{READER} {role}", key[0], sent, f"{role} {key} {whom.eclipse_id}")
        self.expect(answer.status_code < 500, role, key, answer.text)
        if answer.status_code in NOTED:
            self.asked[answer.headers["x-request-id"]] = f"{role} {key}"
        headers = {name: value for name, value in answer.headers.items() if name not in VARIES}
        return (answer.status_code, headers, answer.content), run

    def expect(self, holds: bool, role: Role, key: Key, what: object) -> None:
        """Note what does not hold, and go on."""
        if not holds:
            self.faults.append(f"{role} {' '.join(key)}: {what}")

    def granted(self, role: Role, key: Key) -> bool:
        """Whether a role may do it at all: what one corrects or takes back is of a kind that one keeps."""
        kind = next((kind for path, kind in OF_KIND.items() if key[1].startswith(path)), None)
        permission = self.permissions[key]
        keeps = kind in OWNS[role] or permission not in (Permission.CORRECT_FACT, Permission.WITHDRAW_FACT)
        return permission in GRANTS[role] and keeps

    def same(self, role: Role, key: Key, whom: Record, unknown: tuple[Told, list[str]]) -> None:
        """Somebody hidden is told of as somebody unknown is: status, headers, bytes and statements."""
        told, run = self.ask(role, key, whom)
        self.expect(told == unknown[0], role, key, f"{whom.eclipse_id}: {told} is not {unknown[0]}")
        more = f"{len(run)} statements, {len(unknown[1])} for nobody"
        self.expect(run == unknown[1], role, key, f"{whom.eclipse_id}: {more}")

    def hidden(self, role: Role, key: Key) -> None:
        """Out of scope, and restricted where the role does not open it: like nobody."""
        line = self.lines[key]
        unknown = self.ask(role, key, UNKNOWN)
        if not self.granted(role, key):
            self.expect(forbidden(unknown[0]), role, key, f"not refused: {unknown[0]}")
        elif not line.whole and not line.opens_all:
            self.expect(unknown[0][0] in line.nobody, role, key, f"nobody: {unknown[0]}")
        if line.opens_all and self.granted(role, key):
            return
        if not (line.opens_outside and self.granted(role, key)):
            self.same(role, key, self.laid.outside, unknown)
        if role not in BY_POST:
            self.same(role, key, self.laid.restricted, unknown)

    def by_post(self, role: Role, key: Key) -> None:
        """Head of service and Chief Officer say why they open a restricted record, and are told to."""
        told, _ = self.ask(role, key, self.laid.restricted)
        if not self.granted(role, key):
            self.expect(forbidden(told), role, key, f"not refused: {told}")
        else:
            self.expect(told[0] != 404 or self.lines[key].hides_from_posts, role, key, f"restricted: {told}")

    def in_scope(self, role: Role, key: Key, whom: Record) -> None:
        """Whoever may is not refused; whoever may not is, and about everybody alike."""
        told, _ = self.ask(role, key, whom)
        if not self.granted(role, key):
            self.expect(forbidden(told), role, key, f"not refused: {told}")
            return
        refused = told[0] in (401, 403, 404) and code_of(told) not in self.lines[key].refuses
        self.expect(not refused, role, key, f"refused in scope: {told}")

    def audited(self) -> None:
        """Whatever was shown, done or refused is in the audit under its request's id."""
        with reading(self.village.engine) as session:
            noted = set(session.scalars(select(audit_entry.c.request_id)))
        self.faults += [f"{what}: not in the audit" for request, what in self.asked.items() if request not in noted]


@contextmanager
def statements(village: Village) -> Iterator[list[str]]:
    """The SELECTs that the service runs meanwhile."""
    engine, run = village.client.app.state.door.engine, list[str]()  # type: ignore[attr-defined]

    def note(_: object, __: object, statement: str, *___: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            run.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        event.remove(engine, "before_cursor_execute", note)


def code_of(told: Told) -> str:
    return str(httpx.Response(told[0], content=told[2]).json().get("code", "")) if told[0] >= 400 else ""


def forbidden(told: Told) -> bool:
    return (told[0], code_of(told)) == (403, "not_permitted")


def walks(role: Role, key: Key) -> bool:
    """In a small dose each role walks the operations of two kinds of fact out of nine, which are made alike; in turn,
    so that those of each kind are walked by several roles. All the others are walked by all."""
    kind = next((kind for kind, path in PATHS.items() if f"{key[1]}/".startswith(f"/v1/{path}/")), None)
    kinds, turn = [each for each in PATHS if each != "contact"], list(Role).index(role)
    mine = {kinds[(turn + step) % len(kinds)] for step in (0, 4)}
    return kind is None or kind in mine | {"contact"} or "batch" in key[1] or bool(os.environ.get("LOS_TEST_LONG"))


def walked(matrix: Matrix, role: Role) -> list[str]:
    """Every line for one role; what spoils a record comes after what only reads it."""
    signed_in_as(matrix.village, role)
    table = sorted(matrix.lines.items(), key=lambda each: each[1].spoils)
    table = [(key, line) for key, line in table if walks(role, key)]
    matrix.ask(role, ("GET", "/v1/people/{person_id}"), UNKNOWN)  # signs in
    people = [key for key, line in table if not line.restricted_only]
    for key in people:
        matrix.hidden(role, key)
    if role in BY_POST:
        for key in people:
            matrix.by_post(role, key)
    for key in people:
        matrix.in_scope(role, key, matrix.laid.near)
    restrictions(matrix, role, [key for key, line in table if line.restricted_only])
    matrix.audited()
    return matrix.faults


def restrictions(matrix: Matrix, role: Role, keys: list[Key]) -> None:
    """Restrictions by their ids: that of somebody out of scope is like none."""
    elsewhere = replace(matrix.laid.outside, restriction_id=restricted(matrix.village, "CH1"))
    for key in keys:
        unknown = matrix.ask(role, key, UNKNOWN)
        matrix.same(role, key, elsewhere, matrix.ask(role, key, UNKNOWN))
        matrix.expect(unknown[0][0] == (404 if matrix.granted(role, key) else 403), role, key, unknown[0])
    for key in keys:
        matrix.in_scope(role, key, matrix.laid.restricted)


# --- what must hold ----------------------------------------------------------------------------


def test_every_operation_has_a_line(matrix: Matrix) -> None:
    """A new operation is about a person, a list, or nobody; whoever adds one says which."""
    tables = (set(matrix.lines), set(lists(matrix.laid)), set(OF_NOBODY))
    assert set.union(*tables) == set(matrix.permissions)
    assert tables[0] & tables[1] <= {("GET", "/v1/conflicts")}
    assert not (tables[0] | tables[1]) & tables[2]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", Role)
def test_who_may_do_what_about_whom(matrix: Matrix, role: Role) -> None:
    faults = walked(matrix, role)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("role", ON_POSTGRESQL)
def test_who_may_do_what_about_whom_on_postgresql(matrix: Matrix, role: Role) -> None:
    faults = walked(matrix, role)
    assert not faults, "\n".join(faults)


def unpacked(answer: httpx.Response) -> str:
    """The text of an answer; of a workbook, that of all its parts."""
    if not answer.content.startswith(b"PK"):
        return answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        return "".join(book.read(name).decode("utf-8", "replace") for name in book.namelist())


def traces(record: Record, *names: str) -> tuple[str, ...]:
    """What tells of a record."""
    ids = (record.person_id, record.eclipse_id, record.merge_id, record.referral_id, *record.facts.values())
    return (*ids, *names)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", Role)
def test_no_list_tells_of_anybody_hidden(matrix: Matrix, role: Role) -> None:
    who = signed_in_as(matrix.village, role)
    hidden = traces(matrix.laid.outside, "Demo-Lyme", "CH2", "CH3")
    hidden += traces(
        matrix.laid.restricted, HIDDEN, "Demo-Hidden", "EX4", "Demo-Script", "alert(1)", "NO1", "Demo-Torridge"
    )
    for key, addresses in lists(matrix.laid).items():
        for address in addresses:
            answer = asked(matrix.village, who, key[0], Asked(address), f"{role} {address}", why="")
            if not matrix.granted(role, key):
                assert answer.status_code == 403, (address, answer.text)
                continue
            assert answer.status_code == 200, (address, answer.text)
            told = unpacked(answer)
            assert not [trace for trace in hidden if trace in told], address


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_restricted_record_is_one_blank_row_in_a_list(matrix: Matrix) -> None:
    """EX1, EX2 with EX3, EX4 with NO1, and EX5: four people in scope, the last two without a word."""
    who = signed_in_as(matrix.village, Role.HEAD_OF_SERVICE)
    rows = ok(matrix.village.get(who, "/v1/people"))["people"]
    assert [row["restricted"] for row in rows] == [False, False, True, True]
    assert {name for name, value in rows[-1].items() if value not in (None, [], {})} == {"restricted"}
