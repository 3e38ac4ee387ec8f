"""Children in care: 759 of them, how long, where, on what legal basis, and who has no plan of permanence."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from service.demo import children
from service.demo.care import FULL, INTERIM, PLACEMENT_ORDER, VOLUNTARY, InCare, Permanence
from service.demo.children import Child
from service.demo.people import somebody
from service.demo.scene import Scene, age_on
from service.demo.staff import DISABLED_TEAMS

CHILDREN = 759
FOSTERED = 577
"""76% of 759."""
_LEFT_LATELY = 25

# Days in care of children the second review of whom cannot have been due (up to 95) or must have been (from 140).
_NEW, _MIDDLE, _FIRST_YEAR, _LONGER = (2, 95), (140, 172), (196, 364), (366, 2600)
_NUMBERS = {_NEW: 114, _MIDDLE: 30, _FIRST_YEAR: 150}
# Children of each kind in proceedings, and in proceedings that have ended.
_PROCEEDINGS = {_NEW: (30, 0), _MIDDLE: (24, 1), _FIRST_YEAR: (14, 12)}
_WITH_OTHER_ORDERS = frozenset({"A5", "A6", "P1"})

# 34 in 100 of those held by Permanence and Transition have no recorded plan: our reading of a figure of August 2020.
_WITHOUT_PLAN_IN_100, _AGREED_NOT_RECORDED_IN_100 = 34, 30
_REVIEW_NOT_HELD = 6
_WITHOUT_WORKER = (9, 22)

_ELSEWHERE_YOUNG = {"P1": 50, "A5": 25, "A6": 15, "R1": 10}
_ELSEWHERE = {"K2": 50, "P1": 25, "S1": 8, "R1": 9, "DQ": 5, "": 3}
_ELSEWHERE_OLD = {"K2": 40, "H5": 30, "P2": 15, "R1": 7, "P1": 8}
_HOMES = {"U6": 45, "U4": 30, "U3": 12, "U1": 13}
_ROUTES = {
    4: {"adoption": 45, "kinship_sgo": 25, "return_home": 20, "long_term_fostering": 10},
    11: {"long_term_fostering": 62, "kinship_sgo": 20, "return_home": 18},
    15: {"long_term_fostering": 60, "residential_to_18": 22, "return_home": 18},
    17: {"long_term_fostering": 40, "supported_independence": 40, "residential_to_18": 20},
}


def everyone(scene: Scene, edges_fostered: int, edges: int) -> list[InCare]:
    """All children in care but the `edges` people of edges.py, `edges_fostered` of whom live with foster carers."""
    wanted = CHILDREN * scene.scale - edges
    days = [kind for kind, number in _NUMBERS.items() for _ in range(number * scene.scale)]
    days += [_LONGER] * (wanted - len(days))
    fostered = FOSTERED * scene.scale - edges_fostered
    homes = [True] * fostered + [False] * (wanted - fostered)
    scene.dice.shuffle(homes)
    made = [_one(scene, kind, at_home) for kind, at_home in zip(days, homes, strict=True)]
    return _without_workers(scene, _without_plans(scene, _in_court(scene, made)))


def _one(scene: Scene, kind: tuple[int, int], fostered: bool) -> InCare:
    days = scene.dice.randint(*kind)
    where = children.locality(scene)
    team = f"{where}_pt" if kind == _LONGER else children.locality_team(scene, where)
    who = somebody(
        scene,
        locality=where,
        team=team,
        born_on=children.born(scene, days + (30 if kind == _LONGER else 0)),
        since=scene.ago(min(days + 15, 400)),
        elsewhere=18,
    )
    assert who.born_on is not None
    age = age_on(scene.as_at, who.born_on)
    place = scene.one_of(_HOMES if fostered else _elsewhere(age))
    moved = scene.dice.randint(1, days // 2) if days > 30 and scene.dice.random() < 0.15 else None
    return InCare(
        child=Child(who, days),
        days=days,
        placements=((place, days),) if moved is None else (("U6", days), (place, moved)),
        legal=_legal(scene, days, place),
        permanence=_plan(scene, age, days) if days >= _MIDDLE[0] else None,
    )


def _elsewhere(age: int) -> dict[str, int]:
    return _ELSEWHERE_YOUNG if age < 5 else _ELSEWHERE if age < 16 else _ELSEWHERE_OLD


def _legal(scene: Scene, days: int, place: str) -> tuple[tuple[str, int], ...]:
    if place in ("A5", "A6"):
        return ((PLACEMENT_ORDER, days),)
    if place == "P1":
        return ((FULL, days),)
    return ((scene.one_of({VOLUNTARY: 45, FULL: 55} if days < 365 else {FULL: 75, VOLUNTARY: 25}), days),)


def _plan(scene: Scene, age: int, days: int) -> Permanence:
    """A plan agreed at or soon after the second review and put on Eclipse within days."""
    agreed = days - scene.dice.randint(105, 125)
    route = scene.one_of(next(routes for oldest, routes in _ROUTES.items() if age <= oldest))
    matched = agreed - 120 if route == "long_term_fostering" and agreed > 125 and scene.dice.random() < 0.7 else None
    parallel = "long_term_fostering" if route == "adoption" and scene.dice.random() < 0.3 else None
    return Permanence(route, agreed, max(agreed - scene.dice.randint(0, 9), 1), matched, parallel)


def _in_court(scene: Scene, made: list[InCare]) -> list[InCare]:
    """Put some of each length of stay before the court: issued within days of entry; a few have ended since."""
    for kind, (still, ended) in _PROCEEDINGS.items():
        suitable = [n for n, one in enumerate(made) if _may_be_in_court(one, kind)]
        chosen = scene.sample(suitable, (still + ended) * scene.scale)
        for rank, n in enumerate(chosen):
            one = made[n]
            issued = one.days - scene.dice.randint(0, 4)
            before = ((VOLUNTARY, one.days),) if issued < one.days else ()
            made[n] = replace(one, issued=issued, legal=(*before, (INTERIM, issued)))
            if rank >= still * scene.scale:
                disposed = 10 if kind == _MIDDLE else scene.dice.randint(35, 90)
                made[n] = replace(made[n], disposed=disposed, legal=(*before, (INTERIM, issued), (FULL, disposed)))
    return made


def _may_be_in_court(one: InCare, kind: tuple[int, int]) -> bool:
    return kind[0] <= one.days <= kind[1] and one.days >= 10 and one.placements[-1][0] not in _WITH_OTHER_ORDERS


def _without_plans(scene: Scene, made: list[InCare]) -> list[InCare]:
    """Take the plan, or its record, from 34 in 100 of those held by Permanence and Transition."""
    held = [n for n, one in enumerate(made) if one.days >= _LONGER[0]]
    young = [n for n in held if _age_now_and_then(scene, made[n]) < 15]
    chosen = scene.sample(young, len(held) * _WITHOUT_PLAN_IN_100 // 100)
    unrecorded = len(chosen) * _AGREED_NOT_RECORDED_IN_100 // 100
    for rank, n in enumerate(chosen):
        plan = made[n].permanence
        half = replace(plan, recorded=None, matched=None) if plan and rank < unrecorded else None
        made[n] = replace(made[n], permanence=half)
    middle = [n for n, one in enumerate(made) if one.days in range(*_MIDDLE) and _age_now_and_then(scene, one) < 15]
    for n in middle[: _REVIEW_NOT_HELD * scene.scale]:
        made[n] = replace(made[n], permanence=None, reviews=1)
    return made


def _age_now_and_then(scene: Scene, one: InCare) -> int:
    born: date | None = one.child.someone.born_on
    assert born is not None
    return age_on(scene.as_at, born)


def _without_workers(scene: Scene, made: list[InCare]) -> list[InCare]:
    for n, stopped in enumerate(_WITHOUT_WORKER * scene.scale, start=1):
        made[-n] = replace(made[-n], child=replace(made[-n].child, worker_until=stopped))
    return made


def left_lately(scene: Scene) -> Iterator[InCare]:
    """Children whose period of care ended in the weeks that the nights cover."""
    for _ in range(_LEFT_LATELY * scene.scale):
        one = _one(scene, _FIRST_YEAR, fostered=True)
        yield replace(one, ended=scene.dice.randint(1, 27))


def edge_children(scene: Scene) -> Iterator[InCare]:
    """EDGE-022, 023, 025, 030 and 036 to 039."""

    def one(eclipse_id: str, days: int, age_days: int, place: str, status: str, plan: Permanence | None) -> InCare:
        who = somebody(
            scene,
            locality="north",
            team="north_pt" if days > 365 else "north_cf_2",
            born_on=scene.ago(age_days),
            since=scene.ago(min(days + 15, 400)),
            eclipse_id=eclipse_id,
            family="Demo-Lantern" if eclipse_id in ("EDGE-022", "EDGE-023") else None,
        )
        return InCare(Child(who, days), days, ((place, days),), ((status, days),), permanence=plan)

    for eclipse_id, days in (("EDGE-022", 900), ("EDGE-023", 520)):
        adoption = Permanence("adoption", days - 110, days - 112)
        yield one(eclipse_id, days, days + 40, "A6", PLACEMENT_ORDER, adoption)
    return_home = Permanence("return_home", 70, 68)
    yield replace(one("EDGE-025", 183, 1700, "U6", INTERIM, return_home), issued=181)
    yield replace(one("EDGE-030", 24, 2900, "U6", INTERIM, None), issued=20)
    disabled = one("EDGE-036", 700, 4100, "U4", VOLUNTARY, Permanence("long_term_fostering", 590, 585, 400))
    team = replace(disabled.child.someone, team=DISABLED_TEAMS[0], district="Exeter")
    yield replace(disabled, child=replace(disabled.child, someone=team))
    moved = one("EDGE-037", 600, 6030, "H5", FULL, Permanence("residential_to_18", 480, 478))
    yield replace(moved, placements=(("U6", 600), ("H5", 40), ("K2", 9)))
    yield one("EDGE-038", 640, 3000, "U6", FULL, Permanence("long_term_fostering", 274, 270))
    yield one("EDGE-039", 500, 3300, "P1", FULL, Permanence("return_home", 385, 380))


EDGES_FOSTERED = 4
"""EDGE-025, 030, 036 and 038."""
