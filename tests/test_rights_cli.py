"""Rights as an operator types them: only counts at first, one file for one person, and nothing erased by one alone."""

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Engine, func, select, update
from typer.testing import CliRunner

from service import cli
from service.operations.rights import subject_access
from service.store.engine import reading, writing
from service.store.schema import FACTS, person
from tests.conftest import SetClock
from tests.operations.test_rights import Archive

Los = Callable[..., Result]
sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
REQUEST = ("subject-access", "--eclipse-id", "P1", "--by", "Iris", "--reason", "a request")


@pytest.fixture
def los(database_url: str, tmp_path: Path) -> Los:
    """`los` with these arguments, on the test's database."""
    place = {name: "" for name in os.environ if name.startswith("LOS_") and not name.startswith("LOS_TEST_")}
    place |= {"LOS_DATA_DIR": str(tmp_path), "LOS_DATABASE_URL": database_url}
    return lambda *arguments: CliRunner().invoke(cli.app, arguments, env=place)


@pytest.fixture
def archive(engine: Engine) -> Archive:
    """Officers, and P1, born in 1945, of whom there is a row in every table."""
    held = Archive(engine, SetClock(datetime(2021, 1, 4, 9, tzinfo=UTC)))
    held.somebody("P1", whole=True)
    return held


def people(archive: Archive) -> int:
    with reading(archive.engine) as session:
        return session.scalar(select(func.count()).select_from(person)) or 0


def test_first_only_counts_then_one_file_that_is_nobody_elses(los: Los, archive: Archive, tmp_path: Path) -> None:
    counted = los(*REQUEST)
    assert counted.exit_code == 0, counted.output
    assert "Would be exported:" in counted.stdout
    assert "  contact: 1" in counted.stdout
    assert "canary" not in counted.output
    folder = tmp_path / "out"
    folder.mkdir()
    taken = los(*REQUEST, "--out", str(folder), "--apply")
    assert taken.exit_code == 0, taken.output
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.name.startswith("subject-access-20")
    assert "P1" not in file.name
    document = json.loads(file.read_text(encoding="utf-8"))
    assert (document["head"]["made_by"], document["head"]["reason"]) == ("Iris", "a request")
    assert document["facts"]["contact"][0]["voice"] == "canary"
    assert "canary" not in taken.output
    assert [each.outcome for each in archive.audit(subject_access.ACT)] == ["counted", "done"]


@sqlite
def test_a_file_that_is_there_is_never_written_over(los: Los, archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "mine.html"
    file.write_text("mine")
    refused = los(*REQUEST, "--out", str(file), "--format", "html", "--apply")
    assert (refused.exit_code, "--out" in refused.stderr) == (1, True)
    assert file.read_text() == "mine"
    assert archive.audit(subject_access.ACT) == []
    file.unlink()
    assert los(*REQUEST, "--out", str(file), "--format", "html", "--apply").exit_code == 0
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")


@sqlite
def test_no_entry_no_file(los: Los, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("no room for the entry")

    monkeypatch.setattr(subject_access, "taken", full)
    file = tmp_path / "out.json"
    assert los(*REQUEST, "--out", str(file), "--apply").exit_code == 1
    assert not file.exists()


@sqlite
def test_who_does_not_answer_for_rights_is_refused_and_that_is_kept(los: Los, archive: Archive) -> None:
    for arguments in (
        ("subject-access", "--eclipse-id", "P1"), ("retention", "propose"), ("retention", "erase"),
        ("retention", "report", "--ids"), ("hold", "place", "--eclipse-id", "P1"), ("hold", "list"),
    ):  # fmt: skip
        refused = los(*arguments, "--by", "Tom", "--reason", "curious")
        assert (refused.exit_code, refused.stderr) == (1, "Your role does not have this function\n"), arguments
    denied = archive.audit("denied")
    assert {each.by_user for each in denied} == {archive.tom}
    assert [json.loads(each.detail)["act"] for each in denied][:2] == [
        "rights.subject_access", "rights.retention.propose",
    ]  # fmt: skip


@sqlite
def test_what_is_typed_wrongly_is_said_without_being_repeated(los: Los, archive: Archive) -> None:
    for arguments, said in (
        (("--eclipse-id", "P404", "--by", "Iris", "--reason", "r"), "There is nothing here"),
        (("--eclipse-id", "P1", "--by", "Sylvie", "--reason", "r"), "by: the name of one active account"),
        (("--by", "Iris", "--reason", "r"), "--person-id or --eclipse-id"),
        (("--eclipse-id", "P1", "--by", "Iris", "--reason", " "), "reason: why"),
        (("--eclipse-id", "P1", "--by", "Iris", "--reason", "r", "--format", "pdf"), "--format"),
    ):
        refused = los("subject-access", *arguments)
        assert refused.exit_code in (1, 2)
        assert said in refused.stderr
        assert "Sylvie" not in refused.output


@sqlite
def test_a_sealed_record_needs_to_be_asked_for_as_such(los: Los, archive: Archive) -> None:
    with writing(archive.engine, archive.clock) as write:
        write.session.execute(update(person).values(sealed_at=write.now))
    refused = los(*REQUEST)
    assert (refused.exit_code, "sealed by adoption" in refused.stderr) == (1, True)
    assert los(*REQUEST, "--include-sealed").exit_code == 0


def test_it_takes_two_to_erase_and_a_hold_stops_both(los: Los, archive: Archive) -> None:
    by_iris, by_ivo = ("--by", "Iris", "--reason", "schedule"), ("--by", "Ivo", "--reason", "seen")
    gone = archive.id_of("P1")
    report = los("retention", "report")
    assert "Due, by rule:\n  looked after: 1\n" in report.stdout
    assert gone not in report.stdout
    assert f"{gone} due on 2021-01-01, looked_after: Kept for 75 years" in los(
        "retention", "report", "--ids", *by_iris
    ).stdout  # fmt: skip
    assert "Would be proposed: 1 people" in los("retention", "propose", *by_iris).stdout
    assert los("hold", "place", "--eclipse-id", "P1", *by_iris).exit_code == 0
    assert "Would be proposed: 0 people" in los("retention", "propose", *by_iris).stdout
    assert "somebody else" in los("hold", "lift", "--eclipse-id", "P1", *by_iris).stderr
    assert "Lifted: 1" in los("hold", "lift", "--eclipse-id", "P1", *by_ivo).stdout
    assert "Holds: 0" in los("hold", "list", *by_iris).stdout
    assert ", lifted " in los("hold", "list", "--eclipse-id", "P1", *by_iris).stdout
    assert "Proposed: 1 people" in los("retention", "propose", *by_iris, "--apply").stdout
    assert "Would be erased: 1 people" in los("retention", "erase", *by_ivo).stdout
    assert "somebody else" in los("retention", "erase", *by_iris, "--apply").stderr
    assert people(archive) == 1
    done = los("retention", "erase", *by_ivo, "--apply")
    assert f"Erased: {gone}, " in done.stdout
    assert people(archive) == 0
    assert "Erased in:" in los("retention", "report").stdout


@sqlite
def test_a_refusal_keeps_the_record(los: Los, archive: Archive) -> None:
    by_iris, by_ada = ("--by", "Iris", "--reason", "schedule"), ("--by", "Ada", "--reason", "wanted")
    los("retention", "propose", *by_iris, "--apply")
    assert (
        "Refused. The record stays." in los("retention", "refuse", "--person-id", archive.id_of("P1"), *by_ada).stdout
    )
    assert "Would be erased: 0 people" in los("retention", "erase", *by_ada).stdout
    los("retention", "propose", *by_iris, "--apply")
    archive.add(FACTS["allocation"], person_id=archive.id_of("P1"), superseded_at=None, proposed=False, ended_on=None)
    kept = los("retention", "erase", *by_ada, "--apply").stdout
    assert "not due any more: 1" in kept
    assert people(archive) == 1
