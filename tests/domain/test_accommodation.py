"""Care leavers in unsuitable or unknown accommodation: stories with real dates."""

import pytest

from service.domain.clocks import State
from service.domain.facts import Accommodation, Basis, Unacceptable
from service.domain.rules import NOT_SUPPLIED
from tests.factories import EVERY_KIND, a_place, a_status, child, day, find, found, known, young_person

UNSUITABLE, UNKNOWN = "unsuitable_accommodation", "accommodation_unknown"
TENT = Unacceptable.TENT


def place(
    code: str | None, started_on: str | None = "2020-07-01", ended_on: str | None = None, **changes: object
) -> Accommodation:
    return Accommodation(
        **(
            {"code": code, "started_on": started_on and day(started_on), "ended_on": ended_on and day(ended_on)}
            | changes
        )
    )


@pytest.mark.parametrize(
    ("where", "state", "line"),
    [
        (place("S"), State.DANGER, "unacceptable"),
        (place("W"), State.DANGER, "unacceptable"),
        (place("W", suitable=True), State.DANGER, "unacceptable"),  # a B&B judged suitable is still a B&B
        (place(None, unacceptable=TENT), State.DANGER, "unacceptable"),  # no address, no code
        (place("U", unacceptable=TENT, suitable=True), State.DANGER, "unacceptable"),
        (place("X", unacceptable=Unacceptable.NO_FIXED_ABODE), State.DANGER, "unacceptable"),
        (place("Y", unacceptable=Unacceptable.SOFA_SURFING), State.DANGER, "unacceptable"),
        (place("X"), State.OVER, "in_custody"),
        (place("X", suitable=True), State.OVER, "in_custody"),
        (place("V"), State.OVER, "other"),
        (place("V", suitable=False), State.OVER, "other"),
        (place("U", suitable=False), State.OVER, "other"),
        (place("R", suitable=False), State.OVER, "other"),
        (place("G", suitable=False), State.OVER, "other"),
    ],
)
def test_unsuitable_whatever_else_is_said(where: Accommodation, state: State, line: str) -> None:
    facts = young_person(accommodations=(where,))
    finding = found(UNSUITABLE, facts)
    assert (finding.state, finding.line) == (state, line)
    assert (finding.limit, finding.due_on, finding.days_over) == (None, None, None)
    assert finding.days_in_state == 30
    assert find(UNKNOWN, facts) is None, "never in both"


@pytest.mark.parametrize("where", [place("Y", suitable=True), place("V", suitable=True), place("U", suitable=True)])
def test_a_place_judged_suitable_is_in_neither(where: Accommodation) -> None:
    """A sound caravan on a long tenancy (Y) judged suitable stays out."""
    facts = young_person(accommodations=(where,))
    assert find(UNSUITABLE, facts) is None
    assert find(UNKNOWN, facts) is None


def test_bed_and_breakfast_night_3() -> None:
    finding = found(UNSUITABLE, young_person(accommodations=(place("W", "2020-07-28", suitable=True),)))
    assert finding.explanation == (
        "Bed and breakfast (code W) since 28 July 2020, 3 days by 31 July 2020: no judgement makes it acceptable."
    )
    assert finding.flags == ("contradictory_code",)
    assert finding.extra["review_every"] == "7 days"


def test_a_tent_first_seen_in_a_feed_is_at_least_so_many_days() -> None:
    tent = place(None, "2020-07-22", unacceptable=TENT, started_on_basis=Basis.OBSERVED)
    finding = found(UNSUITABLE, young_person(accommodations=(tent,)))
    assert finding.started_on_basis == "observed"
    assert "since at least 22 July 2020" in finding.explanation


def test_an_unacceptable_place_whose_start_nobody_wrote_down() -> None:
    finding = found(UNSUITABLE, young_person(accommodations=(place("S", None),)))
    assert (finding.state, finding.days_in_state) == (State.DANGER, None)
    assert "the day the stay began" in finding.missing


def test_one_night_elsewhere_does_not_restart_the_count() -> None:
    """Sofa surfing from 1 June, one night with an aunt, back on the sofa."""
    sofa = {"unacceptable": Unacceptable.SOFA_SURFING}
    places = (
        place("Y", "2020-06-01", "2020-07-13", **sofa),
        place("B", "2020-07-13", "2020-07-14", suitable=True),
        place("Y", "2020-07-14", **sofa),
    )
    finding = found(UNSUITABLE, young_person(accommodations=places))
    assert (finding.started_on, finding.extra["place_started_on"]) == (day("2020-06-01"), day("2020-07-14"))
    assert "restart" in finding.flags


def test_a_month_elsewhere_does() -> None:
    places = (
        place("S", "2020-04-01", "2020-05-01"),
        place("U", "2020-05-01", "2020-05-30", suitable=True),
        place("S", "2020-05-30"),
    )
    finding = found(UNSUITABLE, young_person(accommodations=places))
    assert finding.started_on == day("2020-05-30"), "29 days between"
    assert "restart" not in finding.flags


def test_danger_is_counted_from_the_danger_not_from_the_unsuitable_place_before() -> None:
    places = (place("U", "2020-03-01", "2020-07-20", suitable=False), place("S", "2020-07-20"))
    assert found(UNSUITABLE, young_person(accommodations=places)).started_on == day("2020-07-20")


def test_of_two_sources_the_worse_stands_flagged() -> None:
    finding = found(UNSUITABLE, young_person(accommodations=(a_place(), place("S", "2020-07-20"))))
    assert finding.state is State.DANGER
    assert "sources_disagree" in finding.flags


def test_better_news_that_waits_leaves_the_tent_standing_contested() -> None:
    tent = place(None, unacceptable=TENT, known=known("contested"))
    finding = found(
        UNSUITABLE, young_person(accommodations=(tent,), proposed=(place("U", "2020-07-30", suitable=True),))
    )
    assert (finding.state, finding.flags) == (State.DANGER, ("contested",))


def test_the_day_a_place_is_left_is_no_longer_spent_there() -> None:
    places = (place("S", "2020-07-01", "2020-07-31"), place("U", "2020-07-31", suitable=True))
    assert found(UNSUITABLE, young_person(accommodations=places), "2020-07-30").state is State.DANGER
    assert find(UNSUITABLE, young_person(accommodations=places), "2020-07-31") is None


def test_a_child_who_is_not_a_care_leaver_is_in_neither() -> None:
    facts = child(accommodations=(place("S"),))
    assert find(UNSUITABLE, facts) is None
    assert find(UNKNOWN, facts) is None


# --- unknown ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("places", "line"),
    [
        ((), "no_accommodation"),
        ((place("U", "2020-01-06", "2020-07-20", suitable=True),), "no_accommodation"),
        ((place("R"),), "not_known"),
        ((place("0", suitable=True),), "not_known"),
        ((place("U"),), "not_judged"),  # no place before it
        ((place(None),), "not_known"),
        ((place(None, suitable=True),), "not_known"),  # a place whose code could not be mapped
    ],
)
def test_unknown_never_means_fine(places: tuple[Accommodation, ...], line: str) -> None:
    finding = found(UNKNOWN, young_person(accommodations=places))
    assert (finding.state, finding.line) == (State.UNKNOWN, line)
    assert not finding.counts
    assert finding.missing
    assert find(UNSUITABLE, young_person(accommodations=places)) is None, "no second row"


MOVE = (place("D", "2019-05-01", "2020-07-17", suitable=True), place("U", "2020-07-17"))


@pytest.mark.parametrize(
    ("as_at", "state", "line"),
    [
        ("2020-07-17", State.APPROACHING, "being_assessed"),
        ("2020-07-31", State.APPROACHING, "being_assessed"),  # the 10th working day after Friday 17 July
        ("2020-08-01", State.UNKNOWN, "not_judged"),
    ],
)
def test_ten_working_days_to_judge_after_a_recorded_move_from_a_suitable_place(
    as_at: str, state: State, line: str
) -> None:
    finding = found(UNKNOWN, young_person(accommodations=MOVE), as_at)
    assert (finding.state, finding.line, finding.due_on) == (state, line, day("2020-07-31"))
    assert "10 working days from 17 July 2020" in finding.explanation


def test_days_unknown_after_the_ten_are_counted_from_their_end() -> None:
    assert found(UNKNOWN, young_person(accommodations=MOVE), "2020-08-04").days_in_state == 4


@pytest.mark.parametrize(
    "places",
    [
        (MOVE[0], place("U", "2020-07-17", started_on_basis=Basis.OBSERVED)),  # first seen in a feed
        (place("D", "2019-05-01", "2020-07-17"), MOVE[1]),  # never judged before either
        (place("D", "2019-05-01", "2020-07-01", suitable=True), MOVE[1]),  # two weeks nobody knows of
        (MOVE[0], place("V", "2020-07-01", "2020-07-17"), MOVE[1]),  # straight from emergency accommodation
    ],
)
def test_no_such_grace_without_a_recorded_move_from_a_suitable_place(places: tuple[Accommodation, ...]) -> None:
    finding = found(UNKNOWN, young_person(accommodations=places), "2020-07-20")
    assert (finding.state, finding.line) == (State.UNKNOWN, "not_judged")


@pytest.mark.parametrize(("code", "line"), [("G", "abroad"), ("H", "deported")])
@pytest.mark.parametrize("suitable", [None, True])
def test_abroad_is_a_line_beside_never_counted(code: str, line: str, suitable: bool | None) -> None:
    finding = found(UNKNOWN, young_person(accommodations=(place(code, suitable=suitable),)), within=False)
    assert (finding.state, finding.line, finding.counts) == (State.WITHIN, line, False)


def test_a_source_that_never_gave_accommodation_is_counted_apart() -> None:
    finding = found(UNKNOWN, young_person(accommodations=()), supplied=EVERY_KIND - {"accommodation"})
    assert (finding.line, finding.counts) == (NOT_SUPPLIED, False)


def test_unknown_support_at_22_with_no_accommodation_is_served_and_unknown() -> None:
    finding = found(UNKNOWN, young_person(born_on="1998-02-14", status=a_status(), accommodations=()))
    assert finding.state is State.UNKNOWN
    assert "support_unknown" in finding.flags
