"""Conflicts over HTTP: who sees which, what a decision needs, and that nothing is told of anybody out of sight."""

from typing import Any

import httpx
import pytest

from tests.village import PLACES, Village, codes, identities, sheet

HERE = "/v1/conflicts"
NOBODY, NOR_THIS = "01738b11-2f00-7c44-8e21-0c1e7d9a4f10", "01738b11-2f00-7c44-8e21-0c1e7d9a4f11"
UNFIT = {"code": "K", "suitable": False, "judged_on": "2020-07-30", "started_on": "2020-01-06"}


def disagree(village: Village, whom: str = "EX2", **said: Any) -> str:
    """The head of service writes down otherwise than Eclipse where somebody lives. The fact's id."""
    reader = "manager" if whom == "EX5" else "head"  # EX5 is restricted: a head of service would be asked why
    (place,) = village.whole(reader, whom)["facts"]["accommodation"]
    answer = village.put(
        "head", f"/v1/accommodation/{place['fact_id']}", UNFIT | said | {"reason": "Seen on a visit"},
        if_match=place["etag"],
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return str(place["fact_id"])


def listed(village: Village, who: str, **params: Any) -> list[dict[str, Any]]:
    answer = village.get(who, HERE, **params)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["conflicts"])


def decision(conflict: dict[str, Any], source: str) -> dict[str, Any]:
    version_id = next(side["version_id"] for side in conflict["sides"] if side["source"] == source)
    return {
        "kind": conflict["kind"], "fact_id": conflict["fact_ids"][0], "version_id": version_id,
        "reason": "Visited today",
    }  # fmt: skip


def settle(village: Village, who: str, conflict: dict[str, Any], source: str = "api", **more: str) -> httpx.Response:
    (etag,) = conflict["etags"].values()
    return village.post(who, f"{HERE}/settle", decision(conflict, source), **({"if_match": f'"{etag}"'} | more))


def test_a_conflict_says_whose_what_since_when_and_why(village: Village) -> None:
    fact_id = disagree(village)
    answer = village.get("manager", HERE).json()
    (conflict,) = answer["conflicts"]
    assert (answer["count"], answer["next"]) == (1, None)
    assert conflict["person"]["eclipse_id"] == "EX2"
    assert (conflict["owner"], conflict["team"]) == ("A. Demo-Adviser", "Exeter Pt")
    assert (conflict["question"], conflict["kind"], conflict["fact_ids"]) == (
        "which_is_right",
        "accommodation",
        [fact_id],
    )
    assert (conflict["since"], conflict["days_open"]) == ("2020-07-31T08:00:00Z", 0)
    assert [(s["source"], s["dataset"], s["stands"], s["says"]["code"]) for s in conflict["sides"]] == [
        ("api", None, True, "K"), ("eclipse", "accommodation", False, "U"),
    ]  # fmt: skip
    assert conflict["why"].startswith("What was entered by hand stands")


def test_a_conflict_settled_is_gone_and_the_person_shows_what_was_decided(village: Village) -> None:
    fact_id = disagree(village)
    village.clock.advance(minutes=5)
    (conflict,) = listed(village, "manager")
    before = village.audit()
    done = settle(village, "manager", conflict, key="once")
    assert done.status_code == 201, done.text
    body = done.json()
    assert (body["decision"], body["fact_id"], body["disagree"]) == ("settled", fact_id, False)
    assert listed(village, "manager") == []
    (place,) = village.whole("manager", "EX2")["facts"]["accommodation"]
    assert (place["says"]["code"], place["flags"], place["etag"]) == ("K", ["settled"], body["etag"])
    assert [entry.act for entry in village.noted(before) if entry.act.startswith("settle")] == ["settle.accommodation"]
    again = settle(village, "manager", conflict, key="once")
    assert (again.status_code, again.content) == (201, done.content), "a retry is safe"
    assert settle(village, "manager", conflict).json()["code"] == "stale"
    village.push("cohorts", {"accommodation": sheet(*[{"spell_id": f"A{p['eclipse_id']}"} | p for p in PLACES])},
                 run_id="night-2", hours_ago=0)  # fmt: skip
    assert listed(village, "manager") == [], "nor does the next night open it again"


def test_the_conflict_stays_what_it_was_at_an_earlier_moment(village: Village) -> None:
    disagree(village)
    village.clock.advance(minutes=5)
    (conflict,) = listed(village, "manager")
    village.clock.advance(minutes=5)
    assert settle(village, "manager", conflict).status_code == 201
    (then,) = listed(village, "manager", known_at="2020-07-31T08:06:00Z")
    assert then["sides"] == conflict["sides"]


@pytest.mark.parametrize("path", ["settle", "join", "apart"])
def test_bodies_are_strict(village: Village, path: str) -> None:
    answer = village.post("head", f"{HERE}/{path}", {"kind": "accommodation", "who": "me"}, if_match="x")
    assert answer.status_code == 422
    assert {("fact_id", "missing"), ("reason", "missing"), ("who", "extra_forbidden")} <= {*codes(answer)}


def test_a_decision_asks_for_the_etag_a_kind_and_a_side(village: Village) -> None:
    disagree(village)
    village.clock.advance(minutes=5)
    (conflict,) = listed(village, "head")
    blind = village.post("head", f"{HERE}/settle", decision(conflict, "api"))
    assert (blind.status_code, blind.json()["code"]) == (428, "if_match_missing")
    assert (settle(village, "head", conflict, if_match="x").json()["code"]) == "stale"
    unknown = village.post("head", f"{HERE}/settle", decision(conflict, "api") | {"kind": "shoe"}, if_match="x")
    assert (unknown.status_code, codes(unknown)) == (422, [("kind", "unknown")])
    (etag,) = conflict["etags"].values()
    body = decision(conflict, "api") | {"version_id": NOBODY}
    neither = village.post("head", f"{HERE}/settle", body, if_match=etag)
    assert (neither.status_code, codes(neither)) == (422, [("version_id", "unknown")])


def test_a_person_out_of_scope_is_answered_like_none_at_all(village: Village) -> None:
    disagree(village)
    village.clock.advance(minutes=5)
    (conflict,) = listed(village, "manager")
    assert listed(village, "northern_manager") == listed(village, "northern_adviser") == []
    body = decision(conflict, "api")
    out = village.post("northern_manager", f"{HERE}/settle", body, if_match="x")
    none = village.post("northern_manager", f"{HERE}/settle", body | {"fact_id": NOBODY}, if_match="x")
    assert (out.status_code, out.content) == (none.status_code, none.content)
    assert out.status_code == 404
    for path, other in (("join", "same_as"), ("apart", "other_fact_id")):
        said = {"kind": "accommodation", "fact_id": body["fact_id"], other: NOBODY, "reason": "The same flat"}
        out = village.post("northern_manager", f"{HERE}/{path}", said)
        none = village.post("northern_manager", f"{HERE}/{path}", said | {"fact_id": NOR_THIS})
        assert (out.status_code, out.content) == (none.status_code, none.content) == (404, none.content)
    theirs = village.get("northern_manager", HERE, person_id=village.ids["EX2"])
    nobody = village.get("northern_manager", HERE, person_id=NOBODY)
    assert (theirs.status_code, theirs.content) == (nobody.status_code, nobody.content) == (404, nobody.content)


def test_of_a_restricted_person_the_list_says_only_that_there_is_a_conflict(village: Village) -> None:
    fact_id = disagree(village, "EX5", code="S", suitable=None, judged_on=None, started_on="2020-07-11")
    for who in ("head", "manager", "adviser"):
        answer = village.get(who, HERE)
        (row,) = answer.json()["conflicts"]
        assert row["person"] == {"person_id": None, "eclipse_id": None, "name": None, "age": None, "restricted": True}
        assert {row[name] for name in ("owner", "team", "kind", "since", "days_open", "question")} == {None}
        assert (row["sides"], row["fact_ids"], row["etags"]) == ([], [], {})
        assert not list(identities(answer.content))
        assert fact_id not in answer.text
    person_id = village.ids["EX5"]
    assert village.get("court", HERE, person_id=person_id).status_code == 404
    (whole,) = listed(village, "manager", person_id=person_id)
    assert whole["fact_ids"] == [fact_id]
    (etag,) = whole["etags"].values()
    quality = "senior_manager_safeguarding_qa"
    refused = village.post(quality, f"{HERE}/settle", decision(whole, "api"), if_match=etag)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_the_blank_row_of_a_restricted_person_answers_to_no_filter(village: Village) -> None:
    """One row, however many conflicts; neither a kind nor a team says what it hides. In the figures it is counted."""
    disagree(village, "EX5", code="S", suitable=None, judged_on=None, started_on="2020-07-11")
    assert village.get("head", HERE).json()["count"] == 1
    for narrow in ({"kind": "accommodation"}, {"kind": "contact"}, {"team": "exeter_pt"}, {"team": "north_pt"}):
        answer = village.get("head", HERE, **narrow).json()
        assert (answer["count"], answer["conflicts"], answer["next"]) == (0, [], None)


def test_reading_is_for_who_sees_rows_and_deciding_for_who_approves(village: Village) -> None:
    disagree(village)
    (conflict,) = listed(village, "chief")
    for who in ("adviser", "court", "chief"):
        assert len(listed(village, who)) == 1
        assert settle(village, who, conflict).json()["code"] == "not_permitted"
    for who in ("lead_member", "performance_analyst", "robot"):
        assert village.get(who, HERE).status_code == 403


def test_two_spells_of_two_sources_are_joined_or_kept_apart(village: Village) -> None:
    answer = village.post("head", "/v1/accommodation", {"eclipse_id": "NO1", "unacceptable": "tent",
                                                        "started_on": "2020-07-30"})  # fmt: skip
    assert answer.status_code == 201, answer.text
    assert listed(village, "head") != [], "the feed still says that the sofa goes on"
    village.clock.advance(hours=1)
    moved = {"spell_id": "A9", "eclipse_id": "NO1", "code": "K", "suitable": "no", "judged_on": "2020-07-30",
             "started_on": "2020-07-29"}  # fmt: skip
    village.push("cohorts", {"accommodation": sheet(moved, *[{"spell_id": f"A{p['eclipse_id']}"} | p for p in PLACES])},
                 run_id="night-2", hours_ago=0)  # fmt: skip
    pairs = [c for c in listed(village, "northern_manager") if c["question"] == "one_or_two"]
    pair = next(c for c in pairs if answer.json()["fact_id"] in c["fact_ids"])
    fed = next(each for each in pair["fact_ids"] if each != answer.json()["fact_id"])
    body = {"kind": "accommodation", "fact_id": fed, "reason": "The adviser knows of one place"}
    apart = village.post(
        "northern_manager", f"{HERE}/apart", body | {"other_fact_id": answer.json()["fact_id"]}
    )  # fmt: skip
    assert (apart.status_code, apart.json()["decision"]) == (201, "apart"), apart.text
    assert pair["fact_ids"] not in [c["fact_ids"] for c in listed(village, "northern_manager")]
    joined = village.post("northern_manager", f"{HERE}/join", body | {"same_as": answer.json()["fact_id"]})
    assert (joined.status_code, joined.json()["decision"]) == (201, "joined"), joined.text
    assert joined.json()["disagree"] is True
    places = village.whole("head", "NO1")["facts"]["accommodation"]
    assert fed not in {place["fact_id"] for place in places}


def test_pages_follow_each_other_and_a_made_up_place_is_refused(village: Village) -> None:
    first, second = disagree(village), disagree(village, "NO1", code="S", suitable=None, judged_on=None,
                                                started_on="2020-06-15")  # fmt: skip
    page = village.get("head", HERE, limit=1).json()
    assert (page["count"], page["conflicts"][0]["fact_ids"]) == (2, [second]), "no fixed abode comes first"
    after = village.get("head", HERE, limit=1, cursor=page["next"]).json()
    assert (after["conflicts"][0]["fact_ids"], after["next"]) == ([first], None)
    for cursor in ("x", "W10", "bnVsbA", "WzEsMiwiMjAyMC0wMS0wMSIsImEiLFtdXQ", "!"):
        refused = village.get("head", HERE, cursor=cursor)
        assert (refused.status_code, codes(refused)) == (422, [("cursor", "unknown")]), cursor
    assert village.get("head", HERE, kind="shoe").status_code == 422
    assert codes(village.get("head", HERE, team="nowhere")) == [("team", "unknown")]
