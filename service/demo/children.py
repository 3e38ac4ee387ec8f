"""Children with a plan, in care or before a court: who answers for them and who is allocated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from service.demo import people
from service.demo.files import Row
from service.demo.people import LOCALITY_SHARES, Someone
from service.demo.scene import Scene
from service.demo.staff import CP_CHAIR, DISABLED_TEAMS, IRO, SOCIAL_WORKER, Staff, Worker, involvement

_OFFICERS = {IRO: "iro", CP_CHAIR: "cp_chair"}
_FIRST, _LAST = 5, 6535
"""Days of age of the youngest and the oldest child: nobody turns 18 during the nights that follow."""


@dataclass(frozen=True, slots=True)
class Child:
    """A child and the allocation of a social worker; days count back from the last day."""

    someone: Someone
    worker_from: int
    worker_until: int | None = None
    worker: Worker | None = None


def locality(scene: Scene) -> str:
    """A locality, as many children as in the shares of care leavers (an assumption)."""
    return scene.one_of(LOCALITY_SHARES)


def locality_team(scene: Scene, where: str) -> str:
    """A Children and Families team of a locality, or for 3 in 100 the Disabled Children's Service."""
    if scene.dice.random() < 0.03:
        return scene.dice.choice(DISABLED_TEAMS)
    return f"{where}_cf_{scene.dice.randint(1, 4)}"


def born(scene: Scene, at_least: int, at_most: int = _LAST) -> date:
    """A date of birth that makes a child between `at_least` and `at_most` days old."""
    return scene.ago(scene.dice.randint(max(at_least, _FIRST), at_most))


def officer(scene: Scene, staff: Staff, who: Someone, relationship: str, days: int) -> Iterator[Row]:
    """The reviewing officer or conference chair: in the demo only the north records them as involvements."""
    if who.team.startswith("north"):
        worker = staff.next("safeguarding_qa", _OFFICERS[relationship])
        yield involvement(scene, who, worker, relationship, max(scene.ago(days), who.since))


def rows(scene: Scene, staff: Staff, child: Child) -> Iterator[Row]:
    """The person and the involvement of the social worker, with an earlier worker for one in twenty."""
    who = child.someone
    yield from people.rows(scene, who)
    began = max(scene.ago(child.worker_from), who.since)
    until = scene.ago(child.worker_until) if child.worker_until is not None else None
    worker = child.worker or staff.next(who.team, "social_worker")
    if until is None and scene.dice.random() < 0.05 and child.worker_from > 40:
        changed = scene.ago(scene.dice.randint(2, 38))
        yield involvement(scene, who, worker, SOCIAL_WORKER, began, changed)
        worker, began = staff.next(who.team, "social_worker"), changed
    yield involvement(scene, who, worker, SOCIAL_WORKER, began, until)
