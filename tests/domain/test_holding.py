"""What of a push waits: so much of a table, so much of a cohort, or somebody in one who is no longer there."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.changes import Change, Unit
from service.domain.foresight import Effect
from service.domain.holding import DEFAULT, EVERYTHING, Held, Night, Reason, Thresholds, hold, subtracts


def unit(change: Change, person: str = "P1", dataset: str = "rows", kind: str = "accommodation") -> Unit:
    row = None if change is Change.LEFT else 2
    return Unit(dataset, row, f"{dataset}/{person}", person, kind, change, ())


def night(units: Iterable[Unit], **changes: object) -> Night:
    usual: dict[str, object] = {
        "effects": {}, "running": {"rows": 100}, "emptied": (), "leavers": {}, "sizes": {}, "resting": {},
    }  # fmt: skip
    return Night(units=list(units), **(usual | changes))  # type: ignore[arg-type]


def reasons(found: list[Held]) -> dict[str, tuple[Reason, ...]]:
    return {held.dataset: held.reasons for held in found}


@pytest.mark.parametrize(
    ("change", "effect", "takes"),
    [
        (Change.ADDED, Effect.BETTER, False),
        (Change.CHANGED, Effect.WORSE, False),
        (Change.CHANGED, Effect.NEUTRAL, False),
        (Change.CHANGED, Effect.BETTER, True),
        (Change.CLOSED, Effect.WORSE, False),
        (Change.CLOSED, Effect.NEUTRAL, True),
        (Change.CLOSED, Effect.BETTER, True),
        (Change.BLANKED, Effect.NEUTRAL, True),
        (Change.LEFT, Effect.NEUTRAL, True),
    ],
)
def test_what_takes_something_away(change: Change, effect: Effect, takes: bool) -> None:
    assert subtracts(unit(change), effect) is takes


@pytest.mark.parametrize(
    ("lost", "of", "waits"), [(2, 2, False), (3, 29, True), (3, 30, False), (4, 40, False), (5, 40, True), (3, 0, True)]
)
def test_more_than_a_tenth_and_at_least_three(lost: int, of: int, waits: bool) -> None:
    assert DEFAULT.passed(lost, of) is waits
    gone = [unit(Change.LEFT, f"P{n}") for n in range(lost)]
    assert reasons(hold(night(gone, running={"rows": of}))) == ({"rows": (Reason.TABLE_SHRUNK,)} if waits else {})


def test_an_emptied_table_waits_however_small() -> None:
    found = hold(night([unit(Change.LEFT)], running={"rows": 1}, emptied={"rows"}))
    assert reasons(found) == {"rows": (Reason.TABLE_EMPTIED,)}


def test_one_table_that_shrinks_holds_no_other() -> None:
    gone = [unit(Change.LEFT, f"P{n}") for n in range(20)]
    found = hold(night([*gone, unit(Change.LEFT, "P99", "others")], running={"rows": 100, "others": 100}))
    assert reasons(found) == {"rows": (Reason.TABLE_SHRUNK,)}


def test_a_cohort_that_shrinks_holds_the_good_news_of_those_who_leave_it() -> None:
    units = [unit(Change.CHANGED, f"P{n}") for n in range(4)]
    units += [unit(Change.BLANKED, "P0"), unit(Change.CHANGED, "P9")]
    effects = dict.fromkeys(range(4), Effect.BETTER) | {5: Effect.BETTER}
    (found,) = hold(
        night(units, effects=effects, leavers={"c": frozenset({"P0", "P1", "P2"})}, sizes={"c": 10})
    )  # fmt: skip
    assert found.reasons == (Reason.COHORT_SHRUNK,)
    assert found.people == {"P0", "P1", "P2"}
    assert all(each.change is Change.CHANGED for each in found.units), "a blank takes nobody out of a cohort"


def test_somebody_in_a_cohort_does_not_vanish_unseen() -> None:
    """All that a dataset said of them waits together; what a cohort does not rest on may go."""
    elsewhere = unit(Change.LEFT, dataset="others", kind="allocation")
    units = [unit(Change.LEFT), unit(Change.LEFT, kind="care_leaver_status"), elsewhere, unit(Change.LEFT, "P2")]
    found = hold(night(units, resting={"P1": frozenset({"accommodation"}), "P3": frozenset({"person"})}))
    assert reasons(found) == {"rows": (Reason.PERSON_VANISHED,)}
    assert [each.kind for each in found[0].units] == ["accommodation", "care_leaver_status"]


def test_of_a_spreadsheet_all_better_news_waits() -> None:
    units = [
        unit(Change.CHANGED, "P1"),
        unit(Change.CHANGED, "P2"),
        unit(Change.ADDED, "P3"),
        unit(Change.CLOSED, "P4"),
    ]
    (found,) = hold(night(units, effects={0: Effect.BETTER, 1: Effect.WORSE}), EVERYTHING)
    assert (found.reasons, found.people) == ((Reason.UPLOAD_IMPROVES,), {"P1", "P4"})


changes = st.sampled_from(list(Change))
effects = st.sampled_from(list(Effect))
units = st.lists(st.builds(unit, changes, st.sampled_from(["P1", "P2", "P3"]), st.sampled_from(["rows", "others"])))


@given(units, st.lists(effects, min_size=60), st.integers(0, 60), st.integers(0, 5), st.booleans())
def test_no_bad_news_is_ever_held_and_nothing_is_held_twice(
    said: list[Unit], does: list[Effect], running: int, least: int, gone: bool
) -> None:
    found = hold(
        night(
            said, effects=dict(enumerate(does[: len(said)])), running={"rows": running, "others": running},
            emptied={"rows"} if gone else (), leavers={"c": frozenset({"P1", "P2"})}, sizes={"c": running},
            resting={"P1": frozenset({"accommodation"})},
        ),
        Thresholds(0.1, least),
    )  # fmt: skip
    held = [id(each) for part in found for each in part.units]
    assert len(held) == len(set(held))
    for index, each in enumerate(said):
        if id(each) in held:
            assert each.change is not Change.ADDED
            assert does[index] is not Effect.WORSE or each.change in (Change.LEFT, Change.BLANKED)
