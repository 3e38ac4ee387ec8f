"""Reading in bulk: sixty records within an hour are told of, two hundred are enough; lists are told of and answered.

Who is told thirty times within an hour that nobody is there is told of too.
"""

from typing import Any

import pytest
from sqlalchemy import Engine, select

from service.domain.access import Role, ScopeKind, User
from service.domain.bulk_reading import COUNTY, LISTED_ALERT, OPENED_ALERT, OPENED_MOST, PROBING
from service.errors import NotFound, NotPermitted, Refused, TooMany
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


def turn_away(engine: Engine, clock: SetClock, times: int, refused: Refused | None = None, by: str = "u1") -> None:
    """Refuse somebody so often, a second apart."""
    for _ in range(times):
        clock.advance(seconds=1)
        with writing(engine, clock) as write:
            looks.note_denied(write.session, refused or NotFound(), by=by, at=write.now, detail={})


def alerts(engine: Engine, act: str = "alert.bulk_reading") -> list[Any]:
    with reading(engine) as session:
        query = select(audit_entry).where(audit_entry.c.act == act)
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


def test_a_whole_copy_of_the_county_by_pages_and_filters_is_told_of(engine: Engine, clock: SetClock) -> None:
    """What a week is prepared from is not: the tracker, the people page by page, one breakdown by team."""
    lists = [[range(COUNTY)], [range(n, n + 100) for n in range(0, COUNTY, 100)],
             [range(n, n + 95) for n in range(0, COUNTY, 95)]]  # fmt: skip
    assert not any(list_people(engine, clock, page) for pages in lists for page in pages)
    assert not any(list_people(engine, clock, page) for pages in lists for page in pages), "nor when it is read again"
    assert any(list_people(engine, clock, range(n, n + 50)) for n in range(0, COUNTY, 50))


def test_who_sees_figures_only_has_listed_nobody(engine: Engine, clock: SetClock) -> None:
    executive = user("u3", Role.CHIEF_EXECUTIVE)
    assert not list_people(engine, clock, range(LISTED_ALERT + 1), by=executive)
    assert alerts(engine) == []


def test_writes_about_people_do_not_count_as_reading(engine: Engine, clock: SetClock) -> None:
    for n in range(3):
        open_one(engine, clock, n, act="record.accommodation")
    open_many(engine, clock, range(10, 10 + OPENED_ALERT - 1))
    assert alerts(engine) == []


def test_who_guesses_is_told_of_once_an_hour_whether_somebody_was_there_or_not(engine: Engine, clock: SetClock) -> None:
    turn_away(engine, clock, PROBING - 2)
    turn_away(engine, clock, 1, NotFound(about="p1"))
    assert alerts(engine, "alert.probing") == []
    turn_away(engine, clock, 5)
    (alert,) = alerts(engine, "alert.probing")
    assert (alert.by_user, alert.changes, alert.people_set, alert.person_id) == ("u1", False, None, None)
    assert alert.detail == '{"alert_from": 30, "count": 30}'
    clock.advance(minutes=61)
    turn_away(engine, clock, PROBING)
    assert len(alerts(engine, "alert.probing")) == 2


def test_slips_of_a_day_other_refusals_and_other_accounts_do_not_add_up(engine: Engine, clock: SetClock) -> None:
    for _ in range(3):
        turn_away(engine, clock, PROBING - 1)
        clock.advance(minutes=60)
    turn_away(engine, clock, PROBING - 1)
    turn_away(engine, clock, 1, by="u2")
    turn_away(engine, clock, PROBING, NotPermitted())
    assert alerts(engine, "alert.probing") == []
