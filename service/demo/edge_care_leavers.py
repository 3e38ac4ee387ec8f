"""The edge people among care leavers, and what is logged about them through the API between nights."""

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from service.demo import contacts
from service.demo.care_leavers import Leaver, Spell
from service.demo.contacts import Touch
from service.demo.leavers import leaver, tried_only
from service.demo.scene import Scene, age_on, years_before
from service.demo.staff import Staff

TEAM = "care_leavers_2"
_LOCALITY = "exeter"
_UNANSWERED = (27, 20, 13, 6)
_CALLS = {"EDGE-002": 9, "EDGE-009": 16, "EDGE-015": 23, "EDGE-013": 5}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something logged through the API: `act` names the resource, `body` its fields, `by` the user."""

    at: datetime
    by: str
    act: str
    eclipse_id: str
    body: dict[str, object]


def everyone(scene: Scene, staff: Staff) -> Iterator[Leaver]:
    """EDGE-001 to EDGE-020, all with one team; their adviser is its first."""
    adviser = staff.of(TEAM, "personal_adviser")[0]
    for one in (*_out_of_touch(scene), *_badly_housed(scene), *_hardly_known(scene), *_at_the_border(scene)):
        yield replace(one, adviser=adviser)


def _out_of_touch(scene: Scene) -> Iterator[Leaver]:
    def one(eclipse_id: str, age: int, touch: Touch, *spells: Spell, lives_in: str | None = None) -> Leaver:
        return leaver(
            scene, eclipse_id=eclipse_id, locality=_LOCALITY, age=age, touch=touch, spells=spells, lives_in=lives_in
        )

    yield one("EDGE-001", 20, Touch((170,), range(34, 100, 7), category="REFU"), Spell("U", 400))
    custody = Spell("X", 80, suitable=False, release_in=120)
    yield one("EDGE-006", 20, tried_only(scene, 120), Spell("U", 500, ended=80), custody)
    yield one("EDGE-008", 19, tried_only(scene, 125), Spell("E", 400, ended=120), Spell("G", 120), lives_in="")
    yield one("EDGE-012", 19, tried_only(scene, 101), Spell("U", 210))
    sofa = Spell("Y", 64, suitable=False, unacceptable="sofa_surfing")
    yield one("EDGE-016", 18, tried_only(scene, 70), Spell("B", 300, ended=64), sofa)


def _badly_housed(scene: Scene) -> Iterator[Leaver]:
    def one(eclipse_id: str, age: int, latest: int, *spells: Spell) -> Leaver:
        touch = contacts.kept(scene, latest)
        return leaver(scene, eclipse_id=eclipse_id, locality=_LOCALITY, age=age, touch=touch, spells=spells)

    room = Spell("W", 2, suitable=False, unacceptable="bed_and_breakfast")
    yield one("EDGE-003", 18, 3, Spell("E", 260, ended=2), room)
    yield one("EDGE-004", 19, 30, Spell("U", 300))
    street = Spell("S", 45, suitable=False, unacceptable="no_fixed_abode")
    yield one("EDGE-013", 19, 8, Spell("U", 200, ended=45), street)
    yield one("EDGE-014", 18, 6, Spell("Z", 330, ended=18), Spell("V", 18, suitable=False))
    sofa = Spell("Y", 33, suitable=False, unacceptable="sofa_surfing")
    yield one("EDGE-015", 20, 10, Spell("K", 150, ended=33), sofa)


def _hardly_known(scene: Scene) -> Iterator[Leaver]:
    def one(eclipse_id: str, age: int, *spells: Spell) -> Leaver:
        return leaver(scene, eclipse_id=eclipse_id, locality=_LOCALITY, age=age, spells=spells)

    yield one("EDGE-002", 20, Spell("Y", 620))
    yield one("EDGE-017", 19)
    yield one("EDGE-018", 21, Spell("U", 350, ended=24), Spell("R", 24, suitable=None))
    yield one("EDGE-019", 19, Spell("U", 200, ended=5), Spell("D", 5, suitable=None))
    yield one("EDGE-020", 20, Spell("E", 320, ended=4), Spell("U", 4, suitable=None))


def _at_the_border(scene: Scene) -> Iterator[Leaver]:
    def one(eclipse_id: str, born_on: date, touch: Touch, *spells: Spell, **said: object) -> Leaver:
        known = leaver(
            scene, eclipse_id=eclipse_id, locality=_LOCALITY, age=18, born_on=born_on, touch=touch, spells=spells
        )
        return replace(known, **said)  # type: ignore[arg-type]  # fields of Leaver, named below

    kept = contacts.kept
    tomorrow = years_before(scene.ago(-1), 18)
    yield one("EDGE-005", tomorrow, kept(scene, 4), Spell("D", 75), adviser_from=None)
    young = years_before(scene.as_at, 17) - timedelta(days=150)
    home = Touch((190,), category="RHOM")
    yield one("EDGE-007", young, home, Spell("B", 215), eligibility="No Current Eligibility")
    yield one("EDGE-009", leap_day(scene.as_at), kept(scene, 20), Spell("U", 420))
    adult = years_before(scene.as_at, 20) - timedelta(days=200)
    places = (Spell("U", 600, ended=50), Spell("0", 50, suitable=None))
    dead = one("EDGE-010", adult, Touch((60,), category="DIED"), *places)
    yield replace(dead, someone=replace(dead.someone, died_on=scene.ago(50)))
    moved = one("EDGE-011", adult, kept(scene, 45), Spell("U", 380))
    yield replace(moved, someone=replace(moved.someone, transferred_out_on=scene.ago(40)))


def leap_day(as_at: date) -> date:
    """The latest 29 February on which somebody now 18 or over was born."""
    years = (year for year in range(as_at.year - 18, 0, -1) if isleap(year))
    return next(day for year in years if age_on(as_at, day := date(year, 2, 29)) >= 18)


def entries(scene: Scene, staff: Staff) -> Iterator[Entry]:
    """What was logged between the nights, in time order: texts without an answer, some contacts, one tent."""
    adviser = staff.of(TEAM, "personal_adviser")[0].name
    duty = staff.of(TEAM, "social_worker")[0].name
    logged = [_contact(scene, adviser, "EDGE-001", days, "text", "attempted") for days in _UNANSWERED]
    logged += [_contact(scene, adviser, eclipse_id, days, "phone", "made") for eclipse_id, days in _CALLS.items()]
    tent: dict[str, object] = {
        "started_on": scene.ago(21).isoformat(),
        "unacceptable": "tent",
        "evidence": "Reported by police; no address.",
    }
    logged.append(Entry(contacts.at(scene, 6, 9, 40), duty, "accommodation", "EDGE-004", tent))
    yield from sorted(logged, key=lambda entry: entry.at)


def _contact(scene: Scene, by: str, eclipse_id: str, days: int, kind: str, outcome: str) -> Entry:
    happened = contacts.at(scene, days, 10, 5)
    body: dict[str, object] = {
        "occurred_at": happened.isoformat(),
        "contact_kind": kind,
        "outcome": outcome,
        "initiated_by": "worker",
    }
    return Entry(happened + timedelta(minutes=12), by, "contact", eclipse_id, body)
