"""Every way a request can end badly ends as a problem (RFC 9457) that says what is allowed."""

import pytest

from service.store import audit
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
