"""docs/eclipse.md, followed by the letter: its SQL runs on Eclipse's views, and what comes out gets a night in."""

import csv
import io
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select

from service.domain.facts import KINDS
from service.readers import cohorts_csv, profiles
from service.readers.mapping import load
from service.store.engine import reading
from service.store.schema import FACTS
from tests import postgres
from tests.conftest import FRIDAY_MORNING, ROOT
from tests.live import Service

GUIDE = (ROOT / "docs" / "eclipse.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(match[2], match[3]) for match in BLOCK.finditer(GUIDE)]
SQL = {body.split()[1].removesuffix(".sql"): body for kind, body in BLOCKS if kind == "sql"}
(SETTINGS,) = [body for kind, body in BLOCKS if kind == "psql"]
VALUES = dict(re.findall(r"^\\set (\w+) '([^']*)'$", SETTINGS, re.MULTILINE))
# The columns of Eclipse's views that the guide names, as far as its SQL reads them.
VIEWS = """
CREATE TABLE ORGANISATIONVIEW (ORGANISATIONID bigint, DESCRIPTION text);
CREATE TABLE RELATIONSHIPPROFESSIONALVIEW (PERSONID bigint, PROFESSIONALRELATIONSHIPPERSONID bigint,
    PROFESSIONALRELATIONSHIPNAME text, RELATIONSHIPCLASSCODE text, PROFESSIONALTEAMID bigint, STARTDATE timestamp);
CREATE TABLE PERSONVIEW (PERSONID bigint, FORENAME text, SURNAME text, DATEOFBIRTH timestamp, DUEDATE timestamp,
    DIEDDATE timestamp, CAREFIRSTID text, DUPLICATED text);
CREATE TABLE PERSONORGRELATIONSHIPVIEW (PERSONID bigint, ORGANISATIONID bigint, ALLOCATEDTEAMCODE text,
    DATESTARTED timestamp, DATEENDED timestamp);
CREATE TABLE ADDRESSPERSONVIEW (PERSONID bigint, TOWN text, STARTDATE timestamp, ENDDATE timestamp);
CREATE TABLE CLASSIFICATIONPERSONVIEW (PERSONID bigint, CLASSIFICATIONPATHID integer, STATUS text,
    STARTDATE timestamp, ENDDATE timestamp);
CREATE TABLE FORMANSWERPERSONVIEW (INSTANCEID bigint, ANSWERFORSUBJECTID bigint, SUBMITTERPERSONID bigint,
    DESIGNGUID text, INSTANCESTATE text, CONTROLNAME text, ANSWERVALUE text, DATEANSWERVALUE timestamp,
    DATECOMPLETED timestamp);
INSERT INTO ORGANISATIONVIEW VALUES (101, 'Exeter Care Leavers'), (999, 'A school');
INSERT INTO RELATIONSHIPPROFESSIONALVIEW VALUES (1, 7, 'A. Demo-Adviser', 'PA', 101, '2020-01-06'),
    (1, 7, 'A. Demo-Adviser', 'PA', 101, NULL);
INSERT INTO PERSONVIEW VALUES (1, 'Rowan', 'Demo-Ashford', '2001-02-14', NULL, NULL, 'CF1', NULL),
    (2, NULL, 'Demo-Unborn', NULL, '2020-12-01', NULL, NULL, NULL),
    (3, 'Rowan', 'Demo-Ashford', '2001-02-14', NULL, NULL, NULL, 'DUPLICATE'),
    (4, 'Alex', 'Demo-Lyme', '2012-06-01', NULL, NULL, NULL, NULL);
INSERT INTO PERSONORGRELATIONSHIPVIEW SELECT PERSONID, 101, 'AT', '2019-01-07', NULL FROM PERSONVIEW;
INSERT INTO ADDRESSPERSONVIEW VALUES (1, 'Teignmouth', '2019-01-07', NULL);
INSERT INTO CLASSIFICATIONPERSONVIEW VALUES (4, 51, 'ACTIVE', '2017-01-09', '2017-06-05'),
    (4, 51, 'ACTIVE', '2017-06-06', '2017-09-04'), (4, 51, 'ACTIVE', '2020-03-02', NULL),
    (4, 51, 'DELETED', '2018-01-01', '2018-02-01'), (1, 51, 'ACTIVE', '2010-01-01', '2010-09-01');
"""
ANSWERS = {
    "form_accommodation": (1, {"accommodationCode": "U", "accommodationFrom": "2020-01-06", "provision": "Registered",
                               "consideredSuitable": "Yes", "suitabilityJudgedOn": "2020-01-20"}),
    "form_pre_proceedings": (4, {"PPStartDate": "2020-05-04", "FGDMMeetingOffer": "Yes", "ReviewMeetingsCount": "1"}),
    "form_care_proceedings": (4, {"issuedOn": "2020-06-01", "delayParty": "Court", "weeksLost": "2"}),
    "form_permanence": (4, {"permanenceRoute": "Kinship or SGO", "permanenceAgreedOn": "2020-05-12"}),
    "form_contact": (1, {"contactDateTime": "2020-07-24 10:00", "contactType": "Visit", "youngPersonResponded": "Yes",
                         "seen": "Yes", "seenAlone": "No"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def eclipse(postgres_server: str) -> Iterator[str]:
    """A PostgreSQL with the views of the guide and a few people in them."""
    with postgres.database_on(postgres_server, f"los_eclipse_{uuid.uuid4().hex[:8]}") as url:
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain) as connection:
            connection.execute(VIEWS)
            for number, (form, (person, said)) in enumerate(ANSWERS.items(), start=1):
                for control, text in said.items():
                    day = text if re.match(r"\d{4}-", text) else None
                    connection.execute(
                        "INSERT INTO FORMANSWERPERSONVIEW VALUES (%s, %s, 7, %s, 'COMPLETE', %s, %s, %s, '2020-05-14')",
                        (number, person, VALUES[form], control, None if day else text, day),
                    )
        yield plain


def extracted(url: str, dataset: str) -> bytes:
    """What psql --csv makes of a block of the guide."""
    query = re.sub(r":'(\w+)'", lambda match: f"'{VALUES[match[1]]}'", SQL[dataset]).rstrip().rstrip(";")
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        copy_out = f"COPY ({query.split(chr(10), 1)[1]}) TO STDOUT WITH (FORMAT csv, HEADER)"
        with cursor.copy(copy_out.encode()) as copy:
            return b"".join(bytes(part) for part in copy)


def test_there_is_sql_for_each_of_our_files() -> None:
    assert set(SQL) == set(cohorts_csv.DATASETS)
    assert set(re.findall(r":'(\w+)'", "".join(SQL.values()))) == set(VALUES)
    assert "Council must review every block" in GUIDE


@pytest.mark.parametrize("dataset", cohorts_csv.DATASETS)
def test_the_columns_are_ours_and_no_required_one_is_missing(eclipse: str, dataset: str) -> None:
    header = next(csv.reader(io.StringIO(extracted(eclipse, dataset).decode())))
    assert set(header) <= set(cohorts_csv.headers(dataset))
    assert set(cohorts_csv.required(dataset)) <= set(header)


def test_every_row_is_taken(eclipse: str) -> None:
    night = {name: extracted(eclipse, name) for name in cohorts_csv.DATASETS}
    found = profiles.read("cohorts", night, load(), FRIDAY_MORNING)
    assert found.refusals == ()
    assert dict(found.rows) == {
        "teams": 1, "workers": 1, "people": 3, "accommodation": 1, "pre_proceedings": 1, "care_proceedings": 1,
        "permanence_plans": 1, "plan_counts": 1, "contacts": 1,
    }  # fmt: skip
    assert not [claim.flags for claim in found.claims if claim.flags]
    (count,) = [claim.value for claim in found.claims if claim.dataset == "plan_counts"]
    assert getattr(count, "here", None) == 1  # the restart after one day carried on


def step(kind: str, holding: str) -> str:
    """The one block of a kind that holds these words."""
    (found,) = [body for each, body in BLOCKS if each == kind and holding in body]
    return found


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a block of the guide in a folder, as a reader would."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LOS_")}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=clean | environment, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_commands_of_the_guide_bring_the_night_in(service: Service, eclipse: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "eclipse.md", tmp_path / "docs")
    (tmp_path / "settings.psql").write_text(SETTINGS, encoding="utf-8")
    assert shell(step("sh", "awk"), tmp_path).returncode == 0
    assert {file.stem for file in (tmp_path / "sql").iterdir()} == set(SQL)
    if shutil.which("psql"):
        done = shell(step("sh", 'psql "$ECLIPSE"'), tmp_path, ECLIPSE=eclipse)
        assert done.returncode == 0, done.stderr
    else:
        for name in SQL:
            (tmp_path / "night" / f"{name}.csv").write_bytes(extracted(eclipse, name))
    (tmp_path / "night" / "manifest.json").write_text(step("json", "extracted_at"), encoding="utf-8")
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    signed = {"LOS_URL": service.url, "LOS_TOKEN": service.token("robot")}
    planned = shell(step("sh", "--dry-run"), tmp_path, **signed)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    pushed = shell(step("sh", "--gzip"), tmp_path, **signed)
    assert pushed.returncode == 0, pushed.stdout + pushed.stderr
    with reading(service.engine) as session:
        held = {kind for kind in KINDS if session.execute(select(FACTS[kind].c.fact_id).limit(1)).first()}
    assert held == {"person", "responsibility", "accommodation", "pre_proceedings", "care_proceedings",
                    "permanence_plan", "plan_count", "contact"}  # fmt: skip
    (tmp_path / "night" / "ssd_person.csv").write_bytes(b'pers_person_id,pers_forename\n11,"Robin\nLee"\n\n')
    by_hand = shell(step("sh", "sha256sum"), tmp_path, **signed)
    assert by_hand.returncode == 0, by_hand.stderr
    assert by_hand.stdout.count('"state":"applied"') == 2
    (tmp_path / "night" / "ssd_person.csv").write_bytes(b"pers_person_id,pers_forename\n12,Robin\n")
    refused = shell(step("sh", "sha256sum"), tmp_path, **signed)
    assert (refused.returncode == 0, "run_content_differs" in refused.stdout) == (False, True)
    assert '"state"' not in refused.stdout


@pytest.mark.skipif(not shutil.which("psql"), reason="needs psql")
def test_a_query_that_fails_leaves_the_night_as_it_was(eclipse: str, tmp_path: Path) -> None:
    for name in ("sql", "night"):
        (tmp_path / name).mkdir()
    (tmp_path / "settings.psql").write_text(SETTINGS, encoding="utf-8")
    for name in ("people", "teams"):
        (tmp_path / "sql" / f"{name}.sql").write_text(SQL[name], encoding="utf-8")
        (tmp_path / "night" / f"{name}.csv").write_bytes(b"as it was\n")
    (tmp_path / "sql" / "teams.sql").write_text("SELECT nothing_of_the_kind;", encoding="utf-8")
    failed = shell(step("sh", 'psql "$ECLIPSE"'), tmp_path, ECLIPSE=eclipse)
    assert failed.returncode != 0
    assert {file.read_bytes() for file in (tmp_path / "night").iterdir()} == {b"as it was\n"}
    (tmp_path / "sql" / "teams.sql").write_text(SQL["teams"], encoding="utf-8")
    assert shell(step("sh", 'psql "$ECLIPSE"'), tmp_path, ECLIPSE=eclipse).returncode == 0
    assert {file.name for file in (tmp_path / "night").iterdir()} == {"people.csv", "teams.csv"}
    assert b"as it was" not in (tmp_path / "night" / "teams.csv").read_bytes()
