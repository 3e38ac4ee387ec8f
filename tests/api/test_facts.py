"""Facts entered by hand, kind by kind: recorded, corrected, approved by a second person, withdrawn."""

from typing import Any

import pytest

from service.api.facts import PATHS
from service.domain.access import Role, ScopeKind
from service.store.schema import FACTS
from tests.village import Village, codes

# For each kind: what is recorded of whom, and how a correction reads.
SAID: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "accommodation": (
        "EX2", {"unacceptable": "sofa_surfing", "started_on": "2020-07-29"}, {"release_on": "2020-09-01"},
    ),
    "care_leaver_status": (
        "EX2", {"eligibility": "former_relevant", "in_touch": "NO", "started_on": "2020-07-29"}, {"activity": "F5"},
    ),
    "missing_episode": ("EX2", {"started_on": "2020-07-29", "missing_kind": "missing"}, {"interview_offered": True}),
    "child_protection_plan": ("CH1", {"started_on": "2020-07-06", "category": "NEG"}, {"category": "PHY"}),
    "cp_review": ("CH1", {"due_on": "2020-07-13"}, {"held_on": "2020-07-14"}),
    "pre_proceedings": ("CH1", {"started_on": "2020-07-06"}, {"letter_sent_on": "2020-07-13"}),
    "care_proceedings": ("CH1", {"issued_on": "2020-07-06"}, {"court_reference": "EX20C00123"}),
    "permanence_plan": (
        "CH1", {"route": "long_term_fostering", "agreed_on": "2020-07-06"}, {"recorded_on": "2020-07-07"},
    ),
    "cla_review": ("CH1", {"due_on": "2020-07-13"}, {"held_on": "2020-07-14"}),
}  # fmt: skip
BETTER = {"code": "U", "suitable": True, "judged_on": "2020-07-30", "started_on": "2020-07-30"}
every_kind = pytest.mark.parametrize("kind", SAID)


def address(kind: str) -> str:
    return f"/v1/{PATHS[kind]}"


def record(village: Village, kind: str, who: str = "head", **more: Any) -> dict[str, Any]:
    whom, said, _ = SAID[kind]
    answer = village.post(who, address(kind), {"eclipse_id": whom} | said | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def stands(village: Village, kind: str, fact_id: str) -> dict[str, Any]:
    whole = village.whole("head", SAID[kind][0])
    return next(dict(each) for each in whole["facts"][kind] if each["fact_id"] == fact_id)


def test_every_kind_that_people_own_has_a_story() -> None:
    assert SAID.keys() == PATHS.keys() - {"contact"}


@every_kind
def test_a_fact_is_recorded_with_who_and_when(village: Village, kind: str) -> None:
    made = record(village, kind, confidence="unverified")
    assert (made["kind"], made["counts"], made["recorded_at"]) == (kind, "at_once", "2020-07-31T08:00:00Z")
    held = stands(village, kind, made["fact_id"])
    assert SAID[kind][1].items() <= held["says"].items()
    assert (held["source"], held["confidence"], held["etag"]) == ("api", "unverified", made["etag"])


@every_kind
def test_a_fact_names_one_person(village: Village, kind: str) -> None:
    whom, said, _ = SAID[kind]
    for ids in ({}, {"eclipse_id": whom, "person_id": village.ids[whom]}):
        answer = village.post("head", address(kind), said | ids)
        assert (answer.status_code, codes(answer)) == (422, [("person_id", "one_of"), ("eclipse_id", "one_of")])
    assert village.post("head", address(kind), said | {"person_id": village.ids[whom]}).status_code == 201


@every_kind
def test_a_correction_asks_for_its_etag_and_a_reason(village: Village, kind: str) -> None:
    made = record(village, kind)
    path = f"{address(kind)}/{made['fact_id']}"
    after = SAID[kind][1] | SAID[kind][2]
    reasoned = after | {"reason": "The date was misread"}
    without = village.put("head", path, after, if_match=made["etag"])
    assert (without.status_code, codes(without)) == (422, [("reason", "missing")])
    blind = village.put("head", path, reasoned)
    assert (blind.status_code, blind.json()["code"]) == (428, "if_match_missing")
    corrected = village.put("head", path, reasoned, if_match=f'"{made["etag"]}"')
    assert corrected.status_code == 200, corrected.text
    assert after.items() <= stands(village, kind, made["fact_id"])["says"].items()
    assert corrected.headers["etag"] == f'"{corrected.json()["etag"]}"' != f'"{made["etag"]}"'
    stale = village.put("head", path, reasoned, if_match=made["etag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    elsewhere = next(other for other in SAID if other != kind)
    unknown = village.put("head", f"{address(elsewhere)}/{made['fact_id']}", SAID[elsewhere][1] | {"reason": "Wrong"},
                          if_match="x")  # fmt: skip
    assert unknown.status_code == 404


@every_kind
def test_nothing_waits_where_nothing_was_better(village: Village, kind: str) -> None:
    made = record(village, kind)
    answer = village.post("other_head", f"{address(kind)}/{made['fact_id']}/approve", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_approve")


@every_kind
def test_a_fact_on_the_wrong_person_is_taken_out_once(village: Village, kind: str) -> None:
    made = record(village, kind)
    path = f"{address(kind)}/{made['fact_id']}/withdraw"
    reasonless = village.post("head", path, {})
    assert (reasonless.status_code, codes(reasonless)) == (422, [("reason", "missing")])
    gone = village.post("other_head", path, {"reason": "Logged on the wrong person"})
    assert (gone.status_code, gone.json()["counts"]) == (200, "withdrawn")
    whole = village.whole("head", SAID[kind][0])
    assert made["fact_id"] not in {each["fact_id"] for each in whole["facts"].get(kind, [])}
    assert village.post("head", path, {"reason": "Again"}).status_code == 404


@every_kind
def test_what_a_feed_said_is_withdrawn_at_its_source(village: Village, kind: str) -> None:
    fed = village.whole("head", SAID[kind][0])["facts"].get(kind, [])
    for each in fed:
        answer = village.post("head", f"{address(kind)}/{each['fact_id']}/withdraw", {"reason": "Not hers"})
        assert (answer.status_code, codes(answer)) == (409, [("fact_id", "from_a_feed")])
    assert bool(fed) is (kind not in ("missing_episode", "cp_review", "permanence_plan", "cla_review"))


@every_kind
def test_out_of_scope_restricted_and_unknown_are_the_same_bytes(village: Village, kind: str) -> None:
    said = SAID[kind][1]
    before, rows = village.audit(), village.held(FACTS[kind])
    village.tokens["lent"] = village.sign_in(Role.TEAM_MANAGER, scope=ScopeKind.COUNTY)  # and leads no unit
    asked = [("manager", "NO1"), ("lent", "EX5"), ("manager", "NOBODY"), ("lent", "NOBODY")]
    answers = [village.post(who, address(kind), {"eclipse_id": whom} | said) for who, whom in asked]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(name for name in answer.headers)) for answer in answers}) == 1
    assert [entry.outcome for entry in village.noted(before)] == ["not_found"] * 4
    assert village.held(FACTS[kind]) == rows


@every_kind
def test_a_role_without_the_kind_is_refused_and_that_is_noted(village: Village, kind: str) -> None:
    before = village.audit()
    whom, said, _ = SAID[kind]
    answer = village.post("chief", address(kind), {"eclipse_id": whom} | said)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    assert [(entry.act, entry.outcome) for entry in village.noted(before)] == [("denied", "not_permitted")]


def test_a_role_corrects_only_kinds_it_owns(village: Village) -> None:
    made = record(village, "cp_review")
    body = SAID["cp_review"][1] | {"reason": "Misread"}
    answer = village.put("court", f"{address('cp_review')}/{made['fact_id']}", body, if_match=made["etag"])
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
    taken = village.post("court", f"{address('cp_review')}/{made['fact_id']}/withdraw", {"reason": "Not hers"})
    assert taken.status_code == 403


def test_better_news_waits_for_somebody_else(village: Village) -> None:
    asked = village.post("adviser", "/v1/accommodation", {"eclipse_id": "EX1"} | BETTER)
    assert (asked.status_code, asked.json()["counts"]) == (201, "when_approved")
    path = f"/v1/accommodation/{asked.json()['fact_id']}/approve"
    assert "EX1" in _unsuitable(village)
    assert [each["says"]["code"] for each in village.whole("manager", "EX1")["proposed"]].count("U") == 1
    assert village.post("adviser", path, {}).status_code == 403
    assert village.post("northern_manager", path, {}).status_code == 404
    approved = village.post("manager", path, {"reason": "Visited today"})
    assert (approved.status_code, approved.json()["counts"]) == (200, "at_once")
    assert "EX1" not in _unsuitable(village)
    assert village.post("manager", path, {}).status_code == 409


@pytest.mark.parametrize("what", ["approve", "withdraw"])
def test_nobody_decides_on_what_they_have_not_read(village: Village, what: str) -> None:
    """A colleague says it otherwise while the manager has the first word on the screen."""
    asked = village.post("adviser", "/v1/accommodation", {"eclipse_id": "EX1"} | BETTER).json()
    read = village.etag_of_fact("accommodation", asked["fact_id"])
    here = f"/v1/accommodation/{asked['fact_id']}"
    again = BETTER | {"code": "K", "reason": "It is a training flat"}
    assert village.put("adviser", here, again, if_match=read).status_code == 200
    headers = village.headers("manager", idempotency_key="blind")
    blind = village.client.post(f"{here}/{what}", json={"reason": "Visited"}, headers=headers)
    assert (blind.status_code, blind.json()["code"]) == (428, "if_match_missing")
    stale = village.post("manager", f"{here}/{what}", {"reason": "Visited"}, if_match=read)
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert village.post("manager", f"{here}/{what}", {"reason": "Visited"}).status_code == 200


def test_nobody_approves_their_own_entry(village: Village) -> None:
    asked = village.post("manager", "/v1/accommodation", {"eclipse_id": "EX1"} | BETTER).json()
    before = village.audit()
    answer = village.post("manager", f"/v1/accommodation/{asked['fact_id']}/approve", {})
    assert (answer.status_code, answer.json()["code"]) == (403, "own_entry")
    assert [entry.outcome for entry in village.noted(before)] == ["own_entry"]
    assert "EX1" in _unsuitable(village)


def test_a_retry_of_a_fact_is_one_fact(village: Village) -> None:
    body = {"eclipse_id": "EX2"} | SAID["accommodation"][1]
    first = village.post("adviser", "/v1/accommodation", body, key="k")
    again = village.post("adviser", "/v1/accommodation", body, key="k")
    assert first.content == again.content
    assert village.held(FACTS["accommodation"]) == 8
    other = village.post("adviser", "/v1/accommodation", body | {"started_on": "2020-07-28"}, key="k")
    assert other.json()["code"] == "idempotency_key_reused"
    keyless = village.client.post("/v1/accommodation", json=body, headers=village.headers("adviser"))
    assert keyless.status_code == 400


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("accommodation", {"code": "Q"}, ("code", "unknown")),
        ("accommodation", {"unacceptable": None}, ("code", "missing")),
        ("accommodation", {"suitable": True}, ("judged_on", "missing")),
        ("accommodation", {"started_on": "2020-08-02"}, ("started_on", "in_future")),
        ("accommodation", {"ended_on": "2020-07-28"}, ("ended_on", "before_start")),
        ("child_protection_plan", {"category": "XXX"}, ("category", "unknown")),
        ("pre_proceedings", {"started_on": None}, ("started_on", "missing")),
        ("pre_proceedings", {"outcome": "step_down"}, ("step_decided_on", "missing")),
        ("pre_proceedings", {"outcome": "issue"}, ("step_decided_on", "missing")),
        ("care_proceedings", {"disposed_on": "2020-07-05"}, ("disposed_on", "before_start")),
        ("missing_episode", {"started_on": "2020-08-02"}, ("started_on", "in_future")),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    village: Village, kind: str, change: dict[str, Any], field: tuple[str, str]
) -> None:
    whom, said, _ = SAID[kind]
    answer = village.post("head", address(kind), {"eclipse_id": whom} | said | change)
    assert (answer.status_code, codes(answer)[0]) == (422, field)


@pytest.mark.parametrize("kind", ["accommodation", "missing_episode"])
def test_nobody_takes_danger_back_alone(village: Village, kind: str) -> None:
    made = record(village, kind)
    answer = village.post("head", f"{address(kind)}/{made['fact_id']}/withdraw", {"reason": "Second thoughts"})
    assert (answer.status_code, answer.json()["code"]) == (403, "own_entry")
    assert stands(village, kind, made["fact_id"])


def test_what_only_feeds_say_has_no_address(village: Village) -> None:
    for path in ("people", "responsibilities", "allocations", "periods-of-care", "placements", "legal-statuses"):
        assert village.post("head", f"/v1/{path}", {}).status_code in (404, 405)


def _unsuitable(village: Village) -> set[str]:
    rows = village.cohort("chief", "unsuitable_accommodation")["rows"]
    return {row["person"]["eclipse_id"] for row in rows}
