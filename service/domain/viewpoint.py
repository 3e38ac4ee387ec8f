"""Where we stand: what was true by a London date, as far as was known by a moment."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """`as_at`: the London date the clocks are read at. `known_at`: what was recorded by then (aware)."""

    as_at: date
    known_at: datetime
