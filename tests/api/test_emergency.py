"""Sight in an emergency over HTTP: one person, with a reason, for twelve hours, and information governance told."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from service.api import identity
from service.domain.access import EMERGENCY_PEOPLE, Role, ScopeKind
from service.store import people, users
from service.store.engine import reading, writing
from service.store.schema_access import emergency_access
from service.store.types import new_id
from tests.village import Village, codes

SIGHT = "/v1/emergency-sight"
WHY = "Police called at 02:10: found at the station"
WHY_HEADER = {"access_reason": "On duty; police are with them"}


@pytest.fixture
def night(village: Village) -> Village:
    """Two hours past midnight, with a duty worker of Exeter's team."""
    village.clock.set(village.clock() + timedelta(hours=18))
    village.tokens["duty"] = village.sign_in(Role.DUTY_WORKER, code="exeter_pt", name="Duty")
    return village


def opened(village: Village, eclipse_id: str = "NO1", *, key: str | None = None, **changes: Any) -> Any:
    return village.post("duty", SIGHT, {"eclipse_id": eclipse_id, "reason": WHY} | changes, key=key)


def look(village: Village, eclipse_id: str = "NO1") -> int:
    path = f"/v1/people/{village.ids[eclipse_id]}"
    return int(village.client.get(path, headers=village.headers("duty", **WHY_HEADER)).status_code)


def test_one_person_is_seen_for_twelve_hours_and_no_longer(night: Village) -> None:
    assert look(night) == 404
    answer = opened(night)
    assert answer.status_code == 201, answer.text
    assert answer.json()["person"]["name"] == "Jamie Demo-Torridge"
    assert answer.json()["until"] == "2020-08-01T14:00:00Z"
    assert look(night) == 200
    assert look(night, "CH1") == 404, "one person, not all"
    night.clock.advance(hours=12)
    night.tokens["duty"] = refreshed(night)
    assert look(night) == 404


def refreshed(village: Village) -> str:
    """The duty worker's next token: one lasts an hour."""
    with reading(village.engine) as session:
        account = users.find_user_by_name(session, "Duty")
    assert account is not None
    return identity.mint(village.settings, account.subject, at=village.clock(), lifetime=timedelta(hours=1))


def test_the_look_is_audited_with_its_reason_and_information_governance_is_told(night: Village) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("los_alerts_total", {"kind": "emergency_sight"}) or 0

    before, alerts = night.audit(), counted()
    assert opened(night).status_code == 201
    assert opened(night, "NOBODY").status_code == 404
    assert counted() - alerts == 1
    noted = {entry.act: entry for entry in night.noted(before)}
    assert noted.keys() >= {"emergency.sight", "alert.emergency_sight", "read.emergency"}
    for entry in noted.values():
        if entry.act != "denied":
            assert (entry.person_id, entry.reason) == (night.ids["NO1"], WHY)
            assert night.shown_in(entry) == {night.ids["NO1"]}


def test_restricted_sealed_and_unknown_are_the_same_404_and_open_nothing(night: Village) -> None:
    night.restrict("NO1")
    answers = [opened(night, e) for e in ("NO1", "EX5", "NOBODY")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({answer.content for answer in answers}) == 1
    assert night.held(emergency_access) == 0
    assert "alert.emergency_sight" not in {entry.act for entry in night.audit().values()}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reason": "Police"}, "reason"),
        ({"reason": "         "}, "reason"),
        ({"person_id": "p"}, "person_id"),
        ({"hours": 48}, "hours"),
    ],
)
def test_what_must_be_said(changes: dict[str, Any], field: str, night: Village) -> None:
    answer = opened(night, **changes)
    assert (answer.status_code, codes(answer)[0][0]) == (422, field)


def test_only_duty_has_the_function(night: Village) -> None:
    for who in ("adviser", "manager", "chief", "information_governance"):
        answer = night.post(who, SIGHT, {"eclipse_id": "NO1", "reason": WHY})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


def test_a_retry_shows_the_card_while_the_sight_lasts_and_not_after(night: Village) -> None:
    """The answer kept for a retry holds no card; each retry is a look."""
    first = opened(night, key="once")
    before = night.audit()
    again = opened(night, key="once")
    assert (again.status_code, again.json()) == (201, first.json())
    noted = {entry.act for entry in night.noted(before)}
    assert "read.emergency" in noted
    assert not noted & {"emergency.sight", "alert.emergency_sight"}
    assert night.held(emergency_access) == 1
    night.clock.advance(hours=12)
    night.tokens["duty"] = refreshed(night)
    late = opened(night, key="once")
    assert late.status_code == 404
    assert b"Jamie" not in late.content


def test_who_was_opened_in_an_emergency_is_opened_with_a_reason_each_time(night: Village) -> None:
    opened(night)
    answer = night.get("duty", f"/v1/people/{night.ids['NO1']}")
    assert (answer.status_code, answer.json()["code"]) == (403, "reason_needed")


def test_ten_people_in_a_day_and_then_a_manager_is_asked(night: Village) -> None:
    with writing(night.engine, night.clock) as write:
        many = {f"MANY{n}": new_id(write.now) for n in range(EMERGENCY_PEOPLE + 1)}
        people.add(write.session, many, at=write.now)
    first, *_, last = many
    for eclipse_id in list(many)[:-1]:
        assert opened(night, eclipse_id).status_code == 201
        night.clock.advance(minutes=1)
    for eclipse_id in (last, "NOBODY"):
        answer = opened(night, eclipse_id)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many")
        assert int(answer.headers["Retry-After"]) == 24 * 3600 - 600
    assert opened(night, first).status_code == 201, "the same person again is nobody more"
    night.clock.advance(hours=23, minutes=51)
    night.tokens["duty"] = refreshed(night)
    assert opened(night, last).status_code == 201


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_duty_worker_who_is_also_its_line_opens_a_restricted_record_as_its_line(night: Village) -> None:
    with reading(night.engine) as session:
        duty = users.find_user_by_name(session, "Duty")
    assert duty is not None
    roles, team = [Role.DUTY_WORKER.value, Role.TEAM_MANAGER.value], {"kind": "team", "code": "exeter_pt"}
    assert opened(night, "EX5").status_code == 404
    assert night.set_account(duty.user_id, "access", {"roles": roles, "scopes": [team]}).status_code == 200
    assert opened(night, "EX5").status_code == 201


def test_it_ends_with_the_role(night: Village) -> None:
    opened(night)
    listed = night.get("administrator", "/v1/users").json()["users"]
    duty = next(each["user_id"] for each in listed if each["name"] == "Duty")
    access = {"roles": ["social_worker"], "scopes": [{"kind": ScopeKind.OWN.value}]}
    assert night.set_account(duty, "access", access).status_code == 200
    assert look(night) == 404
