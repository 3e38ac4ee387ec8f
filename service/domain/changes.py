"""What an extract would change: what is held beside it, the units of change, and the plan they make."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from service.domain.facts import Fact, Source
from service.domain.intake import Refusal, Team, Worker
from service.domain.versions import NewVersion


@dataclass(frozen=True, slots=True)
class Held:
    """What the service holds: ids of people, meanings of keys, all current versions of the kinds claimed.

    `former`: Eclipse id -> people who had it before it was given to somebody else. `sealed`: people adopted since,
    whose records take nothing more. `contested`: Eclipse id -> datasets that said it means somebody else, and have
    not taken that back.
    """

    people: Mapping[str, str]
    aliases: Mapping[tuple[str, str], str]
    versions: Iterable[Fact]
    teams: Mapping[str, Team]
    workers: Mapping[str, Worker]
    former: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sealed: frozenset[str] = frozenset()
    contested: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Change(StrEnum):
    """What a unit does to what is held."""

    ADDED = "added"
    CHANGED = "changed"
    CLOSED = "closed"
    BLANKED = "blanked"
    LEFT = "left_the_extract"


@dataclass(frozen=True, slots=True)
class Unit:
    """What one claim changes, or what the absence of one does: applied or held as a whole.

    `row` is the line of the file, None for what is gone from it. `withdrawn` are versions that end without another.
    `seals`: it is the first to say that somebody held was adopted, which closes the record for good.
    """

    dataset: str
    row: int | None
    ref: str
    person_id: str
    kind: str
    change: Change
    versions: tuple[NewVersion, ...]
    aliases: tuple[tuple[str, Source, str, str], ...] = ()
    withdrawn: tuple[str, ...] = ()
    seals: bool = False


@dataclass(slots=True)
class Plan:
    """What applying an extract would do, and what it would not.

    `running`: of each dataset, how many facts it holds open; `emptied`: full datasets that no longer say anything.
    """

    new_people: dict[str, str] = field(default_factory=dict)
    units: list[Unit] = field(default_factory=list)
    running: Counter[str] = field(default_factory=Counter)
    emptied: frozenset[str] = frozenset()
    unusable: frozenset[str] = frozenset()
    placeholders: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()
    teams: list[Team] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    proposed_matches: list[tuple[str, int]] = field(default_factory=list)
    tally: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def versions(self) -> list[NewVersion]:
        """Every version that any unit would add."""
        return [version for unit in self.units for version in unit.versions]

    @property
    def aliases(self) -> list[tuple[str, Source, str, str]]:
        """Every key that any unit would give a meaning."""
        return [alias for unit in self.units for alias in unit.aliases]
