"""Two abuses tried on every operation: fields that are the service's own, and filters that are more than a filter."""

import pytest

from service.domain.access import GRANTS, Role
from tests.api.test_dependencies import OPERATIONS, ask, document
from tests.village import Village, codes

OURS = (
    "restricted", "sealed_at", "team", "created_by", "recorded_at", "role", "version", "approved_by",
    "audit_id", "user", "scope",
)  # fmt: skip
MORE_THAN_A_FILTER = (
    "' OR '1'='1", "x' UNION SELECT name FROM person --", "%", "_", "*", "exeter_pt%", "EXETER_PT'--",
    "${7*7}", "{{7*7}}",
)  # fmt: skip
FILTERS = ("cohort", "locality", "service", "area", "team", "kind", "dataset", "code", "owner", "sheet", "form")


def who_may(permission: str) -> str:
    return next(role for role in Role if permission in GRANTS[role])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_body_sets_what_is_the_services_own(village: Village) -> None:
    taken = []
    for method, path, permission, body in OPERATIONS:
        fields = document()["paths"][path][method.lower()].get("requestBody", {}).get("content", {})
        if body is None or "application/json" not in fields:
            continue
        planted = {name: True for name in OURS if name not in body}
        answer = ask(village, village.headers(who_may(permission)), method, path, body | planted)
        refused = {name for name, code in codes(answer) if code == "extra_forbidden"}
        if answer.status_code != 422 or not refused >= planted.keys():
            taken.append((method, path, answer.text))
    assert not taken


@pytest.mark.parametrize("said", MORE_THAN_A_FILTER)
def test_a_filter_is_a_code_and_nothing_more(village: Village, said: str) -> None:
    """An unknown code is refused, or nobody has it: never somebody more than without the filter, never a failure."""
    for method, path, permission, _ in OPERATIONS:
        named = document()["paths"][path][method.lower()].get("parameters", [])
        for each in (p["name"] for p in named if p["in"] == "query" and p["name"] in FILTERS and method == "GET"):
            address = path.replace("{form}", "court")
            answer = village.client.get(address, params={each: said}, headers=village.headers(who_may(permission)))
            assert answer.status_code in (200, 422), (path, each, answer.text)
            if answer.status_code == 200:
                rows = [name for name, value in answer.json().items() if isinstance(value, list) and value]
                assert set(rows) <= {"freshness"}, (path, each)
