"""The demo council: the same every time, plainly invented, whole, and in the order in which things were known."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path

from service.demo import edge_care_leavers, mishaps
from service.demo.council import Council, build, write
from service.demo.edges import EDGES, RESTRICTED
from service.demo.names import DISTRICTS, OTHER_COUNCILS
from service.demo.scene import months_after
from service.domain.access import DEFAULT_SCOPE, EMERGENCY_LASTS, WITHOUT_CODE, Role, ScopeKind
from service.domain.cohorts import BY_CODE
from service.readers import mapping, profiles
from tests.demo.extracts import SUMMER, council, day, last, rows

DAMAGED = {("EDGE-N1", "occurred_at", "missing_value"), ("EDGE-N2", "outcome", "not_allowed")}
DOCUMENT = Path(__file__).parents[2] / "docs" / "demo.md"


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


def test_the_readers_take_every_row_of_every_night_but_two_damaged_ones_of_the_last() -> None:
    codes, nights = mapping.load(), council(SUMMER).nights
    for night in nights:
        for profile, datasets in (("ssd", night.ssd), ("cohorts", night.cohorts)):
            extract = profiles.read(profile, datasets, codes, night.extracted_at.astimezone(UTC))
            refused = {(r.key, r.field, r.code) for r in extract.refusals}
            assert refused == (DAMAGED if (night, profile) == (nights[-1], "cohorts") else set())
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
                        assert value in people or (value, row.get("record_id")) == (mishaps.NOBODY, "EDGE-N3")
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
    for before, after in pairwise(nights):
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
        assert ScopeKind(user.scopes[0][0]) is DEFAULT_SCOPE[Role(user.role)]
        for kind, code in user.scopes:
            assert code in units - {""} | BY_CODE.keys() or (ScopeKind(kind) in WITHOUT_CODE and not code)
        assert user.worker_ref is None or user.worker_ref in workers


def test_every_source_of_scope_is_there_to_be_seen() -> None:
    held = {ScopeKind(kind) for user in council(SUMMER).users for kind, _ in user.scopes}
    assert held == set(ScopeKind)
    acts = {entry.act: entry for night in council(SUMMER).nights for entry in night.entries_before}
    assert acts["referral"].body["to"] in {user.name for user in council(SUMMER).users}
    assert acts["emergency"].by in {user.name for user in council(SUMMER).users if user.role == "duty_worker"}
    ends = acts["emergency"].at + EMERGENCY_LASTS
    assert ends > datetime.combine(SUMMER, time(10), ends.tzinfo), "it can still be looked at in the last morning"


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
