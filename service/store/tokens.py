"""Tokens we have met: those believed no longer, the first use of each, and who was turned away lately."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, SQLColumnExpression, exists, func, insert, select
from sqlmodel import Session

from service.domain.subject import Subject
from service.store.schema import audit_entry
from service.store.schema_access import revoked_token, sign_in

NOBODY = "nobody"
TURNED_AWAY = "sign_in.refused"


def is_revoked(issuer: Any, token_id: Any) -> ColumnElement[bool]:
    """Whether a token is believed no longer, for use in another SELECT."""
    return exists().where(revoked_token.c.issuer == issuer, revoked_token.c.token_id == token_id)


def first_used_at(user_id: SQLColumnExpression[str], token: Any) -> ScalarSelect[datetime]:
    """When an account first used a token, for use in another SELECT."""
    return (
        select(sign_in.c.recorded_at).where(sign_in.c.user_id == user_id, sign_in.c.token == token).scalar_subquery()
    )  # fmt: skip


def revoke(
    session: Session, issuer: str, token_id: str, *, expires_at: datetime, by: str, reason: str, at: datetime,
    audit_id: str,
) -> None:  # fmt: skip
    """Believe a token no longer. One that is revoked already stays as it is: nothing here is ever changed."""
    if session.scalar(select(is_revoked(issuer, token_id))):
        return
    session.execute(
        insert(revoked_token).values(
            issuer=issuer, token_id=token_id, revoked_by=by, reason=reason, recorded_at=at, expires_at=expires_at,
            audit_id=audit_id,
        )
    )  # fmt: skip


def may_note_first_use(session: Session, user_id: str, token: str) -> bool:
    """Whether the first use of a token is still to be noted, and nobody else is at it: theirs counts, if it commits."""
    return _alone(session, f"sign_in {user_id} {token}") and not session.scalar(
        select(exists().where(sign_in.c.user_id == user_id, sign_in.c.token == token))
    )


def note_first_use(session: Session, user_id: str, token: str, *, at: datetime, audit_id: str) -> None:
    """Keep that an account used a token, once `may_note_first_use` says so."""
    session.execute(insert(sign_in).values(user_id=user_id, token=token, recorded_at=at, audit_id=audit_id))


def may_note_turned_away(session: Session, detail: dict[str, str], *, since: datetime) -> bool:
    """Whether nothing was noted of this subject `since`, and nobody else is noting it."""
    said = json.dumps(detail, sort_keys=True)
    return _alone(session, f"turned away {said}") and not turned_away_since(session, detail, since=since)


def turned_away_since(session: Session, detail: dict[str, str], *, since: datetime) -> bool:
    """Whether it was noted after `since` that this subject was turned away."""
    found = session.scalar(
        select(
            exists().where(
                audit_entry.c.by_user == NOBODY,
                audit_entry.c.recorded_at > since,
                audit_entry.c.act == TURNED_AWAY,
                audit_entry.c.detail == json.dumps(detail, sort_keys=True),
            )
        )
    )
    return bool(found)


def nameless(subject: Subject) -> dict[str, str]:
    """A subject as the audit names somebody who has no usable account: by a hash alone."""
    return {"subject": subject.nameless}


def _alone(session: Session, what: str) -> bool:
    """Whether no other transaction under way is at the same; on SQLite there is no other."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(what, 0)))))
