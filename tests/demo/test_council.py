"""The demo council: the same every time, plainly invented, whole, and of the size and shape it promises on any day."""

import csv
import io
import json
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pytest

from service.demo import edge_care_leavers
from service.demo.child_protection import nine_months_tomorrow
from service.demo.council import Council, Night, build, write
from service.demo.edges import EDGES, RESTRICTED
from service.demo.names import DISTRICTS, OTHER_COUNCILS
from service.demo.scene import age_on, months_after, years_before
from service.domain.access import DEFAULT_SCOPE, WITHOUT_CODE, Role, ScopeKind
from service.readers import mapping, profiles

SUMMER = date(2020, 7, 31)
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
DOCUMENT = Path(__file__).parents[2] / "docs" / "demo.md"

council = lru_cache(maxsize=None)(build)


def rows(night: Night, dataset: str) -> list[dict[str, str]]:
    content = night.ssd.get(dataset, night.cohorts.get(dataset, b""))
    return list(csv.DictReader(io.StringIO(content.decode())))


def last(as_at: date, dataset: str) -> list[dict[str, str]]:
    return rows(council(as_at).nights[-1], dataset)


def day(text: str) -> date:
    return date.fromisoformat(text[:10])


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


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert build(SUMMER) == build(SUMMER)
    assert build(SUMMER, seed=879).nights != council(SUMMER).nights


def test_five_nights_end_early_on_the_last_day() -> None:
    nights = council(SUMMER).nights
    moments = [night.extracted_at.isoformat() for night in nights]
    assert moments == [f"2020-07-{d:02}T02:00:00+01:00" for d in (3, 10, 17, 24, 31)]


def test_nobody_could_be_taken_for_a_real_person() -> None:
    for row in last(SUMMER, "ssd_person"):
        assert re.fullmatch(r"Demo-[A-Z][a-z]+", row["pers_surname"])
        assert re.fullmatch(r"D\d{6}|EDGE-\d{3}", row["pers_person_id"])
        assert not row["pers_single_unique_id"], "no NHS number, however invented"
        assert not row["pers_upn"]
    names = [row["name"] for row in last(SUMMER, "workers")] + [user.name for user in council(SUMMER).users]
    assert all(" Demo-" in name for name in names)
    assert {row["district"] for row in last(SUMMER, "people")} <= {*DISTRICTS, *OTHER_COUNCILS, ""}


def test_the_readers_take_every_row_of_every_night() -> None:
    codes = mapping.load()
    for night in council(SUMMER).nights:
        for profile, datasets in (("ssd", night.ssd), ("cohorts", night.cohorts)):
            extract = profiles.read(profile, datasets, codes, night.extracted_at.astimezone(UTC))
            assert extract.refusals == ()
            unmapped = {flag for claim in extract.claims for flag in claim.flags if flag.startswith("unmapped")}
            assert unmapped == set()


def test_every_reference_resolves_on_every_night() -> None:
    for night in council(SUMMER).nights:
        people = {row["pers_person_id"] for row in rows(night, "ssd_person")}
        workers = {row["worker_id"] for row in rows(night, "workers")}
        teams = {row["team_id"] for row in rows(night, "teams")}
        periods = {row["clae_cla_id"] for row in rows(night, "ssd_cla_episodes")}
        for dataset in (*night.ssd, *night.cohorts):
            for row in rows(night, dataset):
                for column, value in row.items():
                    if column.endswith("person_id") or column == "eclipse_id":
                        assert value in people
                    elif column in ("invo_professional_id", "worker_id", "clea_care_leaver_worker_id") and value:
                        assert value in workers
                    elif column in ("team_id", "invo_professional_team", "clea_care_leaver_allocated_team"):
                        assert value in teams
                    elif column in ("clar_cla_id", "clap_cla_id", "perm_cla_id"):
                        assert value in periods


def test_ids_are_used_once() -> None:
    keys = {
        "ssd_person": "pers_person_id",
        "ssd_involvements": "invo_involvements_id",
        "ssd_care_leavers": "clea_person_id",
        "ssd_cp_plans": "cppl_cp_plan_id",
        "ssd_cla_episodes": "clae_cla_episode_id",
        "accommodation": "spell_id",
        "contacts": "record_id",
        "pre_proceedings": "record_id",
        "care_proceedings": "record_id",
        "permanence_plans": "record_id",
        "plan_counts": "eclipse_id",
        "workers": "worker_id",
    }
    for dataset, key in keys.items():
        found = [row[key] for row in last(SUMMER, dataset)]
        assert len(found) == len(set(found)) > 0, dataset


def test_no_row_leaves_and_few_change_from_night_to_night() -> None:
    nights = council(SUMMER).nights
    for before, after in zip(nights, nights[1:], strict=False):
        for dataset, key in (("contacts", "record_id"), ("accommodation", "spell_id"), ("people", "eclipse_id")):
            assert {row[key] for row in rows(before, dataset)} <= {row[key] for row in rows(after, dataset)}
        then = {row["clea_person_id"]: row for row in rows(before, "ssd_care_leavers")}
        now = {row["clea_person_id"]: row for row in rows(after, "ssd_care_leavers")}
        assert then.keys() <= now.keys()
        assert 0 < sum(then[who] != now[who] for who in then) < len(then) // 4


def test_nothing_is_known_before_it_happened() -> None:
    for night in council(SUMMER).nights:
        on = night.extracted_at.date()
        happened = {
            "ssd_cp_plans": ("cppl_cp_plan_start_date", "cppl_cp_plan_end_date"),
            "ssd_cla_episodes": ("clae_cla_episode_start_date", "clae_cla_episode_ceased_date"),
            "accommodation": ("started_on", "ended_on", "judged_on"),
            "contacts": ("occurred_at",),
            "care_proceedings": ("issued_on", "disposed_on"),
            "pre_proceedings": ("PPStartDate", "LBPSentDate", "StepDecisionDate", "CourtAppDate"),
            "permanence_plans": ("agreed_on", "recorded_on", "matched_on"),
        }
        for dataset, columns in happened.items():
            for row in rows(night, dataset):
                assert all(day(row[column]) < on for column in columns if row[column])


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
    [tent] = [e for night in council(as_at).nights for e in night.entries_before if e.act == "accommodation"]
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
    assert 0.17 < len(again) / 501 < 0.23
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


def test_leap_days_of_birth() -> None:
    assert edge_care_leavers.leap_day(SUMMER) == date(2000, 2, 29)
    assert edge_care_leavers.leap_day(date(2026, 2, 28)) == date(2004, 2, 29)
    assert edge_care_leavers.leap_day(date(2026, 3, 1)) == date(2008, 2, 29)


def test_months_are_clamped() -> None:
    assert months_after(date(2019, 5, 31), 9) == date(2020, 2, 29)
    assert months_after(date(2018, 5, 31), 9) == date(2019, 2, 28)
    assert months_after(date(2020, 3, 31), -4) == date(2019, 11, 30)


def test_entries_come_in_time_order_between_the_nights_they_belong_to() -> None:
    known = {user.name for user in council(SUMMER).users}
    earlier = datetime.min.replace(tzinfo=UTC)
    texts = 0
    for night in council(SUMMER).nights:
        moments = [entry.at for entry in night.entries_before]
        assert moments == sorted(moments)
        assert all(earlier <= at < night.extracted_at for at in moments)
        assert {entry.by for entry in night.entries_before} <= known
        texts += sum(entry.eclipse_id == "EDGE-001" for entry in night.entries_before)
        earlier = night.extracted_at
    assert texts == 4, "a text a week, none answered"


def test_there_is_a_user_for_every_role_within_its_scope() -> None:
    users = council(SUMMER).users
    assert {user.role for user in users} == {role.value for role in Role}
    assert len({user.name for user in users}) == len(users)
    units = {row[column] for row in last(SUMMER, "teams") for column in row if column.endswith("_code")}
    units |= {row["team_id"] for row in last(SUMMER, "teams")}
    workers = {row["worker_id"] for row in last(SUMMER, "workers")}
    for user in users:
        [(kind, code)] = user.scopes
        assert ScopeKind(kind) is DEFAULT_SCOPE[Role(user.role)]
        assert code in units - {""} or (ScopeKind(kind) in WITHOUT_CODE and not code)
        assert user.worker_ref is None or user.worker_ref in workers


def test_ten_times_the_size_keeps_each_edge_person_once() -> None:
    large = build(SUMMER, scale=10)
    ids = Counter(row["pers_person_id"] for row in rows(large.nights[-1], "ssd_person"))
    assert sum(ids.values()) > 18_000
    assert all(ids[edge.eclipse_id] == 1 for edge in EDGES)
    assert set(ids.values()) == {1}


def test_the_folders_hold_the_files(tmp_path: Path) -> None:
    whole: Council = council(SUMMER)
    write(whole, tmp_path)
    folders = sorted(folder.name for folder in tmp_path.iterdir())
    assert folders == ["1-2020-07-03", "2-2020-07-10", "3-2020-07-17", "4-2020-07-24", "5-2020-07-31"]
    newest = tmp_path / folders[-1]
    assert json.loads((newest / "manifest.json").read_text()) == {"extracted_at": "2020-07-31T02:00:00+01:00"}
    assert (newest / "ssd" / "ssd_person.csv").read_bytes() == whole.nights[-1].ssd["ssd_person"]
    assert (newest / "cohorts" / "teams.csv").read_bytes() == whole.nights[-1].cohorts["teams"]


def test_the_document_lists_every_edge_person_with_what_to_expect() -> None:
    table = {
        cells[2]: (cells[1], cells[3])
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and (cells := [cell.strip() for cell in line.split("|")])[2].startswith("EDGE-")
    }
    expected = {
        edge.eclipse_id: (edge.who, ", ".join(f"`{code}` {state}" for code, state in edge.expected) or "none")
        for edge in EDGES
    }
    assert table == expected
    assert set(RESTRICTED) < table.keys()
