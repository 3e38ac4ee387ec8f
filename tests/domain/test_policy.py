"""Which term is in force on a day, and which were known at a moment."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from service.domain.clocks import Limit, Unit
from service.domain.cohorts import COHORTS
from service.domain.policy import DEFAULT_POLICY, NoTerm
from tests.factories import day

CODE = "court.pre_proceedings"
TWELVE = DEFAULT_POLICY.term(CODE, day("2020-05-04"))
SIXTEEN = replace(
    TWELVE,
    limit=Limit(16, Unit.WEEKS),
    effective_from=day("2021-04-01"),
    recorded_at=datetime(2021, 3, 15, tzinfo=UTC),
    approved_by="Head of service",
)
POLICY = DEFAULT_POLICY.plus([SIXTEEN])


@pytest.mark.parametrize(("on", "words"), [("2021-03-31", "12 weeks"), ("2021-04-01", "16 weeks")])
def test_2020_is_judged_by_2020s_limit(on: str, words: str) -> None:
    assert POLICY.term(CODE, day(on)).words == words


def test_a_term_counts_only_from_when_it_was_recorded() -> None:
    before, after = datetime(2021, 3, 14, tzinfo=UTC), datetime(2021, 3, 15, tzinfo=UTC)
    assert POLICY.known_at(before).term(CODE, day("2021-06-01")).words == "12 weeks"
    assert POLICY.known_at(after).term(CODE, day("2021-06-01")).words == "16 weeks"


def test_a_later_version_from_the_same_day_replaces_the_earlier() -> None:
    corrected = replace(SIXTEEN, limit=Limit(14, Unit.WEEKS), recorded_at=datetime(2021, 5, 1, tzinfo=UTC))
    policy = POLICY.plus([corrected])
    assert policy.term(CODE, day("2021-06-01")).words == "14 weeks"
    assert policy.known_at(datetime(2021, 4, 30, tzinfo=UTC)).term(CODE, day("2021-06-01")).words == "16 weeks"


def test_a_start_before_the_law_is_judged_by_the_first_term_of_it() -> None:
    assert DEFAULT_POLICY.term("court.care_proceedings", day("2014-04-01")).effective_from == date(2014, 4, 22)


def test_a_term_that_has_ended_is_not_in_force_but_still_judges_what_began_after_it() -> None:
    ended = DEFAULT_POLICY.plus([]).terms
    policy = replace(DEFAULT_POLICY, terms=tuple(replace(t, effective_to=day("2020-12-31")) for t in ended))
    assert policy.in_force(CODE, day("2021-01-01")) is None
    assert policy.term(CODE, day("2021-01-01")).words == "12 weeks"


def test_an_unknown_code_and_a_prohibition_have_no_limit() -> None:
    with pytest.raises(NoTerm):
        DEFAULT_POLICY.term("no.such_term", day("2020-01-01"))
    with pytest.raises(NoTerm):
        DEFAULT_POLICY.limit("care_leaver.suitable_accommodation", day("2020-01-01"))


def test_every_term_names_its_authority_and_our_own_choices_say_so() -> None:
    assert all(term.authority and term.title for term in DEFAULT_POLICY.terms)
    assert all("Our own choice" not in term.authority or term.own_choice for term in DEFAULT_POLICY.terms)


def test_every_cohort_names_terms_that_exist_and_every_term_but_those_of_feeds_is_used() -> None:
    codes = {term.code for term in DEFAULT_POLICY.terms if not term.code.startswith("feed.")}
    assert {code for cohort in COHORTS for code in cohort.terms} == codes
