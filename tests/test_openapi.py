"""The committed OpenAPI document is the service's own, and says enough for a stranger to call it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.domain.access import Permission
from service.settings import Settings, from_environment

ROOT = Path(__file__).parent.parent
COMMITTED = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
PRODUCTION = {
    "LOS_ENVIRONMENT": "production", "LOS_ALLOWED_HOSTS": "los.example", "LOS_OIDC_AUDIENCE": "line-of-sight",
    "LOS_OIDC_ISSUER": "https://login.example/tenant/v2.0", "LOS_JWKS_URL": "https://login.example/tenant/keys",
}  # fmt: skip
# Who runs the service asks these; they hold nothing about anybody.
OPEN_TO_ALL = ("/health/", "/metrics")


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, verbs in COMMITTED["paths"].items():
        for verb, operation in verbs.items():
            if verb != "parameters":
                yield f"{verb.upper()} {path}", operation


OPERATIONS = dict(operations())
PROTECTED = [name for name in OPERATIONS if not name.split(" ")[1].startswith(OPEN_TO_ALL)]


def shows_an_example(content: dict[str, Any]) -> bool:
    """Whether a media type carries an example, itself or by its schema."""
    if "example" in content or "examples" in content:
        return True
    schema = content.get("schema", {})
    if "$ref" in schema:
        schema = COMMITTED["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return "example" in schema or "examples" in schema


def media_types(part: dict[str, Any]) -> list[dict[str, Any]]:
    return list(part.get("content", {}).values())


def test_the_committed_document_is_current(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'none.db'}")
    app = create_app(settings, lambda: datetime(2020, 7, 31, 8, tzinfo=UTC))
    assert app.openapi() == COMMITTED, "run scripts/openapi and commit openapi/openapi.json"


@pytest.mark.parametrize(("environment", "status"), [({}, 200), (PRODUCTION, 404)])
def test_it_is_served_to_developers_only(environment: dict[str, str], status: int, tmp_path: Path) -> None:
    here = {"LOS_DATA_DIR": str(tmp_path), "LOS_DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}"}
    app = create_app(from_environment(environment | here))
    host = "los.example" if environment else "127.0.0.1"
    assert TestClient(app, base_url=f"http://{host}").get("/openapi.json").status_code == status


def test_it_is_openapi_3_1() -> None:
    assert COMMITTED["openapi"].startswith("3.1")
    assert len(PROTECTED) > 10


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(ids) == len(set(ids))


def test_an_operation_has_a_summary() -> None:
    assert [name for name, operation in OPERATIONS.items() if not operation.get("summary", "").strip()] == []


def test_an_operation_shows_an_example() -> None:
    def silent(operation: dict[str, Any]) -> bool:
        answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        contents = [*media_types(operation.get("requestBody", {})), *(c for a in answers for c in media_types(a))]
        return not any(shows_an_example(content) for content in contents)

    assert [name for name, operation in OPERATIONS.items() if silent(operation)] == []


def test_an_operation_names_its_problems() -> None:
    def unprepared(name: str) -> bool:
        problems = {s: answer for s, answer in OPERATIONS[name]["responses"].items() if s[0] in "45"}
        plain = any(list(answer["content"]) != ["application/problem+json"] for answer in problems.values())
        return plain or not {"401", "403"} <= problems.keys()

    assert [name for name in PROTECTED if unprepared(name)] == []


def test_an_operation_names_the_permission_it_needs() -> None:
    assert [name for name in PROTECTED if OPERATIONS[name].get("x-permission") not in set(Permission)] == []


def test_an_operation_asks_for_a_token() -> None:
    assert [name for name in PROTECTED if not (OPERATIONS[name].get("security") or COMMITTED.get("security"))] == []


def test_what_creates_asks_for_an_idempotency_key() -> None:
    def careless(name: str) -> bool:
        headers = {p["name"].lower() for p in OPERATIONS[name].get("parameters", []) if p["in"] == "header"}
        creates = "201" in OPERATIONS[name]["responses"] and "/ingest/" not in name
        return creates and "idempotency-key" not in headers

    assert [name for name in PROTECTED if careless(name)] == []
