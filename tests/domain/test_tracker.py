"""The tracker as a value: counts of a population, rows in order, cards that tell no more than they may."""

from datetime import UTC, datetime, timedelta

import pytest

from service.domain.clocks import State
from service.domain.cohorts import BY_CODE, COHORTS
from service.domain.facts import AllocationRole, ContactOutcome, Person, Responsibility, Unacceptable
from service.domain.intake import Team, Worker
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY
from service.domain.tracker import (
    BLANK,
    Surroundings,
    Table,
    Tracker,
    build,
    card,
    freshness,
    home_team,
    name_of,
    owner_of,
)
from service.domain.viewpoint import Viewpoint
from tests.factories import EVERY_KIND, FRIDAY, a_contact, a_place, an_allocation, child, day, missing, young_person

NOW = datetime(2020, 7, 31, 8, 0, tzinfo=UTC)
EXETER = Team("exeter_1", "Exeter 1", locality_code="exeter", locality_title="Exeter", service_title="Parenting")
NORTH = Team("north_1")
AROUND = Surroundings(
    view=Viewpoint(FRIDAY, NOW), policy=DEFAULT_POLICY, supplied=EVERY_KIND,
    teams={"exeter_1": EXETER, "north_1": NORTH}, workers={"W1042": Worker("W1042", name="A. Demo-Adviser")},
)  # fmt: skip
IN_TENT = (a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=day("2020-07-10")),)
ON_STREET = (a_place(code="S", suitable=None, started_on=day("2020-06-01")),)
IN_CUSTODY = (a_place(code="X", started_on=day("2020-03-02")),)


def named(name: str, *, restricted: bool = False, **facts: object) -> Facts:
    whole = young_person(**facts)
    said = {f: getattr(whole, f) for f in Facts.__dataclass_fields__}
    return Facts(**(said | {"person_id": f"p-{name}", "eclipse_id": name, "restricted": restricted}))


def table(tracker: Tracker, code: str = "unsuitable_accommodation") -> Table:
    return next(t for t in tracker.tables if t.cohort.code == code)


def rows(found: Table) -> list[str | None]:
    return [row.card.eclipse_id for row in found.rows]


def test_n_of_the_population_and_a_row_each() -> None:
    people = [
        named("A"),
        named("B", accommodations=IN_TENT),
        named("C", accommodations=IN_CUSTODY),
        child("2012-03-04"),
    ]
    found = table(build(people, COHORTS, AROUND, rows=True))
    assert (found.count, found.of, found.unknown, rows(found)) == (2, 3, 0, ["B", "C"])
    assert found.lines == (("unacceptable", 1), ("in_custody", 1))


def test_danger_first_then_most_days_in_the_state() -> None:
    people = [
        named("custody", accommodations=IN_CUSTODY),
        named("tent", accommodations=IN_TENT),
        named("street", accommodations=ON_STREET),
    ]
    assert rows(table(build(people, COHORTS, AROUND, rows=True))) == ["street", "tent", "custody"]


def test_order_does_not_hang_on_the_order_of_people() -> None:
    people = [named(name, accommodations=IN_TENT) for name in "CAB"]
    assert build(people, COHORTS, AROUND, rows=True) == build(people[::-1], COHORTS, AROUND, rows=True)


def test_the_unknown_are_counted_in_their_own_cohort_and_beside_the_other() -> None:
    tracker = build([named("A", accommodations=())], COHORTS, AROUND, rows=True)
    unsuitable, unknown = table(tracker), table(tracker, "accommodation_unknown")
    assert (unsuitable.count, unsuitable.unknown, unsuitable.rows) == (0, 1, ())
    assert (unknown.count, unknown.of, rows(unknown)) == (1, 1, ["A"])


def test_what_no_source_supplies_is_counted_apart() -> None:
    around = Surroundings(
        view=AROUND.view, policy=DEFAULT_POLICY, supplied=frozenset({"care_leaver_status"}), teams={}, workers={}
    )
    found = table(build([named("A", accommodations=())], COHORTS, around, rows=True), "accommodation_unknown")
    assert (found.count, found.unknown, found.not_supplied) == (0, 0, 1)


def test_whoever_has_gone_is_in_no_count() -> None:
    gone = named("A", accommodations=IN_TENT)
    died = Facts(**{f: getattr(gone, f) for f in Facts.__dataclass_fields__} | {"person": Person(died_on=FRIDAY)})
    found = table(build([died], COHORTS, AROUND, rows=True))
    assert (found.count, found.of, found.rows) == (0, 0, ())


def test_figures_without_rows_say_the_same_numbers_and_name_nobody() -> None:
    people = [named("A", accommodations=IN_TENT), named("B", missing_episodes=(missing("2020-07-29"),))]
    whole, figures = (build(people, COHORTS, AROUND, rows=each) for each in (True, False))
    assert [(t.count, t.of, t.unknown, t.lines) for t in figures.tables] == [
        (t.count, t.of, t.unknown, t.lines) for t in whole.tables
    ]
    assert (figures.danger, [t.rows for t in figures.tables if t.rows]) == ((), [])


def test_the_danger_list_has_each_person_once_and_the_missing_also_without_a_cohort() -> None:
    people = [
        named("tent", accommodations=IN_TENT, missing_episodes=(missing("2020-07-29"),)),
        named("fine", missing_episodes=(missing("2020-07-30"),)),
        named("well"),
        named("found", missing_episodes=(missing("2020-07-01", ended_on="2020-07-02"),)),
    ]
    danger = build(people, COHORTS, AROUND, rows=True).danger
    assert [(d.card.eclipse_id, d.missing_since) for d in danger] == [
        ("fine", day("2020-07-30")),
        ("tent", day("2020-07-29")),
    ]
    assert "unsuitable_accommodation" in danger[1].cohorts


def test_a_restricted_person_is_blank_and_last_of_the_state() -> None:
    people = [named("A", accommodations=ON_STREET, restricted=True), named("B", accommodations=IN_TENT)]
    tracker = build(people, COHORTS, AROUND, rows=True)
    found = table(tracker)
    assert (found.count, rows(found)) == (2, ["B", None])
    assert found.rows[1].card == BLANK
    assert found.rows[1].finding.state is State.DANGER
    blank = next(d for d in tracker.danger if d.card == BLANK)
    assert (blank.cohorts, blank.missing_since) == ((), None)


def test_the_danger_list_does_not_say_since_when_a_restricted_person_is_missing() -> None:
    gone = named("A", restricted=True, accommodations=IN_TENT, missing_episodes=(missing("2020-07-29"),))
    (blank,) = build([gone], COHORTS, AROUND, rows=True).danger
    assert (blank.card, blank.cohorts, blank.missing_since) == (BLANK, (), None)


def test_one_cohort_can_be_built_alone() -> None:
    (alone,) = build(
        [named("B", accommodations=IN_TENT)], [BY_CODE["unsuitable_accommodation"]], AROUND, rows=True
    ).tables
    assert alone == table(build([named("B", accommodations=IN_TENT)], COHORTS, AROUND, rows=True))


# --- cards ---------------------------------------------------------------------------------


def test_a_card_says_who_where_whose_and_when_last() -> None:
    made, tried = (
        a_contact("2020-07-20T10:00:00+01:00"),
        a_contact("2020-07-24T10:00:00+01:00", outcome=ContactOutcome.ATTEMPTED),
    )
    found = card(
        named("A", contacts=(made, tried), responsibilities=(Responsibility(team_code="exeter_1"),)), AROUND
    )  # fmt: skip
    assert (found.eclipse_id, found.age, found.team, found.locality, found.service) == (
        "A",
        19,
        "Exeter 1",
        "Exeter",
        "Parenting",
    )
    assert (found.owner, found.made, found.attempted) == ("A. Demo-Adviser", made, tried)


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (Person(forename="Rowan", surname="Demo-Ashford"), "Rowan Demo-Ashford"),
        (Person(surname="Demo-Ashford"), "Demo-Ashford"),
        (Person(expected_on=day("2020-12-01")), "Unborn, expected 1 December 2020"),
        (Person(), None),
    ],
)
def test_what_somebody_is_called(person: Person, expected: str | None) -> None:
    assert name_of(Facts(person_id="p", person=person)) == expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("2020-01-05", None),
        ("2020-01-06", "exeter_1"),
        ("2020-07-20", "north_1"),
        ("2020-08-01", "north_1"),
        ("2020-09-01", None),
    ],
)
def test_the_team_that_answers_is_the_latest_begun(on: str, expected: str | None) -> None:
    facts = child(
        responsibilities=(
            Responsibility(team_code="exeter_1", started_on=day("2020-01-06"), ended_on=day("2020-07-20")),
            Responsibility(team_code="north_1", started_on=day("2020-07-20"), ended_on=day("2020-08-31")),
            Responsibility(district="Torridge", started_on=day("2020-07-25")),
        )
    )
    team = home_team(facts, day(on), AROUND.teams)
    assert (team and team.code) == expected


def test_a_care_leaver_is_the_personal_advisers_a_child_the_social_workers() -> None:
    both = (
        an_allocation(AllocationRole.SOCIAL_WORKER, worker_ref="SW"),
        an_allocation(AllocationRole.PERSONAL_ADVISER, worker_ref="PA"),
    )
    assert owner_of(named("A", allocations=both), FRIDAY, {}) == "PA"
    assert owner_of(child(allocations=both), FRIDAY, {}) == "SW"
    gone = {"PA": Worker("PA", ended_on=day("2020-07-30"))}
    assert owner_of(named("A", allocations=both), FRIDAY, gone) == "SW"
    assert owner_of(child(), FRIDAY, {}) is None


# --- freshness -----------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "stale"), [(0, False), (23, False), (24, True), (80, True)])
def test_a_source_is_as_old_as_its_oldest_dataset(hours: int, stale: bool) -> None:
    marks = {("eclipse", "ssd", "a"): NOW, ("eclipse", "cohorts", "b"): NOW - timedelta(hours=hours, minutes=59)}
    (found,) = freshness(marks, at=NOW, stale_after_hours=24)
    assert (found.source, found.age_hours, found.stale) == ("eclipse", hours, stale)


def test_sources_are_apart_and_none_is_none() -> None:
    long_ago = NOW - timedelta(days=9)
    marks = {("migrated", "cohorts", "b"): long_ago, ("upload", "cohorts", "b"): long_ago, ("eclipse", "ssd", "a"): NOW}
    assert [(f.source, f.age_hours, f.stale) for f in freshness(marks, at=NOW, stale_after_hours=24)] == [
        ("eclipse", 0, False),
        ("migrated", 216, False),
        ("upload", 216, False),
    ], "a first load and a spreadsheet have no rhythm"
    assert freshness({}, at=NOW, stale_after_hours=24) == ()
