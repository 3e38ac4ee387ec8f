"""Pushed extracts: manifest, datasets, plan, apply, report."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import AwareDatetime, ConfigDict, Field, StrictInt, StrictStr

from service.api.bodies import Moment, Strict
from service.api.dependencies import Act, Look, RawBody, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.facts import Source
from service.operations import ingest
from service.operations.ingest import Declared, Manifest
from service.store import audit
from service.store.extracts import Batch
from service.writers.tracker_json import dump

router = APIRouter(prefix="/ingest/batches", tags=["ingest"], route_class=StrictRoute)
Pusher = Annotated[Act, acting(Permission.PUSH_EXTRACTS)]
BatchId = Annotated[str, Path(max_length=36)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=60)]

HEADING = {"batch_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "profile": "ssd", "source": "eclipse",
           "run_id": "ssd-2020-07-31", "extracted_at": "2020-07-31T01:00:00+00:00"}  # fmt: skip
MANIFEST: dict[str, Any] = {
    "profile": "ssd", "run_id": "ssd-2020-07-31", "extracted_at": "2020-07-31T02:00:00+01:00",
    "datasets": [{"name": "ssd_person", "mode": "full", "rows": 1870, "sha256": "0" * 64}],
}  # fmt: skip
REPORT = HEADING | {
    "state": "applied",
    "datasets": [{"name": "ssd_person", "mode": "full", "rows": 1870, "added": 2, "changed": 5, "closed": 0,
                  "unchanged": 1863, "left_the_extract": 0, "refused": 0}],
    "refused": 0, "refusals": [],
}  # fmt: skip


class DatasetDeclared(Strict):
    """A dataset of the push."""

    name: Name = Field(description="Table or file name, with or without its ending", examples=["ssd_person"])
    mode: Literal["full", "delta"] = Field(default="full", description="Whether absence means gone from the extract")
    rows: Annotated[StrictInt, Field(ge=0, le=2_000_000)] = Field(description="Data rows", examples=[1870])
    sha256: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")] = Field(description="Of the bytes to be sent")


class ManifestBody(Strict):
    """What a push says it brings."""

    profile: Literal["ssd", "cohorts"]
    run_id: Annotated[StrictStr, Field(min_length=1, max_length=200)] = Field(description="Yours, one per run")
    extracted_at: Moment = Field(description="When the source was read")
    source: Literal["eclipse", "upload", "migrated"] = "eclipse"
    datasets: Annotated[list[DatasetDeclared], Field(min_length=1, max_length=60)]
    model_config = ConfigDict(json_schema_extra={"examples": [MANIFEST]})

    def manifest(self) -> Manifest:
        """As the operation takes it."""
        datasets = tuple(Declared(d.name, d.mode, d.rows, d.sha256) for d in self.datasets)
        extracted_at: AwareDatetime = self.extracted_at
        return Manifest(self.profile, Source(self.source), self.run_id, extracted_at, datasets)


def _heading(batch: Batch) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id, "profile": batch.profile, "source": batch.source, "run_id": batch.run_id,
        "extracted_at": batch.extracted_at, "state": batch.state,
    }  # fmt: skip


@router.post(
    "",
    status_code=201,
    summary="Open a batch with its manifest",
    responses=problems(409) | shows(HEADING | {"state": "open"}, status=201),
    openapi_extra=needs(Permission.PUSH_EXTRACTS),
)
def open_batch(body: ManifestBody, act: Pusher) -> Response:
    """The run id makes it safe to repeat: same run and content, same batch (200); other content, 409."""
    batch, fresh = ingest.open_batch(act.session, body.manifest(), by=act.user, at=act.now)
    return Response(dump(_heading(batch)), 201 if fresh else 200, media_type="application/json")


@router.put(
    "/{batch_id}/datasets/{name}",
    summary="Send one dataset",
    responses=problems(404, 413) | shows(HEADING | {"state": "open"}),
    openapi_extra=needs(Permission.PUSH_EXTRACTS)
    | {
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("text/csv", "application/x-ndjson", "application/octet-stream")
            },
        }
    },
)
def put_dataset(
    batch_id: BatchId, name: Annotated[str, Path(max_length=80)], content: RawBody, act: Pusher
) -> Response:
    """The bytes declared in the manifest, as CSV or NDJSON. Sending them again changes nothing."""
    batch = ingest.put_dataset(act.session, batch_id, name, content, by=act.user, at=act.now)
    detail = {"batch_id": batch.batch_id, "bytes": len(content)}
    audit.note(act.session, "ingest.dataset", by=act.user.user_id, at=act.now, detail=detail)
    return Response(dump(_heading(batch)), media_type="application/json")


@router.post(
    "/{batch_id}/plan",
    summary="What applying a batch would do",
    responses=problems(404, 409) | shows(REPORT | {"state": "planned"}),
    openapi_extra=needs(Permission.PUSH_EXTRACTS),
)
def plan(batch_id: BatchId, look: Annotated[Look, looking(Permission.PUSH_EXTRACTS)]) -> Response:
    """A dry run, row by row counted. Changes nothing."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        prepared = ingest.prepare(seen.session, batch_id, look.door.codes)
        return dump(ingest.plan(seen.session, prepared, at=seen.now)), []

    return Response(look.at("ingest.plan", compute), media_type="application/json")


@router.post(
    "/{batch_id}/apply",
    summary="Apply a batch",
    responses=problems(404, 409) | shows(REPORT),
    openapi_extra=needs(Permission.PUSH_EXTRACTS),
)
def apply(batch_id: BatchId, look: Annotated[Look, looking(Permission.PUSH_EXTRACTS)]) -> Response:
    """All of it or none of it, once. Rows that cannot be taken are refused one by one and named in the report."""
    codes = look.door.codes
    prepared = look.at("ingest.read", lambda seen: (ingest.prepare(seen.session, batch_id, codes), ()))
    report = look.intake(lambda act: ingest.apply(act.session, prepared, by=act.user, at=act.now))
    return Response(dump(report), media_type="application/json")


@router.get(
    "/{batch_id}/report",
    summary="What came of a batch",
    responses=problems(404) | shows(REPORT),
    openapi_extra=needs(Permission.READ_EXTRACT_REPORTS),
)
def report(batch_id: BatchId, look: Annotated[Look, looking(Permission.READ_EXTRACT_REPORTS)]) -> Response:
    """Counts per dataset, and each refused row with field, reason and what is allowed; never its value."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        return dump(ingest.report(seen.session, batch_id)), []

    return Response(look.at("read.report", compute), media_type="application/json")
