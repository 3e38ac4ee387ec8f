"""How long a record is kept: the stories of people who grew old, died young, were adopted, or never came into care."""

from datetime import date

import pytest

from service.domain.clocks import Limit, Unit
from service.domain.facts import KINDS
from service.domain.policy import Term
from service.domain.retention import EVER_LOOKED_AFTER, RETENTION, Kept, Record, Rule, keep_until

TODAY = date(2026, 11, 22)


def record(born_on: str = "2001-02-14", **said: object) -> Record:
    births = frozenset(map(date.fromisoformat, born_on.split()))
    days = {name: date.fromisoformat(str(value)) for name, value in said.items() if name.endswith("_on")}
    return Record(births=births, **{"looked_after": True} | said | days)  # type: ignore[arg-type]


def kept(of: Record, **options: object) -> Kept:
    return keep_until(of, **{"today": TODAY} | options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("of", "until", "rule"),
    [
        pytest.param(record(), "2076-02-14", Rule.LOOKED_AFTER, id="until the 75th anniversary of birth"),
        pytest.param(record("1948-02-29"), "2023-03-01", Rule.LOOKED_AFTER, id="29 February, 1 March in other years"),
        pytest.param(record("2001-02-14 2003-05-06"), "2078-05-06", Rule.LOOKED_AFTER, id="births differ: the later"),
        pytest.param(record(died_on="2015-06-01"), "2030-06-01", Rule.DIED_UNDER_18, id="died at 14: 15 years"),
        pytest.param(record(died_on="2019-02-13"), "2034-02-13", Rule.DIED_UNDER_18, id="died the day before 18"),
        pytest.param(record(died_on="2019-02-14"), "2076-02-14", Rule.LOOKED_AFTER, id="died on the 18th birthday"),
        pytest.param(record("2012-02-29", died_on="2020-02-29"), "2035-03-01", Rule.DIED_UNDER_18, id="died on a 29th"),
        pytest.param(
            record("2001-02-14 2003-05-06", died_on="2020-01-01"), "2076-02-14", Rule.LOOKED_AFTER,
            id="by one birth a child, by the other grown up: the longer",
        ),
        pytest.param(
            record(looked_after=False, last_on="2004-09-30"), "2039-09-30", Rule.NEVER_LOOKED_AFTER,
            id="never in care: 35 years from the last event, our own choice",
        ),
        pytest.param(
            record(looked_after=False, last_on="2004-09-30", died_on="2004-09-30"), "2039-09-30",
            Rule.NEVER_LOOKED_AFTER, id="the 15 years are of looked-after children",
        ),
        pytest.param(record(sealed=True, adopted_on="2004-05-06"), "2104-05-06", Rule.ADOPTED, id="adopted: 100 years"),
    ],
)  # fmt: skip
def test_a_record_is_kept_until(of: Record, until: str, rule: Rule) -> None:
    assert (kept(of).until, kept(of).rule) == (date.fromisoformat(until), rule)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(Record(births=frozenset(), looked_after=True), id="no date of birth"),
        pytest.param(
            Record(births=frozenset(), looked_after=True, died_on=date(1990, 1, 1)), id="died, nobody knows how old"
        ),
        pytest.param(
            Record(births=frozenset(), looked_after=False, last_on=date(1950, 1, 1)), id="nor one never cared"
        ),
        pytest.param(record("1900-01-01", looked_after=False), id="nothing with a date"),
        pytest.param(record("1900-01-01", sealed=True), id="sealed, the order without a day"),
    ],
)
def test_what_is_not_known_keeps_a_record_for_good(of: Record) -> None:
    assert kept(of).until is None
    assert not kept(of).due(date(2999, 1, 1))
    assert "never falls due" in kept(of).explanation


@pytest.mark.parametrize(
    ("day", "due"),
    [("2076-02-14", False), ("2076-02-15", False), ("2076-12-31", False), ("2077-01-01", True)],
)
def test_it_falls_due_with_the_year_so_that_no_log_of_it_tells_a_birthday(day: str, due: bool) -> None:
    assert kept(record()).due_on == date(2077, 1, 1)
    assert kept(record()).due(date.fromisoformat(day)) is due


def test_it_says_on_whose_authority() -> None:
    said = kept(record()).explanation
    assert said.startswith("Kept for 75 years from birth, until 14 February 2076 (Care Planning")
    assert "reg 50(1)" in said
    assert (
        "Our own choice, for the council to confirm"
        in kept(record(looked_after=False, last_on="2004-01-01")).explanation
    )


def test_a_council_says_otherwise_by_a_term_of_its_own_and_from_its_day() -> None:
    ours = Term(
        code="retention.never_looked_after", title="Our schedule", limit=Limit(20 * 12, Unit.MONTHS),
        authority="Retention schedule 2027", effective_from=date(2027, 1, 1),
    )  # fmt: skip
    of, policy = record(looked_after=False, last_on="2004-09-30"), RETENTION.plus([ours])
    assert kept(of, policy=policy).until == date(2039, 9, 30)
    assert kept(of, policy=policy, today=date(2027, 1, 1)).until == date(2024, 9, 30)


def test_every_term_has_an_authority_and_only_what_no_law_sets_is_our_own() -> None:
    assert {term.code for term in RETENTION.terms} == {
        f"retention.{rule}" for rule in Rule if rule is not Rule.NOT_KNOWN
    }  # fmt: skip
    assert all(term.authority for term in RETENTION.terms)
    own = {term.code for term in RETENTION.terms if term.own_choice}
    assert own == {"retention.adopted", "retention.never_looked_after"}


def test_what_makes_somebody_looked_after_are_kinds_of_fact() -> None:
    assert set(EVER_LOOKED_AFTER) <= set(KINDS)
