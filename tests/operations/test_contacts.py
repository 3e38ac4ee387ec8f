"""Logging a contact: bounded in time, credited to its worker, with the move learnt of in it, and none lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, func, select

from service.domain.access import Role, User
from service.domain.clocks import State
from service.domain.facts import (
    AllocationRole,
    Contact,
    ContactKind,
    ContactOutcome,
    Source,
    Unacceptable,
)
from service.domain.viewpoint import Viewpoint
from service.errors import ContactInFuture, ContactTooOld, NotFound, NotPermitted, Unprocessable
from service.operations import contacts
from service.operations.contacts import NewContact
from service.store import facts
from service.store.engine import reading, writing
from service.store.schema import FACTS, audit_entry
from tests.conftest import SetClock
from tests.council import ADVISER, CONTACTS_HEADER, MANAGER, Council, moment, somebody_who
from tests.factories import a_contact, a_place


def made(council: Council, whom: str = "P1") -> list[Contact]:
    return list(council.standing(whom, kinds=("contact",)).contacts)


def test_a_contact_counts_at_once_and_ends_the_silence(council: Council) -> None:
    """Last in touch on 25 June: over from 21 August; a call on 24 August ends it that day."""
    council.on("2020-08-24T12:00")
    row = council.row(cohort="not_in_touch")
    assert row is not None
    assert (row.finding.state, row.finding.days_over) == (State.OVER, 4)
    done = council.log(a_contact("2020-08-24T12:30:00+01:00"))
    assert (done.contact.counts, done.contact.recorded_at) == ("at_once", moment("2020-08-24T12:00"))
    assert done.accommodation is None
    assert council.row(cohort="not_in_touch") is None
    assert council.row(cohort="not_in_touch", known_at="2020-08-24T11:59:59") is not None


def test_an_attempt_ends_no_silence(council: Council) -> None:
    council.on("2020-08-24T12:00")
    council.log(a_contact("2020-08-24T12:30:00+01:00", outcome=ContactOutcome.ATTEMPTED))
    row = council.row(cohort="not_in_touch")
    assert row is not None
    assert row.card.attempted is not None
    assert (row.card.made, row.card.attempted.occurred_at) == (None, moment("2020-08-24T11:30"))


def test_a_feeds_contact_corrected_to_an_attempt_no_longer_ends_the_silence(council: Council) -> None:
    """Eclipse said that a call was answered; it was not. The correction stands over it, from then on."""
    pushed = CONTACTS_HEADER + "R1,P1,2020-08-20T09:00:00Z,phone,made\n"
    council.sheet("2020-08-21T01:00", "contacts", pushed, mode="delta")
    assert council.on("2020-08-24T12:00").row(cohort="not_in_touch") is None
    (fed,) = made(council)
    assert fed.known is not None
    tried = a_contact("2020-08-20T10:00:00+01:00", outcome=ContactOutcome.ATTEMPTED)
    council.correct(fed.known.fact_id, tried)
    row = council.row(cohort="not_in_touch")
    assert row is not None
    assert (row.finding.days_over, row.card.made) == (4, None)
    assert council.row(cohort="not_in_touch", known_at="2020-08-24T11:59:59") is None
    view = Viewpoint(date(2020, 8, 24), council.clock())
    with reading(council.engine) as session:
        listed = facts.contacts_of(session, council.id_of("P1"), view, limit=9, before=None)
    assert [each.outcome for each in listed] == [ContactOutcome.ATTEMPTED]


def test_a_contact_is_credited_to_the_worker_who_is_signed_in(council: Council) -> None:
    claimed = a_contact("2020-07-20T10:00:00+01:00", worker_ref="W2", worker_role=AllocationRole.SOCIAL_WORKER)
    council.on("2020-07-20T12:00").log(claimed)
    (logged,) = made(council)
    assert (logged.worker_ref, logged.worker_role) == ("W1", AllocationRole.PERSONAL_ADVISER)
    assert logged.known is not None
    assert (logged.known.source, logged.known.recorded_by) == (Source.API, ADVISER.user_id)


def test_a_duty_workers_contact_is_no_personal_advisers(council: Council) -> None:
    duty = somebody_who(Role.DUTY_WORKER, code="exeter_1", worker_ref="W9")
    council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00"), by=duty)
    assert [(c.worker_ref, c.worker_role) for c in made(council)] == [("W9", AllocationRole.OTHER)]


@pytest.mark.parametrize(
    ("offset", "refused"),
    [
        (timedelta(minutes=5), None),
        (timedelta(minutes=5, seconds=1), ContactInFuture),
        (-timedelta(days=366), None),
        (-timedelta(days=366, seconds=1), ContactTooOld),
    ],
)
def test_when_a_contact_may_have_been(offset: timedelta, refused: type[Unprocessable] | None, council: Council) -> None:
    at = council.on("2020-07-20T12:00").clock() + offset
    contact = a_contact(at.isoformat())
    if refused is None:
        assert council.log(contact).contact.counts == "at_once"
        return
    with pytest.raises(refused):
        council.log(contact)
    assert made(council) == []


def test_news_of_others_is_never_contact_made(council: Council) -> None:
    council.on("2020-07-20T12:00")
    with pytest.raises(Unprocessable) as wrong:
        council.log(a_contact("2020-07-20T10:00:00+01:00", contact_kind=ContactKind.THIRD_PARTY))
    assert wrong.value.fields[0][:2] == ("outcome", "always_attempted")
    assert made(council) == []


def test_a_move_learnt_of_in_a_contact_counts_with_it(council: Council) -> None:
    """The tent's first night is the contact's London day, unless another is said."""
    tent = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=None)
    done = council.on("2020-07-25T09:00").log(a_contact("2020-07-25T00:30:00+01:00"), moved=tent)
    assert done.accommodation is not None
    assert done.accommodation.counts == "at_once"
    assert council.places()[-1] == (None, "tent", date(2020, 7, 25), None)
    assert made(council)[0].occurred_at == moment("2020-07-24T23:30")


def test_a_move_that_is_refused_takes_its_contact_with_it(council: Council) -> None:
    nowhere = a_place(code="Q", suitable=None, started_on=date(2020, 7, 25))
    with pytest.raises(Unprocessable):
        council.on("2020-07-25T09:00").log(a_contact("2020-07-25T08:30:00+01:00"), moved=nowhere)
    assert made(council) == []


def test_whoever_is_out_of_scope_is_not_found(council: Council) -> None:
    council.on("2020-07-20T12:00")
    with pytest.raises(NotFound):
        council.log(a_contact("2020-07-20T10:00:00+01:00"), whom="P3")
    assert made(council, "P3") == []


def test_a_role_that_logs_no_contact_is_refused(council: Council) -> None:
    chair = somebody_who(Role.CP_CHAIR, worker_ref="W1")
    with pytest.raises(NotPermitted):
        council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00"), by=chair)


def test_the_act_is_in_the_audit_without_what_was_said(council: Council) -> None:
    council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00", voice="I am cold at night"))
    with reading(council.engine) as session:
        entry = session.execute(select(audit_entry).where(audit_entry.c.act == "log.contact")).one()
    assert (entry.by_user, entry.person_id) == (ADVISER.user_id, council.id_of("P1"))
    assert "cold" not in entry.detail
    (logged,) = made(council)
    assert logged.voice == "I am cold at night"


# --- many at once --------------------------------------------------------------------------

THREADS = 8


@pytest.mark.parametrize("each", [6, pytest.param(60, marks=pytest.mark.long)])
def test_eight_writers_at_once_lose_nothing(each: int, council: Council, engine: Engine, clock: SetClock) -> None:
    """SQLite's own back-off and READ COMMITTED both lose updates; ours may not."""
    clock.set(moment("2020-07-20T12:00"))
    begins = moment("2020-07-01T09:00")

    def log(worker: int) -> None:
        by = User(f"u{worker}", f"Demo {worker}", MANAGER.roles, MANAGER.scopes, f"W{worker}", 0)
        for n in range(each):
            contact = a_contact((begins + timedelta(minutes=worker * 1000 + n)).isoformat())
            with writing(engine, clock) as write:
                contacts.log(write.session, NewContact(contact, eclipse_id="P1"), by=by, at=write.now)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(log, range(THREADS)))
    table = FACTS["contact"]
    with reading(engine) as session:
        by_worker = session.execute(
            select(table.c.recorded_by, func.count())
            .where(table.c.superseded_at.is_(None))
            .group_by(table.c.recorded_by)
        ).all()
        entries = session.scalar(
            select(func.count()).select_from(audit_entry).where(audit_entry.c.act == "log.contact")
        )
    assert sorted(map(tuple, by_worker)) == [(f"u{n}", each) for n in range(THREADS)]
    assert entries == THREADS * each
