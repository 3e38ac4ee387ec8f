"""`los audit`: seal, verify, and what is said of an audit that somebody changed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine, select, text, update
from typer.testing import CliRunner

from service import cli
from service.app import utc_now
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


def look(engine: Engine, count: int = 3) -> list[str]:
    made = []
    for _ in range(count):
        with writing(engine, utc_now) as write:
            made.append(audit.note(write.session, "read.policy", by="u1", at=write.now))
    return made


def head_of(done: Result) -> str:
    (line,) = [line for line in done.output.splitlines() if line.startswith("Head: ")]
    return line.removeprefix("Head: ")


def test_sealed_and_found_sound(los: Los, engine: Engine) -> None:
    look(engine)
    before = los("audit", "verify")
    assert (before.exit_code, "Sealed: 0\nNot sealed yet: 3" in before.output) == (0, True)
    sealed = los("audit", "seal")
    assert (sealed.exit_code, "Sealed now: 3" in sealed.output) == (0, True)
    head = head_of(sealed)
    assert head.startswith("3 ")
    for given in (head, head.split()[1], head.split()[1].upper()):
        found = los("audit", "verify", "--head", given)
        assert (found.exit_code, head_of(found)) == (0, head), found.output
        assert "Sealed: 3\nNot sealed yet: 0" in found.output


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
