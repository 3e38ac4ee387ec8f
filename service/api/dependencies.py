"""The request boundary: who asks, may they, in which transaction, as of when; and the audit of it."""

import hashlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Depends, Header, Query, Request, Response
from sqlalchemy import Engine
from sqlmodel import Session

from service.api.bodies import Day, Moment
from service.api.described import route_of
from service.api.identity import Subject, Verifier
from service.domain.access import Permission, User
from service.domain.dates import london_day
from service.domain.viewpoint import Viewpoint
from service.errors import Busy, KeyMissing, KeyReused, NotPermitted, NotSignedIn, Refused, Unprocessable
from service.readers.mapping import CodeMap
from service.store import audit, keys, users
from service.store.engine import Clock, reading, writing
from service.store.keys import Answer
from service.writers.tracker_json import dump

T = TypeVar("T")
EARLIEST = date(1990, 1, 1)
LOOK_AHEAD = timedelta(days=366)
LOOKS = 3


@dataclass(frozen=True, slots=True)
class Door:
    """What the app is built on. Held in `app.state.door`; nothing else is shared between requests."""

    engine: Engine
    clock: Clock
    verifier: Verifier
    codes: CodeMap
    schema: str | None


def the_door(request: Request) -> Door:
    """What the app is built on."""
    door: Door = request.app.state.door
    return door


TheDoor = Annotated[Door, Depends(the_door)]


def caller(door: TheDoor, authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> Subject:
    """Whom the bearer token speaks for. No cookie ever counts here."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotSignedIn
    return door.verifier.verify(token.strip())


Caller = Annotated[Subject, Depends(caller)]


def admitted(session: Session, subject: Subject, permission: Permission, request: Request) -> User:
    """Whom the token speaks for, if they have an account with this permission."""
    user = users.user_by_subject(session, subject.issuer, subject.subject)
    if user is None:
        raise NotSignedIn
    request.state.user_id = user.user_id
    request.state.permission = permission
    session.info[audit.REQUEST_ID] = request.state.request_id
    if not user.may(permission):
        raise NotPermitted
    return user


@dataclass(frozen=True, slots=True)
class Act:
    """A write under way: one transaction, one user, one moment. It commits before the answer goes out."""

    session: Session
    user: User
    now: datetime


def acting(permission: Permission, *, sight: bool = False) -> Any:
    """Depends: a write transaction for a user with this permission. `sight`: it changes who may see what."""

    def begin(request: Request, door: TheDoor, subject: Caller) -> Iterator[Act]:
        with writing(door.engine, door.clock, sight=sight) as write:
            yield Act(write.session, admitted(write.session, subject, permission, request), write.now)

    return Depends(begin, scope="function")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read is given: a snapshot, the user, and now."""

    session: Session
    user: User
    now: datetime

    @property
    def today(self) -> date:
        """The London day of now."""
        return london_day(self.now)


@dataclass(frozen=True, slots=True)
class Look:
    """A read under way. `at` computes on a snapshot and commits the audit entry before anything is shown."""

    door: Door
    subject: Subject
    permission: Permission
    request: Request

    def at(
        self, act: str, compute: Callable[[Seen], tuple[T, Collection[str]]], *, person_id: str | None = None,
        intake: bool = False,
    ) -> T:  # fmt: skip
        """What `compute` gives, once it is in the audit. Starts again when access changed meanwhile."""
        for _ in range(LOOKS):
            now = self.door.clock()
            with reading(self.door.engine, intake=intake) as session:
                user = admitted(session, self.subject, self.permission, self.request)
                value, people = compute(Seen(session, user, now))
            with writing(self.door.engine, self.door.clock) as write:
                write.session.info[audit.REQUEST_ID] = self.request.state.request_id
                if users.access_version(write.session) != user.access_version:
                    continue
                detail = {"path": self.request.url.path, "seen": len(people)}
                audit.note(
                    write.session, act, by=user.user_id, at=write.now, person_id=person_id, people=people, detail=detail
                )
            return value
        raise Busy(retry_after=1)

    def intake(self, do: Callable[[Act], T]) -> T:
        """What `do` gives in a long write transaction, one intake at a time."""
        with writing(self.door.engine, self.door.clock, intake=True) as write:
            user = admitted(write.session, self.subject, self.permission, self.request)
            return do(Act(write.session, user, write.now))


def looking(permission: Permission) -> Any:
    """Depends: an audited read for a user with this permission."""

    def begin(request: Request, door: TheDoor, subject: Caller) -> Look:
        return Look(door, subject, permission, request)

    return Depends(begin)


def denied(request: Request, refused: Refused) -> None:
    """Note a refusal of somebody signed in, in a short transaction of its own."""
    user_id = getattr(request.state, "user_id", None)
    if user_id is None:
        return
    door = the_door(request)
    with writing(door.engine, door.clock) as write:
        write.session.info[audit.REQUEST_ID] = request.state.request_id
        note_denied(write.session, request, refused, at=write.now)


def note_denied(session: Session, request: Request, refused: Refused, *, at: datetime) -> None:
    """Note a refusal of somebody signed in, in the transaction given."""
    permission = str(request.state.permission)
    detail = {"method": request.method, "route": route_of(request.scope), "permission": permission}
    audit.note(
        session, "denied", by=request.state.user_id, at=at, outcome=refused.code, detail=detail, person_id=refused.about
    )


@dataclass(frozen=True, slots=True)
class View:
    """The viewpoint as asked for; what was not said is now."""

    as_at: date | None
    known_at: datetime | None

    def at(self, now: datetime) -> Viewpoint:
        """The viewpoint at `now`."""
        today = london_day(now)
        if self.known_at is not None and self.known_at > now:
            raise Unprocessable(("known_at", "in_future", "a moment up to now"))
        if self.known_at is not None and london_day(self.known_at) <= EARLIEST:
            raise Unprocessable(("known_at", "out_of_range", "a moment after 1 January 1990"))
        if self.as_at is not None and not EARLIEST <= self.as_at <= today + LOOK_AHEAD:
            raise Unprocessable(("as_at", "out_of_range", "from 1990-01-01 to a year ahead"))
        return Viewpoint(self.as_at or today, self.known_at.astimezone(UTC) if self.known_at else now)


def viewpoint(
    as_at: Annotated[Day | None, Query(description="London date the clocks are read at; today when left out")] = None,
    known_at: Annotated[
        Moment | None, Query(description="What was known by this moment (with offset); now when left out")
    ] = None,
) -> View:
    """`as_at` and `known_at` of a read."""
    return View(as_at, known_at)


AskedView = Annotated[View, Depends(viewpoint)]


def idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(max_length=200, min_length=1, description="Yours, one per entry; a retry with it is safe for 7 days"),
    ] = None,
) -> str:
    """The key of a POST that creates."""
    if idempotency_key is None:
        raise KeyMissing
    return idempotency_key


Key = Annotated[str, Depends(idempotency_key)]


def once(act: Act, key: str, asked: object, do: Callable[[], object], *, status: int = 201) -> Response:
    """Do it once per key. The same body gets the same answer again, byte for byte; another body is refused."""
    given = keep_once(act, key, asked, do, status=status)
    return Response(given.body, given.status, media_type="application/json")


def keep_once(act: Act, key: str, asked: object, do: Callable[[], object], *, status: int = 201) -> Answer:
    """As `once`, giving the kept answer."""
    digest = hashlib.sha256(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS, default=str)).hexdigest()
    kept = keys.answered(act.session, act.user.user_id, key, at=act.now)
    if kept is not None:
        if kept.request_sha256 != digest:
            raise KeyReused
        return kept
    fresh = Answer(digest, status, dump(do()))
    keys.keep(act.session, act.user.user_id, key, fresh, at=act.now)
    return fresh
