"""People, allocations, workers and teams from SSD tables as Eclipse fills them."""

from datetime import date

import pytest

from service.domain.facts import Allocation, AllocationRole, Person, Responsibility
from service.domain.intake import Team, Worker
from tests.readers.conftest import Read

PERSON = "pers_person_id,pers_legacy_id,pers_forename,pers_surname,pers_dob,pers_expected_dob,pers_death_date\n"


def test_a_person(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_person=PERSON + "P1,CF-1,Rowan,Demo-Ashford,2001-02-14 00:00:00,,09/01/2020\n").claims
    assert claim.value == Person(
        forename="Rowan",
        surname="Demo-Ashford",
        born_on=date(2001, 2, 14),
        died_on=date(2020, 1, 9),
        legacy_id="CF-1",
    )
    assert (claim.dataset, claim.row, claim.undated) == ("ssd_person", 2, False)


@pytest.mark.parametrize(
    ("dob", "expected", "born_on", "expected_on"),
    [
        pytest.param("", "2020-12-01", None, date(2020, 12, 1), id="unborn"),
        pytest.param("2020-12-01", "2020-12-01", None, date(2020, 12, 1), id="unborn, the due date in both"),
        pytest.param("2020-12-01", "", None, date(2020, 12, 1), id="unborn, the due date as day of birth"),
        pytest.param("2020-07-31", "2020-08-04", date(2020, 7, 31), None, id="born on the day of the extract"),
        pytest.param("2020-08-01", "", None, date(2020, 8, 1), id="due the day after it"),
        pytest.param("", "2020-07-01", None, date(2020, 7, 1), id="past the due date, not known to be born"),
        pytest.param("1900-01-01", "", None, None, id="placeholder"),
    ],
)
def test_born_or_expected(
    dob: str, expected: str, born_on: date | None, expected_on: date | None, read_ssd: Read
) -> None:
    (claim,) = read_ssd(ssd_person=f"{PERSON}P1,,Rowan,,{dob},{expected},\n").claims
    assert isinstance(claim.value, Person)
    assert (claim.value.born_on, claim.value.expected_on) == (born_on, expected_on)


INVOLVEMENTS = (
    "invo_involvements_id,invo_professional_id,invo_professional_role_id,invo_professional_team,invo_person_id,"
    "invo_involvement_start_date,invo_involvement_end_date\n"
)


def test_an_allocation_and_the_team_that_answers(read_ssd: Read) -> None:
    claims = read_ssd(ssd_involvements=INVOLVEMENTS + "I1,W1,SW,T1,P1,2020-01-06 00:00:00,\n").claims
    assert [(claim.key, claim.value) for claim in claims] == [
        (
            "I1",
            Allocation(worker_ref="W1", role=AllocationRole.SOCIAL_WORKER, team_code="T1", started_on=date(2020, 1, 6)),
        ),
        ("P1/team", Responsibility(team_code="T1", started_on=date(2020, 1, 6))),
    ]
    assert [claim.undated for claim in claims] == [False, True]


def test_the_latest_open_involvement_of_a_case_holder_names_the_team(read_ssd: Read) -> None:
    rows = [
        "I1,W1,SW,T1,P1,2019-01-06,2020-01-05",  # ended
        "I2,W2,PA,T2,P1,2020-01-06,",  # the answer
        "I3,W3,SW,T3,P1,2019-06-01,",  # open, but earlier
        "I4,W4,IRO,T4,P1,2020-07-01,",  # does not hold the case
        "I5,W5,SW,T5,P1,2020-08-03,",  # begins after the extract
        "I6,W6,SW,,P1,2020-07-20,",  # says no team
        "I7,W7,Wizard,T7,P1,2020-07-21,",  # nobody knows what that is
    ]
    claims = read_ssd(ssd_involvements=INVOLVEMENTS + "\n".join(rows) + "\n").claims
    teams = [(c.key, c.row, c.value.team_code) for c in claims if isinstance(c.value, Responsibility)]
    assert teams == [("P1/team", 3, "T2")]


def test_an_unmapped_role_is_unknown_and_flagged(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_involvements=INVOLVEMENTS + "I1,W1,Wizard,T1,P1,2020-01-06,\n").claims
    assert isinstance(claim.value, Allocation)
    assert (claim.value.role, claim.flags) == (None, ("unmapped_role",))


@pytest.mark.parametrize("worker", ["", "-1", "SSD_PH"])
def test_no_worker_is_nobodys_allocation_but_the_team_stands(worker: str, read_ssd: Read) -> None:
    extract = read_ssd(ssd_involvements=INVOLVEMENTS + f"I1,{worker},SW,T1,P1,2020-01-06,\n")
    assert [claim.key for claim in extract.claims] == ["P1/team"]
    assert extract.refusals == ()


def test_an_involvement_that_ends_before_it_begins_is_refused(read_ssd: Read) -> None:
    extract = read_ssd(ssd_involvements=INVOLVEMENTS + "I1,W1,SW,T1,P1,2020-01-06,2019-01-06\n")
    assert extract.claims == ()
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [
        (2, "invo_involvement_end_date", "ends_before_start")
    ]


def test_workers_and_teams(read_ssd: Read) -> None:
    extract = read_ssd(
        ssd_professionals="prof_professional_id,prof_professional_name\nW1,T. Demo\n-1,Nobody\n,No id\n",
        ssd_department='dept_team_id,dept_team_name\nT1,"Exeter, Children and Families 1"\nT1,Exeter other\n',
    )
    assert extract.workers == (Worker("W1", name="T. Demo"),)
    assert extract.teams == (Team("T1", title="Exeter, Children and Families 1"),)
    assert [(r.dataset, r.row, r.code) for r in extract.refusals] == [
        ("ssd_department", 3, "duplicate_row"),
        ("ssd_professionals", 4, "missing_key"),
    ]
