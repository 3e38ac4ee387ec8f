"""A first load: what counts as collected, who is still asked about, and that nobody is lost in the figures."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.campaign import TOPICS, Answer, Figures, Standing, counted, left_because, pending, standing_of
from service.domain.clocks import State
from service.domain.cohorts import BY_CODE, COHORTS
from service.domain.facts import KINDS, Accommodation, Basis, Person, Unacceptable
from service.domain.forms import FORMS, id_of
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY
from service.domain.rules import NOT_YET_COLLECTED
from service.domain.tracker import Surroundings, Table, Tracker, build, freshness
from service.domain.viewpoint import Viewpoint
from service.writers import page, sheets
from tests.factories import (
    EVERY_KIND,
    FRIDAY,
    a_period,
    a_permanence_plan,
    a_place,
    a_plan,
    child,
    cla_reviews,
    day,
    young_person,
)

ACCOMMODATION, COURT, PERMANENCE = TOPICS["accommodation"], TOPICS["pre_proceedings"], TOPICS["permanence"]
AROUND = Surroundings(
    view=Viewpoint(FRIDAY, datetime(2020, 7, 31, 8, tzinfo=UTC)), policy=DEFAULT_POLICY, supplied=EVERY_KIND,
    teams={}, workers={},
)  # fmt: skip


def living(*places: Accommodation, who: str = "p") -> Facts:
    return replace(young_person(accommodations=places), person_id=who, eclipse_id=who)


def told(people: list[Facts], **changes: object) -> Tracker:
    return build(people, COHORTS, replace(AROUND, **changes), rows=True)  # type: ignore[arg-type]


def table(tracker: Tracker, code: str) -> Table:
    return next(each for each in tracker.tables if each.cohort.code == code)


def test_each_topic_names_cohorts_forms_and_kinds_that_exist() -> None:
    for topic in TOPICS.values():
        assert {*topic.cohorts, *topic.unseen} <= BY_CODE.keys()
        assert set(topic.unseen) <= set(topic.cohorts)
        assert topic.kind in KINDS
        assert FORMS[topic.form].topic == topic.code
        assert FORMS[topic.form].sheets[0].kind == topic.kind


@pytest.mark.parametrize(
    ("place", "collected"),
    [
        (a_place(suitable=True, started_on=day("2020-01-06")), True),
        (a_place(suitable=False, started_on=day("2020-01-06")), True),
        (a_place(suitable=None, started_on=day("2020-01-06")), False),
        (a_place(suitable=True, started_on=None), False),
        (a_place(suitable=True, started_on=day("2020-01-06"), started_on_basis=Basis.OBSERVED), False),
        (a_place(suitable=True, started_on=day("2020-01-06"), started_on_basis=Basis.ASSUMED), True),
        (a_place(suitable=True, started_on=day("2020-01-06"), ended_on=day("2020-07-31")), False),
        (a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=day("2020-07-10")), True),
        (a_place(code="X", suitable=None, started_on=day("2020-07-10")), True),
        (a_place(code="R", suitable=None, started_on=day("2020-07-10")), True),
        (a_place(code="V", suitable=None, started_on=day("2020-07-10")), False),
        (a_place(code="G", suitable=None, started_on=day("2020-07-10")), True),
    ],
)
def test_a_place_is_collected_with_its_start_and_what_it_is(place: Accommodation, collected: bool) -> None:
    assert ACCOMMODATION.collected(living(place), FRIDAY) is collected


def test_who_is_asked_about_in_court_topics() -> None:
    on_plan = child(child_protection_plans=(a_plan("2020-01-06"),))
    assert COURT.population.includes(on_plan, FRIDAY, DEFAULT_POLICY)
    assert not COURT.population.includes(child(), FRIDAY, DEFAULT_POLICY)
    grown = child("2002-07-01", child_protection_plans=(a_plan("2020-01-06"),))
    assert not COURT.population.includes(grown, FRIDAY, DEFAULT_POLICY)


def test_a_fact_beats_an_answer_and_an_answer_beats_having_left() -> None:
    here, nowhere = living(a_place(started_on=day("2020-01-06"))), living()
    gone = replace(nowhere, person=replace(nowhere.person, died_on=day("2020-07-01")))

    def stands(facts: Facts, answer: Answer | None) -> Standing:
        return standing_of(facts, ACCOMMODATION, answer, FRIDAY, DEFAULT_POLICY)

    assert stands(here, Answer.CANNOT_BE_FOUND_OUT) is Standing.COLLECTED
    assert stands(nowhere, Answer.CANNOT_BE_FOUND_OUT) is Standing.ANSWERED
    assert stands(gone, Answer.CANNOT_BE_FOUND_OUT) is Standing.ANSWERED
    assert (stands(gone, None), stands(nowhere, None)) == (Standing.LEFT, Standing.OUTSTANDING)


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (Person(born_on=day("2001-02-14")), None),
        (Person(born_on=day("2001-02-14"), died_on=FRIDAY), "died"),
        (Person(born_on=day("2001-02-14"), transferred_out_on=FRIDAY), "transferred_out"),
        (Person(born_on=day("2001-02-14"), adopted_on=FRIDAY), "adopted"),
        (Person(born_on=day("1995-07-31")), "no_longer_in_the_population"),
        (Person(born_on=day("2001-02-14"), died_on=FRIDAY + timedelta(days=1)), None),
    ],
)
def test_why_somebody_has_left(person: Person, why: str | None) -> None:
    facts = replace(living(), person=person)
    assert left_because(facts, ACCOMMODATION, FRIDAY, DEFAULT_POLICY) == why


@given(st.lists(st.sampled_from(Standing)))
def test_the_figures_add_up(standings: list[Standing]) -> None:
    found = counted(standings)
    assert found.people == found.collected + found.answered + found.left + found.outstanding == len(standings)
    assert (found.percent == 100) is (found.outstanding == 0)


def test_of_999_people_one_outstanding_is_not_all() -> None:
    assert Figures(999, 998, 0, 0, 1).percent == 99


PLACES = st.sampled_from([
    (),
    (a_place(suitable=True, started_on=day("2020-01-06")),),
    (a_place(suitable=True, started_on=day("2020-01-06"), started_on_basis=Basis.OBSERVED),),
    (a_place(code="R", suitable=None, started_on=None),),
    (a_place(code="V", suitable=None, started_on=day("2020-07-10")),),
    (a_place(code="X", suitable=None, started_on=None),),
    (a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=None),),
])  # fmt: skip


@given(st.lists(PLACES, max_size=8), st.sets(st.integers(0, 7)), st.booleans())
def test_asking_moves_nobody_out_of_sight(lived: list[tuple[Accommodation, ...]], asked: set[int], fed: bool) -> None:
    """Opening and closing a campaign moves people between unknown and not yet collected; danger and breach stay."""
    people = [living(*places, who=f"p{n}") for n, places in enumerate(lived)]
    supplied = EVERY_KIND if fed else EVERY_KIND - {"accommodation"}
    about = {"accommodation": frozenset(f"p{n}" for n in asked)}
    without, during = told(people, supplied=supplied), told(people, supplied=supplied, asked=about)
    for before, after in zip(without.tables, during.tables, strict=True):
        counts_unknown = before.cohort.code == "accommodation_unknown"
        assert sum(_known(before, counts_unknown)) == sum(_known(after, counts_unknown)), before.cohort.code
        assert before.not_yet_collected == 0
        assert after.not_yet_collected <= len(asked)
        assert len(before.rows) == len(after.rows)
        assert before.of == after.of
        for one, other in zip(before.rows, after.rows, strict=True):
            assert one.finding.state is other.finding.state
            if one.finding.state is not State.UNKNOWN:
                assert one == other
    assert without.danger == during.danger
    assert table(without, "unsuitable_accommodation").count == table(during, "unsuitable_accommodation").count


def _known(found: Table, counts_unknown: bool) -> tuple[int, ...]:
    """What is told of a cohort; where the unknown are its count they are not added twice."""
    unknown = 0 if counts_unknown else found.unknown
    return found.count, unknown, found.not_supplied, found.not_yet_collected


def test_not_yet_collected_is_said_in_words_wherever_the_tracker_is_written() -> None:
    tracker = told([living()], asked={"accommodation": frozenset({"p"})})
    (row,) = table(tracker, "accommodation_unknown").rows
    assert (row.finding.line, row.finding.state) == (NOT_YET_COLLECTED, State.UNKNOWN)
    assert "<strong>1</strong> not yet collected" in page.tracker(tracker).decode()
    assert "Not yet collected: the first load is under way." in sheets.tracker(tracker).decode("utf-8-sig")


def test_where_no_rule_sees_the_child_the_child_is_counted() -> None:
    on_plan = child(child_protection_plans=(a_plan("2020-01-06"),))
    asked = {"pre_proceedings": frozenset({"p"})}
    found = table(told([on_plan], asked=asked), "pre_proceedings_over_12_weeks")
    assert (found.count, found.of, found.not_yet_collected) == (0, 0, 1)
    closed_plan = child(child_protection_plans=(a_plan("2020-01-06", "2020-06-01"),))
    found = table(told([closed_plan], asked=asked), "pre_proceedings_over_12_weeks")
    assert found.not_yet_collected == 0, "no longer of the population"


def test_nobody_is_asked_about_where_nothing_is_under_way() -> None:
    assert pending(living(), {}, FRIDAY) == ()


def test_spreadsheets_are_never_stale() -> None:
    now = datetime(2020, 7, 31, 8, tzinfo=UTC)
    marks = {("upload", "cohorts", "accommodation"): now - timedelta(days=30)}
    (found,) = freshness(marks, at=now, stale_after_hours=24)
    assert (found.age_hours, found.stale) == (720, False)


@given(st.text(min_size=1, max_size=64), st.text(max_size=64), st.text(max_size=10))
def test_an_id_is_always_its_persons_and_stays_what_it_was(eclipse_id: str, given_id: str, begins: str) -> None:
    first = id_of(eclipse_id, given_id, begins)
    assert 0 < len(first) <= 64
    if first.startswith(f"{eclipse_id}:"):
        assert id_of(eclipse_id, first, "another day") == first
    assert id_of("somebody else", given_id, begins) != first or eclipse_id == "somebody else"


def test_no_plan_is_a_breach_and_counts_while_nobody_has_asked_for_one() -> None:
    """Entered in January, past the second review: over, asked about or not; the row says that nobody has asked yet."""
    in_care = {"periods_of_care": (a_period("2020-01-06"),), "cla_reviews": cla_reviews("2020-02-03", "2020-05-01")}
    asked = {"permanence": frozenset({"p"})}
    nothing, agreed = child(**in_care), child(**in_care, permanence_plans=(a_permanence_plan("2020-05-04", None),))
    before, during = (table(told([nothing], asked=each), "no_permanence_plan") for each in ({}, asked))
    assert (before.count, before.unknown, before.not_yet_collected) == (1, 0, 0)
    assert (during.count, during.unknown, during.not_yet_collected) == (1, 0, 0)
    assert during.lines == before.lines == (("none_agreed", 1),)
    (one,), (other,) = before.rows, during.rows
    assert NOT_YET_COLLECTED not in one.finding.flags
    assert other.finding == replace(one.finding, flags=(*one.finding.flags, NOT_YET_COLLECTED))
    found = table(told([agreed], asked=asked), "no_permanence_plan")
    assert (found.count, found.not_yet_collected, dict(found.lines)) == (1, 0, {"agreed_not_recorded": 1})
    assert NOT_YET_COLLECTED not in found.rows[0].finding.flags
