"""Pushing a night: from a folder and from the SSD tables, again and again, and what each exit code means."""

import csv
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import func, select

from service.domain.facts import KINDS
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
    shutil.copytree(nights[0] / "ssd", tmp_path / "ssd")
    files = service.run("eclipse_push", tmp_path, "--extracted-at", "2020-07-05T02:00:00+01:00")
    assert files.returncode == 0, files.stderr
    assert "only the watermark moved" in files.stdout
    assert held(service) == before


@on_sqlite
def test_a_dry_run_changes_nothing(service: Service, tmp_path: Path) -> None:
    done = service.run("eclipse_push", small(tmp_path / "n", "EX1", "EX2"), "--dry-run")
    assert (done.returncode, held(service)["person"]) == (0, 0)
    assert "ssd: planned" in done.stdout


@on_sqlite
def test_refused_rows_have_an_exit_code_of_their_own(service: Service, tmp_path: Path) -> None:
    folder = small(tmp_path / "n", "EX1")
    (folder / "accommodation.csv").write_bytes(
        sheet({"spell_id": "A1", "eclipse_id": "zz-canary", "code": "U", "started_on": "2020-07-01"})
    )
    done = service.run("eclipse_push", folder)
    assert done.returncode == 3, done.stderr
    assert "refused  accommodation line 2, eclipse_id: person_not_found" in done.stdout
    assert "canary" not in done.stdout + done.stderr


@on_sqlite
def test_every_other_end_has_an_exit_code_of_its_own(service: Service, tmp_path: Path) -> None:
    folder = small(tmp_path / "n", "EX1")
    token = service.token("robot")
    assert run("eclipse_push", folder, LOS_URL=service.url, LOS_TOKEN="x.y.z").returncode == 6
    assert service.run("eclipse_push", folder, who="chief").returncode == 6
    assert run("eclipse_push", folder, LOS_URL="http://127.0.0.1:9", LOS_TOKEN=token).returncode == 5
    unreachable = service.run("eclipse_push", "--from-database", "postgresql://nobody@127.0.0.1:9/none")
    assert unreachable.returncode == 5
    assert run("eclipse_push", folder, LOS_URL="http://sight.example", LOS_TOKEN=token).returncode == 2
    assert run("eclipse_push", folder, LOS_URL=service.url).returncode == 2
    assert service.run("eclipse_push", tmp_path / "nothing").returncode == 2
    assert service.run("eclipse_push").returncode == 2
    assert service.run("eclipse_push", folder).returncode == 0
    conflict = service.run("eclipse_push", small(folder, "EX2"))
    assert (conflict.returncode, "run_content_differs" in conflict.stderr) == (4, True)
    older = service.run("eclipse_push", small(folder, "EX2", extracted_at="2020-07-30T01:00:00Z"))
    assert (older.returncode, "older_extract" in older.stderr) == (4, True)
