"""`los serve` starts where what it acknowledges is kept, and nowhere else."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import Result
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from service import cli
from service.api.hosts import TO_ANYBODY
from service.cli import listening
from service.store import durability
from tests.conftest import ROOT

Serve = Callable[..., Result]
PRODUCTION = {
    "LOS_ENVIRONMENT": "production",
    "LOS_OIDC_ISSUER": "https://login.example/tenant/v2.0",
    "LOS_OIDC_AUDIENCE": "line-of-sight",
    "LOS_JWKS_URL": "https://login.example/tenant/keys",
    "LOS_ALLOWED_HOSTS": "los.example",
}


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What uvicorn was told each time that the service would have been served."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(uvicorn, "run", lambda *_, **options: told.append(options))
    return told


@pytest.fixture
def serve(database_url: str, tmp_path: Path, served: list[dict[str, Any]]) -> Serve:
    """`los serve` on a migrated database; variables by name."""
    cleared = {name: "" for name in os.environ if name.startswith("LOS_") and not name.startswith("LOS_TEST_")}
    place = cleared | {"LOS_DATA_DIR": str(tmp_path), "LOS_DATABASE_URL": database_url}
    return lambda **variables: CliRunner().invoke(cli.app, ["serve"], env=place | variables)


def test_the_container_asks_after_itself_where_every_name_is_answered() -> None:
    """By its own number, which is no name that anybody was told."""
    said = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (asked,) = re.findall(r"http://127\.0\.0\.1:\{[^}]+\}([\w/]+)", said)
    assert asked.startswith(TO_ANYBODY)


def test_nobody_is_waited_for_without_end(serve: Serve, served: list[dict[str, Any]]) -> None:
    assert serve().exit_code == 0
    assert listening.LIMITS.items() <= served[0].items()
    assert served[0]["h11_max_incomplete_event_size"] == 16 * 1024
    assert (served[0]["access_log"], served[0]["proxy_headers"]) == (False, False)
    assert served[0]["server_header"] is False, "nobody is told what serves"
    assert served[0]["log_config"] is None, "its lines are ours to write"


@pytest.mark.parametrize(("held", "said"), [("0001", "run `los migrate`"), ("9999", "the version that made it")])
def test_another_schema_is_not_served(
    held: str, said: str, serve: Serve, served: list[dict[str, Any]], engine: Engine
) -> None:
    with engine.begin() as connection:
        before = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = :held"), {"held": held})
    try:
        done = serve()
    finally:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :before"), {"before": before})
    assert (done.exit_code, said in done.stderr, served) == (1, True, [])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_was_never_migrated_is_not_served(
    serve: Serve, served: list[dict[str, Any]], tmp_path: Path
) -> None:
    done = serve(LOS_DATABASE_URL=f"sqlite:///{tmp_path / 'bare.db'}")
    assert (done.exit_code, "run `los migrate`" in done.stderr, served) == (1, True, [])


def test_a_database_that_may_lose_what_it_acknowledged(
    serve: Serve, served: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In development it is said; with people's real records it is not served."""
    monkeypatch.setattr(durability, "careless", lambda _session: ["fsync", "full_page_writes"])
    warned = serve()
    assert (warned.exit_code, "fsync, full_page_writes" in warned.stderr, len(served)) == (0, True, 1)
    refused = serve(**PRODUCTION)
    assert (refused.exit_code, "fsync, full_page_writes" in refused.stderr, len(served)) == (1, True, 1)


def test_in_production_it_is_said_to_which_names_it_answers(serve: Serve, served: list[dict[str, Any]]) -> None:
    """A service that answers to any name answers to whoever gave its address a name of theirs."""
    refused = serve(**PRODUCTION | {"LOS_ALLOWED_HOSTS": ""})
    assert (refused.exit_code, served) == (1, [])
    assert "LOS_ALLOWED_HOSTS: must be set in production" in refused.stderr
    assert serve(LOS_ALLOWED_HOSTS="").exit_code == 0, "in development nobody but this machine asks"
