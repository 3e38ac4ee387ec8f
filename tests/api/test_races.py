"""Many at once: of those who change the same thing one wins, and of those who say the same thing all are answered."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import func, select

from service.store.engine import reading
from service.store.schema import FACTS
from tests.village import Village

CONTACTS = "/v1/contacts"
CALL = {"eclipse_id": "EX1", "occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}


def test_of_twelve_corrections_at_once_one_wins(village: Village) -> None:
    """Each read the same version. What the winner said stands, and is the only version that was added."""
    made = village.post("head", "/v1/accommodation", {"eclipse_id": "EX2", "unacceptable": "tent"}).json()
    path, headers = f"/v1/accommodation/{made['fact_id']}", village.headers("head", if_match=made["etag"])

    def correct(number: int) -> Any:
        body = {"unacceptable": "tent", "started_on": f"2020-07-{number + 1:02}", "reason": "Misread"}
        return village.client.put(path, json=body, headers=headers)

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(correct, range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 11
    assert {answer.json()["code"] for answer in answers if answer.status_code == 412} == {"stale"}
    winner = next(number for number, answer in enumerate(answers) if answer.status_code == 200)
    table = FACTS["accommodation"]
    with reading(village.engine) as session:
        mine = table.c.fact_id == made["fact_id"]
        standing = session.scalars(select(table.c.started_on).where(mine, table.c.superseded_at.is_(None))).all()
        assert [str(day) for day in standing] == [f"2020-07-{winner + 1:02}"]
        assert session.scalar(select(func.count()).select_from(table).where(mine)) == 2


def test_forty_at_once_under_one_key_are_one_contact_and_one_answer(village: Village) -> None:
    """A phone that tries again and again. Somebody else's key of the same name is another key."""
    headers = village.headers("adviser", idempotency_key="storm")
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: village.client.post(CONTACTS, json=CALL, headers=headers), range(40)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert village.held(FACTS["contact"]) == 2, "the village's own, and this one"
    other = village.post("manager", CONTACTS, CALL, key="storm")
    assert (other.status_code, other.content == answers[0].content) == (201, False)


def test_of_two_bodies_at_once_under_one_key_one_counts(village: Village) -> None:
    headers = village.headers("adviser", idempotency_key="storm")
    bodies = [CALL, CALL | {"outcome": "attempted"}] * 10
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda body: village.client.post(CONTACTS, json=body, headers=headers), bodies))
    first, second = ({answer.status_code for answer in answers[start::2]} for start in (0, 1))
    assert sorted([first, second], key=min) == [{201}, {422}]
    assert village.held(FACTS["contact"]) == 2


def test_a_key_outlives_a_weekend_without_signal(village: Village) -> None:
    """Kept for a week: 72 hours are the least that a phone in a valley needs."""
    first = village.post("adviser", CONTACTS, CALL, key="valley")
    village.clock.advance(hours=73)
    village.tokens.clear()
    again = village.post("adviser", CONTACTS, CALL, key="valley")
    assert (again.status_code, again.content) == (201, first.content)
    assert village.held(FACTS["contact"]) == 2
