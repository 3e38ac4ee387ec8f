"""Legal status, permanence and pre-proceedings: descriptions, JSON or plain text, and rows with nothing in them."""

import csv
import io
from datetime import date

import pytest

from service.domain.facts import (
    LegalStatus,
    PermanencePlan,
    PreProceedings,
    PreProceedingsOutcome,
    Route,
    SecuredBy,
)
from tests.readers.conftest import Read

LEGAL = (
    "lega_legal_status_id,lega_person_id,lega_legal_status,lega_legal_status_start_date,lega_legal_status_end_date\n"
)


@pytest.mark.parametrize(
    ("text", "code", "flags"),
    [
        ("Interim care order", "C1", ()),
        ("C2", "C2", ()),
        ("Single period of accommodation under section 20", "V2", ()),
        ("Private fostering", None, ("unmapped_code",)),
    ],
)
def test_a_legal_status(text: str, code: str | None, flags: tuple[str, ...], read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_legal_status=f"{LEGAL}L1,P1,{text},2020-01-15 00:00:00,\n").claims
    assert (claim.value, claim.flags) == (LegalStatus(code=code, started_on=date(2020, 1, 15)), flags)


def test_the_first_day_of_a_legal_status_may_be_a_bare_date(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_legal_status=LEGAL + "L1,P1,E1,15/01/2020,01/03/2020\n").claims
    assert claim.value == LegalStatus(code="E1", started_on=date(2020, 1, 15), ended_on=date(2020, 3, 1))


@pytest.mark.parametrize(
    ("rows", "flagged"),
    [
        pytest.param(
            ["L1,P1,C1,2020-01-01,", "L2,P1,V2,2020-03-01,2020-05-01"],
            {"L1", "L2"},
            id="C1 drawn over the gap S20 fills",
        ),
        pytest.param(
            ["L1,P1,C1,2020-01-01,2020-03-01", "L2,P1,V2,2020-03-01,2020-05-01", "L3,P1,C1,2020-05-01,"],
            set(),
            id="one after the other, on the day of the change",
        ),
        pytest.param(["L1,P1,C1,2020-01-01,", "L2,P2,V2,2020-03-01,"], set(), id="two children"),
        pytest.param(
            ["L1,P1,V4,2020-01-01,", "L2,P1,C1,2020-02-01,2020-03-01", "L3,P1,V4,2020-06-01,2020-06-10"],
            {"L1", "L2", "L3"},
            id="two inside one that lasts",
        ),
        pytest.param(
            ["L1,P1,V4,2020-01-01,2020-02-01", "L2,P1,C1,2020-02-01,2020-03-01", "L3,P1,V2,2020-02-10,"],
            {"L2", "L3"},
            id="the one before them stands apart",
        ),
    ],
)
def test_legal_statuses_that_overlap_are_kept_and_flagged(rows: list[str], flagged: set[str], read_ssd: Read) -> None:
    for each in (rows, rows[::-1]):
        claims = read_ssd(ssd_legal_status=LEGAL + "\n".join(each) + "\n").claims
        assert len(claims) == len(rows)
        assert {claim.key for claim in claims if claim.flags == ("overlapping_spells",)} == flagged


@pytest.mark.parametrize("code", "C1 C2 D1 E1 V2 V3 V4 L1 L2 L3 J1 J2 J3".split())
def test_every_legal_status_code_is_read(code: str, read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_legal_status=f"{LEGAL}L1,P1,{code},2020-01-15,\n").claims
    assert (claim.value, claim.flags) == (LegalStatus(code=code, started_on=date(2020, 1, 15)), ())


def care_plan(text: str, start: str = "2020-05-12") -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["lacp_table_id", "lacp_person_id", "lacp_cla_care_plan_start_date", "lacp_cla_care_plan_json"])
    writer.writerow(["K1", "P1", start, text])
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "route", "parallel", "flags"),
    [
        pytest.param('{"LTFOST18": "Y"}', Route.LONG_TERM_FOSTERING, None, (), id="one key"),
        pytest.param('{"RETURNEV": "6", "ADOPTION": "N"}', Route.RETURN_HOME, None, (), id="months are a yes"),
        pytest.param('{"ADOPTION": "Y", "LTRELFR": "Y"}', Route.ADOPTION, Route.KINSHIP_SGO, (), id="parallel plan"),
        pytest.param('{"RETURN1M": "Y", "RETURN6M": "Y"}', Route.RETURN_HOME, None, (), id="one route twice"),
        pytest.param(
            '{"ADOPTION": 1, "LTRELFR": 1, "LTFOST18": 1}',
            Route.ADOPTION,
            Route.KINSHIP_SGO,
            ("several_routes",),
            id="more than two",
        ),
        pytest.param('["SUPPLIV"]', Route.SUPPORTED_INDEPENDENCE, None, (), id="a list"),
        pytest.param(
            '{"REMAINSUP": "N", "LTFOST18": "Y", "ADOPTION": null}', Route.LONG_TERM_FOSTERING, None, (), id="SystemC"
        ),
        pytest.param("Remaining with birth family", None, None, ("unmapped_route",), id="Mosaic, in its own words"),
        pytest.param("Long term fostering", Route.LONG_TERM_FOSTERING, None, (), id="plain text"),
        pytest.param("To be discussed", None, None, ("unmapped_route",), id="text nobody mapped"),
        pytest.param('{"MAGIC": "Y"}', None, None, ("unmapped_route",), id="key nobody mapped"),
        pytest.param('{"ADOPTION": "Y"', None, None, ("unmapped_route",), id="cut off"),
    ],
)
def test_a_care_plan(
    text: str, route: Route | None, parallel: Route | None, flags: tuple[str, ...], read_ssd: Read
) -> None:
    (claim,) = read_ssd(ssd_cla_care_plan=care_plan(text)).claims
    agreed = date(2020, 5, 12)
    assert claim.value == PermanencePlan(route=route, parallel_route=parallel, agreed_on=agreed, recorded_on=agreed)
    assert claim.flags == flags


@pytest.mark.parametrize("text", ["", '{"ADOPTION": "N", "LTFOST18": ""}', "{}"])
def test_nothing_ticked_is_no_plan(text: str, read_ssd: Read) -> None:
    extract = read_ssd(ssd_cla_care_plan=care_plan(text))
    assert (extract.claims, extract.refusals, extract.rows) == ((), (), {"ssd_cla_care_plan": 1})


PERMANENCE = (
    "perm_table_id,perm_person_id,perm_adm_decision_date,perm_placement_order_date,perm_matched_date,"
    "perm_placed_for_adoption_date,perm_adopter_sex,perm_decision_reversed_date,perm_decision_reversed_reason,"
    "perm_permanence_order_date,perm_permanence_order_type\n"
)


@pytest.mark.parametrize(
    ("row", "expected", "flags"),
    [
        pytest.param(
            "2020-03-02,2020-05-04,2020-06-01,2020-06-15,MF,,,,",
            PermanencePlan(
                route=Route.ADOPTION,
                agreed_on=date(2020, 3, 2),
                agreed_at="agency decision maker",
                recorded_on=date(2020, 3, 2),
                matched_on=date(2020, 6, 1),
            ),
            (),
            id="decided and matched",
        ),
        pytest.param(
            ",2020-05-04,2020-06-01,,,,,,",
            PermanencePlan(
                route=Route.ADOPTION,
                agreed_on=date(2020, 5, 4),
                recorded_on=date(2020, 5, 4),
                matched_on=date(2020, 6, 1),
            ),
            ("agreed_on_inferred",),
            id="no decision date: the first step after it",
        ),
        pytest.param(
            "2020-03-02,,,,,2020-06-30,RD3,,",
            PermanencePlan(
                route=Route.ADOPTION,
                agreed_on=date(2020, 3, 2),
                agreed_at="agency decision maker",
                recorded_on=date(2020, 3, 2),
                ended_on=date(2020, 6, 30),
            ),
            (),
            id="decision reversed",
        ),
        pytest.param(
            "2020-03-02,,,,,,RD3,2020-07-01,Special Guardianship",
            PermanencePlan(
                route=Route.KINSHIP_SGO,
                agreed_on=date(2020, 3, 2),
                agreed_at="agency decision maker",
                recorded_on=date(2020, 3, 2),
                secured_on=date(2020, 7, 1),
                secured_by=SecuredBy.ORDER,
            ),
            ("reversed_without_date",),
            id="another order in the end",
        ),
    ],
)
def test_adoption_milestones(row: str, expected: PermanencePlan, flags: tuple[str, ...], read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_permanence=f"{PERMANENCE}A1,P1,{row}\n").claims
    assert (claim.value, claim.flags) == (expected, flags)


def test_what_eclipse_fills_of_an_adoption_record_is_no_plan(read_ssd: Read) -> None:
    extract = read_ssd(ssd_permanence=PERMANENCE + "A1,P1,,,,,MF,,RD3,,\n")
    assert (extract.claims, extract.refusals, extract.rows) == ((), (), {"ssd_permanence": 1})


PRE = (
    "prep_table_id,prep_person_id,prep_plo_family_id,prep_pre_pro_decision_date,prep_initial_pre_pro_meeting_date,"
    "prep_pre_pro_outcome,prep_agree_stepdown_issue_date,prep_legal_gateway_outcome,prep_pre_pro_letter_date,"
    "prep_care_pro_letter_date,prep_pre_pro_meetings_num\n"
)


def test_pre_proceedings(read_ssd: Read) -> None:
    row = "X1,P1,F31,04/05/2020,20/05/2020,Decision to Issue Care Proceedings,27/07/2020,B,11/05/2020,28/07/2020,1"
    (claim,) = read_ssd(ssd_pre_proceedings=f"{PRE}{row}\n").claims
    assert claim.value == PreProceedings(
        started_on=date(2020, 5, 4),
        letter_sent_on=date(2020, 5, 11),
        first_meeting_on=date(2020, 5, 20),
        review_meetings=1,
        step_decided_on=date(2020, 7, 27),
        outcome=PreProceedingsOutcome.ISSUE,
        outcome_code="Decision to Issue Care Proceedings",
        court_letter_on=date(2020, 7, 28),
        family_group="F31",
    )


def test_an_outcome_nobody_mapped_is_kept_as_written(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_pre_proceedings=PRE + "X1,P1,,2020-05-04,,Paused,,,,,\n").claims
    assert isinstance(claim.value, PreProceedings)
    assert (claim.value.outcome, claim.value.outcome_code, claim.flags) == (None, "Paused", ("unmapped_outcome",))


def test_a_reversal_whose_reason_is_a_placeholder_is_none(read_ssd: Read) -> None:
    (claim,) = read_ssd(ssd_permanence=PERMANENCE + "A1,P1,2020-03-02,,,,,,DQ,,\n").claims
    assert claim.flags == ("placeholder_ended_on",)


@pytest.mark.parametrize("row", [",,,,,,,,,,", "NULL,P1,,,,,,,,,", "X1,P1,F31,,,,,A,,,0"])
def test_a_placeholder_row_yields_nothing(row: str, read_ssd: Read) -> None:
    extract = read_ssd(ssd_pre_proceedings=f"{PRE}{row}\n")
    assert (extract.claims, extract.refusals, extract.rows) == ((), (), {"ssd_pre_proceedings": 1})


def test_a_row_with_a_date_but_no_person_is_refused(read_ssd: Read) -> None:
    extract = read_ssd(ssd_pre_proceedings=PRE + "X1,,,2020-05-04,,,,,,,\n")
    assert [(r.field, r.code) for r in extract.refusals] == [("prep_person_id", "missing_value")]
