"""Merging over HTTP: who may, what is answered, what is refused; and what of a sealed record comes out: nothing."""

import threading
from typing import Any

import pytest

from service.domain.access import GRANTS, Permission, Role, ScopeKind
from service.store import identifiers
from service.store.engine import writing
from service.store.schema import person_merge
from tests.village import Village, codes

MERGE = "/v1/people/merge"
SURE = {"although_births_differ": True}
TWO = {"keep": {"eclipse_id": "EX1"}, "merge": {"eclipse_id": "EX2"}, "reason": "Registered twice"}


def merged(village: Village, who: str = "manager", **more: Any) -> dict[str, Any]:
    answer = village.post(who, MERGE, TWO | SURE | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_two_ids_become_one_person_and_two_again(village: Village) -> None:
    made = merged(village)
    first, second = village.ids["EX1"], village.ids["EX2"]
    assert (made["person_id"], made["merged_person_id"], made["undone_at"]) == (first, second, None)
    for each in (first, second):
        card = village.get("manager", f"/v1/people/{each}").json()["person"]
        assert (card["person_id"], card["eclipse_id"]) == (first, "EX1")
    listed = village.get("manager", "/v1/people").json()["people"]
    assert "EX2" not in [each["eclipse_id"] for each in listed]
    assert village.post("manager", "/v1/people/lookup", {"eclipse_id": "EX2"}).json()["eclipse_id"] == "EX1"
    undone = village.post("manager", f"{MERGE}/{made['merge_id']}/undo", {"reason": "Two people after all"})
    assert (undone.status_code, undone.json()["undone_reason"]) == (200, "Two people after all")
    assert village.get("manager", f"/v1/people/{second}").json()["person"]["eclipse_id"] == "EX2"
    again = village.post("manager", f"{MERGE}/{made['merge_id']}/undo", {"reason": "Two people after all"})
    assert (again.status_code, codes(again)) == (409, [("merge_id", "already_undone")])
    (told,) = village.get("manager", "/v1/people/merges").json()["merges"]
    assert (told["eclipse_id"], told["merged_eclipse_id"]) == ("EX1", "EX2")
    assert told["undone_at"] == "2020-07-31T08:00:00Z"


def test_a_contact_by_the_other_id_is_logged_on_the_person_kept(village: Village) -> None:
    merged(village)
    said = {"eclipse_id": "EX2", "occurred_at": "2020-07-31T08:30:00+01:00", "contact_kind": "phone", "outcome": "made"}
    logged = village.post("adviser", "/v1/contacts", said)
    assert (logged.status_code, logged.json()["contact"]["person_id"]) == (201, village.ids["EX1"])
    listed = village.get("adviser", f"/v1/people/{village.ids['EX1']}/contacts").json()["contacts"]
    assert listed[0]["says"]["occurred_at"] == "2020-07-31T07:30:00Z"


def test_a_retry_gets_the_same_answer_and_merges_once(village: Village) -> None:
    first = village.post("head", MERGE, TWO | SURE, key="once")
    second = village.post("head", MERGE, TWO | SURE, key="once")
    assert (first.status_code, second.status_code, first.content) == (201, 201, second.content)
    assert village.held(person_merge) == 1
    other = village.post("head", MERGE, TWO | {"keep": {"eclipse_id": "CH1"}}, key="once")
    assert other.status_code == 422


def test_refusals_have_their_codes_and_leave_nothing(village: Village) -> None:
    births = village.post("head", MERGE, TWO)
    assert (births.status_code, codes(births)) == (422, [("although_births_differ", "born_on_differs")])
    same = village.post("head", MERGE, TWO | {"merge": {"eclipse_id": "EX1"}})
    assert (same.status_code, codes(same)) == (422, [("merge", "same_person")])
    both = {"eclipse_id": "EX1", "person_id": village.ids["EX1"]}
    two = village.post("head", MERGE, TWO | {"keep": both})
    assert codes(two) == [("keep.person_id", "one_of"), ("keep.eclipse_id", "one_of")]
    none = village.post("head", MERGE, TWO | {"merge": {}})
    assert codes(none) == [("merge.person_id", "one_of"), ("merge.eclipse_id", "one_of")]
    assert village.post("head", MERGE, {k: v for k, v in TWO.items() if k != "reason"}).status_code == 422
    assert village.held(person_merge) == 0
    merged(village)
    chain = village.post("head", MERGE, SURE | TWO | {"keep": {"eclipse_id": "EX3"}})
    assert (chain.status_code, codes(chain)) == (409, [("merge", "merged_already")])


def test_out_of_sight_restricted_sealed_and_unknown_are_the_same_bytes(village: Village) -> None:
    with writing(village.engine, village.clock) as write:
        identifiers.seal(write.session, [village.ids["EX4"]], at=write.now)
    village.tokens["lent"] = village.sign_in(Role.TEAM_MANAGER, scope=ScopeKind.COUNTY)  # and leads no unit
    for keep, other in (("{}", "EX1"), ("EX1", "{}")):
        answers = [
            village.post("manager" if hidden == "NO1" else "lent", MERGE, SURE | {
                "keep": {"eclipse_id": keep.format(hidden)}, "merge": {"eclipse_id": other.format(hidden)},
                "reason": "Registered twice",
            })
            for hidden in ("NO1", "EX5", "EX4", "NOBODY")
        ]  # fmt: skip
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
    unknown = village.post("manager", f"{MERGE}/{village.ids['EX1']}/undo", {"reason": "Not there"})
    assert unknown.content == answers[0].content
    released = [
        village.post(
            "manager" if each == "NO1" else "lent", "/v1/people/identifiers/release",
            {"eclipse_id": each, "reason": "Given anew"},
        )
        for each in ("NO1", "EX5", "EX4", "NOBODY")
    ]  # fmt: skip
    assert {(a.status_code, a.content) for a in released} == {(404, answers[0].content)}


@pytest.mark.parametrize("who", ["adviser", "manager", "head", "chief", "court"])
def test_of_a_sealed_record_nothing_comes_out(village: Village, who: str) -> None:
    with writing(village.engine, village.clock) as write:
        identifiers.seal(write.session, [village.ids["EX1"]], at=write.now)
    unknown = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"
    for path in ("", "/timeline", "/contacts"):
        sealed, nobody = (village.get(who, f"/v1/people/{each}{path}") for each in (village.ids["EX1"], unknown))
        assert (sealed.status_code, sealed.content) == (404, nobody.content)
    found = [village.post(who, "/v1/people/lookup", {"eclipse_id": each}) for each in ("EX1", "NOBODY")]
    assert {(a.status_code, a.content) for a in found} == {(404, found[1].content)}
    if who != "court":
        listed = village.get(who, "/v1/people")
        assert "EX1" not in listed.text
        assert len(listed.json()["people"]) == {"adviser": 4, "manager": 4}.get(who, 6)
        tracker = village.get(who, "/v1/tracker")
        assert village.ids["EX1"] not in tracker.text
        assert "Ashford" not in tracker.text


def test_released_and_then_found_by_our_id_alone(village: Village) -> None:
    body = {"eclipse_id": "EX1", "reason": "Eclipse gave it to another child"}
    answer = village.post("manager", "/v1/people/identifiers/release", body)
    assert (answer.status_code, answer.json()["person_id"]) == (200, village.ids["EX1"])
    assert village.post("manager", "/v1/people/lookup", {"eclipse_id": "EX1"}).status_code == 404
    card = village.get("manager", f"/v1/people/{village.ids['EX1']}").json()["person"]
    assert (card["eclipse_id"], card["name"]) == (None, "Rowan Demo-Ashford")


def test_three_roles_merge(village: Village) -> None:
    may = {role for role in Role if Permission.MERGE_PEOPLE in GRANTS[role]}
    assert may == {Role.HEAD_OF_SERVICE, Role.TEAM_MANAGER, Role.AREA_MANAGER}
    for who in ("adviser", "chief", "performance_analyst", "administrator", "robot"):
        assert village.post(who, MERGE, TWO | SURE).status_code == 403
        assert village.get(who, "/v1/people/merges").status_code == 403
        undo = village.post(who, f"{MERGE}/{village.ids['EX1']}/undo", {"reason": "Two people"})
        assert undo.status_code == 403
    assert merged(village, "area_manager")["person_id"] == village.ids["EX1"]


@pytest.mark.parametrize("what", ["merge", "undo", "release"])
def test_what_changes_sight_waits_for_the_looks_that_have_begun(village: Village, what: str) -> None:
    """A merge restricts both when one is: what is being noted as shown is noted before it, never after."""
    path, body = {
        "merge": lambda: (MERGE, TWO | SURE),
        "undo": lambda: (f"{MERGE}/{merged(village)['merge_id']}/undo", {"reason": "Two people after all"}),
        "release": lambda: ("/v1/people/identifiers/release", {"eclipse_id": "EX2", "reason": "Given anew"}),
    }[what]()
    village.token("manager")
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(village.post("manager", path, body)))
    with writing(village.engine, village.clock):  # a look about to be shown
        asking.start()
        asking.join(timeout=0.3)
        assert asking.is_alive()
    asking.join(timeout=20)
    assert answers[0].status_code in (200, 201), answers[0].text
