"""What of a hand-made entry counts at once, and what waits for a second person."""

from typing import Any

import pytest

from service.domain.facts import (
    Accommodation,
    Eligibility,
    Fact,
    InTouch,
    MissingKind,
    SupportAt21,
    Unacceptable,
)
from service.domain.second_person import lowers, weigh
from tests.factories import a_contact, a_place, a_plan, a_stage, a_status, day, missing

JULY = day("2020-07-01")
FLAT = a_place(started_on=JULY)
UNJUDGED = a_place(suitable=None, started_on=JULY)
LEFT_FLAT = a_place(started_on=JULY, ended_on=day("2020-07-28"))
TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=JULY)
STREET = a_place(code="S", suitable=None, started_on=JULY)
LEFT_STREET = a_place(code="S", suitable=None, started_on=JULY, ended_on=day("2020-07-28"))
PLAN, LATER_PLAN = a_plan("2020-03-02"), a_plan("2020-05-04")
STAGE, LATER_STAGE = a_stage("2020-05-04"), a_stage("2020-06-01")
MISSING, FOUND = missing("2020-07-29"), missing("2020-07-29", ended_on="2020-07-30")
AWAY = missing("2020-07-29", missing_kind=MissingKind.AWAY)
RELEVANT = {"eligibility": Eligibility.RELEVANT}
UNFIT = a_place(suitable=False, started_on=JULY)


@pytest.mark.parametrize(
    ("before", "after", "follows", "counts", "waits"),
    [
        pytest.param(None, TENT, FLAT, TENT, None, id="a tent counts at once"),
        pytest.param(None, FLAT, STREET, None, FLAT, id="a flat after the street waits whole"),
        pytest.param(None, UNJUDGED, STREET, None, UNJUDGED, id="also one nobody has judged"),
        pytest.param(None, STREET, TENT, STREET, None, id="from a tent to the street is no better"),
        pytest.param(None, FLAT, None, UNJUDGED, FLAT, id="a judgement waits, the spell counts"),
        pytest.param(None, UNJUDGED, FLAT, UNJUDGED, None, id="an unjudged move from a good place counts"),
        pytest.param(FLAT, UNFIT, None, UNFIT, None, id="judged unsuitable counts"),
        pytest.param(UNFIT, FLAT, None, None, FLAT, id="judged suitable after all waits"),
        pytest.param(STREET, LEFT_STREET, None, None, LEFT_STREET, id="the end of a bad place waits"),
        pytest.param(FLAT, LEFT_FLAT, None, LEFT_FLAT, None, id="that of a good one counts"),
        pytest.param(None, a_plan("2020-07-01"), None, a_plan("2020-07-01"), None, id="a plan counts"),
        pytest.param(PLAN, LATER_PLAN, None, None, LATER_PLAN, id="a later start waits"),
        pytest.param(LATER_PLAN, PLAN, None, PLAN, None, id="an earlier one counts"),
        pytest.param(STAGE, LATER_STAGE, None, None, LATER_STAGE, id="for any clock"),
        pytest.param(MISSING, FOUND, None, None, FOUND, id="found waits"),
        pytest.param(MISSING, AWAY, None, None, AWAY, id="away waits"),
        pytest.param(None, MISSING, None, MISSING, None, id="missing counts"),
    ],
)  # fmt: skip
def test_what_of_an_entry_counts_and_what_waits(
    before: Fact | None, after: Fact, follows: Accommodation | None, counts: Fact | None, waits: Fact | None
) -> None:
    assert weigh(before, after, follows=follows) == (counts, waits)


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        ({"in_touch": InTouch.YES}, {"in_touch": InTouch.REFU}, {"in_touch": InTouch.YES}),
        ({"in_touch": InTouch.YES}, {"in_touch": InTouch.NREQ}, {"in_touch": InTouch.YES}),
        ({"in_touch": InTouch.NO}, {"in_touch": InTouch.RHOM}, {"in_touch": InTouch.NO}),
        ({"in_touch": InTouch.NO}, {"in_touch": InTouch.YES}, {"in_touch": InTouch.NO}),
        ({"in_touch": InTouch.YES}, {"in_touch": InTouch.NO}, None),
        ({}, {"in_touch": InTouch.YES}, None),
        ({"in_touch": InTouch.REFU}, {"in_touch": InTouch.REFU, "activity": "F5"}, None),
        ({}, {"support_at_21": SupportAt21.NOT_WANTED}, {"support_at_21": None}),
        ({}, {"support_at_21": SupportAt21.RECEIVING}, None),
        (
            {"eligibility": Eligibility.RELEVANT},
            {"eligibility": Eligibility.QUALIFYING},
            {"eligibility": Eligibility.RELEVANT},
        ),
        (
            {"eligibility": Eligibility.RELEVANT},
            {"eligibility": Eligibility.NONE},
            {"eligibility": Eligibility.RELEVANT},
        ),
        ({}, {"contact_interval_days": 84}, {"contact_interval_days": None}),
        ({}, {"contact_interval_days": 28}, None),
        ({"contact_interval_days": 28}, {"contact_interval_days": 56}, {"contact_interval_days": 28}),
    ],
)
@pytest.mark.parametrize("corrected", [True, False])
def test_what_excuses_from_contact_or_service_waits(
    corrected: bool, before: dict[str, Any], after: dict[str, Any], held: dict[str, Any] | None
) -> None:
    """The rest of the entry counts, with what stood before in its place."""
    old, new = a_status(**before), a_status(**after)
    counts, waits = weigh(old if corrected else None, new, follows=None if corrected else old)
    if held is None:
        assert (counts, waits) == (new, None)
        return
    assert waits == new
    toned = a_status(**(after | held))
    assert counts == (None if corrected and toned == old else toned)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (TENT, True), (UNFIT, True), (FLAT, False), (a_status(in_touch=InTouch.NO), True), (a_status(), True),
        (missing("2020-07-29"), True), (missing("2020-07-29", ended_on="2020-07-30"), False),
        (a_contact("2020-07-20T10:00:00+01:00"), False), (None, False),
    ],
)  # fmt: skip
def test_whether_taking_it_back_takes_danger_away(fact: Fact | None, expected: bool) -> None:
    assert lowers(fact) is expected
