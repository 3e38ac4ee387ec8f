"""Everything held on one person as a file: JSON for machines, one plain page for the person who reads it through."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("service.writers"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
NOT_TABLES = ("head", "review")


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one sort. `looked_at`: the columns that name or may name somebody else."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    looked_at: frozenset[str]


def as_json(document: Mapping[str, Any]) -> bytes:
    """JSON bytes of the whole file, in a fixed order."""
    return json.dumps(document, indent=1, ensure_ascii=False, default=str).encode() + b"\n"


def as_page(document: Mapping[str, Any]) -> bytes:
    """HTML bytes of the whole file: no script, no picture, nothing fetched, everything escaped."""
    paths = {each["path"] for each in document["review"]}
    parts = {name: part for name, part in document.items() if name not in NOT_TABLES}
    sections = [_section(path, rows, paths) for path, rows in _tables(parts, "") if rows]
    page = _TEMPLATES.get_template("person_file.html")
    return page.render(head=document["head"], review=document["review"], sections=sections).encode()


def _tables(part: Mapping[str, Any], path: str) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    for name, each in part.items():
        if isinstance(each, Mapping):
            yield from _tables(each, f"{path}/{name}")
        else:
            yield f"{path}/{name}", each


def _section(path: str, rows: Sequence[Mapping[str, Any]], paths: set[str]) -> Section:
    """Only the columns in which some row says something."""
    columns = tuple(name for name in rows[0] if any(row[name] not in (None, "") for row in rows))
    return Section(
        title=path.rsplit("/", 1)[-1].replace("_", " ").capitalize(),
        columns=columns,
        rows=tuple(tuple(row[name] for name in columns) for row in rows),
        looked_at=frozenset(name for name in columns if f"{path}/*/{name}" in paths),
    )
