"""Find the one person an act is about. Out of scope, restricted and unknown look the same."""

from datetime import date

from sqlmodel import Session

from service.domain.access import User
from service.errors import NotFound
from service.store import people
from service.store.people import Somebody


def somebody(
    session: Session, *, to: User, today: date, person_id: str | None = None, eclipse_id: str | None = None
) -> Somebody:
    """The person with this id, if `to` may open the record. Raises NotFound otherwise, whatever the cause."""
    if person_id is None and eclipse_id is None:
        raise NotFound  # nobody is named: never the first who happens to be in scope
    found = people.find(session, to, today, person_id=person_id, eclipse_id=eclipse_id)
    if found is None or (found.restricted and not to.opens_restricted):
        raise NotFound(about=people.meant(session, person_id=person_id, eclipse_id=eclipse_id))
    return found
