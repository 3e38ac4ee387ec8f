"""Reading in bulk: sixty records within an hour are told of, two hundred are enough; lists are told of and answered."""

from typing import Any

import pytest
from sqlalchemy import Engine, select

from service.domain.access import Role, ScopeKind, User
from service.domain.bulk_reading import LISTED_ALERT, OPENED_ALERT, OPENED_MOST
from service.errors import TooMany
from service.operations import looks
from service.store.engine import reading, writing
from service.store.schema import audit_entry
from tests.conftest import SetClock


def user(name: str = "u1", role: Role = Role.TEAM_MANAGER) -> User:
    return User(name, name, frozenset({role}), frozenset({(ScopeKind.COUNTY, "")}), None, 0)


def open_one(engine: Engine, clock: SetClock, n: int, *, by: User | None = None, act: str = "read.person") -> bool:
    """Open the n-th person's record, ten seconds after the one before."""
    clock.advance(seconds=10)
    with writing(engine, clock) as write:
        return looks.note(
            write.session, act, by=by or user(), at=write.now, people=[f"p{n}"], person_id=f"p{n}", detail={}
        )  # fmt: skip


def open_many(engine: Engine, clock: SetClock, numbers: range, *, by: User | None = None) -> int:
    """Open so many at one moment; how many alerts that raised."""
    clock.advance(seconds=10)
    with writing(engine, clock) as write:
        return sum(
            looks.note(
                write.session, "read.person", by=by or user(), at=write.now, people=[f"p{n}"], person_id=f"p{n}",
                detail={},
            )
            for n in numbers
        )  # fmt: skip


def list_people(engine: Engine, clock: SetClock, people: range, *, by: User | None = None) -> bool:
    clock.advance(seconds=10)
    with writing(engine, clock) as write:
        ids = [f"p{n}" for n in people]
        return looks.note(
            write.session, "read.tracker", by=by or user(), at=write.now, people=ids, person_id=None, detail={}
        )  # fmt: skip


def alerts(engine: Engine) -> list[Any]:
    with reading(engine) as session:
        query = select(audit_entry).where(audit_entry.c.act == "alert.bulk_reading")
        return list(session.execute(query.order_by(audit_entry.c.recorded_at)).all())


def test_the_sixtieth_record_within_the_hour_is_told_of_once(engine: Engine, clock: SetClock) -> None:
    assert open_many(engine, clock, range(OPENED_ALERT - 1)) == 0
    assert open_one(engine, clock, OPENED_ALERT)
    assert not open_one(engine, clock, OPENED_ALERT + 1)
    (alert,) = alerts(engine)
    assert (alert.by_user, alert.changes, alert.people_set, alert.person_id) == ("u1", False, None, None)
    assert alert.detail == '{"alert_from": 60, "count": 60, "what": "records_opened"}'


def test_the_same_records_again_and_other_accounts_do_not_add_up(engine: Engine, clock: SetClock) -> None:
    open_many(engine, clock, range(OPENED_ALERT - 1))
    open_many(engine, clock, range(OPENED_ALERT - 1))
    open_one(engine, clock, 900, by=user("u2"))
    assert alerts(engine) == []


def test_what_was_opened_more_than_an_hour_ago_is_forgotten_and_the_next_hour_is_told_of_anew(
    engine: Engine, clock: SetClock
) -> None:
    open_many(engine, clock, range(OPENED_ALERT - 1))
    clock.advance(minutes=61)
    assert open_many(engine, clock, range(100, 100 + OPENED_ALERT)) == 1
    clock.advance(minutes=61)
    assert open_many(engine, clock, range(200, 200 + OPENED_ALERT)) == 1
    assert len(alerts(engine)) == 2


def test_after_two_hundred_the_next_is_refused_until_an_hour_after_the_first(engine: Engine, clock: SetClock) -> None:
    open_many(engine, clock, range(OPENED_MOST))
    clock.advance(minutes=20)
    with pytest.raises(TooMany) as refused:
        open_one(engine, clock, 900)
    assert (refused.value.about, refused.value.retry_after) == ("p900", 40 * 60 - 10 + 1)
    assert not open_one(engine, clock, 7), "what was opened may be opened again"
    assert not open_one(engine, clock, 900, by=user("u2"))
    with reading(engine) as session:
        opened = audit_entry.c.person_id == "p900"
        assert session.scalars(select(audit_entry.c.by_user).where(opened)).all() == ["u2"]
    clock.advance(seconds=refused.value.retry_after)
    open_one(engine, clock, 900)


def test_a_list_read_again_and_again_is_counted_once_and_never_refused(engine: Engine, clock: SetClock) -> None:
    half = LISTED_ALERT // 2
    assert not list_people(engine, clock, range(half))
    assert not list_people(engine, clock, range(half))
    assert not list_people(engine, clock, range(0))
    assert list_people(engine, clock, range(half, 2 * half))
    assert not list_people(engine, clock, range(LISTED_ALERT))
    (alert,) = alerts(engine)
    assert alert.detail == f'{{"alert_from": {LISTED_ALERT}, "count": {LISTED_ALERT}, "what": "rows_listed"}}'


def test_who_sees_figures_only_has_listed_nobody(engine: Engine, clock: SetClock) -> None:
    executive = user("u3", Role.CHIEF_EXECUTIVE)
    assert not list_people(engine, clock, range(LISTED_ALERT + 1), by=executive)
    assert alerts(engine) == []


def test_writes_about_people_do_not_count_as_reading(engine: Engine, clock: SetClock) -> None:
    for n in range(3):
        open_one(engine, clock, n, act="record.accommodation")
    open_many(engine, clock, range(10, 10 + OPENED_ALERT - 1))
    assert alerts(engine) == []
