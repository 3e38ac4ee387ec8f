"""Two people enter, correct, approve or take back places of one young person at once: nothing acknowledged is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from service.store.engine import reading
from service.store.schema import FACTS
from tests.village import Village

PLACES = "/v1/accommodation"
TABLE = FACTS["accommodation"]
Asked = Callable[[], httpx.Response]
rounds = pytest.mark.parametrize("rounds", [4, pytest.param(40, marks=pytest.mark.long)])


def at_once(*asked: Asked) -> list[httpx.Response]:
    """All of these, begun in the same moment."""
    together = Barrier(len(asked))

    def one(ask: Asked) -> httpx.Response:
        together.wait()
        return ask()

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(one, asked))


def entered(village: Village, who: str, **place: str) -> dict[str, Any]:
    village.clock.advance(minutes=1)
    village.tokens.clear()  # a token is good for an hour
    answer = village.post(who, PLACES, {"eclipse_id": "EX2", **place})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def standing(village: Village, fact_id: str) -> list[str | None]:
    """What is said now of a place, version by version: why it is unacceptable."""
    with reading(village.engine) as session:
        mine = (TABLE.c.fact_id == fact_id) & TABLE.c.superseded_at.is_(None)
        return list(session.scalars(select(TABLE.c.unacceptable).where(mine)))


def cleared(village: Village, *facts: str) -> None:
    """As before the round: whoever of the three did not write it takes it back."""
    for fact_id in facts:
        for who in ("head", "other_head", "manager"):
            village.post(who, f"{PLACES}/{fact_id}/withdraw", {"reason": "The next round"})
        assert standing(village, fact_id) == []


@rounds
def test_a_correction_is_not_lost_to_the_approval_of_the_move_away(village: Village, rounds: int) -> None:
    for _ in range(rounds):
        tent = entered(village, "head", unacceptable="tent", started_on="2020-07-20")
        better = entered(village, "adviser", code="U", started_on="2020-07-29")
        assert better["counts"] == "when_approved"
        path = f"{PLACES}/{tent['fact_id']}"
        read = village.whole("head", "EX2")["facts"]["accommodation"]
        (tag,) = [each["etag"] for each in read if each["fact_id"] == tent["fact_id"]]
        misread = {"unacceptable": "sofa_surfing", "started_on": "2020-07-15", "reason": "Misread"}
        approved, corrected = at_once(
            lambda: village.post("manager", f"{PLACES}/{better['fact_id']}/approve", {"reason": "Seen"}),  # noqa: B023
            lambda: village.put("other_head", path, misread, if_match=tag),  # noqa: B023
        )
        assert (approved.status_code, corrected.status_code) in {(200, 200), (200, 412), (412, 200)}
        now = standing(village, tent["fact_id"])
        assert now, "whatever came first, something stands of the tent"
        assert ("sofa_surfing" in now) is (corrected.status_code == 200)
        cleared(village, better["fact_id"], tent["fact_id"])


@rounds
def test_a_withdrawn_place_is_not_ended_by_the_next_and_so_held_again(village: Village, rounds: int) -> None:
    for _ in range(rounds):
        hers = entered(village, "adviser", code="Z", started_on="2020-07-20")
        village.clock.advance(minutes=1)
        taken_back, moved = at_once(
            lambda: village.post("head", f"{PLACES}/{hers['fact_id']}/withdraw", {"reason": "Another child"}),  # noqa: B023
            lambda: village.post(
                "adviser", PLACES, {"eclipse_id": "EX2", "unacceptable": "tent", "started_on": "2020-07-29"}
            ),
        )
        assert moved.status_code == 201
        assert taken_back.status_code in (200, 412), "as it was read, or to be looked at again"
        assert (standing(village, hers["fact_id"]) == []) is (taken_back.status_code == 200)
        cleared(village, moved.json()["fact_id"], hers["fact_id"])


@rounds
def test_of_two_approvals_of_one_move_by_either_place_one_counts(village: Village, rounds: int) -> None:
    for _ in range(rounds):
        tent = entered(village, "head", unacceptable="tent", started_on="2020-07-20")
        better = entered(village, "adviser", code="U", started_on="2020-07-29")
        village.clock.advance(minutes=1)
        before = village.audit()
        answers = at_once(
            lambda: village.post("manager", f"{PLACES}/{better['fact_id']}/approve", {"reason": "Seen"}),  # noqa: B023
            lambda: village.post("other_head", f"{PLACES}/{tent['fact_id']}/approve", {"reason": "Seen"}),  # noqa: B023
        )
        assert sorted(each.status_code for each in answers) in ([200, 409], [200, 412])
        assert [each.act for each in village.noted(before)].count("approve.accommodation") == 1
        cleared(village, better["fact_id"], tent["fact_id"])


def test_what_a_withdrawn_move_ended_is_in_the_timeline_still(village: Village) -> None:
    """The end was another child's; the place, and that she was looked after, were hers all along."""
    for path, said in (
        ("accommodation", {"unacceptable": "tent"}), ("care-leaver-statuses", {"in_touch": "NO"}),
    ):  # fmt: skip
        village.clock.advance(minutes=1)
        made = village.post("head", f"/v1/{path}", {"eclipse_id": "EX2", "started_on": "2020-07-20", **said})
        assert made.status_code == 201, made.text
        village.clock.advance(minutes=1)
        gone = village.post("other_head", f"/v1/{path}/{made.json()['fact_id']}/withdraw", {"reason": "Another child"})
        assert gone.status_code == 200, gone.text
    told = village.get("head", f"/v1/people/{village.ids['EX2']}/timeline").json()["events"]
    held = village.whole("head", "EX2")["facts"]
    for kind in ("accommodation", "care_leaver_status"):
        assert {each["fact_id"] for each in told if each["kind"] == kind} == {each["fact_id"] for each in held[kind]}
