"""What of a subject access file names or may name somebody else: listed for the person who decides, never taken out."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from service.domain.facts import KINDS, field_types

WORKER = "names a worker of the council or another service"
FAMILY = "shared by others of the family"
RECORD = "points at another record"
WORDS = "free text, which may speak of others or of how things were learnt"

_WORKERS = frozenset({"worker_ref", "personal_adviser_ref", "user_id", "by_user", "name", "provider"})
_FAMILY = frozenset({"family_group", "court_reference"})
_RECORDS = frozenset({"from_person_id", "into_person_id", "against"})
_PRIVATE = frozenset(
    name for kind in KINDS.values() for name, each in kind.__dataclass_fields__.items() if each.metadata.get("private")
)
_CODES = frozenset(
    name for kind in KINDS.values() for name, python in field_types(kind).items() if issubclass(python, StrEnum)
)


def why(field: str) -> str | None:
    """Why a field needs a person's eye before it leaves the council; None where it says something of its subject."""
    if field in _CODES:  # `initiated_by` says of which sort, not who
        return None
    if field in _WORKERS or field.endswith("_by"):
        return WORKER
    if field in _FAMILY:
        return FAMILY
    if field in _RECORDS:
        return RECORD
    return WORDS if field in _PRIVATE or field.endswith("reason") else None


def listed(sections: Mapping[str, Any], own: Collection[str]) -> list[dict[str, Any]]:
    """One entry for each field to be looked at: its path, in which of the rows it says something, and why."""
    return [
        {"path": f"{path}/*/{field}", "rows": places, "other_person": True, "why": reason}
        for path, rows in _tables(sections, "")
        for field in (rows[0] if rows else ())
        if (reason := why(field)) and (places := _said(rows, field, own))
    ]


def _tables(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield from _tables(each, f"{path}/{name}")
        else:
            yield f"{path}/{name}", each


def _said(rows: Sequence[Mapping[str, Any]], field: str, own: Collection[str]) -> list[int]:
    return [n for n, row in enumerate(rows) if row[field] not in (None, "") and row[field] not in own]
