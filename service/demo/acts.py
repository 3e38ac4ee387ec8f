"""What demo users do between the nights: each act through the operation that the API calls for it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from service.api import contacts as contact_api
from service.api.bodies import fact_from, of_fact
from service.demo.edge_care_leavers import Entry
from service.domain.access import User
from service.domain.campaign import Answer
from service.domain.dates import london_day
from service.domain.facts import Accommodation, Confidence
from service.operations import contacts, emergency, entries, merging, referrals
from service.operations.first_load import campaigns
from service.operations.intake import deciding, ingest
from service.operations.lookup import somebody
from service.operations.merging import Named
from service.operations.referrals import NewReferral
from service.readers import mapping
from service.store import campaigns as kept
from service.store import holds, users

AccommodationBody = of_fact(Accommodation, "DemoAccommodation")


def perform(session: Session, entry: Entry, *, by: User, at: datetime) -> None:
    """Do what an entry says."""
    _ACTS[entry.act](session, entry, by, at)


def _contact(session: Session, entry: Entry, by: User, at: datetime) -> None:
    body = contact_api.ContactBody.model_validate({"eclipse_id": entry.eclipse_id, **entry.body})
    contacts.log(session, contact_api.new_contact(body), by=by, at=at)


def _accommodation(session: Session, entry: Entry, by: User, at: datetime) -> None:
    place = fact_from(Accommodation, AccommodationBody(**entry.body))
    found = somebody(session, to=by, today=london_day(at), eclipse_id=entry.eclipse_id, writing=True)
    entries.enter(session, place, person=found, by=by, at=at, confidence=Confidence.UNVERIFIED)


def _merge(session: Session, entry: Entry, by: User, at: datetime) -> None:
    keep, other = (Named(eclipse_id=each) for each in (entry.eclipse_id, str(entry.body["merge"])))
    merging.merge(session, keep=keep, other=other, reason=_reason(entry), although_births_differ=False, by=by, at=at)


def _release(session: Session, entry: Entry, by: User, at: datetime) -> None:
    merging.release(session, entry.eclipse_id, reason=_reason(entry), by=by, at=at)


def _campaign(session: Session, entry: Entry, by: User, at: datetime) -> None:
    campaigns.start(session, str(entry.body["topic"]), reason=_reason(entry), by=by, at=at)


def _answer(session: Session, entry: Entry, by: User, at: datetime) -> None:
    [running] = [each for each in kept.every(session) if each.superseded_at is None]
    said = Answer(str(entry.body["answer"]))
    campaigns.answer(
        session, running.campaign_id, said, reason=_reason(entry), by=by, at=at, eclipse_id=entry.eclipse_id
    )  # fmt: skip


def _approve(session: Session, entry: Entry, by: User, at: datetime) -> None:
    for batch_id in _waiting(session, entry):
        prepared = ingest.prepare(session, batch_id, mapping.load())
        deciding.approve(session, prepared, datasets=[_dataset(entry)], reason=_reason(entry), by=by, at=at)


def _reject(session: Session, entry: Entry, by: User, at: datetime) -> None:
    for batch_id in _waiting(session, entry):
        deciding.reject(session, batch_id, datasets=[_dataset(entry)], reason=_reason(entry), by=by, at=at)


def _waiting(session: Session, entry: Entry) -> set[str]:
    return {each.batch_id for each in holds.waiting(session) if each.dataset == _dataset(entry)}


def _referral(session: Session, entry: Entry, by: User, at: datetime) -> None:
    to = users.find_user_by_name(session, str(entry.body["to"]))
    ends_on = london_day(at) + timedelta(days=int(str(entry.body["days"])))
    new = NewReferral(to.user_id if to else "", ends_on, _reason(entry), eclipse_id=entry.eclipse_id)
    referrals.refer(session, new, by=by, at=at)


def _emergency(session: Session, entry: Entry, by: User, at: datetime) -> None:
    opened = emergency.open_one(session, eclipse_id=entry.eclipse_id, reason=_reason(entry), by=by, at=at)
    emergency.card_of(session, opened.person_id, reason=_reason(entry), to=by, at=at)


def _dataset(entry: Entry) -> str:
    return str(entry.body["dataset"])


def _reason(entry: Entry) -> str:
    return str(entry.body["reason"])


_ACTS: dict[str, Callable[[Session, Entry, User, datetime], Any]] = {
    "contact": _contact,
    "accommodation": _accommodation,
    "merge": _merge,
    "release": _release,
    "campaign": _campaign,
    "answer": _answer,
    "approve": _approve,
    "reject": _reject,
    "referral": _referral,
    "emergency": _emergency,
}
