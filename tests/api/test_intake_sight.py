"""An intake and a change of who may see what at the same time, on PostgreSQL: on SQLite they never are."""

import threading
from typing import Any

import pytest
from sqlalchemy import text

from service.domain.access import Role, ScopeKind
from service.operations.first_load import uploads
from service.store import users
from service.store.engine import reading, writing
from service.store.schema import FACTS
from tests.village import Village, sheet

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
QA, LENT = "senior_manager_safeguarding_qa", "lent"
RESTRICT = {"eclipse_id": "EX1", "reason": "A parent of the child works in the council", "allow": []}
TENT = sheet({"eclipse_id": "EX1", "code": "S", "started_on": "2020-07-25"})


@pytest.fixture
def lent(village: Village) -> Village:
    """Somebody is lent the whole county; who restricts has signed in."""
    village.tokens[LENT] = village.sign_in(Role.TEAM_MANAGER, scope=ScopeKind.COUNTY, name="Lent")
    village.token(QA)
    return village


def sent(village: Village) -> Any:
    headers = village.headers(LENT, **{"Content-Type": "text/csv"})
    path, params = "/v1/uploads/accommodation", {"sheet": "accommodation"}
    return village.client.post(path, content=TENT, headers=headers, params=params)


def test_a_restriction_during_an_upload_undoes_the_upload(lent: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    """The restriction does not wait; the upload is rolled back, and again it finds nobody."""
    apply, during = uploads._apply, []

    def meanwhile(*args: Any, **options: Any) -> Any:
        if not during:
            during.append(lent.post(QA, "/v1/restrictions", RESTRICT).status_code)
        return apply(*args, **options)

    monkeypatch.setattr(uploads, "_apply", meanwhile)
    held = lent.held(FACTS["accommodation"])
    refused = sent(lent)
    assert (during, refused.status_code, refused.json()["code"]) == ([201], 503, "busy")
    assert lent.held(FACTS["accommodation"]) == held
    again = sent(lent)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (200, "person_not_found")
    assert lent.held(FACTS["accommodation"]) == held


def test_who_moves_sight_in_an_intake_keeps_nobody_waiting(lent: Village) -> None:
    """A seal on the way through an intake: a restriction and a look are answered before the intake has ended."""
    sealed, go, answered = threading.Event(), threading.Event(), []

    def seals() -> None:
        with writing(lent.engine, lent.clock, intake=True) as write:
            users.move_access_version(write.session)
            sealed.set()
            go.wait(30)

    with reading(lent.engine) as session:
        before = users.access_version(session)
    slow = threading.Thread(target=seals)
    slow.start()
    sealed.wait(30)
    try:
        answered.append(lent.post(QA, "/v1/restrictions", RESTRICT).status_code)
        answered.append(lent.get("adviser", "/v1/people").status_code)
        with reading(lent.engine) as session:
            assert users.access_version(session) == before + 1
    finally:
        go.set()
        slow.join()
    assert answered == [201, 200]
    with reading(lent.engine) as session:
        assert users.access_version(session) == before + 2


def test_an_intake_that_seals_is_not_undone_by_its_own_move(lent: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = uploads._apply

    def sealing(session: Any, *args: Any, **options: Any) -> Any:
        users.move_access_version(session)
        return apply(session, *args, **options)

    monkeypatch.setattr(uploads, "_apply", sealing)
    assert sent(lent).status_code == 200


def test_a_change_of_sight_gives_way_to_an_intake(lent: Village) -> None:
    """Everybody waits for whoever changes sight: for a row that an intake holds they are refused, and may ask again."""
    with writing(lent.engine, lent.clock, intake=True) as write:
        users._move(write.session)
        assert lent.post(QA, "/v1/restrictions", RESTRICT).status_code == 503
        assert lent.get("adviser", "/v1/people").status_code == 200
    assert lent.post(QA, "/v1/restrictions", RESTRICT).status_code == 201
    with writing(lent.engine, lent.clock, sight=True) as write:
        assert write.session.scalar(text("SHOW lock_timeout")) == "800ms", "less than a deadlock is looked for after"
