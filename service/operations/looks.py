"""Note a look at people, or a refusal; who reads in bulk is told of and then refused, who guesses is told of."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Sight, User
from service.domain.bulk_reading import LISTED_ALERT, OPENED_ALERT, OPENED_MOST, PROBING, WITHIN
from service.errors import NotFound, Refused, TooMany
from service.store import audit, looks
from service.store.audit import PeopleSet

BULK_READING = "alert.bulk_reading"
GUESSING = "alert.probing"


def note(
    session: Session, act: str, *, by: User, at: datetime, people: Collection[str], person_id: str | None,
    detail: Mapping[str, object],
) -> bool:  # fmt: skip
    """Note what is about to be shown, and say whether that raised an alert.

    `person_id`: whose record is opened; None for a list. Raises TooMany where that is one record too many within the
    hour. What was opened before within the hour may be opened again.
    """
    shown = audit.set_of(people)
    crossed = _opened(session, person_id, by, at) if person_id is not None else _listed(session, shown, by, at)
    audit.note(session, act, by=by.user_id, at=at, person_id=person_id, people=shown, detail=detail, changes=False)
    if crossed is None or looks.noted_since(session, BULK_READING, by=by.user_id, since=at - WITHIN):
        return False
    audit.note(session, BULK_READING, by=by.user_id, at=at, detail=crossed)
    return True


def note_denied(session: Session, refused: Refused, *, by: str, at: datetime, detail: Mapping[str, object]) -> None:
    """Note a refusal, and tell of an account that was told too often that nobody is there.

    Hidden and absent people are counted alike, in the same statements: how long an answer takes says nothing either.
    """
    audit.note(session, "denied", by=by, at=at, outcome=refused.code, detail=detail, person_id=refused.about)
    if refused.code != NotFound.code:
        return
    count, told = looks.refused_since(session, NotFound.code, alert=GUESSING, by=by, since=at - WITHIN)
    if count >= PROBING and not told:
        audit.note(session, GUESSING, by=by, at=at, detail={"count": count, "alert_from": PROBING})


def _opened(session: Session, person_id: str, by: User, at: datetime) -> dict[str, object] | None:
    """Which limit of records opened is reached with this one. Raises TooMany."""
    before = looks.opened_since(session, person_id, by=by.user_id, since=at - WITHIN)
    if before.again or before.first is None:
        return None
    if before.people >= OPENED_MOST:
        raise TooMany(about=person_id, retry_after=int((before.first + WITHIN - at).total_seconds()) + 1)
    opened = before.people + 1
    return {"what": "records_opened", "count": opened, "alert_from": OPENED_ALERT} if opened >= OPENED_ALERT else None


def _listed(session: Session, shown: PeopleSet, by: User, at: datetime) -> dict[str, object] | None:
    """Which limit of lists is reached with this one, if it is another than those before and has rows of people."""
    if by.sight is not Sight.ROWS or not shown.count:
        return None
    since = at - WITHIN
    if looks.listed_again(session, shown.digest, by=by.user_id, since=since):
        return None
    listed = looks.listed_since(session, by=by.user_id, since=since) + shown.count
    return {"what": "rows_listed", "count": listed, "alert_from": LISTED_ALERT} if listed >= LISTED_ALERT else None
