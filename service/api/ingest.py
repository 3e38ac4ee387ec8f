"""Pushed extracts: manifest, datasets, plan, apply, what is held and decided, report."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Response
from pydantic import AwareDatetime, ConfigDict, Field, StrictInt, StrictStr

from service.api.bodies import Moment, Reasoned, Strict
from service.api.dependencies import Act, Look, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.receiving import receiving
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.facts import Source
from service.operations.intake import deciding, holds, ingest
from service.operations.intake.ingest import Manifest
from service.operations.intake.weighing import Declared
from service.readers.tables import MAX_ROWS
from service.store import audit
from service.store.extracts import Batch, Content
from service.writers.tracker_json import dump

router = APIRouter(prefix="/ingest/batches", tags=["ingest"], route_class=StrictRoute)
waiting_router = APIRouter(prefix="/ingest", tags=["ingest"], route_class=StrictRoute)
Pusher = Annotated[Act, acting(Permission.PUSH_EXTRACTS)]
Decider = Annotated[Look, looking(Permission.DECIDE_HELD)]
ReportReader = Annotated[Look, looking(Permission.READ_EXTRACT_REPORTS)]
DatasetBody = Annotated[Content, receiving(Permission.PUSH_EXTRACTS)]
BatchId = Annotated[str, Path(max_length=36)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=60)]

PRINTED = "^[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]+$"

HEADING = {"batch_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "profile": "ssd", "source": "eclipse",
           "run_id": "ssd-2020-07-31", "extracted_at": "2020-07-31T01:00:00+00:00"}  # fmt: skip
MANIFEST: dict[str, Any] = {
    "profile": "ssd", "run_id": "ssd-2020-07-31", "extracted_at": "2020-07-31T02:00:00+01:00",
    "datasets": [{"name": "ssd_person", "mode": "full", "rows": 1870, "sha256": "0" * 64}],
}  # fmt: skip
HELD = {
    "hold_id": "01738f2c-8a10-7c31-9d2b-3f2f0a5c1b78", "batch_id": HEADING["batch_id"], "source": "eclipse",
    "profile": "ssd", "dataset": "ssd_care_leavers", "reasons": ["table_emptied"], "changes": 860, "people": 430,
    "since": "2020-07-31T01:20:00Z", "age_hours": 7, "reminders": 0, "decides": ["head_of_service",
    "performance_analyst"], "decision": None, "decided_at": None,
}  # fmt: skip
REPORT = HEADING | {
    "state": "applied",
    "datasets": [
        {"name": "ssd_person", "mode": "full", "rows": 1870, "applied": 7, "unchanged": 1862, "held": 0, "refused": 1,
         "unusable": False, "facts": {"added": 2, "changed": 5, "closed": 0, "blanked": 0, "left_the_extract": 0,
                                      "unchanged": 1862, "held": 0}},
    ],
    "cohorts": [{"cohort": "unsuitable_accommodation", "before": 9, "after": 10, "after_if_approved": 10, "entered": 1,
                 "left": 0, "worsened": 0, "improved": 0, "became_unknown": 0}],
    "held": [HELD],
    "cohorts_foreseen": True,
    "refused": 1,
    "refusals": [{"dataset": "ssd_person", "row": 12, "field": "pers_dob", "code": "not_a_date",
                  "allowed": "YYYY-MM-DD, dd/mm/YYYY or YYYY-MM-DD HH:MM:SS, years 1901 to 2199",
                  "reason": "...", "owner": "integration"}],
}  # fmt: skip


PLANNED_ROW = {"dataset": "ssd_person", "row": 4, "kind": "person", "change": "changed", "held": False}
HELD_ROW = {"dataset": "ssd_care_leavers", "row": None, "kind": "accommodation", "change": "closed",
            "eclipse_id": "20441", "would": {"unsuitable_accommodation": "left"}}  # fmt: skip


class DatasetDeclared(Strict):
    """A dataset of the push."""

    name: Name = Field(description="Table or file name, with or without its ending", examples=["ssd_person"])
    mode: Literal["full", "delta"] = Field(default="full", description="Whether absence means gone from the extract")
    rows: Annotated[StrictInt, Field(ge=0, le=MAX_ROWS)] = Field(description="Data rows", examples=[1870])
    sha256: Annotated[StrictStr, Field(pattern="^[0-9a-f]{64}$")] = Field(description="Of the bytes to be sent")


class ManifestBody(Strict):
    """What a push says it brings."""

    profile: Literal["ssd", "cohorts"]
    run_id: Annotated[StrictStr, Field(min_length=1, max_length=200, pattern=PRINTED)] = Field(
        description="Yours, one per run"
    )
    extracted_at: Moment = Field(description="When the source was read")
    source: Literal["eclipse", "migrated"] = Field(default="eclipse", description="Spreadsheets come by /v1/uploads")
    datasets: Annotated[list[DatasetDeclared], Field(min_length=1, max_length=60)]
    model_config = ConfigDict(json_schema_extra={"examples": [MANIFEST]})

    def manifest(self) -> Manifest:
        """As the operation takes it."""
        datasets = tuple(Declared(d.name, d.mode, d.rows, d.sha256) for d in self.datasets)
        extracted_at: AwareDatetime = self.extracted_at
        return Manifest(self.profile, Source(self.source), self.run_id, extracted_at, datasets)


class DecisionBody(Reasoned):
    """Why, and for which datasets."""

    datasets: Annotated[list[Name], Field(max_length=60)] = Field(default=[], description="Left out: all that waits")
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Checked with the Eclipse team: a real purge"}]}
    )


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
    responses=problems(404, 413, 415) | shows(HEADING | {"state": "open"}),
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
    batch_id: BatchId, name: Annotated[str, Path(max_length=80)], content: DatasetBody, act: Pusher
) -> Response:
    """The bytes declared in the manifest, as CSV or NDJSON. Sending them again changes nothing.

    `Content-Encoding: gzip` is taken; the manifest's sha256 is always that of the unpacked bytes. At most 64 MiB
    as sent, 256 MiB unpacked. What comes cut short, or with another sha256, is not kept.
    """
    batch = ingest.put_dataset(act.session, batch_id, name, content, by=act.user, at=act.now)
    detail = {"batch_id": batch.batch_id, "bytes": content.size}
    audit.note(act.session, "ingest.dataset", by=act.user.user_id, at=act.now, detail=detail)
    return Response(dump(_heading(batch)), media_type="application/json")


@router.post(
    "/{batch_id}/plan",
    summary="What applying a batch would do",
    responses=problems(404, 409) | shows(REPORT | {"state": "planned", "changes": 1, "rows": [PLANNED_ROW]}),
    openapi_extra=needs(Permission.READ_EXTRACT_REPORTS),
)
def plan(batch_id: BatchId, look: ReportReader) -> Response:
    """A dry run, by row and by cohort: who would enter, leave, worsen, improve, become unknown. Changes nothing."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        prepared = ingest.prepare(seen.session, batch_id, look.door.codes)
        told, named = ingest.plan(seen.session, prepared, to=seen.user, at=seen.now)
        return dump(told), named

    return Response(look.at("ingest.plan", compute, intake=True), media_type="application/json")


@router.post(
    "/{batch_id}/apply",
    summary="Apply a batch",
    responses=problems(404, 409) | shows(REPORT),
    openapi_extra=needs(Permission.PUSH_EXTRACTS),
)
def apply(batch_id: BatchId, look: Annotated[Look, looking(Permission.PUSH_EXTRACTS)]) -> Response:
    """All of it or none of it, once, but for what is held for a person's decision.

    Rows that cannot be taken are refused one by one and named in the report. Additions and worsenings always apply.
    Of a push that only adds, the report foresees nothing (`cohorts_foreseen` false, no cohorts): its plan does.
    """
    codes = look.door.codes
    prepared = look.at("ingest.read", lambda seen: (ingest.prepare(seen.session, batch_id, codes), ()), intake=True)
    report = look.intake(lambda act: ingest.apply(act.session, prepared, by=act.user, at=act.now))
    return Response(dump(report), media_type="application/json")


@router.post(
    "/{batch_id}/approve",
    summary="Approve what of a batch was held",
    responses=problems(403, 404, 409) | shows(REPORT),
    openapi_extra=needs(Permission.DECIDE_HELD),
)
def approve(batch_id: BatchId, body: DecisionBody, look: Decider) -> Response:
    """Apply the held part as one step. Never one's own push; what has since been said otherwise is not overrun."""
    codes = look.door.codes
    prepared = look.at("ingest.read", lambda seen: (ingest.prepare(seen.session, batch_id, codes), ()), intake=True)

    def decide(act: Act) -> dict[str, Any]:
        deciding.approve(act.session, prepared, datasets=body.datasets, reason=body.reason, by=act.user, at=act.now)
        return _told(act, batch_id)

    return Response(dump(look.intake(decide)), media_type="application/json")


@router.post(
    "/{batch_id}/reject",
    summary="Reject what of a batch was held",
    responses=problems(403, 404, 409) | shows(REPORT),
    openapi_extra=needs(Permission.DECIDE_HELD),
)
def reject(batch_id: BatchId, body: DecisionBody, look: Decider) -> Response:
    """Leave what stands as it is. The next push that says the same is held again."""

    def decide(act: Act) -> dict[str, Any]:
        deciding.reject(act.session, batch_id, datasets=body.datasets, reason=body.reason, by=act.user, at=act.now)
        return _told(act, batch_id)

    return Response(dump(look.intake(decide)), media_type="application/json")


def _told(act: Act, batch_id: str) -> dict[str, Any]:
    """What came of a decision, with whom it names in the audit."""
    told, named = ingest.told(act.session, batch_id, to=act.user, at=act.now)
    detail = {"batch_id": batch_id, "seen": len(named)}
    audit.note(act.session, "read.report", by=act.user.user_id, at=act.now, people=named, detail=detail)
    return told


@router.get(
    "/{batch_id}/report",
    summary="What came of a batch",
    responses=problems(404) | shows(REPORT),
    openapi_extra=needs(Permission.READ_EXTRACT_REPORTS),
)
def report(batch_id: BatchId, look: ReportReader) -> Response:
    """Rows and facts per dataset, cohorts, what is held, and each refused row in plain words; never its value."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        told, named = ingest.told(seen.session, batch_id, to=seen.user, at=seen.now)
        return dump(told), named

    return Response(look.at("read.report", compute), media_type="application/json")


@router.get(
    "/{batch_id}/held",
    summary="What of a batch was held, row by row",
    responses=problems(404) | shows({"batch_id": HEADING["batch_id"], "held": [HELD], "rows": [HELD_ROW]}),
    openapi_extra=needs(Permission.DECIDE_HELD),
)
def held_rows(batch_id: BatchId, look: Decider) -> Response:
    """Each held change: dataset, line (none for what is gone from the file), kind, what it would do, Eclipse id."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        told, people = holds.of_batch(seen.session, batch_id, to=seen.user, at=seen.now)
        return dump(told), people

    return Response(look.at("read.held", compute), media_type="application/json")


@waiting_router.get(
    "/held",
    summary="What of the feeds waits for a decision",
    responses=problems() | shows({"held": [HELD]}),
    openapi_extra=needs(Permission.READ_EXTRACT_REPORTS),
)
def waiting(look: ReportReader) -> Response:
    """Longest first: which dataset, why, since when, how many changes and people, who decides."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        return dump({"held": holds.waiting(seen.session, at=seen.now)}), []

    return Response(look.at("read.held", compute), media_type="application/json")
