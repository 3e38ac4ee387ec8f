"""One record as one reader has it, asked of that record alone: what most requests begin with, in one SELECT."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, Select, bindparam, exists, or_, select, true
from sqlmodel import Session

from service.domain.access import User
from service.store import opening, scope
from service.store.record import current
from service.store.schema import person, person_identifier, person_merge

# Merged at any time, undone merges too: then `known_at` may matter, and whoever reaches the other record.
MERGED: ColumnElement[bool] = exists().where(
    or_(person_merge.c.from_person_id == person.c.person_id, person_merge.c.into_person_id == person.c.person_id)
)


@dataclass(frozen=True, slots=True)
class Alone:
    """One record. `ground` is the nearest source by which the reader has the person; None where they have none.

    Of somebody who was ever `merged` it is no answer, since what holds of the one record holds of the other.
    """

    person_id: str
    eclipse_id: str | None
    restricted: bool
    sealed: bool
    merged: bool
    opens: bool
    ground: str | None
    outside_caseload: bool


KNOWN_AS: ScalarSelect[str] = (
    select(person_identifier.c.eclipse_id)
    .where(person_identifier.c.person_id == person.c.person_id, current(person_identifier))
    .order_by(person_identifier.c.recorded_at.desc(), person_identifier.c.eclipse_id)
    .limit(1)
    .scalar_subquery()
)


def named(person_id: Any, eclipse_id: Any) -> ColumnElement[bool]:
    """Whom these ids name, by all of those given."""
    found: ColumnElement[bool] = true()
    if person_id is not None:
        found &= person.c.person_id == person_id
    if eclipse_id is not None:
        held = (person_identifier.c.eclipse_id == eclipse_id) & current(person_identifier)
        found &= person.c.person_id.in_(select(person_identifier.c.person_id).where(held))
    return found


def find(
    session: Session, user: User, today: date, *, person_id: str | None, eclipse_id: str | None
) -> Alone | None:  # fmt: skip
    """The record that these ids name, whoever may see it; None where there is none."""
    asked = _asked(scope.nobody_like(user), person_id is not None, eclipse_id is not None)
    ids = {"person_id": person_id, "eclipse_id": eclipse_id}
    row = session.execute(asked.query, scope.said_by(user, today) | ids).first()
    if row is None:
        return None
    held = [source for source, holds in zip(asked.sources, row[6:], strict=True) if holds]
    ground = held[0][0] if held else scope.COUNTY if scope.sees_county(user) else None
    return Alone(
        person_id=row[0], eclipse_id=row[1], restricted=row[2], sealed=row[3] is not None, merged=bool(row[4]),
        opens=not row[2] or bool(row[5]), ground=ground,
        outside_caseload=not (scope.leads_county(user) or any(daily for _, daily in held)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Asked:
    """The SELECT, and of each source that it asks about, in its order, the ground and whether it is daily work."""

    query: Select[Any]
    sources: tuple[tuple[str, bool], ...]


@lru_cache(maxsize=64)
def _asked(like: User, by_person_id: bool, by_eclipse_id: bool) -> _Asked:
    """Put together once for all who are alike: it costs more to write down than to ask. It holds nobody's values."""
    sources = scope.sources(like, date.min, scope.when_asked)
    ids: list[Any] = [
        bindparam(name) if by else None for name, by in (("person_id", by_person_id), ("eclipse_id", by_eclipse_id))
    ]
    query = select(
        person.c.person_id, KNOWN_AS, person.c.restricted, person.c.sealed_at, MERGED,
        opening.opens_this(like, date.min, scope.when_asked), *[scope.reaches(each.reach) for each in sources],
    ).where(named(*ids))  # fmt: skip
    return _Asked(query.limit(1), tuple((each.ground, each.daily) for each in sources))
