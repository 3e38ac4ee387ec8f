"""How old each feed is and what of it is held, for those who run the service. Nothing about anybody."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from service.domain.dates import london_day
from service.domain.policy import DEFAULT_POLICY
from service.domain.tracker import Freshness, freshness
from service.store import extracts, holds


@dataclass(frozen=True, slots=True)
class Feeds:
    """The clock on the feeds at a moment: how old each dataset is, each source, and what waits since when."""

    at: datetime
    marks: dict[tuple[str, str, str], datetime]  # (source, profile, dataset) -> newest extract
    sources: tuple[Freshness, ...]
    held: dict[tuple[str, str, str], datetime]  # (source, profile, dataset) -> waits since

    @property
    def oldest_hours(self) -> int | None:
        """Whole hours for which the oldest of what is held has waited."""
        since = min(self.held.values(), default=None)
        return None if since is None else int((self.at - since).total_seconds() // 3600)

    def ages(self) -> Iterator[tuple[tuple[str, str, str], float]]:
        """Each dataset with the seconds since its newest extract."""
        return ((place, (self.at - at).total_seconds()) for place, at in sorted(self.marks.items()))

    def waits(self) -> Iterator[tuple[tuple[str, str, str], float]]:
        """Each dataset of which something is held, with the seconds it has waited."""
        return ((place, (self.at - since).total_seconds()) for place, since in sorted(self.held.items()))


def clock(session: Session, *, at: datetime) -> Feeds:
    """The clock on the feeds, in two SELECTs."""
    marks = {(str(s.value), p, d): extracted for (s, p, d), extracted in extracts.watermarks(session).items()}
    stale_after = 24 * DEFAULT_POLICY.known_at(at).limit("feed.stale", london_day(at)).number  # days
    held: dict[tuple[str, str, str], datetime] = {}
    for each in holds.waiting(session):
        place = (str(each.source), each.profile, each.dataset)
        held[place] = min(each.first_held_at, held.get(place, each.first_held_at))
    return Feeds(at, marks, freshness(marks, at=at, stale_after_hours=stale_after), held)
