"""Pre-proceedings of 60 families and care proceedings of 90 children, in the `cohorts` files: Eclipse has neither."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.demo import children
from service.demo.care import InCare
from service.demo.child_protection import Family
from service.demo.children import Child
from service.demo.files import Change, Row, cells
from service.demo.names import surname
from service.demo.people import Someone, somebody
from service.demo.scene import Scene
from service.demo.staff import Staff

FAMILIES = 60
ON_PLANS = 28
"""Families in pre-proceedings whose children are on child protection plans; the others are met here first."""
_EDGE_FAMILIES = 3
# Days since the start of the families over 12 weeks, the number of their children and the reason, if any is stated.
_OVER = (
    (86, 2, None), (89, 1, "expert_unavailable"), (96, 3, None), (104, 1, "kinship_assessment"), (118, 2, None),
    (139, 1, None),
)  # fmt: skip
_SIZES = (1, 2, 1, 3, 2, 1)
_STEPPED_DOWN = 12

_NOT_IN_CARE = 20
_OVER_NOT_IN_CARE = 6
_DELAYS = (("expert", "expert_report_late"), ("court", "court_listing"))


@dataclass(frozen=True, slots=True)
class Before:
    """Pre-proceedings about one child. Days count back from the last day."""

    eclipse_id: str
    family: str
    began: int
    reason: str | None = None
    step_decided: int | None = None
    outcome: str | None = None
    applied: int | None = None


def met_here(scene: Scene, families: Sequence[Family]) -> tuple[list[Before], list[Child]]:
    """Pre-proceedings of all but the edge families, and the children who are in no other part of the council."""
    stages: list[Before] = []
    met: list[Child] = []
    for family in families[: ON_PLANS * scene.scale]:
        began = _within(scene)
        group = f"F{scene.number()}"
        stages += [Before(plan.child.someone.eclipse_id, group, began) for plan in family]
    for began, size, reason in _OVER * scene.scale:
        _meet(scene, stages, met, size, began, reason=reason)
    others = FAMILIES * scene.scale - (ON_PLANS + len(_OVER)) * scene.scale - _EDGE_FAMILIES
    for n in range(others):
        _meet(scene, stages, met, _SIZES[n % len(_SIZES)], _within(scene), unborn=n == 0)
    for _ in range(_STEPPED_DOWN * scene.scale):
        _meet(scene, stages, met, 1, scene.dice.randint(100, 200), stepped_down=scene.dice.randint(20, 90))
    return stages, met


def _within(scene: Scene) -> int:
    """Days in pre-proceedings: eight weeks at most for six in seven, the rest coming up to twelve."""
    return scene.dice.randint(66, 80) if scene.dice.randrange(7) == 0 else scene.dice.randint(3, 58)


def _meet(
    scene: Scene,
    stages: list[Before],
    met: list[Child],
    size: int,
    began: int,
    *,
    reason: str | None = None,
    unborn: bool = False,
    stepped_down: int | None = None,
) -> None:
    where = children.locality(scene)
    team, name, group = children.locality_team(scene, where), surname(scene), f"F{scene.number()}"
    for n in range(size):
        expected = unborn and n == 0
        who = somebody(
            scene,
            locality=where,
            team=team,
            family=name,
            born_on=None if expected else children.born(scene, 250, 5500),
            expected_on=scene.ago(-55) if expected else None,
            since=scene.ago(began + 30),
        )
        met.append(Child(who, began + 20))
        outcome = "Decision to step down" if stepped_down is not None else None
        stages.append(Before(who.eclipse_id, group, began, reason, step_decided=stepped_down, outcome=outcome))


def edge_children(scene: Scene) -> tuple[list[Before], list[Child]]:
    """EDGE-021, 024 and 028 to 031 (EDGE-030 is in care as well, and met there)."""
    issue, down = "Decision to issue care proceedings", "Decision to step down"
    stages = [
        Before("EDGE-021", "F-EDGE-1", 40),
        Before("EDGE-024", "F-EDGE-2", 88, reason="expert_unavailable"),
        Before("EDGE-028", "F-EDGE-3", 39),
        Before("EDGE-029", "F-EDGE-3", 95, step_decided=12, outcome=issue),
        Before("EDGE-030", "F-EDGE-3", 80, step_decided=24, outcome=issue, applied=20),
        Before("EDGE-031", "F-EDGE-3", 80, step_decided=15, outcome=down),
    ]
    names = {"F-EDGE-1": "Demo-Lantern", "F-EDGE-2": "Demo-Quarry", "F-EDGE-3": "Demo-Trellis"}
    met = [
        Child(_edge(scene, stage, names[stage.family], age_days), stage.began + 20)
        for stage, age_days in zip(stages, (None, 2000, 900, 2100, 2900, 4000), strict=True)
        if stage.eclipse_id != "EDGE-030"
    ]
    return stages, met


def _edge(scene: Scene, stage: Before, name: str, age_days: int | None) -> Someone:
    return somebody(
        scene,
        locality="north",
        team="north_cf_2",
        eclipse_id=stage.eclipse_id,
        family=name,
        born_on=scene.ago(age_days) if age_days else None,
        expected_on=None if age_days else scene.ago(-40),
        since=scene.ago(stage.began + 30),
    )


def before_rows(scene: Scene, staff: Staff, stages: Sequence[Before], met: Sequence[Child]) -> Iterator[Row]:
    """Rows of `pre_proceedings`, and of the children who are in no other part of the council."""
    for child in met:
        yield from children.rows(scene, staff, child)
    for stage in stages:
        yield _before_row(scene, stage)


def _before_row(scene: Scene, stage: Before) -> Row:
    def on(days: int) -> Iterator[tuple[int, object]]:
        if 0 < days <= stage.began:
            yield days, scene.ago(days)

    changes: list[Change] = []
    for name, later in (("LBPSentDate", 6), ("InitialPPMeetingDate", 15), ("permanence_planning_meeting_on", 25)):
        changes += [(scene.ago(days), cells(**{name: day})) for days, day in on(stage.began - later)]
    if stage.reason:
        changes.append((scene.ago(max(stage.began - 80, 1)), cells(reason_over_12_weeks=stage.reason)))
    if stage.step_decided is not None:
        decided = cells(StepDecisionDate=scene.ago(stage.step_decided), PPOutcome=stage.outcome)
        changes.append((scene.ago(stage.step_decided), decided))
    if stage.applied is not None:
        applied = cells(CourtAppDate=scene.ago(stage.applied), LetterInitCPDate=scene.ago(stage.applied))
        changes.append((scene.ago(stage.applied), applied))
    known = cells(
        record_id=f"B{scene.number()}",
        eclipse_id=stage.eclipse_id,
        PPStartDate=scene.ago(stage.began),
        FGDMMeetingOffer=scene.dice.random() < 0.8,
        ReviewMeetingsCount=max(stage.began - 15, 0) // 42,
        family_group=stage.family,
        legal_planning_meeting_on=scene.ago(stage.began),
        planned_end_on=scene.ago(stage.began - 84),
    )
    return Row("pre_proceedings", scene.ago(stage.began), known, tuple(changes))


def not_in_care(scene: Scene) -> Iterator[tuple[Child, int]]:
    """Children in proceedings who live at home, two to a family, with days since issue; six are over 26 weeks."""
    for n in range(_NOT_IN_CARE * scene.scale // 2):
        issued = (
            scene.dice.randint(190, 300) if n < _OVER_NOT_IN_CARE * scene.scale // 2 else scene.dice.randint(10, 150)
        )
        where = children.locality(scene)
        team, name = children.locality_team(scene, where), surname(scene)
        for _ in range(2):
            born = children.born(scene, issued + 20, 5500)
            since = scene.ago(min(issued + 30, 400))
            yield (
                Child(somebody(scene, locality=where, team=team, family=name, born_on=born, since=since), issued),
                issued,
            )


def care_rows(scene: Scene, staff: Staff, in_care: Sequence[InCare]) -> Iterator[Row]:
    """Rows of `care_proceedings` for the children in care who are before the court, and for those at home."""
    for n, one in enumerate(one for one in in_care if one.issued is not None):
        assert one.issued is not None
        yield _care_row(scene, one.child.someone.eclipse_id, f"F{scene.number()}", n, one.issued, one.disposed)
    group = ""
    for n, (child, issued) in enumerate(not_in_care(scene)):
        group = group if n % 2 else f"F{scene.number()}"
        yield from children.rows(scene, staff, replace(child, worker_from=issued + 10))
        yield _care_row(scene, child.someone.eclipse_id, group, n, issued, None)


def _care_row(scene: Scene, eclipse_id: str, group: str, n: int, issued: int, disposed: int | None) -> Row:
    party, why = _DELAYS[n % 2]
    late = issued > 181 and disposed is None
    known = cells(
        record_id=f"Q{scene.number()}",
        eclipse_id=eclipse_id,
        issued_on=scene.ago(issued),
        issued_on_basis="recorded",
        court_reference=f"DEMO-{group}",
        family_group=group,
        hearings_held=1 + issued // 60,
        next_hearing_on=scene.ago(-scene.dice.randint(4, 40)) if disposed is None else None,
        next_hearing=scene.one_of({"CMH": 4, "IRH": 4, "final": 2}) if disposed is None else None,
        extended_to=scene.ago(issued - 181 - 56) if late and n % 3 == 0 else None,
        extensions=1 if late and n % 3 == 0 else None,
        extension_reason=why if late and n % 3 == 0 else None,
        delay_reason=why if late else None,
        delay_party=party if late else None,
        weeks_lost=scene.dice.randint(2, 9) if late else None,
    )
    ending: tuple[Change, ...] = ()
    if disposed is not None:
        ending = ((scene.ago(disposed), cells(disposed_on=scene.ago(disposed), disposal="care_order")),)
    return Row("care_proceedings", scene.ago(issued), known, ending)
