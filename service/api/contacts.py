"""Contacts: log one, replay many, read one person's."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import ConfigDict, Field, StrictStr

from service.api.bodies import About, Strict, fact_from, of_fact
from service.api.dependencies import Act, AskedView, Key, Look, Seen, acting, keep_once, looking, once
from service.api.described import needs, problems, shows
from service.api.problems import problem
from service.api.strict import StrictRoute
from service.domain.access import Permission
from service.domain.facts import Accommodation, Contact
from service.errors import Refused
from service.operations import contacts, people
from service.operations.contacts import Logged, NewContact
from service.writers import words
from service.writers.tracker_json import dump

router = APIRouter(tags=["contacts"], route_class=StrictRoute)
ContactRecorder = Annotated[Act, acting(Permission.LOG_CONTACT)]
PersonReader = Annotated[Look, looking(Permission.READ_PERSON)]

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

    idempotency_key: Annotated[StrictStr, Field(min_length=1, max_length=200)]


class ContactBatch(Strict):
    """Contacts logged out of signal, replayed in order."""

    contacts: Annotated[list[KeyedContact], Field(min_length=1, max_length=200)]
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"contacts": [EXAMPLE | {"idempotency_key": "phone-7-0001"}]}]}
    )


def new_contact(body: ContactBody) -> NewContact:
    contact = fact_from(Contact, body)
    place = fact_from(Accommodation, body.accommodation) if body.accommodation else None
    assert isinstance(contact, Contact)
    assert place is None or isinstance(place, Accommodation)
    return NewContact(contact, body.person_id, body.eclipse_id, place)


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
    return once(
        act,
        key,
        body.model_dump(),
        lambda: shown(contacts.log(act.session, new_contact(body), by=act.user, at=act.now)),
    )


@router.post(
    "/contacts/batch",
    summary="Replay contacts logged out of signal",
    responses=problems() | shows({"answers": [{"idempotency_key": "phone-7-0001", "status": 201, "body": LOGGED}]}),
    openapi_extra=needs(Permission.LOG_CONTACT),
)
def log_contacts(body: ContactBatch, act: ContactRecorder) -> Response:
    """Record each contact by its own key, each whole or not at all. One answer an item, in order."""
    return Response(dump({"answers": [_answer(act, item) for item in body.contacts]}), media_type="application/json")


def _answer(act: Act, item: KeyedContact) -> dict[str, Any]:
    asked = item.model_dump(exclude={"idempotency_key"})
    try:
        with act.session.begin_nested():
            kept = keep_once(
                act, item.idempotency_key, asked,
                lambda: shown(contacts.log(act.session, new_contact(item), by=act.user, at=act.now)),
            )  # fmt: skip
    except Refused as refused:
        body = orjson.loads(problem(refused).body)
        return {"idempotency_key": item.idempotency_key, "status": refused.status, "body": body}
    return {"idempotency_key": item.idempotency_key, "status": kept.status, "body": orjson.loads(kept.body)}


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
    before: Annotated[datetime | None, Query(description="Only contacts before this moment")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Contacts made and attempted up to `as_at`, with what was said."""

    def compute(seen: Seen) -> tuple[bytes, list[str]]:
        found, listed = people.contacts(
            seen.session, to=seen.user, view=view.at(seen.now), today=seen.today, person_id=person_id,
            before=before, limit=limit,
        )  # fmt: skip
        body = {
            "person_id": found.person_id,
            "contacts": [words.fact(each, private=True) for each in listed],
            "next_before": listed[-1].occurred_at if len(listed) == limit else None,
        }
        return dump(body), [found.person_id]

    return Response(look.at("read.contacts", compute, person_id=person_id), media_type="application/json")
