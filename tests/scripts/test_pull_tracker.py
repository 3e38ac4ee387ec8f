"""Pulling the tracker: to a pipe, to a file that only its owner reads, and what its exit codes mean."""

import json
import stat
from pathlib import Path

import pytest

from tests.live import Service, run

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@on_sqlite
def test_every_form_comes_as_the_service_wrote_it(service: Service, tmp_path: Path) -> None:
    with service.client() as client:
        headers = {"Authorization": f"Bearer {service.token('chief')}"}
        for form in ("json", "csv", "html"):
            file = tmp_path / f"tracker.{form}"
            asked = ("--as-at", "2020-07-30", "--known-at", "2020-07-31T08:00:00Z", "--format", form)
            done = service.run("pull_tracker", *asked, "--output", file, who="chief")
            assert done.returncode == 0, done.stderr
            view = {"as_at": "2020-07-30", "known_at": "2020-07-31T08:00:00Z", "format": form}
            assert file.read_bytes() == client.get("/v1/tracker", params=view, headers=headers).content
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert done.stdout == ""


@on_sqlite
def test_to_a_pipe_it_is_json_that_a_program_can_read(service: Service) -> None:
    done = service.run("pull_tracker", who="chief")
    assert json.loads(done.stdout)["as_at"] == "2020-07-31"


@on_sqlite
def test_every_end_has_an_exit_code_of_its_own(service: Service) -> None:
    assert service.run("pull_tracker", "--format", "xlsx", who="chief").returncode == 2
    refused = service.run("pull_tracker", "--cohort", "nobody", who="chief")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "unsuitable_accommodation" in refused.stderr
    assert run("pull_tracker", LOS_URL="http://127.0.0.1:9", LOS_TOKEN=service.token("chief")).returncode == 5
    assert service.run("pull_tracker", who="robot").returncode == 6
    assert run("pull_tracker", LOS_URL=service.url).returncode == 2
