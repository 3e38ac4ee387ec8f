"""The request boundary: who asks, may they, in which transaction, as of when; and the audit of it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from anyio.to_thread import run_sync
from fastapi import Depends, Request
from prometheus_client import Counter
from sqlalchemy import Engine
from sqlmodel import Session

from service.api.asked import access_reason, nothing_said
from service.api.identity import Verifier
from service.api.kept import Kept
from service.domain.access import Permission, User
from service.domain.dates import london_day
from service.domain.subject import Subject
from service.errors import Busy, NotPermitted, NotSignedIn
from service.operations import looks, signing_in
from service.operations.lookup import telling_whom
from service.readers.mapping import CodeMap
from service.store import admission, audit, users
from service.store.engine import Clock, Writing, reading, share_sight, writing

T = TypeVar("T")
LOOKS = 3
ALERTS = Counter("los_alerts", "Alerts raised in the audit", ["kind"])


@dataclass(frozen=True, slots=True)
class Door:
    """What the app is built on. Held in `app.state.door`; nothing else is shared between requests."""

    engine: Engine
    clock: Clock
    verifier: Verifier
    codes: CodeMap
    schema: str | None
    kept: Kept = field(default_factory=Kept)


def the_door(request: Request) -> Door:
    """What the app is built on."""
    door: Door = request.app.state.door
    return door


async def _the_door(request: Request) -> Door:
    return the_door(request)  # on the event loop: what does not wait needs no thread


TheDoor = Annotated[Door, Depends(_the_door)]


async def caller(request: Request) -> Subject:
    """Whom the bearer token speaks for, verified once a request. No cookie ever counts here."""
    subject: Subject | None = getattr(request.state, "subject", None)
    if subject is None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotSignedIn
        subject = await run_sync(the_door(request).verifier.verify, token.strip())
        request.state.subject = subject
    return subject


Caller = Annotated[Subject, Depends(caller)]


def admitted(session: Session, subject: Subject, permission: Permission, request: Request, *, at: datetime) -> User:
    """Whom the token speaks for, if they have an account with this permission."""
    found = admission.user_by_subject(session, subject, at=at)
    user = found.user
    if user is None:
        request.state.turned_away = (subject, found.refused)
        raise NotSignedIn
    request.state.user_id = user.user_id
    request.state.signs_in = None if found.used else subject
    request.state.permission = permission
    serving(session, request)
    if not user.may(permission):
        raise NotPermitted
    return user


def writes(write: Writing, subject: Subject, permission: Permission, request: Request) -> User:
    """As `admitted`, in a write transaction, which also notes the first use of a token."""
    user = admitted(write.session, subject, permission, request, at=write.now)
    signed_in(write.session, request, at=write.now)
    return user


def signed_in(session: Session, request: Request, *, at: datetime) -> None:
    """Note the first use of the request's token, unless it has been noted."""
    subject = request.state.signs_in
    if subject is not None:
        signing_in.sign_in(session, subject, user_id=request.state.user_id, at=at)


def serving(session: Session, request: Request) -> None:
    """Let every entry that this session adds say which request it serves, and why its caller looks."""
    session.info[audit.REQUEST_ID] = request.state.request_id
    session.info[audit.REASON] = getattr(request.state, "reason", None)


@contextmanager
def committing(door: Door, *, sight: bool = False, intake: bool = False) -> Iterator[Writing]:
    """A write transaction whose alerts are counted once they are committed, whatever raised them."""
    with writing(door.engine, door.clock, sight=sight, intake=intake) as write, telling_whom(write.session):
        yield write
    for act in write.session.info.get(audit.ALERTS, ()):
        ALERTS.labels(act.removeprefix(audit.ALERT)).inc()


@dataclass(frozen=True, slots=True)
class Act:
    """A write under way: one transaction, one user, one moment. It commits before the answer goes out."""

    session: Session
    user: User
    now: datetime
    reason: str | None = None


def acting(permission: Permission, *, sight: bool = False, reasoned: bool = False) -> Any:
    """Depends: a write transaction for a user with this permission.

    `sight`: it changes who may see what. `reasoned`: it is about one person, and the caller may say why.
    """
    why = access_reason if reasoned else nothing_said

    def begin(
        request: Request, door: TheDoor, subject: Caller, reason: Annotated[str | None, Depends(why)]
    ) -> Iterator[Act]:
        request.state.reason = reason
        with committing(door, sight=sight) as write:
            yield Act(write.session, writes(write, subject, permission, request), write.now, reason)

    return Depends(begin, scope="function")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read is given: a snapshot, the user, now, and why they look."""

    session: Session
    user: User
    now: datetime
    reason: str | None = None

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
    reason: str | None = None

    def at(
        self, act: str, compute: Callable[[Seen], tuple[T, Collection[str]]], *, person_id: str | None = None,
        one: bool = False, intake: bool = False,
    ) -> T:  # fmt: skip
        """What `compute` gives, once it is in the audit. Starts again when access changed meanwhile.

        `person_id`: whose record is opened; `one`: that of the one whom `compute` found.
        """
        for _ in range(LOOKS):
            with reading(self.door.engine, intake=intake) as session:
                seen = self.admitted(session)
                value, people = compute(seen)
            opened = next(iter(people), None) if one else person_id
            if self.noted(act, seen.user, people, person_id=opened):
                return value
        raise Busy(retry_after=1)

    def admitted(self, session: Session) -> Seen:
        """What a read on this snapshot is given. Raises NotSignedIn and NotPermitted."""
        now = self.door.clock()
        user = admitted(session, self.subject, self.permission, self.request, at=now)
        return Seen(session, user, now, self.reason)

    def noted(self, act: str, user: User, people: Collection[str], *, person_id: str | None = None) -> bool:
        """Commit the audit entry of what is about to be shown; False when access changed since `user` was read."""
        with committing(self.door) as write:
            serving(write.session, self.request)
            if users.access_version(write.session) != user.access_version:
                return False
            signed_in(write.session, self.request, at=write.now)
            self._note(write, act, user, people, person_id=person_id)
        return True

    def again(self, act: str, people: Collection[str], stands: Callable[[Seen], bool]) -> bool:
        """Commit the audit entry of showing once more what was computed before; False where `stands` says it may not.

        Admitted and found unchanged in the transaction that notes it, so nothing is believed from one look to the next.
        """
        with committing(self.door) as write:
            user = writes(write, self.subject, self.permission, self.request)
            if not stands(Seen(write.session, user, write.now, self.reason)):
                return False
            self._note(write, act, user, people)
        return True

    def _note(
        self, write: Writing, act: str, user: User, people: Collection[str], *, person_id: str | None = None
    ) -> None:
        looks.note(
            write.session, act, by=user, at=write.now, person_id=person_id, people=people,
            detail={"path": self.request.url.path},
        )  # fmt: skip

    def intake(self, do: Callable[[Act], T]) -> T:
        """What `do` gives in a long write transaction, one intake at a time.

        Raises Busy, and nothing was done, where who may see what changed meanwhile: an intake keeps nobody from it.
        """
        with committing(self.door, intake=True) as write:
            user = writes(write, self.subject, self.permission, self.request)
            done = do(Act(write.session, user, write.now, self.reason))
            share_sight(write.session)
            if users.access_version(write.session) != user.access_version:
                raise Busy(retry_after=1)
            return done


def looking(permission: Permission, *, reasoned: bool = False) -> Any:
    """Depends: an audited read for a user with this permission. `reasoned`: of one person; the caller may say why."""
    why = access_reason if reasoned else nothing_said

    def begin(request: Request, door: TheDoor, subject: Caller, reason: Annotated[str | None, Depends(why)]) -> Look:
        request.state.reason = reason
        return Look(door, subject, permission, request, reason)

    return Depends(begin)
