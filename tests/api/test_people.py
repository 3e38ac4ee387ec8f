"""Reading people: a page, one whole, one over time, one by Eclipse's id; and who sees nothing at all."""

import pytest

from tests.village import HIDDEN, NAMES, Village, codes


def test_a_page_at_a_time_until_there_is_none(village: Village) -> None:
    first = village.get("chief", "/v1/people", limit=4).json()
    rest = village.get("chief", "/v1/people", limit=4, cursor=first["next"]).json()
    listed = first["people"] + rest["people"]
    assert rest["next"] is None
    assert sorted(str(each["eclipse_id"]) for each in listed) == ["CH1", "EX1", "EX2", "EX3", "EX4", "NO1", "None"]


def test_everybody_sees_their_own_people_only(village: Village) -> None:
    def seen(who: str) -> list[str]:
        return sorted(str(each["eclipse_id"]) for each in village.get(who, "/v1/people").json()["people"])

    assert seen("adviser") == seen("manager") == ["EX1", "EX2", "EX3", "EX4", "None"]
    assert seen("northern_adviser") == seen("northern_manager") == ["NO1"]
    assert seen("social_worker") == ["CH1"]


def test_a_card_says_who_answers_and_when_there_was_contact(village: Village) -> None:
    people = village.get("manager", "/v1/people").json()["people"]
    card = next(each for each in people if each["eclipse_id"] == "EX1")
    assert (card["name"], card["age"], card["restricted"]) == ("Rowan Demo-Ashford", 19, False)
    assert (card["locality"], card["team"], card["owner"]) == ("Exeter", "Exeter Pt", "A. Demo-Adviser")
    assert card["last_contact"]["made"]["occurred_at"] == "2020-07-24T09:00:00Z"


def test_a_restricted_person_is_one_blank_row(village: Village) -> None:
    answer = village.get("head", "/v1/people")
    blanks = [each for each in answer.json()["people"] if each["restricted"]]
    assert [{value for name, value in each.items() if name != "restricted"} for each in blanks] == [{None}]
    assert HIDDEN not in answer.text
    assert village.ids["EX5"] not in answer.text


def test_a_cursor_never_gives_a_restricted_person_away(village: Village) -> None:
    for each in village.ids:
        village.restrict(each)
    page = village.get("manager", "/v1/people", limit=1).json()
    assert page["next"] not in village.ids.values()
    assert {each["restricted"] for each in page["people"]} == {True}
    answer = village.get("manager", "/v1/people", cursor=village.ids["EX5"])
    assert (answer.status_code, codes(answer)) == (422, [("cursor", "unknown")])


@pytest.mark.parametrize("who", ["duty_worker", "northern_manager", "court", "social_worker"])
def test_restricted_out_of_scope_and_unknown_are_the_same_bytes(village: Village, who: str) -> None:
    hidden = [village.ids["EX5"], "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "x", village.ids["EX5"].upper()]
    if who not in ("court", "northern_manager"):
        hidden.append(village.ids["NO1"])
    for path in ("", "/timeline", "/contacts"):
        answers = [village.get(who, f"/v1/people/{each}{path}") for each in hidden]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
    found = [village.post(who, "/v1/people/lookup", {"eclipse_id": each}) for each in ("EX5", "NOBODY")]
    assert found[0].content == found[1].content
    assert {answer.status_code for answer in found} == {404}


def test_head_of_service_and_chief_officer_open_a_restricted_record(village: Village) -> None:
    for who in ("head", "chief"):
        headers = village.headers(who, access_reason="A complaint to answer")
        whole = village.client.get(f"/v1/people/{village.ids['EX5']}", headers=headers).json()
        assert whole["person"]["name"] == f"{HIDDEN} Demo-Hidden"


def test_a_worker_and_their_manager_open_a_restricted_record(village: Village) -> None:
    for who in ("adviser", "manager"):
        assert village.whole(who, "EX5")["person"]["name"] == f"{HIDDEN} Demo-Hidden"


def test_one_person_whole(village: Village) -> None:
    whole = village.whole("manager", "EX1")
    assert set(whole) == {"person", "facts", "proposed", "clocks"}
    place = whole["facts"]["accommodation"][0]
    assert place["says"]["unacceptable"] == "tent"
    assert place["etag"]
    clock = next(each for each in whole["clocks"] if each["cohort"] == "unsuitable_accommodation")
    assert (clock["state"], clock["line"], clock["started_on"]) == ("danger", "unacceptable", "2020-07-10")
    within = next(each for each in whole["clocks"] if each["cohort"] == "not_in_touch")
    assert within["state"] == "within"


def test_an_earlier_view_leaves_out_what_was_learnt_later(village: Village) -> None:
    known = village.clock().isoformat()
    village.clock.advance(minutes=10)
    late = {"eclipse_id": "EX2", "unacceptable": "sofa_surfing", "started_on": "2020-07-20"}
    village.post("adviser", "/v1/accommodation", late)
    path = f"/v1/people/{village.ids['EX2']}"
    then = village.get("manager", path, known_at=known).json()["facts"]["accommodation"]
    now = village.get("manager", path).json()["facts"]["accommodation"]
    assert (len(then), len(now)) == (1, 2)


def test_a_timeline_keeps_what_was_superseded(village: Village) -> None:
    village.clock.advance(minutes=10)
    move = village.post("adviser", "/v1/accommodation", {"eclipse_id": "EX2", "unacceptable": "tent"})
    assert move.status_code == 201
    events = village.get("manager", f"/v1/people/{village.ids['EX2']}/timeline").json()["events"]
    moments = [event["recorded_at"] for event in events]
    assert moments == sorted(moments)
    places = [event for event in events if event["kind"] == "accommodation"]
    assert [event["says"].get("code") for event in places].count("U") == 2
    assert all(event["version_id"] for event in places)


def test_a_look_up_is_by_post_and_gives_a_card(village: Village) -> None:
    answer = village.post("adviser", "/v1/people/lookup", {"eclipse_id": "EX1"})
    assert (answer.status_code, answer.json()["person_id"]) == (200, village.ids["EX1"])
    assert answer.json()["name"] == "Rowan Demo-Ashford"
    assert codes(village.post("adviser", "/v1/people/lookup", {"eclipse_id": 1})) == [("eclipse_id", "string_type")]


@pytest.mark.parametrize("who", ["robot", "administrator", "information_governance"])
def test_roles_that_read_nobody(village: Village, who: str) -> None:
    for path in ("/v1/people", f"/v1/people/{village.ids['EX1']}", "/v1/tracker"):
        answer = village.get(who, path)
        assert answer.status_code == 403
        assert not [name for name in NAMES if name in answer.text]


@pytest.mark.parametrize("who", ["lead_member", "chief_executive", "performance_analyst"])
def test_roles_with_figures_only_open_nobody(village: Village, who: str) -> None:
    for path in ("/v1/people", f"/v1/people/{village.ids['EX1']}", f"/v1/people/{village.ids['EX1']}/timeline"):
        assert village.get(who, path).status_code == 403
