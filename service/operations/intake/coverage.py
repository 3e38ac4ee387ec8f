"""Who feeds what: each dataset of each source, and each team, with those that feed nothing plain to see."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from service.domain.dates import london_day
from service.domain.facts import Source
from service.domain.intake import Team
from service.domain.policy import DEFAULT_POLICY
from service.readers.profiles import DATASETS
from service.store import coverage, reference
from service.store.coverage import FEED, UPLOAD, WORKERS

RECENT = timedelta(days=28)
CHANNELS = (FEED, WORKERS, UPLOAD)
# Who somebody is and whose they are say nothing of how they fare, so they feed no clock.
GROUPS: dict[str, tuple[str, ...]] = {
    "contact": ("contact",),
    "care_leavers": ("care_leaver_status", "accommodation"),
    "child_protection": ("child_protection_plan", "cp_review", "plan_count"),
    "court": ("pre_proceedings", "care_proceedings"),
    "care": ("period_of_care", "placement", "legal_status", "cla_review"),
    "permanence": ("permanence_plan",),
    "missing": ("missing_episode",),
}


@dataclass(frozen=True, slots=True)
class Fed:
    """One dataset of one source. Never supplied: no time, no age."""

    source: str
    profile: str
    dataset: str
    extracted_at: datetime | None
    age_hours: int | None
    stale: bool
    rows: int | None
    facts: int


@dataclass(frozen=True, slots=True)
class TeamFeeds:
    """A team: people it answers for, channels by which anything came of them, and how many of whom by each."""

    team: Team
    people: int
    feeds: tuple[str, ...]
    groups: dict[str, dict[str, int]]


def datasets(session: Session, *, at: datetime) -> list[Fed]:
    """Every dataset of every profile, for Eclipse and for any other source that ever supplied it."""
    newest, facts = coverage.newest(session), coverage.standing(session)
    stale_after = timedelta(days=DEFAULT_POLICY.known_at(at).limit("feed.stale", london_day(at)).number)
    places = {(Source.ECLIPSE.value, profile, name) for profile, names in DATASETS.items() for name in names}
    found = []
    for source, profile, dataset in sorted(places | newest.keys()):
        read = newest.get((source, profile, dataset))
        age = at - read.extracted_at if read else None
        stale = age is not None and age >= stale_after and source != Source.UPLOAD  # a spreadsheet comes when it comes
        found.append(
            Fed(
                source=source, profile=profile, dataset=dataset, extracted_at=read.extracted_at if read else None,
                age_hours=None if age is None else int(age.total_seconds() // 3600), stale=stale,
                rows=read.rows if read else None, facts=facts.get((source, dataset), 0),
            )
        )  # fmt: skip
    return found


def teams(session: Session, *, at: datetime) -> list[TeamFeeds]:
    """Every team that answers for somebody or belongs to a service, by service and name."""
    today = london_day(at)
    known, people = reference.teams(session), coverage.answered_for(session, today)
    fed = coverage.fed(session, GROUPS, today, entered_since=at - RECENT)
    codes = people.keys() | {code for code, team in known.items() if team.service_code}
    found = []
    for team in (known.get(code) or Team(code) for code in codes):
        groups = {group: {channel: fed.get((team.code, group, channel), 0) for channel in CHANNELS} for group in GROUPS}
        feeds = tuple(channel for channel in CHANNELS if any(counts[channel] for counts in groups.values()))
        found.append(TeamFeeds(team, people.get(team.code, 0), feeds, groups))
    return sorted(found, key=lambda each: (each.team.service_code or "~", each.team.title or "", each.team.code))
