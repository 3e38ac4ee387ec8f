"""Idempotency keys: the answer given to a key, kept so that a retry gets the same one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import String, bindparam, delete, exists, func, insert, literal, select, true, tuple_
from sqlmodel import Session

from service.store.schema import idempotency_key

KEPT = timedelta(days=7)
LET_GO = 100
"""So many answers past KEPT, whoever's they are, go with one new key: of those who ask no more they go as well."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a key, the hash of the body it was given for, and whom the answer is about."""

    request_sha256: str
    status: int
    body: bytes
    person_id: str | None = None


def answered(session: Session, user_id: str, key: str, *, at: datetime) -> Answer | None:
    """The answer this user's key already has at `at`. Whoever asks first with a new key makes the others wait.

    Some answers past KEPT are let go, where there are any.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(_ALONE, {"what": f"{user_id} {key}"})
    said = {"user_id": user_id, "key": key, "oldest": at - KEPT}
    outlived, *kept = session.execute(_ANSWERED, said).one()
    if outlived:
        session.execute(_OWN_OLD, said)
        session.execute(_OLD, {"oldest": at - KEPT})
    return Answer(kept[0], kept[1], bytes(kept[2]), kept[3]) if kept[0] is not None else None


def keep(session: Session, user_id: str, key: str, answer: Answer, *, at: datetime) -> None:
    """Keep an answer in the same transaction as what it speaks of, and as `answered` said that there is none."""
    row = {"request_sha256": answer.request_sha256, "status": answer.status, "answer": answer.body, "recorded_at": at}
    session.execute(insert(idempotency_key), {"user_id": user_id, "key": key, "person_id": answer.person_id} | row)


_ALONE = select(func.pg_advisory_xact_lock(func.hashtextextended(bindparam("what", type_=String), 0)))
_THIS_USERS = idempotency_key.c.user_id == bindparam("user_id")
_OUTLIVED = idempotency_key.c.recorded_at < bindparam("oldest")
_COLUMNS = tuple(idempotency_key.c[name] for name in ("request_sha256", "status", "answer", "person_id"))
_KEPT = (
    select(*_COLUMNS)
    .where(_THIS_USERS, idempotency_key.c.key == bindparam("key"), idempotency_key.c.recorded_at >= bindparam("oldest"))
    .subquery()
)
_ANSWERED = select(exists().where(_OUTLIVED), *_KEPT.c).select_from(
    select(literal(1).label("one")).subquery().outerjoin(_KEPT, true())
)
_OWN_OLD = delete(idempotency_key).where(_THIS_USERS, idempotency_key.c.key == bindparam("key"), _OUTLIVED)
_PLACE = tuple_(idempotency_key.c.user_id, idempotency_key.c.key)
# Those that another transaction lets go are passed over: nobody waits for a stranger's old answers.
_OLDEST = select(idempotency_key.c.user_id, idempotency_key.c.key).where(_OUTLIVED).limit(LET_GO)
_OLD = delete(idempotency_key).where(_PLACE.in_(_OLDEST.with_for_update(skip_locked=True)))
