"""The weekly tracker as a value: who is in which cohort, since when, by which rule, and of how many."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from service.domain import campaign, dates
from service.domain.clocks import State
from service.domain.facts import AllocationRole, Contact, ContactOutcome, Source
from service.domain.intake import Team, Worker
from service.domain.person import Facts, to_last_day
from service.domain.policy import Policy
from service.domain.rules import (
    FEED_STATES,
    MISSING_NOW,
    NOT_SUPPLIED,
    NOT_YET_COLLECTED,
    Cohort,
    Finding,
    judge,
    order_key,
)
from service.domain.viewpoint import Viewpoint


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old what we know from a source is, at the viewpoint. Age in whole hours."""

    source: str
    extracted_at: datetime
    age_hours: int
    stale: bool
    datasets: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Card:
    """Who a row is about, as a reader may see it. A restricted person's card is blank."""

    person_id: str | None
    eclipse_id: str | None
    name: str | None
    age: int | None
    restricted: bool
    locality: str | None = None
    service: str | None = None
    team: str | None = None
    owner: str | None = None
    made: Contact | None = None
    attempted: Contact | None = None


HELD = "news_held"  # a source has said something of this person that waits for somebody's decision
BLANK = Card(None, None, None, None, True)


@dataclass(frozen=True, slots=True)
class Row:
    """One person in one cohort."""

    card: Card
    finding: Finding


@dataclass(frozen=True, slots=True)
class Table:
    """One cohort: figures, and a row a person as far as the reader's sight goes."""

    cohort: Cohort
    count: int
    of: int
    unknown: int
    approaching: int
    not_supplied: int
    not_yet_collected: int
    supplied: bool  # whether any source has ever supplied what the cohort rests on
    families: int | None  # of those counted, where the cohort knows families
    lines: tuple[tuple[str, int], ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Danger:
    """Somebody in danger or missing now, once, with the cohorts that say so."""

    card: Card
    cohorts: tuple[str, ...]
    missing_since: date | None


@dataclass(frozen=True, slots=True)
class Tracker:
    """What the leaders read. `held` lists what of the feeds waits for a person's decision, longest first."""

    view: Viewpoint
    scope: Mapping[str, object]
    freshness: tuple[Freshness, ...]
    held: tuple[Mapping[str, object], ...]
    danger: tuple[Danger, ...]
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the tracker needs beside the people: names of teams and workers, policy, what sources supply."""

    view: Viewpoint
    policy: Policy
    supplied: frozenset[str]
    teams: Mapping[str, Team]
    workers: Mapping[str, Worker]
    freshness: tuple[Freshness, ...] = ()
    held: tuple[Mapping[str, object], ...] = ()
    held_people: frozenset[str] = frozenset()
    scope: Mapping[str, object] = field(default_factory=dict)
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict)  # topic -> people a first load still asks about


def freshness(
    marks: Mapping[tuple[str, str, str], datetime], *, at: datetime, stale_after_hours: int
) -> tuple[Freshness, ...]:
    """How old each source is at `at`, from (source, profile, dataset) -> newest extract time.

    A source is as old as the oldest dataset it ever supplied: one fresh table does not make the others fresh.
    Spreadsheets and a first load come when somebody sends one, so they are never stale.
    """
    datasets: dict[str, dict[str, datetime]] = defaultdict(dict)
    for (source, _, dataset), extracted_at in marks.items():
        datasets[source][dataset] = extracted_at
    found = []
    for source, times in sorted(datasets.items()):
        oldest = min(times.values())
        hours = int((at - oldest).total_seconds() // 3600)
        stale = hours >= stale_after_hours and source not in (Source.UPLOAD, Source.MIGRATED)
        found.append(Freshness(str(source), oldest, hours, stale, dict(sorted(times.items()))))
    return tuple(found)


def home_team(facts: Facts, day: date, teams: Mapping[str, Team]) -> Team | None:
    """The team that answers for a person on a day; the latest begun, where several say they do."""
    codes = [
        r.team_code
        for r in facts.responsibilities
        if r.team_code is not None and to_last_day(r.started_on, r.ended_on, day)
    ]
    return (teams.get(codes[-1]) or Team(codes[-1])) if codes else None


def name_of(facts: Facts) -> str | None:
    """The person's name as written; an unborn child by the expected date."""
    person = facts.person
    if person.forename or person.surname:
        return " ".join(part for part in (person.forename, person.surname) if part)
    return f"Unborn, expected {dates.in_words(person.expected_on)}" if person.expected_on else None


def card(facts: Facts, around: Surroundings) -> Card:
    """The card of one person; blank when the record is restricted."""
    if facts.restricted:
        return BLANK
    day = around.view.as_at
    team = home_team(facts, day, around.teams)
    made = [c for c in facts.contacts if c.outcome is ContactOutcome.MADE]
    tried = [c for c in facts.contacts if c.outcome is ContactOutcome.ATTEMPTED]
    return Card(
        person_id=facts.person_id,
        eclipse_id=facts.eclipse_id,
        name=name_of(facts),
        age=facts.age_on(day),
        restricted=False,
        locality=team.locality_title or team.locality_code if team else None,
        service=team.service_title or team.service_code if team else None,
        team=team.title or team.code if team else None,
        owner=owner_of(facts, day, around.workers),
        made=made[-1] if made else None,
        attempted=tried[-1] if tried else None,
    )


def owner_of(facts: Facts, day: date, workers: Mapping[str, Worker]) -> str | None:
    """The worker a row belongs to: a care leaver's personal adviser, else the social worker; None is unallocated."""
    first = (AllocationRole.PERSONAL_ADVISER, AllocationRole.SOCIAL_WORKER)
    for role in first if facts.care_leaver_statuses else first[::-1]:
        for allocation in reversed(facts.active_workers(role, day)):
            worker = workers.get(allocation.worker_ref)
            if worker is None or to_last_day(worker.started_on, worker.ended_on, day):
                return worker.name if worker and worker.name else allocation.worker_ref
    return None


@dataclass(frozen=True, slots=True)
class Part:
    """What one person adds to the tracker. It follows from their facts, the cohorts and what surrounds them alone."""

    person_id: str
    eclipse_id: str | None
    restricted: bool
    findings: tuple[Finding, ...]
    populations: tuple[str, ...]
    unseen: Mapping[str, int]
    missing_since: date | None
    is_missing: bool
    card: Card | None


def part(facts: Facts, cohorts: Sequence[Cohort], around: Surroundings, *, rows: bool) -> Part:
    """What this person adds; a card only where there is a row for it."""
    day = around.view.as_at
    findings = judge(facts, cohorts, as_at=day, policy=around.policy, supplied=around.supplied)
    unseen: Mapping[str, int] = {}
    if around.asked and (topics := campaign.pending(facts, around.asked, day)):
        findings = campaign.marked(findings, topics)
        unseen = Counter(campaign.unseen(facts, topics, findings, day, around.policy))
    if facts.person_id in around.held_people:
        findings = [replace(finding, flags=(*finding.flags, HELD)) for finding in findings]
    gone = facts.gone_on(day)
    groups = {cohort.population.title: cohort.population for cohort in cohorts}
    episode = facts.missing_on(day) if facts.missing_episodes and not gone else None
    return Part(
        facts.person_id, facts.eclipse_id, facts.restricted, tuple(findings),
        () if gone else tuple(title for title, group in groups.items() if group.includes(facts, day, around.policy)),
        unseen, episode.started_on if episode else None, bool(episode),
        card(facts, around) if rows and (findings or episode) else None,
    )  # fmt: skip


def build(people: Iterable[Facts], cohorts: Sequence[Cohort], around: Surroundings, *, rows: bool) -> Tracker:
    """The tracker of these people. `rows` False gives figures only: nobody can be told from it."""
    return assembled([part(facts, cohorts, around, rows=rows) for facts in people], cohorts, around, rows=rows)


def assembled(parts: Iterable[Part], cohorts: Sequence[Cohort], around: Surroundings, *, rows: bool) -> Tracker:
    """The tracker out of what each person adds to it."""
    population: Counter[str] = Counter()
    found: dict[str, list[tuple[Part, Finding]]] = defaultdict(list)
    missing: list[Part] = []
    unseen: Counter[str] = Counter()
    for each in parts:
        population.update(each.populations)
        unseen.update(each.unseen)
        for finding in each.findings:
            found[finding.cohort].append((each, finding))
        if each.is_missing:
            missing.append(each)
    unknowns = {
        code: sum(f.state is State.UNKNOWN and f.line not in FEED_STATES for _, f in group)
        for code, group in found.items()
    }
    unsupplied = {code: sum(f.line == NOT_SUPPLIED for _, f in group) for code, group in found.items()}
    uncollected = unseen + Counter(
        {code: sum(f.line == NOT_YET_COLLECTED for _, f in group) for code, group in found.items()}
    )
    judged = _Judged(population, unknowns, unsupplied, uncollected, around.supplied)
    tables = tuple(_table(cohort, found.get(cohort.code, []), judged) for cohort in cohorts)
    danger = _danger(found, missing) if rows else ()
    return Tracker(around.view, around.scope, around.freshness, around.held, danger, tables)


@dataclass(frozen=True, slots=True)
class _Judged:
    """What the tables share: populations by title; unknown, not supplied, not collected by cohort; kinds."""

    population: Mapping[str, int]
    unknowns: Mapping[str, int]
    unsupplied: Mapping[str, int]
    uncollected: Mapping[str, int]
    supplied: frozenset[str]


def _table(cohort: Cohort, found: list[tuple[Part, Finding]], judged: _Judged) -> Table:
    counted = [(f, finding) for f, finding in found if _in_count(cohort, finding)]
    shown = (*cohort.lines, *cohort.beside, *FEED_STATES)
    lines = Counter(finding.line for _, finding in counted)
    lines.update(finding.line for _, finding in found if finding.line in (*cohort.beside, *FEED_STATES))
    ordered = sorted(found, key=lambda pair: _row_order(*pair))
    source = cohort.unknown_from or cohort.code
    return Table(
        cohort=cohort,
        count=len(counted),
        of=judged.population.get(cohort.population.title, 0),
        unknown=judged.unknowns.get(source, 0),
        approaching=sum(finding.state is State.APPROACHING for _, finding in found),
        not_supplied=judged.unsupplied.get(source, 0),
        not_yet_collected=judged.uncollected.get(source, 0),
        supplied=cohort.supplied_by(judged.supplied),
        families=_families(counted),
        lines=tuple((line, lines[line]) for line in shown if lines[line]),
        rows=tuple(Row(each.card, finding) for each, finding in ordered if each.card is not None),
    )


def _in_count(cohort: Cohort, finding: Finding) -> bool:
    if finding.line in FEED_STATES:
        return False
    return finding.counts or (cohort.code in _COUNTED_UNKNOWN and finding.state is State.UNKNOWN)


def _families(counted: list[tuple[Part, Finding]]) -> int | None:
    """How many families the children counted are of; a child without a family id is a family of one."""
    if not any("family_group" in finding.extra for _, finding in counted):
        return None
    return len({finding.extra.get("family_group") or each.person_id for each, finding in counted})


# Its members are unknown by definition, and are its count (docs/rules.md).
_COUNTED_UNKNOWN = frozenset({"accommodation_unknown"})


def _row_order(each: Part, finding: Finding) -> tuple[object, ...]:
    if each.restricted:  # last in its state, so that its place tells nothing
        return (order_key(finding)[0], True, 0, "")
    return (*order_key(finding), each.eclipse_id or each.person_id)


def _danger(found: Mapping[str, list[tuple[Part, Finding]]], missing: list[Part]) -> tuple[Danger, ...]:
    cohorts: dict[str, list[str]] = defaultdict(list)
    everybody = {each.person_id: each for each in missing}
    for code, group in found.items():
        for each, finding in group:
            if finding.state is State.DANGER or MISSING_NOW in finding.flags:
                cohorts[each.person_id].append(code)
                everybody[each.person_id] = each
    listed = [
        Danger(each.card, () if each.restricted else tuple(cohorts[each.person_id]),
               None if each.restricted else each.missing_since)
        for each in everybody.values() if each.card is not None
    ]  # fmt: skip
    return tuple(sorted(listed, key=lambda d: (d.card.restricted, d.missing_since is None, d.card.eclipse_id or "")))
