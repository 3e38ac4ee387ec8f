"""The SSD profile as a whole: unknown columns, missing columns, placeholder rows, and what is never read."""

import csv
import io
import re
from datetime import date
from pathlib import Path

import pytest

from service.domain.facts import CpReview, PeriodOfCare, Person, Responsibility
from service.readers import ssd
from tests.readers.conftest import Read

FORMATS = Path(__file__).parent.parent.parent / "docs" / "formats.md"


def test_unknown_columns_are_ignored_and_missing_ones_are_null(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_person="pers_person_id,pers_shoe_size,pers_forename\nP1,44,Rowan\n").claims
    assert (claim.key, claim.eclipse_id, claim.value) == ("P1", "P1", Person(forename="Rowan"))


def test_a_table_without_its_person_column_is_refused(read_ssd: Read) -> None:
    extract = read_ssd(ssd_cp_plans="cppl_cp_plan_id,cppl_cp_plan_start_date\n1,2020-01-06\n")
    assert extract.claims == ()
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [(1, "cppl_person_id", "missing_column")]
    assert extract.rows == {"ssd_cp_plans": 1}


def test_a_table_nobody_reads_is_refused_not_passed_over(read_ssd: Read) -> None:
    extract = read_ssd(ssd_disability="disa_table_id\n1\n", ssd_person="pers_person_id\nP1\n")
    assert [(r.dataset, r.code) for r in extract.refusals] == [("ssd_disability", "unknown_dataset")]
    assert [claim.key for claim in extract.claims] == ["P1"]


def test_rows_of_nothing_but_null_yield_nothing_and_are_counted(read_ssd: Read) -> None:
    nothing = {name: ",".join(source.required) + "\n" for name, source in ssd.TABLES.items()}
    files = {
        name: header + ",".join(["NULL"] * header.count(",") + ["NULL"]) + "\n" for name, header in nothing.items()
    }
    extract = read_ssd(**files)
    assert (extract.claims, extract.teams, extract.workers, extract.refusals) == ((), (), (), ())
    assert extract.rows == dict.fromkeys(ssd.TABLES, 1)


@pytest.mark.parametrize("name", ssd.TABLES)
@pytest.mark.parametrize("cell", ["NULL", "SSD_PH", "1900-01-01 00:00:00", "-1"])
def test_a_table_of_nothing_but_placeholders_was_not_supplied(name: str, cell: str, read_ssd: Read) -> None:
    header = ",".join(ssd.TABLES[name].required)
    row = ",".join(cell for _ in ssd.TABLES[name].required)
    extract = read_ssd(**{name: f"{header}\n{row}\n{row}\n"})
    assert (extract.claims, extract.teams, extract.workers, extract.refusals) == ((), (), (), ())
    assert (extract.rows, extract.placeholders) == ({name: 2}, {name})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing at all"),
        pytest.param("prep_table_id,prep_person_id\n", id="a header"),
        pytest.param("prep_table_id,prep_person_id\nNULL,NULL\nX1,NULL\n", id="one row with a value"),
        pytest.param("prep_table_id,prep_person_id\nNULL,NULL\nNULL\n", id="one row that cannot be read"),
        pytest.param("prep_table_id\nNULL\n", id="a column is missing"),
    ],
)
def test_an_empty_table_is_no_placeholder(text: str, read_ssd: Read) -> None:
    assert read_ssd(ssd_pre_proceedings=text).placeholders == frozenset()


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param(["cppr_cp_review_id", "cppr_person_id", "cppr_cp_review_date"], id="three"),
        pytest.param(
            "cppr_cp_review_id cppr_person_id cppr_cp_plan_id cppr_cp_review_due cppr_cp_review_date "
            "cppr_cp_review_meeting_id cppr_cp_review_outcome_continue_cp cppr_cp_review_quorate "
            "cppr_cp_review_participation".split(),
            id="the nine of Eclipse",
        ),
        pytest.param(
            "cppr_cp_review_id cppr_person_id cppr_cp_plan_id cppr_cp_review_due cppr_cp_review_date "
            "cppr_cp_review_meeting_id cppr_cp_review_outcome_continue_cp cppr_cp_review_quorate "
            "cppr_cp_review_participation a b c d e f g h i".split(),
            id="the eighteen of Mosaic",
        ),
    ],
)
def test_a_table_may_have_more_columns_or_fewer(columns: list[str], read_ssd: Read) -> None:
    said = {"cppr_cp_review_id": "R1", "cppr_person_id": "P1", "cppr_cp_review_date": "2020-02-05"}
    row = ",".join(said.get(column, "") for column in columns)
    (claim,) = read_ssd(ssd_cp_reviews=f"{','.join(columns)}\n{row}\n").claims
    assert (claim.key, claim.eclipse_id, claim.value) == ("R1", "P1", CpReview(held_on=date(2020, 2, 5)))


def test_excel_and_psql_say_the_same(read_ssd: Read) -> None:
    """BOM, CRLF, quotes, a line end in a cell; three ways to write a day."""
    header = "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date,cppl_cp_plan_latest_category"
    excel = read_ssd(ssd_cp_plans=f'\ufeff{header}\r\n51,P1,04/11/2019,"Multiple:\r\nNeglect, Physical"\r\n')
    psql = read_ssd(ssd_cp_plans=f"{header}\n51,P1,2019-11-04 00:00:00,Multiple: Neglect\n")
    script = read_ssd(ssd_cp_plans=f"{header}\n51,P1,2019-11-04,MUL\n")
    assert excel.claims == psql.claims == script.claims != ()
    assert not [*excel.refusals, *psql.refusals, *script.refusals]


REFERRALS = {
    "ssd_cp_plans": ("cppl_referral_id", "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date", "51,P1,2019-11-04"),
    "ssd_cla_episodes": (
        "clae_referral_id",
        "clae_cla_episode_id,clae_person_id,clae_cla_id,clae_cla_episode_start_date",
        "E1,P1,CLA1,2020-01-15",
    ),
    "ssd_involvements": (
        "invo_referral_id",
        "invo_involvements_id,invo_person_id,invo_professional_id,invo_professional_role_id",
        "I1,P1,W1,AW",
    ),
}


@pytest.mark.parametrize("table", REFERRALS)
def test_whose_a_row_is_never_hangs_on_its_referral(table: str, read_ssd: Read) -> None:
    """Eclipse's scripts use three kinds of referral id; two of them join to nothing."""
    column, header, row = REFERRALS[table]
    told = [read_ssd(**{table: f"{column},{header}\n{referral},{row}\n"}) for referral in ("P19001", "9001", "NULL")]
    told.append(read_ssd(**{table: f"{header}\n{row}\n"}))
    assert told[0].claims
    assert all(extract == told[0] for extract in told)


DELETED_ROWS = {
    "ssd_involvements": (
        "invo_involvements_id,invo_person_id,invo_professional_id,invo_professional_role_id,invo_professional_team",
        "I1,P1,,,",
    ),
    "ssd_care_leavers": ("clea_table_id,clea_person_id", "C1,P1"),
    "ssd_cp_plans": ("cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date", "51,P1,"),
    "ssd_cp_reviews": ("cppr_cp_review_id,cppr_person_id,cppr_cp_review_date", "R1,P1,"),
    "ssd_cla_episodes": (
        "clae_cla_episode_id,clae_person_id,clae_cla_id,clae_cla_episode_start_date",
        "E1,P1,CLA1,",
    ),
    "ssd_cla_placement": ("clap_cla_placement_id,clap_person_id,clap_cla_placement_start_date", "A9,P1,2020-01-15"),
    "ssd_cla_reviews": (
        "clar_cla_review_id,clar_cla_id,clar_cla_person_id,clar_cla_review_date,clar_cla_review_cancelled",
        "R1,CLA1,P1,,",
    ),
    "ssd_legal_status": ("lega_legal_status_id,lega_person_id,lega_legal_status_start_date", "L1,P1,"),
    "ssd_permanence": ("perm_table_id,perm_person_id", "A1,P1"),
    "ssd_cla_care_plan": ("lacp_table_id,lacp_person_id", "K1,P1"),
    "ssd_pre_proceedings": ("prep_table_id,prep_person_id", "X1,P1"),
    "ssd_missing": ("miss_table_id,miss_person_id,miss_missing_episode_start_date", "M1,P1,"),
}
"""Each table whose rows end by a marker, which needs what the key is made of and the person alone."""


@pytest.mark.parametrize("table", DELETED_ROWS)
def test_a_delta_says_that_a_record_is_no_more(table: str, read_ssd: Read) -> None:
    header, row = DELETED_ROWS[table]
    extract = read_ssd(**{table: f"{header},record_deleted\n{row},Y\n"})
    assert extract.claims
    assert extract.refusals == ()
    assert all(claim.deleted and claim.eclipse_id == "P1" for claim in extract.claims)
    assert not any(isinstance(claim.value, Responsibility) for claim in extract.claims), "it names no team"
    for said in ("N", "", "NULL", "0"):
        assert not any(c.deleted for c in read_ssd(**{table: f"{header},record_deleted\n{row},{said}\n"}).claims)
    doubtful = read_ssd(**{table: f"{header},record_deleted\n{row},perhaps\n"})
    assert ("record_deleted", "not_yes_or_no") in [(r.field, r.code) for r in doubtful.refusals]
    assert doubtful.claims == ()


def test_every_table_of_facts_can_be_marked() -> None:
    assert DELETED_ROWS.keys() == ssd.TABLES.keys() - {"ssd_department", "ssd_professionals", "ssd_person"}


def test_a_person_a_team_and_a_worker_cannot_be_deleted(read_ssd: Read) -> None:
    extract = read_ssd(
        ssd_department="dept_team_id,record_deleted\nT1,Y\n",
        ssd_professionals="prof_professional_id,record_deleted\nW1,Y\n",
        ssd_person="pers_person_id,record_deleted\nP1,Y\n",
    )
    assert (extract.teams, extract.workers, extract.claims) == ((), (), ())
    assert {(r.dataset, r.field, r.code) for r in extract.refusals} == {
        ("ssd_department", "record_deleted", "cannot_be_deleted"),
        ("ssd_professionals", "record_deleted", "cannot_be_deleted"),
        ("ssd_person", "record_deleted", "cannot_be_deleted"),
    }


def test_a_care_leaver_is_deleted_only_when_every_row_is(read_ssd: Read) -> None:
    header = (
        "clea_table_id,clea_person_id,clea_care_leaver_eligibility,clea_care_leaver_in_touch,"
        "clea_care_leaver_latest_contact,clea_care_leaver_accommodation,record_deleted\n"
    )
    gone, here = "C1,P1,Qualifying,NO,2020-07-20,S,Y\n", "C2,P1,Relevant,YES,2020-05-01,U,N\n"
    both = read_ssd(ssd_care_leavers=header + gone + here).claims
    alone = read_ssd(ssd_care_leavers=header + here).claims
    assert [(c.key, c.value, c.deleted) for c in both] == [(c.key, c.value, c.deleted) for c in alone]
    none = read_ssd(ssd_care_leavers=header + gone + gone.replace("C1", "C3")).claims
    assert {(claim.key, claim.deleted) for claim in none} == {("P1/status", True), ("P1/accommodation", True)}


def test_a_period_of_care_is_deleted_only_when_every_episode_is(read_ssd: Read) -> None:
    header = (
        "clae_cla_episode_id,clae_person_id,clae_cla_id,clae_cla_episode_start_date,clae_cla_episode_ceased_date,"
        "record_deleted\n"
    )
    rows = ["E1,P1,CLA1,2020-01-15,2020-03-01,Y", "E2,P1,CLA1,2020-03-01,,"]
    (claim,) = read_ssd(ssd_cla_episodes=header + "\n".join(rows)).claims
    assert claim.value == PeriodOfCare(started_on=date(2020, 3, 1), period_ref="CLA1")
    assert not claim.deleted
    (claim,) = read_ssd(ssd_cla_episodes=header + "\n".join([rows[0], f"{rows[1]}Y"])).claims
    assert claim.deleted
    (claim,) = read_ssd(ssd_cla_episodes=header + "\n".join([rows[0], "E2,P1,CLA1,2020-31-12,,"])).claims
    assert not claim.deleted, "a row we cannot read ends nobody's care"


def test_the_nhs_number_is_never_read(read_ssd: Read) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["pers_person_id", "pers_single_unique_id", "pers_common_child_id", "pers_upn"])
    writer.writerow(["P1", "9434765919", "9434765919", "A123456789012"])
    writer.writerow(["", "9434765919", "9434765919", "A123456789012"])
    extract = read_ssd(ssd_person=out.getvalue())
    assert "9434765919" not in str(extract)
    assert [(r.row, r.field, r.code) for r in extract.refusals] == [(3, "pers_person_id", "missing_key")]


def test_json_lines_say_the_same_as_csv(read_ssd: Read) -> None:
    as_csv = read_ssd(ssd_person="pers_person_id,pers_forename,pers_dob\n1,Rowan,2001-02-14 00:00:00\n")
    as_json = read_ssd(
        ssd_person='{"pers_person_id": 1, "pers_forename": "Rowan", "pers_dob": "2001-02-14", "pers_sex": null}'
    )
    assert [(c.key, c.value) for c in as_json.claims] == [(c.key, c.value) for c in as_csv.claims]


def test_every_table_and_its_required_columns_are_documented() -> None:
    section = FORMATS.read_text(encoding="utf-8").split("\n## Profile `ssd`\n")[1].split("\n## ")[0]
    rows = {line.split("`")[1]: line for line in section.splitlines() if line.startswith("| `ssd_")}
    assert rows.keys() == ssd.TABLES.keys()
    bold = {name: set(re.findall(r"\*\*`(\w+)`\*\*", line)) for name, line in rows.items()}
    assert bold == {name: set(source.required) for name, source in ssd.TABLES.items()}


def test_every_known_defect_names_tests_that_exist() -> None:
    section = FORMATS.read_text(encoding="utf-8").split("\n## Known defects\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and not line.startswith("| defect")]
    named = [set(re.findall(r"`(test_\w+)`", row.rsplit("|", 2)[1])) for row in rows]
    files = (FORMATS.parent.parent / "tests").glob("**/test_*.py")
    written = {name for file in files for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)}
    assert rows
    assert all(named), "every rule has a test"
    assert set().union(*named) <= written


def test_a_column_that_is_not_there_says_nothing(read_ssd: Read) -> None:
    header, row = "miss_table_id,miss_person_id,miss_missing_episode_start_date", "M1,P1,2020-07-28"
    (claim,) = read_ssd(ssd_missing=f"{header}\n{row}\n").claims
    assert "ended_on" in claim.unsaid
    (claim,) = read_ssd(ssd_missing=f"{header},miss_missing_episode_end_date\n{row},\n").claims
    assert "ended_on" not in claim.unsaid
    header = "clae_cla_episode_id,clae_person_id,clae_cla_id,clae_cla_episode_start_date"
    (claim,) = read_ssd(ssd_cla_episodes=f"{header}\nE1,P1,CLA1,2020-01-15\n").claims
    assert {"ended_on", "end_reason"} <= claim.unsaid
    header = "perm_table_id,perm_person_id,perm_matched_date,perm_decision_reversed_date"
    (claim,) = read_ssd(ssd_permanence=f"{header}\nA1,P1,2020-01-15,\n").claims
    assert "ended_on" not in claim.unsaid, "the reason alone is left out"
