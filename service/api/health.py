"""Whether the process lives, whether it can serve, and what it counts. Nothing about anybody."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from service.api.dependencies import Door, TheDoor
from service.api.described import problems, shows
from service.errors import Busy, IssuerAway, NotReady
from service.operations import sealing
from service.operations.intake import feeds
from service.operations.intake.feeds import Feeds
from service.store.engine import reading
from service.store.health import hurry, schema_revision
from service.writers.tracker_json import dump

router = APIRouter(tags=["health"])
READY = {
    "status": "ready", "schema": "0001", "feeds": [{"source": "eclipse", "age_hours": 7, "stale": False}],
    "held": {"waiting": 1, "oldest_hours": 31},
}  # fmt: skip
AGAIN = 5
"""Seconds after which it may be asked again."""
EXAMPLE_METRIC = 'los_requests_total{method="GET",route="/v1/tracker",status="200"} 12.0'


@router.get("/health/live", summary="Whether the process lives", responses=shows({"status": "live"}))
async def live() -> Response:
    """Answers as long as the process does, also while every thread waits for the database."""
    return Response(dump({"status": "live"}), media_type="application/json")


@router.get("/health/ready", summary="Whether it can serve", responses=shows(READY) | {503: problems()[503]})
def ready(door: TheDoor) -> Response:
    """Answers 503 when the database does not, or has another schema than this version, or while the issuer's keys
    have never been fetched: `code` says which.

    A stale or held feed is said and is no reason to be taken out of service.
    """
    with reading(door.engine) as session:
        revision = schema_revision(session)
        if revision != door.schema:
            raise NotReady(retry_after=AGAIN)
        if not door.verifier.ready():
            raise IssuerAway(retry_after=AGAIN)
        found = feeds.clock(session, at=door.clock())
    body = {
        "status": "ready",
        "schema": revision,
        "feeds": [{"source": f.source, "age_hours": f.age_hours, "stale": f.stale} for f in found.sources],
        "held": {"waiting": len(found.held), "oldest_hours": found.oldest_hours},
    }
    return Response(dump(body), media_type="application/json")


@router.get(
    "/metrics",
    summary="What it counts (internal)",
    responses=shows(EXAMPLE_METRIC, media_type="text/plain"),
)
def metrics(door: TheDoor) -> Response:
    """Prometheus text. For inside: the proxy in front does not forward it. Feeds are read at the scrape."""
    return Response(generate_latest() + _of_feeds(door), media_type=CONTENT_TYPE_LATEST)


def _of_feeds(door: Door) -> bytes:
    """The gauges of feeds and audit; nothing where the database does not answer, so that the scrape does."""
    try:
        with reading(door.engine) as session:
            hurry(session)
            now = door.clock()
            found, waits = feeds.clock(session, at=now), sealing.oldest_waits(session, at=now)
    except (Busy, SQLAlchemyError):
        return b""
    return generate_latest(_gauges(found)) + generate_latest(_unsealed(waits))


def _unsealed(seconds: float) -> CollectorRegistry:
    registry = CollectorRegistry()
    waits = Gauge("los_audit_unsealed_seconds", "Seconds the oldest audit entry waits for its seal", registry=registry)
    waits.set(seconds)
    return registry


def _gauges(found: Feeds) -> CollectorRegistry:
    registry = CollectorRegistry()
    place, at = ["source", "profile", "dataset"], ["source", "dataset"]
    age = Gauge("los_feed_age_seconds", "Seconds since the newest extract", place, registry=registry)
    for names, seconds in found.ages():
        age.labels(*names).set(seconds)
    stale = Gauge("los_feed_stale", "1 where a source is older than the policy allows", ["source"], registry=registry)
    for each in found.sources:
        stale.labels(each.source).set(each.stale)
    held = Gauge("los_feed_held", "1 where part of a dataset waits for a person", at, registry=registry)
    waits = Gauge("los_feed_held_age_seconds", "Seconds it has waited", at, registry=registry)
    for (source, _, dataset), seconds in found.waits():
        held.labels(source, dataset).set(1)
        waits.labels(source, dataset).set(seconds)
    return registry
