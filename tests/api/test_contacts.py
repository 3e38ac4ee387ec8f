"""Logging contact over HTTP: every kind, once whatever the signal does, and never for the wrong person."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from service.domain.access import Role
from service.store.schema import FACTS
from tests.village import Village, codes

CONTACTS = "/v1/contacts"
BATCH = "/v1/contacts/batch"


def a_call(**changes: Any) -> dict[str, Any]:
    said = {
        "eclipse_id": "EX1",
        "occurred_at": "2020-07-30T14:05:00+01:00",
        "contact_kind": "phone",
        "outcome": "made",
    }
    return {name: value for name, value in (said | changes).items() if value is not None}


KINDS: list[tuple[dict[str, Any], bool]] = [
    ({"contact_kind": "face_to_face", "seen": True, "seen_alone": True, "place": "accommodation"}, True),
    ({"contact_kind": "video", "voice_not_obtained": "The line was poor"}, True),
    ({"contact_kind": "phone", "voice": "Says the new place is quiet", "initiated_by": "young_person"}, True),
    ({"contact_kind": "text"}, True),
    ({"contact_kind": "email", "follow_up": "Visit on Monday"}, True),
    ({"contact_kind": "letter"}, True),
    ({"contact_kind": "social_media"}, True),
    ({"contact_kind": "prison_visit", "seen": True, "place": "prison"}, True),
    ({"contact_kind": "letter", "outcome": "attempted"}, False),
    ({"contact_kind": "visit_no_reply", "outcome": "attempted", "place": "accommodation"}, False),
    ({"contact_kind": "third_party", "outcome": "attempted", "initiated_by": "third_party"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("said", "made"), KINDS, ids=[f"{s['contact_kind']}-{m}" for s, m in KINDS])
def test_every_kind_is_recorded_as_it_was_said(village: Village, said: dict[str, Any], made: bool) -> None:
    answer = village.post("adviser", CONTACTS, a_call(**said))
    assert answer.status_code == 201, answer.text
    logged = answer.json()["contact"]
    assert (logged["kind"], logged["counts"], logged["person_id"]) == ("contact", "at_once", village.ids["EX1"])
    newest = village.get("adviser", f"/v1/people/{village.ids['EX1']}/contacts").json()["contacts"][0]
    assert newest["fact_id"] == logged["fact_id"]
    assert said.items() <= newest["says"].items()
    assert newest["says"]["worker_ref"] == "W1"
    assert newest["says"]["worker_role"] == "personal_adviser"
    assert newest["source"] == "api"
    last = village.whole("adviser", "EX1")["person"]["last_contact"]
    assert last["made" if made else "attempted"]["occurred_at"] == "2020-07-30T13:05:00Z"
    assert last["made"]["occurred_at"] == ("2020-07-30T13:05:00Z" if made else "2020-07-24T09:00:00Z")


def test_whom_is_said_by_one_of_two_ids(village: Village) -> None:
    by_ours = village.post("adviser", CONTACTS, a_call(eclipse_id=None, person_id=village.ids["EX2"]))
    by_theirs = village.post("adviser", CONTACTS, a_call(eclipse_id="EX2"))
    assert (by_ours.status_code, by_theirs.status_code) == (201, 201)
    assert by_ours.json()["contact"]["person_id"] == by_theirs.json()["contact"]["person_id"] == village.ids["EX2"]


def test_neither_id_is_nobody_and_both_are_refused(village: Village) -> None:
    for ids in ({"eclipse_id": None}, {"person_id": village.ids["EX1"]}):
        answer = village.post("adviser", CONTACTS, a_call(**ids))
        assert answer.status_code == 422
        assert codes(answer) == [("person_id", "one_of"), ("eclipse_id", "one_of")]
    assert village.held(FACTS["contact"]) == 1


@pytest.mark.parametrize(
    ("off", "status", "code"),
    [
        (timedelta(minutes=5), 201, ""),
        (timedelta(minutes=5, seconds=1), 422, "contact_in_future"),
        (timedelta(days=-366), 201, ""),
        (timedelta(days=-366, seconds=-1), 422, "contact_too_old"),
    ],
)
def test_a_contact_happens_between_a_year_ago_and_now(village: Village, off: timedelta, status: int, code: str) -> None:
    answer = village.post("adviser", CONTACTS, a_call(occurred_at=(village.clock() + off).isoformat()))
    assert answer.status_code == status, answer.text
    assert answer.json().get("code", "") == code


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"contact_kind": "third_party"}, ("outcome", "always_attempted")),
        ({"contact_kind": "visit_no_reply"}, ("outcome", "always_attempted")),
        ({"seen": True}, ("seen", "not_in_person")),
        ({"contact_kind": "face_to_face", "seen_alone": True}, ("seen_alone", "not_seen")),
        ({"outcome": "attempted", "voice": "Fine"}, ("voice", "not_spoken_to")),
        ({"voice": "Fine", "voice_not_obtained": "Refused"}, ("voice_not_obtained", "contradicts_voice")),
    ],
)
def test_a_contact_that_contradicts_itself_is_refused(
    village: Village, said: dict[str, Any], refused: tuple[str, str]
) -> None:
    answer = village.post("adviser", CONTACTS, a_call(**said))
    assert (answer.status_code, codes(answer)) == (422, [refused])
    assert village.held(FACTS["contact"]) == 1


def test_without_a_key_nothing_is_created(village: Village) -> None:
    answer = village.client.post(CONTACTS, json=a_call(), headers=village.headers("adviser"))
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    assert village.held(FACTS["contact"]) == 1


def test_a_retry_gets_the_same_bytes_and_is_recorded_once(village: Village) -> None:
    first = village.post("adviser", CONTACTS, a_call(), key="phone-1")
    village.clock.advance(minutes=50)
    again = village.post("adviser", CONTACTS, a_call(), key="phone-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert village.held(FACTS["contact"]) == 2


def test_another_body_under_the_same_key_is_refused(village: Village) -> None:
    village.post("adviser", CONTACTS, a_call(), key="phone-1")
    answer = village.post("adviser", CONTACTS, a_call(outcome="attempted"), key="phone-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    other_kind = village.post("adviser", "/v1/accommodation", {"eclipse_id": "EX1", "code": "U"}, key="phone-1")
    assert other_kind.json()["code"] == "idempotency_key_reused"
    assert village.held(FACTS["contact"]) == 2


def test_what_was_refused_can_be_sent_again_under_its_key(village: Village) -> None:
    assert village.post("adviser", CONTACTS, a_call(contact_kind="third_party"), key="phone-1").status_code == 422
    assert village.post("adviser", CONTACTS, a_call(), key="phone-1").status_code == 201


def test_two_users_may_use_the_same_key(village: Village) -> None:
    mine = village.post("adviser", CONTACTS, a_call(), key="1")
    theirs = village.post("manager", CONTACTS, a_call(eclipse_id="EX2"), key="1")
    assert (mine.status_code, theirs.status_code) == (201, 201)
    assert mine.json()["contact"]["fact_id"] != theirs.json()["contact"]["fact_id"]


def test_twenty_retries_at_once_are_one_contact(village: Village) -> None:
    village.token("adviser")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: village.post("adviser", CONTACTS, a_call(), key="storm"), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert village.held(FACTS["contact"]) == 2


def test_a_move_learnt_of_in_the_same_call_counts_at_once(village: Village) -> None:
    body = a_call(eclipse_id="EX2", accommodation={"unacceptable": "sofa_surfing"})
    answer = village.post("adviser", CONTACTS, body).json()
    assert (answer["contact"]["counts"], answer["accommodation"]["counts"]) == ("at_once", "at_once")
    rows = village.cohort("adviser", "unsuitable_accommodation")["rows"]
    row = next(each for each in rows if each["person"]["eclipse_id"] == "EX2")
    assert (row["line"], row["clock"]["started_on"]) == ("unacceptable", "2020-07-30")
    places = village.whole("adviser", "EX2")["facts"]["accommodation"]
    assert [place["says"].get("ended_on") for place in places] == ["2020-07-30", None]


def test_a_move_out_of_a_tent_waits_for_a_manager(village: Village) -> None:
    better = {"code": "U", "suitable": True, "judged_on": "2020-07-30", "judged_why": "Visited"}
    answer = village.post("adviser", CONTACTS, a_call(accommodation=better)).json()
    assert answer["accommodation"]["counts"] == "when_approved"
    rows = {r["person"]["eclipse_id"]: r for r in village.cohort("adviser", "unsuitable_accommodation")["rows"]}
    assert rows["EX1"]["line"] == "unacceptable"
    assert "contested" in rows["EX1"]["flags"]


def test_a_move_that_cannot_be_is_refused_with_its_contact(village: Village) -> None:
    for place, field in (
        ({"code": "Q"}, "accommodation.code"),
        ({"district": "x"}, "accommodation.district"),
        ({"code": "U", "started_on": "2020-07-20", "ended_on": "2020-07-19"}, "accommodation.ended_on"),
    ):
        answer = village.post("adviser", CONTACTS, a_call(accommodation=place))
        assert answer.status_code == 422, answer.text
        assert codes(answer)[0][0] == field
    assert village.held(FACTS["contact"]) == 1


def test_somebody_elses_young_person_is_not_there(village: Village) -> None:
    before = village.audit()
    for eclipse_id in ("NO1", "CH1", "NOBODY"):
        answer = village.post("adviser", CONTACTS, a_call(eclipse_id=eclipse_id))
        assert answer.status_code == 404
    assert [(e.act, e.outcome) for e in village.noted(before)] == [("denied", "not_found")] * 3
    assert village.held(FACTS["contact"]) == 1


def test_a_role_without_contact_is_refused(village: Village) -> None:
    answer = village.post("court", CONTACTS, a_call())
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


# --- replay out of signal ------------------------------------------------------------------------


def keyed(key: object, **changes: Any) -> dict[str, Any]:
    return a_call(**changes) | {"idempotency_key": key}


def test_one_bad_item_does_not_stop_the_others(village: Village) -> None:
    items = [
        keyed("a"),
        keyed("b", contact_kind="third_party"),
        keyed("c", eclipse_id="NO1"),
        keyed("d", eclipse_id=None),
        keyed("e", occurred_at="2020-08-02T10:00:00Z"),
        keyed("f", colour="blue"),
        keyed("g", eclipse_id="EX2", accommodation={"unacceptable": "tent"}),
        keyed("a", outcome="attempted"),
        keyed(7),
        "not an object",
    ]
    before = village.audit()
    answer = village.post("adviser", BATCH, {"contacts": items})
    assert answer.status_code == 200, answer.text
    given = answer.json()["answers"]
    assert [each["idempotency_key"] for each in given] == ["a", "b", "c", "d", "e", "f", "g", "a", None, None]
    assert [each["status"] for each in given] == [201, 422, 404, 422, 422, 422, 201, 422, 422, 422]
    assert given[1]["body"]["fields"][0]["path"] == "outcome"
    assert given[3]["body"]["fields"][0]["path"] == "person_id"
    assert given[5]["body"]["fields"][0]["path"] == "colour"
    assert given[7]["body"]["code"] == "idempotency_key_reused"
    assert village.held(FACTS["contact"]) == 3
    assert sorted(e.act for e in village.noted(before)) == ["denied", *["log.contact"] * 2, "record.accommodation"]


def test_a_replayed_batch_gets_the_same_answers(village: Village) -> None:
    body = {"contacts": [keyed("a"), keyed("b", contact_kind="third_party"), keyed("c", eclipse_id="EX2")]}
    first = village.post("adviser", BATCH, body)
    village.clock.advance(minutes=30)
    again = village.post("adviser", BATCH, body)
    assert first.content == again.content
    assert village.held(FACTS["contact"]) == 3


def test_an_item_sent_alone_and_again_in_a_batch_is_one_contact(village: Village) -> None:
    alone = village.post("adviser", CONTACTS, a_call(), key="a")
    batch = village.post("adviser", BATCH, {"contacts": [keyed("a")]}).json()["answers"][0]
    assert (batch["status"], batch["body"]) == (201, alone.json())
    assert village.held(FACTS["contact"]) == 2


@pytest.mark.parametrize("contacts", [[], [{}] * 201, {}, None])
def test_a_batch_has_one_to_two_hundred_items(village: Village, contacts: Any) -> None:
    answer = village.post("adviser", BATCH, {"contacts": contacts})
    assert (answer.status_code, codes(answer)[0][0]) == (422, "contacts")


def test_no_answer_to_a_batch_repeats_what_was_sent(village: Village) -> None:
    canary = "zq-canary-4711"
    items = [keyed("a", voice=7, contact_kind=canary), keyed("b", eclipse_id=canary), keyed("c", **{canary: 1})]
    assert canary not in village.post("adviser", BATCH, {"contacts": items}).text


# --- reading them --------------------------------------------------------------------------------


def test_contacts_come_newest_first_a_page_at_a_time(village: Village) -> None:
    for day in (27, 28, 29):
        village.post("adviser", CONTACTS, a_call(occurred_at=f"2020-07-{day}T10:00:00+01:00"))
    path = f"/v1/people/{village.ids['EX1']}/contacts"
    page = village.get("adviser", path, limit=3).json()
    assert [c["says"]["occurred_at"][8:10] for c in page["contacts"]] == ["29", "28", "27"]
    rest = village.get("adviser", path, before=page["next_before"]).json()
    assert [c["says"]["occurred_at"][8:10] for c in rest["contacts"]] == ["24"]
    assert rest["next_before"] is None


def test_contacts_of_an_earlier_view_leave_out_what_came_later(village: Village) -> None:
    path = f"/v1/people/{village.ids['EX1']}/contacts"
    known = village.clock().isoformat()
    village.clock.advance(hours=1)
    village.post("adviser", CONTACTS, a_call())
    assert len(village.get("adviser", path, known_at=known).json()["contacts"]) == 1
    assert len(village.get("adviser", path).json()["contacts"]) == 2
    assert village.get("adviser", path, as_at="2020-07-29").json()["contacts"][0]["says"]["contact_kind"] == "phone"


@pytest.mark.parametrize("before", ["2020-07-30T10:00:00", "yesterday", "1596153600", "0001-01-01T00:00:00+14:00"])
def test_a_page_begins_at_a_moment_with_its_offset(village: Village, before: str) -> None:
    answer = village.get("adviser", f"/v1/people/{village.ids['EX1']}/contacts", before=before)
    assert (answer.status_code, codes(answer)[0][0]) == (422, "before")


def test_a_contact_is_corrected_and_withdrawn_like_any_fact(village: Village) -> None:
    logged = village.post("adviser", CONTACTS, a_call()).json()["contact"]
    body = a_call(eclipse_id=None, outcome="attempted", reason="It rang out")
    answer = village.put("adviser", f"{CONTACTS}/{logged['fact_id']}", body, if_match=logged["etag"])
    assert answer.status_code == 200, answer.text
    newest = village.get("adviser", f"/v1/people/{village.ids['EX1']}/contacts").json()["contacts"][0]
    assert newest["says"]["outcome"] == "attempted"
    gone = village.post("adviser", f"{CONTACTS}/{logged['fact_id']}/withdraw", {"reason": "Wrong person"})
    assert (gone.status_code, gone.json()["counts"]) == (200, "withdrawn")
    assert len(village.get("adviser", f"/v1/people/{village.ids['EX1']}/contacts").json()["contacts"]) == 1


def test_a_correction_is_held_to_the_same_rules(village: Village) -> None:
    logged = village.post("adviser", CONTACTS, a_call()).json()["contact"]
    for change in ({"contact_kind": "third_party"}, {"occurred_at": "2020-08-02T10:00:00Z"}, {"seen": True}):
        body = a_call(eclipse_id=None, reason="Misread", **change)
        answer = village.put("adviser", f"{CONTACTS}/{logged['fact_id']}", body, if_match=logged["etag"])
        assert answer.status_code == 422, change


def test_who_made_a_contact_outlives_its_correction(village: Village) -> None:
    logged = village.post("adviser", CONTACTS, a_call()).json()["contact"]
    body = a_call(eclipse_id=None, outcome="attempted", reason="It rang out")
    village.put("manager", f"{CONTACTS}/{logged['fact_id']}", body, if_match=logged["etag"])
    newest = village.get("adviser", f"/v1/people/{village.ids['EX1']}/contacts").json()["contacts"][0]
    assert (newest["says"]["outcome"], newest["says"].get("worker_ref")) == ("attempted", "W1")


def test_a_duty_worker_logs_for_the_team(village: Village) -> None:
    answer = village.post(Role.DUTY_WORKER, CONTACTS, a_call(eclipse_id="EX2"))
    assert answer.status_code == 201
    assert village.post(Role.DUTY_WORKER, CONTACTS, a_call(eclipse_id="CH1")).status_code == 404, "another service"
