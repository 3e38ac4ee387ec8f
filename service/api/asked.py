"""What a request says beside its body: as at which day, as known by when, and why somebody looks."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Depends, Header, Query

from service.api.bodies import Day, Moment
from service.domain.dates import london_day
from service.domain.viewpoint import Viewpoint
from service.errors import Unprocessable

EARLIEST = date(1990, 1, 1)
LOOK_AHEAD = timedelta(days=366)
SHORTEST_REASON, LONGEST_REASON = 10, 500


@dataclass(frozen=True, slots=True)
class View:
    """The viewpoint as asked for; what was not said is now."""

    as_at: date | None
    known_at: datetime | None

    def at(self, now: datetime) -> Viewpoint:
        """The viewpoint at `now`."""
        today = london_day(now)
        if self.known_at is not None and self.known_at > now:
            raise Unprocessable(("known_at", "in_future", "a moment up to now"))
        if self.known_at is not None and london_day(self.known_at) <= EARLIEST:
            raise Unprocessable(("known_at", "out_of_range", "a moment after 1 January 1990"))
        if self.as_at is not None and not EARLIEST <= self.as_at <= today + LOOK_AHEAD:
            raise Unprocessable(("as_at", "out_of_range", "from 1990-01-01 to a year ahead"))
        return Viewpoint(self.as_at or today, self.known_at.astimezone(UTC) if self.known_at else now)


async def viewpoint(
    as_at: Annotated[Day | None, Query(description="London date the clocks are read at; today when left out")] = None,
    known_at: Annotated[
        Moment | None, Query(description="What was known by this moment (with offset); now when left out")
    ] = None,
) -> View:
    """`as_at` and `known_at` of a read."""
    return View(as_at, known_at)


AskedView = Annotated[View, Depends(viewpoint)]


async def access_reason(
    access_reason: Annotated[
        str | None,
        Header(
            description="Why you look at this record: needed where it is not your daily work; kept in the audit",
            json_schema_extra={"minLength": SHORTEST_REASON, "maxLength": LONGEST_REASON},
        ),
    ] = None,
) -> str | None:
    """Why somebody looks, if they say so. Raises Unprocessable for what is too short, too long or not printable."""
    if access_reason is None:
        return None
    said = unicodedata.normalize("NFC", _as_sent(access_reason)).strip()
    if not SHORTEST_REASON <= len(said) <= LONGEST_REASON or not said.isprintable():
        allowed = f"{SHORTEST_REASON} to {LONGEST_REASON} printable characters"
        raise Unprocessable(("access-reason", "out_of_shape", allowed))
    return said


def _as_sent(header: str) -> str:
    """A header arrives read as Latin-1; most clients send anything beyond ASCII as UTF-8."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


async def nothing_said() -> None:
    """Where no reason is asked for."""
