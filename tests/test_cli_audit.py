"""`los audit`: seal, verify, and what is said of an audit that somebody changed."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine, select, text, update
from typer.testing import CliRunner

from service import cli, timers
from service.app import utc_now
from service.cli import audit as cli_audit
from service.store import audit
from service.store.engine import writing
from service.store.schema import audit_entry

Los = Callable[..., Result]


@pytest.fixture
def los(database_url: str, tmp_path: Path) -> Los:
    """`los` with these arguments, in a development installation."""
    cleared = {name: "" for name in os.environ if name.startswith("LOS_") and not name.startswith("LOS_TEST_")}
    place = cleared | {"LOS_DATA_DIR": str(tmp_path), "LOS_DATABASE_URL": database_url}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli.app, arguments, env=place)

    return run


def look(engine: Engine, count: int = 3, *, ago: timedelta = timedelta(minutes=5)) -> list[str]:
    made = []
    for _ in range(count):
        with writing(engine, lambda: utc_now() - ago) as write:
            made.append(audit.note(write.session, "read.policy", by="u1", at=write.now))
    return made


def head_of(done: Result) -> str:
    (line,) = [line for line in done.output.splitlines() if line.startswith("Head: ")]
    return line.removeprefix("Head: ")


def test_sealed_and_found_sound(los: Los, engine: Engine) -> None:
    look(engine)
    look(engine, 2, ago=timedelta())
    before = los("audit", "verify")
    assert (before.exit_code, "Sealed: 0\nNot sealed yet: 5" in before.output) == (0, True)
    sealed = los("audit", "seal")
    assert (sealed.exit_code, "Sealed now: 3\nToo young yet: 2\n" in sealed.output) == (0, True)
    head = head_of(sealed)
    assert head.startswith("3 ")
    for given in (head, head.split()[1], head.split()[1].upper()):
        found = los("audit", "verify", "--head", given)
        assert (found.exit_code, head_of(found)) == (0, head), found.output
        assert "Sealed: 3\nNot sealed yet: 2" in found.output


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_an_intake_is_asked_about_again_and_nobody_waits_behind(
    los: Los, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(engine)
    monkeypatch.setattr(timers, "PATIENCE", 0.05)
    monkeypatch.setattr(cli_audit, "TRIES", 2)
    monkeypatch.setattr(cli_audit, "REST", 0.0)
    with writing(engine, utc_now, intake=True):
        busy = los("audit", "seal")
    assert (busy.exit_code, "Not sealed: something long is being written" in busy.output) == (75, True)

    intake = ExitStack()
    intake.enter_context(writing(engine, utc_now, intake=True))
    monkeypatch.setattr(cli_audit.time, "sleep", lambda _: intake.close())
    sealed = los("audit", "seal")
    assert (sealed.exit_code, "Sealed now: 3" in sealed.output) == (0, True)


def test_what_somebody_changed_is_named(los: Los, engine: Engine) -> None:
    made = look(engine)
    los("audit", "seal")
    with engine.begin() as database:
        if engine.dialect.name == "postgresql":
            database.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            database.execute(text("DROP TRIGGER audit_entry_no_update"))
        second = select(audit_entry.c.audit_id).where(audit_entry.c.audit_id == made[1])
        database.execute(update(audit_entry).where(audit_entry.c.audit_id.in_(second)).values(by_user="u2"))
    found = los("audit", "verify")
    assert found.exit_code == 1
    assert f"BROKEN at link 2, entry {made[1]}: the entry, or its seal, is not what was sealed" in found.output


def test_a_chain_without_the_head_that_was_kept_is_broken(los: Los, engine: Engine) -> None:
    look(engine)
    los("audit", "seal")
    found = los("audit", "verify", "--head", "0123" * 16)
    assert (found.exit_code, "(head_unknown)" in found.output) == (1, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_head_that_is_none_is_refused_before_anything_is_looked_at(los: Los, engine: Engine) -> None:
    look(engine)
    los("audit", "seal")
    for given in ("", " ", "abc", "3", "f" * 63, "f" * 65, "x " + "f" * 64, "g" * 64, "-3 " + "f" * 64):
        found = los("audit", "verify", "--head", given)
        assert (found.exit_code, found.stdout) == (2, ""), given
        assert found.stderr.startswith("--head: 64 hexadecimal digits, as `los audit verify` printed them, with")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_number_of_a_head_has_to_be_its_own(los: Los, engine: Engine) -> None:
    look(engine)
    number, known = head_of(los("audit", "seal")).split()
    assert los("audit", "verify", "--head", f"Head: {number} {known}").exit_code == 0
    found = los("audit", "verify", "--head", f"2 {known}")
    assert (found.exit_code, "(head_unknown)" in found.stderr) == (1, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_audit_that_is_not_whole_is_said_to_be_so(los: Los, engine: Engine) -> None:
    look(engine)
    los("audit", "seal")
    with engine.begin() as database:
        database.execute(text("DROP TABLE audit_link"))
    for command in ("seal", "verify"):
        told = los("audit", command)
        assert (told.exit_code, told.stdout, told.stderr) == (
            1, "", "BROKEN at table audit_link: the audit is not whole: this is not in the database (table_gone)\n",
        )  # fmt: skip


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_cannot_be_read_is_named_and_the_rest_is_sealed(los: Los, engine: Engine) -> None:
    made = look(engine)
    with engine.begin() as database:
        database.execute(text("DROP TRIGGER audit_entry_no_update"))
        database.execute(
            text("UPDATE audit_entry SET detail = CAST(x'ff' AS TEXT) WHERE audit_id = :a"), {"a": made[0]}
        )
    sealed = los("audit", "seal")
    assert (sealed.exit_code, "Sealed now: 2\n" in sealed.stdout) == (1, True)
    assert sealed.stderr == f"BROKEN: left without a seal, since nobody can read what they hold: {made[0]}\n"
    found = los("audit", "verify")
    assert (found.exit_code, f"BROKEN at entry {made[0]}: it has no seal" in found.stderr) == (1, True)
