"""Column types that keep what Python knows: aware times, checked codes, new ids."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import DateTime, Dialect, Enum
from sqlalchemy.types import TypeDecorator


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC. A naive one is refused: SQLite would drop the zone silently."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store the UTC moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the UTC moment back, aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def code_column(codes: type[StrEnum], name: str) -> Enum:
    """A column that holds the values of `codes` and nothing else, by a CHECK named `name`."""
    return Enum(
        codes,
        native_enum=False,
        create_constraint=True,
        name=name,
        length=40,
        values_callable=lambda cls: [member.value for member in cls],
    )


def new_id(at: datetime) -> str:
    """A UUIDv7 (RFC 9562): the millisecond of `at`, then randomness, so that ids sort by time."""
    return next(_ids(at, 1))


def new_ids(at: datetime) -> Iterator[str]:
    """As many ids of one moment as are asked for: randomness is drawn for many at a time."""
    while True:
        yield from _ids(at, 256)


def _ids(at: datetime, count: int) -> Iterator[str]:
    time = f"{int(at.timestamp() * 1000):012x}"
    begins = f"{time[:8]}-{time[8:]}-7"
    random = os.urandom(10 * count).hex()
    for n in range(0, 20 * count, 20):
        variant = "89ab"[int(random[n], 16) & 3]
        yield f"{begins}{random[n + 1 : n + 4]}-{variant}{random[n + 4 : n + 7]}-{random[n + 7 : n + 19]}"
