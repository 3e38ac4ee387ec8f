"""Facts entered by hand: for each kind that people own, create, correct, approve, withdraw."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Path, Response

from service.api.bodies import About, Approval, Reasoned, Sure, example_of, fact_from, of_fact, one_person
from service.api.contacts import ENTERED
from service.api.dependencies import Act, acting
from service.api.described import needs, problems, shows
from service.api.once import Key, KeyOfRetry, keep_once, once
from service.api.strict import StrictRoute
from service.domain.access import RECORDED_UNDER, Permission
from service.domain.dates import london_day
from service.domain.facts import KINDS, Contact, Fact
from service.errors import ConditionMissing
from service.operations import entries
from service.operations.lookup import somebody
from service.writers.tracker_json import dump

PATHS = {
    "contact": "contacts",
    "accommodation": "accommodation",
    "care_leaver_status": "care-leaver-statuses",
    "missing_episode": "missing-episodes",
    "child_protection_plan": "child-protection-plans",
    "cp_review": "cp-reviews",
    "pre_proceedings": "pre-proceedings",
    "care_proceedings": "care-proceedings",
    "permanence_plan": "permanence-plans",
    "cla_review": "cla-reviews",
}
Corrector = Annotated[Act, acting(Permission.CORRECT_FACT, reasoned=True)]
Withdrawer = Annotated[Act, acting(Permission.WITHDRAW_FACT, reasoned=True)]
Approver = Annotated[Act, acting(Permission.APPROVE_FACT, reasoned=True)]
FactId = Annotated[str, Path(max_length=36, description="The fact's id")]
IfMatch = Annotated[str | None, Header(max_length=80, description="The etag this had when you read it")]


@dataclass(frozen=True, slots=True)
class _Noun:
    """One kind of fact, as the API speaks of it."""

    kind: type[Fact]
    path: str
    words: str
    permission: Permission


def _create(act: Act, noun: _Noun, body: Any) -> object:
    one_person(body)
    new = fact_from(noun.kind, body)
    today = london_day(act.now)
    person = somebody(
        act.session, to=act.user, today=today, person_id=body.person_id, eclipse_id=body.eclipse_id,
        reason=act.reason, writing=True,
    )  # fmt: skip
    return entries.enter(act.session, new, person=person, by=act.user, at=act.now, confidence=body.confidence)


def as_read(if_match: str | None) -> str:
    """The etag of what was read: nobody changes what they have not seen. Raises ConditionMissing."""
    if if_match is None:
        raise ConditionMissing
    return if_match.strip('"')


def _correct(act: Act, noun: _Noun, fact_id: str, body: Any, if_match: str | None) -> Response:
    read, after = as_read(if_match), fact_from(noun.kind, body)
    done = entries.correct(act.session, fact_id, after, by=act.user, at=act.now, reason=body.reason, if_match=read)
    return _answer(done)


def _answer(done: entries.Entered) -> Response:
    return Response(dump(done), headers={"ETag": f'"{done.etag}"'}, media_type="application/json")


def _answer_once(act: Act, key: str | None, asked: object, do: Callable[[], entries.Entered]) -> Response:
    body = keep_once(act, key, asked, do, status=200).body
    return Response(body, headers={"ETag": f'"{orjson.loads(body)["etag"]}"'}, media_type="application/json")


def _add(router: APIRouter, noun: _Noun) -> None:
    name = noun.kind.__name__
    example = example_of(noun.kind)
    fields = of_fact(noun.kind, f"{name}Fields")
    extra_create = {"json_schema_extra": {"examples": [{"eclipse_id": "EDGE-001"} | example]}}
    extra_correct = {"json_schema_extra": {"examples": [example | {"reason": "The date was misread"}]}}
    new_body: Any = type(
        f"New{name}", (fields, About, Sure), {"model_config": extra_create, "__doc__": noun.kind.__doc__}
    )
    put_body: Any = type(
        f"{name}Correction", (fields, Reasoned), {"model_config": extra_correct, "__doc__": noun.kind.__doc__}
    )
    shown = ENTERED | {"kind": noun.kind.kind}
    kind = noun.kind.kind

    if noun.kind is not Contact:
        _add_create(router, noun, new_body, shown)

    @router.put(
        f"/{noun.path}/{{fact_id}}",
        summary=f"Correct {noun.words}",
        operation_id=f"correct_{kind}",
        responses=problems(404, 412, 428) | shows(shown),
        openapi_extra=needs(Permission.CORRECT_FACT),
    )
    def correct(fact_id: FactId, body: put_body, act: Corrector, if_match: IfMatch = None) -> Response:
        """Give the whole fact as it should read, with a reason. Better news waits for a second person."""
        return _correct(act, noun, fact_id, body, if_match)

    @router.post(
        f"/{noun.path}/{{fact_id}}/withdraw",
        summary=f"Withdraw {noun.words} from the wrong person",
        operation_id=f"withdraw_{kind}",
        responses=problems(404, 409, 412, 428) | shows(shown | {"counts": "withdrawn"}),
        openapi_extra=needs(Permission.WITHDRAW_FACT),
    )
    def withdraw(
        fact_id: FactId, body: Reasoned, act: Withdrawer, key: KeyOfRetry, if_match: IfMatch = None
    ) -> Response:
        """Take it out of the file; the audit keeps it, and information governance is told."""
        read = as_read(if_match)

        def do() -> entries.Entered:
            return entries.withdraw(
                act.session, kind, fact_id, by=act.user, at=act.now, reason=body.reason, if_match=read
            )  # fmt: skip

        return _answer_once(act, key, [noun.path, "withdraw", fact_id, body.model_dump()], do)

    if noun.kind is not Contact:
        _add_approve(router, noun, shown)


def _add_create(router: APIRouter, noun: _Noun, new_body: Any, shown: dict[str, Any]) -> None:
    @router.post(
        f"/{noun.path}",
        status_code=201,
        summary=f"Record {noun.words}",
        operation_id=f"record_{noun.kind.kind}",
        responses=problems(404) | shows(shown, status=201),
        openapi_extra=needs(noun.permission),
    )
    def record(body: new_body, act: Annotated[Act, acting(noun.permission, reasoned=True)], key: Key) -> Response:
        """Worse news counts at once; better news waits until somebody else approves it (`counts` says which)."""
        return once(act, key, [noun.path, body.model_dump()], lambda: _create(act, noun, body))


def _add_approve(router: APIRouter, noun: _Noun, shown: dict[str, Any]) -> None:
    @router.post(
        f"/{noun.path}/{{fact_id}}/approve",
        summary=f"Approve what waits on {noun.words}",
        operation_id=f"approve_{noun.kind.kind}",
        responses=problems(404, 409, 412, 428) | shows(shown),
        openapi_extra=needs(Permission.APPROVE_FACT),
    )
    def approve(fact_id: FactId, body: Approval, act: Approver, key: KeyOfRetry, if_match: IfMatch = None) -> Response:
        """The second person: what waits counts from now, as it was read. Never one's own entry."""
        read = as_read(if_match)

        def do() -> entries.Entered:
            return entries.approve(
                act.session, noun.kind.kind, fact_id, by=act.user, at=act.now, reason=body.reason, if_match=read,
                why=act.reason,
            )  # fmt: skip

        return _answer_once(act, key, [noun.path, "approve", fact_id, body.model_dump()], do)


def routers() -> list[APIRouter]:
    """One router per kind of fact that people own."""
    made = []
    for kind, path in PATHS.items():
        words = kind.replace("_", " ").replace("cp ", "CP ").replace("cla ", "CLA ").replace("pre ", "pre-")
        article = "" if kind in ("accommodation", "pre_proceedings", "care_proceedings") else "a "
        words = article + words
        router = APIRouter(tags=[path], route_class=StrictRoute)
        _add(router, _Noun(KINDS[kind], path, words, RECORDED_UNDER[kind]))
        made.append(router)
    return made
