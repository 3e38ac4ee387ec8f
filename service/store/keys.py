"""Idempotency keys: the answer given to a key, kept so that a retry gets the same one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, select
from sqlmodel import Session

from service.store.schema import idempotency_key

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered to a key, and the hash of the body it was given for."""

    request_sha256: str
    status: int
    body: bytes


def answered(session: Session, user_id: str, key: str, *, at: datetime) -> Answer | None:
    """The answer this user's key already has at `at`. Whoever asks first with a new key makes the others wait."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"{user_id} {key}", 0))))
    said = {"user_id": user_id, "key": key, "oldest": at - KEPT}
    row = session.execute(_ANSWERED, said).first()
    return Answer(row[0], row[1], bytes(row[2])) if row else None


def keep(session: Session, user_id: str, key: str, answer: Answer, *, at: datetime) -> None:
    """Keep an answer in the same transaction as what it speaks of; this user's answers past KEPT are let go."""
    session.execute(_OLD, {"user_id": user_id, "oldest": at - KEPT})
    row = {"request_sha256": answer.request_sha256, "status": answer.status, "answer": answer.body, "recorded_at": at}
    session.execute(insert(idempotency_key), {"user_id": user_id, "key": key} | row)


_THIS_USERS = idempotency_key.c.user_id == bindparam("user_id")
_ANSWERED = select(idempotency_key.c.request_sha256, idempotency_key.c.status, idempotency_key.c.answer).where(
    _THIS_USERS, idempotency_key.c.key == bindparam("key"), idempotency_key.c.recorded_at >= bindparam("oldest")
)
_OLD = delete(idempotency_key).where(_THIS_USERS, idempotency_key.c.recorded_at < bindparam("oldest"))
