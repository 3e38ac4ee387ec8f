"""Care leavers: eligibility, touch and accommodation, in `ssd_care_leavers` and in the `cohorts` files alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from service.demo import contacts, people
from service.demo.contacts import LIMIT, Touch
from service.demo.files import Change, Row, cells, ssd
from service.demo.people import Someone
from service.demo.scene import Scene, birthday
from service.demo.staff import PERSONAL_ADVISER, Staff, Worker, involvement

_ACTIVITIES = {"F1": 5, "F2": 18, "F4": 6, "F5": 17, "P2": 3, "P5": 2, "G4": 12, "G5": 30, "G6": 7}


@dataclass(frozen=True, slots=True)
class Spell:
    """A place lived in. Days count back from the last day; `suitable` None: nobody has judged."""

    code: str
    began: int
    suitable: bool | None = True
    ended: int | None = None
    unacceptable: str | None = None
    release_in: int | None = None

    @property
    def recorded(self) -> int:
        """Days before the last one on which the place, and the judgement of it, were recorded."""
        return max(self.began - 2, 1)


@dataclass(frozen=True, slots=True)
class Leaver:
    """A care leaver. `eligibility` None: relevant until 18, then former relevant."""

    someone: Someone
    touch: Touch
    spells: Sequence[Spell]
    adviser_from: int | None
    adviser_until: int | None = None
    eligibility: str | None = None
    adviser: Worker | None = None


def rows(scene: Scene, staff: Staff, one: Leaver) -> Iterator[Row]:
    """Everything Eclipse and the council's own lists say about a care leaver."""
    who = one.someone
    adviser = one.adviser or staff.next(who.team, "personal_adviser")
    yield from people.rows(scene, who)
    if one.adviser_from is not None:
        ended = scene.ago(one.adviser_until) if one.adviser_until is not None else None
        yield involvement(scene, who, adviser, PERSONAL_ADVISER, scene.ago(one.adviser_from), ended)
    yield from contacts.rows(scene, who.eclipse_id, one.touch, adviser)
    for spell in one.spells:
        yield _spell_row(scene, staff, who, spell)
    yield _ssd_row(scene, one, adviser if one.adviser_from is not None and one.adviser_until is None else None)


def _spell_row(scene: Scene, staff: Staff, who: Someone, spell: Spell) -> Row:
    judged = spell.suitable is not None
    known = cells(
        spell_id=f"A{scene.number()}",
        eclipse_id=who.eclipse_id,
        code=spell.code,
        started_on=scene.ago(spell.began),
        started_on_basis="recorded",
        suitable=spell.suitable,
        judged_on=scene.ago(spell.recorded) if judged else None,
        judged_by=staff.of(who.team, "team_manager")[0].name if judged else None,
        unacceptable=spell.unacceptable,
        release_on=scene.ago(-spell.release_in) if spell.release_in else None,
    )
    ending: tuple[Change, ...] = ()
    if spell.ended is not None:
        ending = ((scene.ago(max(spell.ended - 2, 1)), cells(ended_on=scene.ago(spell.ended))),)
    return Row("accommodation", scene.ago(spell.recorded), known, ending)


def _ssd_row(scene: Scene, one: Leaver, adviser: Worker | None) -> Row:
    who = one.someone
    known = ssd(
        "clea_",
        table_id=f"L{scene.number()}",
        person_id=who.eclipse_id,
        care_leaver_in_touch=one.touch.category,
        care_leaver_activity=scene.one_of(_ACTIVITIES),
        pathway_plan_review_date=scene.ago(scene.dice.randint(10, 170)),
        care_leaver_allocated_team=who.team,
    )
    changes = (*_category(scene, one), *_touch(scene, one, adviser), *_places(scene, one))
    return Row("ssd_care_leavers", who.since, known, changes)


def _category(scene: Scene, one: Leaver) -> Iterator[Change]:
    def said(text: str) -> dict[str, str]:
        return ssd("clea_", care_leaver_eligibility=text)

    assert one.someone.born_on is not None
    if one.eligibility is not None:
        yield one.someone.since, said(one.eligibility)
        return
    adult = birthday(one.someone.born_on, 18)
    yield one.someone.since, said("Relevant")
    # The extract of a birthday's own night already has the new category.
    yield max(adult - timedelta(days=1), one.someone.since), said("Former Relevant")


def _touch(scene: Scene, one: Leaver, adviser: Worker | None) -> Iterator[Change]:
    """Eclipse's category follows the latest contact; it names the worker as at that date, so none without one."""
    if one.touch.category is not None:
        return
    dates = sorted(scene.ago(days) for days in one.touch.made)
    named = adviser.ref if adviser else ""
    for day, following in zip(dates, [*dates[1:], date.max], strict=True):
        yield (
            day,
            ssd(
                "clea_",
                care_leaver_in_touch="YES",
                care_leaver_latest_contact=day,
                care_leaver_personal_advisor=named,
                care_leaver_worker_id=named,
            ),
        )
        lost = day + timedelta(days=LIMIT)
        if lost < following:
            yield (
                lost,
                ssd(
                    "clea_",
                    care_leaver_in_touch="NO",
                    care_leaver_latest_contact="",
                    care_leaver_personal_advisor="",
                    care_leaver_worker_id="",
                ),
            )


def _places(scene: Scene, one: Leaver) -> Iterator[Change]:
    for spell in one.spells:
        judged = {True: "1", False: "2", None: ""}[spell.suitable]
        yield (
            scene.ago(spell.recorded),
            ssd("clea_", care_leaver_accommodation=spell.code, care_leaver_accom_suitable=judged),
        )
