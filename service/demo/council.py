"""The demo council: a seeded, clearly synthetic Devon-size council as five nights of extract files."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from service.demo import (
    by_name,
    care,
    care_leavers,
    child_protection,
    court,
    edge_care_leavers,
    files,
    leavers,
    looked_after,
    mishaps,
    staff,
    users,
)
from service.demo.edge_care_leavers import Entry
from service.demo.edges import CARE_LEAVERS, EDGES, NOT_SERVED, RESTRICTED, Edge
from service.demo.files import Row
from service.demo.scene import NIGHTS, Scene
from service.demo.staff import Staff
from service.demo.users import DemoUser

__all__ = ["Council", "DemoUser", "Edge", "Entry", "Night", "build", "write"]

LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True)
class Night:
    """One night's extract, and what users logged since the night before. Files by dataset name."""

    extracted_at: datetime
    ssd: dict[str, bytes]
    cohorts: dict[str, bytes]
    entries_before: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Council:
    """Everything a demo needs. `restricted` are Eclipse ids of records that a senior manager restricts at the end."""

    nights: tuple[Night, ...]
    users: tuple[DemoUser, ...]
    restricted: tuple[str, ...]
    edges: tuple[Edge, ...]


def build(as_at: date, scale: int = 1, seed: int = 878, until: datetime | None = None) -> Council:
    """A council whose last night is that of `as_at`; `scale` times the size, with each edge person once.

    No night is later than `until` (aware): soon after midnight, tonight's extract has not been taken yet.
    The same arguments give the same bytes. The figures of docs/demo.md hold at scale 1, whatever the day.
    """
    scene = Scene(as_at, scale, Random(seed))  # noqa: S311 - a seeded die for a demo, no secret
    crew = staff.establish(scale)
    known = tuple(_rows(scene, crew))
    rows = (*known, *mishaps.rows(scene, known))
    logged = [*edge_care_leavers.entries(scene, crew), *mishaps.entries(scene, crew), *by_name.entries(scene, crew)]
    logged.sort(key=lambda entry: entry.at)
    nights = []
    earlier = datetime.min.replace(tzinfo=LONDON)
    for days in NIGHTS:
        ssd, cohorts = files.extract(mishaps.came(rows, scene.ago(days), days), scene.ago(days))
        at = datetime.combine(scene.ago(days), time(2), LONDON)
        at = min(at, until) if until else at
        nights.append(Night(at, ssd, cohorts, tuple(entry for entry in logged if earlier <= entry.at < at)))
        earlier = at
    return Council(tuple(nights), tuple(users.everyone(crew)), RESTRICTED, EDGES)


def write(council: Council, folder: Path) -> None:
    """One folder for each night, `<n>-<date>`, with ssd/, cohorts/ and a manifest of when it was extracted."""
    for n, night in enumerate(council.nights, start=1):
        here = folder / f"{n}-{night.extracted_at.date().isoformat()}"
        for profile, datasets in (("ssd", night.ssd), ("cohorts", night.cohorts)):
            (here / profile).mkdir(parents=True, exist_ok=True)
            for name, content in datasets.items():
                (here / profile / f"{name}.csv").write_bytes(content)
        manifest = json.dumps({"extracted_at": night.extracted_at.isoformat()})
        (here / "manifest.json").write_text(manifest + "\n", encoding="utf-8")


def _rows(scene: Scene, crew: Staff) -> Iterator[Row]:
    yield from staff.rows(scene, crew)
    yield from _care_leaver_rows(scene, crew)
    yield from _children_rows(scene, crew)


def _care_leaver_rows(scene: Scene, crew: Staff) -> Iterator[Row]:
    served = len(CARE_LEAVERS) - len(NOT_SERVED)
    for one in (*edge_care_leavers.everyone(scene, crew), *leavers.others(scene, served)):
        yield from care_leavers.rows(scene, crew, one)


def _children_rows(scene: Scene, crew: Staff) -> Iterator[Row]:
    edge_plans = tuple(child_protection.edge_plans(scene))
    families = child_protection.families(scene, len(edge_plans))
    plans = [plan for family in families for plan in family]
    yield from child_protection.rows(scene, crew, (*edge_plans, *plans, *child_protection.ended_lately(scene)))
    edge_care = tuple(looked_after.edge_children(scene))
    in_care = looked_after.everyone(scene, looked_after.EDGES_FOSTERED, len(edge_care))
    looked: Sequence[care.InCare] = (*edge_care, *in_care, *looked_after.left_lately(scene))
    for one in looked:
        yield from care.rows(scene, crew, one)
    for stages, met in (court.edge_children(scene), court.met_here(scene, families)):
        yield from court.before_rows(scene, crew, stages, met)
    yield from court.care_rows(scene, crew, looked)
