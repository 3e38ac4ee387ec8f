"""Read people in a reader's scope: a page of them, one with facts and clocks, one over time."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from service.domain import campaign
from service.domain.access import Sight, User
from service.domain.cohorts import COHORTS
from service.domain.facts import KINDS, Contact, Fact
from service.domain.person import Facts
from service.domain.rules import Finding, judge, order_key
from service.domain.tracker import Card, card
from service.domain.viewpoint import Viewpoint
from service.errors import NotPermitted, Unprocessable
from service.operations.entries import etag_of
from service.operations.lookup import somebody
from service.operations.standing import ALL, of_people, surroundings
from service.store import facts, people
from service.store.people import Somebody

LISTED = ("person", "responsibility", "allocation", "care_leaver_status")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the people in scope, and where the next page begins."""

    cards: tuple[Card, ...]
    people: tuple[str, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """One person: card, what stands, what waits, and every clock that runs."""

    card: Card
    facts: Facts
    clocks: tuple[Finding, ...]
    etags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Event:
    """One version of one fact in a person's history: when we learnt it, and until when it stood."""

    fact: Fact
    recorded_at: datetime
    superseded_at: datetime | None


def page(
    session: Session, *, to: User, view: Viewpoint, today: date, after: str | None = None, limit: int = 100
) -> Page:
    """People in scope in the order of their ids, `limit` at a time.

    Restricted ones are blank cards, counted, all at the end of the last page: among the others, in the order in which
    a feed introduced them, their place would tell who they are.
    """
    if to.sight is not Sight.ROWS:
        raise NotPermitted
    if after is not None and not _may_stand_on(session, to, today, after):
        raise Unprocessable(("cursor", "unknown", "`next` of the page before"))
    found = people.visible(session, to, today, after=after, limit=limit + 1, known_at=view.known_at)
    shown, more = found[:limit], len(found) > limit
    if not more:
        shown += people.redacted(session, to, today, known_at=view.known_at)
    around = surroundings(session, view)
    cards = tuple(card(each, around) for each in of_people(session, shown, view, around.workers, kinds=LISTED))
    return Page(cards, tuple(each.person_id for each in shown), shown[-1].person_id if more else None)


def _may_stand_on(session: Session, to: User, today: date, cursor: str) -> bool:
    """Whether a page can begin after this person: only somebody whose id the reader was given, never one made up."""
    found = people.find(session, to, today, person_id=cursor)
    return found is not None and not found.restricted


def one(
    session: Session,
    *,
    to: User,
    view: Viewpoint,
    today: date,
    person_id: str | None = None,
    eclipse_id: str | None = None,
    reason: str | None = None,
) -> Whole:
    """One person whole. Whoever may open a restricted record sees it unredacted."""
    found = somebody(
        session, to=to, today=today, person_id=person_id, eclipse_id=eclipse_id, known_at=view.known_at, reason=reason
    )  # fmt: skip
    around = surroundings(session, view)
    versions = facts.of_people(session, ALL, found.ids, view)
    (whole,) = of_people(session, [replace(found, restricted=False)], view, around.workers)
    clocks = judge(whole, COHORTS, as_at=view.as_at, policy=around.policy, supplied=around.supplied, within=True)
    clocks = campaign.marked(clocks, campaign.pending(whole, around.asked, view.as_at))
    versions += _all_versions(session, whole.contacts)
    return Whole(card(whole, around), whole, tuple(sorted(clocks, key=order_key)), _etags(versions))


def _all_versions(session: Session, listed: Iterable[Contact]) -> list[Fact]:
    return facts.of_facts(session, Contact.kind, [each.known.fact_id for each in listed if each.known])


def _etags(versions: Sequence[Fact]) -> dict[str, str]:
    by_fact: dict[str, list[Fact]] = defaultdict(list)
    for version in versions:
        if version.known:
            by_fact[version.known.fact_id].append(version)
    return {fact_id: etag_of(group) for fact_id, group in by_fact.items()}


def timeline(
    session: Session, *, to: User, view: Viewpoint, today: date, person_id: str, reason: str | None = None
) -> tuple[Somebody, list[Event]]:
    """Everything recorded of one person by `known_at`, superseded versions included, in the order we learnt it."""
    found = somebody(session, to=to, today=today, person_id=person_id, known_at=view.known_at, reason=reason)
    events = [
        Event(fact, fact.known.recorded_at, superseded_at)
        for kind in KINDS
        for own in found.ids
        for fact, superseded_at in facts.history(session, kind, own, view)
        if fact.known
    ]
    return found, sorted(events, key=lambda e: (e.recorded_at, e.fact.known.version_id if e.fact.known else ""))


def contacts(
    session: Session,
    *,
    to: User,
    view: Viewpoint,
    today: date,
    person_id: str,
    before: datetime | None,
    limit: int,
    reason: str | None = None,
) -> tuple[Somebody, list[Contact], dict[str, str]]:
    """One person's contacts, newest first, and the etag of each; of two records merged, the contacts of both."""
    found = somebody(session, to=to, today=today, person_id=person_id, known_at=view.known_at, reason=reason)
    both = [
        contact for own in found.ids for contact in facts.contacts_of(session, own, view, limit=limit, before=before)
    ]
    listed = sorted(both, key=lambda c: (c.occurred_at, c.known.version_id if c.known else ""), reverse=True)[:limit]
    return found, listed, _etags(_all_versions(session, listed))
