"""The `ssd` profile: tables of the Standard Safeguarding Dataset, one file each, as Eclipse's scripts fill them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.domain.intake import Claim, Extract, Team, Worker
from service.readers import cells, ssd_care, ssd_court, ssd_leavers, ssd_people, tables
from service.readers.content import Content
from service.readers.mapping import CodeMap
from service.readers.rows import Reading, Row
from service.readers.ssd_people import Context


@dataclass(frozen=True, slots=True)
class Source:
    """A table we read: the columns without which its rows say nothing, and what turns its rows into values."""

    required: tuple[str, ...]
    read: Callable[[Iterable[Row], Context], Sequence[Claim | Team | Worker]]


TABLES: dict[str, Source] = {
    "ssd_person": Source(("pers_person_id",), ssd_people.people),
    "ssd_department": Source(("dept_team_id",), ssd_people.departments),
    "ssd_professionals": Source(("prof_professional_id",), ssd_people.professionals),
    "ssd_involvements": Source(("invo_involvements_id", "invo_person_id"), ssd_people.involvements),
    "ssd_care_leavers": Source(("clea_table_id", "clea_person_id"), ssd_leavers.care_leavers),
    "ssd_cp_plans": Source(("cppl_cp_plan_id", "cppl_person_id", "cppl_cp_plan_start_date"), ssd_care.cp_plans),
    "ssd_cp_reviews": Source(("cppr_cp_review_id", "cppr_person_id"), ssd_care.cp_reviews),
    "ssd_cla_episodes": Source(("clae_cla_episode_id", "clae_person_id", "clae_cla_id"), ssd_care.cla_episodes),
    "ssd_cla_placement": Source(("clap_person_id", "clap_cla_placement_start_date"), ssd_care.cla_placements),
    "ssd_cla_reviews": Source(("clar_cla_review_id", "clar_cla_id"), ssd_care.cla_reviews),
    "ssd_legal_status": Source(
        ("lega_legal_status_id", "lega_person_id", "lega_legal_status_start_date"), ssd_court.legal_statuses
    ),
    "ssd_permanence": Source(("perm_table_id", "perm_person_id"), ssd_court.permanence),
    "ssd_cla_care_plan": Source(("lacp_table_id", "lacp_person_id"), ssd_court.care_plans),
    "ssd_pre_proceedings": Source(("prep_table_id", "prep_person_id"), ssd_court.pre_proceedings),
    "ssd_missing": Source(("miss_table_id", "miss_person_id", "miss_missing_episode_start_date"), ssd_care.missing),
}


def read(datasets: Mapping[str, Content], mapping: CodeMap, extracted_at: datetime) -> Extract:
    """What the files say: `datasets` by table name (see `profiles.dataset_name`), `extracted_at` aware.

    Columns we do not know are ignored, missing ones are null; a table that
    is unknown or lacks its required columns is refused.
    """
    found = {name: tables.parse(name, datasets[name]) for name in TABLES if name in datasets}
    context = Context(
        codes=mapping,
        extracted_on=extracted_at.astimezone(cells.LONDON).date(),
        people_of_periods=_people_of_periods(found.get("ssd_cla_episodes")),
    )
    items: list[Claim | Team | Worker] = []
    refusals = tables.unknown_datasets(datasets, TABLES)
    placeholders: set[str] = set()
    for name, table in found.items():
        if missing := tables.missing_columns(name, table, TABLES[name].required):
            refusals += missing
            continue
        rows = Reading(name, table)
        items += TABLES[name].read(rows, context)
        refusals += rows.refusals
        placeholders |= {name} if rows.placeholder else set()
    return Extract(
        claims=tuple(item for item in items if isinstance(item, Claim)),
        teams=tuple(item for item in items if isinstance(item, Team)),
        workers=tuple(item for item in items if isinstance(item, Worker)),
        refusals=tuple(refusals),
        rows={name: table.count for name, table in found.items()},
        placeholders=frozenset(placeholders),
    )


def _people_of_periods(episodes: tables.Table | None) -> dict[str, str]:
    """Whose period of care each `clae_cla_id` is; a period with two people is nobody's."""
    found: dict[str, set[str]] = {}
    for _, row in episodes.rows if episodes is not None else ():
        period, person = row.get("clae_cla_id", "").strip(), row.get("clae_person_id", "").strip()
        if period and person:
            found.setdefault(period, set()).add(person)
    return {period: people.pop() for period, people in found.items() if len(people) == 1}
