"""What intake sets beside a push: keys and contacts are found whatever they hold, and only those asked for."""

from datetime import timedelta

from sqlmodel import Session

from service.domain.facts import Contact, ContactKind, ContactOutcome, Source
from service.domain.versions import NewVersion
from service.store import intake, people, record
from service.store.types import new_id, new_ids
from tests.council import moment

AT = moment("2020-07-27T08:00")
ODD = ["EX1", 'a"b', "c\\d", "e,f", "{g}", "NULL", "h i", '\\"', "Zoë"]


def test_an_id_is_found_whatever_it_holds(session: Session) -> None:
    made = dict(zip(ODD, new_ids(AT), strict=False))
    people.add(session, made, at=AT)
    assert people.ids_by_eclipse(session, ODD) == made
    assert people.ids_by_eclipse(session, ODD[1:2]) == {ODD[1]: made[ODD[1]]}
    assert people.ids_by_eclipse(session, []) == {}


def test_contacts_are_found_by_person_and_moment_together(session: Session) -> None:
    made = {"EX1": new_id(AT), "EX2": new_id(AT)}
    people.add(session, made, at=AT)
    kind, outcomes = ContactKind.PHONE, (ContactOutcome.MADE, ContactOutcome.ATTEMPTED)
    versions = [
        NewVersion(
            fact=Contact(occurred_at=AT + timedelta(microseconds=hour), contact_kind=kind, outcome=outcomes[hour % 2]),
            person_id=person_id, fact_id=f"{eclipse_id}-{hour}", source=Source.ECLIPSE,
        )
        for eclipse_id, person_id in made.items()
        for hour in range(3)
    ]  # fmt: skip
    record.append(session, versions, by="robot", at=AT, audit_id="a1")
    wanted = [(made["EX1"], AT), (made["EX2"], AT + timedelta(microseconds=1)), (made["EX2"], AT - timedelta(days=1))]
    found = intake.contacts_at(session, wanted)
    assert sorted(fact.known.fact_id for fact in found if fact.known) == ["EX1-0", "EX2-1"]
    assert intake.contacts_at(session, []) == []


def test_ids_of_one_moment_are_all_different() -> None:
    ids = [new_id for new_id, _ in zip(new_ids(AT), range(2000), strict=False)]
    assert len(set(ids)) == 2000
    assert {(len(each), each[14], each[19] in "89ab") for each in ids} == {(36, "7", True)}
