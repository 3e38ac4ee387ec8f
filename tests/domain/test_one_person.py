"""Two records that are one person: completed, and what both say counts once."""

from dataclasses import replace

from service.domain.assembly import assemble
from service.domain.facts import Fact, PeriodOfCare, Person, Placement
from service.domain.person import Facts
from tests.factories import (
    a_contact,
    a_period,
    a_place,
    a_plan,
    cla_reviews,
    cp_reviews,
    day,
    find,
    found,
    known,
)


def said(fact: Fact, whose: str, fact_id: str | None = None, **changes: object) -> Fact:
    """A version kept under one of two ids."""
    fact_id = fact_id or f"{whose}-{fact.kind}-{id(fact)}"
    return replace(fact, known=known(person_id=whose, fact_id=fact_id, version_id=f"v-{fact_id}", **changes))


def one(*versions: Fact) -> Facts:
    """The person kept, `p`, with all that both records say."""
    return assemble(versions, person_id="p")


def test_the_kept_records_own_values_come_first_and_its_blanks_are_filled() -> None:
    ours = said(Person(forename="Rowan", born_on=day("2001-02-14")), "p")
    theirs = said(Person(forename="R.", surname="Demo-Ashford"), "q")
    for order in ((ours, theirs), (theirs, ours)):
        person = one(*order).person
        assert (person.forename, person.surname, person.born_on) == ("Rowan", "Demo-Ashford", day("2001-02-14"))
        assert person.known is not None
        assert person.known.person_id == "p"


def test_a_death_a_transfer_or_an_adoption_of_either_counts() -> None:
    for name in ("died_on", "transferred_out_on", "adopted_on"):
        gone = said(Person(**{name: day("2020-07-10")}), "q")
        whole = one(said(Person(forename="Rowan"), "p"), gone)
        assert [whole.gone_on(day(on)) for on in ("2020-07-09", "2020-07-10")] == [False, True]


def test_an_unborn_child_and_the_child_born_are_one_who_is_no_longer_expected() -> None:
    whole = one(
        said(Person(forename="Wren", born_on=day("2020-06-01")), "p"), said(Person(expected_on=day("2020-06-09")), "q")
    )
    assert (whole.person.born_on, whole.person.expected_on) == (day("2020-06-01"), None)
    whole = one(said(Person(expected_on=day("2020-06-09")), "p"), said(Person(born_on=day("2020-06-01")), "q"))
    assert whole.person.born_on == day("2020-06-01")


def test_two_dates_of_birth_are_flagged() -> None:
    whole = one(said(Person(born_on=day("2001-02-14")), "p"), said(Person(born_on=day("2001-03-14")), "q"))
    assert whole.person.born_on == day("2001-02-14")
    assert whole.person.known is not None
    assert "sources_disagree" in whole.person.known.flags


def test_one_plan_under_both_ids_is_no_repeat_plan() -> None:
    facts = one(
        said(Person(born_on=day("2012-03-04")), "p"),
        said(a_plan("2019-09-02", category="NEG"), "p"),
        said(a_plan("2019-09-02", category="NEG", previous_here=0), "q"),
    )
    assert len(facts.child_protection_plans) == 1
    assert find("repeat_cp_plan", facts, within=False) is None
    assert found("cp_plan_over_9_months", facts).started_on == day("2019-09-02")


def test_an_earlier_plan_under_the_other_id_makes_it_a_repeat_plan() -> None:
    facts = one(
        said(Person(born_on=day("2012-03-04")), "p"),
        said(a_plan("2020-03-02"), "p"),
        said(a_plan("2017-09-02", "2018-05-04"), "q"),
    )
    assert found("repeat_cp_plan", facts).extra["earlier_here"] == 1


def test_two_that_contradict_both_count() -> None:
    tent, flat = a_place(suitable=False), a_place(suitable=True)
    assert len(one(said(tent, "p"), said(flat, "q")).accommodations) == 2
    plans = one(said(a_plan("2019-09-02"), "p"), said(a_plan("2019-09-02", "2020-01-01"), "q"))
    assert sorted(str(p.ended_on) for p in plans.child_protection_plans) == ["2020-01-01", "None"]


def test_one_contact_under_both_ids_is_one_contact() -> None:
    call, later = a_contact("2020-07-20T10:00:00+01:00"), a_contact("2020-07-20T10:05:00+01:00")
    assert len(one(said(call, "p"), said(call, "q")).contacts) == 1
    assert len(one(said(call, "p"), said(later, "q")).contacts) == 2


def test_what_one_record_says_twice_stays_twice() -> None:
    (review,) = cp_reviews("2020-01-06")
    twice = one(said(review, "q", "a"), said(review, "q", "b"))
    assert len(twice.cp_reviews) == 2


def test_one_period_of_care_under_two_names_keeps_its_placements_and_reviews() -> None:
    (review,) = cla_reviews("2020-02-12", period_ref="CLA-Q")
    facts = one(
        said(a_period("2020-01-15", period_ref="CLA-P"), "p"),
        said(a_period("2020-01-15", period_ref="CLA-Q"), "q"),
        said(Placement(placement_type="U6", started_on=day("2020-01-15"), period_ref="CLA-P"), "p"),
        said(Placement(placement_type="U6", started_on=day("2020-01-15"), period_ref="CLA-Q"), "q"),
        said(review, "q"),
    )
    assert facts.periods_of_care == (PeriodOfCare(started_on=day("2020-01-15"), period_ref="CLA-P"),)
    assert [p.period_ref for p in facts.placements] == ["CLA-P"]
    assert [r.period_ref for r in facts.cla_reviews] == ["CLA-P"]
