"""Accounts over HTTP: an administrator adds, changes and links them; each change is audited and counts at once."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from service.api import identity
from service.domain.access import GRANTS, Permission, Role
from tests.village import Village, at, codes

SOMEBODY: dict[str, Any] = {
    "issuer": "https://login.example/tenant/v2.0", "subject": "zq-canary", "name": "Pat Example",
    "roles": ["team_manager"], "scopes": [{"kind": "team", "code": "exeter_pt"}],
}  # fmt: skip
ACCESS = {"roles": ["area_manager"], "scopes": [{"kind": "area", "code": "exeter_1"}]}
ADMIN = Role.ADMINISTRATOR.value


def accounts(village: Village) -> dict[str, dict[str, Any]]:
    answer = village.get(ADMIN, "/v1/users")
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.json()["users"]}


def added(village: Village, **changes: Any) -> str:
    answer = village.post(ADMIN, "/v1/users", SOMEBODY | changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["user_id"])


def signed(village: Village) -> str:
    return identity.mint(village.settings, SOMEBODY["subject"], at=village.clock(), lifetime=timedelta(hours=1))


def test_an_account_is_added_once_and_shown_as_it_is(village: Village) -> None:
    before = village.audit()
    first = village.post(ADMIN, "/v1/users", SOMEBODY, key="k")
    again = village.post(ADMIN, "/v1/users", SOMEBODY, key="k")
    assert (first.status_code, first.content) == (201, again.content)
    user_id = first.json()["user_id"]
    shown = {"user_id": user_id, "active": True, "worker_ref": None, "oid": None}
    shown["etag"] = first.json()["etag"]
    assert accounts(village)["Pat Example"] == SOMEBODY | shown
    noted = {entry.act: entry for entry in village.noted(before)}
    assert sorted(noted) == ["read.kept_answer", "read.users", "user.add"]
    entry = noted["user.add"]
    assert (entry.act, entry.outcome) == ("user.add", "done")
    after = {"roles": ["team_manager"], "scopes": ["team:exeter_pt"], "active": True, "worker_ref": None}
    assert orjson.loads(entry.detail) == {"user_id": user_id, "after": after}
    taken = village.post(ADMIN, "/v1/users", SOMEBODY | {"name": "Another"})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    assert "canary" not in taken.text


def test_new_access_counts_from_the_next_request(village: Village) -> None:
    """A manager of Exeter becomes one of North Devon, then leaves, and may come back."""
    mine = village.settings.oidc_issuer
    user_id = added(village, issuer=mine)
    village.tokens["pat"] = signed(village)
    assert village.cohort("pat", "unsuitable_accommodation")["count"] > 1
    before = village.audit()
    north = {"roles": ["team_manager"], "scopes": [{"kind": "team", "code": "north_pt"}]}
    assert village.set_account(user_id, "access", north).status_code == 200
    assert village.cohort("pat", "unsuitable_accommodation")["count"] == 1
    gone = village.set_account(user_id, "access", north | {"active": False})
    refused = village.get("pat", "/v1/tracker")
    assert (gone.status_code, refused.status_code, refused.json()["code"]) == (200, 401, "not_signed_in")
    assert accounts(village)["Pat Example"]["active"] is False
    said = [orjson.loads(e.detail) for e in village.noted(before) if e.act == "user.change"]
    assert sorted(each["after"]["active"] for each in said) == [False, True]
    first = next(each for each in said if each["before"]["scopes"] == ["team:exeter_pt"])
    assert first["after"]["scopes"] == ["team:north_pt"], "who saw whom, and until when, can be read from the audit"
    assert village.set_account(user_id, "access", north).status_code == 200
    assert village.get("pat", "/v1/tracker").status_code == 200


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_leaver_does_not_come_back_by_a_form_opened_before_they_left(village: Village) -> None:
    user_id = added(village)
    team = {"roles": SOMEBODY["roles"], "scopes": SOMEBODY["scopes"], "active": True}
    form = village.etag(user_id)
    left = village.set_account(user_id, "access", team | {"active": False})
    assert left.headers["etag"] == f'"{village.etag(user_id)}"'
    for what, body in (("access", team), ("worker", {"worker_ref": "W2"})):
        path = f"/v1/users/{user_id}/{what}"
        blind = village.put(ADMIN, path, body)
        assert (blind.status_code, blind.json()["code"]) == (428, "if_match_missing")
        for stale in (form, f'"{form}"', "", "*", village.etag(added(village, subject=what))):
            late = village.put(ADMIN, path, body, if_match=stale)
            assert (late.status_code, late.json()["code"]) == (412, "stale")
    (gone,) = [each for each in village.get(ADMIN, "/v1/users").json()["users"] if each["user_id"] == user_id]
    assert (gone["active"], gone["worker_ref"]) == (False, None)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "changes",
    [
        {"roles": ["area_manager"]},
        {"scopes": [{"kind": "team", "code": "north_pt"}]},
        {"scopes": [{"kind": "team", "code": "exeter_pt", "until": "2020-08-01T11:00:00Z"}]},
        {"oid": "o-1"},
        {"active": False},
    ],
)
def test_whatever_changes_of_an_account_changes_its_etag(village: Village, changes: dict[str, Any]) -> None:
    user_id = added(village)
    team = {"roles": SOMEBODY["roles"], "scopes": SOMEBODY["scopes"]}
    first = village.set_account(user_id, "access", team).json()["etag"]
    assert first == village.etag(user_id)
    later = village.set_account(user_id, "access", team | changes)
    assert later.status_code == 200, later.text
    assert later.json()["etag"] == village.etag(user_id) != first


def test_an_account_is_linked_to_a_worker_and_sees_that_workers_people(village: Village) -> None:
    own = {"roles": ["personal_adviser"], "scopes": [{"kind": "own"}]}
    user_id = added(village, issuer=village.settings.oidc_issuer, **own)
    village.tokens["pat"] = signed(village)
    assert village.get("pat", "/v1/people").json()["people"] == []
    taken = village.set_account(user_id, "worker", {"worker_ref": "W2"})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict"), "W2 is the northern adviser's account"
    unknown = village.set_account(user_id, "worker", {"worker_ref": "zq-nobody"})
    assert (unknown.status_code, codes(unknown)) == (422, [("worker_ref", "unknown_worker")])
    assert "zq-nobody" not in unknown.text
    (northern,) = [each["user_id"] for each in accounts(village).values() if each["worker_ref"] == "W2"]
    before = village.audit()
    assert village.set_account(northern, "worker", {"worker_ref": None}).status_code == 200
    linked = village.set_account(user_id, "worker", {"worker_ref": "W2"})
    said = {"user_id": user_id, "worker_ref": "W2", "etag": village.etag(user_id)}
    assert (linked.status_code, linked.json()) == (200, said)
    seen = [each["eclipse_id"] for each in village.get("pat", "/v1/people").json()["people"]]
    assert seen == ["NO1"]
    assert village.get("northern_adviser", "/v1/people").json()["people"] == []
    noted = [orjson.loads(e.detail) for e in village.noted(before) if e.act == "user.link"]
    assert {each["user_id"]: (each["before"]["worker_ref"], each["after"]["worker_ref"]) for each in noted} == {
        northern: ("W2", None),
        user_id: (None, "W2"),
    }


def test_a_scope_of_a_unit_nobody_knows_is_refused(village: Village) -> None:
    wrong = SOMEBODY | {"scopes": [{"kind": "team", "code": "zq-nowhere"}]}
    answer = village.post(ADMIN, "/v1/users", wrong)
    assert (answer.status_code, codes(answer)) == (422, [("scopes", "unknown_unit")])


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("said", [{}, {"active": None}, {"active": "yes"}])
def test_nobody_comes_back_because_nothing_was_said_of_it(village: Village, said: dict[str, Any]) -> None:
    user_id = added(village)
    team = {"roles": SOMEBODY["roles"], "scopes": SOMEBODY["scopes"]}
    assert village.set_account(user_id, "access", team | {"active": False}).status_code == 200
    answer = village.put(ADMIN, f"/v1/users/{user_id}/access", team | said, if_match=village.etag(user_id))
    assert (answer.status_code, codes(answer)[0][0]) == (422, "active")
    assert accounts(village)["Pat Example"]["active"] is False


@pytest.mark.parametrize("route", ["access", "worker"])
def test_nobody_by_that_id(village: Village, route: str) -> None:
    body = ACCESS if route == "access" else {"worker_ref": None}
    answer = village.set_account("no-such-user", route, body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"roles": []}, id="no role"),
        pytest.param({"roles": ["emperor"]}, id="no such role"),
        pytest.param({"roles": ["team_manager", "lead_member"]}, id="two sights"),
        pytest.param({"scopes": [{"kind": "team"}]}, id="a team without its code"),
        pytest.param({"scopes": [{"kind": "team", "code": "nowhere"}]}, id="no such team"),
        pytest.param({"scopes": [{"kind": "county", "code": "x"}]}, id="a county with one"),
        pytest.param({"subject": ""}, id="no subject"),
        pytest.param({"subject": "a1b2c3 "}, id="a subject no token can have"),
        pytest.param({"name": "Pat\u202eExample"}, id="a name that reads backwards"),
        pytest.param({"name": "Pat\nExample"}, id="a name of two lines"),
        pytest.param({"worker_ref": "W1"}, id="a worker on the way in"),
        pytest.param({"active": True}, id="standing on the way in"),
        pytest.param({"scopes": [{"kind": "duty", "code": "care_leavers"}]}, id="a duty without an end"),
        pytest.param({"scopes": [{"kind": "county"}, {"kind": "county"}]}, id="a scope said twice"),
        pytest.param({"roles": ["integration", "administrator"], "scopes": []}, id="a script that is a person"),
        pytest.param({"scopes": [{"kind": "county", "until": "2020-07-31T08:00:00Z"}]}, id="a scope that is over"),
        pytest.param({"scopes": [{"kind": "county", "until": "2020-08-01"}]}, id="until a day"),
        pytest.param({"oid": ""}, id="an empty object id"),
        pytest.param({"tokens_from": "2020-07-31T08:00:00Z"}, id="tokens ended on the way in"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_kept(village: Village, changes: dict[str, Any]) -> None:
    answer = village.post(ADMIN, "/v1/users", SOMEBODY | changes)
    assert answer.status_code == 422, answer.text
    assert "Pat Example" not in accounts(village)


@pytest.mark.parametrize("who", sorted(r.value for r in Role if Permission.MANAGE_USERS not in GRANTS[r]))
def test_everybody_else_is_refused(village: Village, who: str) -> None:
    asked = [
        village.get(who, "/v1/users"),
        village.post(who, "/v1/users", SOMEBODY),
        village.put(who, "/v1/users/any/access", ACCESS | {"active": True}),
        village.put(who, "/v1/users/any/worker", {"worker_ref": None}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in asked] == [(403, "not_permitted")] * 4


def test_sight_for_a_while_ends_by_itself(village: Village) -> None:
    """Pat stands in for the northern manager until Saturday noon."""
    exeter = {"kind": "team", "code": "exeter_pt"}
    scopes = [exeter, {"kind": "team", "code": "north_pt", "until": "2020-08-01T12:00:00+01:00"}]
    before = village.audit()
    added(village, issuer=village.settings.oidc_issuer, scopes=scopes)
    shown = accounts(village)["Pat Example"]["scopes"]
    assert shown == [exeter, {"kind": "team", "code": "north_pt", "until": "2020-08-01T11:00:00Z"}]
    (entry,) = [each for each in village.noted(before) if each.act == "user.add"]
    assert orjson.loads(entry.detail)["after"]["until"] == {"team:north_pt": "2020-08-01T11:00:00+00:00"}
    village.tokens["pat"] = signed(village)
    both = village.get("pat", "/v1/people").json()["people"]
    village.clock.set(at("2020-08-01T12:00:00+01:00"))
    village.tokens["pat"] = signed(village)
    exeters = village.get("pat", "/v1/people").json()["people"]
    assert "NO1" in [each["eclipse_id"] for each in both]
    assert [each for each in both if each["eclipse_id"] != "NO1"] != []
    assert "NO1" not in [each["eclipse_id"] for each in exeters]
    assert exeters != []


def test_an_account_may_be_bound_to_an_object_id_and_a_later_change_does_not_loosen_it(village: Village) -> None:
    user_id = added(village, issuer=village.settings.oidc_issuer, oid="o-1")
    village.tokens["pat"] = signed(village)
    assert village.get("pat", "/v1/tracker").status_code == 401, "a development token has no object id"
    team = {"roles": ["team_manager"], "scopes": [{"kind": "team", "code": "exeter_pt"}]}
    for oid in ({}, {"oid": None}):
        assert village.set_account(user_id, "access", team | oid).status_code == 200
        assert accounts(village)["Pat Example"]["oid"] == "o-1"
    assert village.set_account(user_id, "access", team | {"oid": "o-2"}).status_code == 200
    assert accounts(village)["Pat Example"]["oid"] == "o-2"
