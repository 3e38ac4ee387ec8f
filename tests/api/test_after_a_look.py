"""What is refused after a record was opened for a reason may tell of the child: it is in the audit, like a look."""

from collections.abc import Callable

import httpx
import pytest

from tests.village import Village

WHY = {"access_reason": "Asked by the court on Friday"}
CALL = {"occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}
ASKED: dict[str, Callable[[Village], httpx.Response]] = {
    "whether two were born on one day": lambda village: village.post(
        "head", "/v1/people/merge", {"keep": {"eclipse_id": "EX1"}, "merge": {"eclipse_id": "EX5"}, "reason": "One"}
    ),
    "whether an id may be released": lambda village: village.post(
        "head", "/v1/people/identifiers/release", {"eclipse_id": "EX5", "reason": "Given to another child"}
    ),
    "a referral to nobody": lambda village: village.post(
        "head", "/v1/referrals",
        {"eclipse_id": "EX5", "user_id": "nobody", "ends_on": "2020-08-31", "reason": "Helps out on Fridays"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ASKED)
def test_a_refusal_that_tells_of_a_restricted_child_is_in_the_audit(village: Village, what: str) -> None:
    before = village.audit()
    answer = ASKED[what](village)
    assert answer.status_code in (409, 422), answer.text
    (entry,) = village.noted(before)
    assert (entry.act, entry.person_id) == ("denied", village.ids["EX5"])


def test_a_fault_of_a_contact_is_said_before_anybody_is_looked_for(village: Village) -> None:
    """Else an adviser could ask, two hundred ids at once and unseen, whom the team answers for."""
    phoned = CALL | {"seen": True, "outcome": "attempted"}
    answers = [
        village.post("adviser", "/v1/contacts", phoned | {"eclipse_id": each}) for each in ("EX1", "EX5", "NO1", "ZZ9")
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.content for answer in answers}) == 1


def test_whoever_logs_for_a_colleague_is_not_told_the_id_by_their_own_looks(village: Village) -> None:
    body = CALL | {"eclipse_id": "NO1"}
    for _ in range(2):
        assert "person_id" not in village.post("duty_worker", "/v1/contacts", body, key="k").json()["contact"]
    looks = village.get("duty_worker", "/v1/audit/mine").json()["looks"]
    assert [(each["act"], each["person_id"]) for each in looks] == [("read.kept_answer", None)]
