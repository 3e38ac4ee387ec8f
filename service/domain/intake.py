"""What an extract says, claim by claim; `domain/comparison.py` sets it beside what is held."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from service.domain.facts import Confidence, Fact


@dataclass(frozen=True, slots=True)
class Claim:
    """One fact, as one row of one dataset says it.

    `row` is the line in the file (header = 1); `key` is the source's own id of the fact, unique in its
    dataset (with "/accommodation" and the like where one row yields several facts); `value.known` is None;
    `undated`: the source gives no dates of its own, so a changed value ends the spell and opens another.
    """

    dataset: str
    row: int
    key: str
    eclipse_id: str
    value: Fact
    undated: bool = False
    flags: tuple[str, ...] = ()
    confidence: Confidence = Confidence.CONFIRMED


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row, field or dataset that was not taken: where and why, and what is allowed; never the value.

    `key` is the source's own id of what was refused, as far as the row gives one.
    """

    dataset: str
    row: int
    field: str
    code: str
    allowed: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Team:
    """A team, with the area, locality and service it belongs to as far as the source says."""

    code: str
    title: str | None = None
    team_type: str | None = None
    area_code: str | None = None
    area_title: str | None = None
    locality_code: str | None = None
    locality_title: str | None = None
    service_code: str | None = None
    service_title: str | None = None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as the source names them: owns rows, needs no login."""

    ref: str
    name: str | None = None
    role: str | None = None
    team_code: str | None = None
    started_on: date | None = None
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Extract:
    """All that one batch says, with the number of data rows per dataset."""

    claims: tuple[Claim, ...]
    teams: tuple[Team, ...]
    workers: tuple[Worker, ...]
    refusals: tuple[Refusal, ...]
    rows: Mapping[str, int]
