"""`los` as an operator types it: what it does, and what it refuses to do."""

import json
import os
import pwd
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from click.testing import Result
from sqlalchemy import select
from typer.testing import CliRunner

from service import cli
from service.api import identity
from service.domain.access import Role
from service.settings import from_environment
from service.store import admission, users
from service.store.engine import make_engine, reading
from service.store.schema import audit_entry
from tests.conftest import ROOT

Los = Callable[..., Result]
PRODUCTION = {
    "LOS_ENVIRONMENT": "production",
    "LOS_OIDC_ISSUER": "https://login.example/tenant/v2.0",
    "LOS_OIDC_AUDIENCE": "line-of-sight",
    "LOS_JWKS_URL": "https://login.example/tenant/keys",
    "LOS_ALLOWED_HOSTS": "los.example",
}
FIRST = ("user", "add", "--subject", "a1b2c3", "--name", "Pat Example", "--role", "administrator")


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables of a development installation on a migrated database."""
    cleared = {name: "" for name in os.environ if name.startswith("LOS_") and not name.startswith("LOS_TEST_")}
    return cleared | {"LOS_DATA_DIR": str(tmp_path), "LOS_DATABASE_URL": database_url}


@pytest.fixture
def los(place: dict[str, str]) -> Los:
    """`los` with these arguments; variables by name."""

    def run(*arguments: str, **variables: str) -> Result:
        return CliRunner().invoke(cli.app, arguments, env=place | variables)

    return run


def test_a_new_database_is_migrated_for_its_owner_only_and_again_at_no_harm(los: Los, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    for _ in range(2):
        done = los("migrate", LOS_DATABASE_URL="", LOS_DATA_DIR=str(fresh))
        assert done.exit_code == 0, done.output
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in fresh.iterdir()} == {0o600}


@pytest.mark.parametrize("role", [Role.CHIEF_OFFICER, Role.PERSONAL_ADVISER, Role.INTEGRATION])
def test_the_last_line_is_a_token_that_holds(los: Los, place: dict[str, str], role: Role) -> None:
    done = los("token", "--role", role)
    assert done.exit_code == 0, done.output
    token = done.stdout.splitlines()[-1]
    settings = from_environment(place)
    subject = identity.verifier_for(settings, clock=lambda: datetime.now(UTC)).verify(token)
    engine = make_engine(settings.database_url)
    with reading(engine) as session:
        user = admission.user_by_subject(session, subject, at=datetime.now(UTC)).user
    engine.dispose()
    assert user is not None
    assert user.roles == {role}


def test_a_token_can_be_for_somebody_by_name(los: Los) -> None:
    assert los("token", "--role", "chief_officer", "--user", "Chris Demo-Chief").exit_code == 0
    again = los("token", "--role", "chief_officer", "--user", "Chris Demo-Chief")
    assert "For Chris Demo-Chief (chief_officer)" in again.stderr
    assert again.stdout.count("\n") == 1


def test_a_role_that_is_none_is_refused_with_those_that_are(los: Los) -> None:
    done = los("token", "--role", "king")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "chief_officer" in done.stderr


@pytest.mark.parametrize("command", [("token", "--role", "chief_officer"), ("demo",), ("demo", "--out", "somewhere")])
def test_production_mints_no_token_and_takes_no_demo(los: Los, command: tuple[str, ...], tmp_path: Path) -> None:
    done = los(*command, **PRODUCTION)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "LOS_ENVIRONMENT" in done.stderr
    assert not Path("somewhere").exists()


def test_a_setting_that_cannot_be_used_stops_the_start_and_is_not_repeated(los: Los) -> None:
    for name, value in (("LOS_DATABASE_URL", "mysql://canary"), ("LOS_COLOUR", "canary"), ("PORT", "canary")):
        done = los("migrate", **{name: value})
        assert done.exit_code == 1
        assert name in done.stderr
        assert "canary" not in done.output


def test_the_demo_can_be_written_as_a_folder_per_night(los: Los, tmp_path: Path) -> None:
    out = tmp_path / "nights"
    assert los("demo", "--as-at", "2020-07-31", "--out", str(out)).exit_code == 0
    nights = sorted(folder.name for folder in out.iterdir())
    assert (len(nights), nights[0], nights[-1]) == (5, "1-2020-07-03", "5-2020-07-31")
    assert sorted(each.name for each in (out / nights[0]).iterdir()) == ["cohorts", "manifest.json", "ssd"]
    said = json.loads((out / nights[0] / "manifest.json").read_text(encoding="utf-8"))
    assert said == {"extracted_at": "2020-07-03T02:00:00+01:00"}
    assert (out / nights[0] / "ssd" / "ssd_person.csv").read_text(encoding="utf-8").startswith("pers_")


@pytest.mark.parametrize("day", ["yesterday", "2020-02-30", "31/07/2020", "2999-01-01"])
def test_a_day_that_is_none_is_refused(los: Los, day: str) -> None:
    done = los("demo", "--as-at", day)
    assert (done.exit_code, "--as-at" in done.stderr) == (2, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # tests/demo/test_replay.py loads it into both
def test_the_demo_goes_into_an_empty_database_only(los: Los) -> None:
    loaded = los("demo", "--as-at", "2020-07-31")
    assert loaded.exit_code == 0, loaded.output
    assert loaded.stdout.count("added") == 10
    again = los("demo", "--as-at", "2020-07-31")
    assert (again.exit_code, "empty database only" in again.stderr) == (1, True)
    skipped = los("demo", "--if-empty")
    assert (skipped.exit_code, "not loaded" in skipped.stdout) == (0, True)


def test_development_listens_on_this_machine_only(los: Los) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "sight.example"):
        done = los("serve", "--host", host)
        assert (done.exit_code, "LOS_ENVIRONMENT" in done.stderr) == (1, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_sqlite_serves_one_process(los: Los) -> None:
    done = los("serve", "--workers", "2")
    assert (done.exit_code, "--workers" in done.stderr) == (1, True)


def test_another_schema_is_not_served(los: Los, tmp_path: Path) -> None:
    done = los("serve", LOS_DATABASE_URL=f"sqlite:///{tmp_path / 'unmigrated.db'}")
    assert (done.exit_code, "los migrate" in done.stderr) == (1, True)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_is_served_logs_one_json_object_a_line_and_nothing_of_what_was_asked(place: dict[str, str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = CliRunner().invoke(cli.app, ["token", "--role", "chief_officer"], env=place).stdout.splitlines()[-1]
    command = [sys.executable, "-m", "service.cli", "serve", "--port", str(port)]
    environment = {name: value for name, value in (os.environ | place).items() if value}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as served:
        try:
            transport = httpx.HTTPTransport(retries=6)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, trust_env=False) as client:
                assert client.get("/health/ready").status_code == 200
                headers = {"Authorization": f"Bearer {token}"}
                answer = client.get("/v1/tracker", params={"locality": "canary-query"}, headers=headers)
                assert answer.status_code == 422
                assert "server" not in answer.headers
                assert client.get("/v1/people/canary-path", headers=headers).status_code == 404
        finally:
            served.terminate()
        out, err = served.communicate(timeout=20)
    lines = [json.loads(line) for line in out.decode().splitlines()]
    assert [(line["event"], line["route"]) for line in lines] == [
        ("request", "/health/ready"), ("request", "/v1/tracker"), ("request", "/v1/people/{person_id}"),
    ]  # fmt: skip
    assert b"canary" not in out + err
    assert token.encode() not in out + err


def test_the_first_administrator_is_added_in_production_once(los: Los, place: dict[str, str]) -> None:
    done = los(*FIRST, "--oid", "o-1", "--reason", "The service begins", **PRODUCTION)
    assert done.exit_code == 0, done.output
    again = los(*FIRST, **PRODUCTION)
    assert (again.exit_code, "a1b2c3" in again.output, "already" in again.stderr) == (1, False, True)
    listed = los("user", "list", **PRODUCTION)
    engine = make_engine(place["LOS_DATABASE_URL"])
    with reading(engine) as session:
        (account,) = [each for each, _, _ in users.everyone(session)]
        entries = session.execute(select(audit_entry).order_by(audit_entry.c.audit_id)).all()
    engine.dispose()
    assert (listed.exit_code, listed.stdout) == (0, f"Pat Example\tadministrator\tactive\t{account.user_id}\n")
    assert (account.issuer, account.subject, account.oid) == (PRODUCTION["LOS_OIDC_ISSUER"], "a1b2c3", "o-1")
    assert [(e.act, e.by_user) for e in entries] == [("user.add", "los user add"), ("read.users", "los user list")]
    said = json.loads(entries[0].detail)
    assert (entries[0].reason, said["operator"]) == ("The service begins", pwd.getpwuid(os.getuid()).pw_name)
    assert said["user_id"] == account.user_id
    assert (said["after"]["roles"], said["after"]["scopes"]) == (["administrator"], ["own:"])


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        pytest.param({"--role": "king"}, "--role", id="no such role"),
        pytest.param({"--role": "team_manager"}, "--scope", id="a role whose scope needs a code"),
        pytest.param({"--scope": "kingdom"}, "--scope", id="no such scope"),
        pytest.param({"--scope": "team"}, "scopes", id="a team without its code"),
        pytest.param({"--scope": "team:zq_nowhere"}, "scopes", id="a team nobody knows"),
        pytest.param({"--issuer": "https://other.example"}, "--issuer", id="an issuer whose tokens are not taken"),
        pytest.param({"--subject": "a1b2c3 "}, "--subject", id="a space"),
        pytest.param({"--name": ""}, "--name", id="no name"),
        pytest.param({"--oid": "o\n1"}, "--oid", id="a line end"),
        pytest.param({"--reason": " "}, "--reason", id="a blank reason"),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_an_account_that_could_not_be_used_is_not_added(los: Los, changed: dict[str, str], named: str) -> None:
    options = dict(zip(FIRST[2::2], FIRST[3::2], strict=True)) | changed
    done = los("user", "add", *[part for pair in options.items() for part in pair])
    assert (done.exit_code in (1, 2), done.stdout, named in done.stderr) == (True, "", True)
    assert "zq_nowhere" not in done.stderr
    assert los("user", "list").stdout == ""


def test_an_account_may_be_given_its_scope(los: Los) -> None:
    roles = ("--role", "head_of_service", "--role", "chief_officer", "--scope", "county")
    assert los("user", "add", "--subject", "a1", "--name", "Chris\u202eExample", *roles).exit_code == 2
    assert los("user", "add", "--subject", "a1", "--name", "Chris Example", *roles).exit_code == 0
    assert los("user", "list").stdout.startswith("Chris Example\tchief_officer, head_of_service\tactive\t")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOS_DEBUG", "canary"), ("LOS_OIDC_ISSUER", "http://canary.example"), ("LOS_ALLOWED_HOSTS", "*.canary"),
        ("LOS_JWKS_URL", "https://169.254.169.254/canary"), ("LOS_DATABASE_URL", "postgresql://canary@db.example/los"),
        ("LOS_DATABASE_URL", ""), ("LOS_OIDC_AUDIENCE", ""), ("LOS_BACKUP_KEY_FILE", "/nowhere/canary"),
        ("DEBUG", "canary"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_production_does_not_start_with(los: Los, command: str, name: str, value: str) -> None:
    done = los(command, **(PRODUCTION | {name: value}))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Refused to start: {name}: ")
    assert "canary" not in done.output
