"""What an extract says, claim by claim; `domain/comparison.py` sets it beside what is held."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from service.domain.facts import Confidence, Fact

# Why a file cannot be taken at all. Its watermark does not move.
UNUSABLE = frozenset({
    "wrong_encoding", "malformed_csv", "malformed_header", "missing_header", "duplicate_column", "missing_column",
    "json_array", "line_too_long", "too_many_columns",
    "unknown_dataset", "too_many_rows", "rows_differ", "front_door_contacts",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """One fact, as one row of one dataset says it.

    `row` is the line in the file (header = 1); `key` is the source's own id of the fact, unique in its
    dataset (with "/accommodation" and the like where one row yields several facts); `value.known` is None;
    `undated`: the source gives no dates of its own, so a changed value ends the spell and opens another;
    `deleted`: the row carries the marker of a delta: the source no longer has it; `unsaid`: fields of which its
    file has no column at all.
    """

    dataset: str
    row: int
    key: str
    eclipse_id: str
    value: Fact
    undated: bool = False
    flags: tuple[str, ...] = ()
    confidence: Confidence = Confidence.CONFIRMED
    deleted: bool = False
    unsaid: frozenset[str] = field(default=frozenset(), compare=False)


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

    @property
    def whole(self) -> bool:
        """Whether the file was refused, not a row of it: nothing is concluded from what it does not say."""
        return self.code in UNUSABLE


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
    """A worker as the source names them: owns rows, needs no login. `back`: it says that no last day stands."""

    ref: str
    name: str | None = None
    role: str | None = None
    team_code: str | None = None
    started_on: date | None = None
    ended_on: date | None = None
    back: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Extract:
    """All that one batch says, with the number of data rows per dataset.

    `placeholders`: datasets that have rows, and nothing in any of them. Eclipse's SSD scripts write such tables where
    they read no data: they were not supplied, and nothing is concluded from them.
    """

    claims: tuple[Claim, ...]
    teams: tuple[Team, ...]
    workers: tuple[Worker, ...]
    refusals: tuple[Refusal, ...]
    rows: Mapping[str, int]
    doubted: tuple[Claim, ...] = ()
    placeholders: frozenset[str] = frozenset()
