"""Known defects of what Eclipse sends (docs/formats.md), told through the whole line: pushed at night, seen by day."""

import json
import logging
from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from service.domain.facts import CareLeaverStatus, ChildProtectionPlan, Person
from service.domain.tracker import Row
from service.errors import Unprocessable
from service.store import extracts, reference
from service.store.engine import reading
from tests.council import HEAD, INVOLVEMENTS, Council, leaver, leavers
from tests.factories import a_contact

PERSON = "pers_person_id,pers_forename,pers_surname,pers_dob,pers_expected_dob\n"
CHILD = PERSON + "K1,Elm,Demo-Dart,2015-03-01,\n"
PLANS = (
    "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date,cppl_cp_plan_end_date,cppl_cp_plan_initial_category,"
    "cppl_cp_plan_latest_category\n"
)
REVIEWS = "cppr_cp_review_id,cppr_person_id,cppr_cp_plan_id,cppr_cp_review_due,cppr_cp_review_date\n"
OPEN_PLAN = PLANS + "51,K1,2019-09-02 00:00:00,NULL,Neglect,Neglect\n"
REST = (leaver("P2"), leaver("P3"))


def night(council: Council, text: str, files: Mapping[str, str], mode: str = "full") -> dict[str, dict[str, Any]]:
    """A night's push of SSD tables; the parts of its report by dataset."""
    report = council.on(text).push("ssd", dict(files), mode=mode)
    return {each["name"]: each for each in report["datasets"]}


def shown(council: Council, whom: str, cohort: str) -> Row:
    """The row of somebody who must be in a cohort."""
    row = council.row(whom, cohort)
    assert row is not None, f"{whom} is not in {cohort}"
    return row


# --- what a file says, and what it has no column for ---------------------------------------


def plan_of(council: Council) -> ChildProtectionPlan:
    return council.standing("K1", kinds=("child_protection_plan",)).child_protection_plans[0]


def test_a_file_without_the_column_of_an_end_reopens_nothing_and_a_blank_does(council: Council) -> None:
    ended = OPEN_PLAN.replace("NULL", "2020-07-03")
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": ended})
    narrow = (
        "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date,cppl_cp_plan_latest_category\n"
        "51,K1,2019-09-02,Neglect\n"
    )
    for day in ("06", "07"):
        night(council, f"2020-07-{day}T01:00", {"ssd_cp_plans": narrow})
        plan = plan_of(council)
        assert plan.known is not None
        assert plan.ended_on == date(2020, 7, 3), "its file has no column for the end"
        assert "no_longer_supplied:ended_on" in plan.known.flags
    night(council, "2020-07-08T01:00", {"ssd_cp_plans": OPEN_PLAN})
    assert plan_of(council).ended_on is None, "a blank where the end stood opens it again"


def test_what_was_deleted_and_is_there_again_is_open_whatever_columns_say_so(council: Council) -> None:
    header, row = "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date", "51,K1,2019-09-02"
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": f"{header}\n{row}\n"})
    gone = f"{header},record_deleted\n51,K1,,Y\n"
    night(council, "2020-07-06T01:00", {"ssd_cp_plans": gone}, mode="delta")
    assert plan_of(council).ended_on == date(2020, 7, 6), "the marker needs the ids alone"
    night(council, "2020-07-07T01:00", {"ssd_cp_plans": f"{header}\n{row}\n"})
    assert plan_of(council).ended_on is None


def test_a_marker_ends_an_allocation_of_which_nothing_else_is_said(council: Council) -> None:
    header = INVOLVEMENTS.split("\n")[0].split(",")
    first = dict(zip(header, INVOLVEMENTS.split("\n")[1].split(","), strict=True))
    whose = first["invo_person_id"]
    cells = ",".join(first[name] if name in ("invo_involvements_id", "invo_person_id") else "" for name in header)
    night(
        council, "2020-07-06T01:00", {"ssd_involvements": ",".join([*header, "record_deleted"]) + f"\n{cells},Y\n"},
        mode="delta",
    )  # fmt: skip
    (allocation,) = council.standing(whose, kinds=("allocation",)).allocations
    assert allocation.ended_on == date(2020, 7, 6)


def test_a_worker_whose_last_day_is_blank_again_is_back(council: Council) -> None:
    def last_day() -> date | None:
        with reading(council.engine) as session:
            return reference.workers(session)["W1"].ended_on

    header = "worker_id,name,role,team_id"
    council.sheet("2020-07-05T01:00", "workers", f"{header},ended_on\nW1,A. Demo-Adviser,PA,exeter_1,2020-07-03\n")
    assert last_day() == date(2020, 7, 3)
    council.sheet("2020-07-06T01:00", "workers", f"{header}\nW1,A. Demo-Adviser,PA,exeter_1\n")
    assert last_day() == date(2020, 7, 3), "no column says nothing"
    council.sheet("2020-07-07T01:00", "workers", f"{header},ended_on\nW1,A. Demo-Adviser,PA,exeter_1,\n")
    assert last_day() is None


def test_a_file_of_no_bytes_is_no_empty_table(council: Council) -> None:
    before = len(council.table().rows)
    report = council.on("2020-07-06T01:00").push("ssd", {"ssd_care_leavers": "", "ssd_involvements": INVOLVEMENTS})
    told = {each["name"]: each["unusable"] for each in report["datasets"]}
    assert told == {"ssd_care_leavers": True, "ssd_involvements": False}
    assert [(each["code"], each["owner"]) for each in report["refusals"]] == [("missing_header", "integration")]
    assert (report["held"], len(council.table().rows)) == ([], before)


def test_a_row_without_its_own_id_is_its_file_makers_to_put_right(council: Council) -> None:
    files = {"ssd_person": CHILD, "ssd_cp_plans": PLANS + ",K1,2019-09-02,,,\n"}
    report = council.on("2020-07-06T01:00").push("ssd", files)
    assert [(r["code"], r["owner"]) for r in report["refusals"]] == [("missing_key", "integration")]


# --- care leavers ----------------------------------------------------------------------------


def test_a_record_without_a_contact_date_does_not_pass_for_the_latest(council: Council) -> None:
    """Eclipse's script sorts a blank date before all others: last night's place without a home is not over."""
    council.night("2020-07-10T01:00", leaver("P1", "S", "2", on="2020-07-08"), *REST)
    council.night("2020-07-11T01:00", leaver("P1", "U", "1", on=""), *REST)
    assert shown(council, "P1", "unsuitable_accommodation").finding.line == "unacceptable"
    (place,) = [place for place in council.standing().accommodations if place.ended_on is None]
    assert place.known is not None
    assert (place.code, "undated_row" in place.known.flags) == ("S", True)
    council.night("2020-07-12T01:00", leaver("P1", "U", "1", on="2020-07-11"), *REST)
    assert council.row("P1") is None, "a dated row is news"


def test_but_the_danger_it_brings_counts(council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", "W", "1", on=""), *REST)
    assert shown(council, "P1", "unsuitable_accommodation").finding.line == "unacceptable"


@pytest.mark.parametrize(("touch", "line"), [("NO", "said_not_in_touch"), ("REFU", "declined")])
def test_a_blank_date_is_normal_where_touch_is_lost_and_is_believed(touch: str, line: str, council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", touch=touch, on=""), *REST)
    assert shown(council, "P1", "not_in_touch").finding.line == line
    council.night("2020-07-11T01:00", leaver("P1", touch="YES", on=""), *REST)
    assert shown(council, "P1", "not_in_touch").finding.line == line, "in touch without a day ends no silence"
    council.night("2020-07-12T01:00", leaver("P1", touch="YES", on="2020-07-11"), *REST)
    assert council.row("P1", "not_in_touch") is None


def test_an_undated_row_takes_nobody_off_the_lists(council: Council) -> None:
    council.night("2020-07-10T01:00", leaver("P1", "S", "2", on="2020-07-08"), *REST)
    council.night("2020-07-11T01:00", leaver("P1", "S", "2", on="", eligibility="Qualifying"), *REST)
    assert shown(council, "P1", "unsuitable_accommodation")
    council.night("2020-07-12T01:00", leaver("P1", "S", "2", on="2020-07-11", eligibility="Qualifying"), *REST)
    council.on("2020-07-13T09:00")
    assert council.row("P1") is None, "a dated row is news"


def test_rows_that_leave_it_open_make_it_unknown_and_the_young_person_stays_served(council: Council) -> None:
    rows = leaver("P1", "U", "1"), leaver("P1", "K", "1", on="", eligibility="Qualifying").replace("C-", "D-")
    council.night("2020-07-10T01:00", *rows, *REST)
    row = shown(council, "P1", "accommodation_unknown")
    assert "eligibility_unknown" in row.finding.flags
    assert row.finding.line == "not_known"


def test_two_allocated_workers_on_the_day_are_one_young_person(council: Council) -> None:
    header = leavers().strip() + ",clea_care_leaver_personal_advisor\n"
    rows = [leaver("P1", "S", "2").strip() + f",{worker}\n" for worker in ("W1", "W2")]
    told = council.on("2020-07-10T01:00").push("ssd", {"ssd_care_leavers": header + "".join(rows)}, mode="delta")
    assert told["refused"] == 0
    assert shown(council, "P1", "unsuitable_accommodation")
    (status,) = [s for s in council.standing().care_leaver_statuses if s.ended_on is None]
    assert isinstance(status, CareLeaverStatus)
    assert (status.personal_adviser_ref, status.known and "several_rows" in status.known.flags) == (None, True)


# --- child protection ------------------------------------------------------------------------


def test_reviews_of_an_open_plan_count_by_person_and_date(council: Council) -> None:
    reviews = (
        REVIEWS + "R0,K1,NULL,NULL,2019-05-06\nR1,K1,NULL,2019-12-02,2019-12-02\nR2,K1,NULL,2020-05-18,2020-05-20\n"
    )
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": OPEN_PLAN, "ssd_cp_reviews": reviews})
    extra = shown(council, "K1", "cp_plan_over_9_months").finding.extra
    assert (extra["reviews_held"], extra["second_review_held_on"]) == (2, date(2020, 5, 20))


def test_a_plan_that_restarts_the_next_day_is_one_that_runs_and_a_repeat_flagged(council: Council) -> None:
    plans = PLANS + "40,K1,2019-08-05,2020-02-28,Neglect,Neglect\n51,K1,2020-02-29,,Neglect,Neglect\n"
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": plans})
    running = shown(council, "K1", "cp_plan_over_9_months").finding
    assert (running.started_on, running.flags) == (date(2019, 8, 5), ("restart",))
    again = shown(council, "K1", "repeat_cp_plan").finding
    assert ("restart" in again.flags, again.extra["days_between"]) == (True, 1)


def test_a_plan_whose_id_changes_overnight_is_no_repeat(council: Council) -> None:
    """Eclipse's id of a plan is the lowest of the rows it is made of, and these come and go."""
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": OPEN_PLAN})
    night(council, "2020-07-06T01:00", {"ssd_person": CHILD, "ssd_cp_plans": OPEN_PLAN.replace("51,", "49,")})
    assert council.row("K1", "repeat_cp_plan") is None
    assert council.table("cp_plan_over_9_months").count == 1


def test_an_earlier_plan_outside_the_window_counts_by_the_number_declared(council: Council) -> None:
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": OPEN_PLAN})
    assert council.row("K1", "repeat_cp_plan") is None
    council.sheet("2020-07-06T01:00", "plan_counts", "eclipse_id,here,elsewhere,counted_on\nK1,1,0,2020-07-01\n")
    assert shown(council, "K1", "repeat_cp_plan").finding.extra["earlier_here"] == 1


def test_a_category_that_never_changes_in_eclipse_does_not_undo_a_change_by_hand(council: Council) -> None:
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": OPEN_PLAN})
    (fed,) = council.standing("K1", kinds=("child_protection_plan",)).child_protection_plans
    assert fed.known is not None
    changed = ChildProtectionPlan(started_on=date(2019, 9, 2), category="EMO", category_before="NEG")
    council.on("2020-07-06T09:00").correct(fed.known.fact_id, changed, by=HEAD)
    night(council, "2020-07-07T01:00", {"ssd_person": CHILD, "ssd_cp_plans": OPEN_PLAN})
    assert shown(council, "K1", "cp_plan_over_9_months").finding.extra["category"] == "EMO"


# --- looked after ----------------------------------------------------------------------------

EPISODES = "clae_cla_episode_id,clae_person_id,clae_cla_id,clae_cla_episode_start_date,clae_referral_id\n"
CARE = {"ssd_person": CHILD, "ssd_cla_episodes": EPISODES + "E1,K1,CLA1,2019-11-04,9001\n"}
LEGAL = (
    "lega_legal_status_id,lega_person_id,lega_legal_status,lega_legal_status_start_date,lega_legal_status_end_date\n"
)
BREAKS = "Accommodated under an agreed series of short term breaks, when agreements are recorded"


def test_short_breaks_drawn_over_a_care_order_leave_the_child_looked_after(council: Council) -> None:
    """Eclipse draws two spells of one status into one: what keeps a child looked after counts."""
    drawn = LEGAL + f'L1,K1,"{BREAKS}",2019-11-04,\nL2,K1,Interim care order,2020-02-03,2020-07-20\n'
    night(council, "2020-07-05T01:00", {**CARE, "ssd_legal_status": drawn})
    assert shown(council, "K1", "no_permanence_plan")
    for status in council.standing("K1", kinds=("legal_status",)).legal_statuses:
        assert status.known is not None
        assert status.known.flags == ("overlapping_spells",)
    council.on("2020-07-25T09:00")
    assert council.row("K1", "no_permanence_plan") is None, "short breaks alone"


def test_an_address_that_houses_two_children_twice_is_four_placements(council: Council) -> None:
    person = CHILD + "K2,Fir,Demo-Dart,2013-03-01,\n"
    header = (
        "clap_cla_placement_id,clap_person_id,clap_cla_placement_start_date,clap_cla_placement_end_date,"
        "clap_cla_placement_type\n"
    )
    rows = [
        f"A9,{child},{start},{end},U6\n"
        for child in ("K1", "K2")
        for start, end in (("2020-01-15", "2020-03-01"), ("2020-06-01", ""))
    ]
    files = {"ssd_person": person, "ssd_cla_placement": header + "".join(rows)}
    assert night(council, "2020-07-05T01:00", files)["ssd_cla_placement"]["facts"]["added"] == 4
    assert night(council, "2020-07-06T01:00", files)["ssd_cla_placement"]["unchanged"] == 4


def test_other_referral_ids_change_nothing(council: Council) -> None:
    night(council, "2020-07-05T01:00", CARE)
    other = {**CARE, "ssd_cla_episodes": CARE["ssd_cla_episodes"].replace("9001", "K19001")}
    told = night(council, "2020-07-06T01:00", other)["ssd_cla_episodes"]
    assert (told["rows"], told["unchanged"]) == (1, 1)


# --- the envelope ----------------------------------------------------------------------------


def test_a_pilot_filter_left_in_takes_nobody_off_a_list(council: Council) -> None:
    """Eclipse's script for people comes with a list of three; an extract that still has it is held."""
    children = [f"K{number}" for number in range(1, 6)]
    people = [f"{child},Elm,Demo-Dart,2015-03-01,\n" for child in children]
    plans = [f"5{child},{child},2019-09-02,,NEG,NEG\n" for child in children]
    night(council, "2020-07-05T01:00", {"ssd_person": PERSON + "".join(people), "ssd_cp_plans": PLANS + "".join(plans)})
    few = {"ssd_person": PERSON + people[0], "ssd_cp_plans": PLANS + plans[0]}
    report = council.on("2020-07-06T01:00").push("ssd", few)
    assert {held["dataset"] for held in report["held"]} >= {"ssd_cp_plans"}
    assert all(council.row(child, "cp_plan_over_9_months") for child in children)


def test_a_table_of_nothing_but_null_was_not_supplied_and_empties_nothing(council: Council) -> None:
    header = "prep_table_id,prep_person_id,prep_pre_pro_decision_date\n"
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_pre_proceedings": header + "X1,K1,2020-05-04\n"})
    before = council.versions("pre_proceedings", "K1")
    report = council.on("2020-07-06T01:00").push(
        "ssd", {"ssd_person": CHILD, "ssd_pre_proceedings": header + "NULL,NULL,NULL\n"}
    )
    assert report.get("held", []) == []
    assert council.versions("pre_proceedings", "K1") == before
    with reading(council.engine) as session:
        marks = {name: at.day for (_, _, name), at in extracts.watermarks(session).items() if name.startswith("ssd_p")}
    assert marks == {"ssd_person": 6, "ssd_pre_proceedings": 5}, "the feed of it stands still, and can be seen to"


@pytest.mark.parametrize(
    ("profile", "name"), [("ssd", "ssd_contacts"), ("ssd", "contacts"), ("cohorts", "ssd_contacts")]
)
def test_front_door_contacts_are_refused_before_a_byte_is_sent(profile: str, name: str, council: Council) -> None:
    rows = "cont_contact_id,cont_person_id,cont_contact_date\n1,P1,2020-07-04\n"
    with pytest.raises(Unprocessable) as refusal:
        council.on("2020-07-05T01:00").push(profile, {name: rows})
    assert [code for _, code, _ in refusal.value.fields] == ["front_door_contacts"]


def test_front_door_contacts_keep_nobody_in_touch_under_another_name(council: Council) -> None:
    council.on("2020-09-20T01:00")
    assert shown(council, "P1", "not_in_touch").finding.line == "no_contact"
    rows = "cont_contact_id,cont_person_id,cont_contact_date,record_id,eclipse_id\n1,P1,2020-09-19,1,P1\n"
    with pytest.raises(Unprocessable) as refusal:
        council.push("cohorts", {"contacts": rows})
    assert [code for _, code, _ in refusal.value.fields] == ["front_door_contacts"]
    assert shown(council, "P1", "not_in_touch").finding.line == "no_contact"
    council.log(a_contact("2020-09-19T10:00:00+00:00"))
    assert council.row("P1", "not_in_touch") is None


CANARY = "9434765919"


def test_nhs_numbers_are_kept_nowhere(council: Council, caplog: pytest.LogCaptureFixture) -> None:
    header = PERSON.strip() + ",pers_common_child_id,pers_single_unique_id,pers_upn,pers_upn_unknown\n"
    numbers = f",{CANARY},{CANARY},{CANARY},{CANARY}\n"
    rows = header + f"K1,Elm,Demo-Dart,2015-03-01,{numbers}" + f",Fir,Demo-Dart,2013-03-01,{numbers}"
    council.on("2020-07-05T01:00")
    with caplog.at_level(logging.DEBUG):
        batch_id = council.opened(council.manifest("ssd", {"ssd_person": rows}))
        council.sent(batch_id, {"ssd_person": rows})
        assert CANARY not in json.dumps(council.planned(batch_id), default=str)
        told = council.applied(batch_id)
    assert told["refused"] == 1
    assert CANARY not in json.dumps(told, default=str)
    assert CANARY not in caplog.text
    for table, kept in council.everything().items():
        assert CANARY not in repr(kept), table
        assert CANARY.encode() not in b"".join(cell for row in kept for cell in row if isinstance(cell, bytes)), table


def test_an_unborn_child_is_born(council: Council) -> None:
    """Eclipse gives the day a child is due as day of birth until it has come."""

    def who(text: str, dob: str, expected: str) -> Person:
        night(council, text, {"ssd_person": PERSON + f"K1,Baby,Demo-Dart,{dob},{expected}\n"})
        return council.standing("K1", kinds=("person",)).person

    due = who("2020-07-05T01:00", "2020-08-10", "2020-08-10")
    assert (due.born_on, due.expected_on) == (None, date(2020, 8, 10))
    tomorrow = who("2020-08-09T01:00", "2020-08-10", "")
    assert (tomorrow.born_on, tomorrow.expected_on) == (None, date(2020, 8, 10))
    born = who("2020-08-12T01:00", "2020-08-11", "")
    assert (born.born_on, born.expected_on) == (date(2020, 8, 11), None)
    assert council.standing("K1", kinds=("person",)).age_on(date(2020, 8, 12)) == 0


def test_a_child_born_in_one_file_is_not_expected_by_another(council: Council) -> None:
    council.sheet("2020-07-05T01:00", "people", "eclipse_id,surname,expected_on\nK1,Demo-Dart,2020-08-10\n")
    night(council, "2020-08-12T01:00", {"ssd_person": PERSON + "K1,Baby,Demo-Dart,2020-08-11,\n"})
    born = council.standing("K1", kinds=("person",)).person
    assert (born.forename, born.born_on, born.expected_on) == ("Baby", date(2020, 8, 11), None)


def test_a_delta_ends_a_plan_only_by_its_marker(council: Council) -> None:
    night(council, "2020-07-05T01:00", {"ssd_person": CHILD, "ssd_cp_plans": OPEN_PLAN})
    night(council, "2020-07-06T01:00", {"ssd_cp_plans": PLANS}, mode="delta")
    assert shown(council, "K1", "cp_plan_over_9_months")
    header = "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date,record_deleted\n"
    night(council, "2020-07-07T01:00", {"ssd_cp_plans": header + "51,K1,2019-09-02,Y\n"}, mode="delta")
    council.on("2020-07-08T09:00")
    assert council.row("K1", "cp_plan_over_9_months") is None
    assert council.standing("K1", kinds=("child_protection_plan",)).child_protection_plans[0].ended_on == date(
        2020, 7, 7
    )
