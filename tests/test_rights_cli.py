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


def noted(archive: Archive, act: str) -> list[tuple[str, str, int, str]]:
    """Who, what came of it, of how many people, and why, of each entry of an act."""
    return [(each.by_user, each.outcome, each.seen, each.reason) for each in archive.audit(act)]


@sqlite
def test_who_only_asks_what_would_be_done_is_in_the_audit_with_whom_it_was_told_of(los: Los, archive: Archive) -> None:
    by_iris, by_ivo = ("--by", "Iris", "--reason", "schedule"), ("--by", "Ivo", "--reason", "a look")
    los("retention", "propose", *by_iris)
    assert noted(archive, "rights.retention.propose") == [(archive.iris, "counted", 1, "schedule")]
    los("retention", "propose", *by_iris, "--apply")
    los("retention", "erase", *by_ivo)
    assert noted(archive, "rights.retention.erase") == [(archive.ivo, "counted", 1, "a look")]
    los(*REQUEST)
    assert noted(archive, subject_access.ACT) == [(archive.iris, "counted", 1, "a request")]
    assert people(archive) == 1


@sqlite
def test_where_nobody_is_due_that_is_said_and_noted_too(los: Los, archive: Archive) -> None:
    by_iris, by_ivo = ("--by", "Iris", "--reason", "schedule"), ("--by", "Ivo", "--reason", "seen")
    los("hold", "place", "--eclipse-id", "P1", *by_iris)
    assert "Proposed: 0 people." in los("retention", "propose", *by_iris, "--apply").stdout
    assert noted(archive, "rights.retention.propose") == [(archive.iris, "counted", 0, "schedule")]
    done = los("retention", "erase", *by_ivo, "--apply")
    assert (done.exit_code, done.stdout) == (0, "Erased: 0 people.\n")
    assert noted(archive, "rights.retention.erase") == [(archive.ivo, "counted", 0, "seen")]


@sqlite
def test_what_was_kept_after_all_is_noted_with_whom(los: Los, archive: Archive) -> None:
    los("retention", "propose", "--by", "Iris", "--reason", "schedule", "--apply")
    los("hold", "place", "--eclipse-id", "P1", "--by", "Iris", "--reason", "an inquiry")
    done = los("retention", "erase", "--by", "Ivo", "--reason", "seen", "--apply")
    assert done.stdout == "Erased: 0 people.\nProposed, and kept since they are not due any more: 1\n"
    assert noted(archive, "rights.retention.erase") == [(archive.ivo, "counted", 1, "seen")]
    assert people(archive) == 1


@sqlite
def test_an_erasure_that_was_done_is_noted_as_done_and_as_nothing_else(los: Los, archive: Archive) -> None:
    los("retention", "propose", "--by", "Iris", "--reason", "schedule", "--apply")
    los("retention", "erase", "--by", "Ivo", "--reason", "seen", "--apply")
    assert noted(archive, "rights.retention.propose") == [(archive.iris, "done", 1, "schedule")]
    assert noted(archive, "rights.retention.erase") == [(archive.ivo, "done", 1, "seen")]


@sqlite
def test_a_refusal_is_noted_with_its_reason_and_whom_it_told_of(los: Los, archive: Archive) -> None:
    whom = archive.id_of("P1")
    with writing(archive.engine, archive.clock) as write:
        write.session.execute(update(person).values(sealed_at=write.now))
    los(*REQUEST)
    los("hold", "lift", "--eclipse-id", "P1", "--by", "Ivo", "--reason", "over")
    los("hold", "place", "--eclipse-id", "P1", "--by", "Iris", "--reason", "an inquiry")
    los("hold", "place", "--eclipse-id", "P1", "--by", "Iris", "--reason", "again")
    los("hold", "lift", "--eclipse-id", "P1", "--by", "Iris", "--reason", "over after all")
    los("hold", "place", "--eclipse-id", "P1", "--by", "Tom", "--reason", "curious")
    los("hold", "place", "--eclipse-id", "P404", "--by", "Iris", "--reason", "somebody unknown")
    told = [(each.by_user, json.loads(each.detail)["act"], each.outcome, each.reason, each.person_id)
            for each in archive.audit("denied")]  # fmt: skip
    assert told == [
        (archive.iris, "rights.subject_access", "sealed_by_adoption", "a request", whom),
        (archive.ivo, "rights.hold.lift", "conflict", "over", whom),
        (archive.iris, "rights.hold.place", "conflict", "again", whom),
        (archive.iris, "rights.hold.lift", "own_request", "over after all", whom),
        (archive.tom, "rights.hold.place", "not_permitted", "curious", None),
        (archive.iris, "rights.hold.place", "not_found", "somebody unknown", None),
    ]


@sqlite
def test_ids_are_not_asked_for_in_nobodys_name(los: Los, archive: Archive) -> None:
    for given, said in (
        ((), "by: the name of one active account"),
        (("--by", "Iris"), "reason: why"),
        (("--by", "Tom", "--reason", "curious"), "Your role does not have this function"),
    ):
        refused = los("retention", "report", "--ids", *given)
        assert (refused.exit_code, refused.stdout, said in refused.stderr) == (1, "", True), given
    assert archive.audit("read.retention") == []


@sqlite
def test_one_account_holds_a_person_once_and_the_list_says_whose_hold_it_is(los: Los, archive: Archive) -> None:
    place = ("hold", "place", "--eclipse-id", "P1", "--reason", "inquiry", "--by")
    own = archive.id_of("P1")
    assert los(*place, "Iris").exit_code == 0
    again = los(*place, "Iris")
    assert (again.exit_code, again.stderr) == (
        1, "This clashes with what is already held (hold: one hold of one account; yours stands)\n",
    )  # fmt: skip
    assert los(*place, "Ivo").exit_code == 0
    *holds, count = los("hold", "list", "--by", "Iris", "--reason", "a look").stdout.splitlines()
    day = datetime.now(UTC).date()
    assert holds == [f"{own} since {day} by {name}: inquiry" for name in ("Iris", "Ivo")]
    assert count == "Holds: 2"
