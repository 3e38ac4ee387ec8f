"""Two Eclipse ids that are one person, and an Eclipse id that became somebody else's."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field, StrictBool

from service.api.bodies import About, Id, Reasoned
from service.api.dependencies import Act, Look, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.once import Key, KeyOfRetry, once
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.errors import Unprocessable
from service.operations import merging
from service.operations.merging import Merged, Named
from service.store.merges import Merge
from service.writers.tracker_json import dump

router = APIRouter(prefix="/people", tags=["people"], route_class=StrictRoute)
Merger = Annotated[Act, acting(Permission.MERGE_PEOPLE, sight=True, reasoned=True)]

KEPT, OTHER = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "01738b11-2f00-7c44-8e21-0c1e7d9a4f11"
ASKED: dict[str, Any] = {
    "keep": {"eclipse_id": "EDGE-001"},
    "merge": {"eclipse_id": "EDGE-002"},
    "reason": "Registered twice",
}
MERGE = {
    "merge_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77", "person_id": KEPT, "merged_person_id": OTHER,
    "reason": "Registered twice", "merged_by": "u-204", "recorded_at": "2020-07-30T13:05:04Z",
    "undone_at": None, "undone_by": None, "undone_reason": None,
}  # fmt: skip
LISTED = {"merges": [MERGE | {"eclipse_id": "EDGE-001", "merged_eclipse_id": "EDGE-002"}]}


class MergeBody(Reasoned):
    """Who is kept, and whose record is read as theirs from now on."""

    keep: About = Field(description="The person whose ids and names stand")
    merge: About = Field(description="The other record of the same person")
    although_births_differ: StrictBool = Field(
        default=False, description="Somebody has checked: one of the two dates of birth is wrong"
    )
    model_config = ConfigDict(json_schema_extra={"examples": [ASKED]})


class ReleaseBody(Reasoned):
    """An Eclipse id that means somebody else now."""

    eclipse_id: Id = Field(description="Eclipse's id", examples=["EDGE-001"])
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"eclipse_id": "EDGE-001", "reason": "Eclipse gave it to another child"}]}
    )


def _named(body: About, path: str) -> Named:
    if (body.person_id is None) is (body.eclipse_id is None):
        raise Unprocessable(
            *[(f"{path}.{name}", "one_of", "one of person_id and eclipse_id") for name in About.model_fields]
        )
    return Named(body.person_id, body.eclipse_id)


def _shown(merge: Merge) -> dict[str, Any]:
    return {
        "merge_id": merge.merge_id,
        "person_id": merge.into_person_id,
        "merged_person_id": merge.from_person_id,
        "reason": merge.reason,
        "merged_by": merge.merged_by,
        "recorded_at": merge.recorded_at,
        "undone_at": merge.superseded_at,
        "undone_by": merge.undone_by,
        "undone_reason": merge.undone_reason,
    }


def _listed(merged: Merged) -> dict[str, Any]:
    return _shown(merged.merge) | {"eclipse_id": merged.eclipse_id, "merged_eclipse_id": merged.merged_eclipse_id}


@router.post(
    "/merge",
    status_code=201,
    summary="Say that two records are one person",
    responses=problems(404, 409) | shows(MERGE, status=201),
    openapi_extra=needs(Permission.MERGE_PEOPLE),
)
def merge_people(body: MergeBody, act: Merger, key: Key) -> Response:
    """From now on the two are one row, one page and one count. No fact and no id is moved, so it can be undone."""

    def do() -> dict[str, Any]:
        made = merging.merge(
            act.session, keep=_named(body.keep, "keep"), other=_named(body.merge, "merge"), reason=body.reason,
            although_births_differ=body.although_births_differ, by=act.user, at=act.now,
        )  # fmt: skip
        return _shown(made)

    return once(act, key, ["people/merge", body.model_dump()], do)


@router.post(
    "/merge/{merge_id}/undo",
    summary="Say that they are two people after all",
    responses=problems(404, 409) | shows(MERGE | {"undone_at": "2020-07-31T08:00:00Z", "undone_by": "u-204"}),
    openapi_extra=needs(Permission.MERGE_PEOPLE),
)
def undo_merge(
    merge_id: Annotated[str, Path(max_length=36, description="The merge's id")],
    body: Reasoned,
    act: Merger,
    key: KeyOfRetry,
) -> Response:
    """Each is shown again with all that was recorded under their own ids, while they were merged too."""

    def do() -> dict[str, Any]:
        return _shown(merging.undo(act.session, merge_id, reason=body.reason, by=act.user, at=act.now))

    return once(act, key, ["people/merge/undo", merge_id, body.model_dump()], do, status=200)


@router.get(
    "/merges",
    summary="Merges of people in your scope",
    responses=problems() | shows(LISTED),
    openapi_extra=needs(Permission.MERGE_PEOPLE),
)
def read_merges(look: Annotated[Look, looking(Permission.MERGE_PEOPLE)]) -> Response:
    """Those that stand and those undone, the newest first, as far as you may open both people."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        found = merging.listed(seen.session, to=seen.user, today=seen.today)
        people = [p for each in found for p in (each.merge.into_person_id, each.merge.from_person_id)]
        return dump({"merges": [_listed(each) for each in found]}), people

    return Response(look.at("read.merges", compute), media_type="application/json")


@router.post(
    "/identifiers/release",
    summary="Say that Eclipse gave an id to somebody else",
    responses=problems(404) | shows({"eclipse_id": "EDGE-001", "person_id": KEPT}),
    openapi_extra=needs(Permission.MERGE_PEOPLE),
)
def release_identifier(body: ReleaseBody, act: Merger, key: Key) -> Response:
    """Who had it keeps their facts and is found by `person_id`; the next push introduces a new person under the id."""

    def do() -> dict[str, str]:
        person_id = merging.release(act.session, body.eclipse_id, reason=body.reason, by=act.user, at=act.now)
        return {"eclipse_id": body.eclipse_id, "person_id": person_id}

    return once(act, key, ["people/identifiers/release", body.model_dump()], do, status=200)
