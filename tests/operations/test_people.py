"""People in scope: a page of them, one whole with every clock, one over time, contacts newest first."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from service.domain.access import Role, User
from service.domain.clocks import State
from service.domain.facts import Unacceptable
from service.domain.tracker import BLANK
from service.domain.viewpoint import Viewpoint
from service.errors import NotFound, NotPermitted, ReasonMissing, Unprocessable
from service.operations import entries, people
from service.operations.people import Event, Page, Whole
from service.store import facts
from service.store.engine import reading
from tests.council import ADVISER, DIRECTOR, HEAD, MANAGER, PEOPLE, PEOPLE_HEADER, Council, moment, somebody_who
from tests.factories import a_contact, a_place

TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 10))
FLAT = a_place(code="U", suitable=None, started_on=date(2020, 7, 28))
Do = Callable[..., Any]


def read(council: Council, do: Do, *, to: User = DIRECTOR, known_at: str | None = None, **options: Any) -> Any:
    now = council.clock()
    view = Viewpoint(now.date(), moment(known_at) if known_at else now)
    with reading(council.engine) as session:
        return do(session, to=to, view=view, today=now.date(), **options)


def page(council: Council, **options: Any) -> Page:
    found: Page = read(council, people.page, **options)
    return found


def one(council: Council, whom: str = "P1", **options: Any) -> Whole:
    found: Whole = read(council, people.one, eclipse_id=whom, **options)
    return found


def timeline(council: Council, whom: str = "P1", **options: Any) -> list[Event]:
    _, events = read(council, people.timeline, person_id=council.id_of(whom), **options)
    return list(events)


# --- a page --------------------------------------------------------------------------------


def test_pages_follow_each_other_and_hold_everybody_once(council: Council) -> None:
    council.on("2020-07-31T08:00")
    seen: list[str | None] = []
    after = None
    for _ in range(3):
        found = page(council, limit=1, after=after)
        seen += [card.eclipse_id for card in found.cards]
        after = found.after
    assert sorted(map(str, seen)) == ["P1", "P2", "P3"]
    assert after is None


def test_a_card_says_who_where_and_whose(council: Council) -> None:
    council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00"))
    (card,) = page(council.on("2020-07-31T08:00"), to=ADVISER).cards
    assert (card.eclipse_id, card.name, card.age) == ("P1", "Rowan Demo-Ashford", 19)
    assert (card.team, card.locality, card.service) == ("Care leavers Exeter 1", "Exeter", "Corporate parenting")
    assert card.owner == "A. Demo-Adviser"
    assert card.made is not None
    assert card.made.occurred_at == moment("2020-07-20T09:00")


def test_a_restricted_person_of_the_scope_is_a_blank_card(council: Council) -> None:
    council.on("2020-07-31T08:00").restrict("P1")
    assert [card for card in page(council, to=HEAD).cards if card.restricted] == [BLANK]
    assert page(council, to=MANAGER).cards == (BLANK,)
    assert len(page(council).cards) == 3


def test_a_page_is_only_of_the_scope(council: Council) -> None:
    council.on("2020-07-31T08:00")
    assert [c.eclipse_id for c in page(council, to=somebody_who(Role.AREA_MANAGER, code="north_a")).cards] == ["P3"]
    assert page(council, to=somebody_who(Role.TEAM_MANAGER, code="nowhere")) == Page((), (), None)


@pytest.mark.parametrize("role", [Role.LEAD_MEMBER, Role.ADMINISTRATOR, Role.INTEGRATION])
def test_a_role_without_sight_of_people_gets_no_page(role: Role, council: Council) -> None:
    with pytest.raises(NotPermitted):
        page(council, to=somebody_who(role))


# --- one -----------------------------------------------------------------------------------


def test_one_person_has_every_clock_also_those_within_limits(council: Council) -> None:
    whole = one(council.on("2020-07-31T08:00"))
    clocks = {clock.cohort: clock for clock in whole.clocks}
    assert clocks["not_in_touch"].state is State.WITHIN
    assert clocks["not_in_touch"].due_on == date(2020, 8, 20), "56 days after 25 June"
    assert "unsuitable_accommodation" not in clocks
    council.enter(TENT)
    assert one(council).clocks[0].cohort == "unsuitable_accommodation", "danger comes first"


def test_what_waits_is_shown_apart_and_not_counted(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-28T15:00").enter(FLAT)
    whole = one(council)
    assert [a.unacceptable for a in whole.facts.accommodations if a.ended_on is None] == [Unacceptable.TENT]
    assert sorted((p.code or "", p.ended_on) for p in whole.facts.proposed) == [("", date(2020, 7, 28)), ("U", None)]


def test_the_etag_shown_is_the_one_a_correction_needs(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    etag = one(council).etags[tent.fact_id]
    assert etag == tent.etag
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 10))
    council.correct(tent.fact_id, sofa, if_match=etag)
    with reading(council.engine) as session:
        now = entries.etag_of(facts.of_fact(session, "accommodation", tent.fact_id))
    assert one(council).etags[tent.fact_id] == now != etag


def test_an_allocation_ends_with_its_worker(council: Council) -> None:
    workers = "worker_id,name,role,team_id,started_on,ended_on\nW1,A. Demo-Adviser,PA,exeter_1,,2020-07-20\n"
    council.sheet("2020-07-21T09:00", "workers", workers)
    whole = one(council)
    assert [(a.worker_ref, a.ended_on) for a in whole.facts.allocations] == [("W1", date(2020, 7, 20))]
    assert whole.card.owner is None
    assert "unallocated" in {clock.cohort for clock in whole.clocks if clock.state is State.OVER}


def test_a_restricted_person_is_whole_to_whoever_may_open_the_record(council: Council) -> None:
    council.on("2020-07-31T08:00").restrict("P1")
    for to, reason in ((ADVISER, None), (MANAGER, None), (HEAD, "A complaint to answer")):
        assert one(council, to=to, reason=reason).card.name == "Rowan Demo-Ashford"
    with pytest.raises(ReasonMissing):
        one(council, to=HEAD)
    for do in (one, timeline):
        with pytest.raises(NotFound):
            do(council, to=somebody_who(Role.DUTY_WORKER, code="exeter_1"), reason="A complaint to answer")


def test_somebody_elses_person_is_not_found(council: Council) -> None:
    council.on("2020-07-31T08:00")
    for do in (one, timeline):
        with pytest.raises(NotFound):
            do(council, "P3", to=MANAGER)


# --- over time -----------------------------------------------------------------------------


def test_the_timeline_keeps_every_version_in_the_order_we_learnt_it(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 10))
    council.on("2020-07-25T10:00").correct(tent.fact_id, sofa)
    events = timeline(council)
    assert [e.recorded_at for e in events] == sorted(e.recorded_at for e in events)
    of_tent = [e for e in events if e.fact.known and e.fact.known.fact_id == tent.fact_id]
    assert [(e.recorded_at, e.superseded_at) for e in of_tent] == [
        (moment("2020-07-24T15:00"), moment("2020-07-25T10:00")),
        (moment("2020-07-25T10:00"), None),
    ]
    then = timeline(council, known_at="2020-07-25T09:00")
    assert [e.superseded_at for e in then if e.fact.known and e.fact.known.fact_id == tent.fact_id] == [None]


def test_what_was_withdrawn_is_out_of_the_timeline(council: Council) -> None:
    logged = council.on("2020-07-26T10:00").log(a_contact("2020-07-26T09:00:00+00:00")).contact
    assert [e.fact.kind for e in timeline(council)].count("contact") == 1
    council.on("2020-07-26T11:00").withdraw(logged)
    assert [e.fact.kind for e in timeline(council)].count("contact") == 0


def test_the_timeline_as_known_then_ends_then(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-31T08:00")
    late = moment("2020-07-24T14:59:59")
    assert max(e.recorded_at for e in timeline(council, known_at=late.isoformat())) < late
    assert len(timeline(council)) == len(timeline(council, known_at=late.isoformat())) + 2


# --- contacts ------------------------------------------------------------------------------


def test_contacts_come_newest_first_and_page_on(council: Council) -> None:
    for day in (3, 10, 17):
        council.on(f"2020-07-{day:02}T12:00").log(a_contact(f"2020-07-{day:02}T10:00:00+01:00"))
    person_id = council.id_of("P1")

    def listed(**options: Any) -> list[int]:
        _, found, _ = read(council, people.contacts, person_id=person_id, **({"before": None, "limit": 10} | options))
        return [c.occurred_at.day for c in found]

    assert listed() == [17, 10, 3]
    assert listed(limit=2) == [17, 10]
    assert listed(before=moment("2020-07-10T09:00")) == [3]
    assert listed(known_at="2020-07-11T00:00") == [10, 3]


@pytest.mark.parametrize("cursor", ["", "0", "ffffffff-ffff-7fff-bfff-ffffffffffff", "P1"])
def test_a_page_begins_after_nobody_made_up(cursor: str, council: Council) -> None:
    with pytest.raises(Unprocessable):
        page(council, after=cursor)


def test_a_page_begins_after_nobody_out_of_scope(council: Council) -> None:
    """Else the answers to a row of guesses would tell who is in another team."""
    with pytest.raises(Unprocessable):
        page(council, to=MANAGER, after=council.id_of("P3"))
    assert page(council, to=MANAGER, after=council.id_of("P1")).cards == ()


def test_people_introduced_later_come_on_the_last_page(council: Council) -> None:
    council.on("2020-07-20T01:00")
    late = PEOPLE_HEADER + PEOPLE + "P4,Dart,Demo-Exe,2001-05-01,north_1,2019-05-01\n"
    council.push("cohorts", {"people": late})
    council.clock.advance(minutes=timedelta(hours=1).seconds / 60)
    assert page(council, limit=4).people[-1] == council.id_of("P4")
