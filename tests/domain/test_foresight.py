"""Who would enter, leave, be worse or better; and what a change does to a person, all cohorts taken together."""

import pytest

from service.domain.clocks import State
from service.domain.foresight import Effect, Movement, Place, effect, movements, over_days

DANGER, UNKNOWN, OVER = Place(State.DANGER, None), Place(State.UNKNOWN, None), Place(State.OVER, 10)
NEAR = Place(State.APPROACHING, None)
FEWER = Place(State.OVER, 3)
MORE = Place(State.OVER, 30)
MEMBER = Place(None)


@pytest.mark.parametrize(
    ("was", "now", "moved"),
    [
        (None, OVER, Movement.ENTERED),
        (NEAR, OVER, Movement.ENTERED),
        (None, DANGER, Movement.ENTERED),
        (None, UNKNOWN, Movement.BECAME_UNKNOWN),
        (OVER, UNKNOWN, Movement.BECAME_UNKNOWN),
        (DANGER, UNKNOWN, Movement.IMPROVED),
        (UNKNOWN, DANGER, Movement.WORSENED),
        (UNKNOWN, OVER, Movement.WORSENED),
        (OVER, DANGER, Movement.WORSENED),
        (DANGER, OVER, Movement.IMPROVED),
        (OVER, FEWER, Movement.IMPROVED),
        (OVER, MORE, Movement.WORSENED),
        (OVER, NEAR, Movement.LEFT),
        (UNKNOWN, None, Movement.LEFT),
        (None, NEAR, None),
        (NEAR, None, None),
        (OVER, OVER, None),
    ],
)
def test_how_a_person_moves(was: Place | None, now: Place | None, moved: Movement | None) -> None:
    before = {} if was is None else {"a": was}
    after = {} if now is None else {"a": now}
    assert movements(before, after) == ({} if moved is None else {"a": moved})


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        pytest.param({"a": OVER}, {"a": OVER}, Effect.NEUTRAL, id="nothing moves"),
        pytest.param({"a": OVER}, {}, Effect.BETTER, id="out of a cohort"),
        pytest.param({"a": DANGER}, {"b": UNKNOWN}, Effect.BETTER, id="out of danger into the unknown is comfort"),
        pytest.param(
            {"a": OVER}, {"b": UNKNOWN}, Effect.WORSE, id="out of one, and unknown in another, which is graver"
        ),
        pytest.param({"a": OVER}, {"b": OVER}, Effect.WORSE, id="out of one, into another as bad: new trouble"),
        pytest.param(
            {"a": DANGER}, {"b": OVER}, Effect.BETTER, id="out of danger into a breach: danger stays until seen"
        ),
        pytest.param({"of a": MEMBER}, {}, Effect.BETTER, id="out of the population: on no list, whatever happens"),
        pytest.param(
            {"of a": MEMBER}, {"of b": MEMBER, "b": UNKNOWN}, Effect.WORSE, id="into another, and unknown there"
        ),
        pytest.param({}, {"of a": MEMBER}, Effect.WORSE, id="into a population is no comfort"),
        pytest.param({}, {"b": OVER}, Effect.WORSE, id="into a cohort"),
        pytest.param({"a": UNKNOWN}, {"a": OVER}, Effect.WORSE, id="known at last, and bad"),
        pytest.param({"a": UNKNOWN}, {"b": OVER}, Effect.WORSE, id="known at last, and bad in another cohort"),
        pytest.param({"a": OVER}, {"a": FEWER}, Effect.BETTER, id="fewer days over"),
        pytest.param({"a": DANGER}, {"a": DANGER, "b": OVER}, Effect.WORSE, id="in danger, and in another cohort too"),
        pytest.param({}, {"a": NEAR}, Effect.WORSE, id="approaching is no comfort"),
    ],
)
def test_what_a_change_does_to_a_person(before: dict[str, Place], after: dict[str, Place], found: Effect) -> None:
    assert effect(before, after) is found


@pytest.mark.parametrize(
    ("by_day", "found"),
    [
        ([Effect.NEUTRAL, Effect.BETTER], Effect.BETTER),
        ([Effect.WORSE, Effect.BETTER], Effect.WORSE),
        ([Effect.NEUTRAL, Effect.WORSE, Effect.BETTER], Effect.BETTER),
        ([Effect.NEUTRAL, Effect.WORSE], Effect.WORSE),
        ([Effect.NEUTRAL, Effect.NEUTRAL], Effect.NEUTRAL),
    ],
)
def test_what_ends_today_is_missed_tomorrow(by_day: list[Effect], found: Effect) -> None:
    assert over_days(by_day) is found
