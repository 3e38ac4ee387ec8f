"""`los backup`, `verify-backup`, `restore` and `grants` as an operator types them."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Engine
from typer.testing import CliRunner

from service import cli
from service.store.engine import make_engine
from tests.conftest import SetClock
from tests.council import introduced
from tests.rows import held

Los = Callable[..., Result]
CANARIES = ("Demo-Ashford", "Rowan", "2001-02-14")
PRODUCTION = {
    "LOS_ENVIRONMENT": "production",
    "LOS_OIDC_ISSUER": "https://login.example/tenant/v2.0",
    "LOS_OIDC_AUDIENCE": "line-of-sight",
    "LOS_JWKS_URL": "https://login.example/tenant/keys",
    "LOS_ALLOWED_HOSTS": "los.example",
}


@pytest.fixture
def los(database_url: str, tmp_path: Path) -> Los:
    """`los` on a migrated database, with these arguments; variables by name."""
    cleared = {name: "" for name in os.environ if name.startswith("LOS_") and not name.startswith("LOS_TEST_")}
    place = cleared | {"LOS_DATA_DIR": str(tmp_path), "LOS_DATABASE_URL": database_url}

    def run(*arguments: object, **variables: str) -> Result:
        return CliRunner().invoke(cli.app, [str(each) for each in arguments], env=place | variables)

    return run


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key file."""
    file = tmp_path / "backup.key"
    file.write_bytes(os.urandom(48))
    return file


@pytest.fixture
def new(tmp_path: Path, sqlite_template: Path) -> str:
    """The address of another database, migrated and empty."""
    shutil.copy(sqlite_template, tmp_path / "new.db")
    return f"sqlite:///{tmp_path / 'new.db'}"


def test_a_drill(los: Los, engine: Engine, clock: SetClock, key: Path, new: str, tmp_path: Path) -> None:
    """Taken, checked and restored by three commands; none of them says a word about anybody."""
    introduced(engine, clock)
    before = held(engine)
    file = tmp_path / "2020-07-31.los"
    taken = los("backup", file, LOS_BACKUP_KEY_FILE=str(key))
    checked = los("verify-backup", file, "--key-file", key)
    restored = los("restore", file, "--key-file", key, LOS_DATABASE_URL=new)
    for done in (taken, checked, restored):
        assert done.exit_code == 0, done.output
        assert "rows in" in done.output
        assert "schema 0004" in done.output
        assert not [word for word in CANARIES if word in done.output]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = make_engine(new)
    after = held(other)
    other.dispose()
    assert {name: len(rows) for name, rows in after.items() if name != "audit_entry"} == {
        name: len(rows) for name, rows in before.items() if name != "audit_entry"
    }
    assert len(after["audit_entry"]) == len(before["audit_entry"]) + 1
    again = los("restore", file, "--key-file", key, LOS_DATABASE_URL=new)
    assert again.exit_code == 1
    assert "not empty" in again.output


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_without_a_key_only_where_it_is_asked_for(los: Los, key: Path, tmp_path: Path) -> None:
    file = tmp_path / "b"
    for refused in (
        los("backup", file),
        los("backup", file, "--key-file", tmp_path / "none"),
        los("backup", file, "--unencrypted", "--key-file", key),
        los("backup", file, "--unencrypted", **PRODUCTION),
        los("restore", file, "--unencrypted", **PRODUCTION),
        los("verify-backup", file, "--key-file", key),
    ):
        assert refused.exit_code == 1, refused.output
        assert not file.exists()
    key.write_bytes(b"x" * 31)
    assert "at least 32 bytes" in los("backup", file, "--key-file", key).output
    assert los("backup", file, "--unencrypted").exit_code == 0
    assert los("verify-backup", file, "--unencrypted").exit_code == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_damaged_exits_with_one(los: Los, key: Path, new: str, tmp_path: Path) -> None:
    file = tmp_path / "b"
    assert los("backup", file, "--key-file", key).exit_code == 0
    file.write_bytes(file.read_bytes()[:-1])
    for done in (
        los("verify-backup", file, "--key-file", key),
        los("restore", file, "--key-file", key, LOS_DATABASE_URL=new),
    ):
        assert (done.exit_code, "cut short" in done.output) == (1, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_grants_are_printed_for_a_plain_role(los: Los) -> None:
    done = los("grants", "--role", "los_app")
    assert done.exit_code == 0
    assert done.output.splitlines()[0] == "BEGIN;"
    assert 'GRANT UPDATE ("superseded_at") ON "fact_contact" TO "los_app";' in done.output
    assert los("grants", "--role", "los app").exit_code == 2
