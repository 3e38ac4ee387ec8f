"""Logging one contact from a terminal: once, however often the command is run, and what its exit codes mean."""

import json

import pytest

from tests.live import Service, run
from tests.village import Village, populate_only

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CALL = ("--eclipse-id", "EX1", "--kind", "phone", "--outcome", "made", "--at", "2020-07-30T14:05")


@pytest.fixture
def village(service: Service) -> Service:
    """The service with the village in it."""
    with service.client() as client:
        populate_only(Village(client, service.engine, service.settings, service.clock, lambda *_: ""))
    return service


@on_sqlite
def test_a_contact_and_a_repeat_are_one(village: Service) -> None:
    first = village.run("log_contact", *CALL, "--voice", "Says it is quiet", "--key", "k1", who="adviser")
    assert first.returncode == 0, first.stderr
    assert "--key k1 --at 2020-07-30T14:05:00+01:00" in first.stderr
    logged = json.loads(first.stdout)["contact"]
    assert (logged["kind"], logged["counts"]) == ("contact", "at_once")
    again = village.run("log_contact", *CALL, "--voice", "Says it is quiet", "--key", "k1", who="adviser")
    assert (again.returncode, again.stdout) == (0, first.stdout)


@on_sqlite
def test_a_move_goes_with_it(village: Service) -> None:
    done = village.run("log_contact", *CALL, "--moved-to", '{"unacceptable": "sofa_surfing"}', who="adviser")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accommodation"]["counts"] == "at_once"


@on_sqlite
def test_it_shows_on_the_tracker_that_is_pulled_next(village: Service) -> None:
    assert village.run("log_contact", *CALL, who="adviser").returncode == 0
    pulled = village.run("pull_tracker", "--format", "json", "--cohort", "unsuitable_accommodation", who="chief")
    assert pulled.returncode == 0, pulled.stderr
    (table,) = [each for each in json.loads(pulled.stdout)["cohorts"] if each["code"] == "unsuitable_accommodation"]
    row = next(each for each in table["rows"] if each["person"]["eclipse_id"] == "EX1")
    assert row["last_contact"]["made"]["occurred_at"] == "2020-07-30T13:05:00Z"


@on_sqlite
def test_every_end_has_an_exit_code_of_its_own(village: Service) -> None:
    token = village.token("adviser")
    assert village.run("log_contact", "--eclipse-id", "EX1", who="adviser").returncode == 2
    assert village.run("log_contact", *CALL, "--person-id", "x", who="adviser").returncode == 2
    assert village.run("log_contact", *CALL, "--moved-to", "{", who="adviser").returncode == 2
    refused = village.run("log_contact", *CALL, "--seen", who="adviser")
    assert (refused.returncode, "not_in_person" in refused.stderr or "seen:" in refused.stderr) == (4, True)
    absent = village.run("log_contact", *CALL[2:], "--eclipse-id", "NO1", who="adviser")
    assert (absent.returncode, "not_found" in absent.stderr) == (4, True)
    assert run("log_contact", *CALL, LOS_URL="http://127.0.0.1:9", LOS_TOKEN=token).returncode == 5
    assert village.run("log_contact", *CALL, who="court").returncode == 6
    assert run("log_contact", *CALL, LOS_URL=village.url, LOS_TOKEN="x.y.z").returncode == 6
