"""Contacts: log one, replay many, read one person's."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import ConfigDict, Field, StrictStr, ValidationError, WrapValidator

from service.api.asked import AskedView
from service.api.bodies import About, Moment, Strict, fact_from, of_fact, one_person
from service.api.denials import note_denied
from service.api.dependencies import Act, Look, Seen, acting, looking
from service.api.described import needs, problems, shows
from service.api.once import Key, keep_once, once
from service.api.problems import fields_of, problem
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.dates import london_day
from service.domain.facts import Accommodation, Contact
from service.domain.soundness import faults
from service.errors import Invalid, Refused, Unprocessable
from service.operations import contacts, people
from service.operations.contacts import Logged, NewContact
from service.operations.lookup import telling_whom
from service.writers import words
from service.writers.tracker_json import dump

router = APIRouter(tags=["contacts"], route_class=StrictRoute)
ContactRecorder = Annotated[Act, acting(Permission.LOG_CONTACT, reasoned=True)]
PersonReader = Annotated[Look, looking(Permission.READ_PERSON, reasoned=True)]

LONGEST_KEY = 200
_Contact = of_fact(Contact, "ContactFields")
PlaceChange = of_fact(Accommodation, "AccommodationFields")

EXAMPLE: dict[str, Any] = {
    "eclipse_id": "EDGE-001",
    "occurred_at": "2020-07-30T14:05:00+01:00",
    "contact_kind": "phone",
    "outcome": "made",
    "voice": "Says the new place is quiet",
}
ENTERED = {
    "kind": "contact",
    "fact_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77",
    "person_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10",
    "counts": "at_once", "recorded_at": "2020-07-30T13:05:04Z", "etag": "9b1f0c",
}  # fmt: skip
LOGGED = {"contact": ENTERED, "accommodation": None}


class ContactBody(_Contact, About):  # type: ignore[misc, valid-type]
    """A contact, made or attempted, with the change of accommodation that came with it."""

    accommodation: PlaceChange | None = Field(default=None, description="A move learnt of in this contact")  # type: ignore[valid-type]
    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


class KeyedContact(ContactBody):
    """A contact with the key it would have had alone."""

    idempotency_key: Annotated[StrictStr, Field(min_length=1, max_length=LONGEST_KEY)]


@dataclass(frozen=True, slots=True)
class Unfit:
    """An item of a batch that is no contact: its key, if it has one, and what is wrong with it."""

    idempotency_key: str | None
    refused: Refused


def _item(value: object, read: Callable[[object], KeyedContact]) -> KeyedContact | Unfit:
    """One item, or why it is none: what a phone wrote wrongly must not keep the rest from being recorded."""
    try:
        return read(value)
    except ValidationError as error:
        key = value.get("idempotency_key") if isinstance(value, dict) else None
        fields = [
            (each["path"], each["code"], each["allowed"])
            for each in fields_of(error.errors(include_url=False, include_input=False), within_body=True)
        ]
        fits = isinstance(key, str) and 1 <= len(key) <= LONGEST_KEY
        return Unfit(key if fits else None, Invalid(*fields))


class ContactBatch(Strict):
    """Contacts logged out of signal, replayed in order."""

    contacts: Annotated[list[Annotated[KeyedContact, WrapValidator(_item)]], Field(min_length=1, max_length=200)]
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"contacts": [EXAMPLE | {"idempotency_key": "phone-7-0001"}]}]}
    )


def new_contact(body: ContactBody) -> NewContact:
    """The contact a body says."""
    contact = fact_from(Contact, body)
    place = fact_from(Accommodation, body.accommodation) if body.accommodation else None
    assert isinstance(contact, Contact)
    assert place is None or isinstance(place, Accommodation)
    return NewContact(contact, body.person_id, body.eclipse_id, place)


def _log(act: Act, body: ContactBody) -> dict[str, Any]:
    one_person(body)
    new = new_contact(body)
    if new.accommodation is not None:
        day = new.accommodation.started_on or london_day(new.contact.occurred_at)
        found = faults(replace(new.accommodation, started_on=day), at=act.now)
        if found:
            raise Unprocessable(*[(f"accommodation.{name}", code, allowed) for name, code, allowed in found])
    return shown(contacts.log(act.session, new, by=act.user, at=act.now, why=act.reason))


def _may_log(act: Act, person_id: str, _answer: bytes) -> object:
    return contacts.whom(act.session, person_id, None, by=act.user, at=act.now, why=act.reason)


def shown(logged: Logged) -> dict[str, Any]:
    """What became of a contact."""
    return {"contact": logged.contact, "accommodation": logged.accommodation}


@router.post(
    "/contacts",
    status_code=201,
    summary="Log a contact",
    responses=problems(404) | shows(LOGGED, status=201),
    openapi_extra=needs(Permission.LOG_CONTACT),
)
def log_contact(body: ContactBody, act: ContactRecorder, key: Key) -> Response:
    """Record a contact, made or attempted. Clocks that turn on contact restart at once."""
    return once(act, key, body.model_dump(), lambda: _log(act, body), still=_may_log)


@router.post(
    "/contacts/batch",
    summary="Replay contacts logged out of signal",
    responses=problems() | shows({"answers": [{"idempotency_key": "phone-7-0001", "status": 201, "body": LOGGED}]}),
    openapi_extra=needs(Permission.LOG_CONTACT),
)
def log_contacts(body: ContactBatch, act: ContactRecorder, request: Request) -> Response:
    """Record each contact by its own key, each whole or not at all. One answer an item, in order."""
    answers = [_answer(act, item, request) for item in body.contacts]
    return Response(dump({"answers": answers}), media_type="application/json")


def _answer(act: Act, item: KeyedContact | Unfit, request: Request) -> dict[str, Any]:
    if isinstance(item, Unfit):
        return _refusal(item.idempotency_key, item.refused)
    asked = item.model_dump(exclude={"idempotency_key"})
    try:
        with telling_whom(act.session), act.session.begin_nested():
            kept = keep_once(act, item.idempotency_key, asked, lambda: _log(act, item), still=_may_log)
    except Refused as refused:
        if refused.status in (403, 404, 429) or refused.about is not None:
            note_denied(act.session, request, refused, at=act.now)
        return _refusal(item.idempotency_key, refused)
    return {"idempotency_key": item.idempotency_key, "status": kept.status, "body": orjson.loads(kept.body)}


def _refusal(key: str | None, refused: Refused) -> dict[str, Any]:
    return {"idempotency_key": key, "status": refused.status, "body": orjson.loads(problem(refused).body)}


@router.get(
    "/people/{person_id}/contacts",
    summary="One person's contacts, newest first",
    responses=problems(404) | shows({"person_id": ENTERED["person_id"], "contacts": [], "next_before": None}),
    openapi_extra=needs(Permission.READ_PERSON),
)
def read_contacts(
    person_id: Annotated[str, Path(max_length=36)],
    look: PersonReader,
    view: AskedView,
    before: Annotated[Moment | None, Query(description="Only contacts before this moment")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Contacts made and attempted up to `as_at`, with what was said."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        found, listed, etags = people.contacts(
            seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, person_id=person_id,
            before=before, limit=limit, reason=seen.reason,
        )  # fmt: skip
        body = {
            "person_id": found.person_id,
            "contacts": [
                words.fact(each, private=True) | {"etag": etags.get(each.known.fact_id if each.known else "")}
                for each in listed
            ],
            "next_before": listed[-1].occurred_at if len(listed) == limit else None,
        }
        return dump(body), [found.person_id]

    return Response(look.at("read.contacts", compute, person_id=person_id), media_type="application/json")
