"""Child protection plans: families on a plan now, plans that ended lately, and what came before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import cycle

from service.demo import children
from service.demo.children import Child
from service.demo.files import Row, cells, ssd
from service.demo.names import surname
from service.demo.people import somebody
from service.demo.scene import Scene, months_after
from service.demo.staff import CP_CHAIR, LEAVER, Staff

OPEN = 501
_ENDED = 40
_SIZES = (2, 1, 3, 1, 2, 4, 1, 2)
_CATEGORIES = {"Neglect": 52, "Emotional abuse": 35, "Physical abuse": 8, "Sexual abuse": 5}

# Days a current plan has run, with shares: plans that ended in 2019-20 by length (18.7, 11.4, 42.3, 24.0, 3.6 %)
# turned into plans open at a moment. No range touches nine months, so that the count holds on any day.
_RUNNING = {(2, 88): 27, (92, 180): 23, (184, 262): 18, (282, 362): 11, (366, 725): 19, (730, 1050): 2}
_EARLIER_IN_100 = 16
_RESTARTED = (95, 120, 150, 175)
_WITHOUT_WORKER = (8, 10, 13, 17, 21, 26)


@dataclass(frozen=True, slots=True)
class Plan:
    """A child's plan and the one `before` it (first day, last day); `counts` are those declared (here, elsewhere)."""

    child: Child
    started_on: date
    ended_on: date | None = None
    before: tuple[date, date] | None = None
    counts: tuple[int, int] | None = None


Family = tuple[Plan, ...]


def families(scene: Scene, edges: int) -> list[Family]:
    """Families on a plan, but for the `edges` children of edges.py: 501 children (times the scale) in all."""
    wanted = OPEN * scene.scale - edges
    made: list[Family] = []
    sizes = cycle(_SIZES)
    while wanted:
        size = min(next(sizes), wanted)
        restart = _RESTARTED[len(made)] if len(made) < len(_RESTARTED) else None
        made.append(_family(scene, size, restart))
        wanted -= size
    return _without_workers(scene, made)


def _family(scene: Scene, size: int, restarted: int | None) -> Family:
    began = restarted or scene.dice.randint(*scene.one_of(_RUNNING))
    before = _restart(scene, began) if restarted else _earlier(scene, began)
    declared = before is None and scene.dice.random() < 0.03
    counts = scene.dice.choice(((1, 0), (0, 1))) if declared else (1, 0) if before else None
    where = children.locality(scene)
    team, name = children.locality_team(scene, where), surname(scene)
    lived = (scene.as_at - before[0]).days if before else began
    plans = []
    for _ in range(size):
        who = somebody(
            scene,
            locality=where,
            team=team,
            family=name,
            born_on=children.born(scene, lived, max(lived + 400, 5800)),
            since=scene.ago(min(began + 15, 400)),
        )
        plans.append(Plan(Child(who, began), scene.ago(began), before=before, counts=counts))
    return tuple(plans)


def _earlier(scene: Scene, began: int) -> tuple[date, date] | None:
    if scene.dice.randrange(100) >= _EARLIER_IN_100:
        return None
    ended = began + scene.dice.randint(60, 1500)
    return scene.ago(ended + scene.dice.randint(90, 400)), scene.ago(ended)


def _restart(scene: Scene, began: int) -> tuple[date, date]:
    """An earlier plan that ended less than 28 days before; together they stay under nine months."""
    ended = began + scene.dice.randint(1, 26)
    return scene.ago(ended + scene.dice.randint(30, 55)), scene.ago(ended)


def _without_workers(scene: Scene, made: list[Family]) -> list[Family]:
    """Take the social worker from one child each of the last families, days ago."""
    for n, stopped in enumerate(_WITHOUT_WORKER * scene.scale, start=1):
        first, *others = made[-n]
        child = replace(first.child, worker_from=max(first.child.worker_from, stopped + 20), worker_until=stopped)
        started = min(first.started_on, scene.ago(stopped + 20))
        since = min(child.someone.since, started)
        child = replace(child, someone=replace(child.someone, since=since))
        made[-n] = (replace(first, child=child, started_on=started), *others)
    return made


def ended_lately(scene: Scene) -> Iterator[Plan]:
    """Children whose plan ended in the weeks that the nights cover."""
    for _ in range(_ENDED * scene.scale):
        where = children.locality(scene)
        began = scene.dice.randint(100, 500)
        who = somebody(
            scene,
            locality=where,
            team=children.locality_team(scene, where),
            born_on=children.born(scene, began, 5800),
            since=scene.ago(400),
        )
        yield Plan(Child(who, began), scene.ago(began), ended_on=scene.ago(scene.dice.randint(1, 27)))


def edge_plans(scene: Scene) -> Iterator[Plan]:
    """EDGE-026, 027 and 032 to 035."""

    def one(eclipse_id: str, started: date, born: int, **said: str) -> Plan:
        began = (scene.as_at - started).days
        who = somebody(
            scene,
            locality="exeter",
            team="exeter_cf_1",
            born_on=scene.ago(born),
            since=scene.ago(min(began + 15, 400)),
            eclipse_id=eclipse_id,
            family=said.get("family"),
            given=said.get("given"),
        )
        return Plan(Child(who, began), started)

    yield one("EDGE-026", nine_months_tomorrow(scene.as_at), 2400)
    second = one("EDGE-027", scene.ago(100), 3100)
    ended = months_after(second.started_on, -5)
    yield replace(second, before=(ended - timedelta(days=250), ended), counts=(1, 0))
    migrated = one("EDGE-032", scene.ago(800), 4000)
    someone = replace(migrated.child.someone, legacy_id="CF-20441")
    yield replace(migrated, child=replace(migrated.child, someone=someone))
    alone = one("EDGE-033", scene.ago(130), 1900)
    yield replace(alone, child=replace(alone.child, worker_until=1, worker=LEAVER))
    for eclipse_id, given in (("EDGE-034", "Robin"), ("EDGE-035", "Rowan")):
        yield one(eclipse_id, scene.ago(120), 1500, family="Demo-Tabard", given=given)


def nine_months_tomorrow(as_at: date) -> date:
    """The first day of a plan that is 8 months and 29 days old, its last day within the limit still ahead."""
    days = (as_at - timedelta(days=back) for back in range(280, 200, -1))
    return next(day for day in days if months_after(day, 9) >= as_at + timedelta(days=2))


def rows(scene: Scene, staff: Staff, plans: Sequence[Plan]) -> Iterator[Row]:
    """The children and their plans, reviews and declared counts."""
    for plan in plans:
        who = plan.child.someone
        yield from children.rows(scene, staff, plan.child)
        if plan.before:
            yield _plan_row(scene, who.eclipse_id, plan.before[0], plan.before[1], who.since)
        yield _plan_row(scene, who.eclipse_id, plan.started_on, plan.ended_on, max(plan.started_on, who.since))
        yield from _reviews(scene, plan)
        if plan.ended_on is None:
            yield from children.officer(scene, staff, who, CP_CHAIR, plan.child.worker_from)
        if plan.counts:
            here, elsewhere = plan.counts
            counted = max(plan.started_on, who.since)
            known = cells(eclipse_id=who.eclipse_id, here=here, elsewhere=elsewhere, counted_on=counted)
            yield Row("plan_counts", counted, known)


def _plan_row(scene: Scene, eclipse_id: str, started: date, ended: date | None, since: date) -> Row:
    category = scene.one_of(_CATEGORIES)
    known = ssd(
        "cppl_",
        cp_plan_id=f"P{scene.number()}",
        referral_id=f"{eclipse_id}{scene.number()}",
        icpc_id=f"I{scene.number()}",
        person_id=eclipse_id,
        cp_plan_start_date=started,
        cp_plan_initial_category=category,
        cp_plan_latest_category=category,
    )
    ending = ((max(ended, since), ssd("cppl_", cp_plan_end_date=ended)),) if ended else ()
    return Row("ssd_cp_plans", since, known, ending)


def _reviews(scene: Scene, plan: Plan) -> Iterator[Row]:
    """The first two reviews, if held: within 3 months, then 6 months. Eclipse names no plan while it is open."""
    until = plan.ended_on or scene.as_at
    due = plan.started_on
    for days in (88, 180):
        due += timedelta(days=days)
        held = due - timedelta(days=scene.dice.randint(0, 9))
        if held >= until:
            return
        known = ssd(
            "cppr_",
            cp_review_id=f"V{scene.number()}",
            person_id=plan.child.someone.eclipse_id,
            cp_review_due=due,
            cp_review_date=held,
            cp_review_meeting_id=f"M{scene.number()}",
            cp_review_outcome_continue_cp="Y",
            cp_review_quorate="Y",
            cp_review_participation=scene.one_of({"PN0": 25, "PN1": 25, "PN3": 10, "PN5": 20, "PN7": 20}),
        )
        yield Row("ssd_cp_reviews", held, known)
        due = held
