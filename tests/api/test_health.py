"""What the outside may ask without a token: whether it lives, whether it can serve, and counts without a name."""

from dataclasses import replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from service.store.engine import make_engine
from tests.village import NAMES, Village, cohorts_files


def test_it_lives_and_is_ready(empty: Village) -> None:
    assert empty.client.get("/health/live").json() == {"status": "live"}
    ready = empty.client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["schema"]


def test_without_its_database_it_lives_and_is_not_ready(empty: Village, tmp_path: Path, database: str) -> None:
    gone = f"sqlite:///{tmp_path / 'gone' / 'x.db'}" if database == "sqlite" else "postgresql+psycopg://127.0.0.1:9/x"
    with_door(empty.client, make_engine(gone))
    assert empty.client.get("/health/live").status_code == 200
    ready = empty.client.get("/health/ready")
    assert (ready.status_code, ready.json()["code"]) == (503, "busy")
    assert empty.client.get("/v1/tracker", headers=empty.headers("chief")).status_code == 503


def test_a_database_of_another_schema_is_not_ready(empty: Village, tmp_path: Path) -> None:
    with empty.engine.begin() as connection:
        held = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = 'another'"))
    try:
        assert empty.client.get("/health/ready").status_code == 503
    finally:
        with empty.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :held"), {"held": held})
    assert empty.client.get("/health/ready").status_code == 200
    bare = make_engine(f"sqlite:///{tmp_path / 'bare.db'}")
    with_door(empty.client, bare)
    assert empty.client.get("/health/ready").status_code == 503


def test_metrics_count_and_name_nobody(village: Village) -> None:
    village.get("chief", "/v1/tracker")
    village.get("chief", "/v1/tracker", locality="canary-locality")
    village.get("chief", f"/v1/people/{village.ids['EX1']}")
    village.get("chief", "/canary-path")
    village.client.request("CANARY", "/v1/tracker")
    body = village.client.get("/metrics").text
    requests = next(f for f in text_string_to_metric_families(body) if f.name == "los_requests")
    counted = {(s.labels["method"], s.labels["route"], s.labels["status"]) for s in requests.samples}
    assert {("GET", "/v1/tracker", "200"), ("GET", "/v1/people/{person_id}", "200"), ("GET", "none", "404")} <= counted
    assert "canary" not in body.lower()
    assert not [word for word in (*NAMES, *village.ids.values()) if word in body]


def gauges(village: Village) -> dict[tuple[str, ...], float]:
    """The gauges of the feeds: name and labels, in order of their names -> value."""
    body = village.client.get("/metrics").text
    families = [f for f in text_string_to_metric_families(body) if f.name.startswith("los_feed")]
    return {(s.name, *s.labels.values()): s.value for f in families for s in f.samples}


def test_the_clock_on_the_feed_shows_in_metrics_and_readiness(village: Village) -> None:
    fresh = gauges(village)
    assert fresh["los_feed_age_seconds", "ssd_person", "ssd", "eclipse"] == 6 * 3600
    assert fresh["los_feed_stale", "eclipse"] == 0
    village.clock.advance(hours=19)
    old = gauges(village)
    assert old["los_feed_age_seconds", "ssd_person", "ssd", "eclipse"] == 25 * 3600
    assert old["los_feed_stale", "eclipse"] == 1
    ready = village.client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["feeds"] == [{"source": "eclipse", "age_hours": 25, "stale": True}]


def test_what_is_held_shows_in_metrics_and_readiness_with_its_age(village: Village) -> None:
    assert village.client.get("/health/ready").json()["held"] == {"waiting": 0, "oldest_hours": None}
    emptied = {"accommodation": cohorts_files()["accommodation"].split(b"\n")[0] + b"\n"}
    report = village.push("cohorts", emptied, run_id="cohorts-2", hours_ago=1)
    assert [each["dataset"] for each in report["held"]] == ["accommodation"]
    village.clock.advance(hours=3)
    found = gauges(village)
    assert found["los_feed_held", "accommodation", "eclipse"] == 1
    assert found["los_feed_held_age_seconds", "accommodation", "eclipse"] == 3 * 3600
    assert village.client.get("/health/ready").json()["held"] == {"waiting": 1, "oldest_hours": 3}


def test_without_its_database_the_scrape_answers_without_the_feeds(village: Village, tmp_path: Path) -> None:
    with_door(village.client, make_engine(f"sqlite:///{tmp_path / 'gone' / 'x.db'}"))
    answer = village.client.get("/metrics")
    assert answer.status_code == 200
    assert "los_requests" in answer.text
    assert "los_feed" not in answer.text


def test_before_the_first_push_there_is_no_feed(empty: Village) -> None:
    assert gauges(empty) == {}
    assert empty.client.get("/health/ready").json()["feeds"] == []


def with_door(client: TestClient, engine: Engine) -> None:
    """Put another database behind the service. The one before is given back by the test's own fixtures."""
    app = client.app
    before = app.state.door.engine  # type: ignore[attr-defined]
    app.state.door = replace(app.state.door, engine=engine)  # type: ignore[attr-defined]
    before.dispose()
