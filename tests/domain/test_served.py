"""Who is a care leaver served, day by day."""

import pytest

from service.domain import served
from service.domain.facts import CareLeaverStatus, Eligibility, InTouch, Person, SupportAt21
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY
from tests.factories import FRIDAY, a_period, a_status, child, day

RELEVANT, FORMER, ELIGIBLE = Eligibility.RELEVANT, Eligibility.FORMER_RELEVANT, Eligibility.ELIGIBLE
RECEIVING, NOT_WANTED = SupportAt21.RECEIVING, SupportAt21.NOT_WANTED
AT_17, AT_19, AT_22, AT_15 = "2003-02-14", "2001-02-14", "1998-02-14", "2005-02-14"


def flags(facts: Facts, as_at: str = "2020-07-31") -> tuple[str, ...] | None:
    who = served.served_on(facts, day(as_at), DEFAULT_POLICY)
    return None if who is None else who.flags


def of(born_on: str | None, *statuses: CareLeaverStatus, **facts: object) -> Facts:
    return child(born_on, care_leaver_statuses=statuses, **facts)


@pytest.mark.parametrize(
    ("born_on", "eligibility", "support", "expected"),
    [
        (AT_17, RELEVANT, None, ()),
        (AT_19, FORMER, None, ()),
        (AT_19, FORMER, NOT_WANTED, ()),  # before 21 nobody has to ask for support
        (AT_22, FORMER, RECEIVING, ()),
        (AT_22, FORMER, None, ("support_unknown",)),
        (AT_22, FORMER, NOT_WANTED, None),
        (AT_17, FORMER, None, ("eligibility_contradicts_age",)),
        (AT_19, RELEVANT, None, ()),  # not updated at 18: still theirs to serve
        (AT_17, None, None, ("eligibility_unknown",)),
        (AT_22, None, None, ("eligibility_unknown",)),
        (AT_15, None, None, None),
        (AT_17, ELIGIBLE, None, ("eligible_without_period_of_care",)),
        (AT_19, Eligibility.QUALIFYING, None, None),
        (AT_19, Eligibility.NONE, None, None),
        (None, FORMER, None, ("born_on_unknown",)),
    ],
)
def test_who_is_served(
    born_on: str | None, eligibility: Eligibility | None, support: SupportAt21 | None, expected: tuple[str, ...] | None
) -> None:
    assert flags(of(born_on, a_status(eligibility=eligibility, support_at_21=support))) == expected


@pytest.mark.parametrize("eligibility", [None, ELIGIBLE])
def test_a_child_still_in_care_is_counted_there_until_18(eligibility: Eligibility | None) -> None:
    facts = of(AT_17, a_status(eligibility=eligibility), periods_of_care=(a_period("2016-01-04"),))
    assert flags(facts, "2021-02-13") is None
    assert flags(facts, "2021-02-14") is not None, "care ends by law on the 18th birthday, whatever the feed says"


def test_to_the_day_before_the_25th_birthday() -> None:
    facts = of("1995-08-01", a_status(support_at_21=RECEIVING))
    assert flags(facts, "2020-07-31") == ()
    assert flags(facts, "2020-08-01") is None


@pytest.mark.parametrize(("as_at", "expected"), [("2021-02-28", ()), ("2021-03-01", None)])
def test_born_on_29_february_25_comes_on_1_march(as_at: str, expected: tuple[str, ...] | None) -> None:
    assert flags(of("1996-02-29", a_status(support_at_21=RECEIVING)), as_at) == expected


@pytest.mark.parametrize(("as_at", "expected"), [("2021-02-28", ()), ("2021-03-01", ("support_unknown",))])
def test_born_on_29_february_21_comes_on_1_march(as_at: str, expected: tuple[str, ...]) -> None:
    assert flags(of("2000-02-29", a_status()), as_at) == expected


@pytest.mark.parametrize(("as_at", "expected"), [("2022-02-28", ("eligibility_contradicts_age",)), ("2022-03-01", ())])
def test_born_on_29_february_18_comes_on_1_march(as_at: str, expected: tuple[str, ...]) -> None:
    assert flags(of("2004-02-29", a_status()), as_at) == expected


def test_dead_transferred_or_adopted_is_not_served() -> None:
    for left in ("died_on", "transferred_out_on", "adopted_on"):
        facts = Facts(
            person_id="p", person=Person(born_on=day(AT_19), **{left: FRIDAY}), care_leaver_statuses=(a_status(),)
        )
        assert flags(facts) is None
        assert flags(facts, "2020-07-30") == ()


def test_the_category_died_exits_even_before_a_date_of_death_arrives() -> None:
    assert flags(of(AT_19, a_status(in_touch=InTouch.DIED))) is None


@pytest.mark.parametrize(("as_at", "expected"), [("2020-07-15", ()), ("2020-07-16", None)])
def test_home_for_six_months_ends_relevant_status(as_at: str, expected: tuple[str, ...] | None) -> None:
    home = a_status(eligibility=RELEVANT, in_touch=InTouch.RHOM, started_on=day("2020-01-15"))
    assert flags(of(AT_17, home), as_at) == expected


def test_home_for_six_months_changes_nothing_at_18_and_over() -> None:
    assert flags(of(AT_19, a_status(in_touch=InTouch.RHOM, started_on=day("2019-03-01")))) == ()


def test_two_sources_one_of_which_says_not_served() -> None:
    assert flags(of(AT_22, a_status(support_at_21=NOT_WANTED), a_status())) == ("sources_disagree", "support_unknown")


def test_a_status_that_has_ended_no_longer_serves() -> None:
    facts = of(AT_19, a_status(ended_on=day("2020-07-30")))
    assert flags(facts, "2020-07-30") == ()
    assert flags(facts, "2020-07-31") is None


@pytest.mark.parametrize(
    ("born_on", "status", "group"),
    [
        (AT_17, a_status(eligibility=ELIGIBLE), "eligible"),
        (AT_19, a_status(eligibility=Eligibility.QUALIFYING), "qualifying"),
        (AT_22, a_status(support_at_21=NOT_WANTED), "not_receiving_support"),
        (AT_19, a_status(), None),
        ("1994-02-14", a_status(eligibility=Eligibility.QUALIFYING), None),
    ],
)
def test_who_is_shown_beside_the_number_never_added(born_on: str, status: CareLeaverStatus, group: str | None) -> None:
    facts = of(born_on, status, periods_of_care=(a_period("2016-01-04"),))
    assert served.beside(facts, FRIDAY, DEFAULT_POLICY) == group


def test_a_category_stands_from_the_first_of_spells_without_a_gap() -> None:
    spells = [
        ("2020-01-01", "2020-02-01"),
        ("2020-03-01", "2020-03-31"),
        ("2020-04-01", "2020-05-01"),
        ("2020-05-02", None),
    ]
    statuses = [
        a_status(in_touch=InTouch.REFU, started_on=day(start), ended_on=day(end) if end else None)
        for start, end in spells
    ]
    assert served.standing(of(AT_19, *statuses), InTouch.REFU, FRIDAY).since == day("2020-03-01")
