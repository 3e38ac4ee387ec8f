"""Referrals over HTTP: one person shown to one account by name, until a day, and never more than that."""

from datetime import timedelta
from typing import Any

import pytest

from service.domain.access import Permission, Role, ScopeKind
from service.store import users
from service.store.engine import reading, writing
from service.store.schema_access import referral
from tests.village import Village, codes

REFERRALS = "/v1/referrals"


def account_of(village: Village, name: str) -> str:
    with reading(village.engine) as session:
        found = users.find_user_by_name(session, name)
    assert found is not None
    return found.user_id


def asked(village: Village, **changes: Any) -> dict[str, Any]:
    """Robin, of Exeter, shown to the adviser in the north until the end of October."""
    said = {
        "eclipse_id": "EX2", "user_id": account_of(village, "N. Demo-Adviser"), "ends_on": "2020-10-30",
        "reason": "Moves to Barnstaple in October",
    }  # fmt: skip
    return {name: value for name, value in (said | changes).items() if value is not None}


def people_of(village: Village, who: str) -> list[str]:
    return sorted(each["eclipse_id"] or "" for each in village.get(who, "/v1/people").json()["people"])


def test_who_is_referred_is_seen_until_the_last_day(village: Village) -> None:
    assert people_of(village, "northern_adviser") == ["NO1"]
    made = village.post("manager", REFERRALS, asked(village))
    assert made.status_code == 201, made.text
    assert made.json()["person_id"] == village.ids["EX2"]
    assert people_of(village, "northern_adviser") == ["EX2", "NO1"]
    assert village.whole("northern_adviser", "EX2")["person"]["name"] == "Robin Demo-Teign"
    village.clock.set(village.clock() + timedelta(days=91))
    village.tokens.clear()
    assert people_of(village, "northern_adviser") == ["EX2", "NO1"], "30 October"
    village.clock.advance(days=1)
    village.tokens.clear()
    assert people_of(village, "northern_adviser") == ["NO1"], "31 October"
    assert village.get("northern_adviser", f"/v1/people/{village.ids['EX2']}").status_code == 404


def test_it_is_audited_with_its_reason_and_makes_looks_begin_again(village: Village) -> None:
    with reading(village.engine) as session:
        version = users.access_version(session)
    before = village.audit()
    village.post("manager", REFERRALS, asked(village))
    (entry,) = village.noted(before)
    assert (entry.act, entry.person_id, entry.reason) == (
        "referral.add", village.ids["EX2"], "Moves to Barnstaple in October",
    )  # fmt: skip
    with reading(village.engine) as session:
        assert users.access_version(session) == version + 1


def test_a_retry_is_the_same_referral(village: Village) -> None:
    body = asked(village)
    first = village.post("manager", REFERRALS, body, key="once")
    assert village.post("manager", REFERRALS, body, key="once").content == first.content
    assert village.held(referral) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ends_on": "2020-07-30"}, ("ends_on", "out_of_range")),
        ({"ends_on": "2021-08-02"}, ("ends_on", "out_of_range")),
        ({"ends_on": "2020-07-31"}, None),
        ({"ends_on": "2021-08-01"}, None),
        ({"user_id": "nobody"}, ("user_id", "unknown_user")),
        ({"user_id": "Robot"}, ("user_id", "unknown_user")),
        ({"user_id": "self"}, ("user_id", "unknown_user")),
        ({"eclipse_id": None}, ("person_id", "one_of")),
        ({"person_id": "p"}, ("person_id", "one_of")),
    ],
)
def test_what_a_referral_may_be(changes: dict[str, Any], field: tuple[str, str] | None, village: Village) -> None:
    """366 days ahead at most; to somebody else, who reads people."""
    names = {"Robot": "Robot", "self": "Demo team_manager"}
    village.tokens["manager"] = village.sign_in(Role.TEAM_MANAGER, code="exeter_pt")
    if changes.get("user_id") in names:
        changes = {"user_id": account_of(village, names[changes["user_id"]])}
    answer = village.post("manager", REFERRALS, asked(village, **changes))
    assert answer.status_code == (422 if field else 201), answer.text
    assert (codes(answer) or [None])[0] == field


def test_nobody_refers_whom_they_may_not_open(village: Village) -> None:
    """Out of scope, restricted and unknown: the same bytes."""
    village.token("northern_manager")
    answers = [village.post("northern_manager", REFERRALS, asked(village, eclipse_id=e)) for e in ("EX2", "EX5", "NO9")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert village.held(referral) == 0


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seen_by", ["a referral", "an emergency"])
def test_who_sees_a_person_for_a_while_shows_them_to_nobody_else(village: Village, seen_by: str) -> None:
    """A referral of a day would else go on for a year, from hand to hand."""
    roles = {Role.TEAM_MANAGER, Role.DUTY_WORKER}
    village.tokens["both"] = village.sign_in(Role.TEAM_MANAGER, code="north_pt", name="Both")
    both = account_of(village, "Both")
    with writing(village.engine, village.clock) as write:
        users.set_roles(write.session, both, roles=roles, scopes={(ScopeKind.TEAM, "north_pt")})
    if seen_by == "a referral":
        said = asked(village, user_id=both, ends_on="2020-07-31")
        first = village.post("manager", REFERRALS, said)
    else:
        said = {"eclipse_id": "EX2", "reason": "Police called at 02:10"}
        first = village.post("both", "/v1/emergency-sight", said)
    assert first.status_code == 201, first.text
    made = village.held(referral)
    refused = village.post("both", REFERRALS, asked(village))
    assert (refused.status_code, codes(refused)) == (422, [("person_id", "passing_sight")])
    assert village.held(referral) == made
    assert village.post("both", REFERRALS, asked(village, eclipse_id="NO1")).status_code == 201, "of their own team"
    others = village.post("manager", REFERRALS, asked(village)).json()["referral_id"]
    assert village.post("both", f"{REFERRALS}/{others}/end", {"reason": "Not theirs to end"}).status_code == 404


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_who_has_the_county_refers_also_whom_they_were_shown(village: Village) -> None:
    village.token("head")
    shown = village.post("manager", REFERRALS, asked(village, user_id=account_of(village, "Head")))
    assert shown.status_code == 201
    assert village.post("head", REFERRALS, asked(village)).status_code == 201


def test_a_role_without_the_function_refers_nobody(village: Village) -> None:
    answer = village.post("adviser", REFERRALS, asked(village))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


def test_who_made_and_who_got_it_see_it_and_nobody_else(village: Village) -> None:
    made = village.post("manager", REFERRALS, asked(village)).json()
    for who in ("manager", "northern_adviser"):
        assert village.get(who, REFERRALS).json()["referrals"] == [made]
    for who in ("adviser", "northern_manager", "head"):
        assert village.get(who, REFERRALS).json()["referrals"] == []


def test_a_referral_of_somebody_since_restricted_is_listed_to_nobody(village: Village) -> None:
    village.post("manager", REFERRALS, asked(village))
    village.restrict("EX2")
    for who in ("manager", "northern_adviser"):
        assert village.get(who, REFERRALS).json()["referrals"] == []
    assert village.get("northern_adviser", f"/v1/people/{village.ids['EX2']}").status_code == 404


def test_whoever_made_it_ends_it_and_the_person_is_out_of_sight_at_once(village: Village) -> None:
    made = village.post("manager", REFERRALS, asked(village)).json()
    before = village.audit()
    here = f"{REFERRALS}/{made['referral_id']}/end"
    answer = village.post("manager", here, {"reason": "Stays in Exeter"})
    assert answer.status_code == 200, answer.text
    (entry,) = village.noted(before)
    assert (entry.act, entry.reason) == ("referral.end", "Stays in Exeter")
    assert people_of(village, "northern_adviser") == ["NO1"]
    assert village.get("northern_adviser", REFERRALS).json()["referrals"] == []
    (ended,) = village.get("manager", REFERRALS).json()["referrals"]
    assert (ended["ended_at"], ended["ended_reason"]) == ("2020-07-31T08:00:00Z", "Stays in Exeter")
    again = village.post("manager", here, {"reason": "Stays in Exeter"})
    assert (again.status_code, codes(again)) == (409, [("referral_id", "already_ended")])


def test_who_may_refer_the_person_may_end_it_and_nobody_else(village: Village) -> None:
    made = village.post("manager", REFERRALS, asked(village)).json()
    here = f"{REFERRALS}/{made['referral_id']}/end"
    outside = village.post("northern_manager", here, {"reason": "Not ours"})
    unknown = village.post("northern_manager", f"{REFERRALS}/nothing/end", {"reason": "Not ours"})
    assert (outside.status_code, outside.content) == (404, unknown.content)
    assert village.post("head", here, {"reason": "Checked with the team"}).status_code == 200


def test_a_maker_who_has_moved_on_can_still_end_it(village: Village) -> None:
    village.tokens["passing"] = village.sign_in(Role.TEAM_MANAGER, code="exeter_pt", name="Passing")
    made = village.post("passing", REFERRALS, asked(village)).json()
    passing = account_of(village, "Passing")
    access = {"roles": ["team_manager"], "scopes": [{"kind": "team", "code": "north_pt"}]}
    moved = village.set_account(passing, "access", access)
    assert moved.status_code == 200, moved.text
    assert village.get("passing", REFERRALS).json()["referrals"] == [], "whom it names is out of scope now"
    ended = village.post("passing", f"{REFERRALS}/{made['referral_id']}/end", {"reason": "I have moved on"})
    assert ended.status_code == 200, ended.text


def test_who_refers_can_also_open_the_person(village: Village) -> None:
    assert Permission.REFER_PERSON.value == "refer_person"
    county = village.sign_in(Role.SENIOR_MANAGER_SAFEGUARDING_QA, scope=ScopeKind.COUNTY)
    village.tokens["quality"] = county
    refused = village.post("quality", REFERRALS, asked(village, eclipse_id="EX5"))
    assert refused.status_code == 404, "restricted, and not on its list"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_manager_finds_the_colleague_without_an_administrator(village: Village) -> None:
    """Those who may sign in and see people, by name; no script, no councillor, nobody who left."""
    village.token("lead_member")
    answer = village.get("manager", f"{REFERRALS}/colleagues")
    named = {each["name"]: each for each in answer.json()["colleagues"]}
    assert named["N. Demo-Adviser"]["user_id"] == account_of(village, "N. Demo-Adviser")
    assert {"A. Demo-Adviser", "Head"} <= named.keys()
    assert {"Robot", "Demo lead_member"}.isdisjoint(named)
    with writing(village.engine, village.clock) as write:
        users.set_active(write.session, account_of(village, "N. Demo-Adviser"), active=False)
    later = village.get("manager", f"{REFERRALS}/colleagues").json()["colleagues"]
    assert "N. Demo-Adviser" not in {each["name"] for each in later}
    assert village.get("adviser", f"{REFERRALS}/colleagues").status_code == 403
