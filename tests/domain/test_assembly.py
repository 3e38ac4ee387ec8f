"""From versions to what stands: sorted, with what waits kept apart, as at a day, and no owner who has left."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.domain.assembly import ATTRIBUTES, assemble, by_person, without_leavers
from service.domain.facts import KINDS, AllocationRole, Fact, Person, Source, Unacceptable
from service.domain.intake import Worker
from service.domain.person import Facts
from tests.factories import a_contact, a_place, a_plan, a_status, an_allocation, child, day, known

AT = datetime(2020, 7, 1, 2, 0, tzinfo=UTC)


def held(fact: Fact, fact_id: str = "f", **changes: object) -> Fact:
    usual = {"fact_id": fact_id, "version_id": f"v-{fact_id}", "recorded_at": AT}
    return replace(fact, known=known(**(usual | changes)))


def test_every_kind_has_its_place() -> None:
    assert {*ATTRIBUTES, "person"} == set(KINDS)
    assert set(ATTRIBUTES.values()) <= set(Facts.__dataclass_fields__)


def test_nothing_known_is_somebody_without_facts() -> None:
    assert assemble([], person_id="p") == Facts(person_id="p")


def test_facts_are_sorted_by_start_and_an_unknown_start_comes_first() -> None:
    versions = [
        held(a_place(started_on=day("2020-05-01")), "b"),
        held(a_place(started_on=None), "c"),
        held(a_place(started_on=day("2020-01-06")), "a"),
    ]
    whole = assemble(versions, person_id="p")
    assert [a.started_on for a in whole.accommodations] == [None, day("2020-01-06"), day("2020-05-01")]


def test_contacts_are_sorted_by_when_they_were() -> None:
    later, earlier = a_contact("2020-07-20T10:00:00+01:00"), a_contact("2020-07-20T09:30:00+00:00")
    assert earlier.occurred_at > later.occurred_at
    whole = assemble([held(earlier, "a"), held(later, "b")], person_id="p")
    assert whole.contacts == (later, earlier)


def test_what_waits_is_apart_and_a_fact_that_only_waits_does_not_stand() -> None:
    tent = held(a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT), "a")
    flat = held(a_place(suitable=None), "b", source=Source.API, proposed=True)
    whole = assemble([tent, flat], person_id="p")
    assert (whole.accommodations, whole.proposed) == ((tent,), (flat,))


def test_a_person_is_put_together_from_all_that_name_them() -> None:
    versions = [
        held(Person(forename="Rowan", born_on=day("2001-02-14")), "a", source_ref="ssd/1"),
        held(Person(surname="Demo-Ashford"), "a", source_ref="people/1", version_id="w"),
    ]
    person = assemble(versions, person_id="p").person
    assert (person.forename, person.surname, person.born_on) == ("Rowan", "Demo-Ashford", day("2001-02-14"))


def test_what_stands_is_read_as_at_a_day() -> None:
    versions = [held(a_place(ended_on=day("2020-07-28")), "a"), held(a_place(started_on=day("2020-07-28")), "b")]
    before = assemble(versions, person_id="p", as_at=day("2020-07-27")).accommodations
    after = assemble(versions, person_id="p", as_at=day("2020-07-28")).accommodations
    assert [a.ended_on for a in before] == [None]
    assert [a.ended_on for a in after] == [day("2020-07-28"), None]


def test_what_was_said_before_counts_on_a_day_before_the_new_judgement() -> None:
    now = held(a_place(suitable=False, judged_on=day("2020-07-20")), "a")
    before = {"a": [a_place(suitable=True, judged_on=day("2020-03-09"))]}
    (place,) = assemble([now], person_id="p", as_at=day("2020-05-01"), before=before).accommodations
    assert (place.suitable, place.judged_on) == (True, day("2020-03-09"))


def test_versions_are_told_apart_by_person() -> None:
    grouped = by_person([held(a_plan("2020-01-06"), person_id="p1"), held(a_status(), person_id="p2")])
    assert {person: [v.kind for v in versions] for person, versions in grouped.items()} == {
        "p1": ["child_protection_plan"],
        "p2": ["care_leaver_status"],
    }


@pytest.mark.parametrize(
    ("worker", "expected"),
    [
        pytest.param(Worker("W1042"), None, id="still here"),
        pytest.param(None, None, id="nobody we know of"),
        pytest.param(Worker("W1042", ended_on=day("2020-07-30")), "2020-07-30", id="left yesterday"),
        pytest.param(Worker("W1042", ended_on=day("2020-07-31")), None, id="their last day is today"),
        pytest.param(Worker("W9", ended_on=day("2020-07-01")), None, id="somebody else left"),
    ],
)
def test_who_has_left_owns_nobody(worker: Worker | None, expected: str | None) -> None:
    facts = child(allocations=(an_allocation(AllocationRole.SOCIAL_WORKER),))
    workers = {worker.ref: worker} if worker else {}
    (allocation,) = without_leavers(facts, workers, on=day("2020-07-31")).allocations
    assert allocation.ended_on == (expected and day(expected))


def test_an_allocation_that_ended_before_its_worker_left_keeps_its_end() -> None:
    facts = child(allocations=(an_allocation(ended_on=day("2020-03-02")),))
    gone = {"W1042": Worker("W1042", ended_on=day("2020-07-01"))}
    assert without_leavers(facts, gone, on=day("2020-07-31")) == facts


def test_an_adviser_a_status_names_is_nobody_once_gone() -> None:
    facts = child(care_leaver_statuses=(a_status(personal_adviser_ref="W1"),))
    gone = {"W1": Worker("W1", ended_on=day("2020-07-01"))}
    assert [
        s.personal_adviser_ref for s in without_leavers(facts, gone, on=day("2020-07-31")).care_leaver_statuses
    ] == [None]
    assert without_leavers(facts, gone, on=day("2020-07-01")) == facts
