"""The figures of docs/demo.md hold on any day: told from the files alone, without the service's rules."""

from collections import Counter
from datetime import date, timedelta

import pytest

from service.demo.child_protection import nine_months_tomorrow
from service.demo.scene import age_on, months_after, years_before
from tests.demo.extracts import SUMMER, council, day, last, rows

DAYS = [
    SUMMER,
    date(2024, 2, 29),  # a leap day
    date(2023, 2, 28),
    date(2023, 3, 1),
    date(2025, 3, 31),  # the day after the clocks go forward
    date(2025, 10, 26),  # the day the clocks go back
    date(2025, 12, 31),
]
on_any_day = pytest.mark.parametrize("as_at", DAYS, ids=str)


def served(as_at: date, night: int = -1) -> dict[str, dict[str, str]]:
    """Care leavers served by the files of a night, told independently of the service's rules."""
    files = council(as_at).nights[night]
    on = files.extracted_at.date()
    people = {row["pers_person_id"]: row for row in rows(files, "ssd_person")}
    gone = {row["eclipse_id"] for row in rows(files, "people") if row["transferred_out_on"]}
    return {
        who: row
        for row in rows(files, "ssd_care_leavers")
        if row["clea_care_leaver_eligibility"] in ("Relevant", "Former Relevant")
        and (who := row["clea_person_id"]) not in gone
        and not people[who]["pers_death_date"]
        and 16 <= age_on(on, day(people[who]["pers_dob"])) < 25
    }


def current_places(as_at: date) -> dict[str, dict[str, str]]:
    return {row["eclipse_id"]: row for row in last(as_at, "accommodation") if not row["ended_on"]}


@on_any_day
def test_430_care_leavers_are_served_and_417_are_in_touch(as_at: date) -> None:
    who = served(as_at)
    assert len(who) == 430
    made: dict[str, date] = {}
    for row in last(as_at, "contacts"):
        if row["outcome"] == "made":
            made[row["eclipse_id"]] = max(day(row["occurred_at"]), made.get(row["eclipse_id"], date.min))
    in_touch = {one for one in who if (as_at - made[one]).days <= 56}
    assert len(in_touch) == 417
    assert 0 < sum((as_at - made[one]).days >= 42 for one in in_touch) < 12, "a few to see coming"
    for one, row in who.items():
        assert (row["clea_care_leaver_in_touch"] == "YES") == (one in in_touch)
        assert not row["clea_care_leaver_latest_contact"] or day(row["clea_care_leaver_latest_contact"]) == made[one]
    lost = Counter(who[one]["clea_care_leaver_in_touch"] for one in who.keys() - in_touch)
    assert lost == {"NO": 10, "REFU": 3}


@on_any_day
def test_seven_are_unsuitable_and_one_of_them_eclipse_does_not_know(as_at: date) -> None:
    who, places = served(as_at), current_places(as_at)
    bad = {one for one in who if one in places and (places[one]["suitable"] == "no" or places[one]["unacceptable"])}
    assert bad == {"EDGE-003", "EDGE-006", "EDGE-013", "EDGE-014", "EDGE-015", "EDGE-016"}
    born = {row["pers_person_id"]: day(row["pers_dob"]) for row in last(as_at, "ssd_person")}
    assert all(age_on(as_at, born[one]) >= 18 for one in (*bad, "EDGE-004"))
    assert places["EDGE-004"]["suitable"] == "yes"
    assert (as_at - day(places["EDGE-003"]["started_on"])).days == 2, "the third night"
    [tent] = [e for night in council(as_at).nights for e in night.entries_before if e.eclipse_id == "EDGE-004"]
    assert (tent.eclipse_id, tent.body["unacceptable"]) == ("EDGE-004", "tent")
    assert tent.body["started_on"] == (as_at - timedelta(days=21)).isoformat()
    assert tent.at.date() == as_at - timedelta(days=6)


@on_any_day
def test_two_places_are_unknown_and_two_are_being_assessed(as_at: date) -> None:
    who, places = served(as_at), current_places(as_at)
    assert who.keys() - places.keys() == {"EDGE-017"}
    unjudged = {one: places[one]["code"] for one in who if one in places and not places[one]["suitable"]}
    assert unjudged == {"EDGE-018": "R", "EDGE-019": "D", "EDGE-020": "U"}


@on_any_day
def test_both_sources_say_the_same_place(as_at: date) -> None:
    for night in council(as_at).nights:
        open_ones = {r["eclipse_id"]: r for r in rows(night, "accommodation") if not r["ended_on"]}
        for row in rows(night, "ssd_care_leavers"):
            place = open_ones.get(row["clea_person_id"], {"code": "", "suitable": ""})
            assert row["clea_care_leaver_accommodation"] == place["code"]
            assert row["clea_care_leaver_accom_suitable"] == {"yes": "1", "no": "2", "": ""}[place["suitable"]]


@on_any_day
def test_children_are_as_many_as_the_recipe_says(as_at: date) -> None:
    placements = [row for row in last(as_at, "ssd_cla_placement") if not row["clap_cla_placement_end_date"]]
    assert len(placements) == len({row["clap_person_id"] for row in placements}) == 759
    fostered = sum(row["clap_cla_placement_type"] in ("U1", "U3", "U4", "U6") for row in placements)
    assert round(100 * fostered / 759) == 76
    plans = [row["cppl_person_id"] for row in last(as_at, "ssd_cp_plans") if not row["cppl_cp_plan_end_date"]]
    assert len(plans) == len(set(plans)) == 501
    again = {row["eclipse_id"] for row in last(as_at, "plan_counts")} & set(plans)
    assert len(again) == 107
    started = [day(r["cppl_cp_plan_start_date"]) for r in last(as_at, "ssd_cp_plans") if not r["cppl_cp_plan_end_date"]]
    assert sum(months_after(first, 9) < as_at for first in started) == 137
    recorded = {row["eclipse_id"] for row in last(as_at, "permanence_plans") if row["recorded_on"]}
    entered = {row["clae_person_id"]: day(row["clae_entered_care_date"]) for row in last(as_at, "ssd_cla_episodes")}
    drifting = [r for r in placements if (as_at - entered[r["clap_person_id"]]).days >= 140]
    assert sum(row["clap_person_id"] not in recorded for row in drifting) == 161
    assert 1830 < len(last(as_at, "ssd_person")) < 1900
    assert len(last(as_at, "workers")) == 431


@on_any_day
def test_the_court_lists_are_as_long_as_the_recipe_says(as_at: date) -> None:
    before = [
        row
        for row in last(as_at, "pre_proceedings")
        if row["PPOutcome"] != "Decision to step down" and not row["CourtAppDate"]
    ]
    assert len({row["family_group"] for row in before}) == 60
    over = [row for row in before if (as_at - day(row["PPStartDate"])).days > 84]
    assert len({row["family_group"] for row in over}) == 8
    assert len({row["family_group"] for row in over if row["reason_over_12_weeks"]}) == 3
    unborn = {row["pers_person_id"] for row in last(as_at, "ssd_person") if row["pers_expected_dob"]}
    assert len(unborn) == len(unborn & {row["eclipse_id"] for row in before}) == 2
    issued = [row for row in last(as_at, "care_proceedings") if not row["disposed_on"]]
    late = [row for row in issued if (as_at - day(row["issued_on"])).days > 181]
    assert (len(issued), len(late)) == (90, 20)
    assert {row["delay_party"] for row in late} == {"expert", "court"}


@on_any_day
def test_fourteen_have_no_worker(as_at: date) -> None:
    held: dict[tuple[str, str], int] = Counter(
        (row["invo_person_id"], row["invo_professional_role_id"])
        for row in last(as_at, "ssd_involvements")
        if not row["invo_involvement_end_date"]
    )
    leavers = {one for one in served(as_at) if not held[one, "PA"]}
    children = {row["cppl_person_id"] for row in last(as_at, "ssd_cp_plans") if not row["cppl_cp_plan_end_date"]}
    children |= {
        row["clae_person_id"] for row in last(as_at, "ssd_cla_episodes") if not row["clae_cla_episode_ceased_date"]
    }
    children |= {row["eclipse_id"] for row in last(as_at, "pre_proceedings") if not row["StepDecisionDate"]}
    alone = {one for one in children if not held[one, "AW"]}
    assert (len(leavers), len(alone)) == (5, 9)
    assert {"EDGE-005", "EDGE-033"} <= leavers | alone


@on_any_day
def test_edge_people_stand_on_their_line(as_at: date) -> None:
    born = {row["pers_person_id"]: day(row["pers_dob"]) for row in last(as_at, "ssd_person")}
    assert born["EDGE-034"] == born["EDGE-035"]
    leap = born["EDGE-009"]
    assert (leap.month, leap.day) == (2, 29)
    assert 18 <= age_on(as_at, leap) <= 22
    assert born["EDGE-005"] == years_before(as_at + timedelta(days=1), 18)
    plan = nine_months_tomorrow(as_at)
    assert months_after(plan, 9) >= as_at + timedelta(days=2) > months_after(plan - timedelta(days=1), 9)
    [issued] = [row for row in last(as_at, "care_proceedings") if row["eclipse_id"] == "EDGE-025"]
    assert divmod((as_at - day(issued["issued_on"])).days, 7) == (25, 6)
