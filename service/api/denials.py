"""What was refused, and to whom: noted in the audit before the refusal is answered."""

from datetime import datetime

from fastapi import Request
from sqlmodel import Session

from service.api.dependencies import Door, committing, serving, signed_in, the_door
from service.api.described import route_of
from service.domain.subject import Subject
from service.errors import Refused
from service.operations import looks, signing_in
from service.store.engine import reading, writing


def denied(request: Request, refused: Refused) -> None:
    """Note a refusal of somebody signed in, or of a valid token that found no account, in a transaction of its own."""
    door, turned_away = the_door(request), getattr(request.state, "turned_away", None)
    if turned_away is not None:
        _note_turned_away(door, request, *turned_away)
        return
    if getattr(request.state, "user_id", None) is None:
        return
    with committing(door) as write:
        serving(write.session, request)
        signed_in(write.session, request, at=write.now)
        note_denied(write.session, request, refused, at=write.now)


def _note_turned_away(door: Door, request: Request, subject: Subject, why: str) -> None:
    with reading(door.engine) as session:
        if signing_in.turned_away_lately(session, subject, at=door.clock()):
            return
    with writing(door.engine, door.clock) as write:
        serving(write.session, request)
        signing_in.turn_away(write.session, subject, why, at=write.now)


def note_denied(session: Session, request: Request, refused: Refused, *, at: datetime) -> None:
    """Note a refusal of somebody signed in, in the transaction given."""
    permission = str(request.state.permission)
    detail = {"method": request.method, "route": route_of(request.scope), "permission": permission}
    looks.note_denied(session, refused, by=request.state.user_id, at=at, detail=detail)
