"""People who are born, die, move away and come back, are adopted; workers who leave, teams that are renamed."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from service.domain.access import Role
from service.domain.tracker import BLANK
from service.errors import NotFound, Unprocessable
from service.operations import people as reading_people
from tests.conftest import SetClock
from tests.council import (
    ADVISER,
    HEAD,
    INVOLVEMENTS,
    PEOPLE,
    PEOPLE_HEADER,
    TEAMS,
    USUAL,
    WORKERS,
    Council,
    leavers,
    somebody_who,
)
from tests.factories import a_contact
from tests.operations.test_merging import listed_people, merge, one, read, release, rows

HEADER = (
    "eclipse_id,forename,surname,born_on,expected_on,died_on,transferred_out_on,adopted_on,team_id,responsible_from\n"
)
FIRST = "P1,Rowan,Demo-Ashford,2001-02-14,{},exeter_1,2019-02-14\n"
OTHERS = "P2,Ash,Demo-Barle,2001-03-15,,,,,exeter_2,2019-03-15\nP3,Bryn,Demo-Culm,2001-04-16,,,,,north_1,2019-04-16\n"


def people(council: Council, at: str, *, first: str = ",,,", more: str = "") -> dict[str, Any]:
    """A night of `people` that says of P1: expected, died, transferred, adopted."""
    return council.sheet(at, "people", HEADER + FIRST.format(first) + OTHERS + more)


def adopted(council: Council) -> None:
    """The feed says that P1 was adopted, and somebody has looked."""
    council.approved(people(council, "2020-07-12T01:00", first=",,,2020-07-10")["batch_id"])


def served(council: Council, as_at: str) -> int:
    """Care leavers served on a day, as known now."""
    return council.table(as_at=as_at).of


# --- born ----------------------------------------------------------------------------------


def test_an_unborn_child_is_born_under_the_same_id(council: Council) -> None:
    unborn = "U1,,Demo-Exe,,2020-07-20,,,,exeter_1,2020-06-01\n"
    people(council, "2020-07-02T01:00", more=unborn)
    card = one(council, "U1").card
    assert (card.name, card.age) == ("Demo-Exe", None)
    people(council, "2020-07-16T01:00", more="U1,Wren,Demo-Exe,2020-07-15,,,,,exeter_1,2020-06-01\n")
    born = one(council, "U1")
    assert (born.card.name, born.card.age) == ("Wren Demo-Exe", 0)
    assert (born.facts.person.born_on, born.facts.person.expected_on) == (date(2020, 7, 15), None)
    assert born.facts.person.known is not None
    assert born.facts.person.known.flags == ()
    assert one(council, "U1", known_at="2020-07-15T23:00").card.age is None


def test_an_unborn_child_and_the_child_born_under_another_id_are_merged(council: Council) -> None:
    both = "U1,,Demo-Exe,,2020-07-20,,,,exeter_1,2020-06-01\nB1,Wren,Demo-Exe,2020-07-15,,,,,exeter_1,2020-07-15\n"
    people(council, "2020-07-16T01:00", more=both)
    assert listed_people(council) == ["B1", "P1", "P2", "P3", "U1"]
    merge(council, "B1", "U1", births=False)
    assert listed_people(council) == ["B1", "P1", "P2", "P3"]
    whole = one(council, "U1")
    assert (whole.card.eclipse_id, whole.card.age, whole.facts.person.expected_on) == ("B1", 0, None)


# --- died, gone and back -------------------------------------------------------------------


def test_who_has_died_leaves_every_cohort_from_that_day_and_was_there_the_day_before(council: Council) -> None:
    people(council, "2020-07-12T01:00", first=",2020-07-10,,")
    assert [served(council, day) for day in ("2020-07-09", "2020-07-10", "2020-07-12")] == [3, 2, 2]
    assert council.table(as_at="2020-07-11", known_at="2020-07-11T08:00").of == 3, "as known then"
    assert one(council, "P1").facts.person.died_on == date(2020, 7, 10)


def test_a_death_blanked_by_the_feed_is_a_mistake_put_right(council: Council) -> None:
    people(council, "2020-07-12T01:00", first=",2020-07-10,,")
    people(council, "2020-07-13T01:00")
    assert served(council, "2020-07-13") == 3
    assert one(council, "P1").facts.person.died_on is None
    assert council.table(as_at="2020-07-12", known_at="2020-07-12T08:00").of == 2


def test_who_is_transferred_out_leaves_and_comes_back_when_the_feed_says_so(council: Council) -> None:
    people(council, "2020-07-12T01:00", first=",,2020-07-10,")
    assert [served(council, day) for day in ("2020-07-09", "2020-07-10")] == [3, 2]
    people(council, "2020-07-20T01:00")
    assert served(council, "2020-07-20") == 3
    assert council.table(as_at="2020-07-15", known_at="2020-07-15T08:00").of == 2


# --- adopted -------------------------------------------------------------------------------


def test_an_adoption_seals_the_record(council: Council) -> None:
    person_id = council.id_of("P1")
    before = council.on("2020-07-11T08:00").table().of
    adopted(council)
    for ids in ({"eclipse_id": "P1"}, {"person_id": person_id}):
        with pytest.raises(NotFound):
            read(council, reading_people.one, to=HEAD, **ids)
    assert listed_people(council, to=HEAD) == ["P2", "P3"]
    with pytest.raises(NotFound):
        council.log(a_contact("2020-07-11T09:00:00+01:00"), by=ADVISER)
    assert [served(council, day) for day in ("2020-07-09", "2020-07-10")] == [before, before - 1]


def test_a_sealed_record_is_a_blank_row_of_days_before_the_adoption(council: Council) -> None:
    council.night("2020-07-05T01:00", USUAL[0].replace(",U,1,", ",S,,"), *USUAL[1:])
    adopted(council)
    assert [row.card for row in council.table(as_at="2020-07-09").rows] == [BLANK]
    assert [row.card for row in council.table(as_at="2020-07-09", known_at="2020-07-09T08:00").rows] == [BLANK]
    assert rows(council) == []


def test_the_feed_adds_nothing_to_a_sealed_record(council: Council) -> None:
    adopted(council)
    report = council.on("2020-07-13T01:00").push("ssd", {"ssd_care_leavers": leavers(*USUAL)})
    assert {(r["code"], r["dataset"]) for r in report["refusals"]} == {("sealed", "ssd_care_leavers")}
    assert served(council, "2020-07-09") == 3


# --- an id that means somebody else --------------------------------------------------------


def test_an_id_given_to_somebody_else_puts_nothing_on_the_old_person(council: Council) -> None:
    """Then a manager releases the id, and the next night introduces the new person under it."""
    old = council.id_of("P1")
    other = HEADER + "P1,Sky,Demo-Yarty,2003-05-06,,,,,north_1,2020-07-01\n" + OTHERS
    report = council.sheet("2020-07-12T01:00", "people", other)
    assert {r["code"] for r in report["refusals"]} == {"id_reused"}
    assert one(council, "P1").card.name == "Rowan Demo-Ashford"
    release(council, "P1")
    report = council.sheet("2020-07-13T01:00", "people", other)
    assert (report["people_added"], report["refusals"]) == (1, [])
    assert council.id_of("P1") != old
    assert one(council, "P1").card.name == "Sky Demo-Yarty"
    kept = read(council, reading_people.one, person_id=old)
    assert (kept.card.name, kept.card.eclipse_id) == ("Rowan Demo-Ashford", None)
    assert council.sheet("2020-07-14T01:00", "people", other)["refusals"] == []


# --- workers and teams ---------------------------------------------------------------------


def test_whose_worker_left_yesterday_is_unallocated_from_today(council: Council) -> None:
    gone = "worker_id,name,role,team_id,started_on,ended_on\nW1,A. Demo-Adviser,PA,exeter_1,2019-01-01,{}\n"
    council.sheet("2020-07-31T01:00", "workers", gone.format("2020-07-30") + WORKERS.splitlines()[2] + ",,\n")

    def unallocated(day: str) -> list[str | None]:
        return sorted(str(r.card.eclipse_id) for r in council.table("unallocated", as_at=day).rows)

    assert unallocated("2020-07-30") == ["P2"], "P2 never had one"
    assert unallocated("2020-07-31") == ["P1", "P2"]
    assert council.table("unallocated", as_at="2020-07-31", known_at="2020-07-30T23:00").count == 1


def test_the_account_of_a_worker_who_left_sees_nobody(council: Council) -> None:
    assert listed_people(council, to=ADVISER) == ["P1"]
    gone = "worker_id,name,role,team_id,started_on,ended_on\nW1,A. Demo-Adviser,PA,exeter_1,2019-01-01,2020-07-30\n"
    council.sheet("2020-07-31T01:00", "workers", gone)
    assert listed_people(council, to=ADVISER) == []
    with pytest.raises(NotFound):
        one(council, "P1", to=ADVISER)


def test_a_team_renamed_between_nights_has_each_day_the_title_it_had(council: Council) -> None:
    renamed = TEAMS.replace("Care leavers Exeter 1", "Leaving care in Exeter")
    council.night("2020-07-05T01:00", USUAL[0].replace(",U,1,", ",S,,"), *USUAL[1:])
    council.sheet("2020-07-20T01:00", "teams", renamed)

    def team(**view: str) -> str | None:
        row = council.row("P1", **view)
        assert row is not None
        return row.card.team

    assert team() == "Leaving care in Exeter"
    assert team(known_at="2020-07-19T23:00") == "Care leavers Exeter 1"
    manager = somebody_who(Role.TEAM_MANAGER, code="exeter_1")
    assert rows(council, to=manager) == ["P1"], "its people stay its people"


@pytest.fixture
def ssd_only(engine: Engine, clock: SetClock) -> Council:
    """A council that feeds the SSD alone: people, teams by name, workers; no locality anywhere."""
    council = Council(engine, clock)
    plain = "pers_person_id,pers_forename,pers_surname,pers_dob\nP1,Rowan,Demo-Ashford,2001-02-14\n"
    teams = "dept_team_id,dept_team_name\nexeter_1,Care leavers Exeter 1\n"
    first = "".join(INVOLVEMENTS.splitlines(keepends=True)[:2])
    files = {
        "ssd_person": plain, "ssd_department": teams, "ssd_involvements": first,
        "ssd_care_leavers": leavers(USUAL[0].replace(",U,1,", ",S,,")),
    }  # fmt: skip
    council.on("2020-07-01T01:00").push("ssd", files)
    return council


def test_without_localities_the_tracker_works_and_says_that_none_is_held(ssd_only: Council) -> None:
    row = ssd_only.row("P1")
    assert row is not None
    assert (row.card.team, row.card.locality, row.card.service) == ("Care leavers Exeter 1", None, None)
    assert ssd_only.tracker(team="exeter_1").tables[0].count == 1
    with pytest.raises(Unprocessable) as refused:
        ssd_only.tracker(locality="exeter")
    assert refused.value.fields == (("locality", "unknown", "none is held"),)
    director = somebody_who(Role.LOCALITY_DIRECTOR, code="exeter")
    assert rows(ssd_only, to=director) == []


def test_nobody_is_introduced_twice_by_a_quiet_night(council: Council) -> None:
    """The usual night of people, as it was first pushed, changes nothing of who is who."""
    before = {each: council.id_of(each) for each in ("P1", "P2", "P3")}
    council.sheet("2020-07-02T01:00", "people", PEOPLE_HEADER + PEOPLE)
    assert {each: council.id_of(each) for each in before} == before
