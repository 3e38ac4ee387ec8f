"""SSD tables of child protection and of being looked after: plans, reviews, periods, placements, missing episodes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from service.domain.facts import ChildProtectionPlan, ClaReview, CpReview, MissingEpisode, PeriodOfCare, Placement
from service.domain.intake import Claim
from service.readers import cells
from service.readers.rows import Row, taken
from service.readers.ssd_people import Context

CONTINUES = "X1"
"""Reason ceased of the SSDA903: another episode of the same period follows on the same day."""


def cp_plans(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_cp_plans -> ChildProtectionPlan. Eclipse leaves `ola` empty: then whose plan it is stays unknown."""
    categories = context.codes.cp_categories.find

    def build(row: Row) -> list[Claim]:
        row.key = row.must_key("cppl_cp_plan_id")
        person_id = row.must_ident("cppl_person_id")
        plan = ChildProtectionPlan(
            started_on=row.must_day("cppl_cp_plan_start_date", "started_on"),
            ended_on=row.day("cppl_cp_plan_end_date", "ended_on"),
            category=row.mapped("cppl_cp_plan_latest_category", "category", categories),
            category_before=row.mapped("cppl_cp_plan_initial_category", "category_before", categories),
            other_council=row.yes("cppl_cp_plan_ola", "other_council"),
        )
        row.in_order(plan.started_on, plan.ended_on, "cppl_cp_plan_end_date")
        return [row.claim(person_id, plan)]

    return taken(rows, build, "cppl_cp_plan_id")


def cp_reviews(rows: Iterable[Row], _context: Context) -> list[Claim]:
    """ssd_cp_reviews -> CpReview, by person: on Eclipse the plan id is empty for every open plan."""

    def build(row: Row) -> list[Claim]:
        row.key = row.must_key("cppr_cp_review_id")
        person_id = row.must_ident("cppr_person_id")
        due_on = row.day("cppr_cp_review_due", "due_on")
        held_on = row.day("cppr_cp_review_date", "held_on")
        row.must("cppr_cp_review_date", held_on or due_on, date.min, cells.DAY_ALLOWED)
        continues = row.yes("cppr_cp_review_outcome_continue_cp", "continues")
        return [row.claim(person_id, CpReview(due_on=due_on, held_on=held_on, continues=continues))]

    return taken(rows, build, "cppr_cp_review_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode of a period of care."""

    dataset: str
    row: int = field(compare=False)
    key: str
    person_id: str
    period: str
    entered_on: date | None
    started_on: date | None
    ended_on: date | None
    reason: str | None
    deleted: bool
    unsaid: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def begun_on(self) -> date:
        """The day care began as far as this row says; rows without one are refused."""
        return self.entered_on or self.started_on or date.max


def cla_episodes(rows: Iterable[Row], _context: Context) -> list[Claim]:
    """ssd_cla_episodes -> PeriodOfCare, one per `clae_cla_id`.

    It ends with its last episode, unless one is open or the last says that another follows (X1). While one
    of its rows is refused it stays open (`episode_refused`): a row we cannot read must not end a child's care.
    Episodes marked as deleted are left out, unless all are: then the period is deleted.
    """
    holders: dict[str, str] = {}
    refused: set[str | None] = set()

    def watched() -> Iterator[Row]:
        for row in rows:
            yield row
            if row.refusals:
                refused.add(row.text("clae_cla_id", "period_ref"))

    periods: defaultdict[str, list[Episode]] = defaultdict(list)
    for episode in taken(watched(), lambda row: [_episode(row, holders)], "clae_cla_episode_id"):
        periods[episode.period].append(episode)
    return [_period(episodes, period in refused) for period, episodes in periods.items()]


def _episode(row: Row, holders: dict[str, str]) -> Episode:
    row.key = row.must_key("clae_cla_episode_id")
    episode = Episode(
        dataset=row.dataset,
        row=row.line,
        key=row.key,
        person_id=row.must_ident("clae_person_id"),
        period=row.must_ident("clae_cla_id"),
        entered_on=row.day("clae_entered_care_date", "started_on"),
        started_on=row.day("clae_cla_episode_start_date", "started_on"),
        ended_on=row.day("clae_cla_episode_ceased_date", "ended_on"),
        reason=row.text("clae_cla_episode_ceased_reason", "end_reason"),
        deleted=row.deleted,
        unsaid=row.unsaid,
    )
    row.known_as = episode.period
    if holders.setdefault(episode.period, episode.person_id) != episode.person_id:
        row.refuse("clae_person_id", "another_person", "one person in all episodes of a period of care")
    begun_on = episode.entered_on or episode.started_on
    row.must("clae_cla_episode_start_date", begun_on, date.min, cells.DAY_ALLOWED)
    for begun in (episode.entered_on, episode.started_on):
        row.in_order(begun, episode.ended_on, "clae_cla_episode_ceased_date")
    return episode


def _period(episodes: list[Episode], incomplete: bool) -> Claim:
    episodes = [episode for episode in episodes if not episode.deleted] or episodes
    last = max(episodes, key=lambda e: (e.ended_on or date.max, e.started_on or e.begun_on, e.key))
    reason = (last.reason or "").upper()
    ended_on = None if incomplete or reason == CONTINUES else last.ended_on
    period = PeriodOfCare(
        started_on=min(episode.begun_on for episode in episodes),
        ended_on=ended_on,
        end_reason=(reason or None) if ended_on else None,
        period_ref=last.period,
    )
    flags = ("episode_refused",) if incomplete else ()
    deleted = last.deleted and not incomplete
    unsaid = frozenset() if incomplete else last.unsaid
    return Claim(
        last.dataset, last.row, last.period, last.person_id, period, flags=flags, deleted=deleted, unsaid=unsaid
    )


def cla_placements(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_cla_placement -> Placement. Its ids are address ids that repeat: the key adds person and first day.

    A refused row is known by address and person. The URN column is not read: on Eclipse it holds the address's
    property number.
    """

    def build(row: Row) -> list[Claim]:
        person_id = row.must_ident("clap_person_id")
        started_on = row.must_day("clap_cla_placement_start_date", "started_on", of_key=True)
        address = f"{row.ident('clap_cla_placement_id', 'placement_id') or ''}/{person_id}/"
        row.key = f"{address}{started_on}"
        row.known_as = address if person_id else ""
        placement = Placement(
            placement_type=row.mapped("clap_cla_placement_type", "placement_type", context.codes.placement_types.find),
            provider=row.text("clap_cla_placement_provider", "provider"),
            started_on=started_on,
            ended_on=row.day("clap_cla_placement_end_date", "ended_on"),
            period_ref=row.ident("clap_cla_id", "period_ref"),
        )
        row.in_order(placement.started_on, placement.ended_on, "clap_cla_placement_end_date")
        return [row.claim(person_id, placement)]

    return taken(rows, build, "clap_cla_placement_id")


def cla_reviews(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_cla_reviews -> ClaReview. Eclipse gives no person: `clar_cla_id` is looked up in ssd_cla_episodes.

    A cancelled review says nothing. A row whose period is not in the same extract is refused (`person_not_found`).
    """

    def build(row: Row) -> list[Claim]:
        row.key = row.must_key("clar_cla_review_id")
        period = row.ident("clar_cla_id", "period_ref")
        person_id = row.ident("clar_cla_person_id", "person_id") or context.people_of_periods.get(period or "", "")
        if not person_id:
            row.refuse("clar_cla_id", "person_not_found", "a clae_cla_id of ssd_cla_episodes in the same batch")
        due_on = row.day("clar_cla_review_due_date", "due_on")
        held_on = row.day("clar_cla_review_date", "held_on")
        row.must("clar_cla_review_date", held_on or due_on, date.min, cells.DAY_ALLOWED)
        cancelled = row.yes("clar_cla_review_cancelled", "cancelled")
        review = ClaReview(due_on=due_on, held_on=held_on, period_ref=period)
        return [] if cancelled and not row.deleted else [row.claim(person_id, review)]

    return taken(rows, build, "clar_cla_review_id")


def missing(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_missing -> MissingEpisode; without an end the child is missing now."""

    def build(row: Row) -> list[Claim]:
        row.key = row.must_key("miss_table_id")
        person_id = row.must_ident("miss_person_id")
        episode = MissingEpisode(
            started_on=row.must_day("miss_missing_episode_start_date", "started_on"),
            ended_on=row.day("miss_missing_episode_end_date", "ended_on"),
            missing_kind=row.mapped("miss_missing_episode_type", "missing_kind", context.codes.missing_kinds.find),
            interview_offered=_answer(row, "miss_missing_rhi_offered", "interview_offered"),
            interview_accepted=_answer(row, "miss_missing_rhi_accepted", "interview_accepted"),
        )
        row.in_order(episode.started_on, episode.ended_on, "miss_missing_episode_end_date")
        return [row.claim(person_id, episode)]

    return taken(rows, build, "miss_table_id")


def _answer(row: Row, column: str, field: str) -> bool | None:
    """Yes, no, or NA (nothing); on Eclipse a form's own text, which is flagged when it is none of them."""
    text = row.text(column, field)
    if text is None or text.upper() in ("NA", "N/A"):
        return None
    said = cells.yes(text)
    if isinstance(said, cells.Fault):
        row.flag(f"unmapped_{field}")
        return None
    return said
