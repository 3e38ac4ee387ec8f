"""A kept answer is given again to whom it may still be given, and the audit says about whom it was."""

from typing import Any

import httpx
import pytest

from service.domain.access import Role
from tests.village import Village

CONTACTS = "/v1/contacts"
WHY = "Covers for the worker"
A_CALL = {"occurred_at": "2020-07-31T08:30:00+01:00", "contact_kind": "phone", "outcome": "made", "eclipse_id": "EX1"}


def restricted(village: Village) -> str:
    body = {"eclipse_id": "EX1", "reason": "A parent works in the council", "allow": []}
    answer = village.post("senior_manager_safeguarding_qa", "/v1/restrictions", body, key="restrict")
    assert answer.status_code == 201, answer.text
    return str(answer.json()["restriction_id"])


@pytest.fixture
def duty(village: Village) -> Village:
    village.tokens["duty"] = village.sign_in(Role.DUTY_WORKER, code="exeter_pt", name="Duty")
    return village


def logged(village: Village, key: str) -> httpx.Response:
    return village.post("duty", CONTACTS, A_CALL, key=key, access_reason=WHY)


def test_a_replay_is_noted_with_whom_it_is_about(duty: Village) -> None:
    first, before = logged(duty, "k"), duty.audit()
    assert logged(duty, "k").content == first.content
    assert [(e.act, e.person_id) for e in duty.noted(before)] == [("read.kept_answer", duty.ids["EX1"])]


def test_a_replay_about_somebody_who_is_hidden_now_is_as_of_somebody_unknown(duty: Village) -> None:
    assert logged(duty, "k").status_code == 201
    restricted(duty)
    before = duty.audit()
    again = logged(duty, "k")
    nobody = duty.post("duty", CONTACTS, A_CALL | {"eclipse_id": "NOBODY"}, access_reason=WHY)
    assert (again.status_code, again.content) == (404, nobody.content)
    assert duty.noted(before)[0].person_id == duty.ids["EX1"], "the audit knows whom it was about"


def test_items_of_a_batch_are_replayed_alike(duty: Village) -> None:
    items = [A_CALL | {"idempotency_key": "a"}, A_CALL | {"eclipse_id": "EX2", "idempotency_key": "b"}]

    def sent() -> list[dict[str, Any]]:
        answer = duty.post("duty", f"{CONTACTS}/batch", {"contacts": items}, access_reason=WHY)
        return list(answer.json()["answers"])

    first = sent()
    restricted(duty)
    before = duty.audit()
    again = sent()
    assert [each["status"] for each in first + again] == [201, 201, 404, 201]
    assert again[1] == first[1]
    noted = [(e.act, e.person_id) for e in duty.noted(before)]
    assert sorted(noted) == [("denied", duty.ids["EX1"]), ("read.kept_answer", duty.ids["EX2"])]


def test_who_keeps_a_list_of_readers_is_answered_again(village: Village) -> None:
    made = restricted(village)
    assert restricted(village) == made
    body = {"reason": "The parent has left"}
    asked = [
        village.post("senior_manager_safeguarding_qa", f"/v1/restrictions/{made}/clear", body, key="c")
        for _ in range(2)
    ]
    assert [each.status_code for each in asked] == [200, 200]
    assert asked[0].content == asked[1].content
