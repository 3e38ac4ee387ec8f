"""Column types keep what Python knows: moments with their zone, ids that sort by time."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError
from sqlmodel import Session

from service.store.schema import person
from service.store.types import UTCDateTime, new_id
from tests.council import moment

BST = timezone(timedelta(hours=1))


def kept(session: Session, at: datetime) -> datetime | None:
    session.execute(
        insert(person).values(person_id=new_id(moment("2020-07-31T08:00")), restricted=False, recorded_at=at)
    )
    return session.scalar(select(person.c.recorded_at))


@pytest.mark.parametrize(
    "at",
    [
        datetime(2020, 7, 31, 9, 0, tzinfo=BST),
        datetime(2020, 7, 31, 8, 0, 0, 123456, tzinfo=UTC),
        datetime(2020, 10, 25, 1, 30, tzinfo=BST),  # the hour that comes twice
        datetime(2020, 10, 25, 1, 30, tzinfo=UTC),
        datetime(1990, 1, 1, tzinfo=UTC),
    ],
)
def test_a_moment_comes_back_as_the_same_moment_in_utc(at: datetime, session: Session) -> None:
    back = kept(session, at)
    assert back == at
    assert back is not None
    assert back.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(session: Session) -> None:
    with pytest.raises(StatementError, match="naive"):
        kept(session, datetime(2020, 7, 31, 9, 0))  # noqa: DTZ001  # what this is about
    with pytest.raises(StatementError, match="naive"):
        session.execute(select(person).where(person.c.recorded_at > datetime(2020, 7, 31)))  # noqa: DTZ001


def test_nothing_stays_nothing() -> None:
    from_nothing = UTCDateTime().process_bind_param(None, None)  # type: ignore[arg-type]
    assert from_nothing is UTCDateTime().process_result_value(None, None) is None  # type: ignore[arg-type]


def test_moments_compare_as_moments_in_the_database(session: Session) -> None:
    """Nine in the morning in London is before half past eight in UTC."""
    kept(session, datetime(2020, 7, 31, 9, 0, tzinfo=BST))
    assert (
        session.scalar(select(person.c.person_id).where(person.c.recorded_at < moment("2020-07-31T08:30"))) is not None
    )
    assert session.scalar(select(person.c.person_id).where(person.c.recorded_at < moment("2020-07-31T08:00"))) is None


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 100 * 366 * 24 * 3600 * 1000), st.integers(1, 10_000))
def test_ids_are_uuids_of_version_7_and_sort_by_time(millis: int, later_by: int) -> None:
    at = moment("1990-01-01T00:00") + timedelta(milliseconds=millis)
    first, second = new_id(at), new_id(at + timedelta(milliseconds=later_by))
    assert (UUID(first).version, UUID(first).variant, len(first)) == (7, "specified in RFC 4122", 36)
    assert first < second


def test_ids_of_one_moment_differ() -> None:
    at = moment("2020-07-31T08:00")
    assert len({new_id(at) for _ in range(1000)}) == 1000
