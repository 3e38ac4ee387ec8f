"""Who is let in, to what, and that it leaves a trace: every role at every operation, and every read in the audit."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.api import dependencies
from service.domain.access import GRANTS, Permission, Role
from service.operations import people
from service.store import audit, users
from service.store.engine import reading, writing
from service.store.schema import audit_people
from service.store.users import UserAccount
from tests.conftest import ROOT
from tests.village import NAMES, Village, identities

Operation = tuple[str, str, Permission, dict[str, Any] | None]


@cache
def document() -> dict[str, Any]:
    text = Path(ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def operations() -> Iterator[Operation]:
    """(method, path, permission, an example of the body) of each operation that asks for a token."""
    for path, verbs in document()["paths"].items():
        for verb, operation in verbs.items():
            if "x-permission" in operation:
                yield verb.upper(), path, Permission(operation["x-permission"]), _example(operation)


def _example(operation: dict[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema = content["schema"]
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if schema.get("examples"):
        return dict(schema["examples"][0])
    return {name: field["examples"][0] for name, field in schema.get("properties", {}).items() if field.get("examples")}


OPERATIONS = list(operations())
READS_OF_PEOPLE = [(m, p, b) for m, p, needed, b in OPERATIONS if needed.startswith(("read_p", "read_t"))]


def ask(village: Village, headers: dict[str, str], method: str, path: str, body: dict[str, Any] | None) -> Any:
    nobody = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"
    address = path.replace("{name}", "ssd_person")
    for name in ("{person_id}", "{merge_id}", "{fact_id}", "{batch_id}", "{user_id}"):
        address = address.replace(name, nobody)
    headers = headers | {"If-Match": "x", "Idempotency-Key": f"{method} {path}"}
    if body is None:
        return village.client.request(method, address, headers=headers)
    return village.client.request(method, address, json=body, headers=headers)


def test_the_matrix_is_walked_whole() -> None:
    assert len(OPERATIONS) > 40
    assert {permission for _, _, permission, _ in OPERATIONS} == set(Permission)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("role", Role)
def test_a_role_does_what_it_is_granted_and_nothing_else(village: Village, role: Role) -> None:
    headers = village.headers(role)
    before, refused = village.audit(), 0
    for method, path, permission, body in OPERATIONS:
        answer = ask(village, headers, method, path, body)
        allowed = permission in GRANTS[role]
        assert answer.status_code != 401, (method, path)
        assert answer.status_code < 500, (method, path, answer.text)
        if not allowed:
            refused += 1
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted"), (method, path)
        elif answer.status_code == 403:
            assert answer.json()["code"] == "not_permitted", (method, path)
            assert permission in (Permission.CORRECT_FACT, Permission.WITHDRAW_FACT), (method, path)
    denials = [entry for entry in village.noted(before) if entry.outcome == "not_permitted"]
    assert len(denials) >= refused
    assert all(entry.act == "denied" and '"route": "/v1/' in entry.detail for entry in denials)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_whatever_is_answered_leaves_an_entry(village: Village) -> None:
    for method, path, permission, body in OPERATIONS:
        role = next(role for role in Role if permission in GRANTS[role])
        village.headers(role)
        before = village.audit()
        answer = ask(village, village.headers(role), method, path, body)
        acts = [entry.act for entry in village.noted(before) if entry.act != "sign_in"]
        if answer.status_code in (409, 422):  # nothing was read, nothing done
            assert not acts, (method, path, acts)
        else:
            assert acts, (method, path, answer.status_code)
            assert (acts == ["denied"]) is (answer.status_code in (403, 404) or path.endswith("/batch")), (method, path)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("sent", [None, "", "Basic abc", "Bearer", "Bearer ", "Bearer x.y.z", "Bearer a b", "bearer"])
def test_without_a_valid_token_nothing_is_answered_and_nothing_read(village: Village, sent: str | None) -> None:
    before = village.audited()
    for method, path, _, body in OPERATIONS:
        answer = ask(village, {} if sent is None else {"Authorization": sent}, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in"), (method, path)
    assert village.audited() == before


def test_a_cookie_is_no_token(village: Village) -> None:
    headers = {"Cookie": f"session={village.token('chief')}; Authorization=Bearer {village.token('chief')}"}
    assert village.client.get("/v1/tracker", headers=headers).status_code == 401


def test_an_account_that_is_shut_out_is_out_at_the_next_request(village: Village) -> None:
    assert village.get("chief", "/v1/tracker").status_code == 200
    with writing(village.engine, village.clock) as write:
        account = write.session.execute(select(UserAccount).where(UserAccount.name == "Chief")).scalar_one()
        users.set_active(write.session, account.user_id, active=False)
    for method, path, _, body in OPERATIONS:
        assert ask(village, village.headers("chief"), method, path, body).status_code == 401


def test_a_valid_token_of_nobody_we_know_is_no_token(empty: Village) -> None:
    empty.enrolled = True  # as if: the token is signed, the account was never made
    assert empty.get("chief", "/v1/tracker").status_code == 401


@pytest.mark.parametrize(("method", "path", "body"), READS_OF_PEOPLE, ids=[p for _, p, _ in READS_OF_PEOPLE])
def test_a_read_of_people_leaves_an_entry_with_whom_it_showed(
    village: Village, method: str, path: str, body: dict[str, Any] | None
) -> None:
    before = village.audit()
    address = path.replace("{person_id}", village.ids["EX1"])
    body = body and {"eclipse_id": "EX1"}
    headers = village.headers("manager")
    answer = village.client.request(method, address, headers=headers, **({"json": body} if body else {}))
    assert answer.status_code == 200, answer.text
    (entry,) = village.noted(before)
    assert (entry.act.split(".")[0], entry.outcome) == ("read", "done")
    shown = set(shown_in(village, entry.people_set))
    if path in ("/v1/policy", "/v1/referrals"):  # nobody is referred here
        assert shown == set()
    elif path in ("/v1/people", "/v1/tracker"):
        assert shown == {village.ids[each] for each in ("EX1", "EX2", "EX3", "EX4", "EX5")}
    else:
        assert shown == {village.ids["EX1"]}
        assert entry.person_id == village.ids["EX1"], "one more record opened, which counts towards the limits"
    assert not identities(entry.detail)


def shown_in(village: Village, people_set: str) -> list[str]:
    with reading(village.engine) as session:
        listed = session.scalar(select(audit_people.c.people).where(audit_people.c.people_set == people_set))
    return list(json.loads(listed or "null"))


def test_the_same_people_seen_again_are_stored_once(village: Village) -> None:
    for _ in range(3):
        village.get("manager", "/v1/tracker")
    assert village.held(audit_people) - len({e.people_set for e in village.audit().values() if e.people_set}) == 0


@pytest.mark.parametrize("path", ["/v1/tracker", "/v1/tracker?format=csv", "/v1/people", "/v1/people/{person_id}"])
def test_what_cannot_be_audited_is_not_shown(village: Village, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(audit, "note", full)
    answer = village.client.get(path.format(person_id=village.ids["EX1"]), headers=village.headers("chief"))
    assert answer.status_code >= 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert not [name for name in NAMES if name in answer.text]


def test_a_write_that_cannot_be_audited_is_not_made(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    body = {"eclipse_id": "EX2", "unacceptable": "tent"}
    monkeypatch.setattr(audit, "note", full)
    assert village.post("adviser", "/v1/accommodation", body, key="k").status_code >= 500
    monkeypatch.undo()
    assert village.post("adviser", "/v1/accommodation", body, key="k").status_code == 201


def test_a_restriction_set_while_a_read_computes_is_seen_by_it(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, calls = people.page, []

    def interrupted(*args: Any, **options: Any) -> Any:
        page = compute(*args, **options)
        if not calls:
            calls.append(1)
            village.restrict("EX1")
        return page

    monkeypatch.setattr(people, "page", interrupted)
    answer = village.get("manager", "/v1/people")
    assert answer.status_code == 200
    assert "Rowan" not in answer.text
    assert sum(each["restricted"] for each in answer.json()["people"]) == 2


def test_access_that_never_rests_is_answered_with_a_request_to_try_again(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, calls = people.page, []

    def interrupted(*args: Any, **options: Any) -> Any:
        page = compute(*args, **options)
        calls.append(1)
        village.restrict("EX1")
        return page

    monkeypatch.setattr(people, "page", interrupted)
    before = village.audited()
    answer = village.get("manager", "/v1/people")
    assert (answer.status_code, answer.headers["retry-after"], len(calls)) == (503, "1", dependencies.LOOKS)
    assert not identities(answer.text)
    assert village.audited() == before


def test_every_write_leaves_an_entry_about_its_person(village: Village) -> None:
    before = village.audit()
    made = village.post("head", "/v1/accommodation", {"eclipse_id": "EX2", "unacceptable": "tent"}).json()
    path = f"/v1/accommodation/{made['fact_id']}"
    after = {"unacceptable": "tent", "started_on": "2020-07-30", "reason": "Misread"}
    village.put("head", path, after, if_match=made["etag"])
    village.post("other_head", f"{path}/withdraw", {"reason": "Wrong person"})
    entries = village.noted(before)
    assert sorted(entry.act for entry in entries) == [
        "correct.accommodation", "record.accommodation", "withdraw.accommodation",
    ]  # fmt: skip
    assert {entry.person_id for entry in entries} == {village.ids["EX2"]}
