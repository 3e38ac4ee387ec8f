"""What operations say of themselves holds when they are called: statuses, media types, examples that work."""

from typing import Any

from service.api.described import MEANINGS, problems, route_of
from service.domain.access import GRANTS, Role
from tests.api.test_dependencies import OPERATIONS, ask, document
from tests.village import Village


def said(method: str, path: str) -> dict[str, Any]:
    return dict(document()["paths"][path][method.lower()]["responses"])


def test_every_answer_is_one_that_was_described(village: Village) -> None:
    undescribed = []
    for who in ("head", "robot", "administrator", "lead_member"):
        for method, path, _, body in OPERATIONS:
            answer = ask(village, village.headers(who), method, path, body)
            described = said(method, path).get(str(answer.status_code))
            media_type = answer.headers["content-type"].partition(";")[0]
            if described is None or media_type not in described["content"]:
                undescribed.append((method, path, answer.status_code, media_type))
    assert not undescribed


def test_the_examples_of_bodies_are_taken(village: Village) -> None:
    """With somebody who is there in place of the example's person."""
    refused = []
    for method, path, permission, body in OPERATIONS:
        if body is None or "eclipse_id" not in body or method != "POST" or "{campaign_id}" in path:
            continue  # an answer needs a campaign under way: tests/api/test_campaigns.py
        if "user_id" in body or permission not in GRANTS[Role.HEAD_OF_SERVICE]:
            continue  # they have a file each: test_referrals.py, test_restrictions.py, test_emergency.py
        whom = "EX2" if path in ("/v1/accommodation", "/v1/contacts", "/v1/care-leaver-statuses") else "CH1"
        whom = "NO1" if path.endswith("/release") else whom  # whose id means nobody afterwards
        answer = village.post("head", path, body | {"eclipse_id": whom})
        if answer.status_code not in (200, 201):
            refused.append((path, answer.text))
    assert not refused


def test_problems_every_operation_has() -> None:
    assert {400, 401, 403, 413, 422, 503} <= problems().keys() <= MEANINGS.keys()


class _Route:
    path = "/people/{person_id}"


def test_a_route_is_its_pattern() -> None:
    assert route_of({"route": _Route(), "path": "/v1/people/x"}) == "/v1/people/{person_id}"
    assert route_of({"path": "/v1/x"}) == "none"
