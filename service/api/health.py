"""Whether the process lives, whether it can serve, and what it counts. Nothing about anybody."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.api.dependencies import TheDoor
from service.api.described import problems, shows
from service.errors import NotReady
from service.store.engine import reading
from service.store.health import schema_revision
from service.writers.tracker_json import dump

router = APIRouter(tags=["health"])
READY = {"status": "ready", "schema": "0001"}
EXAMPLE_METRIC = 'los_requests_total{method="GET",route="/v1/tracker",status="200"} 12.0'


@router.get("/health/live", summary="Whether the process lives", responses=shows({"status": "live"}))
def live() -> Response:
    """Answers as long as the process does."""
    return Response(dump({"status": "live"}), media_type="application/json")


@router.get("/health/ready", summary="Whether it can serve", responses=shows(READY) | {503: problems()[503]})
def ready(door: TheDoor) -> Response:
    """Answers 503 when the database does not, or has another schema than this version."""
    with reading(door.engine) as session:
        revision = schema_revision(session)
    if revision != door.schema:
        raise NotReady
    return Response(dump({"status": "ready", "schema": revision}), media_type="application/json")


@router.get(
    "/metrics",
    summary="What it counts (internal)",
    responses=shows(EXAMPLE_METRIC, media_type="text/plain"),
)
def metrics() -> Response:
    """Prometheus text. For inside: the proxy in front does not forward it."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
