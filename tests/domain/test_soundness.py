"""What makes a fact entered by hand contradict itself."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.domain.facts import ContactKind, Fact, PermanencePlan, PreProceedings, Unacceptable
from service.domain.soundness import faults
from tests.factories import a_contact, a_place, a_plan, a_stage, a_status, an_application, cla_reviews, day, missing

EVENING = datetime(2020, 7, 31, 22, 59, tzinfo=UTC)  # one minute to midnight in London
TENT: dict[str, Any] = {"code": None, "suitable": None, "unacceptable": Unacceptable.TENT}


def found(fact: Fact, at: datetime = EVENING) -> list[tuple[str, str]]:
    return [(field, code) for field, code, allowed in faults(fact, at=at) if allowed]


@pytest.mark.parametrize(
    "fact",
    [
        a_place(judged_on=day("2020-07-31")),
        a_place(suitable=None, started_on=day("2020-07-31")),
        a_place(**TENT, started_on=day("2020-07-10"), ended_on=day("2020-07-10")),
        a_plan("2020-03-02", "2020-07-31"),
        a_stage("2020-05-04"),
        an_application("2020-02-03", disposed_on="2020-07-20"),
        a_status(),
        missing("2020-07-29"),
        *cla_reviews("2020-07-20"),
        a_contact("2020-07-31T23:59:00+01:00"),
        a_contact("2020-08-01T00:03:00+01:00"),
    ],
)
def test_what_may_be_entered(fact: Fact) -> None:
    assert found(fact) == []


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (a_place(code="Q", suitable=None), [("code", "unknown")]),
        (a_place(code=None, suitable=None), [("code", "missing")]),
        (a_place(code="U", suitable=True), [("judged_on", "missing")]),
        (a_place(code="U", suitable=False), [("judged_on", "missing")]),
        (a_place(suitable=None, started_on=day("2020-08-01")), [("started_on", "in_future")]),
        (
            a_place(suitable=None, started_on=day("2020-07-10"), ended_on=day("2020-07-09")),
            [("ended_on", "before_start")],
        ),
        (a_place(judged_on=day("2020-08-01")), [("judged_on", "in_future")]),
        (a_plan("2020-03-02", category="XXX"), [("category", "unknown")]),
        (an_application("2020-02-03", disposed_on="2020-02-02"), [("disposed_on", "before_start")]),
        (PreProceedings(), [("started_on", "missing")]),
        (PermanencePlan(agreed_on=day("2020-08-01")), [("agreed_on", "in_future")]),
        (a_contact("2020-08-01T00:05:00+01:00"), [("occurred_at", "in_future")]),
        (a_contact("2019-07-31T22:58:59+00:00"), [("occurred_at", "too_old")]),
        (
            a_contact("2020-07-31T10:00:00+01:00", contact_kind=ContactKind.THIRD_PARTY),
            [("outcome", "always_attempted")],
        ),
    ],
)
def test_what_cannot_be(fact: Fact, expected: list[tuple[str, str]]) -> None:
    assert [pair for pair in found(fact) if pair in expected] == expected


def test_today_is_a_matter_of_london() -> None:
    """At 22:59 UTC on 31 July it is still that day in London; a minute later it is 1 August."""
    place = a_place(suitable=None, started_on=day("2020-08-01"))
    assert found(place) == [("started_on", "in_future")]
    assert found(place, datetime(2020, 7, 31, 23, 0, tzinfo=UTC)) == []
