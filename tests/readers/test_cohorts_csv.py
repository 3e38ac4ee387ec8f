"""Our own files: what each row becomes, and what is refused, with the reason."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from service.domain.facts import (
    Accommodation,
    Basis,
    CareProceedings,
    Contact,
    ContactKind,
    ContactOutcome,
    DelayParty,
    PermanencePlan,
    Person,
    PlanCount,
    PreProceedings,
    PreProceedingsOutcome,
    Provision,
    Responsibility,
    Route,
    Unacceptable,
)
from service.domain.intake import Team, Worker
from service.readers import cohorts_csv
from tests.readers.conftest import Read

FORMATS = Path(__file__).parent.parent.parent / "docs" / "formats.md"


@pytest.mark.parametrize("dataset", cohorts_csv.DATASETS)
def test_every_column_is_documented(dataset: str) -> None:
    section = FORMATS.read_text(encoding="utf-8").split(f"\n### `{dataset}`\n")[1].split("\n#", 1)[0]
    documented = [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")]
    assert tuple(documented) == cohorts_csv.headers(dataset)


def test_teams_and_workers(read_cohorts: Read) -> None:
    extract = read_cohorts(
        teams="team_id,title,area_code,locality_code,locality_title\nT1,Exeter 1,A1,exeter,Exeter\n",
        workers="worker_id,name,role,team_id,started_on,ended_on\nW1,T. Demo,personal_adviser,T1,06/01/2020,\n",
    )
    assert extract.teams == (
        Team("T1", title="Exeter 1", area_code="A1", locality_code="exeter", locality_title="Exeter"),
    )
    assert extract.workers == (
        Worker("W1", name="T. Demo", role="personal_adviser", team_code="T1", started_on=date(2020, 1, 6)),
    )
    assert (extract.refusals, extract.rows) == ((), {"teams": 1, "workers": 1})


PEOPLE = "eclipse_id,forename,surname,born_on,expected_on,team_id,district,responsible_from\n"


def test_a_person_and_the_team_that_answers(read_cohorts: Read) -> None:
    claims = read_cohorts(people=PEOPLE + "P1,Rowan,Demo-Ashford,2001-02-14,,T1,Teignbridge,2020-01-06\n").claims
    assert [(claim.key, claim.value, claim.undated) for claim in claims] == [
        ("P1", Person(forename="Rowan", surname="Demo-Ashford", born_on=date(2001, 2, 14)), False),
        (
            "P1/team",
            Responsibility(team_code="T1", district="Teignbridge", started_on=date(2020, 1, 6)),
            True,  # another team tomorrow ends this spell: it does not rewrite who answered until then
        ),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param("P1,,,,,T1,,", [("P1/team", True)], id="a team alone, since an unknown day"),
        pytest.param("P1,,,,2020-12-01,,,", [("P1", False)], id="unborn, no team yet"),
        pytest.param("P1,,,,,,Torridge,2020-01-06", [("P1/team", True)], id="a place of residence alone"),
        pytest.param("P1,,,,,,,", [], id="an id alone says nothing"),
    ],
)
def test_a_row_of_people_says_what_it_holds(row: str, expected: list[tuple[str, bool]], read_cohorts: Read) -> None:
    extract = read_cohorts(people=f"{PEOPLE}{row}\n")
    assert [(claim.key, claim.undated) for claim in extract.claims] == expected
    assert extract.refusals == ()


def test_a_day_of_birth_to_come_is_refused(read_cohorts: Read) -> None:
    extract = read_cohorts(people=PEOPLE + "P1,Rowan,,2020-08-01,,T1,,\n")
    assert extract.claims == ()
    assert [(r.field, r.code) for r in extract.refusals] == [("born_on", "in_the_future")]


def test_a_tent(read_cohorts: Read) -> None:
    header = "spell_id,eclipse_id,code,started_on,provision,suitable,judged_on,judged_by,unacceptable\n"
    (claim,) = read_cohorts(accommodation=header + "A1,P1,S,2020-07-27,NEITHER,no,28/07/2020,T. Demo,tent\n").claims
    assert (claim.key, claim.eclipse_id, claim.undated, claim.flags) == ("A1", "P1", False, ())
    assert claim.value == Accommodation(
        code="S",
        started_on=date(2020, 7, 27),
        started_on_basis=Basis.RECORDED,
        provision=Provision.NEITHER,
        suitable=False,
        judged_on=date(2020, 7, 28),
        judged_by="T. Demo",
        unacceptable=Unacceptable.TENT,
    )


def test_a_place_without_days_is_undated_and_an_unknown_code_unmapped(read_cohorts: Read) -> None:
    (claim,) = read_cohorts(accommodation="spell_id,eclipse_id,code,suitable\nA1,P1,Q,yes\n").claims
    assert (claim.value, claim.undated, claim.flags) == (Accommodation(suitable=True), True, ("unmapped_code",))


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("A1,,2020-07-27,,,", "eclipse_id", "missing_value"),
        (",P1,2020-07-27,,,", "spell_id", "missing_key"),
        ("A1,P1,27.07.2020,,,", "started_on", "not_a_date"),
        ("A1,P1,2020-07-27,2020-07-26,,", "ended_on", "ends_before_start"),
        ("A1,P1,2020-07-27,,maybe,", "suitable", "not_yes_or_no"),
        ("A1,P1,2020-07-27,,,castle", "unacceptable", "not_allowed"),
    ],
)
def test_a_spell_that_cannot_be_read_is_refused_with_the_field(
    row: str, field: str, code: str, read_cohorts: Read
) -> None:
    header = "spell_id,eclipse_id,started_on,ended_on,suitable,unacceptable\n"
    extract = read_cohorts(accommodation=f"{header}{row}\nA2,P2,2020-07-01,,,\n")
    assert [(r.dataset, r.row, r.field, r.code) for r in extract.refusals] == [("accommodation", 2, field, code)]
    assert [claim.key for claim in extract.claims] == ["A2"]
    assert extract.rows == {"accommodation": 2}


def test_pre_proceedings_under_the_names_of_the_census(read_cohorts: Read) -> None:
    header = (
        "record_id,eclipse_id,PPStartDate,LBPSentDate,FGDMMeetingOffer,FGDMMeetingFac,InitialPPMeetingDate,"
        "ReviewMeetingsCount,StepDecisionDate,PPOutcome,CourtAppDate,LetterInitCPDate,family_group,planned_end_on,"
        "reason_over_12_weeks\n"
    )
    rows = [
        "R1,P1,2020-05-04,2020-05-11,1,0,2020-05-20,1,,,,,F31,2020-07-27,expert_unavailable",
        "R2,P2,2020-02-03,,,,,,2020-05-01,Step down,,,F32,,",
        "R3,P3,2020-02-03,,,,,,2020-05-01,B,2020-05-08,2020-05-09,F33,,",
    ]
    claims = read_cohorts(pre_proceedings=header + "\n".join(rows) + "\n").claims
    assert [claim.value for claim in claims] == [
        PreProceedings(
            started_on=date(2020, 5, 4),
            letter_sent_on=date(2020, 5, 11),
            fgdm_offered=True,
            fgdm_held=False,
            first_meeting_on=date(2020, 5, 20),
            review_meetings=1,
            family_group="F31",
            planned_end_on=date(2020, 7, 27),
            reason_over_12_weeks="expert_unavailable",
        ),
        PreProceedings(
            started_on=date(2020, 2, 3),
            step_decided_on=date(2020, 5, 1),
            outcome=PreProceedingsOutcome.STEP_DOWN,
            outcome_code="Step down",
            family_group="F32",
        ),
        PreProceedings(
            started_on=date(2020, 2, 3),
            step_decided_on=date(2020, 5, 1),
            outcome_code="B",
            court_application_on=date(2020, 5, 8),
            court_letter_on=date(2020, 5, 9),
            family_group="F33",
        ),
    ]
    assert [claim.flags for claim in claims] == [(), (), ("unmapped_outcome",)]


def test_a_step_decided_before_the_start_is_refused_under_its_census_name(read_cohorts: Read) -> None:
    extract = read_cohorts(
        pre_proceedings="record_id,eclipse_id,PPStartDate,StepDecisionDate\nR1,P1,2020-05-04,2020-05-03\n"
    )
    assert [(r.field, r.code) for r in extract.refusals] == [("StepDecisionDate", "ends_before_start")]


def test_proceedings_plans_and_counts(read_cohorts: Read) -> None:
    extract = read_cohorts(
        care_proceedings="record_id,eclipse_id,issued_on,next_hearing,delay_party,weeks_lost\n"
        "R1,P1,2020-02-03,IRH,court,4\nR2,P2,,,,\n",
        permanence_plans="record_id,eclipse_id,route,parallel_route,agreed_on,agreed_at\n"
        "R1,P1,adoption,kinship_sgo,2020-05-12,second review\n",
        plan_counts="eclipse_id,here,elsewhere,counted_on\nP1,1,0,2020-07-01\n",
    )
    assert [claim.value for claim in extract.claims] == [
        CareProceedings(issued_on=date(2020, 2, 3), next_hearing="IRH", delay_party=DelayParty.COURT, weeks_lost=4),
        PermanencePlan(
            route=Route.ADOPTION,
            parallel_route=Route.KINSHIP_SGO,
            agreed_on=date(2020, 5, 12),
            agreed_at="second review",
        ),
        PlanCount(here=1, elsewhere=0, counted_on=date(2020, 7, 1)),
    ]
    assert [(r.dataset, r.row, r.field, r.code) for r in extract.refusals] == [
        ("care_proceedings", 3, "issued_on", "missing_value")
    ]


CONTACTS = "record_id,eclipse_id,occurred_at,contact_kind,outcome,initiated_by,seen,voice,worker_id\n"


def test_a_contact(read_cohorts: Read) -> None:
    (claim,) = read_cohorts(contacts=CONTACTS + "K1,P1,30/07/2020 14:05,phone,made,,no,I am fine,W1\n").claims
    assert claim.value == Contact(
        occurred_at=datetime(2020, 7, 30, 13, 5, tzinfo=UTC),
        contact_kind=ContactKind.PHONE,
        outcome=ContactOutcome.MADE,
        seen=False,
        voice="I am fine",
        worker_ref="W1",
    )


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("2020-07-30,phone,made,,,,", "occurred_at", "not_a_moment"),
        ("2020-07-31T22:31:00+01:00,phone,made,,,,", "occurred_at", "in_the_future"),
        (",phone,made,,,,", "occurred_at", "missing_value"),
        ("2020-07-30 14:05,pigeon,made,,,,", "contact_kind", "not_allowed"),
        ("2020-07-30 14:05,third_party,made,,,,", "outcome", "always_attempted"),
        ("2020-07-30 14:05,visit_no_reply,made,,,,", "outcome", "always_attempted"),
        ("2020-07-30 14:05,video,made,,yes,,", "seen", "not_in_person"),
        ("2020-07-30 14:05,text,made,,,hello,", "voice", "not_spoken_to"),
    ],
)
def test_a_contact_that_cannot_be_is_refused(row: str, field: str, code: str, read_cohorts: Read) -> None:
    extract = read_cohorts(contacts=f"{CONTACTS}K1,P1,{row}\n")
    assert extract.claims == ()
    assert [(r.field, r.code) for r in extract.refusals] == [(field, code)]
    assert "hello" not in str(extract.refusals)


def test_the_last_second_of_the_extract_still_counts(read_cohorts: Read) -> None:
    extract = read_cohorts(contacts=CONTACTS + "K1,P1,2020-07-31T22:30:00+01:00,phone,made,,,,\n")
    assert [claim.key for claim in extract.claims] == ["K1"]


def test_a_record_twice_is_taken_once_and_refused_when_it_differs(read_cohorts: Read) -> None:
    rows = "P1,1,0,2020-07-01\nP1,1,0,2020-07-01\nP1,2,0,2020-07-01\n"
    extract = read_cohorts(plan_counts="eclipse_id,here,elsewhere,counted_on\n" + rows)
    assert [claim.row for claim in extract.claims] == [2]
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [(4, "eclipse_id", "duplicate_row")]


def test_a_file_without_its_key_and_one_nobody_knows_are_refused(read_cohorts: Read) -> None:
    extract = read_cohorts(contacts="record_id,eclipse_id\nK1,P1\n", wishes="id\n1\n")
    assert [(r.dataset, r.field, r.code) for r in extract.refusals] == [
        ("wishes", "", "unknown_dataset"),
        ("contacts", "occurred_at", "missing_column"),
        ("contacts", "contact_kind", "missing_column"),
        ("contacts", "outcome", "missing_column"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("cont_contact_id,cont_person_id,cont_contact_date,cont_contact_source_code", id="as SSD has it"),
        pytest.param("record_id,eclipse_id,occurred_at,contact_kind,outcome,CONT_contact_source_desc", id="dressed up"),
    ],
)
def test_front_door_contacts_under_the_name_of_ours_are_refused_whole(header: str, read_cohorts: Read) -> None:
    extract = read_cohorts(contacts=f"{header}\n{',' * header.count(',')}\n")
    assert extract.claims == ()
    ((row, code, allowed, whole),) = [(r.row, r.code, r.allowed, r.whole) for r in extract.refusals]
    assert (row, code, whole) == (1, "front_door_contacts", True)
    assert "ssd_contacts holds what others report to the council" in allowed


DELETED_ROWS = {
    "accommodation": ("spell_id,eclipse_id", "A1,P1"),
    "pre_proceedings": ("record_id,eclipse_id", "R1,P1"),
    "care_proceedings": ("record_id,eclipse_id,issued_on", "R1,P1,"),
    "permanence_plans": ("record_id,eclipse_id", "R1,P1"),
    "plan_counts": ("eclipse_id", "P1"),
    "contacts": ("record_id,eclipse_id,occurred_at,contact_kind,outcome", "K1,P1,,,"),
}
"""Each file whose rows end by a marker, which needs the ids of the row alone."""


@pytest.mark.parametrize("dataset", DELETED_ROWS)
def test_a_delta_says_that_a_record_is_no_more(dataset: str, read_cohorts: Read) -> None:
    header, row = DELETED_ROWS[dataset]
    (claim,) = read_cohorts(**{dataset: f"{header},record_deleted\n{row},yes\n"}).claims
    assert (claim.deleted, claim.eclipse_id) == (True, "P1")
    whose = read_cohorts(**{dataset: f"{header},record_deleted\n{row.replace('P1', '')},yes\n"})
    assert (whose.claims, {r.field for r in whose.refusals}) == ((), {"eclipse_id"})
    kept = read_cohorts(**{dataset: f"{header},record_deleted\n{row},no\n"})
    assert not any(claim.deleted for claim in kept.claims)


def test_people_teams_and_workers_are_never_deleted(read_cohorts: Read) -> None:
    assert DELETED_ROWS.keys() == set(cohorts_csv.DATASETS) - {"teams", "workers", "people"}
    extract = read_cohorts(
        teams="team_id,record_deleted\nT1,yes\n", workers="worker_id,record_deleted\nW1,yes\nW2,no\n",
        people="eclipse_id,team_id,record_deleted\nP1,T1,yes\nP2,,yes\n",
    )  # fmt: skip
    assert (extract.teams, extract.workers, extract.claims) == ((), (Worker("W2"),), ())
    assert [r.code for r in extract.refusals] == ["cannot_be_deleted"] * 4


def test_a_blank_last_day_says_that_a_worker_is_back_and_no_column_says_nothing(read_cohorts: Read) -> None:
    back = read_cohorts(workers="worker_id,ended_on\nW1,\nW2,2020-07-01\nW3,1900-01-01\n").workers
    assert [worker.back for worker in back] == [True, False, False]
    assert [worker.back for worker in read_cohorts(workers="worker_id\nW1\n").workers] == [False]


def test_a_column_that_is_not_there_says_nothing(read_cohorts: Read) -> None:
    (claim,) = read_cohorts(accommodation="spell_id,eclipse_id,code,ended_on\nA1,P1,U,\n").claims
    assert {"ended_on", "code"}.isdisjoint(claim.unsaid)
    (claim,) = read_cohorts(accommodation="spell_id,eclipse_id,code\nA1,P1,U\n").claims
    assert "ended_on" in claim.unsaid
    (claim,) = read_cohorts(pre_proceedings="record_id,eclipse_id,PPStartDate\nR1,P1,2020-02-03\n").claims
    assert {"step_decided_on", "outcome", "outcome_code"} <= claim.unsaid


def test_true_is_no_id(read_cohorts: Read) -> None:
    extract = read_cohorts(people='{"eclipse_id": true, "surname": "Demo"}\n')
    assert [(r.field, r.code) for r in extract.refusals] == [("eclipse_id", "not_an_id")]


def test_a_file_of_ours_with_nothing_in_its_rows_was_not_supplied(read_cohorts: Read) -> None:
    extract = read_cohorts(pre_proceedings="record_id,eclipse_id,PPStartDate\nNULL,NULL,NULL\n")
    assert (extract.placeholders, extract.refusals, extract.rows) == ({"pre_proceedings"}, (), {"pre_proceedings": 1})
