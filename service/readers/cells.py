"""One text cell as a value: days, moments, yes and no, whole numbers, codes and what sources write for "nothing"."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
MAX_ID = 64
"""Characters in an id: SSD allows 48."""

PLACEHOLDERS = frozenset({"ssd_ph", "dq", "??", "-1"})
"""What SSD scripts write where they found no usable value; like the day 1900-01-01, it says nothing."""

LONGEST_STAND_IN = max(map(len, PLACEHOLDERS))
"""A longer cell is neither a stand-in nor the word NULL."""

NOTHING_DAY = date(1900, 1, 1)
_NOTHING_DAYS = ("1900-01-01", "01/01/1900")
_FIRST_YEAR, _LAST_YEAR = 1901, 2199
_TIME = r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,9}))?)?"
_ZONE = r"(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?"
_ISO = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})(?:[T ]{_TIME}{_ZONE})?", re.IGNORECASE)
_PLAIN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?)?"
)  # what most sources write; the same as _ISO makes of it, sooner
_UK = re.compile(rf"([0-9]{{2}})/([0-9]{{2}})/([0-9]{{4}})(?: {_TIME})?")
_WHOLE = re.compile(r"([0-9]{1,9})(?:\.0+)?")
_YES = frozenset({"y", "yes", "1", "true", "t"})
_NO = frozenset({"n", "no", "0", "false", "f"})

DAY_ALLOWED = "YYYY-MM-DD, dd/mm/YYYY or YYYY-MM-DD HH:MM:SS, years 1901 to 2199"
MOMENT_ALLOWED = "a date and time such as 2020-07-30T14:05:00+01:00; without an offset it is London time"

T = TypeVar("T")
E = TypeVar("E", bound=Enum)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a cell cannot be read, and what is allowed; never what it held."""

    code: str
    allowed: str


def nothing(text: str) -> bool:
    """Whether a stripped cell is null: empty or the word NULL."""
    return not text or text.upper() == "NULL"


def placeholder(text: str) -> bool:
    """Whether a stripped cell is a source's stand-in for a value it does not have."""
    return text.lower() in PLACEHOLDERS


def hollow(text: str) -> bool:
    """Whether a stripped cell says nothing at all: null, a placeholder, or the day that stands for none."""
    return nothing(text) or placeholder(text) or text.startswith(_NOTHING_DAYS)


@lru_cache(maxsize=4096)
def day(text: str) -> date | Fault:
    """A day in one of the three formats; of a moment with an offset, the London day. `NOTHING_DAY` stays as it is."""
    found = _moment(text)
    if found is None:
        return Fault("not_a_date", DAY_ALLOWED)
    if not _plausible(found):
        return Fault("date_out_of_range", DAY_ALLOWED)
    return found.date() if found.tzinfo is None else found.astimezone(LONDON).date()


def moment(text: str) -> datetime | Fault:
    """A moment in UTC. Without an offset it is London time; of an hour that comes twice, the first."""
    found = _moment(text) if ":" in text else None
    if found is None:
        return Fault("not_a_moment", MOMENT_ALLOWED)
    if not _plausible(found):
        return Fault("date_out_of_range", MOMENT_ALLOWED)
    return (found if found.tzinfo else found.replace(tzinfo=LONDON)).astimezone(UTC)


def _moment(text: str) -> datetime | None:
    """A datetime as written: naive where no offset is given, midnight where no time is; None when it is no date."""
    if _PLAIN.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return None
    if iso := _ISO.fullmatch(text):
        year, month, on, *clock, zone = iso.groups()
    elif uk := _UK.fullmatch(text):
        on, month, year, *clock = uk.groups()
        zone = None
    else:
        return None
    hour, minute, second, fraction = ((part or "0") for part in clock)
    try:
        return datetime.fromisoformat(
            f"{year}-{month}-{on}T{hour:>02}:{minute:>02}:{second:>02}.{fraction:0<6.6}{(zone or '').upper()}"
        )
    except ValueError:
        return None


def _plausible(found: datetime) -> bool:
    return found.date() == NOTHING_DAY or _FIRST_YEAR <= found.year <= _LAST_YEAR


def yes(text: str) -> bool | Fault:
    """Y, N, yes, no, 1, 0, true, false, t, f in any case."""
    word = text.lower()
    if word in _YES:
        return True
    return False if word in _NO else Fault("not_yes_or_no", "Y, N, yes, no, 1, 0, true or false")


def whole(text: str) -> int | Fault:
    """A whole number from 0; 3.0, as spreadsheets write it, is 3."""
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else Fault("not_a_whole_number", "a whole number from 0 to 999999999")


def ident(text: str) -> str | Fault:
    """An id as the source writes it; true and false, as JSON has them, are none."""
    if len(text) <= MAX_ID and text.isprintable() and text.lower() not in ("true", "false"):
        return text
    return Fault("not_an_id", f"at most {MAX_ID} printable characters, not true or false")


def plain(text: str) -> str | Fault:
    """Any text."""
    return text


def one_of(codes: Mapping[str, T]) -> Callable[[str], T | Fault]:
    """A reader of exactly these codes, whatever their case."""
    by_lower = {code.lower(): value for code, value in codes.items()}
    fault = Fault("not_allowed", ", ".join(codes))
    return lambda text: by_lower.get(text.lower(), fault)


def member(kind: type[E]) -> Callable[[str], E | Fault]:
    """A reader of the codes of one enumeration."""
    return one_of({str(item.value): item for item in kind})
