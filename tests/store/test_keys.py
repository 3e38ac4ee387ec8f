"""Idempotency keys: an accepted write happens once, whatever the retries, and its answer is the same."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select

from service.api.dependencies import Act
from service.api.once import keep_once
from service.errors import Busy, KeyReused
from service.store import audit, keys
from service.store.engine import reading, writing
from service.store.keys import Answer
from service.store.schema import audit_entry, idempotency_key
from tests.conftest import SetClock
from tests.council import HEAD, MANAGER

RUNS = count()


def write(engine: Engine, clock: SetClock, key: str, body: object, *, by: object = HEAD, fails: bool = False) -> bytes:
    """One request: an act that leaves an entry, once per key. `fails`: the answer is lost before the commit."""
    with writing(engine, clock) as under_way:
        act = Act(under_way.session, by, under_way.now)  # type: ignore[arg-type]

        def do() -> object:
            audit_id = audit.note(under_way.session, "record.accommodation", by=act.user.user_id, at=act.now)
            return {"audit_id": audit_id, "body": body}

        answer = keep_once(act, key, body, do)
        if fails:
            raise ConnectionError
        return answer.body


def done(engine: Engine, like: str = "") -> int:
    with reading(engine) as session:
        entries = select(func.count()).select_from(audit_entry)
        kept = select(func.count()).select_from(idempotency_key).where(idempotency_key.c.key.startswith(like))
        assert session.scalar(entries) is not None
        return session.scalar(kept) or 0


def entries(engine: Engine, *, given_again: bool = False) -> int:
    """How many acts are in the audit, or how often a kept answer was given again."""
    again = audit_entry.c.act == "read.kept_answer"
    with reading(engine) as session:
        return session.scalar(select(func.count()).where(again if given_again else ~again)) or 0


def test_an_answer_is_kept_and_given_again_byte_for_byte(engine: Engine, clock: SetClock) -> None:
    first = write(engine, clock, "k1", {"a": 1})
    clock.advance(days=1)
    assert write(engine, clock, "k1", {"a": 1}) == first
    assert (entries(engine), entries(engine, given_again=True)) == (1, 1)


def test_another_body_under_the_same_key_is_refused(engine: Engine, clock: SetClock) -> None:
    write(engine, clock, "k1", {"a": 1})
    with pytest.raises(KeyReused):
        write(engine, clock, "k1", {"a": 2})
    assert entries(engine) == 1


def test_a_key_is_the_users_own(engine: Engine, clock: SetClock) -> None:
    write(engine, clock, "k1", {"a": 1})
    write(engine, clock, "k1", {"a": 2}, by=MANAGER)
    assert entries(engine) == 2


def test_the_order_of_a_bodys_fields_is_nothing(engine: Engine, clock: SetClock) -> None:
    first = write(engine, clock, "k1", {"a": 1, "b": 2})
    assert write(engine, clock, "k1", {"b": 2, "a": 1}) == first


def test_a_write_that_failed_leaves_no_key(engine: Engine, clock: SetClock) -> None:
    with pytest.raises(ConnectionError):
        write(engine, clock, "k1", {"a": 1}, fails=True)
    assert (entries(engine), done(engine)) == (0, 0)
    write(engine, clock, "k1", {"a": 1})
    assert (entries(engine), done(engine)) == (1, 1)


def test_a_key_is_kept_seven_days(engine: Engine, clock: SetClock) -> None:
    first = write(engine, clock, "k1", {"a": 1})
    clock.advance(days=7)
    assert write(engine, clock, "k1", {"a": 1}) == first
    clock.advance(seconds=1)
    assert write(engine, clock, "k1", {"a": 2}) != first
    assert (entries(engine), done(engine)) == (2, 1)


def test_answers_of_those_who_ask_no_more_are_let_go_some_at_a_time(engine: Engine, clock: SetClock) -> None:
    with writing(engine, clock) as under_way:
        for n in range(keys.LET_GO + 5):
            keys.keep(under_way.session, "left", f"k{n}", Answer("0" * 64, 201, b"{}"), at=under_way.now)
    clock.advance(days=7, seconds=1)
    write(engine, clock, "mine", {"a": 1})
    assert done(engine) == 6
    write(engine, clock, "mine too", {"a": 1})
    assert done(engine) == 2


def test_eight_at_once_with_one_key_are_one_write(engine: Engine, clock: SetClock) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(lambda _: write(engine, clock, "k1", {"a": 1}), range(16)))
    assert len(answers) == 1
    assert entries(engine) == 1


def test_bytes_come_back_as_they_went_in(engine: Engine, clock: SetClock) -> None:
    answer = Answer("0" * 64, 201, bytes(range(256)))
    with writing(engine, clock) as under_way:
        keys.keep(under_way.session, "u", "k", answer, at=under_way.now)
    with writing(engine, clock) as under_way:
        assert keys.answered(under_way.session, "u", "k", at=under_way.now) == answer
        assert keys.answered(under_way.session, "u", "other", at=under_way.now) is None


# --- promise 8 -----------------------------------------------------------------------------

TRIES = st.lists(st.tuples(st.sampled_from(["k1", "k2", "k3"]), st.integers(1, 2), st.booleans()), max_size=12)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tries=TRIES)
def test_whatever_is_tried_again_happens_once(
    engine: Engine, clock: SetClock, tries: list[tuple[str, int, bool]]
) -> None:
    run, before, kept = next(RUNS), entries(engine), dict[str, tuple[int, bytes]]()
    for name, body, fails in tries:
        key = f"{run}-{name}"
        try:
            answer = write(engine, clock, key, body, fails=fails)
        except ConnectionError:
            assert key not in kept or kept[key][0] == body
        except KeyReused:
            assert kept[key][0] != body
        except Busy:
            pytest.fail("nobody else was writing")
        else:
            assert kept.setdefault(key, (body, answer)) == (body, answer)
    assert entries(engine) - before == len(kept)
    assert done(engine, f"{run}-") == len(kept)
