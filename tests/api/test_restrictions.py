"""Restricted records over HTTP: who opens one, what nobody else learns, two people to clear it, and races."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from service.api import tracker as tracker_api
from service.domain.access import Role, ScopeKind
from service.domain.data_quality import Issue
from service.domain.facts import KINDS, Source
from service.operations import entries, people
from service.store import issues, users
from service.store.engine import reading, writing
from service.store.schema import FACTS, audit_entry, batch, person
from service.store.schema_access import restriction
from tests.village import HIDDEN, Village, codes, identities

HERE = "/v1/restrictions"
QA = "senior_manager_safeguarding_qa"
WHY = "A parent of the child works in the council"
SAID = {"occurred_at": "2020-07-31T08:30:00+01:00", "contact_kind": "phone", "outcome": "made"}
NOBODY = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"
LENT = "lent"  # a manager lent the whole county: every function of the line, and nobody's manager there


@pytest.fixture
def lent(village: Village) -> Village:
    """EX5 is restricted; somebody with every function of the line has the county in scope."""
    village.tokens[LENT] = village.sign_in(Role.TEAM_MANAGER, scope=ScopeKind.COUNTY, name="Lent")
    return village


def user_id_of(village: Village, who: str) -> str:
    village.token(who)
    with reading(village.engine) as session:
        by_name = users.find_user_by_name(session, {LENT: "Lent"}.get(who, f"Demo {who}"))
    assert by_name is not None
    return by_name.user_id


def restricted(village: Village, whom: str = "EX1", *, who: str = QA, allow: tuple[str, ...] = ()) -> dict[str, Any]:
    ids = [user_id_of(village, each) for each in allow]
    answer = village.post(who, HERE, {"eclipse_id": whom, "reason": WHY, "allow": ids})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def opens(village: Village, who: str, whom: str = "EX1", **more: str) -> int:
    headers = village.headers(who, **more)
    return int(village.client.get(f"/v1/people/{village.ids[whom]}", headers=headers).status_code)


# --- who opens one -------------------------------------------------------------------------


def test_from_restricted_to_cleared(lent: Village) -> None:
    assert opens(lent, LENT) == 200
    made = restricted(lent, allow=("duty_worker",))
    assert (made["person_id"], made["eclipse_id"], made["reason"]) == (None, None, WHY)
    assert [each["name"] for each in made["allowed"]] == ["Demo duty_worker"]
    assert opens(lent, LENT) == opens(lent, QA, access_reason=WHY) == opens(lent, "northern_manager") == 404
    assert opens(lent, "duty_worker", access_reason=WHY) == opens(lent, "adviser") == opens(lent, "manager") == 200
    here, body = f"{HERE}/{made['restriction_id']}", {"user_id": user_id_of(lent, LENT), "reason": "Leads the review"}
    assert lent.post(QA, f"{here}/allow", body).status_code == 200
    assert opens(lent, LENT) == 200
    assert lent.post(QA, f"{here}/disallow", body).json()["allowed"] == made["allowed"]
    assert opens(lent, LENT) == 404
    asked = lent.post(QA, f"{here}/clear", {"reason": "The parent has left"})
    assert asked.json()["clearing"]["asked_by"] == f"Demo {QA}"
    own = lent.post(QA, f"{here}/clearing", {"decision": "cleared", "reason": "So do I"})
    assert (own.status_code, own.json()["code"]) == (403, "own_request")
    assert opens(lent, LENT) == 404
    decided = lent.post("head", f"{here}/clearing", {"decision": "cleared", "reason": "Seen the leaving letter"})
    assert (decided.status_code, decided.json()["decision"]) == (200, "cleared")
    assert opens(lent, LENT) == 200
    again = lent.post("head", f"{here}/clearing", {"decision": "cleared", "reason": "Seen the leaving letter"})
    assert again.status_code == 404


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_nobody_puts_themselves_on_a_list(village: Village) -> None:
    own = {"user_id": user_id_of(village, QA), "reason": WHY}
    first = village.post(QA, HERE, {"eclipse_id": "EX1", "reason": WHY, "allow": [own["user_id"]]})
    assert (first.status_code, first.json()["code"]) == (403, "own_request")
    assert village.held(restriction) == 0
    made = restricted(village, allow=("duty_worker",))
    later = village.post(QA, f"{HERE}/{made['restriction_id']}/allow", own)
    assert (later.status_code, later.json()["code"]) == (403, "own_request")
    assert opens(village, QA, access_reason=WHY) == 404
    (shown,) = village.get(QA, HERE).json()["restrictions"]
    assert [each["name"] for each in shown["allowed"]] == ["Demo duty_worker"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_opens_a_record_to_others_without_opening_it_is_told_of_and_counted(lent: Village) -> None:
    def alerts() -> list[tuple[str | None, str | None, str]]:
        said = lent.get("information_governance", "/v1/audit/alerts").json()["entries"]
        return [(each["act"], each["person_id"], each["detail"]["user_id"]) for each in said]

    def counted() -> float:
        return REGISTRY.get_sample_value("los_alerts_total", {"kind": "allow_list"}) or 0

    made, before = restricted(lent, allow=("duty_worker",)), counted()
    assert alerts() == [], "whoever restricts a record opens it until then"
    body = {"user_id": user_id_of(lent, LENT), "reason": "Leads the review"}
    assert lent.post(QA, f"{HERE}/{made['restriction_id']}/allow", body, key="k").status_code == 200
    assert lent.post(QA, f"{HERE}/{made['restriction_id']}/allow", body, key="k").status_code == 200
    assert alerts() == [("alert.allow_list", lent.ids["EX1"], body["user_id"])]
    assert lent.post(QA, f"{HERE}/{made['restriction_id']}/allow", body).status_code == 409
    assert counted() - before == 1


def test_head_and_chief_say_why_each_time_and_it_is_in_the_audit(village: Village) -> None:
    for who in ("head", "chief"):
        before = village.audit()
        without = village.get(who, f"/v1/people/{village.ids['EX5']}")
        assert (without.status_code, without.json()["code"]) == (403, "reason_needed")
        assert not list(identities(without.content))
        assert opens(village, who, "EX5", access_reason=WHY) == 200
        refused, done = sorted(village.noted(before), key=lambda entry: entry.outcome, reverse=True)
        assert (refused.act, refused.outcome, refused.person_id) == ("denied", "reason_needed", village.ids["EX5"])
        assert (done.act, done.reason, done.person_id) == ("read.person", WHY, village.ids["EX5"])
    said = SAID | {"eclipse_id": "EX5"}
    assert village.post("head", "/v1/contacts", said).json()["code"] == "reason_needed"
    assert village.post("head", "/v1/contacts", said, access_reason=WHY).status_code == 201
    assert village.post("adviser", "/v1/contacts", said).status_code == 201


def test_whose_records_are_restricted_is_told_to_whoever_may_open_them(village: Village) -> None:
    made = restricted(village)
    blind, reasoned = (
        village.get("head", HERE),
        village.client.get(HERE, headers=village.headers("chief", access_reason=WHY)),
    )
    own = village.get(QA, HERE)
    for answer in (blind, own):
        assert {each["person_id"] for each in answer.json()["restrictions"]} == {None}
        assert not list(identities(answer.content))
        assert not [each for each in village.ids.values() if each in answer.text]
    assert made["restriction_id"] in own.text
    assert "EX1" in {each["eclipse_id"] for each in reasoned.json()["restrictions"]}


def test_restricting_and_clearing_are_for_those_who_may(village: Village) -> None:
    made = restricted(village)
    here, why = f"{HERE}/{made['restriction_id']}", {"reason": WHY}
    account = why | {"user_id": user_id_of(village, "duty_worker")}
    for who in ("head", "chief", "manager", "adviser", "administrator", "robot"):
        refused = [village.post(who, HERE, why | {"eclipse_id": "EX2"}), village.post(who, f"{here}/clear", why)]
        refused += [village.post(who, f"{here}/{act}", account) for act in ("allow", "disallow")]
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(403, "not_permitted")}
    for who in ("manager", "adviser", "administrator", "robot"):
        assert village.post(who, f"{here}/clearing", why | {"decision": "cleared"}).status_code == 403
        assert village.get(who, HERE).status_code == 403


def test_a_retry_restricts_once_and_gets_the_same_answer(village: Village) -> None:
    body = {"eclipse_id": "EX1", "reason": WHY}
    first, second = (village.post(QA, HERE, body, key="once") for _ in range(2))
    assert (first.status_code, second.content) == (201, first.content)
    assert village.post(QA, HERE, body | {"eclipse_id": "EX2"}, key="once").status_code == 422
    hidden, unknown = village.post(QA, HERE, body), village.post(QA, HERE, body | {"eclipse_id": "NOBODY"})
    assert (hidden.status_code, hidden.content) == (404, unknown.content)
    both = village.post(QA, HERE, body | {"person_id": village.ids["EX1"]})
    assert codes(both) == [("person_id", "one_of"), ("eclipse_id", "one_of")]


def test_two_again_are_as_restricted_as_the_third_whom_they_were_one_with(lent: Village) -> None:
    """EX5 was restricted first, and stays merged; EX2 comes out of the merge shut."""
    merge = {"keep": {"eclipse_id": "EX1"}, "reason": "Registered twice", "although_births_differ": True}
    for other in ("EX5", "EX2"):
        made = lent.post("manager", "/v1/people/merge", merge | {"merge": {"eclipse_id": other}}, access_reason=WHY)
        assert made.status_code == 201, made.text
    why = {"reason": "Two people after all"}
    undone = lent.post("manager", f"/v1/people/merge/{made.json()['merge_id']}/undo", why, access_reason=WHY)
    assert undone.status_code == 200, undone.text
    assert [opens(lent, LENT, whom, access_reason=WHY) for whom in ("EX1", "EX2", "EX5")] == [404] * 3
    assert opens(lent, "manager", "EX2", access_reason=WHY) == 200


@pytest.mark.parametrize("address", ["/v1/contacts", "/v1/accommodation", "/v1/people/merge", "/v1/users"])
@pytest.mark.parametrize("name", ["restricted", "allow", "restriction"])
def test_no_body_sets_or_clears_a_restriction(village: Village, address: str, name: str) -> None:
    body = {
        "/v1/contacts": SAID | {"eclipse_id": "EX5"}, "/v1/accommodation": {"eclipse_id": "EX5", "code": "U"},
        "/v1/people/merge": {"keep": {"eclipse_id": "EX5"}, "merge": {"eclipse_id": "EX1"}, "reason": WHY},
        "/v1/users": {"issuer": "i", "subject": "s", "name": "n", "roles": ["iro"], "scopes": [{"kind": "own"}]},
    }[address]  # fmt: skip
    who = "administrator" if address == "/v1/users" else "manager"
    answer = village.post(who, address, body | {name: False})
    assert (answer.status_code, [code for _, code in codes(answer)]) == (422, ["extra_forbidden"])
    with reading(village.engine) as session:
        assert session.scalar(select(person.c.restricted).where(person.c.person_id == village.ids["EX5"]))


# --- what nobody else learns ---------------------------------------------------------------


def fact_of(village: Village, kind: str, whom: str) -> str:
    table = FACTS[kind]
    with reading(village.engine) as session:
        found = session.scalar(select(table.c.fact_id).where(table.c.person_id == village.ids[whom]))
    assert found is not None
    return str(found)


Ask = Callable[[Village, str, str, str], Any]


def _read(path: str) -> Ask:
    return lambda v, who, person_id, _: v.get(who, path.format(person_id))


def _post(path: str, body: Callable[[str, str], Any], **more: str) -> Ask:
    return lambda v, who, person_id, eclipse_id: v.post(who, path, body(person_id, eclipse_id), **more)


MERGE = {"reason": "Registered twice", "although_births_differ": True}
BY_PERSON: dict[str, tuple[str, Ask]] = {
    "whole": (LENT, _read("/v1/people/{}")),
    "timeline": (LENT, _read("/v1/people/{}/timeline")),
    "contacts": (LENT, _read("/v1/people/{}/contacts")),
    "conflicts": (LENT, _read("/v1/conflicts?person_id={}")),
    "as known before": (LENT, _read("/v1/people/{}?known_at=2020-07-31T07:30:00Z")),
    "look-up": (LENT, _post("/v1/people/lookup", lambda _, e: {"eclipse_id": e})),
    "look-up in lower case": (LENT, _post("/v1/people/lookup", lambda _, e: {"eclipse_id": e.lower()})),
    "look-up with a space": (LENT, _post("/v1/people/lookup", lambda _, e: {"eclipse_id": f"{e} "})),
    "contact": (LENT, _post("/v1/contacts", lambda p, _: SAID | {"person_id": p})),
    "contact by Eclipse's id": (LENT, _post("/v1/contacts", lambda _, e: SAID | {"eclipse_id": e})),
    "batch": (
        LENT,
        _post("/v1/contacts/batch", lambda _, e: {"contacts": [SAID | {"eclipse_id": e, "idempotency_key": "k"}]}),
    ),
    "accommodation": (LENT, _post("/v1/accommodation", lambda _, e: {"eclipse_id": e, "code": "U"})),
    "merge into": (
        LENT,
        _post("/v1/people/merge", lambda _, e: MERGE | {"keep": {"eclipse_id": e}, "merge": {"eclipse_id": "EX2"}}),
    ),
    "merge": (
        LENT,
        _post("/v1/people/merge", lambda _, e: MERGE | {"keep": {"eclipse_id": "EX2"}, "merge": {"eclipse_id": e}}),
    ),
    "release": (LENT, _post("/v1/people/identifiers/release", lambda _, e: {"eclipse_id": e, "reason": WHY})),
    "restrict": (QA, _post(HERE, lambda p, _: {"person_id": p, "reason": WHY})),
    "refer": (
        LENT,
        _post(
            "/v1/referrals",
            lambda p, _: {"person_id": p, "user_id": NOBODY, "ends_on": "2020-08-31", "reason": WHY},
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BY_PERSON)
def test_by_a_persons_id_a_restricted_record_is_an_unknown_one_byte_for_byte(lent: Village, what: str) -> None:
    who, ask = BY_PERSON[what]
    rows = {kind: lent.held(FACTS[kind]) for kind in KINDS}
    hidden, unknown = ask(lent, who, lent.ids["EX5"], "EX5"), ask(lent, who, NOBODY, "XX9")
    assert (hidden.status_code, hidden.content) == (unknown.status_code, unknown.content)
    assert sorted(hidden.headers.keys()) == sorted(unknown.headers.keys())
    assert unknown.status_code == 404 or what == "batch", unknown.text
    assert '"status":404' in unknown.text.replace(" ", "") or what != "batch"
    assert {kind: lent.held(FACTS[kind]) for kind in KINDS} == rows


REASON = {"reason": "Looked at again"}
PLACE = {"started_on": "2020-07-11", "code": "U", **REASON}
BY_FACT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "correct": ("PUT", "/v1/accommodation/{}", PLACE),
    "approve": ("POST", "/v1/accommodation/{}/approve", {}),
    "withdraw": ("POST", "/v1/accommodation/{}/withdraw", REASON),
    "settle": ("POST", "/v1/conflicts/settle", {"kind": "accommodation", "version_id": "x", **REASON}),
    "join": ("POST", "/v1/conflicts/join", {"kind": "accommodation", "same_as": "{other}", **REASON}),
    "apart": ("POST", "/v1/conflicts/apart", {"kind": "accommodation", "other_fact_id": "{other}", **REASON}),
}


@pytest.mark.parametrize("what", BY_FACT)
def test_by_a_facts_id_a_restricted_record_is_an_unknown_one_byte_for_byte(lent: Village, what: str) -> None:
    method, path, body = BY_FACT[what]
    other = fact_of(lent, "accommodation", "EX1")
    answers = []
    for fact_id in (fact_of(lent, "accommodation", "EX5"), NOBODY):
        said = {name: str(value).format(other=other) for name, value in body.items()}
        said |= {} if "{}" in path else {"fact_id": fact_id}
        headers = lent.headers(LENT, if_match="x", idempotency_key=f"{what} {fact_id}")
        answers.append(lent.client.request(method, path.format(fact_id), json=said, headers=headers))
    hidden, unknown = answers
    assert (hidden.status_code, hidden.content) == (404, unknown.content), hidden.text
    assert sorted(hidden.headers.keys()) == sorted(unknown.headers.keys())


@pytest.mark.parametrize(
    "path", ["/v1/people", "/v1/tracker", "/v1/tracker?format=csv", "/v1/conflicts", "/v1/data-quality/rows"]
)
@pytest.mark.parametrize("who", ["manager", "head", LENT])
def test_no_list_names_it_even_to_those_who_may_open_it(lent: Village, path: str, who: str) -> None:
    answer = lent.get(who, path)
    assert answer.status_code == 200, answer.text
    for each in (HIDDEN, "EX5", lent.ids["EX5"], fact_of(lent, "accommodation", "EX5")):
        assert each not in answer.text, each


def test_of_a_record_merged_with_a_restricted_one_no_issue_is_named(lent: Village) -> None:
    """EX1 is one person with EX5, so restricted: what is wrong with a row of EX1 is counted, and not whose it is."""
    row = {"spell_id": "DQ1", "eclipse_id": "EX1", "started_on": "2020-07-20", "code": "No such place"}
    header, line = ",".join(row), ",".join(row.values())
    lent.push("cohorts", {"accommodation": f"{header}\n{line}\n".encode()}, run_id="dq", hours_ago=1)
    path = "/v1/data-quality/rows"
    assert lent.ids["EX1"] in lent.get(LENT, path).text
    named = {"keep": {"eclipse_id": "EX1"}, "merge": {"eclipse_id": "EX5"}}
    assert lent.post("manager", "/v1/people/merge", MERGE | named).status_code == 201
    told = lent.get(LENT, path)
    assert lent.ids["EX1"] not in told.text
    assert "DQ1" not in told.text


@pytest.mark.parametrize(("key", "named"), [("EX5", 0), ("EX5/1", 0), ("EX5:2020", 0), ("EX55", 1), ("EX1/1", 1)])
def test_a_row_of_nobody_we_know_is_not_named_by_the_id_of_a_restricted_record(
    lent: Village, key: str, named: int
) -> None:
    with writing(lent.engine, lent.clock) as write:
        batch_id = write.session.scalar(select(batch.c.batch_id).limit(1))
        found = Issue("contacts", 7, key, "occurred_at", "not_a_date", "a date", False)
        issues.add(write.session, str(batch_id), Source.ECLIPSE, "cohorts", [found], at=write.now)
    told = lent.get(LENT, "/v1/data-quality/rows", code="not_a_date")
    assert told.status_code == 200, told.text
    assert [(row["key"], row["row"]) for row in told.json()["rows"]] == [(key, 7)] * named
    whole = lent.get(LENT, "/v1/data-quality/rows").json()["rows"]
    assert [row["issue_id"] for row in whole].count(None) == 1 - named, "one blank row, whatever else is wrong"


# --- races ---------------------------------------------------------------------------------


def entered(village: Village, *acts: str) -> list[Any]:
    with reading(village.engine) as session:
        rows = session.execute(select(audit_entry).where(audit_entry.c.act.in_(acts))).all()
    return sorted(rows, key=lambda entry: (entry.recorded_at, entry.act))


def interrupted(village: Village, monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> None:
    """EX1 is restricted between a read's computing and its answer, once."""
    compute, done = getattr(where, name), []

    def meanwhile(*args: Any, **options: Any) -> Any:
        found = compute(*args, **options)
        if not done:
            done.append(True)
            village.clock.advance(seconds=1)
            restricted(village)
            village.clock.advance(seconds=1)
        return found

    monkeypatch.setattr(where, name, meanwhile)


def test_a_person_read_while_the_record_is_restricted_is_not_shown(
    lent: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent.token(QA)
    interrupted(lent, monkeypatch, people, "one")
    answer = lent.get(LENT, f"/v1/people/{lent.ids['EX1']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert [entry.act for entry in entered(lent, "read.person", "record.restrict")] == ["record.restrict"]


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_tracker_pulled_while_a_record_is_restricted_is_without_it(
    lent: Village, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent.token(QA)
    interrupted(lent, monkeypatch, tracker_api.tracker, "computed")
    answer = lent.get(LENT, "/v1/tracker", format=form)
    assert answer.status_code == 200
    assert [e.act for e in entered(lent, "record.restrict", "read.tracker")] == ["record.restrict", "read.tracker"]
    assert "Rowan" not in answer.text
    assert lent.ids["EX1"] not in answer.text


def test_a_contact_logged_while_the_record_is_restricted_is_wholly_before_or_after(
    lent: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The restriction waits for the write that had begun; whatever comes after finds nobody."""
    lent.token(QA)
    enter, restricting = entries.enter, []

    def meanwhile(*args: Any, **options: Any) -> Any:
        if not restricting:
            restricting.append(threading.Thread(target=lambda: restricted(lent)))
            restricting[0].start()
            restricting[0].join(timeout=0.3)
            assert restricting[0].is_alive(), "it waits until the contact is committed"
            lent.clock.advance(seconds=0)
        return enter(*args, **options)

    monkeypatch.setattr(entries, "enter", meanwhile)
    said = SAID | {"eclipse_id": "EX1"}
    first = lent.post(LENT, "/v1/contacts", said)
    restricting[0].join(timeout=20)
    assert first.status_code == 201, first.text
    assert lent.post(LENT, "/v1/contacts", said).status_code == 404
    logged, restrict = (entered(lent, act) for act in ("log.contact", "record.restrict"))
    assert len(logged) == len(restrict) == 1
    assert logged[0].recorded_at <= restrict[0].recorded_at


class Ticking:
    """A clock of which each look is later than the one before."""

    def __init__(self, village: Village) -> None:
        self.village, self.guard = village, threading.Lock()

    def __call__(self) -> Any:
        with self.guard:
            self.village.clock.advance(milliseconds=1)
            return self.village.clock()


def test_no_answer_begun_before_a_restriction_stands_after_it_in_the_audit(lent: Village) -> None:
    """Readers and writers go on while the record is restricted: each either came before, or finds nothing."""
    app = lent.client.app  # type: ignore[attr-defined]
    door = app.state.door
    object.__setattr__(door, "clock", Ticking(lent))
    for who in (QA, LENT):
        lent.token(who)
    stop, shown, faults = threading.Event(), [], []
    person_id = lent.ids["EX1"]

    def look(path: str) -> None:
        while not stop.is_set():
            answer = lent.client.get(path, headers=lent.headers(LENT))
            if answer.status_code not in (200, 404, 503):
                faults.append(answer.text)
            if answer.status_code == 200 and "Rowan" in answer.text:
                shown.append(path)

    def log(n: int) -> None:
        while not stop.is_set():
            headers = lent.headers(LENT, idempotency_key=f"{n}-{len(shown)}-{threading.get_ident()}-{lent.clock()}")
            answer = lent.client.post("/v1/contacts", json=SAID | {"eclipse_id": "EX1"}, headers=headers)
            if answer.status_code == 201:
                shown.append("log")
            elif answer.status_code not in (404, 503):
                faults.append(answer.text)

    paths = (f"/v1/people/{person_id}", "/v1/people")
    threads = [threading.Thread(target=look, args=(path,)) for path in paths]
    threads.append(threading.Thread(target=log, args=(1,)))
    for thread in threads:
        thread.start()
    while len(shown) < 6 and not faults:
        stop.wait(0.02)
    restricted(lent)
    after = len(shown)
    stop.wait(0.3)
    stop.set()
    for thread in threads:
        thread.join(timeout=30)
    assert faults == []
    (moment,) = [entry.recorded_at for entry in entered(lent, "record.restrict")]
    opened = entered(lent, "read.person", "log.contact")
    assert opened
    assert all(entry.recorded_at < moment for entry in opened)
    assert len(shown) - after <= len(threads), "what was under way when the answer came back"
    assert [path for path in shown if path == paths[0]] == [paths[0]] * len(entered(lent, "read.person"))
    with reading(lent.engine) as session:
        assert session.scalar(select(restriction.c.recorded_at).where(restriction.c.person_id == person_id)) == moment
