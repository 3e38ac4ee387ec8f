"""Compute the weekly tracker for a reader: a few SELECTs, facts, rules, one value."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

from sqlmodel import Session

from service.domain.access import ScopeKind, Sight, User
from service.domain.cohorts import COHORTS
from service.domain.person import Facts
from service.domain.rules import Cohort
from service.domain.tracker import Part, Surroundings, Tracker, assembled, home_team, part
from service.domain.viewpoint import Viewpoint
from service.errors import Unprocessable
from service.operations.standing import of_people, surroundings
from service.store import facts, people
from service.store.changes import Done
from service.store.people import Somebody

# What waits of a feed, since when and who decides, everybody is told; why and how much is of people of the whole
# county: "one person, would seal" says that somebody is being adopted.
NOT_TOLD: Mapping[str, object] = {"hold_id": None, "batch_id": None, "reasons": (), "changes": None, "people": None}


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the reader's scope is asked for: one cohort, one unit. Codes, not titles."""

    cohort: str | None = None
    locality: str | None = None
    service: str | None = None
    area: str | None = None
    team: str | None = None

    def said(self) -> dict[str, str]:
        """The filters given, by name."""
        return {name: code for name, code in asdict(self).items() if code is not None}


@dataclass(frozen=True, slots=True)
class Computed:
    """A tracker with what it was put together from, so that news of one person need not read everybody again."""

    tracker: Tracker
    everybody: tuple[Somebody, ...]
    parts: Mapping[str, Part]
    cohorts: tuple[Cohort, ...]
    around: Surroundings
    rows: bool


def weekly(session: Session, *, to: User, view: Viewpoint, today: date, filters: Filters) -> tuple[Tracker, list[str]]:
    """The tracker of the people `to` may see at the viewpoint, and their ids. `today` is the London day of now."""
    found = computed(session, to=to, view=view, today=today, filters=filters)
    return found.tracker, list(found.parts)


def computed(session: Session, *, to: User, view: Viewpoint, today: date, filters: Filters) -> Computed:
    """The tracker of the people `to` may see at the viewpoint, with its parts by person id."""
    cohorts = _chosen(filters)
    everybody = people.in_view(session, to, view, today)
    around = surroundings(session, view, scope=scope_of(to, filters))
    if not any(kind is ScopeKind.COUNTY for kind, _ in to.scopes):
        around = replace(around, held=tuple({**each, **NOT_TOLD} for each in around.held))
    _refuse_unknown_units(filters, around)
    shown = of_people(session, everybody, view, around.workers)
    if filters.said().keys() - {"cohort"}:
        shown = [each for each in shown if _inside(each, around, filters)]
    rows = to.sight is Sight.ROWS
    parts = {each.person_id: part(each, cohorts, around, rows=rows) for each in shown}
    whole = assembled(parts.values(), cohorts, around, rows=rows)
    return Computed(whole, tuple(each for each in everybody if each.person_id in parts), parts, cohorts, around, rows)


# What is entered of these kinds moves nobody into or out of sight, view or a unit: only their own rows may change.
NEWS_OF_ONE = frozenset(
    f"{act}.{kind}"
    for act in ("log", "record", "correct")
    for kind in ("contact", "accommodation", "cp_review", "cla_review", "permanence_plan")
)


def news(session: Session, was: Computed, done: Sequence[Done], *, view: Viewpoint) -> Computed | None:
    """The tracker at a later moment of the same hour, reading only those of whom something was entered since.

    None where anything else was done meanwhile, or of somebody with two records: then it has to be computed.
    """
    if any(each.act not in NEWS_OF_ONE or each.person_id is None for each in done):
        return None
    touched = {each.person_id for each in done}
    concerned = [each for each in was.everybody if not touched.isdisjoint(each.ids)]
    if len(done) > MOST_NEWS or any(each.merged for each in concerned):
        return None
    around = replace(was.around, view=view, supplied=facts.supplied_kinds(session, view))
    if around.supplied != was.around.supplied:
        return None
    told = of_people(session, concerned, view, around.workers) if concerned else []
    parts = dict(was.parts) | {each.person_id: part(each, was.cohorts, around, rows=was.rows) for each in told}
    whole = assembled(parts.values(), was.cohorts, around, rows=was.rows)
    return replace(was, tracker=whole, parts=parts, around=around)


MOST_NEWS = 50


def _chosen(filters: Filters) -> tuple[Cohort, ...]:
    if filters.cohort is None:
        return tuple(COHORTS)
    chosen = tuple(c for c in COHORTS if c.code == filters.cohort)
    if not chosen:
        raise Unprocessable(("cohort", "unknown", ", ".join(c.code for c in COHORTS)))
    needs = {chosen[0].unknown_from} - {None}
    return tuple(c for c in COHORTS if c in chosen or c.code in needs)


def _refuse_unknown_units(filters: Filters, around: Surroundings) -> None:
    """A misspelt unit must not answer "0 of 0": codes are those of teams held at the viewpoint."""
    teams = around.teams.values()
    held: dict[str, set[str | None]] = {
        "team": {team.code for team in teams},
        "area": {team.area_code for team in teams},
        "locality": {team.locality_code for team in teams},
        "service": {team.service_code for team in teams},
    }
    for name, code in filters.said().items():
        if name in held and code not in held[name]:
            raise Unprocessable((name, "unknown", ", ".join(sorted(filter(None, held[name]))) or "none is held"))


def scope_of(to: User, filters: Filters) -> dict[str, object]:
    """How far the reader sees and what was asked for, as the answer says it."""
    reach = [{"kind": kind.value} | ({"code": code} if code else {}) for kind, code in sorted(to.scopes)]
    return {"sight": to.sight.value, "reach": reach, "filters": filters.said()}


def _inside(facts_of_one: Facts, around: Surroundings, filters: Filters) -> bool:
    team = home_team(facts_of_one, around.view.as_at, around.teams)
    if team is None:
        return False
    return (
        filters.locality in (None, team.locality_code)
        and filters.service in (None, team.service_code)
        and filters.area in (None, team.area_code)
        and filters.team in (None, team.code)
    )
