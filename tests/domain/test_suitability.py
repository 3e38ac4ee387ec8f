"""How bad a place is, and what counts as better."""

import pytest

from service.domain import suitability
from service.domain.facts import Unacceptable
from tests.factories import a_place

TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT)


@pytest.mark.parametrize(
    ("code", "suitable", "unacceptable", "rank"),
    [
        ("S", None, None, 5),
        ("W", True, None, 5),  # a bed and breakfast judged suitable is still one
        ("U", True, Unacceptable.SOFA_SURFING, 5),
        (None, None, Unacceptable.TENT, 5),
        ("X", True, None, 4),
        ("U", False, None, 4),
        ("G", False, None, 4),
        ("V", None, None, 3),
        ("V", True, None, 0),
        ("R", True, None, 2),
        ("0", None, None, 2),
        ("U", None, None, 2),
        (None, None, None, 2),
        ("G", None, None, 1),
        ("H", None, None, 1),
        ("Y", True, None, 0),  # a sound caravan on a long tenancy
        (None, True, None, 2),  # judged suitable, but what it is nobody can read
    ],
)
def test_how_bad_a_place_is(
    code: str | None, suitable: bool | None, unacceptable: Unacceptable | None, rank: int
) -> None:
    place = a_place(code=code, suitable=suitable, unacceptable=unacceptable)
    assert suitability.rank(place) == rank
    assert suitability.is_breach(place) == (rank >= 3)
    assert suitability.is_unacceptable(place) == (rank == 5)


def test_out_of_a_tent_is_better_and_from_a_sofa_to_a_tent_is_not() -> None:
    sofa = a_place(code="Y", suitable=None, unacceptable=Unacceptable.SOFA_SURFING)
    assert suitability.is_improvement(TENT, a_place(suitable=None))
    assert not suitability.is_improvement(sofa, TENT)
    assert not suitability.is_improvement(a_place(), a_place(suitable=None))


@pytest.mark.parametrize(
    ("code", "suitable", "unacceptable", "flags"),
    [
        ("S", True, None, ("contradictory_code",)),
        ("X", True, None, ("contradictory_code",)),
        ("W", True, None, ("contradictory_code",)),
        ("U", True, Unacceptable.TENT, ("contradictory_judgement",)),
        ("S", False, None, ()),
        ("U", True, None, ()),
    ],
)
def test_a_suitable_judgement_that_the_place_contradicts_is_flagged(
    code: str, suitable: bool, unacceptable: Unacceptable | None, flags: tuple[str, ...]
) -> None:
    assert suitability.contradictions(a_place(code=code, suitable=suitable, unacceptable=unacceptable)) == flags
