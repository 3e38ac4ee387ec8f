"""Care leavers: one row is two undated facts, and several rows of one person read as the worse of them."""

from datetime import date

import pytest

from service.domain.facts import Accommodation, CareLeaverStatus, Eligibility, InTouch
from service.domain.intake import Claim
from tests.readers.conftest import Read

HEADER = (
    "clea_table_id,clea_person_id,clea_care_leaver_eligibility,clea_care_leaver_in_touch,"
    "clea_care_leaver_latest_contact,clea_care_leaver_accommodation,clea_care_leaver_accom_suitable,"
    "clea_care_leaver_activity,clea_pathway_plan_review_date,clea_care_leaver_personal_advisor\n"
)


def claims_of(read_ssd: Read, *rows: str) -> dict[str, Claim]:
    extract = read_ssd(ssd_care_leavers=HEADER + "\n".join(rows) + "\n")
    assert extract.refusals == ()
    return {claim.key: claim for claim in extract.claims}


def test_one_row_says_two_things(read_ssd: Read) -> None:
    found = claims_of(read_ssd, "C1,P1,Former Relevant,YES,2020-07-20 00:00:00,U,1,F5,2020-05-01,W1")
    assert {key: claim.value for key, claim in found.items()} == {
        "P1/status": CareLeaverStatus(
            eligibility=Eligibility.FORMER_RELEVANT,
            in_touch=InTouch.YES,
            in_touch_on=date(2020, 7, 20),
            activity="F5",
            pathway_plan_on=date(2020, 5, 1),
            personal_adviser_ref="W1",
        ),
        "P1/accommodation": Accommodation(code="U", suitable=True),
    }
    assert all(claim.undated and claim.eclipse_id == "P1" and claim.row == 2 for claim in found.values())


@pytest.mark.parametrize(
    ("code", "suitable", "expected", "flags"),
    [
        ("U", "2", Accommodation(code="U", suitable=False), ()),
        ("U", "Accommodation considered unsuitable", Accommodation(code="U", suitable=False), ()),
        ("U", "", Accommodation(code="U"), ()),
        ("", "2", Accommodation(suitable=False), ()),
        ("0", "", Accommodation(code="0"), ()),
        ("S", "2", Accommodation(code="S", suitable=False), ()),
        ("S", "1", Accommodation(code="S", suitable=True), ("contradictory_code",)),
        ("X", "1", Accommodation(code="X", suitable=True), ("contradictory_code",)),
        ("X1", "", Accommodation(code="X", suitable=True), ("contradictory_code",)),
        ("K2", "", Accommodation(code="K", suitable=False), ()),
        ("U2", "1", Accommodation(code="U", suitable=False), ("contradictory_code",)),
        ("Q", "1", Accommodation(suitable=True), ("unmapped_code",)),
        ("Q", "", Accommodation(), ("unmapped_code",)),
        ("U", "perhaps", Accommodation(code="U"), ("unmapped_suitable",)),
        ("DQ", "2", Accommodation(suitable=False), ("placeholder_code",)),
    ],
)
def test_where_somebody_lives(
    code: str, suitable: str, expected: Accommodation, flags: tuple[str, ...], read_ssd: Read
) -> None:
    claim = claims_of(read_ssd, f"C1,P1,Relevant,YES,2020-07-20,{code},{suitable},F5,,")["P1/accommodation"]
    assert (claim.value, claim.flags) == (expected, flags)


@pytest.mark.parametrize("code", ["", "NULL", "DQ"])
def test_nothing_said_of_a_place_is_no_accommodation(code: str, read_ssd: Read) -> None:
    assert list(claims_of(read_ssd, f"C1,P1,Relevant,YES,2020-07-20,{code},,F5,,")) == ["P1/status"]


def test_unmapped_words_of_the_status_are_unknown_and_flagged_there_only(read_ssd: Read) -> None:
    found = claims_of(read_ssd, "C1,P1,Sort of,Perhaps,2020-07-20,U,1,Z9,,")
    status = found["P1/status"]
    assert status.value == CareLeaverStatus(in_touch_on=date(2020, 7, 20))
    assert status.flags == ("unmapped_eligibility", "unmapped_in_touch", "unmapped_activity")
    assert found["P1/accommodation"].flags == ()


def test_a_contact_after_the_extract_is_no_contact(read_ssd: Read) -> None:
    status = claims_of(read_ssd, "C1,P1,Relevant,YES,2020-08-01,U,2,F5,,")["P1/status"]
    assert status.value == CareLeaverStatus(eligibility=Eligibility.RELEVANT, in_touch=InTouch.YES, activity="F5")
    assert status.flags == ("future_in_touch_on",)


def touch_and_place(found: dict[str, Claim]) -> tuple[InTouch | None, date | None, str | None]:
    status, place = found["P1/status"], found["P1/accommodation"]
    assert isinstance(status.value, CareLeaverStatus)
    assert isinstance(place.value, Accommodation)
    assert "several_rows" in status.flags
    assert "several_rows" in place.flags
    assert len(found) == 2, "one status and one place a person"
    return status.value.in_touch, status.value.in_touch_on, place.value.code


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        pytest.param(
            ["C1,P1,Relevant,YES,2020-05-01,K,1,,,", "C2,P1,Relevant,NO,2020-07-01,U,1,,,"],
            (InTouch.NO, date(2020, 7, 1), "U"),
            id="the latest contact counts",
        ),
        pytest.param(
            ["C1,P1,Relevant,YES,2020-05-01,K,2,,,", "C2,P1,Relevant,YES,2020-07-01,U,1,,,"],
            (InTouch.YES, date(2020, 7, 1), "U"),
            id="an older row is history, however bad",
        ),
        pytest.param(
            ["C1,P1,Relevant,YES,2020-07-01,U,1,,,", "C2,P1,Relevant,YES,,K,1,,,"],
            (InTouch.YES, date(2020, 7, 1), "U"),
            id="a row without a date does not win by having none",
        ),
        pytest.param(
            ["C1,P1,Relevant,YES,2020-07-01,U,1,,,", "C2,P1,Relevant,NO,,K,1,,,"],
            (InTouch.NO, None, "U"),
            id="but its lost contact counts",
        ),
        pytest.param(
            ["C1,P1,Relevant,YES,2020-07-01,U,1,,,", "C2,P1,Relevant,YES,,S,2,,,"],
            (InTouch.YES, date(2020, 7, 1), "S"),
            id="and so does its bad place",
        ),
        pytest.param(
            ["C1,P1,Relevant,DIED,2020-07-01,0,,,,", "C2,P1,Relevant,NO,,0,,,,"],
            (InTouch.DIED, date(2020, 7, 1), "0"),
            id="a death is final",
        ),
        pytest.param(
            ["C1,P1,Relevant,YES,,U,1,,,", "C2,P1,Relevant,REFU,,U,1,,,", "C3,P1,Relevant,YES,,U,1,,,"],
            (InTouch.REFU, None, "U"),
            id="nothing dated: the last id, with the worse of the others",
        ),
    ],
)
def test_several_rows_of_one_person(
    rows: list[str], expected: tuple[InTouch, date | None, str], read_ssd: Read
) -> None:
    assert touch_and_place(claims_of(read_ssd, *rows)) == expected
    assert touch_and_place(claims_of(read_ssd, *reversed(rows))) == expected, "the order of rows decides nothing"


def test_two_workers_on_the_day_give_one_row_twice(read_ssd: Read) -> None:
    row = "C1,P1,Relevant,YES,2020-07-01,U,1,,,"
    extract = read_ssd(ssd_care_leavers=HEADER + f"{row}W1\n{row}W1\n{row}W2\n")
    assert [claim.key for claim in extract.claims] == ["P1/status", "P1/accommodation"]
    assert [(r.row, r.field, r.code, r.key) for r in extract.refusals] == [(4, "clea_table_id", "duplicate_row", "P1")]


def test_a_new_record_of_the_same_person_is_the_same_two_facts(read_ssd: Read) -> None:
    before = claims_of(read_ssd, "C1,P1,Relevant,YES,2020-05-01,S,2,,,")
    after = claims_of(read_ssd, "C2,P1,Relevant,YES,2020-07-01,U,1,,,")
    assert before.keys() == after.keys() == {"P1/status", "P1/accommodation"}
