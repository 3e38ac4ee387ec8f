"""Pushing a night: from a folder and from the SSD tables, again and again, and what each exit code means."""

import csv
import importlib
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import func, select

from service.domain.facts import KINDS
from service.domain.holding import RULES
from service.domain.intake import UNUSABLE
from service.readers.profiles import DATASETS
from service.store.engine import reading
from service.store.schema import FACTS, watermark
from tests import postgres
from tests.conftest import ROOT
from tests.live import Service, run
from tests.village import sheet

COLUMNS = ROOT / "tests" / "data" / "ssd_eclipse_columns.csv"
on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def held(service: Service) -> dict[str, int]:
    with reading(service.engine) as session:
        return {kind: session.scalar(select(func.count()).select_from(FACTS[kind])) or 0 for kind in KINDS}


def marks(service: Service) -> int:
    with reading(service.engine) as session:
        return session.scalar(select(func.count()).select_from(watermark)) or 0


def small(folder: Path, *people: str, extracted_at: str = "2020-07-31T01:00:00Z") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "ssd_person.csv").write_bytes(sheet(*[{"pers_person_id": each} for each in people]))
    (folder / "manifest.json").write_text(f'{{"extracted_at": "{extracted_at}"}}', encoding="utf-8")
    return folder


@on_sqlite
def test_the_first_night_from_a_folder_twice(service: Service, nights: list[Path]) -> None:
    first = service.run("eclipse_push", nights[0])
    assert first.returncode == 0, first.stdout + first.stderr
    assert "ssd: applied" in first.stdout
    assert "cohorts: applied" in first.stdout
    before, read = held(service), marks(service)
    assert before["person"] > 1000
    assert before["care_leaver_status"] > 400
    again = service.run("eclipse_push", nights[0])
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("is applied already") == 2
    assert (held(service), marks(service)) == (before, read)
    later = service.run("eclipse_push", nights[0], "--extracted-at", "2020-07-04T02:00:00+01:00")
    assert later.returncode == 0, later.stderr
    assert later.stdout.count("only the watermark moved") == 2
    assert held(service) == before
    assert marks(service) == 2 * read


@pytest.fixture
def warehouse(postgres_server: str, nights: list[Path]) -> Iterator[str]:
    """A PostgreSQL with the SSD tables as their scripts deploy them over Eclipse, filled with the first night."""
    with postgres.database_on(postgres_server, f"los_warehouse_{uuid.uuid4().hex[:8]}") as url:
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain) as connection:
            for table, columns in _tables().items():
                typed = [sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns]
                connection.execute(
                    sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(table), sql.SQL(", ").join(typed))
                )
            for file in sorted((nights[0] / "ssd").iterdir()):
                _load(connection, file)
        yield plain


def _tables() -> dict[str, list[tuple[str, str]]]:
    tables: dict[str, list[tuple[str, str]]] = {}
    with COLUMNS.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            tables.setdefault(row["table"], []).append((row["column"], row["type"]))
    return tables


def _load(connection: psycopg.Connection, file: Path) -> None:
    header, _, rest = file.read_bytes().partition(b"\n")
    columns = sql.SQL(", ").join(map(sql.Identifier, header.decode().split(",")))
    query = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT csv)").format(sql.Identifier(file.stem), columns)
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.write(rest)


@on_postgresql
def test_the_ssd_tables_of_a_postgresql_twice_and_then_the_same_night_as_files(
    service: Service, warehouse: str, nights: list[Path], tmp_path: Path
) -> None:
    first = service.run("eclipse_push", "--from-database", warehouse, "--extracted-at", "2020-07-03T02:00:00+01:00")
    assert first.returncode == 0, first.stdout + first.stderr
    before, read = held(service), marks(service)
    assert before["person"] > 1000
    assert before["child_protection_plan"] > 400
    again = service.run("eclipse_push", "--from-database", warehouse, "--extracted-at", "2020-07-04T02:00:00+01:00")
    assert again.returncode == 0, again.stderr
    assert "only the watermark moved" in again.stdout
    assert held(service) == before
    assert marks(service) == 2 * read > 0
    shutil.copytree(nights[0] / "ssd", tmp_path / "n" / "ssd")
    files = service.run("eclipse_push", tmp_path / "n", "--extracted-at", "2020-07-05T02:00:00+01:00")
    assert files.returncode == 0, files.stderr
    assert "only the watermark moved" in files.stdout
    assert held(service) == before


@on_sqlite
def test_a_dry_run_changes_nothing(service: Service, tmp_path: Path) -> None:
    done = service.run("eclipse_push", small(tmp_path / "n", "EX1", "EX2"), "--dry-run")
    assert (done.returncode, held(service)["person"]) == (0, 0)
    assert "ssd: planned" in done.stdout


@on_sqlite
def test_a_dry_run_uses_up_no_run_id(service: Service, tmp_path: Path) -> None:
    """Look, mend, look, push: nothing of it is other content of a run that was named before."""
    night = small(tmp_path / "n", "EX1", "EX2")
    first = service.run("eclipse_push", night, "--dry-run")
    assert (first.returncode, service.run("eclipse_push", night, "--dry-run").stdout) == (0, first.stdout)
    small(night, "EX1", "EX2", "EX3")
    assert service.run("eclipse_push", night, "--dry-run").returncode == 0
    assert service.run("eclipse_push", night).returncode == 0
    assert held(service)["person"] == 3
    after = service.run("eclipse_push", night, "--dry-run")
    assert (after.returncode, "only the watermark moved" in after.stdout) == (0, True)
    again = service.run("eclipse_push", night)
    assert "Run ssd-2020-07-31T01:00:00.000Z is applied already" in again.stderr


@on_sqlite
def test_a_dry_run_on_an_empty_service_says_that_the_ssd_part_is_not_in_it(service: Service, tmp_path: Path) -> None:
    night = small(tmp_path / "n", "EX1")
    (night / "accommodation.csv").write_bytes(
        sheet({"spell_id": "A1", "eclipse_id": "EX1", "code": "U", "started_on": "2020-07-01"})
    )
    planned = service.run("eclipse_push", night, "--dry-run")
    assert (planned.returncode, "person_not_found" in planned.stdout) == (3, True)
    assert "Planned without the ssd part" in planned.stdout
    done = service.run("eclipse_push", night)
    assert (done.returncode, "Planned without" in done.stdout) == (0, False)


ACCOMMODATED = {"spell_id": "A1", "eclipse_id": "EX1", "code": "U", "started_on": "2020-07-01"}


@on_sqlite
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ssd_cp_plan.csv", "is it ssd_cp_plans?"),
        ("ssd_person_20261122.csv", "is it ssd_person?"),
        ("cp_plans.csv", "is it ssd_cp_plans?"),
        ("ssd_cp_plans.txt", "does not end in .csv"),
        ("ssd_cp_plans.csv.gz", "--gzip"),
        ("ssd_contacts.csv", "front door"),
    ],
)
def test_a_file_that_nobody_takes_is_named_and_the_rest_is_pushed(
    service: Service, tmp_path: Path, name: str, said: str
) -> None:
    night = small(tmp_path / "n", "EX1")
    (night / "accommodation.csv").write_bytes(sheet(ACCOMMODATED))
    (night / name).write_bytes(b"a\n1\n")
    (night / ".hidden").write_bytes(b"")
    done = service.run("eclipse_push", night)
    assert done.returncode == 10, done.stdout + done.stderr
    assert f"{name}: left out." in done.stderr
    assert said in done.stderr
    assert "Taken are ssd_department, " in done.stderr
    assert "manifest.json: left out" not in done.stderr
    assert ".hidden" not in done.stderr
    assert (held(service)["person"], held(service)["accommodation"]) == (1, 1)
    left = service.run("eclipse_push", night, "--ignore", name)
    assert (left.returncode, name in left.stderr) == (0, False)
    manifest = f'{{"extracted_at": "2020-07-31T01:00:00Z", "ignore": ["{name}"]}}'
    (night / "manifest.json").write_text(manifest, encoding="utf-8")
    assert service.run("eclipse_push", night).returncode == 0


@on_sqlite
def test_a_folder_of_which_no_file_is_taken_is_wrong_usage(service: Service, tmp_path: Path) -> None:
    night = small(tmp_path / "n")
    (night / "ssd_person.csv").rename(night / "ssd_persons.csv")
    done = service.run("eclipse_push", night)
    assert (done.returncode, "ssd_persons.csv: left out. " in done.stderr) == (2, True)
    (night / "manifest.json").write_text('{"extracted_at": "2020-07-31T01:00:00Z", "ignore": "x"}', encoding="utf-8")
    wrong = service.run("eclipse_push", night)
    assert (wrong.returncode, '"ignore"' in wrong.stderr) == (2, True)


@on_sqlite
def test_one_profile_of_a_folder(service: Service, tmp_path: Path) -> None:
    night = small(tmp_path / "n", "EX1")
    (night / "teams.csv").write_bytes(sheet({"team_id": "T1"}))
    done = service.run("eclipse_push", night, "--profile", "ssd")
    assert (done.returncode, "ssd: applied" in done.stdout, "cohorts:" in done.stdout) == (0, True, False)
    other = service.run("eclipse_push", night, "--profile", "cohorts")
    assert (other.returncode, "cohorts: applied" in other.stdout, "ssd:" in other.stdout) == (0, True, False)


def test_the_script_knows_the_names_of_our_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    assert importlib.import_module("night_folder").COHORTS == DATASETS["cohorts"]


@on_sqlite
def test_without_a_terminal_each_dataset_is_one_line(service: Service, tmp_path: Path) -> None:
    """As cron has it: eighty columns, no terminal."""
    assert service.run("eclipse_push", leavers(tmp_path / "n", *LEAVERS)).returncode == 0
    service.clock.advance(hours=2)
    later = "2020-07-31T09:00:00Z"
    done = service.run("eclipse_push", leavers(tmp_path / "n", extracted_at=later), COLUMNS="80")
    lines = done.stdout.splitlines()
    assert "  ssd_person: 9 rows = 0 applied + 9 unchanged + 0 held + 0 refused" in lines
    (emptied,) = [line for line in lines if line.startswith("  ssd_care_leavers: ")]
    assert emptied.startswith("  ssd_care_leavers: 0 rows = 0 applied + 0 unchanged + 0 held + 0 refused; ")
    assert "9 left the extract (held)" in emptied
    assert [line for line in lines if line.startswith("  held  ssd_care_leavers: 9 changes of 9 people wait since")]


@on_sqlite
def test_where_doubtful_rows_are_seen_is_said(service: Service, tmp_path: Path) -> None:
    """A code that the map does not know is taken as unknown, and stands in no exit code."""
    night = small(tmp_path / "n", "EX1")
    (night / "accommodation.csv").write_bytes(sheet(ACCOMMODATED | {"code": "Lodging somewhere"}))
    done = service.run("eclipse_push", night)
    assert (done.returncode, "GET /v1/data-quality/rows?doubtful=true" in done.stdout) == (0, True)
    headers = {"Authorization": f"Bearer {service.token('head')}"}
    with service.client() as client:
        rows = client.get("/v1/data-quality/rows?doubtful=true&code=unmapped", headers=headers).json()["rows"]
    assert [(row["dataset"], row["code"], row["field"]) for row in rows] == [("accommodation", "unmapped", "code")]


@on_sqlite
def test_refused_rows_have_an_exit_code_of_their_own(service: Service, tmp_path: Path) -> None:
    folder = small(tmp_path / "n", "EX1")
    (folder / "accommodation.csv").write_bytes(
        sheet({"spell_id": "A1", "eclipse_id": "zz-canary", "code": "U", "started_on": "2020-07-01"})
    )
    done = service.run("eclipse_push", folder)
    assert done.returncode == 3, done.stderr
    assert "refused  accommodation line 2, eclipse_id: person_not_found. The row is about somebody" in done.stdout
    assert "For: performance_analyst" in done.stdout
    assert "GET /v1/data-quality/rows" in done.stdout
    assert "canary" not in done.stdout + done.stderr


LEAVERS = [{"clea_table_id": f"L{n}", "clea_person_id": f"EX{n}", "clea_care_leaver_in_touch": "NO"} for n in range(9)]


def leavers(folder: Path, *rows: dict[str, str], extracted_at: str = "2020-07-31T01:00:00Z") -> Path:
    """A night of people and care leavers; none of them is a table that came empty."""
    night = small(folder, *[f"EX{n}" for n in range(9)], extracted_at=extracted_at)
    header = b"clea_table_id,clea_person_id,clea_care_leaver_in_touch\n"
    (night / "ssd_care_leavers.csv").write_bytes(sheet(*rows) if rows else header)
    return night


@on_sqlite
def test_what_is_held_has_an_exit_code_and_says_who_decides(service: Service, tmp_path: Path) -> None:
    assert service.run("eclipse_push", leavers(tmp_path / "n", *LEAVERS)).returncode == 0
    service.clock.advance(hours=2)
    night = leavers(tmp_path / "n", extracted_at="2020-07-31T09:00:00Z")
    planned = service.run("eclipse_push", night, "--dry-run")
    assert planned.returncode == 7, planned.stdout + planned.stderr
    done = service.run("eclipse_push", night)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "held  ssd_care_leavers: 9 changes of 9 people wait since" in done.stdout
    assert "because the table came empty where rows are held" in done.stdout
    assert "head_of_service" in done.stdout
    assert "performance_analyst" in done.stdout
    again = service.run("eclipse_push", night)
    assert again.returncode == 7, again.stdout
    mended = service.run("eclipse_push", leavers(tmp_path / "n", *LEAVERS, extracted_at="2020-07-31T09:30:00Z"))
    assert mended.returncode == 0, mended.stdout + mended.stderr


@on_sqlite
def test_held_outranks_refused_and_a_file_that_cannot_be_read_outranks_both(service: Service, tmp_path: Path) -> None:
    assert service.run("eclipse_push", leavers(tmp_path / "n", *LEAVERS)).returncode == 0
    service.clock.advance(hours=2)
    night = leavers(
        tmp_path / "n", {"clea_table_id": "L1", "clea_person_id": "EX99"}, extracted_at="2020-07-31T09:00:00Z"
    )
    done = service.run("eclipse_push", night)
    assert done.returncode == 7, done.stdout + done.stderr
    assert "person_not_found" in done.stdout
    (night / "ssd_cp_plans.csv").write_bytes(b"cppl_cp_plan_id,caf\xe9\nP1,x\n")
    (night / "manifest.json").write_text('{"extracted_at": "2020-07-31T09:30:00Z"}', encoding="utf-8")
    unread = service.run("eclipse_push", night)
    assert unread.returncode == 10, unread.stdout + unread.stderr
    assert "unusable  ssd_cp_plans: none of it was taken" in unread.stdout


@on_sqlite
def test_a_push_of_which_no_file_can_be_read_is_unusable_and_the_other_profile_goes_on(
    service: Service, tmp_path: Path
) -> None:
    folder = small(tmp_path / "n")
    (folder / "ssd_person.csv").write_bytes(b"pers_person_id\n\xff\n")
    (folder / "teams.csv").write_bytes(sheet({"team_id": "T1"}))
    done = service.run("eclipse_push", folder)
    assert done.returncode == 10, done.stdout + done.stderr
    assert "wrong_encoding" in done.stderr or "UTF-8" in done.stderr
    assert "cohorts: applied" in done.stdout


@on_sqlite
def test_packed_files_say_the_same(service: Service, tmp_path: Path) -> None:
    folder = small(tmp_path / "n", "EX1", "EX2")
    assert service.run("eclipse_push", folder, "--gzip").returncode == 0
    assert held(service)["person"] == 2
    again = service.run("eclipse_push", folder)
    assert (again.returncode, "is applied already" in again.stderr) == (0, True)


@on_sqlite
def test_a_delta_that_is_not_sent_is_wrong_usage(service: Service, tmp_path: Path) -> None:
    folder = leavers(tmp_path / "n", *LEAVERS)
    wrong = service.run("eclipse_push", folder, "--delta", "ssd_care_leaver")
    assert (wrong.returncode, "--delta names no file" in wrong.stderr) == (2, True)
    assert held(service)["person"] == 0
    assert service.run("eclipse_push", folder).returncode == 0
    delta = leavers(tmp_path / "n", LEAVERS[0], extracted_at="2020-07-31T02:00:00Z")
    done = service.run("eclipse_push", delta, "--delta", "care_leavers.csv")
    assert done.returncode == 0, done.stdout + done.stderr


@on_sqlite
def test_every_other_end_has_an_exit_code_of_its_own(service: Service, tmp_path: Path) -> None:
    folder = small(tmp_path / "n", "EX1")
    token = service.token("robot")
    assert run("eclipse_push", folder, LOS_URL=service.url, LOS_TOKEN="x.y.z").returncode == 6
    assert service.run("eclipse_push", folder, who="chief").returncode == 6
    assert run("eclipse_push", folder, LOS_URL="http://127.0.0.1:9", LOS_TOKEN=token).returncode == 5
    unreachable = service.run("eclipse_push", "--from-database", "postgresql://nobody@127.0.0.1:9/none")
    assert (unreachable.returncode, "refused the connection" in unreachable.stderr) == (5, True)
    assert run("eclipse_push", folder, LOS_URL="http://sight.example", LOS_TOKEN=token).returncode == 2
    assert run("eclipse_push", folder, LOS_URL=service.url).returncode == 2
    assert service.run("eclipse_push", tmp_path / "nothing").returncode == 2
    assert service.run("eclipse_push").returncode == 2
    assert service.run("eclipse_push", folder).returncode == 0
    conflict = service.run("eclipse_push", small(folder, "EX2"))
    assert (conflict.returncode, "run_content_differs" in conflict.stderr) == (9, True)
    older = service.run("eclipse_push", small(folder, "EX2", extracted_at="2020-07-30T01:00:00Z"))
    assert (older.returncode, "older_extract" in older.stderr) == (8, True)
    ahead = service.run("eclipse_push", small(folder, "EX2", extracted_at="2020-08-02T01:00:00Z"))
    assert (ahead.returncode, "extracted_at" in ahead.stderr) == (4, True)


def test_why_the_eclipse_database_could_not_be_read(postgres_server: str) -> None:
    plain = postgres_server.replace("postgresql+psycopg://", "postgresql://", 1)
    address = urlsplit(plain)
    where = address.netloc.rpartition("@")[2]  # nothing where the server listens on a socket of this machine
    asked = {
        urlunsplit(address._replace(path="/nosuchdatabase")): (5, "has no such database"),
        urlunsplit(address._replace(netloc=f"nosuchrole@{where}")): (2, "does not know this name and password"),
        "postgresql://nobody@host.invalid/none": (5, "has a host name that nobody knows"),
        "not an address": (2, "cannot be read: postgresql://"),
    }
    for url, (code, why) in asked.items():
        done = run("eclipse_push", "--from-database", url, LOS_URL="http://127.0.0.1:9", LOS_TOKEN="x")
        assert (done.returncode, why in done.stderr) == (code, True), done.stderr
        assert "nosuch" not in done.stderr


def test_every_reason_to_hold_has_words_and_is_in_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    words = importlib.import_module("push_report").HELD_BECAUSE
    guide = (ROOT / "docs" / "eclipse.md").read_text(encoding="utf-8")
    assert {reason for reason, _ in RULES} == set(words)
    assert not [reason for reason, _ in RULES if f"| `{reason}` |" not in guide and reason != "upload_improves"]


def test_the_help_and_the_guide_say_every_exit_code() -> None:
    said = run("eclipse_push", "--help").stdout
    guide = (ROOT / "docs" / "eclipse.md").read_text(encoding="utf-8")
    for code in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10):
        assert re.search(rf"(^ +|[ ;]){code} +\w", said, re.MULTILINE), code
        assert f"| {code} | " in guide


def test_the_script_knows_a_file_that_cannot_be_used_by_the_service_s_own_codes() -> None:
    words = (ROOT / "scripts" / "calls.py").read_text(encoding="utf-8")
    own = UNUSABLE - {"rows_differ", "unknown_dataset"}  # `differs` at its path; refused with the manifest
    assert not {code for code in own if f'"{code}"' not in words}
