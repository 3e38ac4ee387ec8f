"""What stands of people at a viewpoint, and what the rules and the tracker need around them."""

from collections.abc import Iterable, Mapping, Sequence

from sqlmodel import Session

from service.domain.assembly import assemble, by_person, without_leavers
from service.domain.facts import KINDS
from service.domain.intake import Worker
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY
from service.domain.tracker import Surroundings, freshness
from service.domain.viewpoint import Viewpoint
from service.operations.intake.reports import held
from service.store import campaigns, extracts, facts, holds, reference
from service.store.people import Somebody

ALL = tuple(kind for kind in KINDS if kind != "contact")  # of contacts, the latest only


def of_people(
    session: Session,
    everybody: Sequence[Somebody],
    view: Viewpoint,
    workers: Mapping[str, Worker],
    *,
    kinds: Iterable[str] = ALL,
) -> list[Facts]:
    """What stands of each of these people at the viewpoint: a SELECT a kind, one for contacts, two for a past day.

    Facts kept under the id of a person merged into one of them are theirs.
    """
    ids = [own for each in everybody for own in each.ids]
    grouped = by_person(facts.of_people(session, kinds, ids, view) + facts.latest_contacts(session, ids, view))
    before = facts.said_before(session, ids, view)
    assembled = (
        assemble(
            [v for own in each.ids for v in grouped.get(own, ())], person_id=each.person_id, eclipse_id=each.eclipse_id,
            restricted=each.restricted, as_at=view.as_at, before=before,
        )
        for each in everybody
    )  # fmt: skip
    return [without_leavers(each, workers, on=view.as_at) for each in assembled]


def surroundings(session: Session, view: Viewpoint, *, scope: dict[str, object] | None = None) -> Surroundings:
    """What stands around the people at the viewpoint."""
    policy = DEFAULT_POLICY.known_at(view.known_at)
    stale_after = 24 * policy.limit("feed.stale", view.as_at).number  # days
    waiting = holds.waiting(session, view.known_at)
    marks = {(str(s), p, d): at for (s, p, d), at in extracts.watermarks(session, view.known_at).items()}
    return Surroundings(
        view=view,
        policy=policy,
        supplied=facts.supplied_kinds(session, view),
        teams=reference.teams(session, view.known_at),
        workers=reference.workers(session, view.known_at),
        freshness=freshness(marks, at=view.known_at, stale_after_hours=stale_after),
        held=tuple(held(each, at=view.known_at) for each in waiting),
        held_people=holds.people_concerned(session, view.known_at) if waiting else frozenset(),
        scope=scope or {},
        asked=campaigns.asked(session, view.known_at),
    )
