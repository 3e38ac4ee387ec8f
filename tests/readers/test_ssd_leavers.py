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
    claim = claims_of(read_ssd, f"C1,P1,Relevant,,2020-07-20,{code},{suitable},F5,,")["P1/accommodation"]
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
    assert status.flags == ("future_in_touch_on", "undated_row")


@pytest.mark.parametrize(
    ("row", "flags"),
    [
        pytest.param("NO,,U,1,G5", (), id="not in touch: blank is normal"),
        pytest.param("REFU,,U,1,G5", (), id="refused: blank is normal"),
        pytest.param("DIED,,0,,0", (), id="died"),
        pytest.param("YES,,U,1,F5", ("undated_row",), id="in touch, and no day of it"),
        pytest.param(",,U,1,", ("undated_row",), id="somewhere, and nobody says how that is known"),
        pytest.param(",,,,", (), id="nothing said, as before 17"),
        pytest.param("YES,2020-07-20,0,,F5", ("contradictory_row",), id="in touch, and lives nowhere (rule 345)"),
        pytest.param("YES,2020-07-20,U,1,0", ("contradictory_row",), id="in touch, and does nothing known (rule 345)"),
        pytest.param("DIED,,S,2,0", ("contradictory_row",), id="dead, and without a home (rule 344)"),
        pytest.param("RHOM,,B,1,0", ("contradictory_row",), id="home for good, and coded (rule 344)"),
    ],
)
def test_what_a_row_says_against_itself_is_flagged_on_both_facts(
    row: str, flags: tuple[str, ...], read_ssd: Read
) -> None:
    for claim in claims_of(read_ssd, f"C1,P1,Relevant,{row},,").values():
        assert claim.flags == flags


def both(found: dict[str, Claim]) -> tuple[CareLeaverStatus, Accommodation | None]:
    status, place = found.pop("P1/status"), found.pop("P1/accommodation", None)
    assert not found, "one status and one place a person"
    assert isinstance(status.value, CareLeaverStatus)
    assert all("several_rows" in claim.flags for claim in (status, place) if claim)
    return status.value, place.value if place and isinstance(place.value, Accommodation) else None


JULY = date(2020, 7, 1)


@pytest.mark.parametrize(
    ("rows", "touch", "on", "place"),
    [
        pytest.param(["YES,2020-05-01,K,1", "NO,2020-07-01,U,1"], InTouch.NO, JULY, ("U", True), id="the latest date"),
        pytest.param(["YES,2020-05-01,K,2", "YES,2020-07-01,U,1"], InTouch.YES, JULY, ("U", True), id="older: history"),
        pytest.param(
            ["YES,2020-07-01,U,1", "YES,,K,1"], InTouch.YES, JULY, (None, True), id="undated beats no dated row"
        ),
        pytest.param(["YES,2020-07-01,U,1", "YES,,U,"], InTouch.YES, JULY, ("U", True), id="a blank says nothing"),
        pytest.param(["YES,2020-07-01,U,1", "NO,,,"], InTouch.NO, None, ("U", True), id="but lost touch counts"),
        pytest.param(["YES,2020-07-01,U,1", "REFU,,,"], InTouch.REFU, None, ("U", True), id="and so does a refusal"),
        pytest.param(["NO,2020-07-01,U,1", "YES,,U,1"], InTouch.NO, JULY, ("U", True), id="undated ends no silence"),
        pytest.param(["YES,2020-07-01,U,1", "YES,,S,2"], InTouch.YES, JULY, ("S", False), id="its bad place counts"),
        pytest.param(["YES,2020-07-01,U,2", "YES,,U,1"], InTouch.YES, JULY, ("U", False), id="it ends no bad one"),
        pytest.param(["YES,2020-07-01,W,1", "YES,,X,2"], InTouch.YES, JULY, ("W", True), id="of two dangers the worse"),
        pytest.param(["YES,2020-07-01,S,2", "YES,,W,2"], InTouch.YES, JULY, ("W", False), id="of two alike, one"),
        pytest.param(["YES,2020-07-01,U,1", "NREQ,,U,1"], InTouch.YES, JULY, ("U", True), id="NREQ asks less"),
        pytest.param(["NREQ,2020-07-01,U,1", "RHOM,,U,1"], None, None, ("U", True), id="neither worse: not known"),
        pytest.param(["YES,2020-07-01,U,1", "Perhaps,,U,1"], None, None, ("U", True), id="nobody can read one of them"),
        pytest.param(["NO,2020-07-01,U,1", "Perhaps,,U,1"], InTouch.NO, JULY, ("U", True), id="unread ends no danger"),
        pytest.param(["YES,2020-07-01,U,1", "YES,,Q,1"], InTouch.YES, JULY, (None, True), id="a place nobody can read"),
        pytest.param(["DIED,2020-07-01,0,", "NO,,0,"], InTouch.DIED, JULY, ("0", None), id="a dated death is final"),
        pytest.param(
            ["YES,2020-07-01,U,1", "DIED,,0,"], InTouch.YES, JULY, (None, True), id="undated, it hides nobody"
        ),
        pytest.param(["YES,,U,1", "REFU,,U,1", "YES,,U,1"], InTouch.REFU, None, ("U", True), id="none has a date"),
        pytest.param(
            ["YES,2020-07-01,U,1", "NO,2020-07-01,U,2"], InTouch.NO, JULY, ("U", False), id="one day, two rows"
        ),
    ],
)
def test_several_rows_of_one_person(
    rows: list[str], touch: InTouch | None, on: date | None, place: tuple[str | None, bool | None], read_ssd: Read
) -> None:
    lines = [f"C{number},P1,Relevant,{row},,," for number, row in enumerate(rows)]
    for each in (lines, lines[::-1]):
        status, where = both(claims_of(read_ssd, *each))
        assert (status.in_touch, status.in_touch_on) == (touch, on), "the order of rows decides nothing"
        assert where is not None
        assert (where.code, where.suitable) == place


def test_what_rows_leave_open_is_unknown_and_flagged_by_field(read_ssd: Read) -> None:
    found = claims_of(
        read_ssd, "C1,P1,Relevant,YES,,U,1,F5,2020-05-01,W1", "C2,P1,Qualifying,RHOM,,K,1,G5,2020-02-01,W1"
    )
    assert set(found["P1/status"].flags) >= {
        "several_rows", "conflicting_eligibility", "conflicting_in_touch", "conflicting_activity",
    }  # fmt: skip
    assert "conflicting_code" in found["P1/accommodation"].flags
    status, place = both(found)
    assert status == CareLeaverStatus(pathway_plan_on=date(2020, 2, 1), personal_adviser_ref="W1"), "the older plan"
    assert place == Accommodation(suitable=True)


def test_a_dated_row_speaks_for_those_without_a_date(read_ssd: Read) -> None:
    found = claims_of(read_ssd, "C1,P1,Relevant,YES,2020-07-01,U,1,,,", "C2,P1,Relevant,YES,,U,1,,,")
    assert {claim.flags for claim in found.values()} == {("several_rows",)}


def test_two_workers_on_the_day_give_one_row_twice_and_neither_is_the_adviser(read_ssd: Read) -> None:
    row = "C1,P1,Relevant,YES,2020-07-01,U,1,,,"
    extract = read_ssd(ssd_care_leavers=HEADER + f"{row}W1\n{row}W1\n{row}W2\n")
    status, place = extract.claims
    assert status.value == CareLeaverStatus(eligibility=Eligibility.RELEVANT, in_touch=InTouch.YES, in_touch_on=JULY)
    assert status.flags == ("conflicting_personal_adviser_ref", "several_rows")
    assert (place.value, place.flags) == (Accommodation(code="U", suitable=True), ("several_rows",))
    assert extract.refusals == ()


def test_the_same_row_twice_is_one_row(read_ssd: Read) -> None:
    row = "C1,P1,Relevant,YES,2020-07-01,U,1,,,W1"
    assert [claim.flags for claim in claims_of(read_ssd, row, row).values()] == [(), ()]


def test_an_id_of_two_people_is_refused_for_the_second(read_ssd: Read) -> None:
    rows = "C1,P1,Relevant,YES,2020-07-01,U,1,,,\nC1,P2,Relevant,YES,2020-07-01,U,1,,,\n"
    extract = read_ssd(ssd_care_leavers=HEADER + rows)
    assert {claim.eclipse_id for claim in extract.claims} == {"P1"}
    assert [(r.row, r.field, r.code, r.key) for r in extract.refusals] == [(3, "clea_table_id", "duplicate_row", "P2")]


def test_a_new_record_of_the_same_person_is_the_same_two_facts(read_ssd: Read) -> None:
    before = claims_of(read_ssd, "C1,P1,Relevant,YES,2020-05-01,S,2,,,")
    after = claims_of(read_ssd, "C2,P1,Relevant,YES,2020-07-01,U,1,,,")
    assert before.keys() == after.keys() == {"P1/status", "P1/accommodation"}
