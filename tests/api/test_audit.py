"""The audit as information governance and everybody else reads it, and how far one account may read."""

import errno
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from service.operations import looks
from service.operations.rights import officers, subject_access
from service.store import audit, erasures, identifiers, rights
from service.store.engine import reading, writing
from service.store.schema import FACTS, audit_entry
from tests.village import Village, codes, manifest, sheet

IG = "information_governance"
REASON = "Covering for the allocated worker today"


def trail(village: Village, eclipse_id: str, **params: Any) -> list[dict[str, Any]]:
    """What information governance reads about somebody."""
    answer = village.get(IG, f"/v1/audit/people/{village.ids[eclipse_id]}", **params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entries"])


def lines(entries: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    """(kind, act, name) of entries, sign-ins and the pushes of the night left out."""
    return [(e["kind"], e["act"], e["who"]["name"]) for e in entries if not e["act"].startswith("ingest.")]


def a_day_of_work(village: Village) -> None:
    """The adviser opens Rowan and moves them, the manager lists the team, a northern colleague tries the door."""
    rowan = village.ids["EX1"]
    village.clock.advance(minutes=1)
    village.client.get(f"/v1/people/{rowan}", headers=village.headers("adviser", access_reason=REASON))
    village.clock.advance(minutes=1)
    village.post("adviser", "/v1/accommodation", {"eclipse_id": "EX1", "unacceptable": "sofa_surfing"})
    village.clock.advance(minutes=1)
    village.get("manager", "/v1/people")
    village.clock.advance(minutes=1)
    assert village.get("northern_adviser", f"/v1/people/{rowan}").status_code == 404
    village.clock.advance(minutes=1)
    village.get("northern_manager", "/v1/people")


def test_who_saw_this_child_is_answered_whole_and_in_order(village: Village) -> None:
    a_day_of_work(village)
    entries = trail(village, "EX1")
    assert lines(entries) == [
        ("look", "read.person", "A. Demo-Adviser"),
        ("change", "record.accommodation", "A. Demo-Adviser"),
        ("look", "read.people", "manager"),
        ("denial", "denied", "N. Demo-Adviser"),
    ]
    opened, _, listed, denied = entries[-4:]
    assert (opened["reason"], opened["person_id"], opened["through_list"]) == (REASON, village.ids["EX1"], False)
    assert opened["who"]["roles"] == ["personal_adviser"]
    assert opened["request_id"]
    assert (listed["person_id"], listed["through_list"], listed["people"]) == (None, True, 5)
    assert (denied["outcome"], denied["reason"]) == ("not_found", None)
    pushed = [e for e in entries if e["act"] == "ingest.apply"]
    assert {(e["kind"], e["who"]["name"], e["through_list"]) for e in pushed} == {("change", "Robot", True)}


def test_reading_the_audit_is_in_the_audit(village: Village) -> None:
    village.get("adviser", f"/v1/people/{village.ids['EX1']}")
    village.clock.advance(minutes=1)
    trail(village, "EX1")
    village.clock.advance(minutes=1)
    assert lines(trail(village, "EX1")) == [
        ("look", "read.person", "A. Demo-Adviser"),
        ("look", "read.audit.person", "Demo information_governance"),
    ]


def test_it_is_found_by_eclipses_id_without_an_id_in_the_address(village: Village) -> None:
    a_day_of_work(village)
    answer = village.post(IG, "/v1/audit/people/lookup", {"eclipse_id": "EX1"})
    assert (answer.status_code, answer.json()["person_id"]) == (200, village.ids["EX1"])
    assert lines(answer.json()["entries"]) == lines(trail(village, "EX1"))[:4]
    missing = village.post(IG, "/v1/audit/people/lookup", {"eclipse_id": "nobody"})
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_restricted_and_sealed_people_are_told_of_too(village: Village) -> None:
    assert village.get("court", f"/v1/people/{village.ids['EX5']}").status_code == 404
    assert ("denial", "denied", "Court") in lines(trail(village, "EX5"))
    with writing(village.engine, village.clock) as write:
        identifiers.seal(write.session, [village.ids["EX2"]], at=write.now)
    assert village.get("manager", f"/v1/people/{village.ids['EX2']}").status_code == 404
    assert ("denial", "denied", "manager") in lines(trail(village, "EX2"))


def test_somebody_nobody_knows_is_missing(village: Village) -> None:
    answer = village.get(IG, "/v1/audit/people/01738b11-2f00-7c44-8e21-0c1e7d9a4f10")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_erased_record_is_told_of_with_all_that_was_erased_with_it(village: Village) -> None:
    kept, merged = village.ids["EX1"], village.ids["EX2"]
    for each in (kept, merged):
        village.clock.advance(minutes=1)
        village.get("adviser", f"/v1/people/{each}")
    with writing(village.engine, village.clock) as write:
        due = [(own, "looked_after", date(2020, 1, 1)) for own in (kept, merged)]
        erasures.propose(write.session, due, by="ig", reason="due", at=write.now, audit_id=kept)
        ids = [each.erasure_id for each in erasures.proposed(write.session).values()]
        rights.erase(write.session, [kept, merged], ids)
        said = {"by": "ig2", "at": write.now, "reason": "seen"}
        audit.note(write.session, "rights.retention.erase", person_id=kept, people=[kept, merged], **said)
        erasures.decide(write.session, ids, "erased", rows=1, **said)
    for asked in (kept, merged):
        answer = village.get(IG, f"/v1/audit/people/{asked}")
        assert (answer.status_code, answer.json().get("ids")) == (200, sorted([kept, merged]))
        opened = {e["person_id"] for e in answer.json()["entries"] if e["act"] == "read.person"}
        assert opened == {kept, merged}


def test_looks_that_have_other_names_are_ones_own_looks_too(village: Village) -> None:
    rows = sheet({"spell_id": "A9", "eclipse_id": "EX1", "code": "U", "started_on": "2020-07-20"})
    extracted = (village.clock() - timedelta(hours=1)).isoformat()
    said = manifest("cohorts", "c-9", extracted, {"accommodation": rows})
    headers = village.headers("robot")
    batch_id = village.client.post("/v1/ingest/batches", json=said, headers=headers).json()["batch_id"]
    here = f"/v1/ingest/batches/{batch_id}"
    village.client.put(f"{here}/datasets/accommodation", content=rows, headers=headers | {"Content-Type": "text/csv"})
    assert village.post("head", f"{here}/plan", {}).status_code == 200
    with reading(village.engine) as session:
        by = session.scalar(select(audit_entry.c.by_user).where(audit_entry.c.act == "ingest.plan"))
    with writing(village.engine, village.clock) as write:
        whom = officers.subject(write.session, person_id=village.ids["EX1"], eclipse_id=None)
        export = subject_access.gather(write.session, whom, at=write.now, include_sealed=False)
        subject_access.foreseen(write.session, export, by=str(by), reason="asked by them", at=write.now)
    looks = {look["act"] for look in village.get("head", "/v1/audit/mine").json()["looks"]}
    assert looks == {"ingest.plan", "rights.subject_access"}


def test_looks_at_a_merged_record_are_looks_at_both(village: Village) -> None:
    kept, merged = village.ids["EX1"], village.ids["EX2"]
    village.get("adviser", f"/v1/people/{merged}")
    village.clock.advance(minutes=1)
    body = {"keep": {"eclipse_id": "EX1"}, "merge": {"eclipse_id": "EX2"}, "reason": "Registered twice",
            "although_births_differ": True}  # fmt: skip
    made = village.post("manager", "/v1/people/merge", body)
    assert made.status_code == 201, made.text
    village.clock.advance(minutes=1)
    village.get("adviser", f"/v1/people/{kept}")
    for whom in ("EX1", "EX2"):
        acts = [(e["act"], e["person_id"]) for e in trail(village, whom) if e["who"]["name"] != "Robot"]
        assert [a for a in acts if a[0] != "read.audit.person"] == [
            ("read.person", merged), ("people.merge", kept), ("read.person", kept),
        ]  # fmt: skip
    village.clock.advance(days=1)
    village.tokens.clear()
    undone = village.post("manager", f"/v1/people/merge/{made.json()['merge_id']}/undo", {"reason": "Two after all"})
    assert undone.status_code == 200, undone.text
    village.clock.advance(days=2)
    village.tokens.clear()
    village.get("adviser", f"/v1/people/{kept}")
    since = {"from": village.clock().date().isoformat()}
    assert [e["act"] for e in trail(village, "EX2", **since)] == []


def test_pages_hold_everything_once(village: Village) -> None:
    a_day_of_work(village)
    address = f"/v1/audit/people/{village.ids['EX1']}"
    whole = village.get(IG, address).json()["entries"]
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(len(whole)):
        page = village.get(IG, address, limit=2, **{"from": "2020-07-31"}, **cursor).json()
        found += [e["audit_id"] for e in page["entries"] if e["act"] != "read.audit.person"]
        if page["next"] is None or len(found) >= len(whole):
            break
        cursor = {"cursor": page["next"]}
    assert found == [e["audit_id"] for e in whole]
    unknown = village.get(IG, address, cursor="01738b11-2f00-7c44-8e21-0c1e7d9a4f10")
    assert (unknown.status_code, codes(unknown)) == (422, [("cursor", "unknown")])


def test_a_period_is_of_london_days_and_not_of_a_year(village: Village) -> None:
    a_day_of_work(village)
    address = f"/v1/audit/people/{village.ids['EX1']}"
    assert len(lines(trail(village, "EX1", **{"from": "2020-07-31", "to": "2020-07-31"}))) == 4
    answer = village.get(IG, address, to="2020-07-30").json()
    assert (answer["from"], answer["to"], answer["entries"]) == ("2020-06-30", "2020-07-30", [])
    for params, code in (
        ({"from": "2020-07-31", "to": "2020-07-30"}, ("from", "after_to")),
        ({"from": "2020-04-29", "to": "2020-07-31"}, ("from", "too_long")),
        ({"from": "31/07/2020"}, ("from", "date_shape")),
    ):
        refused = village.get(IG, address, **params)
        assert (refused.status_code, codes(refused)) == (422, [code])


def test_in_summer_a_day_begins_at_london_midnight(village: Village) -> None:
    village.clock.set(village.clock().replace(hour=23, minute=30))  # half past midnight on 1 August in London
    village.tokens.clear()
    village.get("adviser", f"/v1/people/{village.ids['EX1']}")
    assert lines(trail(village, "EX1", to="2020-07-31")) == []
    assert ("look", "read.person", "A. Demo-Adviser") in lines(trail(village, "EX1", **{"from": "2020-08-01"}))


def test_everybody_reads_what_they_looked_at_and_nobody_elses(village: Village) -> None:
    a_day_of_work(village)
    mine = village.get("adviser", "/v1/audit/mine").json()["looks"]
    assert [(each["act"], each["person_id"], each["reason"]) for each in mine] == [
        ("read.person", village.ids["EX1"], REASON)
    ]
    village.clock.advance(minutes=1)
    again = village.get("adviser", "/v1/audit/mine").json()["looks"]
    assert [each["act"] for each in again] == ["read.audit.mine", "read.person"]
    (listed,) = village.get("manager", "/v1/audit/mine").json()["looks"]
    assert (listed["act"], listed["person_id"], listed["people"]) == ("read.people", None, 5)
    assert village.get("northern_adviser", "/v1/audit/mine").json()["looks"] == [], "a refusal shows no id"


def test_a_lookup_counts_as_a_look_at_one_record(village: Village) -> None:
    village.post("adviser", "/v1/people/lookup", {"eclipse_id": "EX2"})
    (look,) = village.get("adviser", "/v1/audit/mine").json()["looks"]
    assert (look["act"], look["person_id"]) == ("read.lookup", village.ids["EX2"])


def test_ones_own_pages_begin_after_ones_own_looks_only(village: Village) -> None:
    for who in ("EX1", "EX2", "EX3"):
        village.get("adviser", f"/v1/people/{village.ids[who]}")
        village.clock.advance(minutes=1)
    page = village.get("adviser", "/v1/audit/mine", limit=2).json()
    assert [each["person_id"] for each in page["looks"]] == [village.ids["EX3"], village.ids["EX2"]]
    rest = village.get("adviser", "/v1/audit/mine", limit=2, cursor=page["next"]).json()
    assert [each["person_id"] for each in rest["looks"]] == [village.ids["EX1"]]
    other = village.get("manager", "/v1/audit/mine", cursor=page["next"])
    assert (other.status_code, codes(other)) == (422, [("cursor", "unknown")])


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records within the hour are told of, three are enough."""
    monkeypatch.setattr(looks, "OPENED_ALERT", 2)
    monkeypatch.setattr(looks, "OPENED_MOST", 3)


@pytest.mark.usefixtures("small_limits")
def test_reading_in_bulk_is_told_of_counted_and_then_refused(village: Village) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("los_alerts_total", {"kind": "bulk_reading"}) or 0

    def opened(who: str) -> httpx.Response:
        village.clock.advance(seconds=10)
        return village.get("manager", f"/v1/people/{village.ids[who]}")

    before = counted()
    assert [opened(who).status_code for who in ("EX1", "EX1", "EX2", "EX3")] == [200, 200, 200, 200]
    refused = opened("EX4")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert refused.headers["retry-after"] == str(3600 - 40 + 1)
    assert opened("EX2").status_code == 200
    assert village.get("manager", "/v1/people").status_code == 200
    assert village.get("manager", f"/v1/people/{village.ids['NO1']}").status_code == 404
    assert counted() - before == 1
    (alert,) = village.get(IG, "/v1/audit/alerts").json()["entries"]
    assert (alert["kind"], alert["who"]["name"], alert["detail"]["count"]) == ("alert", "manager", 2)
    denials = village.get(IG, "/v1/audit/alerts", kind="denial").json()["entries"]
    assert [(e["outcome"], e["person_id"]) for e in denials] == [
        ("not_found", village.ids["NO1"]), ("too_many", village.ids["EX4"]),
    ]  # fmt: skip
    village.clock.advance(hours=1)
    village.tokens.clear()
    assert opened("EX4").status_code == 200


def test_who_guesses_people_is_told_of_and_counted_in_a_batch_as_one_by_one(village: Village) -> None:
    """The hidden, the absent and those of another team alike: what is told is how many, and never of whom."""

    def counted() -> float:
        return REGISTRY.get_sample_value("los_alerts_total", {"kind": "probing"}) or 0

    def told() -> list[dict[str, Any]]:
        return list(village.get(IG, "/v1/audit/alerts").json()["entries"])

    before, there = counted(), ("EX1", "EX5", "nobody")
    for n in range(14):
        assert village.post("northern_adviser", "/v1/people/lookup", {"eclipse_id": there[n % 3]}).status_code == 404
    contact = {"occurred_at": "2020-07-31T08:30:00+01:00", "contact_kind": "phone", "outcome": "made"}
    items = [contact | {"idempotency_key": f"i{n}", "eclipse_id": there[n % 3]} for n in range(15)]
    answers = village.post("northern_adviser", "/v1/contacts/batch", {"contacts": items}).json()["answers"]
    assert ([each["status"] for each in answers], told()) == ([404] * 15, [])
    for _ in range(3):
        assert village.post("northern_adviser", "/v1/people/lookup", {"eclipse_id": "nobody"}).status_code == 404
    (alert,) = told()
    assert (alert["act"], alert["who"]["name"], alert["detail"]["count"]) == ("alert.probing", "N. Demo-Adviser", 30)
    assert (alert["person_id"], counted() - before) == (None, 1)


def test_refused_sign_ins_are_watched(village: Village) -> None:
    answer = village.get(IG, "/v1/audit/alerts", kind="refused_sign_in")
    assert (answer.status_code, answer.json()["entries"]) == (200, [])
    assert village.get(IG, "/v1/audit/alerts", kind="look").status_code == 422


def test_sign_ins_are_watched_with_the_id_that_ends_the_token(village: Village) -> None:
    assert village.get("manager", "/v1/people").status_code == 200
    entries = village.get(IG, "/v1/audit/alerts", kind="sign_in").json()["entries"]
    (signed_in,) = [each for each in entries if each["who"]["name"] == "manager"]
    assert signed_in["kind"] == "sign_in"
    assert {"token_id", "expires_at"} <= signed_in["detail"].keys()


@pytest.mark.parametrize(
    "reason", ["too short", " " * 20, "x" * 501, "has a bell \x07 in it", "a line\x85another line", "\xa0" * 12]
)
def test_a_reason_that_is_none_is_refused_without_repeating_it(village: Village, reason: str) -> None:
    before = village.audited()
    headers = village.headers("adviser") | {"Access-Reason": reason.encode("utf-8")}  # type: ignore[dict-item]
    answer = village.client.get(f"/v1/people/{village.ids['EX1']}", headers=headers)
    assert (answer.status_code, codes(answer)) == (422, [("access-reason", "out_of_shape")])
    assert len(reason.strip()) < 3 or reason not in answer.text
    assert village.audited() == before


@pytest.mark.parametrize(
    ("meant", "sent"),
    [
        (REASON, REASON.encode()),
        ("Cyfarfod â Siân Ŵyn heddiw", "Cyfarfod â Siân Ŵyn heddiw".encode()),
        ("Réunion à 9 h", "Réunion à 9 h".encode("latin-1")),
    ],
    ids=["ascii", "utf-8", "latin-1"],
)
def test_a_reason_is_kept_as_it_was_meant(village: Village, meant: str, sent: bytes) -> None:
    headers = village.headers("adviser") | {"Access-Reason": sent}  # type: ignore[dict-item]
    before = village.audit()
    assert village.client.get(f"/v1/people/{village.ids['EX1']}", headers=headers).status_code == 200
    (entry,) = [e for e in village.noted(before) if e.act == "read.person"]
    assert entry.reason == meant


def test_a_reason_is_kept_with_a_write_and_with_a_refusal(village: Village) -> None:
    before = village.audit()
    body = {"eclipse_id": "EX1", "unacceptable": "tent"}
    village.post("adviser", "/v1/accommodation", body, access_reason=REASON)
    village.post("northern_adviser", "/v1/accommodation", body, access_reason=REASON)
    noted = {e.act: e.reason for e in village.noted(before) if e.act != "sign_in"}
    assert noted == {"record.accommodation": REASON, "denied": REASON}


@pytest.mark.parametrize("path", ["/v1/people/{person_id}", "/v1/people", "/v1/tracker", "/v1/tracker?format=csv"])
def test_what_cannot_be_noted_is_not_shown_and_may_be_asked_for_again(
    village: Village, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    address = path.format(person_id=village.ids["EX1"])
    monkeypatch.setattr(audit, "note", full)
    answer = village.client.get(address, headers=village.headers("head"))
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"]
    monkeypatch.undo()
    assert village.client.get(address, headers=village.headers("head")).status_code == 200


def test_a_write_that_cannot_be_noted_is_rolled_back(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    held = village.held(FACTS["accommodation"])
    body = {"eclipse_id": "EX2", "unacceptable": "tent"}
    monkeypatch.setattr(audit, "note", full)
    assert village.post("adviser", "/v1/accommodation", body, key="k").status_code == 503
    assert village.held(FACTS["accommodation"]) == held
    monkeypatch.undo()
    assert village.post("adviser", "/v1/accommodation", body, key="k").status_code == 201


def test_an_entry_says_how_many_were_seen_and_whether_answers_may_differ_since(village: Village) -> None:
    village.get("manager", "/v1/tracker")
    village.post("adviser", "/v1/accommodation", {"eclipse_id": "EX1", "unacceptable": "tent"})
    with reading(village.engine) as session:
        rows = session.execute(select(audit_entry.c.act, audit_entry.c.seen, audit_entry.c.changes)).all()
    said = {row.act: (row.seen, row.changes) for row in rows}
    assert said["read.tracker"] == (5, False)
    assert said["record.accommodation"] == (None, True)
    assert said["sign_in"] == (None, False)
