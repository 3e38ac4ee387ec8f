"""List what sources contradict each other about, with an owner each, in a reader's scope."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from service.domain.access import Sight, User
from service.domain.conflicts import Conflict, conflicts_of, order_key
from service.domain.dates import london_day
from service.domain.facts import KINDS, Fact
from service.domain.person import Facts
from service.domain.tracker import BLANK, Card, Surroundings, card, home_team
from service.domain.viewpoint import Viewpoint
from service.errors import NotPermitted, Unprocessable
from service.operations.entries import etag_of
from service.operations.lookup import somebody
from service.operations.standing import of_people, surroundings
from service.store import facts, people, settlements
from service.store.people import Somebody

LISTED = ("person", "responsibility", "allocation", "care_leaver_status")
Place = tuple[int, int, datetime, str, tuple[str, ...]]
"""Where in the list a conflict stands: a page ends on one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the conflicts in scope is asked for. `after`: the place where the page before ended."""

    kind: str | None = None
    team: str | None = None
    person_id: str | None = None
    after: Place | None = None
    limit: int = 100
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One conflict as a reader may see it; of a restricted person, only that there is one."""

    card: Card
    owner: str | None
    conflict: Conflict | None
    days_open: int | None
    etags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the conflicts in scope, whose they are, how many there are in all, and where the next page begins."""

    rows: tuple[Row, ...]
    people: tuple[str, ...]
    count: int
    after: Place | None


def listed(session: Session, *, to: User, view: Viewpoint, today: date, asked: Asked) -> Page:
    """Conflicts of the people `to` may see: danger first, then the longest open; restricted people last, blank.

    A blank row a person, counted once, and only where nothing narrows the list: a filter that a blank row answered to
    would say what it hides. A dozen SELECTs, however many conflicts there are. One person's own list
    (`asked.person_id`) is unredacted for whoever may open the record.
    """
    if to.sight is not Sight.ROWS:
        raise NotPermitted
    around = surroundings(session, view)
    if asked.team is not None and asked.team not in around.teams:
        raise Unprocessable(("team", "unknown", ", ".join(sorted(around.teams)) or "none is held"))
    whom, versions = _in_dispute(session, to=to, view=view, today=today, asked=asked)
    found = conflicts_of(versions, as_at=view.as_at, apart=settlements.found_apart(session, view.known_at))
    owners = {own: each for each in whom for own in each.ids}
    disputed = {c.person_id for c in found}
    whom = [each for each in whom if not disputed.isdisjoint(each.ids)]
    shown = {f.person_id: f for f in of_people(session, whom, view, around.workers, kinds=LISTED)}
    if asked.team is not None:
        shown = {i: f for i, f in shown.items() if _home(f, around) == asked.team}
    etags = _etags(versions)
    ours = [(c, shown[o.person_id]) for c in found if (o := owners[c.person_id]).person_id in shown]
    open_ = sorted((pair for pair in ours if not pair[1].restricted), key=lambda pair: order_key(pair[0]))
    narrowed = asked.kind is not None or asked.team is not None
    closed = {} if narrowed else {f.person_id: (c, f) for c, f in ours if f.restricted}
    rest = [pair for pair in open_ if asked.after is None or order_key(pair[0]) > asked.after]
    page, more = rest[: asked.limit], len(rest) > asked.limit
    rows = [_row(c, f, around, etags) for c, f in page]
    if not more:  # restricted people stand last, all on the last page: their place tells nothing
        rows += [Row(BLANK, None, None, None, {}) for _ in closed]
        page = [*page, *closed.values()]
    seen = tuple(dict.fromkeys(f.person_id for _, f in page))
    return Page(tuple(rows), seen, len(open_) + len(closed), order_key(page[-1][0]) if more else None)


def _in_dispute(
    session: Session, *, to: User, view: Viewpoint, today: date, asked: Asked
) -> tuple[list[Somebody], list[Fact]]:
    """People of whose facts more than one version may speak, and those versions: a SELECT each, one a kind."""
    kinds = [asked.kind] if asked.kind else list(KINDS)
    if asked.person_id is not None:
        one = somebody(
            session, to=to, today=today, person_id=asked.person_id, known_at=view.known_at, reason=asked.reason
        )  # fmt: skip
        return [replace(one, restricted=False)], facts.of_people(session, kinds, one.ids, view)
    disputed = settlements.disputed(session, kinds, view.known_at)
    whom = people.those(session, to, today, {person_id for _, person_id in disputed}, view.known_at)
    ids = {own for each in whom for own in each.ids}
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, person_id in disputed:
        if person_id in ids:
            by_kind[kind].append(person_id)
    return whom, [v for kind, own in by_kind.items() for v in facts.of_people(session, [kind], own, view)]


def _home(of_one: Facts, around: Surroundings) -> str | None:
    team = home_team(of_one, around.view.as_at, around.teams)
    return team.code if team else None


def _etags(versions: Sequence[Fact]) -> dict[str, str]:
    by_fact: dict[str, list[Fact]] = defaultdict(list)
    for version in versions:
        if version.known:
            by_fact[version.known.fact_id].append(version)
    return {fact_id: etag_of(group) for fact_id, group in by_fact.items()}


def _row(conflict: Conflict, of_one: Facts, around: Surroundings, etags: dict[str, str]) -> Row:
    whose = card(of_one, around)
    days = (around.view.as_at - london_day(conflict.since)).days
    return Row(whose, owner_of(whose), conflict, max(days, 0), {i: etags[i] for i in conflict.fact_ids})


def owner_of(whose: Card) -> str:
    """Who has to see to it: the worker of the row, else the manager of the team, else the head of service."""
    if whose.owner is not None:
        return whose.owner
    return f"Manager of {whose.team}" if whose.team else "Head of service"
