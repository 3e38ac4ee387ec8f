"""Refused and doubtful rows: who sees which, since when, and which push puts an end to them."""

from datetime import date
from typing import Any

import pytest

from service.domain.access import Role, User
from service.operations.intake import data_quality
from service.store.engine import reading
from service.store.issues import Filters, Listed
from tests.council import ANALYST, HEAD, MANAGER, ROBOT, SPELLS_HEADER, USUAL, Council, leaver, leavers, somebody_who

NORTH = somebody_who(Role.TEAM_MANAGER, code="north_1")
FINE = "A1,P1,U,1,2020-05-01,,2020-05-01,\n"
BACKWARDS = "A1,P1,U,1,2020-05-01,2020-04-01,2020-05-01,\n"
OTHER = "A3,P3,U,1,2020-05-01,2020-04-01,2020-05-01,\n"


def seen(council: Council, by: User = ANALYST, **filters: Any) -> list[Listed]:
    with reading(council.engine) as session:
        at = council.clock()
        return data_quality.page(session, to=by, at=at, filters=Filters(**filters), after=None, limit=100)[0]


def said(council: Council, by: User = ANALYST, **filters: Any) -> list[tuple[str, str, str]]:
    return [(each.key, each.field, each.code) for each in seen(council, by, **filters)]


def spells(*rows: str) -> str:
    return SPELLS_HEADER + "".join(rows)


def test_a_refused_row_stands_with_its_age_until_a_push_puts_it_right(council: Council) -> None:
    council.sheet("2020-07-02T01:00", "accommodation", spells(FINE))
    assert seen(council) == []
    council.sheet("2020-07-03T01:00", "accommodation", spells(BACKWARDS))
    council.sheet("2020-07-06T01:00", "accommodation", spells(BACKWARDS))
    (issue,) = seen(council)
    assert (issue.dataset, issue.key, issue.field, issue.code) == (
        "accommodation",
        "A1",
        "ended_on",
        "ends_before_start",
    )
    assert (issue.owner, issue.team, issue.doubtful) == ("team_manager", "exeter_1", False)
    assert issue.person_id == council.id_of("P1")
    assert issue.recorded_at.date() == date(2020, 7, 3)
    with reading(council.engine) as session:
        (count,), _ = data_quality.counts(session, to=ANALYST, at=council.clock())
    assert (count.dataset, count.refused, count.doubtful, count.oldest_days) == ("accommodation", 1, 0, 3)
    assert count.owners == {"team_manager": 1}
    council.sheet("2020-07-07T01:00", "accommodation", spells(FINE))
    assert seen(council) == []


def test_each_manager_sees_the_rows_of_their_own_people(council: Council) -> None:
    council.sheet("2020-07-02T01:00", "accommodation", spells(FINE, OTHER.replace("2020-04-01", "")))
    council.sheet(
        "2020-07-03T01:00", "accommodation", spells(BACKWARDS, OTHER, OTHER.replace("P3", "P9").replace("A3", "A9"))
    )
    assert [key for key, *_ in said(council, MANAGER)] == ["A1"]
    assert [key for key, *_ in said(council, NORTH)] == ["A3"]
    assert sorted(key for key, *_ in said(council, HEAD)) == ["A1", "A3", "A9"]
    assert said(council, ROBOT) == []
    assert [key for key, *_ in said(council, owner="performance_analyst")] == ["A9"]


def test_who_pushes_sees_the_format_faults_of_its_own_files_only(council: Council) -> None:
    council.sheet("2020-07-02T01:00", "accommodation", spells("A1,P1,U,1,2020-13-45,,,\n"))
    assert [each.code for each in seen(council, ROBOT)] == ["not_a_date"]
    assert [each.owner for each in seen(council)] == ["integration"]
    assert said(council, somebody_who(Role.INTEGRATION, user_id="another")) == []


def test_a_doubtful_row_is_taken_and_listed(council: Council) -> None:
    council.night("2020-07-02T01:00", leaver("P1", activity="canary"), *USUAL[1:])
    (issue,) = seen(council, doubtful=True)
    assert (issue.key, issue.field, issue.code, issue.owner) == (
        "P1/status",
        "activity",
        "unmapped",
        "performance_analyst",
    )
    assert "canary" not in repr(issue)
    assert seen(council, doubtful=False) == []
    assert len(seen(council, MANAGER)) == 1
    council.night("2020-07-03T01:00", *USUAL)
    assert seen(council) == []


def test_a_delta_puts_an_end_to_the_issues_of_the_rows_it_says_again(council: Council) -> None:
    council.night("2020-07-02T01:00", leaver("P1", activity="??x"), leaver("P2", activity="??x"), USUAL[2])
    assert sorted(key for key, *_ in said(council)) == ["P1/status", "P2/status"]
    council.night("2020-07-03T01:00", leaver("P1"), mode="delta")
    assert [key for key, *_ in said(council)] == ["P2/status"]


@pytest.mark.parametrize("damaged", [b"clea_table_id\xff", b"clea_table_id,clea_person_id\n"])
def test_a_file_that_cannot_be_read_or_says_nothing_puts_an_end_to_nothing(council: Council, damaged: bytes) -> None:
    council.night("2020-07-02T01:00", leaver("P1", activity="??x"), *USUAL[1:])
    night = {"ssd_care_leavers": damaged, "ssd_department": b"dept_team_id\nexeter_1\n"}
    council.on("2020-07-03T01:00").push("ssd", night)
    assert ("P1/status", "activity", "unmapped") in said(council)
    council.night("2020-07-04T01:00", *USUAL)
    assert seen(council) == []


def test_of_a_restricted_person_neither_key_nor_team_is_said(council: Council) -> None:
    council.night("2020-07-02T01:00", leaver("P1", activity="??x"), *USUAL[1:])
    council.restrict("P1")
    assert seen(council) == []


def test_a_value_the_source_no_longer_gives_is_listed_until_it_gives_one(council: Council) -> None:
    council.sheet("2020-07-02T01:00", "accommodation", spells(FINE))
    council.sheet("2020-07-03T01:00", "accommodation", spells(FINE.replace("2020-05-01,\n", ",\n")))
    assert said(council) == [("A1", "judged_on", "no_longer_supplied")]
    council.sheet("2020-07-04T01:00", "accommodation", spells(FINE.replace("2020-05-01,\n", ",\n")))
    assert seen(council)[0].recorded_at.date() == date(2020, 7, 3)
    council.sheet("2020-07-05T01:00", "accommodation", spells(FINE))
    assert seen(council) == []


def test_a_row_gone_from_the_extract_is_listed_until_it_comes_back(council: Council) -> None:
    council.on("2020-07-02T01:00").push("ssd", {"ssd_care_leavers": leavers(*USUAL)})
    council.night("2020-07-03T01:00", *USUAL[:2])
    gone = [each for each in seen(council) if each.code == "left_the_extract"]
    assert {each.key for each in gone} <= {"P3/status", "P3/accommodation"}
    assert gone
    council.night("2020-07-04T01:00", *USUAL)
    assert seen(council) == []


def test_a_row_without_an_id_stands_until_the_next_push_of_its_table(council: Council) -> None:
    cut_short = SPELLS_HEADER + "A1,P1,U\n" + FINE.replace("A1", "A2")
    council.sheet("2020-07-02T01:00", "accommodation", cut_short)
    assert said(council) == [("", "", "cell_count")]
    council.sheet("2020-07-03T01:00", "accommodation", spells(FINE), mode="delta")
    assert seen(council) == []
