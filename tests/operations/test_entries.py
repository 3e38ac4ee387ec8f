"""Entries by hand: worse counts at once, better waits for a second person, and nothing is ever lost."""

from datetime import date

import pytest
from sqlalchemy import select

from service.domain.access import Role, User
from service.domain.clocks import State
from service.domain.facts import Basis, InTouch, Source, Unacceptable
from service.errors import Conflict, NeedsManager, NotFound, NothingToApprove, NotPermitted, OwnEntry, Refused, Stale
from service.store.engine import reading
from service.store.schema import FACTS, approval, audit_entry, withdrawal
from tests.council import ADVISER, DIRECTOR, HEAD, MANAGER, PEOPLE_HEADER, Council, leaver, moment, somebody_who
from tests.factories import a_contact, a_place, a_plan, a_status

TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 10))
FLAT = a_place(code="U", suitable=None, started_on=date(2020, 7, 28))
JUDGED = a_place(suitable=True, judged_on=date(2020, 7, 29), judged_by="M. Demo-Manager", started_on=date(2020, 7, 28))
U_SINCE_1_JULY = ("U", None, date(2020, 7, 1), None)
IN_TENT = (None, "tent", date(2020, 7, 10), None)
DISPUTED = ("sources_disagree",)  # Eclipse goes on saying that the place before the tent runs


def line_and_flags(council: Council, whom: str = "P1") -> tuple[str | None, State, tuple[str, ...]] | None:
    row = council.row(whom)
    return row and (row.finding.line, row.finding.state, row.finding.flags)


# --- worse at once -------------------------------------------------------------------------


def test_a_move_to_a_tent_counts_at_once(council: Council) -> None:
    done = council.on("2020-07-24T15:00").enter(TENT)
    assert (done.counts, done.recorded_at) == ("at_once", moment("2020-07-24T15:00"))
    assert council.places() == [("U", None, date(2020, 7, 1), date(2020, 7, 10)), IN_TENT]
    assert line_and_flags(council) == ("unacceptable", State.DANGER, DISPUTED)


def test_the_place_left_was_eclipses_and_stays_as_eclipse_said_it(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    said = {(v.known.source, v.ended_on) for v in council.versions("accommodation") if v.code == "U" and v.known}
    assert said == {(Source.ECLIPSE, None), (Source.API, date(2020, 7, 10))}


def test_from_a_tent_to_a_sofa_is_no_better_and_counts_at_once(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 26))
    done = council.on("2020-07-26T15:00").enter(sofa)
    assert done.counts == "at_once"
    assert council.places()[1:] == [
        (None, "tent", date(2020, 7, 10), date(2020, 7, 26)),
        ("Y", "sofa_surfing", date(2020, 7, 26), None),
    ]


def test_a_tent_from_before_the_place_was_known_ends_it_on_its_own_first_day(council: Council) -> None:
    """A spell never ends before it begins, even when the tent began before Eclipse's spell was first seen."""
    early = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 6, 20))
    council.on("2020-07-24T15:00").enter(early)
    assert council.places() == [
        (None, "tent", date(2020, 6, 20), None),
        ("U", None, date(2020, 7, 1), date(2020, 7, 1)),
    ]


def test_a_spell_already_over_ends_nothing_else(council: Council) -> None:
    past = a_place(
        code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 5, 1), ended_on=date(2020, 5, 9)
    )
    assert council.on("2020-07-24T15:00").enter(past).counts == "at_once"
    assert council.places() == [(None, "tent", date(2020, 5, 1), date(2020, 5, 9)), U_SINCE_1_JULY]


# --- better waits --------------------------------------------------------------------------


def test_a_move_out_of_a_tent_waits_and_the_tent_stays_contested(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    assert moved.counts == "when_approved"
    assert council.places()[1:] == [IN_TENT]
    waiting = {(p.code, p.started_on, p.ended_on) for p in council.standing().proposed}
    assert waiting == {("U", date(2020, 7, 28), None), (None, date(2020, 7, 10), date(2020, 7, 28))}
    assert line_and_flags(council) == ("unacceptable", State.DANGER, ("contested", *DISPUTED))


def test_a_manager_approves_the_move_and_the_tent_is_over(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    assert council.on("2020-07-29T09:00").approve(moved).counts == "at_once"
    assert council.places()[1:] == [
        (None, "tent", date(2020, 7, 10), date(2020, 7, 28)),
        ("U", None, date(2020, 7, 28), None),
    ]
    assert council.standing().proposed == ()
    assert council.row() is None
    assert council.row(known_at="2020-07-29T08:59:59", as_at="2020-07-29") is not None, "until then it stood"
    with reading(council.engine) as session:
        approved = session.execute(select(approval.c.approved_by, approval.c.reason)).all()
    assert approved == [(MANAGER.user_id, "visited")] * 2


def test_approving_the_end_of_the_tent_approves_the_move_too(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-28T15:00").enter(FLAT)
    council.on("2020-07-29T09:00").approve(tent)
    assert council.places()[-1] == ("U", None, date(2020, 7, 28), None)
    assert council.row() is None


def test_nobody_approves_their_own_entry(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT, by=MANAGER)
    with pytest.raises(OwnEntry):
        council.approve(moved, by=MANAGER)
    assert line_and_flags(council) == ("unacceptable", State.DANGER, ("contested", *DISPUTED))
    council.approve(moved, by=somebody_who(Role.AREA_MANAGER, code="exeter_a"))
    assert council.row() is None


def test_what_counts_already_has_nothing_to_approve(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    with pytest.raises(NothingToApprove):
        council.approve(tent)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    council.approve(moved)
    with pytest.raises(NothingToApprove):
        council.approve(moved)


def test_a_manager_of_another_team_finds_nothing_to_approve(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    with pytest.raises(NotFound):
        council.approve(moved, by=somebody_who(Role.TEAM_MANAGER, code="north_1"))


def test_a_suitable_judgement_waits_while_the_spell_counts(council: Council) -> None:
    done = council.on("2020-07-29T15:00").enter(JUDGED)
    assert done.counts == "in_part"
    stands = council.standing().accommodations[-1]
    assert (stands.code, stands.started_on, stands.suitable, stands.judged_on) == ("U", date(2020, 7, 28), None, None)
    assert stands.known is not None
    assert stands.known.flags == ("contested", *DISPUTED)
    council.on("2020-07-30T09:00").approve(done)
    assert [(a.suitable, a.ended_on) for a in council.standing().accommodations] == [
        (True, date(2020, 7, 28)),
        (True, None),
    ]


def test_approval_closes_the_unjudged_version_though_both_were_recorded_in_one_millisecond(council: Council) -> None:
    done = council.on("2020-07-29T15:00").enter(JUDGED)
    table = FACTS["accommodation"]
    query = select(table.c.suitable, table.c.recorded_at, table.c.superseded_at).where(table.c.fact_id == done.fact_id)
    with reading(council.engine) as session:
        before = {row.suitable: row for row in session.execute(query)}
    assert before[None].recorded_at == before[True].recorded_at
    council.on("2020-07-30T09:00").approve(done)
    with reading(council.engine) as session:
        after = {row.suitable: row.superseded_at for row in session.execute(query)}
    assert after == {None: moment("2020-07-30T09:00"), True: None}
    assert council.standing().accommodations[-1].suitable is True


def test_a_judgement_approved_is_not_known_before_its_approval(council: Council) -> None:
    done = council.on("2020-07-29T15:00").enter(JUDGED)
    council.on("2020-07-30T09:00").approve(done)
    council.on("2020-07-31T09:00")
    assert council.row(cohort="accommodation_unknown", as_at="2020-07-30", known_at="2020-07-30T08:59:59") is not None
    assert council.row(cohort="accommodation_unknown", as_at="2020-07-30", known_at="2020-07-30T09:00:00") is None


@pytest.mark.parametrize("category", [InTouch.REFU, InTouch.NREQ, InTouch.RHOM])
def test_a_category_that_excuses_from_contact_waits(category: InTouch, council: Council) -> None:
    done = council.on("2020-07-28T15:00").enter(a_status(in_touch=category, started_on=date(2020, 7, 27)))
    assert done.counts == "in_part", "the spell counts, with the category that stood before"
    assert {s.in_touch for s in council.standing().care_leaver_statuses} == {InTouch.YES}
    assert [p.in_touch for p in council.standing().proposed] == [category]
    council.on("2020-07-29T09:00").approve(done)
    assert [(s.in_touch, s.started_on) for s in council.standing().care_leaver_statuses] == [
        (InTouch.YES, date(2020, 7, 1)),
        (category, date(2020, 7, 27)),
    ]
    assert council.standing().proposed == ()


def test_lost_contact_counts_at_once(council: Council) -> None:
    done = council.on("2020-07-28T15:00").enter(a_status(in_touch=InTouch.NO, started_on=date(2020, 7, 27)))
    assert done.counts == "at_once"
    row = council.row(cohort="not_in_touch")
    assert row is not None
    assert row.finding.line == "said_not_in_touch"


# --- corrections ---------------------------------------------------------------------------


def test_a_correction_stands_over_what_eclipse_said_before(council: Council) -> None:
    feeds = council.standing().accommodations[0]
    assert feeds.known is not None
    council.on("2020-07-20T10:00").correct(
        feeds.known.fact_id,
        a_place(suitable=False, judged_on=date(2020, 7, 20), started_on=date(2020, 3, 2)),
        by=MANAGER,
    )
    stands = council.standing().accommodations
    assert [(a.suitable, a.started_on, a.started_on_basis) for a in stands] == [
        (False, date(2020, 3, 2), Basis.RECORDED)
    ]
    row = council.row()
    assert row is not None
    assert (row.finding.line, row.finding.started_on) == ("other", date(2020, 3, 2))
    assert council.row(as_at="2020-07-20", known_at="2020-07-20T09:59:59") is None


def test_a_correction_for_the_better_waits(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    done = council.on("2020-07-25T10:00").correct(tent.fact_id, a_place(suitable=None, started_on=date(2020, 7, 10)))
    assert done.counts == "when_approved"
    assert line_and_flags(council) == ("unacceptable", State.DANGER, ("contested", *DISPUTED))
    council.on("2020-07-26T10:00").approve(done)
    assert council.places()[-1] == ("U", None, date(2020, 7, 10), None)


def test_worse_news_closes_what_waited(council: Council) -> None:
    """A flat instead of the tent waits; then it is a sofa. Nobody may approve the flat any more unsaid."""
    tent = council.on("2020-07-24T15:00").enter(TENT)
    flat = council.on("2020-07-25T10:00").correct(tent.fact_id, a_place(suitable=None, started_on=date(2020, 7, 10)))
    assert flat.counts == "when_approved"
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 10))
    assert council.on("2020-07-26T10:00").correct(tent.fact_id, sofa).counts == "at_once"
    with pytest.raises(NothingToApprove):
        council.approve(flat)
    assert council.places()[-1] == ("Y", "sofa_surfing", date(2020, 7, 10), None)


def test_a_first_status_that_refuses_contact_serves_at_once_and_refuses_when_approved(council: Council) -> None:
    new = PEOPLE_HEADER + "P4,Dart,Demo-Exe,2001-05-01,exeter_1,2019-05-01\n"
    council.sheet("2020-07-05T09:00", "people", new, mode="delta")
    assert council.table().of == 3
    done = council.on("2020-07-28T15:00").enter(
        a_status(in_touch=InTouch.REFU, started_on=date(2020, 7, 27)), by=MANAGER, whom="P4"
    )
    assert (done.counts, council.table().of) == ("in_part", 4)
    row = council.row("P4", "not_in_touch")
    assert row is not None
    assert (row.finding.state, row.finding.line) == (State.UNKNOWN, "no_information")
    council.approve(done, by=HEAD)
    row = council.row("P4", "not_in_touch")
    assert row is not None
    assert row.finding.line == "declined"


def test_a_correction_of_a_move_that_waits_goes_on_waiting(council: Council) -> None:
    """Else anybody could let their own better news count by correcting a letter of it."""
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    lodgings = a_place(code="K", suitable=None, started_on=date(2020, 7, 27))
    done = council.on("2020-07-28T16:00").correct(moved.fact_id, lodgings)
    assert done.counts == "when_approved"
    assert council.places()[1:] == [IN_TENT]
    council.on("2020-07-29T09:00").approve(moved)
    assert council.places()[1:] == [
        (None, "tent", date(2020, 7, 10), date(2020, 7, 27)),
        ("K", None, date(2020, 7, 27), None),
    ]
    assert council.standing().proposed == ()


def test_a_move_that_waits_and_is_corrected_to_no_better_counts_at_once(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 28))
    assert council.on("2020-07-28T16:00").correct(moved.fact_id, sofa).counts == "at_once"
    assert council.places()[1:] == [
        (None, "tent", date(2020, 7, 10), date(2020, 7, 28)),
        ("Y", "sofa_surfing", date(2020, 7, 28), None),
    ]
    assert [p.code for p in council.standing().proposed if p.known and p.known.fact_id == moved.fact_id] == []


def test_a_correction_needs_the_etag_of_what_stands(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 10))
    with pytest.raises(Stale):
        council.correct(tent.fact_id, sofa, if_match="0" * 32)
    fresh = council.correct(tent.fact_id, sofa, if_match=tent.etag)
    assert fresh.etag != tent.etag
    with pytest.raises(Stale):
        council.correct(tent.fact_id, TENT, if_match=tent.etag)
    assert council.places()[-1] == ("Y", "sofa_surfing", date(2020, 7, 10), None)


def test_a_correction_keeps_what_it_corrected(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 10))
    council.on("2020-07-25T15:00").correct(tent.fact_id, sofa)
    table = FACTS["accommodation"]
    with reading(council.engine) as session:
        rows = session.execute(
            select(table.c.unacceptable, table.c.reason, table.c.superseded_at)
            .where(table.c.fact_id == tent.fact_id)
            .order_by(table.c.recorded_at)
        ).all()
    assert rows == [
        (Unacceptable.TENT, None, moment("2020-07-25T15:00")),
        (Unacceptable.SOFA_SURFING, "misread", None),
    ]


def test_a_fact_that_is_nobodys_cannot_be_corrected(council: Council) -> None:
    with pytest.raises(NotFound):
        council.correct("no-such-fact", TENT, if_match="x")


@pytest.mark.parametrize("act", ["enter", "correct", "withdraw"])
def test_a_kind_the_role_does_not_own_is_refused(act: str, council: Council) -> None:
    chair = somebody_who(Role.CP_CHAIR, worker_ref="W1")
    tent = council.on("2020-07-24T15:00").enter(TENT)
    with pytest.raises(NotPermitted):
        if act == "enter":
            council.enter(TENT, by=chair)
        elif act == "correct":
            council.correct(tent.fact_id, TENT, by=chair)
        else:
            council.withdraw(tent, by=chair)
    assert council.enter(a_plan("2020-07-20"), by=chair).counts == "at_once"


# --- withdrawal ----------------------------------------------------------------------------


def test_a_tent_logged_on_the_wrong_person_is_out_of_the_file_and_in_the_audit(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    done = council.on("2020-07-25T10:00").withdraw(tent, by=MANAGER)
    assert done.counts == "withdrawn"
    assert council.places() == [U_SINCE_1_JULY], "the place it seemed to end runs on"
    assert council.row() is None
    assert council.row(as_at="2020-07-24", known_at="2020-07-25T09:59:59") is not None, "it was seen until then"
    with reading(council.engine) as session:
        withdrawn = session.execute(select(withdrawal.c.withdrawn_by, withdrawal.c.reason)).all()
        acts = select(audit_entry.c.act, audit_entry.c.detail).where(audit_entry.c.by_user == MANAGER.user_id)
        said = {row.act: row.detail for row in session.execute(acts)}
    assert withdrawn == [(MANAGER.user_id, "wrong person")] * 2, "the tent, and the end of the place before it"
    assert "information_governance" in said["withdraw.accommodation"]


def test_after_the_withdrawal_eclipses_place_is_eclipses_to_end(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-25T10:00").withdraw(tent, by=MANAGER)
    council.night("2020-08-10T01:00", leaver("P1", code="K"), leaver("P2"), leaver("P3"))
    assert council.places() == [
        ("U", None, date(2020, 7, 1), date(2020, 8, 10)),
        ("K", None, date(2020, 8, 10), None),
    ]
    assert [a.known.flags for a in council.standing().accommodations if a.known] == [(), ()]


def test_a_tent_corrected_and_then_withdrawn_lets_the_place_before_run_on(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 10))
    council.on("2020-07-25T10:00").correct(tent.fact_id, sofa)
    council.on("2020-07-26T10:00").withdraw(tent, by=MANAGER)
    assert council.places() == [U_SINCE_1_JULY]


def test_a_tent_withdrawn_after_the_move_out_of_it_takes_nothing_of_the_move(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    council.on("2020-07-29T09:00").approve(moved)
    council.on("2020-07-30T09:00").withdraw(tent, by=MANAGER)
    assert council.places() == [U_SINCE_1_JULY, ("U", None, date(2020, 7, 28), None)]


def test_a_place_a_worker_had_judged_unsuitable_is_so_again_when_the_tent_is_withdrawn(council: Council) -> None:
    place = council.standing().accommodations[0]
    assert place.known is not None
    judged = a_place(suitable=False, judged_on=date(2020, 7, 20), started_on=date(2020, 3, 2))
    council.on("2020-07-20T10:00").correct(place.known.fact_id, judged)
    tent = council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-25T10:00").withdraw(tent, by=MANAGER)
    assert [(a.code, a.suitable, a.started_on, a.ended_on) for a in council.standing().accommodations] == [
        ("U", False, date(2020, 3, 2), None)
    ]


def test_a_move_that_still_waits_can_be_withdrawn_and_the_tent_stands_uncontested(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    council.on("2020-07-28T16:00").withdraw(moved)
    assert council.places()[1:] == [IN_TENT]
    assert council.standing().proposed == ()
    assert line_and_flags(council) == ("unacceptable", State.DANGER, DISPUTED)


def test_an_approved_move_can_be_withdrawn_and_the_tent_runs_on(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    council.on("2020-07-29T09:00").approve(moved)
    council.on("2020-07-30T09:00").withdraw(moved, by=MANAGER)
    assert council.places()[1:] == [IN_TENT]
    assert line_and_flags(council) == ("unacceptable", State.DANGER, DISPUTED)


def test_what_is_withdrawn_cannot_be_withdrawn_again(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    council.withdraw(tent, by=MANAGER)
    with pytest.raises(NotFound):
        council.withdraw(tent, by=MANAGER)


@pytest.mark.parametrize("by", [ADVISER, somebody_who(Role.DUTY_WORKER, code="exeter_1")], ids=["author", "colleague"])
def test_danger_is_taken_back_by_a_manager_only(by: User, council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    with pytest.raises(NeedsManager):
        council.withdraw(tent, by=by)
    assert council.row() is not None
    council.withdraw(tent, by=MANAGER)
    assert council.row() is None


def test_saying_a_managers_tent_again_makes_it_nobodys_own(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT, by=MANAGER)
    council.on("2020-07-25T10:00").correct(tent.fact_id, TENT)
    with pytest.raises(Refused):
        council.withdraw(tent)
    with pytest.raises(OwnEntry):
        council.withdraw(tent, by=MANAGER)
    assert council.row() is not None
    council.withdraw(tent, by=HEAD)
    assert council.row() is None


def test_not_even_a_manager_takes_back_danger_of_their_own(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT, by=MANAGER)
    with pytest.raises(Refused):
        council.withdraw(tent, by=MANAGER)
    assert council.row() is not None


def test_what_eclipse_says_is_corrected_in_eclipse(council: Council) -> None:
    place = council.standing().accommodations[0]
    assert place.known is not None
    with pytest.raises(Conflict):
        council.withdraw(council.enter(a_place(code="V", suitable=None)).__class__(
            "accommodation", place.known.fact_id, place.known.person_id, "at_once", council.clock(), ""
        ))  # fmt: skip


def test_a_contact_logged_on_the_wrong_person_leaves_the_last_contact_as_it_was(council: Council) -> None:
    council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00"))
    wrong = council.on("2020-07-24T12:00").log(a_contact("2020-07-24T10:00:00+01:00"))
    council.on("2020-07-24T13:00").withdraw(wrong.contact)
    card = next(r.card for r in council.table("unallocated", to=DIRECTOR).rows if r.card.eclipse_id == "P2")
    assert card.made is None
    made = [c.occurred_at for c in council.standing(kinds=("contact",)).contacts]
    assert made == [moment("2020-07-20T09:00")]


# --- the nightly repeat --------------------------------------------------------------------


def test_eclipses_nightly_repeat_does_not_displace_a_tent(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    report = council.night("2020-07-25T01:00", leaver("P1"), leaver("P2"), leaver("P3"))
    assert report["only_the_watermark_moved"] is True
    assert line_and_flags(council) == ("unacceptable", State.DANGER, DISPUTED)
