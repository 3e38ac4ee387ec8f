"""One cell as a value: every form in which sources write days, moments, yes and no, and nothing."""

from datetime import UTC, date, datetime

import pytest

from service.domain.facts import ContactKind
from service.readers import cells


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-07-31", date(2020, 7, 31)),
        ("31/07/2020", date(2020, 7, 31)),
        ("04/05/2020", date(2020, 5, 4)),
        ("2020-07-31 00:00:00", date(2020, 7, 31)),
        ("2020-07-31T14:05:00.123", date(2020, 7, 31)),
        ("2020-07-31 14:05:00.1234567", date(2020, 7, 31)),
        ("31/07/2020 14:05", date(2020, 7, 31)),
        ("2020-07-30T23:30:00Z", date(2020, 7, 31)),
        ("2020-07-31T00:30:00+02:00", date(2020, 7, 30)),
        ("2020-02-29", date(2020, 2, 29)),
        ("1900-01-01 00:00:00", date(1900, 1, 1)),
    ],
)
def test_a_day(text: str, expected: date) -> None:
    assert cells.day(text) == expected


@pytest.mark.parametrize(
    "text", ["2019-02-29", "07/31/2020", "31/7/2020", "31-07-2020", "20200731", "2020-W31-5", "٢٠٢٠-07-31", "soon"]
)
def test_what_is_no_day(text: str) -> None:
    fault = cells.day(text)
    assert isinstance(fault, cells.Fault)
    assert fault.code == "not_a_date"


@pytest.mark.parametrize("text", ["0202-07-31", "1899-12-31", "9999-12-31", "0001-01-01T00:00:00+14:00"])
def test_a_day_that_cannot_be_meant(text: str) -> None:
    fault = cells.day(text)
    assert isinstance(fault, cells.Fault)
    assert fault.code == "date_out_of_range"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2020-07-30T14:05:00+01:00", datetime(2020, 7, 30, 13, 5, tzinfo=UTC), id="offset"),
        pytest.param("2020-07-30T14:05Z", datetime(2020, 7, 30, 14, 5, tzinfo=UTC), id="UTC"),
        pytest.param("2020-07-30 14:05:00", datetime(2020, 7, 30, 13, 5, tzinfo=UTC), id="naive is London, in summer"),
        pytest.param("2020-01-30 14:05:00", datetime(2020, 1, 30, 14, 5, tzinfo=UTC), id="naive is London, in winter"),
        pytest.param("30/07/2020 14:05", datetime(2020, 7, 30, 13, 5, tzinfo=UTC), id="as Excel writes it here"),
        pytest.param("2020-10-25 01:30:00", datetime(2020, 10, 25, 0, 30, tzinfo=UTC), id="the first of two 01:30"),
        pytest.param("2020-10-25T01:30:00+00:00", datetime(2020, 10, 25, 1, 30, tzinfo=UTC), id="the second of them"),
    ],
)
def test_a_moment(text: str, expected: datetime) -> None:
    assert cells.moment(text) == expected


@pytest.mark.parametrize("text", ["2020-07-30", "30/07/2020", "14:05", "2020-07-30 25:00", "yesterday 10:00"])
def test_what_is_no_moment(text: str) -> None:
    fault = cells.moment(text)
    assert isinstance(fault, cells.Fault)
    assert fault.code == "not_a_moment"


@pytest.mark.parametrize(("text", "expected"), [(text, True) for text in ("Y", "yes", "1", "TRUE", "t")])
def test_yes(text: str, expected: bool) -> None:
    assert cells.yes(text) is expected


@pytest.mark.parametrize("text", ["N", "No", "0", "false", "F"])
def test_no(text: str) -> None:
    assert cells.yes(text) is False


@pytest.mark.parametrize("text", ["2", "maybe", "ja"])
def test_neither_yes_nor_no(text: str) -> None:
    assert isinstance(cells.yes(text), cells.Fault)


@pytest.mark.parametrize(("text", "expected"), [("0", 0), ("12", 12), ("3.0", 3)])
def test_a_whole_number(text: str, expected: int) -> None:
    assert cells.whole(text) == expected


@pytest.mark.parametrize("text", ["-2", "1.5", "1e3", "9" * 5000, "²"])
def test_what_is_no_whole_number(text: str) -> None:
    assert isinstance(cells.whole(text), cells.Fault)


def test_codes_in_any_case_and_what_is_allowed_beside() -> None:
    kind = cells.member(ContactKind)
    assert kind("Face_To_Face") is ContactKind.FACE_TO_FACE
    fault = kind("carrier_pigeon")
    assert isinstance(fault, cells.Fault)
    assert fault.allowed.startswith("face_to_face, video, phone")
    assert "pigeon" not in fault.allowed


@pytest.mark.parametrize("text", ["x" * 65, "P1\n", "P\u200b1"])
def test_what_is_no_id(text: str) -> None:
    assert isinstance(cells.ident(text), cells.Fault)
