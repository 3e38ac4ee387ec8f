"""Whoever got no answer asks again under the same key, and gets the answer: nothing happens twice, or to another."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.village import DECIDED, Village, cohorts_files, ssd_files

WHY = {"reason": "Said so by mistake"}
MERGE = {
    "keep": {"eclipse_id": "EX1"}, "merge": {"eclipse_id": "EX2"}, "reason": "Registered twice",
    "although_births_differ": True,
}  # fmt: skip
BETTER = {"eclipse_id": "EX1", "code": "U", "suitable": True, "judged_on": "2020-07-30", "started_on": "2020-07-30"}


def undo(village: Village) -> tuple[str, str, dict[str, Any]]:
    made = village.post("manager", "/v1/people/merge", MERGE).json()
    return "manager", f"/v1/people/merge/{made['merge_id']}/undo", WHY


def end(village: Village) -> tuple[str, str, dict[str, Any]]:
    village.token("northern_adviser")
    colleagues = village.get("manager", "/v1/referrals/colleagues").json()["colleagues"]
    to = next(each["user_id"] for each in colleagues if each["name"] == "N. Demo-Adviser")
    body = {"eclipse_id": "EX1", "user_id": to, "ends_on": "2020-08-31", "reason": "Helps out"}
    made = village.post("manager", "/v1/referrals", body).json()
    return "manager", f"/v1/referrals/{made['referral_id']}/end", WHY


def withdraw(village: Village) -> tuple[str, str, dict[str, Any]]:
    made = village.post("adviser", "/v1/accommodation", {"eclipse_id": "EX1", "unacceptable": "tent"}).json()
    return "manager", f"/v1/accommodation/{made['fact_id']}/withdraw", WHY


def approve(village: Village) -> tuple[str, str, dict[str, Any]]:
    made = village.post("adviser", "/v1/accommodation", BETTER).json()
    return "manager", f"/v1/accommodation/{made['fact_id']}/approve", {}


def sign_out(village: Village) -> tuple[str, str, dict[str, Any]]:
    village.token("adviser")
    users = village.get("administrator", "/v1/users").json()["users"]
    who = next(each["user_id"] for each in users if each["name"] == "A. Demo-Adviser")
    return "administrator", f"/v1/users/{who}/sign-out", WHY


@pytest.mark.parametrize("act", [undo, end, withdraw, approve, sign_out])
def test_what_is_ended_is_ended_once_per_key(
    village: Village, act: Callable[[Village], tuple[str, str, dict[str, Any]]]
) -> None:
    who, path, body = act(village)
    first = village.post(who, path, body, key="lost")
    assert first.status_code == 200, first.text
    village.clock.advance(minutes=5)
    before = village.audit()
    again = village.post(who, path, body, key="lost")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers.get("etag") == first.headers.get("etag")
    assert [entry.act for entry in village.noted(before)] == ["read.kept_answer"]
    other = village.post(who, path, {"reason": "Another"}, key="lost")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("act", [undo, end, withdraw, approve, sign_out])
def test_what_is_ended_needs_no_key(
    village: Village, act: Callable[[Village], tuple[str, str, dict[str, Any]]]
) -> None:
    who, path, body = act(village)
    decided = DECIDED.fullmatch(path)
    read = {"if_match": village.etag_of_fact(decided["noun"], decided["fact_id"])} if decided else {}
    assert village.client.post(path, json=body, headers=village.headers(who, **read)).status_code == 200


def test_a_release_sent_again_after_the_night_does_not_release_the_child_who_came_since(village: Village) -> None:
    path, body = "/v1/people/identifiers/release", {"eclipse_id": "EX2", "reason": "Eclipse gave it to another child"}
    first = village.post("manager", path, body, key="lost")
    assert first.json()["person_id"] == village.ids["EX2"]
    village.clock.advance(hours=2)
    village.tokens.clear()
    village.push("ssd", ssd_files(), run_id="ssd-2", hours_ago=1)
    village.push("cohorts", cohorts_files(), run_id="cohorts-2", hours_ago=1)
    came = village.post("manager", "/v1/people/lookup", {"eclipse_id": "EX2"}).json()["person_id"]
    assert came != village.ids["EX2"]
    again = village.post("manager", path, body, key="lost")
    assert (again.status_code, again.content) == (200, first.content)
    found = village.post("manager", "/v1/people/lookup", {"eclipse_id": "EX2"})
    assert (found.status_code, found.json().get("person_id")) == (200, came)
    keyless = village.client.post(path, json=body, headers=village.headers("manager"))
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_missing")
