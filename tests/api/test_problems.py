"""Every way a request can end badly ends as a problem (RFC 9457) that says what is allowed."""

from typing import Any

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from service.api.problems import raced
from service.domain.facts import Source
from service.domain.versions import NewVersion
from service.store import audit, extracts, keys, people, record
from service.store.engine import writing
from service.store.extracts import Batch
from service.store.keys import Answer
from service.store.schema import deployment
from service.store.types import new_id
from tests.conftest import FRIDAY_MORNING, SetClock
from tests.factories import a_place
from tests.village import Village


def shape(answer: object) -> set[str]:
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    return set(answer.json())  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/", "/v1/nothing", "/docs", "/redoc", "/v2/tracker", "//v1/tracker"])
def test_an_address_that_is_not_there(village: Village, path: str) -> None:
    answer = village.client.get(f"http://127.0.0.1{path}", headers=village.headers("chief"))
    assert (answer.status_code, shape(answer)) == (404, {"type", "title", "status", "code"})
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/tracker", "GET"),
        ("POST", "/v1/people", "GET"),
        ("PUT", "/v1/contacts", "POST"),
        ("TRACE", "/v1/policy", "GET"),
        ("BREW", "/v1/policy", "GET"),
        ("PATCH", "/v1/accommodation/x", "PUT"),
        ("DELETE", "/metrics", "GET"),
    ],
)
def test_a_method_that_an_address_does_not_take(village: Village, method: str, path: str, allowed: str) -> None:
    answer = village.client.request(method, path, headers=village.headers("chief"))
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert shape(answer) == {"type", "title", "status", "code"}
    assert answer.headers["allow"] == allowed


def test_a_problem_names_its_type_and_repeats_its_status(village: Village) -> None:
    answer = village.get("chief", "/v1/people", limit="0")
    assert answer.json() == {
        "type": "urn:line-of-sight:problem:invalid",
        "title": "Some fields cannot be accepted",
        "status": 422,
        "code": "invalid",
        "fields": [{"path": "limit", "code": "greater_than_equal", "allowed": "at least 1"}],
    }


def test_a_choice_names_what_may_be_chosen(village: Village) -> None:
    field = village.get("chief", "/v1/tracker", format="xlsx").json()["fields"][0]
    assert (field["path"], field["allowed"]) == ("format", "one of 'json', 'csv' or 'html'")
    field = village.get("chief", "/v1/tracker", cohort="zq-canary").json()["fields"][0]
    assert (field["path"], field["code"]) == ("cohort", "unknown")
    assert "unsuitable_accommodation" in field["allowed"]


def test_no_token_is_asked_for_as_the_standard_says(village: Village) -> None:
    answer = village.client.get("/v1/tracker")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] == "not_signed_in"


def test_a_refusal_that_cannot_be_audited_asks_to_try_again(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device: canary")

    monkeypatch.setattr(audit, "note", full)
    for who, path in (("chief", "/v1/people/none"), ("robot", "/v1/tracker")):
        answer = village.get(who, path)
        assert (answer.status_code, shape(answer)) == (503, {"type", "title", "status", "code"})
        assert "canary" not in answer.text


def test_too_long_a_key_is_named_as_a_header(village: Village) -> None:
    answer = village.post("adviser", "/v1/contacts", {}, key="k" * 201)
    assert answer.status_code == 422
    assert {"path": "idempotency-key", "code": "string_too_long", "allowed": "at most 200 long"} in answer.json()[
        "fields"
    ]


# --- what a constraint stops ---------------------------------------------------------------


def _same_key(session: Any) -> None:
    for _ in range(2):
        keys.keep(session, "u", "k", Answer("0" * 64, 201, b"{}"), at=FRIDAY_MORNING)


def _same_run(session: Any) -> None:
    for _ in range(2):
        batch = Batch(
            batch_id=new_id(FRIDAY_MORNING), profile="ssd", source=Source.ECLIPSE, run_id="r", digest="0" * 64,
            extracted_at=FRIDAY_MORNING, state="open", manifest={}, report=None, created_by="u",
        )  # fmt: skip
        extracts.open_batch(session, batch, at=FRIDAY_MORNING)


def _same_stream(session: Any) -> None:
    person_id = new_id(FRIDAY_MORNING)
    people.add(session, {"Zq-canary": person_id}, at=FRIDAY_MORNING)
    for _ in range(2):
        version = NewVersion(fact=a_place(), person_id=person_id, fact_id="f", source=Source.API)
        record.append(session, [version], by="u", at=FRIDAY_MORNING, audit_id="a")


def _same_person(session: Any) -> None:
    for _ in range(2):
        people.add(session, {"Zq-canary": new_id(FRIDAY_MORNING)}, at=FRIDAY_MORNING)


def _nobody(session: Any) -> None:
    version = NewVersion(fact=a_place(), person_id="zq-canary", fact_id="f", source=Source.API)
    record.append(session, [version], by="u", at=FRIDAY_MORNING, audit_id="a")


def _nameless(session: Any) -> None:
    session.execute(insert(deployment).values(name=None, value="idempotency_key.key"))


@pytest.mark.parametrize(
    ("write", "expected"),
    [(_same_key, True), (_same_run, True), (_same_stream, True), (_same_person, False), (_nameless, False)],
)  # fmt: skip
def test_only_writers_who_met_at_one_key_may_try_again(
    write: Any, expected: bool, engine: Engine, clock: SetClock
) -> None:
    with pytest.raises(IntegrityError) as stopped, writing(engine, clock) as under_way:
        write(under_way.session)
        under_way.session.flush()
    assert raced(stopped.value) is expected


def test_who_writes_of_somebody_erased_meanwhile_may_try_again_and_finds_nobody(
    engine: Engine, clock: SetClock
) -> None:
    """On SQLite nobody writes meanwhile: there it would be a fault of ours."""
    with pytest.raises(IntegrityError) as stopped, writing(engine, clock) as under_way:
        _nobody(under_way.session)
    assert raced(stopped.value) is (engine.dialect.name == "postgresql")


@pytest.mark.parametrize(("write", "status", "code"), [(_same_key, 503, "busy"), (_same_person, 500, "failed")])
def test_a_fault_of_our_own_is_not_called_busy(
    write: Any, status: int, code: str, village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "note", lambda session, *_, **__: write(session))
    answer = village.get("chief", "/v1/people")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert shape(answer) == {"type", "title", "status", "code"}
    assert "canary" not in answer.text
    assert ("retry-after" in answer.headers) is (status == 503)
