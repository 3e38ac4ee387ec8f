"""Intake: what a nightly push may and may not displace, what matches what, and all of it or none of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from service.domain.clocks import State
from service.domain.facts import Basis, ChildProtectionPlan, Confidence, ContactOutcome, InTouch, Source, Unacceptable
from service.errors import Conflict, NotFound, OlderExtract, RunContentDiffers, Unprocessable
from service.operations.intake import ingest
from service.store import record
from service.store.engine import reading, writing
from service.store.schema import FACTS, audit_entry, batch_dataset, watermark
from tests.council import (
    CONTACTS_HEADER,
    DIRECTOR,
    HEAD,
    INVOLVEMENTS,
    MANAGER,
    PEOPLE,
    PEOPLE_HEADER,
    ROBOT,
    SPELLS_HEADER,
    TEAMS,
    USUAL,
    Council,
    leaver,
    leavers,
    moment,
)
from tests.factories import a_contact, a_place, a_status

TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 10))
FLAT = a_place(code="U", suitable=None, started_on=date(2020, 7, 28))
REST = (leaver("P2"), leaver("P3"))


def flags_of(council: Council, kind: str = "accommodation", whom: str = "P1") -> list[tuple[str, ...]]:
    facts = council.standing(whom, kinds=(kind,))
    found = facts.accommodations if kind == "accommodation" else facts.care_leaver_statuses
    return [each.known.flags for each in found if each.known]


# --- the nightly repeat --------------------------------------------------------------------


def test_the_repeat_of_an_old_value_leaves_the_tent_standing(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    for night in ("2020-07-25T01:00", "2020-07-26T01:00"):
        assert council.night(night, *USUAL)["only_the_watermark_moved"] is True
    row = council.row()
    assert row is not None
    assert (row.finding.state, row.finding.started_on) == (State.DANGER, date(2020, 7, 10))


def test_after_an_approved_move_the_old_value_does_not_come_back(council: Council) -> None:
    """Eclipse says S (no fixed abode); the move out is approved; Eclipse goes on saying S."""
    council.night("2020-07-10T01:00", leaver("P1", "S", ""), *REST)
    moved = council.on("2020-07-28T15:00").enter(FLAT)
    assert moved.counts == "when_approved"
    council.on("2020-07-29T09:00").approve(moved)
    report = council.night("2020-07-30T01:00", leaver("P1", "S", ""), *REST)
    assert report["only_the_watermark_moved"] is True
    assert council.row() is None
    assert council.places()[1:] == [
        ("S", None, date(2020, 7, 10), date(2020, 7, 28)),
        ("U", None, date(2020, 7, 28), None),
    ]


def test_a_row_that_leaves_the_extract_after_an_approved_move_brings_nothing_back(council: Council) -> None:
    """Falling silent is no news: it must not count as if Eclipse had said S again."""
    council.night("2020-07-10T01:00", leaver("P1", "S", ""), *REST)
    council.on("2020-07-29T09:00").approve(council.on("2020-07-28T15:00").enter(FLAT))
    council.night("2020-07-30T01:00", *REST)
    assert council.row() is None
    assert council.places()[1] == ("S", None, date(2020, 7, 10), date(2020, 7, 28))
    council.night("2020-07-31T01:00", leaver("P1", "S", ""), *REST)
    assert council.row() is None, "nor does its return"


def test_another_field_of_the_row_that_changes_after_an_approved_move_brings_nothing_back(council: Council) -> None:
    """The value is S as before: a feed's value counts as observed when it changed, never when it was extracted."""
    council.night("2020-07-10T01:00", leaver("P1", "S", ""), *REST)
    council.on("2020-07-29T09:00").approve(council.on("2020-07-28T15:00").enter(FLAT))
    council.night("2020-07-30T01:00", leaver("P1", "S", "perhaps"), *REST)
    assert council.row() is None


def test_a_status_a_worker_set_is_not_displaced_by_a_change_of_something_else(council: Council) -> None:
    """Eclipse says NO; the worker has found the young person; Eclipse then changes the activity only."""
    council.night("2020-07-10T01:00", leaver("P1", touch="NO", on=""), *REST)
    said = council.standing().care_leaver_statuses[-1]
    assert said.known is not None
    found = a_status(in_touch=InTouch.YES, in_touch_on=date(2020, 7, 20), started_on=date(2020, 7, 10))
    council.on("2020-07-20T16:00").approve(council.on("2020-07-20T15:00").correct(said.known.fact_id, found))
    council.night("2020-07-21T01:00", leaver("P1", touch="NO", on="", activity="G5"), *REST)
    assert council.standing().care_leaver_statuses[-1].in_touch is InTouch.YES


def test_news_after_the_workers_entry_competes_and_the_worse_stands_flagged(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    council.night("2020-07-26T01:00", leaver("P1", "K", "1"), *REST)
    row = council.row()
    assert row is not None
    assert (row.finding.state, row.finding.started_on) == (State.DANGER, date(2020, 7, 10))
    assert "sources_disagree" in row.finding.flags


def test_the_workers_tent_and_eclipses_lodgings_are_two_facts(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    council.night("2020-07-26T01:00", leaver("P1", "K", "1"), *REST)
    assert council.places() == [
        ("U", None, date(2020, 7, 1), date(2020, 7, 10)),
        (None, "tent", date(2020, 7, 10), None),
        ("K", None, date(2020, 7, 26), None),
    ]


def test_eclipse_says_unsuitable_after_a_worker_corrected_to_unsuitable_elsewhere(council: Council) -> None:
    """Worse news of Eclipse's own stands at once over what a worker had corrected before."""
    place = council.standing().accommodations[0]
    assert place.known is not None
    council.on("2020-07-20T10:00").correct(place.known.fact_id, a_place(started_on=date(2020, 3, 2), suitable=None))
    council.night("2020-07-26T01:00", leaver("P1", "S", ""), *REST)
    row = council.row()
    assert row is not None
    assert (row.finding.state, row.finding.started_on) == (State.DANGER, date(2020, 7, 26))


def test_eclipse_closing_what_a_worker_made_worse_is_a_disagreement(council: Council) -> None:
    spell = SPELLS_HEADER + "S1,P2,K,yes,2020-05-01,{end},2020-05-04,\n"
    council.sheet("2020-07-02T09:00", "accommodation", spell.format(end=""))
    held = next(a for a in council.standing("P2").accommodations if a.code == "K")
    assert held.known is not None
    worse = a_place(code="K", suitable=False, judged_on=date(2020, 7, 20), started_on=date(2020, 5, 1))
    council.on("2020-07-20T10:00").correct(held.known.fact_id, worse, by=HEAD_OF_TEAM_2)
    council.sheet("2020-07-25T09:00", "accommodation", spell.format(end="2020-07-24"))
    stands = next(a for a in council.standing("P2").accommodations if a.code == "K")
    assert (stands.suitable, stands.ended_on) == (False, None)
    assert stands.known is not None
    assert "sources_disagree" in stands.known.flags


def test_eclipse_closing_its_own_spell_is_accepted_and_listed(council: Council) -> None:
    spell = SPELLS_HEADER + "S1,P2,S,,2020-05-01,{end},,\n"
    council.sheet("2020-07-02T09:00", "accommodation", spell.format(end=""))
    assert council.row("P2") is not None
    report = council.sheet("2020-07-25T09:00", "accommodation", spell.format(end="2020-07-24"))
    assert report["datasets"][0]["facts"]["closed"] == 1
    assert council.row("P2") is None


def test_an_undated_change_ends_the_spell_on_the_day_first_seen_and_opens_one(council: Council) -> None:
    report = council.night("2020-07-20T01:00", leaver("P1", "K", "2"), *REST)
    assert (report["changed"], report["added"]) == (1, 0)
    places = council.standing().accommodations
    assert [(a.code, a.suitable, a.started_on, a.started_on_basis, a.ended_on) for a in places] == [
        ("U", True, date(2020, 7, 1), Basis.OBSERVED, date(2020, 7, 20)),
        ("K", False, date(2020, 7, 20), Basis.OBSERVED, None),
    ]
    assert {a.known.confidence for a in places if a.known} == {Confidence.OBSERVED}
    row = council.row()
    assert row is not None
    assert (row.finding.line, row.finding.started_on_basis) == ("other", "observed")
    assert "at least" in row.finding.explanation


def test_the_sources_key_moves_on_to_the_new_spell(council: Council) -> None:
    council.night("2020-07-20T01:00", leaver("P1", "K", "2"), *REST)
    assert council.night("2020-07-21T01:00", leaver("P1", "K", "2"), *REST)["only_the_watermark_moved"] is True
    council.night("2020-07-25T01:00", leaver("P1", "K", "1"), *REST)
    assert [(a.code, a.suitable, a.started_on, a.ended_on) for a in council.standing().accommodations] == [
        ("U", True, date(2020, 7, 1), date(2020, 7, 20)),
        ("K", False, date(2020, 7, 20), date(2020, 7, 25)),
        ("K", True, date(2020, 7, 25), None),
    ]


def test_an_undated_change_ends_no_spell_a_worker_logged(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    council.night("2020-07-26T01:00", leaver("P1", "K", "1"), *REST)
    tent = next(a for a in council.standing().accommodations if a.unacceptable)
    assert tent.ended_on is None


def test_a_blank_after_a_value_keeps_it_and_says_so_once(council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", "S", "2"), *REST)
    assert council.night("2020-07-20T01:00", leaver("P1", "S", ""), *REST)["blanked"] == 1
    stands = council.standing().accommodations[-1]
    assert (stands.code, stands.suitable, stands.started_on) == ("S", False, date(2020, 7, 10))
    assert flags_of(council)[-1] == ("no_longer_supplied:suitable",)
    row = council.row()
    assert row is not None
    assert "no_longer_supplied:suitable" in row.finding.flags
    assert council.night("2020-07-21T01:00", leaver("P1", "S", ""), *REST)["only_the_watermark_moved"] is True
    council.night("2020-07-22T01:00", leaver("P1", "S", "2"), *REST)
    assert flags_of(council)[-1] == ()


def test_a_code_nobody_mapped_after_a_good_one_is_not_known_and_no_judgement_makes_it_so(council: Council) -> None:
    council.night("2020-07-20T01:00", leaver("P1", "Down by the river", "1"), *REST)
    row = council.row(cohort="accommodation_unknown")
    assert row is not None
    assert (row.finding.state, row.finding.line) == (State.UNKNOWN, "not_known")
    assert "unmapped_code" in row.finding.flags


def test_a_code_nobody_mapped_after_danger_ends_no_danger(council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", "S", ""), *REST)
    council.night("2020-07-20T01:00", leaver("P1", "Down by the river", "1"), *REST)
    row = council.row()
    assert row is not None
    assert (row.finding.state, row.finding.started_on) == (State.DANGER, date(2020, 7, 10))


def test_words_nobody_mapped_leave_touch_unknown_and_the_young_person_served(council: Council) -> None:
    council.night("2020-07-20T01:00", leaver("P1", touch="Ask Pat", eligibility="Ask Pat"), *REST)
    status = council.standing().care_leaver_statuses[-1]
    assert (status.in_touch, status.eligibility) == (None, None)
    assert {"unmapped_in_touch", "unmapped_eligibility"} <= {*flags_of(council, "care_leaver_status")[-1]}
    assert council.table().of == 3


def test_words_nobody_mapped_do_not_end_a_refusal(council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", touch="REFU", on="2020-07-09"), *REST)
    council.night("2020-07-20T01:00", leaver("P1", touch="Ask Pat", on=""), *REST)
    row = council.on("2020-07-25T09:00").row(cohort="not_in_touch")
    assert row is not None
    assert row.finding.line == "declined"


def test_a_feed_that_changes_a_category_does_not_displace_a_start_corrected_by_hand(council: Council) -> None:
    """The start written down by hand stands while Eclipse goes on saying another, flagged until they agree."""
    plans = "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date,cppl_cp_plan_latest_category\nL1,P1,{},{}\n"

    def night(text: str, started_on: str, category: str) -> ChildProtectionPlan:
        council.on(text).push("ssd", {"ssd_cp_plans": plans.format(started_on, category)})
        (plan,) = council.standing(kinds=("child_protection_plan",)).child_protection_plans
        return plan

    fed = night("2020-07-05T01:00", "2019-11-04", "NEG")
    assert fed.known is not None
    after = ChildProtectionPlan(started_on=date(2019, 8, 5), category="NEG")
    council.on("2020-07-06T09:00").correct(fed.known.fact_id, after, by=HEAD)
    for text, category in (("2020-07-07T01:00", "NEG"), ("2020-07-08T01:00", "PHY"), ("2020-07-09T01:00", "PHY")):
        plan = night(text, "2019-11-04", category)
        assert plan.known is not None
        assert (plan.started_on, plan.known.flags) == (date(2019, 8, 5), ("sources_disagree",))
    agreed = night("2020-07-10T01:00", "2019-08-05", "PHY")
    assert agreed.known is not None
    assert (agreed.started_on, agreed.known.flags) == (date(2019, 8, 5), ())


def test_a_row_gone_from_a_full_dataset_is_flagged_still_counted_and_may_return(council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", "S", ""), *REST)
    report = council.night("2020-07-20T01:00", *REST)
    assert report["left_the_extract"] == 2, "the status and the place"
    council.approved(report["held"][0]["batch_id"])
    row = council.row()
    assert row is not None
    assert (row.finding.state, row.finding.started_on) == (State.DANGER, date(2020, 7, 10))
    assert "left_the_extract" in row.finding.flags
    assert council.night("2020-07-21T01:00", *REST)["only_the_watermark_moved"] is True
    council.night("2020-07-22T01:00", leaver("P1", "S", ""), *REST)
    assert flags_of(council)[-1] == ()
    assert council.row() is not None


def test_a_spell_that_has_ended_is_not_missed_when_it_leaves(council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", "S", ""), *REST)
    council.approved(council.night("2020-07-20T01:00", *REST)["held"][0]["batch_id"])
    assert flags_of(council) == [(), ("left_the_extract",)]


def test_a_delta_marks_nobody_as_gone(council: Council) -> None:
    report = council.night("2020-07-20T01:00", leaver("P1", "S", ""), mode="delta")
    assert report["left_the_extract"] == 0
    assert flags_of(council, whom="P2") == [()]
    assert council.row() is not None


def test_an_emptied_dataset_marks_nobody_as_gone(council: Council) -> None:
    before = council.places()
    report = council.night("2020-07-20T01:00")
    assert (report["rows"], [h["reasons"] for h in report["held"]]) == (0, [["table_emptied", "table_shrunk"]])
    assert council.places() == before
    assert flags_of(council) == [()]


def test_a_row_that_was_refused_has_not_left(council: Council) -> None:
    broken = leaver("P1").replace("2020-06-25", "the 25th")
    report = council.night("2020-07-20T01:00", broken, *REST)
    assert (report["refused"], report["left_the_extract"]) == (1, 0)
    assert flags_of(council) == [()]


def test_a_refused_row_hides_no_others_absence(council: Council) -> None:
    """P10's row is gone while P1's is refused: the one id begins like the other, and they are two people."""
    council.on("2020-07-05T01:00").push(
        "cohorts", {"people": PEOPLE_HEADER + PEOPLE + "P10,Dart,Demo-Exe,2001-05-01,exeter_1,\n"}
    )
    council.night("2020-07-06T01:00", *USUAL, leaver("P10"))
    broken = leaver("P1").replace("2020-06-25", "the 25th")
    assert council.night("2020-07-20T01:00", broken, *REST)["left_the_extract"] == 2
    assert flags_of(council, whom="P10") == [("left_the_extract",)]


# --- what matches what ---------------------------------------------------------------------


def test_a_spell_with_a_recorded_start_joins_the_observed_one(council: Council) -> None:
    report = council.sheet("2020-07-03T09:00", "accommodation", SPELLS_HEADER + "S1,P1,U,yes,2020-03-02,,2020-03-09,\n")
    assert report["proposed_matches"] == []
    places = council.standing().accommodations
    assert [(a.code, a.started_on, a.started_on_basis, a.judged_on) for a in places] == [
        ("U", date(2020, 3, 2), Basis.RECORDED, date(2020, 3, 9))
    ]


def test_a_contradicting_spell_is_another_fact_and_the_match_is_proposed(council: Council) -> None:
    report = council.sheet("2020-07-03T09:00", "accommodation", SPELLS_HEADER + "S1,P1,S,,2020-06-20,,,\n")
    assert report["proposed_matches"] == [{"dataset": "accommodation", "row": 2}]
    assert council.places() == [("S", None, date(2020, 6, 20), None), ("U", None, date(2020, 7, 1), None)]
    row = council.row()
    assert row is not None
    assert "sources_disagree" in row.finding.flags


def test_two_rows_of_one_dataset_are_two_facts_though_both_could_match(council: Council) -> None:
    rows = "S1,P1,U,yes,2020-03-02,,2020-03-09,\nS2,P1,U,yes,2020-05-04,,2020-05-11,\n"
    council.sheet("2020-07-03T09:00", "accommodation", SPELLS_HEADER + rows)
    assert {a.started_on for a in council.standing().accommodations} >= {date(2020, 3, 2), date(2020, 5, 4)}
    assert len(council.standing().accommodations) == 2


def test_a_later_row_of_a_dataset_does_not_join_the_fact_of_an_earlier_one(council: Council) -> None:
    first = "S1,P1,U,yes,2020-03-02,,2020-03-09,\n"
    council.sheet("2020-07-03T09:00", "accommodation", SPELLS_HEADER + first)
    council.sheet("2020-07-04T09:00", "accommodation", SPELLS_HEADER + first + "S2,P1,U,yes,2020-05-04,,2020-05-11,\n")
    assert {a.started_on for a in council.standing().accommodations} == {date(2020, 3, 2), date(2020, 5, 4)}


def test_the_same_key_in_two_datasets_is_two_facts(council: Council) -> None:
    held = council.versions("person")
    assert [v.known.source_ref for v in held if v.known] == ["people/P1"]
    ssd_person = "pers_person_id,pers_forename,pers_surname,pers_dob\nP1,Rowan,Demo-Ashford,2001-02-14\n"
    council.on("2020-07-02T01:00").push("ssd", {"ssd_person": ssd_person})
    council.on("2020-07-03T01:00").push("ssd", {"ssd_person": ssd_person.replace("Rowan", "Rowena")})
    said = {v.known.source_ref: (v.forename, v.known.fact_id) for v in council.versions("person") if v.known}
    assert {ref: name for ref, (name, _) in said.items()} == {"people/P1": "Rowan", "ssd_person/P1": "Rowena"}
    assert len({fact_id for _, fact_id in said.values()}) == 1, "one person, completed from both"
    assert council.standing(kinds=("person",)).person.forename == "Rowena", "the newest name stands"


def test_a_contact_pushed_and_logged_is_one_contact(council: Council) -> None:
    logged = council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00"))
    pushed = CONTACTS_HEADER + "R1,P1,2020-07-20T09:00:00Z,phone,made\nR2,P1,2020-07-21T09:00:00Z,phone,made\n"
    council.sheet("2020-07-22T09:00", "contacts", pushed, mode="delta")
    made = council.standing(kinds=("contact",)).contacts
    assert [c.occurred_at for c in made] == [moment("2020-07-20T09:00"), moment("2020-07-21T09:00")]
    assert made[0].known is not None
    assert made[0].known.fact_id == logged.contact.fact_id


def test_a_contact_pushed_as_an_attempt_is_another_than_the_one_made(council: Council) -> None:
    council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00"))
    pushed = CONTACTS_HEADER + "R1,P1,2020-07-20T09:00:00Z,phone,attempted\n"
    report = council.sheet("2020-07-22T09:00", "contacts", pushed, mode="delta")
    assert len(report["proposed_matches"]) == 1
    assert {c.outcome for c in council.standing(kinds=("contact",)).contacts} == set(ContactOutcome)


@pytest.mark.parametrize("corrected", ["2020-07-01T09:00", "2020-07-15T09:00"], ids=["to earlier", "to later"])
def test_a_contact_whose_time_eclipse_corrects_is_still_one(corrected: str, council: Council) -> None:
    for night, at in (("2020-07-20T12:00", "2020-07-10T09:00"), ("2020-07-21T12:00", corrected)):
        council.sheet(night, "contacts", f"{CONTACTS_HEADER}R1,P1,{at}:00Z,phone,made\n", mode="delta")
    assert [c.occurred_at for c in council.standing(kinds=("contact",)).contacts] == [moment(corrected)]


# --- the batch -----------------------------------------------------------------------------

HEAD_OF_TEAM_2 = MANAGER.__class__(
    "manager_2", "Demo manager 2", MANAGER.roles, frozenset((kind, "exeter_2") for kind, _ in MANAGER.scopes), None, 0
)
FILES = {"ssd_care_leavers": leavers(leaver("P1", "S", ""), *REST)}


def test_the_same_run_and_content_gets_the_same_answer(council: Council) -> None:
    council.on("2020-07-20T01:00")
    taken_at = moment("2020-07-20T00:30")
    first = council.push("ssd", FILES, run="night-20", extracted_at=taken_at)
    before = council.everything()
    again = council.on("2020-07-20T03:00").push("ssd", FILES, run="night-20", extracted_at=taken_at)
    assert again == first
    assert council.everything() == before


def test_the_same_run_with_other_content_is_refused(council: Council) -> None:
    council.on("2020-07-20T01:00")
    council.push("ssd", FILES, run="night-20")
    before = council.everything()
    other = {"ssd_care_leavers": leavers(*USUAL)}
    with pytest.raises(RunContentDiffers):
        council.push("ssd", other, run="night-20")
    assert council.everything() == before


def test_the_same_run_with_another_extract_time_is_other_content(council: Council) -> None:
    council.on("2020-07-20T01:00").push("ssd", FILES, run="night-20")
    with pytest.raises(RunContentDiffers):
        council.on("2020-07-20T02:00").push("ssd", FILES, run="night-20")


def test_a_new_run_with_known_content_moves_the_watermark_only(council: Council) -> None:
    council.night("2020-07-20T01:00", *USUAL)
    before = council.everything()
    assert council.night("2020-07-21T01:00", *USUAL)["only_the_watermark_moved"] is True
    after = council.everything()
    assert {name for name in after if after[name] != before[name]} == {"batch", "watermark", "audit_entry"} | {
        name for name in ("audit_people",) if after[name] != before[name]
    }
    with reading(council.engine) as session:
        marks = session.scalars(select(watermark.c.extracted_at).where(watermark.c.dataset == "ssd_care_leavers")).all()
    assert max(marks) == moment("2020-07-21T00:30")


def test_a_second_first_night_changes_nothing_either(council: Council) -> None:
    """Twice in a row, as the Eclipse side's script may: all files of both profiles."""
    files = {"ssd_involvements": INVOLVEMENTS, "ssd_care_leavers": leavers(*USUAL)}
    before = {name: rows for name, rows in council.everything().items() if name.startswith("fact_")}
    report = council.on("2020-07-02T01:00").push("ssd", files)
    assert report["only_the_watermark_moved"] is True
    sheets = {"teams": TEAMS, "people": PEOPLE_HEADER + PEOPLE}
    assert council.on("2020-07-02T02:00").push("cohorts", sheets)["only_the_watermark_moved"] is True
    assert {name: rows for name, rows in council.everything().items() if name.startswith("fact_")} == before


def test_an_older_extract_is_refused_when_opened(council: Council) -> None:
    council.night("2020-07-20T01:00", leaver("P1", "S", ""), *REST)
    with pytest.raises(OlderExtract):
        council.on("2020-07-20T09:00").push(
            "ssd", {"ssd_care_leavers": leavers(*USUAL)}, extracted_at=moment("2020-07-19T00:30")
        )
    assert council.row() is not None


def test_an_older_extract_opened_before_a_newer_is_refused_when_applied(council: Council) -> None:
    files = {"ssd_care_leavers": leavers(*USUAL)}
    council.on("2020-07-19T01:00")
    older = council.opened(council.manifest("ssd", files))
    council.sent(older, files)
    council.night("2020-07-20T01:00", leaver("P1", "S", ""), *REST)
    with pytest.raises(OlderExtract):
        council.applied(older)
    assert council.row() is not None


def test_an_extract_from_the_future_is_refused(council: Council) -> None:
    council.on("2020-07-20T01:00")
    with pytest.raises(Unprocessable):
        council.push("ssd", FILES, extracted_at=council.clock() + timedelta(minutes=6))


def test_rows_that_cannot_be_taken_are_named_and_the_rest_applied(council: Council) -> None:
    batch_id = council.on("2020-07-20T01:00").opened(council.manifest("ssd", BROKEN))
    council.sent(batch_id, BROKEN)
    report = council.applied(batch_id)
    dataset = report["datasets"][0]
    assert {name: dataset[name] for name in ("rows", "applied", "unchanged", "held", "refused")} == {
        "rows": 4, "applied": 1, "unchanged": 1, "held": 0, "refused": 2,
    }  # fmt: skip
    assert (dataset["facts"]["changed"], dataset["facts"]["unchanged"]) == (1, 3), "P1's place; all else of P1 and P3"
    assert {(r["row"], r["field"], r["code"]) for r in report["refusals"]} == {
        (3, "clea_care_leaver_latest_contact", "not_a_date"),
        (5, "eclipse_id", "person_not_found"),
    }
    assert all(r["allowed"] for r in report["refusals"])
    assert "the 25th" not in str(report), "what was wrong is never said back"
    row = council.row()
    assert row is not None
    assert row.finding.state is State.DANGER


BROKEN = {
    "ssd_care_leavers": leavers(
        leaver("P1", "S", ""), leaver("P2").replace("2020-06-25", "the 25th"), leaver("P3"), leaver("P99")
    )
}


def test_people_are_introduced_with_what_is_said_of_them(council: Council) -> None:
    people = PEOPLE_HEADER + PEOPLE + "P4,Dart,Demo-Exe,2001-05-01,north_1,2019-05-01\n"
    report = council.on("2020-07-20T01:00").push("cohorts", {"people": people})
    assert report["people_added"] == 1
    council.clock.advance(minutes=5)
    council.push("ssd", {"ssd_care_leavers": leavers(*USUAL, leaver("P4", "S", ""))})
    row = council.row("P4")
    assert row is not None
    assert (row.card.name, row.card.team, row.card.locality) == ("Dart Demo-Exe", "Care leavers North 1", "North Devon")


def test_what_is_said_of_somebody_unknown_is_refused_and_introduces_nobody(council: Council) -> None:
    report = council.on("2020-07-20T01:00").push("ssd", {"ssd_care_leavers": leavers(*USUAL, leaver("P99"))})
    assert report["people_added"] == 0
    assert {r["code"] for r in report["refusals"]} == {"person_not_found"}
    assert report["only_the_watermark_moved"] is True


def test_a_row_that_turns_to_somebody_else_is_refused(council: Council) -> None:
    spell = SPELLS_HEADER + "S1,{whom},S,,2020-05-01,,,\n"
    council.sheet("2020-07-02T09:00", "accommodation", spell.format(whom="P2"))
    report = council.sheet("2020-07-03T09:00", "accommodation", spell.format(whom="P3"))
    assert [r["code"] for r in report["refusals"]] == ["other_person"]
    assert (council.row("P2") is None, council.row("P3") is None) == (False, True)


def test_other_bytes_than_declared_are_refused(council: Council) -> None:
    batch_id = council.on("2020-07-20T01:00").opened(council.manifest("ssd", FILES))
    with pytest.raises(Unprocessable) as refused:
        council.sent(batch_id, {"ssd_care_leavers": FILES["ssd_care_leavers"] + "\n"})
    assert refused.value.fields[0][:2] == ("sha256", "differs")
    with pytest.raises(Unprocessable) as undeclared:
        council.sent(batch_id, {"ssd_person": "pers_person_id\nP1\n"})
    assert undeclared.value.fields[0][:2] == ("name", "not_declared")
    with pytest.raises(Conflict) as absent:
        council.applied(batch_id)
    assert absent.value.fields[0][:2] == ("datasets.ssd_care_leavers", "not_sent")


def test_fewer_rows_than_declared_are_refused(council: Council) -> None:
    before = council.places()
    with pytest.raises(Unprocessable) as refused:
        council.on("2020-07-20T01:00").push("ssd", FILES, declare={"rows": 4})
    assert refused.value.fields == (("datasets.ssd_care_leavers.rows", "differs", "the number of data rows sent"),)
    assert council.places() == before


def test_a_file_that_cannot_be_read_says_why(council: Council) -> None:
    with pytest.raises(Unprocessable) as refused:
        council.on("2020-07-20T01:00").push(
            "ssd", {"ssd_care_leavers": b"clea_table_id,clea_person_id\nC1,\xff\n"}, declare={"rows": 1}
        )
    assert refused.value.fields[0][:2] == ("datasets.ssd_care_leavers", "wrong_encoding")


def test_an_unknown_dataset_or_profile_and_a_dataset_twice_are_refused(council: Council) -> None:
    council.on("2020-07-20T01:00")
    for profile, files in (
        ("ssd", {"ssd_pets": "x\n"}),
        ("nobody", {"people": PEOPLE_HEADER}),
        ("ssd", {"ssd_person": "pers_person_id\n", "person.csv": "pers_person_id\n"}),
    ):
        with pytest.raises(Unprocessable):
            council.opened(council.manifest(profile, files))


def test_a_batch_nobody_opened_is_not_found(council: Council) -> None:
    with pytest.raises(NotFound):
        council.applied("no-such-batch")
    with reading(council.engine) as session, pytest.raises(NotFound):
        ingest.report(session, "no-such-batch", to=ROBOT, at=council.clock())


def test_a_plan_says_what_apply_then_does_and_changes_nothing(council: Council) -> None:
    batch_id = council.on("2020-07-20T01:00").opened(council.manifest("ssd", BROKEN))
    council.sent(batch_id, BROKEN)
    before = council.everything()
    planned = council.planned(batch_id)
    assert council.everything() == before
    done = council.applied(batch_id)
    assert planned["rows"] == [
        {"dataset": "ssd_care_leavers", "row": 2, "kind": "accommodation", "change": "changed", "held": False}
    ]
    without = {"state", "applied_at", "rows", "changes"}
    assert {k: v for k, v in planned.items() if k not in without} == {k: v for k, v in done.items() if k not in without}
    assert council.planned(batch_id) == done, "once applied, the plan is what was done"
    with reading(council.engine) as session:
        assert ingest.report(session, batch_id, to=ROBOT, at=council.clock()) == done
        assert session.execute(select(batch_dataset)).first() is None, "the raw bytes are let go"


@pytest.mark.parametrize(
    "late", ["remember_aliases", "append"], ids=["when everything but the aliases is in", "when the first fact goes in"]
)
def test_a_fault_in_the_middle_leaves_nothing(late: str, council: Council, monkeypatch: pytest.MonkeyPatch) -> None:
    people = {"people": PEOPLE_HEADER + PEOPLE + "P4,Dart,Demo-Exe,2001-05-01,north_1,2019-05-01\n", "teams": TEAMS}
    batch_id = council.on("2020-07-20T01:00").opened(council.manifest("cohorts", people))
    council.sent(batch_id, people)
    before = council.everything()

    def broken(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as fault:
        fault.setattr(record, late, broken)
        with pytest.raises(OSError, match="full"):
            council.applied(batch_id)
    assert council.everything() == before
    assert council.applied(batch_id)["people_added"] == 1, "and it can be applied once the fault is gone"


def test_two_applies_at_once_apply_once(council: Council) -> None:
    batch_id = council.on("2020-07-20T01:00").opened(council.manifest("ssd", FILES))
    council.sent(batch_id, FILES)
    prepared = council.prepared(batch_id)

    def apply(_: int) -> dict[str, object]:
        with writing(council.engine, council.clock, intake=True) as write:
            return ingest.apply(write.session, prepared, by=ROBOT, at=write.now)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(apply, range(4)))
    assert reports == [reports[0]] * 4
    table = FACTS["accommodation"]
    with reading(council.engine) as session:
        opened = select(table.c.version_id).where(table.c.code == "S")
        applied = select(audit_entry.c.audit_id).where(audit_entry.c.act == "ingest.apply")
        assert len(session.execute(opened).all()) == 1
        assert len(session.execute(applied).all()) == 3, "two of the first night, one of this"


def test_the_act_is_in_the_audit_with_the_people_it_touched(council: Council) -> None:
    council.night("2020-07-20T01:00", leaver("P1", "S", ""), *REST)
    with reading(council.engine) as session:
        entry = session.execute(
            select(audit_entry).where(audit_entry.c.act == "ingest.apply").order_by(audit_entry.c.recorded_at.desc())
        ).first()
    assert entry is not None
    assert (entry.by_user, entry.recorded_at) == (ROBOT.user_id, moment("2020-07-20T01:00"))
    assert entry.people_set is not None


def test_the_trackers_freshness_is_that_of_the_oldest_dataset(council: Council) -> None:
    council.night("2020-07-20T01:00", *USUAL)
    council.on("2020-07-20T09:00")
    (eclipse,) = council.tracker(to=DIRECTOR).freshness
    assert (eclipse.source, eclipse.stale) == (Source.ECLIPSE.value, True)
    assert min(eclipse.datasets.values()) == eclipse.extracted_at == moment("2020-07-01T00:30")
    assert max(eclipse.datasets.values()) == moment("2020-07-20T00:30")
    then = council.tracker(known_at="2020-07-01T02:00", to=DIRECTOR).freshness
    assert [(f.age_hours, f.stale) for f in then] == [(1, False)]
