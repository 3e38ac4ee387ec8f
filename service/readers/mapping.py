"""What a council's own codes and texts mean: our defaults, with a council's file laid over them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, TypeVar

from service.domain.facts import AllocationRole, Eligibility, InTouch, MissingKind, PreProceedingsOutcome, Route
from service.errors import SettingsRefused

T = TypeVar("T")
DEFAULTS = Path(__file__).with_name("mapping.toml")


@dataclass(frozen=True, slots=True)
class Codes(Generic[T]):
    """One table of the mapping: texts, and beginnings of texts, with what they mean."""

    exact: Mapping[str, T]
    beginnings: Mapping[str, T]

    def find(self, text: str) -> T | None:
        """What a text means, whatever its case and spacing; None when nobody has said."""
        plain = _plain(text)
        if plain in self.exact:
            return self.exact[plain]
        return next((value for beginning, value in self.beginnings.items() if plain.startswith(beginning)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMap:
    """The tables of the mapping, by name as in the file."""

    allocation_roles: Codes[AllocationRole]
    eligibility: Codes[Eligibility]
    in_touch: Codes[InTouch]
    activity: Codes[str]
    accommodation: Codes[str]
    suitability: Codes[bool]
    cp_categories: Codes[str]
    placement_types: Codes[str]
    legal_statuses: Codes[str]
    routes: Codes[Route]
    permanence_orders: Codes[Route]
    pre_proceedings_outcomes: Codes[PreProceedingsOutcome]
    missing_kinds: Codes[MissingKind]


def load(council: Path | None = None) -> CodeMap:
    """The mapping of a council: the defaults, with the tables of its own file laid over them entry by entry.

    Refuses (SettingsRefused) a file that cannot be read, an unknown table or a meaning that does not exist.
    """
    defaults = _tables(DEFAULTS)
    theirs = _tables(council) if council is not None else {}
    if unknown := sorted(theirs.keys() - defaults.keys()):
        raise SettingsRefused(f"LOS_MAPPING_FILE: unknown table {unknown[0]}; allowed: {', '.join(defaults)}")
    said = {name: {**defaults[name], **theirs.get(name, {})} for name in defaults}
    codes = {
        table.name: _codes(table.name, said[table.name], _allowed(table.name, defaults)) for table in fields(CodeMap)
    }
    return CodeMap(**codes)  # type: ignore[arg-type]  # each table's meanings come from _allowed


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _tables(path: Path) -> dict[str, dict[str, str]]:
    """Tables of a file with their keys made plain, so that a council's entry replaces ours however it is written."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as fault:
        raise SettingsRefused("LOS_MAPPING_FILE: the file cannot be read as TOML") from fault
    for name, table in found.items():
        if not isinstance(table, dict) or not all(isinstance(meaning, str) for meaning in table.values()):
            raise SettingsRefused(f"LOS_MAPPING_FILE: {name} holds something else than texts")
    return {name: {_plain(text): meaning for text, meaning in table.items()} for name, table in found.items()}


_ENUMS = {
    "allocation_roles": AllocationRole,
    "eligibility": Eligibility,
    "in_touch": InTouch,
    "routes": Route,
    "permanence_orders": Route,
    "pre_proceedings_outcomes": PreProceedingsOutcome,
    "missing_kinds": MissingKind,
}


def _allowed(name: str, defaults: Mapping[str, Mapping[str, str]]) -> dict[str, object]:
    """Meanings that a table may give: those of its enumeration, else those of the defaults."""
    if name == "suitability":
        return {"suitable": True, "unsuitable": False}
    if name in _ENUMS:
        return {str(item.value): item for item in _ENUMS[name]}
    return {code: code for code in defaults[name].values()}


def _codes(name: str, said: Mapping[str, str], allowed: Mapping[str, object]) -> Codes[object]:
    wrong = [meaning for meaning in said.values() if meaning and meaning not in allowed]
    if wrong:
        raise SettingsRefused(f"LOS_MAPPING_FILE: {name} gives an unknown meaning; allowed: {', '.join(allowed)}")
    known = {text: allowed[meaning] for text, meaning in said.items() if meaning}
    beginnings = sorted((text for text in known if text.endswith("*")), key=len, reverse=True)
    return Codes(
        {text: value for text, value in known.items() if not text.endswith("*")},
        {text.removesuffix("*"): known[text] for text in beginnings},
    )
