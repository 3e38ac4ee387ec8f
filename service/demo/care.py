"""Periods of care as Eclipse's scripts give them: episodes, placements, legal statuses, reviews, permanence plans."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from service.demo import children
from service.demo.children import Child
from service.demo.files import Change, Row, cells, ssd
from service.demo.scene import Scene, age_on, birthday
from service.demo.staff import IRO, PERSONAL_ADVISER, Staff, involvement

INTERIM, FULL, PLACEMENT_ORDER = "Interim care order", "Full care order", "Placement order"
VOLUNTARY = "Single period of accommodation under section 20"


@dataclass(frozen=True, slots=True)
class Permanence:
    """A plan of permanence; days count back from the last day. `recorded` None: agreed, never put on Eclipse."""

    route: str
    agreed: int
    recorded: int | None
    matched: int | None = None
    parallel: str | None = None


@dataclass(frozen=True, slots=True)
class InCare:
    """A child looked after for `days`. `placements` are (type, days ago it began), the current one last."""

    child: Child
    days: int
    placements: tuple[tuple[str, int], ...]
    legal: tuple[tuple[str, int], ...]
    reviews: int = 2
    permanence: Permanence | None = None
    ended: int | None = None
    issued: int | None = None
    disposed: int | None = None

    @property
    def period(self) -> str:
        """The source's id of the period of care."""
        return f"CLA{self.child.someone.eclipse_id}"


def rows(scene: Scene, staff: Staff, one: InCare) -> Iterator[Row]:
    """Everything about one period of care; proceedings are in court.py."""
    who = one.child.someone
    yield from children.rows(scene, staff, one.child)
    yield from _episodes(scene, one)
    yield from _legal(scene, one)
    yield from _reviews(scene, one)
    if one.permanence:
        yield _permanence(scene, one, one.permanence)
        if one.permanence.route == "adoption":
            adopters = ssd("perm_", table_id=f"O{scene.number()}", person_id=who.eclipse_id, cla_id=one.period)
            yield Row("ssd_permanence", scene.ago(one.permanence.agreed), adopters)
    if one.ended is None:
        yield from children.officer(scene, staff, who, IRO, one.days)
    age = age_on(scene.as_at, who.born_on) if who.born_on else 0
    if age >= 12 and scene.dice.random() < 0.05:
        yield _missing(scene, one)
    if age >= 16 and one.ended is None:
        yield from _eligible(scene, staff, one)


def _closing(scene: Scene, one: InCare, prefix: str, **ending: object) -> tuple[Change, ...]:
    return ((scene.ago(one.ended), ssd(prefix, **ending)),) if one.ended is not None else ()


def _episodes(scene: Scene, one: InCare) -> Iterator[Row]:
    """One episode and one placement for each move. Placement ids are addresses: homes share theirs."""
    who = one.child.someone
    for n, (kind, began) in enumerate(one.placements):
        following = one.placements[n + 1][1] if n + 1 < len(one.placements) else None
        address = f"H{scene.dice.randint(1, 12):03}" if kind == "K2" else f"H{scene.number()}"
        end = scene.ago(following) if following is not None else None
        episode = ssd(
            "clae_",
            cla_episode_id=f"E{scene.number()}",
            person_id=who.eclipse_id,
            cla_placement_id=address,
            cla_episode_start_date=scene.ago(began),
            cla_episode_start_reason="P" if n else "S",
            cla_primary_need_code=scene.one_of({"N1": 68, "N2": 6, "N3": 5, "N4": 8, "N5": 13}),
            cla_id=one.period,
            referral_id=f"{scene.number()}",
            entered_care_date=scene.ago(one.days),
        )
        placement = ssd(
            "clap_",
            cla_placement_id=address,
            cla_id=one.period,
            person_id=who.eclipse_id,
            cla_placement_start_date=scene.ago(began),
            cla_placement_type=kind or None,
            cla_placement_distance=f"{scene.dice.uniform(1, 40):.1f}",
            cla_placement_provider="PR0" if kind == "P1" else scene.one_of({"PR1": 60, "PR4": 35, "PR5": 5}),
        )
        if end is None:
            over = _closing(
                scene, one, "clae_", cla_episode_ceased_date=scene.ago(one.ended or 0), cla_episode_ceased_reason="E4A"
            )
            left = _closing(scene, one, "clap_", cla_placement_end_date=scene.ago(one.ended or 0))
        else:
            over = ((end, ssd("clae_", cla_episode_ceased_date=end, cla_episode_ceased_reason="X1")),)
            why = scene.one_of({"CARPL": 7, "CREQB": 3})
            left = ((end, ssd("clap_", cla_placement_end_date=end, cla_placement_change_reason=why)),)
        since = max(scene.ago(began), who.since)
        yield Row("ssd_cla_episodes", since, episode, over)
        yield Row("ssd_cla_placement", since, placement, left)


def _legal(scene: Scene, one: InCare) -> Iterator[Row]:
    who = one.child.someone
    for n, (status, began) in enumerate(one.legal):
        following = one.legal[n + 1][1] if n + 1 < len(one.legal) else one.ended
        known = ssd(
            "lega_",
            legal_status_id=f"G{scene.number()}",
            person_id=who.eclipse_id,
            legal_status=status,
            legal_status_start_date=scene.ago(began),
        )
        end = scene.ago(following) if following is not None else None
        ending = ((end, ssd("lega_", legal_status_end_date=end)),) if end else ()
        yield Row("ssd_legal_status", max(scene.ago(began), who.since), known, ending)


def _reviews(scene: Scene, one: InCare) -> Iterator[Row]:
    """The first two reviews, as far as held; the second makes permanence due. No row before one is held."""
    who = one.child.someone
    start = scene.ago(one.days)
    first = start + timedelta(days=scene.dice.randint(20, 27))
    second = first + timedelta(days=scene.dice.randint(80, 88))
    for due, held in ((start + timedelta(days=28), first), (first + timedelta(days=90), second))[: one.reviews]:
        if held >= scene.ago(one.ended or 0):
            return
        known = ssd(
            "clar_cla_",
            review_id=f"V{scene.number()}",
            id=one.period,
            review_due_date=due,
            review_date=held,
            review_cancelled="N",
            review_participation=scene.one_of({"PN0": 25, "PN1": 40, "PN3": 10, "PN5": 15, "PN7": 10}),
        )
        yield Row("ssd_cla_reviews", max(held, who.since), known)


def _permanence(scene: Scene, one: InCare, plan: Permanence) -> Row:
    agreed = scene.ago(plan.agreed)
    known = cells(
        record_id=f"T{scene.number()}",
        eclipse_id=one.child.someone.eclipse_id,
        route=plan.route,
        parallel_route=plan.parallel,
        agreed_on=agreed,
        agreed_at="second review",
    )
    changes: list[Change] = []
    if plan.recorded is not None:
        changes.append((scene.ago(plan.recorded), cells(recorded_on=scene.ago(plan.recorded))))
    if plan.matched is not None:
        changes.append((scene.ago(plan.matched), cells(matched_on=scene.ago(plan.matched))))
    return Row("permanence_plans", max(agreed, one.child.someone.since), known, tuple(changes))


def _missing(scene: Scene, one: InCare) -> Row:
    """Some days missing or away, over since: nobody in the demo is missing now."""
    began = min(scene.dice.randint(3, 120), one.days - 1)
    known = ssd(
        "miss_",
        table_id=f"S{scene.number()}",
        person_id=one.child.someone.eclipse_id,
        missing_episode_start_date=scene.ago(began),
        missing_episode_type=scene.one_of({"Missing": 7, "Away from placement without authorisation": 3}),
        missing_episode_end_date=scene.ago(began - 1),
        missing_rhi_offered="Y",
        missing_rhi_accepted=scene.one_of({"Y": 6, "N": 4}),
    )
    return Row("ssd_missing", max(scene.ago(began - 1), one.child.someone.since), known)


def _eligible(scene: Scene, staff: Staff, one: InCare) -> Iterator[Row]:
    """Aged 16 or 17 and looked after: eligible, with a personal adviser introduced; never counted as served."""
    who = one.child.someone
    assert who.born_on is not None
    began = max(scene.ago(min(one.days, scene.dice.randint(20, 300))), who.since, birthday(who.born_on, 16))
    adviser = staff.next(scene.dice.choice(("care_leavers_1", "care_leavers_2")), "personal_adviser")
    yield involvement(scene, who, adviser, PERSONAL_ADVISER, began)
    known = ssd(
        "clea_",
        table_id=f"L{scene.number()}",
        person_id=who.eclipse_id,
        care_leaver_eligibility="Eligible",
        pathway_plan_review_date=began,
        care_leaver_allocated_team=who.team,
    )
    yield Row("ssd_care_leavers", began, known)
