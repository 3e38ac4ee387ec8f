"""The ordinary care leavers: who they are, where they live, and how lately somebody had them on the phone."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import repeat

from service.demo import contacts
from service.demo.care_leavers import Leaver, Spell
from service.demo.contacts import Touch
from service.demo.names import OTHER_COUNCILS
from service.demo.people import LOCALITY_SHARES, somebody
from service.demo.scene import Scene, years_before
from service.demo.staff import CARE_LEAVER_TEAM

SERVED = 430
AGES = {16: 2, 17: 6, 18: 23, 19: 22, 20: 19, 21: 13, 22: 7, 23: 5, 24: 3}
# At 17 nobody stays put or lives in a foyer.
_PLACES = {"U": 46, "B": 16, "Z": 14, "D": 12, "E": 6, "K": 3, "T": 2, "C": 1}
_YOUNG_PLACES = {"B": 40, "D": 35, "E": 25}

# Days since the last made contact of those who are out of touch but for the people of edges.py.
_TRIED_ONLY = (62, 71, 80, 96, 133)
_REFUSED = (140, 190)
_NEARLY_OUT_OF_TOUCH = (44, 45, 46, 48, 49, 50, 52, 53, 54)
_FOUND_AGAIN = ((9, 90), (12, 98))
_MOVED = (11, 13, 16, 19, 20, 25)
_WITHOUT_ADVISER = (5, 9, 16, 24)
_TURNED_25 = (10, 17)
_QUALIFYING = 12


def leaver(
    scene: Scene,
    *,
    eclipse_id: str | None = None,
    locality: str | None = None,
    age: int | None = None,
    born_on: date | None = None,
    touch: Touch | None = None,
    spells: Sequence[Spell] | None = None,
    lives_in: str | None = None,
    eligibility: str | None = None,
    adviser: tuple[int | None, int | None] = (60, None),
) -> Leaver:
    """A care leaver with whatever is not said drawn at random: in touch, in a place judged suitable.

    `adviser` are the days before the last one on which the personal adviser began and stopped.
    """
    where = locality or scene.one_of(LOCALITY_SHARES)
    years = age or scene.one_of(AGES)
    born = born_on or years_before(scene.as_at, years) - timedelta(days=scene.dice.randint(30, 330))
    who = somebody(
        scene,
        locality=where,
        team=CARE_LEAVER_TEAM[where],
        born_on=born,
        since=scene.ago(400),
        eclipse_id=eclipse_id,
        lives_in=lives_in,
        elsewhere=9,
    )
    began, stopped = adviser
    return Leaver(
        someone=who,
        touch=touch or contacts.kept(scene, scene.dice.randint(1, 40)),
        spells=_places(scene, years) if spells is None else spells,
        adviser_from=began + scene.dice.randint(0, 300) if began is not None else None,
        adviser_until=stopped,
        eligibility=eligibility,
    )


def _places(scene: Scene, age: int) -> list[Spell]:
    codes = _PLACES if age >= 18 else _YOUNG_PLACES
    began = scene.dice.randint(60, 900)
    spells = [Spell(scene.one_of(codes), began)]
    if scene.dice.random() < 0.12:
        spells.insert(0, Spell(scene.one_of(codes), began + scene.dice.randint(60, 400), ended=began))
    return spells


def tried_only(scene: Scene, last: int) -> Touch:
    """Last in touch `last` days ago, tried every two weeks since."""
    return Touch((last, last + 30), tuple(range(3 + scene.dice.randint(0, 5), min(last, 100), 14)))


def others(scene: Scene, edges_served: int) -> Iterator[Leaver]:
    """All care leavers but the people of edges.py, `edges_served` of whom are among the 430 (times the scale)."""
    yield from _notable(scene)
    for _ in range(SERVED * scene.scale - edges_served - _notable_number(scene)):
        yield leaver(scene)
    for days in _TURNED_25:
        yield leaver(scene, age=25, born_on=years_before(scene.ago(days), 25))
    for _ in range(_QUALIFYING * scene.scale):
        yield leaver(scene, age=scene.dice.randint(18, 20), eligibility="Qualifying")


def _times(scene: Scene, days: Sequence[int]) -> Iterator[int]:
    for each in days:
        yield from repeat(each, scene.scale)


def _notable_number(scene: Scene) -> int:
    listed = (_TRIED_ONLY, _REFUSED, _NEARLY_OUT_OF_TOUCH, _FOUND_AGAIN, _MOVED, _WITHOUT_ADVISER)
    return scene.scale * (sum(len(each) for each in listed) + 1)


def _notable(scene: Scene) -> Iterator[Leaver]:
    """Those with something to count or to see coming; as many as `_notable_number`."""
    for last in _times(scene, _TRIED_ONLY):
        yield leaver(scene, age=19, touch=tried_only(scene, last))
    for last in _times(scene, _REFUSED):
        yield leaver(scene, age=20, touch=Touch((last,), range(20, 100, 28), category="REFU"))
    for _ in range(scene.scale):
        yield leaver(scene, age=21, touch=tried_only(scene, 118), spells=[Spell("G", 110)], lives_in="")
    for last in _times(scene, _NEARLY_OUT_OF_TOUCH):
        yield leaver(scene, touch=contacts.kept(scene, last))
    for again, before in _FOUND_AGAIN:
        for _ in range(scene.scale):
            yield leaver(scene, age=18, touch=Touch((again, before), range(20, 80, 14)))
    for began in _times(scene, _MOVED):
        elsewhere = scene.dice.choice(OTHER_COUNCILS) if began == _MOVED[0] else None
        old = Spell("E", began + scene.dice.randint(100, 500), ended=began)
        yield leaver(scene, age=19, spells=[old, Spell("U", began)], lives_in=elsewhere)
    for stopped in _times(scene, _WITHOUT_ADVISER):
        yield leaver(scene, age=20, adviser=(100, stopped))
