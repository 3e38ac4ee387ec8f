"""No worker alone lowers danger or takes a young person out of a count, whichever way they try; two people can."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from service.domain.facts import (
    Accommodation,
    Basis,
    CareLeaverStatus,
    Eligibility,
    Fact,
    InTouch,
    MissingEpisode,
    MissingKind,
    SupportAt21,
    Unacceptable,
)
from service.errors import Refused
from service.operations.entries import Entered
from tests.council import DIRECTOR, HEAD, MANAGER, PEOPLE_HEADER, SPELLS_HEADER, Council, leaver
from tests.factories import a_contact, a_place, a_status, day, missing

TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=day("2020-07-10"))
FLAT = a_place(code="U", suitable=None, started_on=day("2020-07-28"))
JUDGED = a_place(code="U", suitable=True, judged_on=day("2020-07-29"), started_on=day("2020-07-28"))
ABROAD = a_place(code="G", suitable=None, started_on=day("2020-07-28"))
REST = (leaver("P2"), leaver("P3"))
OTHERWISE = {"contested", "sources_disagree"}
Begin = Callable[[Council], str]
"""Brings about what the tracker shows of P1; the id of the fact that says so."""
Try = Callable[[Council, str], Entered]


def living_in_a_tent(council: Council) -> str:
    return council.on("2020-07-24T15:00").enter(TENT).fact_id


def fed(row: str) -> Begin:
    """Eclipse says so from 20 July."""

    def begin(council: Council) -> str:
        council.night("2020-07-20T01:00", row, *REST)
        return fact_id_of(council.standing().accommodations[-1])

    return begin


def judged_unsuitable(council: Council) -> str:
    council.sheet("2020-07-20T09:00", "accommodation", SPELLS_HEADER + "S1,P1,K,no,2020-06-01,,2020-06-02,\n")
    return fact_id_of(next(place for place in council.standing().accommodations if place.code == "K"))


def missing_now(council: Council) -> str:
    return council.on("2020-07-30T09:00").enter(missing("2020-07-29")).fact_id


def of_21_and_silent(council: Council) -> str:
    """Aged 21, supported, to be in touch every 14 days, last on 25 June: a manager has written it down."""
    older = PEOPLE_HEADER + "P1,Rowan,Demo-Ashford,1999-02-14,exeter_1,2019-02-14\n"
    council.sheet("2020-07-02T09:00", "people", older, mode="delta")
    held = council.standing().care_leaver_statuses[-1]
    after = replace(held, support_at_21=SupportAt21.RECEIVING, contact_interval_days=14)
    return council.correct(fact_id_of(held), after, by=HEAD).fact_id


def declined(council: Council) -> str:
    said = council.on("2020-07-21T09:00").enter(a_status(in_touch=InTouch.REFU, started_on=day("2020-07-20")))
    return council.on("2020-07-22T09:00").approve(said).fact_id


def said_not_in_touch(council: Council) -> str:
    said = a_status(in_touch=InTouch.NO, started_on=day("2020-07-20"))
    return council.on("2020-07-21T09:00").enter(said).fact_id


def fact_id_of(fact: Fact) -> str:
    assert fact.known is not None
    return fact.known.fact_id


def corrected(**changes: Any) -> Try:
    """The whole fact as it stands, but for these fields."""

    def act(council: Council, fact_id: str) -> Entered:
        facts = council.standing(kinds=("accommodation", "care_leaver_status", "missing_episode"))
        every = (*facts.accommodations, *facts.care_leaver_statuses, *facts.missing_episodes)
        held = next(fact for fact in every if fact_id_of(fact) == fact_id)
        return council.correct(fact_id, replace(held, **changes))

    return act


def entered(new: Fact) -> Try:
    return lambda council, _: council.enter(new)


def status(**changes: Any) -> Try:
    """A new status, saying only what is new in it."""
    return entered(CareLeaverStatus(started_on=day("2020-07-30"), **changes))


def moved_in_a_contact(council: Council, _: str) -> Entered:
    logged = council.log(a_contact("2020-07-30T10:00:00+01:00"), moved=FLAT)
    assert logged.accommodation is not None
    return logged.accommodation


def shown(council: Council) -> tuple[Any, ...]:
    """All that the tracker says of P1 and counts, but for what it rests on and that somebody says otherwise."""
    tracker = council.tracker(to=DIRECTOR)
    mine = [
        replace(row.finding, facts=(), flags=tuple(f for f in row.finding.flags if f not in OTHERWISE))
        for table in tracker.tables
        for row in table.rows
        if row.card.eclipse_id == "P1"
    ]
    danger = [(d.cohorts, d.missing_since) for d in tracker.danger if d.card.eclipse_id == "P1"]
    return mine, danger, [(t.cohort.code, t.count, t.of) for t in tracker.tables]


NEW_IN_TOUCH = {"in_touch": InTouch.YES, "in_touch_on": day("2020-07-30")}
PATHS: dict[str, tuple[Begin, Try]] = {
    "a tent, judged suitable": (living_in_a_tent, corrected(code="U", unacceptable=None, suitable=True,
                                                            judged_on=day("2020-07-29"))),
    "a tent, ended": (living_in_a_tent, corrected(ended_on=day("2020-07-29"))),
    "a tent, of a later day": (living_in_a_tent, corrected(started_on=day("2020-07-23"))),
    "a tent, of no day": (living_in_a_tent, corrected(started_on=None)),
    "a tent, without the flag": (living_in_a_tent, corrected(code="U", unacceptable=None)),
    "a tent, not known after all": (living_in_a_tent, corrected(code="R", unacceptable=None)),
    "a tent, then a flat": (living_in_a_tent, entered(FLAT)),
    "a tent, then a flat judged suitable": (living_in_a_tent, entered(JUDGED)),
    "a tent, then a flat from before it": (living_in_a_tent, entered(replace(FLAT, started_on=day("2020-07-09")))),
    "a tent, then abroad": (living_in_a_tent, entered(ABROAD)),
    "a tent, then a flat learnt of in a contact": (living_in_a_tent, moved_in_a_contact),
    "judged unsuitable, judged suitable": (judged_unsuitable, corrected(suitable=True, judged_on=day("2020-07-29"))),
    "judged unsuitable, not judged": (judged_unsuitable, corrected(suitable=None, judged_on=None)),
    "judged unsuitable, ended": (judged_unsuitable, corrected(ended_on=day("2020-07-29"))),
    "custody, other code": (fed(leaver("P1", "X", "")), corrected(code="U")),
    "emergency accommodation, judged suitable": (fed(leaver("P1", "V", "")), corrected(suitable=True,
                                                                                   judged_on=day("2020-07-29"))),
    "not known, abroad": (fed(leaver("P1", "R", "")), entered(ABROAD)),
    "not known, corrected to abroad": (fed(leaver("P1", "R", "")), corrected(code="G")),
    "not known, corrected to a place judged suitable": (
        fed(leaver("P1", "R", "")), corrected(code="U", suitable=True, judged_on=day("2020-07-29")),
    ),
    "not judged, its day first seen written down as a move": (
        fed(leaver("P1", "K", "")), corrected(started_on_basis=Basis.RECORDED),
    ),
    "missing, found": (missing_now, corrected(ended_on=day("2020-07-30"))),
    "missing, only away": (missing_now, corrected(missing_kind=MissingKind.AWAY)),
    "missing, of a later day": (missing_now, corrected(started_on=day("2020-07-30"))),
    **{
        f"silent, {said.value}": (of_21_and_silent, status(in_touch=said))
        for said in (InTouch.DIED, InTouch.REFU, InTouch.RHOM, InTouch.NREQ)
    },
    **{
        f"silent, corrected to {said.value}": (of_21_and_silent, corrected(in_touch=said))
        for said in (InTouch.DIED, InTouch.REFU, InTouch.RHOM, InTouch.NREQ)
    },
    "silent, in touch on a day without a contact": (of_21_and_silent, status(**NEW_IN_TOUCH)),
    "silent, corrected to a day without a contact": (of_21_and_silent, corrected(**NEW_IN_TOUCH)),
    "silent, in touch on no day": (of_21_and_silent, corrected(in_touch_on=None)),
    "silent, support not wanted": (of_21_and_silent, status(support_at_21=SupportAt21.NOT_WANTED)),
    "silent, corrected to support not wanted": (of_21_and_silent, corrected(support_at_21=SupportAt21.NOT_WANTED)),
    "silent, eligibility none": (of_21_and_silent, status(eligibility=Eligibility.NONE)),
    "silent, eligibility qualifying": (of_21_and_silent, corrected(eligibility=Eligibility.QUALIFYING)),
    "silent, eligibility eligible": (of_21_and_silent, corrected(eligibility=Eligibility.ELIGIBLE)),
    "silent, eligibility blank": (of_21_and_silent, corrected(eligibility=None)),
    "silent, a longer interval": (of_21_and_silent, status(contact_interval_days=56)),
    "silent, a blank interval": (of_21_and_silent, corrected(contact_interval_days=None)),
    "silent, ended": (of_21_and_silent, corrected(ended_on=day("2020-07-29"))),
    "declined, in touch": (declined, status(**NEW_IN_TOUCH)),
    "declined, blank": (declined, corrected(in_touch=None)),
    "declined, no longer required": (declined, corrected(in_touch=InTouch.NREQ)),
    "declined, of a later day": (declined, corrected(started_on=day("2020-07-21"))),
    "declined, of a day before the last contact": (declined, corrected(started_on=day("2020-06-24"))),
    "declined, and not in touch since before the last contact": (
        declined, entered(a_status(in_touch=InTouch.NO, started_on=day("2020-06-24"))),
    ),
    "declined, ended": (declined, corrected(ended_on=day("2020-07-29"))),
    "not in touch, in touch": (said_not_in_touch, corrected(**NEW_IN_TOUCH)),
    "not in touch, blank": (said_not_in_touch, corrected(in_touch=None)),
    "not in touch, declined": (said_not_in_touch, status(in_touch=InTouch.REFU)),
    "not in touch, of a day before the last contact": (said_not_in_touch, corrected(started_on=day("2020-06-24"))),
    "not in touch, ended": (said_not_in_touch, corrected(ended_on=day("2020-07-29"))),
}  # fmt: skip
every_path = pytest.mark.parametrize(("begin", "attempt"), PATHS.values(), ids=PATHS)


@every_path
def test_one_worker_changes_nothing_that_counts_and_two_people_do(begin: Begin, attempt: Try, council: Council) -> None:
    fact_id = begin(council)
    before = shown(council.on("2020-07-31T09:00"))
    done = attempt(council.on("2020-07-31T09:10"), fact_id)
    assert done.counts in ("when_approved", "in_part")
    assert shown(council) == before
    council.on("2020-07-31T09:20").approve(done, by=MANAGER)
    assert shown(council) != before


@pytest.mark.parametrize("begin", [living_in_a_tent, missing_now, declined, said_not_in_touch])
def test_one_worker_takes_nothing_back_that_counts_and_a_manager_does(begin: Begin, council: Council) -> None:
    fact_id = begin(council)
    kind = {living_in_a_tent: Accommodation.kind, missing_now: MissingEpisode.kind}.get(begin, CareLeaverStatus.kind)
    before = shown(council.on("2020-07-31T09:00"))
    said = Entered(kind, fact_id, "", "", council.clock(), "")
    with pytest.raises(Refused):
        council.withdraw(said)
    assert shown(council) == before
    council.withdraw(said, by=MANAGER)
    assert shown(council) != before


def test_an_adviser_named_in_a_status_waits_too(council: Council) -> None:
    """P2 has no personal adviser; naming one is not allocating one."""
    assert council.on("2020-07-31T09:00").row("P2", "unallocated") is not None
    named = CareLeaverStatus(personal_adviser_ref="W1", started_on=date(2020, 7, 31))
    done = council.enter(named, by=HEAD, whom="P2")
    assert (done.counts, council.row("P2", "unallocated") is None) == ("in_part", False)


def test_abroad_waits_where_no_place_was_held_at_all(council: Council) -> None:
    new = PEOPLE_HEADER + "P4,Dart,Demo-Exe,2001-05-01,exeter_1,2019-05-01\n"
    council.sheet("2020-07-05T09:00", "people", new, mode="delta")
    council.on("2020-07-31T09:00").enter(a_status(started_on=day("2020-07-06")), by=MANAGER, whom="P4")
    done = council.enter(ABROAD, by=MANAGER, whom="P4")
    row = council.row("P4", "accommodation_unknown")
    assert row is not None
    assert (done.counts, row.finding.line) == ("when_approved", "no_accommodation")
