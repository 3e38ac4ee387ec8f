"""A period of London days, both ends included."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from service.domain.dates import LONDON


@dataclass(frozen=True, slots=True)
class Period:
    """From the beginning of one London day to the end of another."""

    first: date
    last: date

    @property
    def since(self) -> datetime:
        """The moment it begins."""
        return datetime.combine(self.first, time.min, LONDON)

    @property
    def until(self) -> datetime:
        """The moment it is over: the first of the day after."""
        return datetime.combine(self.last + timedelta(days=1), time.min, LONDON)
