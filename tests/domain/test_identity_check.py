"""An Eclipse id that means somebody else: family name and date of birth both contradict, and nothing less."""

import pytest

from service.domain.facts import Person
from service.domain.identity_check import other_person
from tests.factories import day

ROWAN = Person(forename="Rowan", surname="Demo-Ashford", born_on=day("2001-02-14"))


@pytest.mark.parametrize(
    ("surname", "born_on", "other"),
    [
        ("Demo-Barle", "2003-05-06", True),
        ("Demo-Ashford", "2003-05-06", False),  # a date of birth corrected
        ("Demo-Barle", "2001-02-14", False),  # married, or adopted under another name: the adoption says so itself
        ("DEMO-ASHFORD", "2003-05-06", False),
        ("Démo Ashford", "2003-05-06", False),
        ("Demo  ashford ", "2003-05-06", False),
        (None, "2003-05-06", False),
        ("", "2003-05-06", False),
        ("--", "2003-05-06", False),
        ("Demo-Barle", None, False),
        (None, None, False),
    ],
)
def test_both_must_contradict(surname: str | None, born_on: str | None, other: bool) -> None:
    said = Person(surname=surname, born_on=born_on and day(born_on))  # type: ignore[arg-type]
    assert other_person(ROWAN, said) is other
    assert other_person(said, ROWAN) is other


def test_a_birth_makes_nobody_else_of_an_unborn_child() -> None:
    unborn = Person(surname="Demo-Ashford (unborn)", expected_on=day("2020-09-01"))
    born = Person(forename="Wren", surname="Demo-Barle", born_on=day("2020-08-21"))
    assert not other_person(unborn, born)
    assert not other_person(born, unborn)


def test_the_forename_alone_says_nothing() -> None:
    assert not other_person(ROWAN, Person(forename="Robin", surname="Demo-Ashford", born_on=day("2001-02-14")))


def test_accents_count_for_nothing_in_any_spelling() -> None:
    composed, apart = Person(surname="Núñez", born_on=day("2001-02-14")), Person(surname="NUN\u0303EZ")
    assert not other_person(composed, Person(surname=apart.surname, born_on=day("2002-03-15")))
