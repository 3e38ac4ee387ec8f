"""Sign-ins by many requests at once: noted once, and nobody waits for it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from sqlalchemy import Engine, select

from service.domain.access import Role, ScopeKind
from service.domain.subject import Subject
from service.operations import signing_in
from service.store import admission, users
from service.store.engine import reading, writing
from service.store.schema import audit_entry
from tests.conftest import SetClock

MANY = 6


def somebodys(clock: SetClock, subject: str = "pa-1") -> Subject:
    return Subject(
        issuer="https://login.example", subject=subject, oid=None, token_id="t-1", issued_at=clock(),
        expires_at=clock() + timedelta(hours=1), is_script=False,
    )  # fmt: skip


def entries(engine: Engine, act: str) -> list[dict[str, object]]:
    with reading(engine) as session:
        return [json.loads(detail) for (detail,) in session.execute(
            select(audit_entry.c.detail).where(audit_entry.c.act == act)
        )]  # fmt: skip


def test_the_first_requests_of_a_token_come_all_at_once_and_are_one_sign_in(engine: Engine, clock: SetClock) -> None:
    with writing(engine, clock) as write:
        user_id = users.add_user(
            write.session, issuer="https://login.example", subject="pa-1", name="P. Demo-Tamar", roles={Role.IRO},
            scopes={(ScopeKind.OWN, "")}, at=write.now,
        )  # fmt: skip
    together, subject = Barrier(MANY), somebodys(clock)

    def first_request(_: int) -> bool:
        with reading(engine) as session:
            used = admission.user_by_subject(session, subject, at=clock()).used
            together.wait(10)
        with writing(engine, clock) as write:
            signing_in.sign_in(write.session, subject, user_id=user_id, at=write.now)
        return used

    with ThreadPoolExecutor(MANY) as pool:
        assert list(pool.map(first_request, range(MANY))) == [False] * MANY
    assert len(entries(engine, "sign_in")) == 1
    with reading(engine) as session:
        assert admission.user_by_subject(session, subject, at=clock()).used


def test_a_sign_in_that_is_rolled_back_is_noted_by_the_next_request(engine: Engine, clock: SetClock) -> None:
    with writing(engine, clock) as write:
        user_id = users.add_user(
            write.session, issuer="https://login.example", subject="pa-1", name="P. Demo-Tamar", roles={Role.IRO},
            scopes={(ScopeKind.OWN, "")}, at=write.now,
        )  # fmt: skip
    with writing(engine, clock) as write:
        signing_in.sign_in(write.session, somebodys(clock), user_id=user_id, at=write.now)
        write.session.rollback()
    assert entries(engine, "sign_in") == []
    with writing(engine, clock) as write:
        signing_in.sign_in(write.session, somebodys(clock), user_id=user_id, at=write.now)
    assert len(entries(engine, "sign_in")) == 1


def test_many_who_are_turned_away_at_once_are_noted_once_each_in_a_minute(engine: Engine, clock: SetClock) -> None:
    together = Barrier(MANY)

    def turned_away(n: int) -> None:
        together.wait(10)
        with writing(engine, clock) as write:
            signing_in.turn_away(write.session, somebodys(clock, f"pa-{n % 2}"), "unknown", at=write.now)

    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(turned_away, range(MANY)))
    assert len(entries(engine, "sign_in.refused")) == 2
    with reading(engine) as session:
        assert signing_in.turned_away_lately(session, somebodys(clock, "pa-0"), at=clock())
        assert not signing_in.turned_away_lately(session, somebodys(clock, "pa-9"), at=clock())
