"""What leaves a council's database: the tables that are there, the columns the service reads, the same bytes twice."""

import re
import uuid
from collections.abc import Iterator

import psycopg
import pytest

from scripts import ssd_tables
from service.readers.profiles import DATASETS
from tests import postgres
from tests.conftest import ROOT


@pytest.fixture
def warehouse(postgres_server: str) -> Iterator[str]:
    """A warehouse with a few SSD tables, one of them older and short of a column."""
    with postgres.database_on(postgres_server, f"los_warehouse_{uuid.uuid4().hex[:8]}") as url:
        plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(plain) as connection:
            connection.execute(
                "CREATE TABLE ssd_person (pers_person_id varchar(48), pers_single_unique_id varchar(48),"
                " pers_forename varchar(100), pers_surname varchar(255), pers_dob timestamp)"
            )
            connection.execute(
                "INSERT INTO ssd_person VALUES"
                " ('20442', '943 476 5919', 'Robin', 'Demo-Teign', NULL),"
                " ('20441', NULL, 'Rowan', 'O''Demo, \"Tamar\"', '2001-02-14')"
            )
            connection.execute("CREATE TABLE ssd_legal_status (lega_legal_status_id varchar(48))")
            connection.execute(
                "CREATE SCHEMA yesterday; CREATE TABLE yesterday.ssd_missing (miss_table_id varchar(48))"
            )
        yield plain


def test_what_is_there_is_read_in_one_order_and_nothing_else_leaves(warehouse: str) -> None:
    tables = ssd_tables.read(warehouse)
    assert tables.found.keys() == {"ssd_person", "ssd_legal_status"}
    assert tables.found["ssd_person"].decode().splitlines() == [
        "pers_person_id,pers_forename,pers_surname,pers_dob",
        '20441,Rowan,"O\'Demo, ""Tamar""",2001-02-14 00:00:00',
        "20442,Robin,Demo-Teign,",
    ]
    assert tables.found["ssd_legal_status"] == b"lega_legal_status_id\n"


def test_a_table_that_is_not_there_is_named(warehouse: str) -> None:
    tables = ssd_tables.read(warehouse)
    assert "ssd_missing" in tables.absent
    assert len(tables.absent) == len(ssd_tables.TABLES) - 2


def test_another_schema_can_be_named(warehouse: str) -> None:
    assert ssd_tables.read(warehouse, schema="yesterday").found == {"ssd_missing": b"miss_table_id\n"}


def test_the_same_content_is_the_same_bytes(warehouse: str) -> None:
    before = ssd_tables.read(warehouse)
    with psycopg.connect(warehouse) as connection:
        connection.execute("UPDATE ssd_person SET pers_forename = pers_forename WHERE pers_person_id = '20441'")
    assert ssd_tables.read(warehouse) == before


def test_the_columns_are_those_that_the_readers_read() -> None:
    pulled = {column for columns in ssd_tables.TABLES.values() for column in columns}
    prefixes = "|".join(sorted({column.split("_", 1)[0] for column in pulled}))
    readers = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "service" / "readers").glob("ssd*.py"))
    assert pulled == set(re.findall(rf'"((?:{prefixes})_\w+)"', readers))


def test_the_tables_are_those_of_the_profile() -> None:
    assert set(ssd_tables.TABLES) == set(DATASETS["ssd"])
