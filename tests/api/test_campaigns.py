"""The first load over HTTP: begin, read, answer, close; who may, and what figures-only readers see."""

from typing import Any

from tests.village import NAMES, Village, codes, identities

CAMPAIGNS = "/v1/campaigns"
BEGIN = {"topic": "accommodation", "reason": "Four spreadsheets"}


def begun(village: Village, topic: str = "accommodation", who: str = "performance_analyst") -> str:
    answer = village.post(who, CAMPAIGNS, {"topic": topic, "reason": "Four spreadsheets"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["campaign_id"])


def progress(village: Village, who: str, campaign: str) -> dict[str, Any]:
    answer = village.get(who, f"{CAMPAIGNS}/{campaign}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_campaign_over_http(village: Village) -> None:
    """Of six care leavers five have a start and a judgement or need none; everybody adds up."""
    campaign = begun(village)
    told = progress(village, "head", campaign)
    figures = told["figures"]
    assert figures["people"] == 6 == sum(figures[n] for n in ("collected", "answered", "left", "outstanding"))
    assert figures == {"people": 6, "collected": 6, "answered": 0, "left": 0, "outstanding": 0, "percent": 100}
    assert {team["team"]: team["people"] for team in told["teams"]} == {"exeter_pt": 5, "north_pt": 1}
    closed = village.post("head", f"{CAMPAIGNS}/{campaign}/close", {"reason": "All in"})
    assert (closed.status_code, closed.json()["state"]) == (200, "closed")
    listed = village.get("manager", CAMPAIGNS).json()["campaigns"]
    assert [(each["campaign_id"], each["state"]) for each in listed] == [(campaign, "closed")]


def test_children_are_asked_about_and_answered_for(village: Village) -> None:
    """CH1 is on a plan and has pre-proceedings; nothing is outstanding. Permanence has nobody at all."""
    campaign = begun(village, "pre_proceedings")
    assert progress(village, "court", campaign)["figures"]["collected"] == 1
    here = f"{CAMPAIGNS}/{campaign}/answers"
    said = {"person_id": village.ids["CH1"], "answer": "cannot_be_found_out", "reason": "No file is left"}
    answer = village.post("court", here, said, key="one")
    assert (answer.status_code, answer.json()["answer"]) == (201, "cannot_be_found_out")
    assert village.post("court", here, said, key="one").content == answer.content
    assert progress(village, "court", campaign)["figures"]["answered"] == 0, "a fact beats an answer"
    assert village.post("adviser", here, said).status_code == 404
    assert village.post("social_worker", here, said).status_code == 403
    assert village.post("chief", here, said).status_code == 403
    both = said | {"eclipse_id": "CH1"}
    assert village.post("court", here, both).status_code == 422
    other = village.post("court", here, said | {"person_id": village.ids["EX2"]})
    assert (other.status_code, codes(other)) == (422, [("person_id", "not_of_this_campaign")])


def test_figures_only_readers_get_no_name(village: Village) -> None:
    campaign = begun(village)
    for who in ("lead_member", "performance_analyst"):
        answer = village.get(who, f"{CAMPAIGNS}/{campaign}")
        assert answer.json()["figures"]["people"] == 6
        assert not list(identities(answer.content))
    assert NAMES


def test_a_team_sees_its_own(village: Village) -> None:
    campaign = begun(village)
    told = progress(village, "northern_manager", campaign)
    assert (told["figures"]["people"], [team["team"] for team in told["teams"]]) == (1, ["north_pt"])


def test_who_may_and_what_is_refused(village: Village) -> None:
    for who in ("manager", "chief", "adviser", "robot", "lead_member"):
        assert village.post(who, CAMPAIGNS, BEGIN).status_code == 403
    assert village.client.post(CAMPAIGNS, json=BEGIN, headers=village.headers("head")).status_code == 400
    unknown = village.post("head", CAMPAIGNS, BEGIN | {"topic": "canary"})
    assert (unknown.status_code, codes(unknown)) == (422, [("topic", "unknown")])
    assert "canary" not in unknown.text
    campaign = begun(village)
    again = village.post("head", CAMPAIGNS, BEGIN)
    assert (again.status_code, codes(again)) == (409, [("topic", "already_open")])
    assert village.get("robot", f"{CAMPAIGNS}/{campaign}").status_code == 403
    assert village.get("head", f"{CAMPAIGNS}/none").status_code == 404
