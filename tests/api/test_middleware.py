"""Around every request: a size limit, safe headers, a request id, and log lines that name nobody."""

import base64
import errno
import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.app import log_as_json
from service.operations import tracker
from tests.village import NAMES, Village

MIB = 1024 * 1024


def chunks(size: int) -> Iterator[bytes]:
    """A body whose size nobody announces."""
    for _ in range(size // 65536):
        yield b" " * 65536


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """Logging as the service does it, on captured standard output."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers
    log_as_json()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(), cache_logger_on_first_use=False)
    yield capsys
    structlog.configure(**before)
    logging.getLogger().handlers = handlers


def test_a_large_body_is_too_large_announced_or_not(village: Village) -> None:
    headers = village.headers("manager", idempotency_key="k", content_type="application/json")
    announced = village.client.post("/v1/contacts", content=b" " * (2 * MIB + 1), headers=headers)
    creeping = village.client.post("/v1/contacts", content=chunks(3 * MIB), headers=headers)
    for answer in (announced, creeping):
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), answer.text
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/ingest/batches"), ("POST", "/v1/ingest/batches/b/approve"), ("PUT", "/v1/ingest/batches/b/x/y")],
)
def test_only_a_dataset_may_be_larger_than_a_body(village: Village, method: str, path: str) -> None:
    headers = village.headers("robot", content_type="application/json")
    answer = village.client.request(method, path, content=b" " * (2 * MIB + 1), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_dataset_may_be_larger_than_a_body_but_not_endless(village: Village) -> None:
    headers = village.headers("robot", content_type="text/csv")
    path = "/v1/ingest/batches/none/datasets/ssd_person"
    assert village.client.put(path, content=b"x" * (3 * MIB), headers=headers).status_code == 404
    assert village.client.put(path, content=chunks(65 * MIB), headers=headers).status_code == 413


@pytest.mark.parametrize("length", ["abc", "-1", "9" * 400])
def test_a_length_that_is_none_is_no_failure(village: Village, length: str) -> None:
    headers = village.headers("manager", idempotency_key="k", content_type="application/json", content_length=length)
    assert village.client.post("/v1/contacts", content=b"{}", headers=headers).status_code in (400, 413, 422)


@pytest.mark.parametrize("path", ["/v1/tracker", "/v1/people/none", "/nowhere", "/health/live"])
def test_every_answer_is_kept_by_nobody_and_framed_by_nobody(village: Village, path: str) -> None:
    answer = village.get("chief", path)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert len(answer.headers["x-request-id"]) == 36


def test_a_page_has_the_one_style_that_the_answer_allows(village: Village) -> None:
    """By its hash: what somebody smuggled into a page has another, and an attribute has none."""
    answer = village.get("chief", "/v1/tracker", format="html")
    (style,) = re.findall("<style>(.*?)</style>", answer.text, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = answer.headers["content-security-policy"]
    assert f"'sha256-{allowed}'" in policy
    assert "unsafe" not in policy
    assert " style=" not in answer.text


def test_two_requests_have_two_ids(village: Village) -> None:
    ids = {village.get("chief", "/v1/policy").headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2


def test_a_line_a_request_is_one_json_object_without_query_or_name(
    village: Village, lines: pytest.CaptureFixture[str]
) -> None:
    village.get("chief", "/v1/tracker", locality="canary-query")
    village.get("chief", f"/v1/people/{village.ids['EX1']}")
    village.get("chief", "/v1/people/canary-path")
    village.get("chief", "/canary%0d%0aINFO%20forged")
    village.post("adviser", "/v1/people/lookup", {"eclipse_id": "EX1"})
    said = lines.readouterr().out
    logged = [json.loads(line) for line in said.splitlines()]
    assert [(line["route"], line["status"]) for line in logged] == [
        ("/v1/tracker", 422),
        ("/v1/people/{person_id}", 200),
        ("/v1/people/{person_id}", 404),
        ("none", 404),
        ("/v1/people/lookup", 200),
    ]
    assert {"event", "level", "timestamp", "method", "ms", "request_id"} <= logged[0].keys()
    assert not [word for word in (*NAMES, "canary", "EX1", village.ids["EX1"]) if word in said]


def test_a_failure_nobody_foresaw_is_a_problem_and_its_line_says_where_not_what(
    village: Village, lines: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("canary Rowan Demo-Ashford")

    monkeypatch.setattr(tracker, "computed", broken)
    answer = village.get("chief", "/v1/tracker")
    assert (answer.status_code, answer.json()["code"]) == (500, "failed")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    seen = lines.readouterr()
    failure = next(line for line in map(json.loads, seen.out.splitlines()) if line["event"] == "unhandled")
    assert failure["kind"] == "ValueError"
    assert failure["at"].startswith("test_middleware.py:")
    assert "canary" not in answer.text + seen.out + seen.err


def failing(error: Exception) -> Callable[..., None]:
    """What fails in a worker thread, after a library has said something there."""

    def fail(*_: object, **__: object) -> None:
        logging.getLogger("some.library").warning("of a library")
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "event"), [(ValueError("canary"), "unhandled"), (PoolTimeout("canary"), "database_busy"), (None, None)]
)
def test_each_line_of_a_request_says_which_it_was(
    village: Village, lines: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: Exception | None,
    event: str | None,
) -> None:  # fmt: skip
    """Those of worker threads too: by the id in the answer, and in the audit, one finds why it failed."""
    log_as_json()  # on the output that is captured now
    if error:
        monkeypatch.setattr(tracker, "computed", failing(error))
    else:
        village.tokens["chief"] = "no.token.ever"
    answer = village.get("chief", "/v1/tracker")
    logged = [json.loads(line) for line in lines.readouterr().out.splitlines()]
    assert [line["event"] for line in logged] == (["of a library", event] if error else ["token_refused"]) + ["request"]
    assert {line["request_id"] for line in logged} == {answer.headers["x-request-id"]}
    village.client.get("/health/live")
    structlog.get_logger().warning("between requests")
    live, between = (json.loads(line) for line in lines.readouterr().out.splitlines())
    assert live["request_id"] != answer.headers["x-request-id"]
    assert "request_id" not in between


@pytest.mark.parametrize("told", [psycopg.OperationalError("canary"), OSError(errno.ENOSPC, "canary"), None])
def test_a_database_that_is_busy_asks_to_try_again(
    village: Village, monkeypatch: pytest.MonkeyPatch, told: Exception | None
) -> None:
    def clashing(*_: object, **__: object) -> None:
        raise OperationalError("SELECT canary", {}, told) if told else PoolTimeout("canary")

    monkeypatch.setattr(tracker, "computed", clashing)
    answer = village.get("chief", "/v1/tracker")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "busy", "2")
    assert "canary" not in answer.text


def test_what_is_not_ready_says_when_to_ask_again(village: Village) -> None:
    app: Any = village.client.app  # type: ignore[attr-defined]
    app.state.door = replace(app.state.door, schema="another")
    answer = village.client.get("/health/ready")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "not_ready", "5")


def test_a_statement_that_is_wrong_is_not_called_busy(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    """To try it again would not help: it is answered as the fault of ours that it is."""

    def wrong(*_: object, **__: object) -> None:
        raise OperationalError("SELECT canary", {}, ValueError("canary"))

    monkeypatch.setattr(tracker, "computed", wrong)
    answer = village.get("chief", "/v1/tracker")
    assert (answer.status_code, answer.json()["code"]) == (500, "failed")


def test_a_head_of_more_than_sixteen_kibibytes_is_refused(village: Village) -> None:
    for request in (
        {"params": [("a", "x")] * 10_000},
        {"headers": {"X-Long": "x" * 17_000}},
        {"headers": {"Authorization": "Bearer " + "x" * 17_000}},
    ):
        answer = village.client.get("/v1/people", **request)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["code"]) == (431, "head_too_large")
    assert village.get("chief", "/v1/people").status_code == 200
