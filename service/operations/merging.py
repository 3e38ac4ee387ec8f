"""Two Eclipse ids that are one person, and one Eclipse id that became another person's: a manager says so, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from service.domain.access import User
from service.domain.assembly import assemble, by_person
from service.domain.dates import london_day
from service.domain.facts import Accommodation, Fact, Person, Source
from service.domain.versions import NewVersion
from service.errors import Conflict, NotFound, Unprocessable
from service.operations import entries
from service.operations.lookup import somebody
from service.store import audit, facts, identifiers, merges, people, record, restrictions, users
from service.store.merges import Merge
from service.store.people import Somebody
from service.store.types import new_id


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody by one of two ids."""

    person_id: str | None = None
    eclipse_id: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """A merge as its readers see it: who is kept, who was merged into them, and each one's Eclipse id."""

    merge: Merge
    eclipse_id: str | None
    merged_eclipse_id: str | None


def merge(
    session: Session, *, keep: Named, other: Named, reason: str, although_births_differ: bool, by: User, at: datetime
) -> Merge:
    """Read `other` as `keep` from now on. No fact and no identifier moves, so that undoing it loses nothing."""
    kept, merged = _named(session, keep, by, at, reason), _named(session, other, by, at, reason)
    if kept.person_id != merged.person_id:
        merges.lock(session, {kept.kept_under, merged.kept_under})
        kept, merged = _named(session, keep, by, at, reason), _named(session, other, by, at, reason)
    _refuse_chains(kept, merged)
    if not although_births_differ and len(_births(session, kept, merged)) > 1:
        raise Unprocessable(("although_births_differ", "born_on_differs", "true, once somebody has checked"))
    merge_id, both = new_id(at), {kept.person_id, merged.person_id}
    audit_id = audit.note(
        session, "people.merge", by=by.user_id, at=at, person_id=kept.person_id, people=both,
        detail={"merge_id": merge_id, "merged": merged.person_id, "births_differ": although_births_differ},
    )  # fmt: skip
    made = Merge(merge_id, merged.person_id, kept.person_id, by.user_id, reason, at, None, None, None)
    merges.add(session, made, audit_id=audit_id)
    users.move_access_version(session)
    return made


def _named(session: Session, named: Named, by: User, at: datetime, reason: str) -> Somebody:
    return somebody(
        session, to=by, today=london_day(at), person_id=named.person_id, eclipse_id=named.eclipse_id, reason=reason,
        writing=True,
    )  # fmt: skip


def _refuse_chains(kept: Somebody, merged: Somebody) -> None:
    """A merge joins two people who each stand for themselves: a chain could not be undone link by link."""
    if kept.kept_under == merged.kept_under:
        raise Unprocessable(("merge", "same_person", "another person than `keep`"))
    if merged.addressed is not None:
        raise Conflict(("merge", "merged_already", "undo that merge first"))
    if kept.addressed is not None:
        raise Conflict(("keep", "merged_already", "the person kept in that merge"))
    if merged.merged:
        raise Conflict(("merge", "others_merged_into_it", "undo those merges first, or keep this person"))


def _births(session: Session, *both: Somebody) -> set[date]:
    """The days of birth that the two records give, each by what stands of it."""
    said = facts.of_people(session, [Person.kind], [each.person_id for each in both], None)
    standing = [
        assemble([f for f in said if f.known and f.known.person_id == each.person_id], person_id=each.person_id)
        for each in both
    ]
    return {one.person.born_on for one in standing if one.person.born_on is not None}


def undo(session: Session, merge_id: str, *, reason: str, by: User, at: datetime) -> Merge:
    """Read them as two people again, each with what was recorded under their own ids before, during and since."""
    found = merges.get(session, merge_id)
    if not _may_see(session, found, by, london_day(at)) or found is None:
        raise NotFound(about=found.into_person_id if found else None)
    both = {found.from_person_id, found.into_person_id}
    merges.lock(session, both)
    found = merges.get(session, merge_id) or found
    if found.superseded_at is not None:
        raise Conflict(("merge_id", "already_undone", "a merge that stands"))
    whole = merges.all_of(session, found.into_person_id)
    audit_id = audit.note(
        session, "people.merge.undo", by=by.user_id, at=at, person_id=found.into_person_id, people=both,
        detail={"merge_id": merge_id, "merged": found.from_person_id},
    )  # fmt: skip
    left = merges.places_left_across(session, found)
    closed, reopened = entries.run_on(session, left, why="the merge was undone")
    reopened = _left_all_the_same(session, left, reopened)
    record.supersede(session, "accommodation", closed, at=at)
    record.append(session, reopened, by=by.user_id, at=at, audit_id=audit_id)
    merges.undo(session, merge_id, by=by.user_id, reason=reason, at=at)
    restrictions.carry(session, both, of=whole, by=by.user_id, reason=reason, at=at, audit_id=audit_id)
    users.move_access_version(session)
    return merges.get(session, merge_id) or found


def _left_all_the_same(session: Session, left: Sequence[Fact], reopened: Sequence[NewVersion]) -> list[NewVersion]:
    """The places that run on again; but one that was left by a later move of its own record ends with that move."""
    reopened_by_fact = {version.fact_id: version for version in reopened}
    whose = {place.known.person_id for place in left if place.known}
    places = by_person(facts.of_people(session, [Accommodation.kind], whose, None))
    for place in left:
        assert isinstance(place, Accommodation)
        assert place.known is not None
        day = _own_move(place, places.get(place.known.person_id, ()))
        if day is not None:
            ended = entries.ending(place, day, why="the merge was undone")
            again = reopened_by_fact.get(place.known.fact_id)
            reopened_by_fact[place.known.fact_id] = replace(ended, closes=again.closes if again else ())
    return list(reopened_by_fact.values())


def _own_move(left: Accommodation, own: Sequence[Fact]) -> date | None:
    """The day on which a place ended all the same: the first place entered on its own record since it was left."""
    assert left.known is not None
    fed = {place.known.fact_id for place in own if place.known and place.known.source is not Source.API}
    moves = {
        place.known.fact_id: place.started_on
        for place in own
        if isinstance(place, Accommodation) and place.known and place.known.fact_id not in {*fed, left.known.fact_id}
        and place.started_on and place.known.effective_at and place.known.fact_id > left.known.version_id
    }  # fmt: skip
    return max(moves[min(moves)], left.started_on or date.min) if moves else None  # ids are in the order of time


def _may_see(session: Session, found: Merge | None, by: User, today: date) -> bool:
    """Whether the user may open both. A seal does not stand in the way: a wrong merge would seal a child for good.

    A merge that there is not takes the same look-ups as one of people hidden: "" is nobody's id.
    """
    both = {found.from_person_id, found.into_person_id} if found else {""}
    known = people.by_ids(session, by, today, both)
    return len(known) == len(both) and all(each.opens or each.sealed for each in known)


def listed(session: Session, *, to: User, today: date) -> list[Merged]:
    """Merges of people both of whom the user may open without being asked why, undone ones too, newest first.

    Sealed records are not told.
    """
    every = merges.everything(session)
    ids = {person_id for each in every for person_id in (each.from_person_id, each.into_person_id)}
    known = {each.person_id: each for each in people.by_ids(session, to, today, ids)}
    open_ = {p for p, each in known.items() if not each.sealed and each.opens and not each.by_post}
    return [
        Merged(each, known[each.into_person_id].eclipse_id, known[each.from_person_id].eclipse_id)
        for each in reversed(every)
        if {each.from_person_id, each.into_person_id} <= open_
    ]


def release(session: Session, eclipse_id: str, *, reason: str, by: User, at: datetime) -> str:
    """Eclipse has given this id to somebody else: who had it keeps their facts, the next push brings a new person."""
    found = somebody(session, to=by, today=london_day(at), eclipse_id=eclipse_id, reason=reason, writing=True)
    if found.restricted:  # else the next push would bring the same child anew, and open
        raise Conflict(("eclipse_id", "restricted", "a record whose restriction has been cleared"))
    merges.lock(session, {found.kept_under})
    audit.note(
        session, "people.identifier.release", by=by.user_id, at=at, person_id=found.kept_under,
        detail={"eclipse_id": eclipse_id},
    )  # fmt: skip
    identifiers.release(session, eclipse_id, by=by.user_id, reason=reason, at=at)
    return found.kept_under
