"""Contacts with young people over sixteen weeks, made and attempted, as the `contacts` file gives them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from service.demo.files import Row, cells
from service.demo.scene import Scene
from service.demo.staff import Worker

LONDON = ZoneInfo("Europe/London")
LIMIT = 56
"""Days without two-way contact after which somebody is not in touch (the service's own term, restated here)."""

_MADE = {"face_to_face": 45, "phone": 27, "video": 12, "text": 14, "social_media": 2}
_TRIED = {"text": 45, "phone": 30, "visit_no_reply": 15, "letter": 5, "email": 5}


@dataclass(frozen=True, slots=True)
class Touch:
    """Days before the last day on which contact was made and was tried. `category` is Eclipse's when it is final."""

    made: Sequence[int]
    tried: Sequence[int] = ()
    category: str | None = None


def kept(scene: Scene, latest: int) -> Touch:
    """Contact every 24 to 40 days, the latest one `latest` days ago, and now and then an attempt besides."""
    made = [latest]
    while made[-1] <= 74:
        made.append(made[-1] + scene.dice.randint(24, 40))
    tried = [made[0] + scene.dice.randint(1, 20)] if scene.dice.random() < 0.15 else []
    return Touch(tuple(made), tuple(tried))


def at(scene: Scene, days: int, hour: int, minute: int = 0) -> datetime:
    """A London time of the day `days` before the last one."""
    return datetime.combine(scene.ago(days), time(hour, minute), LONDON)


def rows(scene: Scene, eclipse_id: str, touch: Touch, adviser: Worker) -> Iterator[Row]:
    """One row per contact, recorded on the day."""
    for days in touch.made:
        yield _row(scene, eclipse_id, adviser, days, scene.one_of(_MADE), made=True)
    for days in touch.tried:
        yield _row(scene, eclipse_id, adviser, days, scene.one_of(_TRIED), made=False)


def _row(scene: Scene, eclipse_id: str, adviser: Worker, days: int, kind: str, *, made: bool) -> Row:
    seen = made and kind == "face_to_face"
    known = cells(
        record_id=f"N{scene.number()}",
        eclipse_id=eclipse_id,
        occurred_at=at(scene, days, scene.dice.randint(9, 17), scene.dice.randrange(0, 60, 5)),
        contact_kind=kind,
        outcome="made" if made else "attempted",
        initiated_by="young_person" if made and scene.dice.random() < 0.2 else "worker",
        seen=seen,
        seen_alone=(scene.dice.random() < 0.8) if seen else None,
        place=scene.one_of({"accommodation": 60, "office": 25, "elsewhere": 15}) if seen else None,
        worker_id=adviser.ref,
        worker_role="personal_adviser",
    )
    return Row("contacts", scene.ago(days), known)
