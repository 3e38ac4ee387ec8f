"""An administrator is never their own: another changes what they may do, and says which worker they are."""

from typing import Any

import pytest

from service.domain.access import Role
from service.domain.intake import Worker
from service.store import reference
from service.store.engine import writing
from tests.village import Village

ADMIN = Role.ADMINISTRATOR.value
CHANGES: dict[str, Any] = {
    "access": {"roles": ["head_of_service"], "scopes": [{"kind": "county"}], "active": True},
    "worker": {"worker_ref": "W4"},
}


def mine_as_listed(village: Village) -> dict[str, Any]:
    """The administrator's account as another administrator reads it."""
    village.token(ADMIN)
    listed = village.get("other", "/v1/users").json()["users"]
    return next(dict(each) for each in listed if each["name"] == f"Demo {ADMIN}")


@pytest.mark.parametrize("what", CHANGES)
def test_your_own_account_is_changed_by_another_administrator(village: Village, what: str) -> None:
    village.tokens["other"] = village.sign_in(Role.ADMINISTRATOR, name="Another administrator")
    with writing(village.engine, village.clock) as write:
        reference.remember_workers(write.session, [Worker("W4")], at=write.now)
    mine = mine_as_listed(village)
    here = f"/v1/users/{mine['user_id']}/{what}"
    refused = village.put(ADMIN, here, CHANGES[what], if_match=mine["etag"])
    assert (refused.status_code, refused.json()["code"]) == (403, "own_account")
    assert mine_as_listed(village) == mine
    changed = village.put("other", here, CHANGES[what], if_match=mine["etag"])
    assert changed.status_code == 200, changed.text
    assert mine_as_listed(village) != mine
