"""Scope over HTTP: what opens by which source, what takes a reason, and that out of scope leaves no trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from sqlalchemy import event, update

from service.domain.access import Role, ScopeKind
from service.domain.intake import Worker
from service.store import reference
from service.store.engine import writing
from service.store.schema import FACTS, person
from service.store.users import move_access_version
from tests.village import Village, codes, identities

CONTACTS = "/v1/contacts"
WHY = {"access_reason": "The worker is on leave this week"}


def a_call(eclipse_id: str, **more: Any) -> dict[str, Any]:
    return {
        "eclipse_id": eclipse_id, "occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone",
        "outcome": "made",
    } | more  # fmt: skip


def status(village: Village, who: str, eclipse_id: str, *, below: str = "", **headers: str) -> int:
    path = f"/v1/people/{village.ids[eclipse_id]}{below}"
    return int(village.client.get(path, headers=village.headers(who, **headers)).status_code)


@pytest.fixture
def colleague(village: Village) -> Village:
    """W4 works in the adviser's team and has nobody yet."""
    with writing(village.engine, village.clock) as write:
        reference.remember_workers(write.session, [Worker("W4", "C. Demo-Adviser", None, "exeter_pt")], at=write.now)
    village.tokens["colleague"] = village.sign_in(Role.PERSONAL_ADVISER, worker_ref="W4", name="Colleague")
    return village


# --- logging for people one does not see -------------------------------------------------------


def test_a_worker_logs_for_a_colleagues_young_person_and_is_told_no_more(colleague: Village) -> None:
    before = colleague.audit()
    answer = colleague.post("colleague", CONTACTS, a_call("EX1"))
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["contact"].keys() == {"kind", "fact_id", "recorded_at"}
    assert told["accommodation"] is None
    (entry,) = colleague.noted(before)
    assert (entry.act, entry.person_id) == ("log.contact", colleague.ids["EX1"])
    assert '"ground": "team"' in entry.detail
    newest = colleague.get("adviser", f"/v1/people/{colleague.ids['EX1']}/contacts").json()["contacts"][0]
    assert newest["fact_id"] == told["contact"]["fact_id"]
    assert newest["says"]["worker_ref"] == "W4"


def test_whoever_logs_for_a_colleague_still_does_not_see_the_person(colleague: Village) -> None:
    logged = colleague.post("colleague", CONTACTS, a_call("EX1")).json()["contact"]
    assert status(colleague, "colleague", "EX1", **WHY) == 404
    assert status(colleague, "colleague", "EX1", below="/contacts", **WHY) == 404
    assert colleague.get("colleague", "/v1/people").json()["people"] == []
    here = f"{CONTACTS}/{logged['fact_id']}"
    assert colleague.post("colleague", f"{here}/withdraw", {"reason": "Not them"}).status_code == 404
    place = {"eclipse_id": "EX1", "code": "U", "suitable": True}
    assert colleague.post("colleague", "/v1/accommodation", place).status_code == 404, "contact alone"


def test_the_answer_does_not_tell_where_somebody_lived_before(colleague: Village) -> None:
    """A flat is better than EX1's tent and waits; it is no better than EX2's flat. Both answers look the same."""
    flat = {"code": "U", "suitable": True, "judged_on": "2020-07-30"}
    answers = [colleague.post("colleague", CONTACTS, a_call(e, accommodation=flat)).json() for e in ("EX1", "EX2")]
    shapes = [{name: sorted(part) for name, part in each.items()} for each in answers]
    assert shapes[0] == shapes[1] == {
        "contact": ["fact_id", "kind", "recorded_at"], "accommodation": ["fact_id", "kind", "recorded_at"],
    }  # fmt: skip


def test_of_restricted_other_teams_and_unknown_people_nothing_is_logged_nor_told(colleague: Village) -> None:
    before = colleague.audit()
    answers = [colleague.post("colleague", CONTACTS, a_call(e)) for e in ("EX5", "NO1", "CH1", "NOBODY")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers.keys())) for answer in answers}) == 1
    assert colleague.held(FACTS["contact"]) == 1
    assert [entry.act for entry in colleague.noted(before)] == ["denied"] * 4


def test_a_replay_passes_the_predicate_of_logging(colleague: Village) -> None:
    first = colleague.post("colleague", CONTACTS, a_call("EX1"), key="once")
    assert colleague.post("colleague", CONTACTS, a_call("EX1"), key="once").content == first.content
    colleague.restrict("EX1")
    again, anew = (colleague.post("colleague", CONTACTS, a_call("EX1"), key=key) for key in ("once", "anew"))
    assert (again.status_code, again.content) == (404, anew.content)


def test_a_batch_is_answered_item_by_item_as_if_each_were_alone(colleague: Village) -> None:
    items = [a_call(e) | {"idempotency_key": e} for e in ("EX1", "EX5", "NO1", "NOBODY")]
    answers = colleague.post("colleague", f"{CONTACTS}/batch", {"contacts": items}).json()["answers"]
    assert [each["status"] for each in answers] == [201, 404, 404, 404]
    assert answers[0]["body"]["contact"].keys() == {"kind", "fact_id", "recorded_at"}
    assert answers[1]["body"] == answers[2]["body"] == answers[3]["body"]


def test_on_duty_one_logs_for_the_whole_service(village: Village) -> None:
    before = village.audit()
    own, other = (village.post("duty_worker", CONTACTS, a_call(e)) for e in ("EX2", "NO1"))
    assert (own.status_code, other.status_code) == (201, 201)
    assert "person_id" in own.json()["contact"]
    assert other.json()["contact"].keys() == {"kind", "fact_id", "recorded_at"}
    assert [entry.detail for entry in village.noted(before)] == [
        '{"ground": "team", "kind": "contact"}', '{"ground": "duty", "kind": "contact"}',
    ]  # fmt: skip
    assert village.post("duty_worker", CONTACTS, a_call("CH1")).status_code == 404, "another service"


# --- duty, cohorts, and what takes a reason ----------------------------------------------------


def test_duty_counts_until_its_hour(village: Village) -> None:
    listed = village.get("administrator", "/v1/users").json()["users"]
    adviser = next(each for each in listed if each["name"] == "A. Demo-Adviser")
    on_duty = {"kind": "duty", "code": "care_leavers", "until": "2020-07-31T08:30:00Z"}
    access = {"roles": ["personal_adviser", "duty_worker"], "scopes": [{"kind": "own"}, on_duty]}
    answer = village.set_account(adviser["user_id"], "access", access)
    assert answer.status_code == 200, answer.text
    assert status(village, "adviser", "NO1", **WHY) == 200
    assert status(village, "adviser", "CH1", **WHY) == 404, "not of the service"
    village.clock.advance(minutes=30)
    assert status(village, "adviser", "NO1", **WHY) == 404
    assert status(village, "adviser", "EX1") == 200


def test_a_cohort_scope_sees_its_children_and_no_others(village: Village) -> None:
    village.tokens["court"] = village.sign_in(
        Role.CASE_PROGRESSION_MANAGER, scope=ScopeKind.COHORT, code="pre_proceedings_over_12_weeks"
    )
    assert [each["eclipse_id"] for each in village.get("court", "/v1/people").json()["people"]] == ["CH1"]
    assert status(village, "court", "CH1") == 200
    assert status(village, "court", "EX1", **WHY) == 404
    tables = village.tracker("court")["cohorts"]
    assert {c["code"] for c in tables if c["of"]} == {
        "pre_proceedings_over_12_weeks", "proceedings_over_26_weeks", "cp_plan_over_9_months", "repeat_cp_plan",
        "unallocated",
    }, "all clocks of the one child"  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        ("cohort", "not_in_touch", 200),
        ("cohort", "tall_children", 422),
        ("cohort", "", 422),
        ("duty", "care_leavers", 200),
        ("duty", "exeter_pt", 422),
    ],
)
def test_a_scope_names_a_cohort_or_service_that_there_is(kind: str, code: str, expected: int, village: Village) -> None:
    listed = village.get("administrator", "/v1/users").json()["users"]
    adviser = next(each for each in listed if each["name"] == "A. Demo-Adviser")
    until = {"until": "2020-08-01T08:30:00Z"} if kind == "duty" else {}
    access = {"roles": ["personal_adviser"], "scopes": [{"kind": kind, "code": code} | until]}
    answer = village.set_account(adviser["user_id"], "access", access)
    assert answer.status_code == expected, answer.text
    if expected == 422:
        assert codes(answer)[0][0] == "scopes"


ONE_PERSON = ["", "/timeline", "/contacts"]


def test_whoever_answers_for_nobody_says_why_they_open_somebody(village: Village) -> None:
    for who in ("duty_worker", "court", "senior_manager_safeguarding_qa"):
        assert [status(village, who, "EX1", below=below) for below in ONE_PERSON] == [403] * 3
        assert [status(village, who, "EX1", below=below, **WHY) for below in ONE_PERSON] == [200] * 3


def test_ones_own_people_and_those_one_answers_for_open_without_a_reason(village: Village) -> None:
    for who in ("adviser", "manager", "area_manager", "locality_director", "head", "chief"):
        assert [status(village, who, "EX1", below=below) for below in ONE_PERSON] == [200] * 3


def test_nobody_is_asked_for_a_reason_about_somebody_they_may_not_open(village: Village) -> None:
    """Else the question would tell that there is somebody."""
    here = "/v1/people/lookup"
    answers = [village.post("duty_worker", here, {"eclipse_id": e}) for e in ("NO1", "EX5", "NOBODY")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    asked = village.post("duty_worker", here, {"eclipse_id": "EX1"})
    assert (asked.status_code, asked.json()["code"]) == (403, "reason_needed")
    assert not identities(asked.content)


# --- out of scope leaves no trace --------------------------------------------------------------

LISTS = (
    "/v1/people", "/v1/people?limit=1", "/v1/tracker", "/v1/tracker?format=csv", "/v1/tracker?format=html",
    "/v1/tracker?cohort=unsuitable_accommodation", "/v1/tracker?team=exeter_pt", "/v1/conflicts", "/v1/data-quality",
    "/v1/data-quality/rows", "/v1/people/merges", "/v1/referrals", "/v1/campaigns",
)  # fmt: skip
VARIES = {"x-request-id", "date"}


def read(village: Village, who: str, campaign: str) -> dict[str, tuple[int, dict[str, str], bytes]]:
    """Every list one reader has, each with its headers: counts, order, cursors, ETags."""
    forms = (f"/v1/campaigns/{campaign}", f"/v1/forms/accommodation?format=csv&sheet=accommodation&campaign={campaign}")
    found = {}
    for path in (*LISTS, *forms):
        answer: httpx.Response = village.get(who, path)
        headers = {name: value for name, value in answer.headers.items() if name not in VARIES}
        found[path] = (answer.status_code, headers, answer.content)
    return found


def test_whatever_happens_out_of_scope_changes_no_byte_of_what_is_read(village: Village) -> None:
    """Between two readings, all sorts of things happen to the people of Exeter; the north notices none of it."""
    begun = village.post("head", "/v1/campaigns", {"topic": "accommodation", "reason": "First load"}).json()
    before = read(village, "northern_manager", begun["campaign_id"])
    assert before["/v1/people"][0] == 200
    tent = {"unacceptable": "tent", "started_on": "2020-07-30"}
    assert village.post("adviser", CONTACTS, a_call("EX2", accommodation=tent)).status_code == 201
    (place, *_) = village.whole("head", "EX3")["facts"]["accommodation"]
    said = {"code": "K", "suitable": False, "judged_on": "2020-07-30", "started_on": "2020-05-06", "reason": "Seen"}
    put = village.put("head", f"/v1/accommodation/{place['fact_id']}", said, if_match=place["etag"])
    assert put.status_code == 200, put.text
    merged = {
        "keep": {"eclipse_id": "EX1"},
        "merge": {"eclipse_id": "EX4"},
        "reason": "Twice",
        "although_births_differ": True,
    }
    assert village.post("manager", "/v1/people/merge", merged).status_code == 201
    assert (
        village.post(
            "social_worker",
            "/v1/missing-episodes",
            {"eclipse_id": "CH1", "started_on": "2020-07-30", "missing_kind": "missing"},
        ).status_code
        == 201
    )
    village.restrict("EX2")
    after = read(village, "northern_manager", begun["campaign_id"])
    assert [path for path in before if before[path] != after[path]] == []


def test_no_answer_names_anybody_out_of_scope(village: Village) -> None:
    begun = village.post("head", "/v1/campaigns", {"topic": "accommodation", "reason": "First load"}).json()
    for _, _, content in read(village, "northern_manager", begun["campaign_id"]).values():
        assert set(identities(content)) <= {"Jamie", "Demo-"}
        assert not any(village.ids[e].encode() in content for e in ("EX1", "EX2", "EX3", "EX4", "EX5", "CH1"))


def test_a_cursor_that_is_somebody_out_of_scope_is_like_one_made_up(village: Village) -> None:
    answers = [
        village.get("northern_manager", "/v1/people", cursor=cursor)
        for cursor in (village.ids["EX1"], village.ids["EX5"], "01738b11-2f00-7c44-8e21-0c1e7d9a4f10")
    ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer.content for answer in answers}) == 1


def only_restricted(village: Village, eclipse_id: str) -> None:
    with writing(village.engine, village.clock) as write:
        write.session.execute(update(person).values(restricted=person.c.person_id == village.ids[eclipse_id]))
        move_access_version(write.session)


def pages(village: Village, limit: int) -> list[list[bool]]:
    """Which rows are restricted, page by page."""
    found: list[list[bool]] = []
    cursor = None
    while cursor is not None or not found:
        asked = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = village.get("manager", "/v1/people", **asked).json()
        found.append([each["restricted"] for each in page["people"]])
        cursor = page["next"]
    return found


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_where_a_restricted_row_stands_tells_nothing(limit: int, village: Village) -> None:
    """Whoever of the five it is, the pages look the same, and the blank row is the last of the last."""
    shapes = []
    for eclipse_id in ("EX1", "EX3", "EX5"):
        only_restricted(village, eclipse_id)
        shapes.append(pages(village, limit))
    assert shapes[0] == shapes[1] == shapes[2]
    assert [row for page in shapes[0] for row in page] == [False] * 4 + [True]


HIDDEN = ("NO1", "NOBODY")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (CONTACTS, {"occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}),
        ("/v1/accommodation", {"code": "U", "suitable": True, "judged_on": "2020-07-30"}),
        ("/v1/accommodation", {"code": "Q"}),
        ("/v1/care-leaver-statuses", {"support_at_21": "receiving"}),
        ("/v1/missing-episodes", {"started_on": "2020-07-30", "missing_kind": "missing"}),
        ("/v1/people/lookup", {}),
    ],
)
def test_a_write_does_not_tell_whether_there_is_somebody(path: str, said: dict[str, Any], village: Village) -> None:
    """Retried under the same key too: a refusal is not kept, and a key is one's own."""
    village.post("northern_adviser", path, said | {"eclipse_id": "NO1"}, key="mine")
    answers = [village.post("adviser", path, said | {"eclipse_id": e}, key="mine") for e in HIDDEN * 2]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].status_code in (404, 422)


def test_an_id_of_somebody_elses_fact_is_like_one_of_no_fact(village: Village) -> None:
    (place,) = village.whole("northern_manager", "NO1")["facts"]["accommodation"]
    said = {"code": "K", "suitable": False, "judged_on": "2020-07-30", "reason": "Seen"}
    for fact_id in (place["fact_id"], "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"):
        answer = village.put("adviser", f"/v1/accommodation/{fact_id}", said, if_match=place["etag"])
        assert answer.status_code == 404, "also with the right If-Match"
        stale = village.put("adviser", f"/v1/accommodation/{fact_id}", said, if_match="stale")
        assert stale.content == answer.content


@contextmanager
def selects(village: Village) -> Iterator[list[str]]:
    """The statements that the service runs meanwhile."""
    engine, run = village.client.app.state.door.engine, list[str]()  # type: ignore[attr-defined]

    def note(_: object, __: object, statement: str, *___: object) -> None:
        run.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_who_is_hidden_costs_the_same_statements_as_nobody(village: Village) -> None:
    """Statements are counted, since a clock on a shared machine says little."""
    village.restrict("EX2")
    asked = {"reason": "Police called at 02:10: found at the station"}
    for who, path, hidden, said in (
        ("adviser", "/v1/people/lookup", "NO1", {}),
        ("northern_adviser", "/v1/people/lookup", "EX2", {}),
        ("adviser", CONTACTS, "NO1", a_call("NO1")),
        ("duty_worker", "/v1/emergency-sight", "EX2", asked),
    ):
        village.post(who, path, said | {"eclipse_id": "NOBODY"})  # signs in, fills caches
        run = []
        for eclipse_id in (hidden, "NOBODY"):
            with selects(village) as statements:
                assert village.post(who, path, said | {"eclipse_id": eclipse_id}).status_code == 404
            run.append(statements)
        assert run[0] == run[1], path


def test_somebody_merged_and_hidden_costs_the_same_statements_as_nobody(village: Village) -> None:
    """EX1 and EX2 are one person and restricted; NO1 is another team's: none of them takes longer than no id at all."""
    twice = {"keep": {"eclipse_id": "EX1"}, "merge": {"eclipse_id": "EX2"}, "reason": "Registered twice"}
    assert village.post("manager", "/v1/people/merge", twice | {"although_births_differ": True}).status_code == 201
    village.restrict("EX2")
    for who, hidden in (("northern_adviser", "EX1"), ("northern_adviser", "EX2"), ("court", "EX1"), ("adviser", "NO1")):
        run = []
        for eclipse_id in ("NOBODY", hidden, "NOBODY"):
            with selects(village) as statements:
                answer = village.post(who, "/v1/people/lookup", {"eclipse_id": eclipse_id})
                assert answer.status_code == 404, answer.text
            run.append(statements)
        assert run[1] == run[2], (who, hidden)
