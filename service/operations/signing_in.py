"""Note sign-ins and who is turned away, and end sessions: one token's, or all of an account's so far."""

from datetime import datetime, timedelta

from sqlmodel import Session

from service.domain.access import User
from service.domain.subject import Subject
from service.store import audit, tokens, users

AT_MOST_EVERY = timedelta(minutes=1)


def sign_in(session: Session, subject: Subject, *, user_id: str, at: datetime) -> None:
    """Note the first use of a token, once, in the transaction of what it was used for."""
    if not tokens.may_note_first_use(session, user_id, subject.token):
        return
    detail = {
        "token_id": subject.token_id, "script": subject.is_script, "issued_at": subject.issued_at.isoformat(),
        "expires_at": subject.expires_at.isoformat(),
    }  # fmt: skip
    audit_id = audit.note(session, "sign_in", by=user_id, at=at, detail=detail)
    tokens.note_first_use(session, user_id, subject.token, at=at, audit_id=audit_id)


def turned_away_lately(session: Session, subject: Subject, *, at: datetime) -> bool:
    """Whether it need not be noted again that this subject has no usable account: once a minute is enough."""
    return tokens.turned_away_since(session, tokens.nameless(subject), since=at - AT_MOST_EVERY)


def turn_away(session: Session, subject: Subject, why: str, *, at: datetime) -> None:
    """Note that a valid token found no usable account, and why; at most once a minute for each subject."""
    detail = tokens.nameless(subject)
    if tokens.may_note_turned_away(session, detail, since=at - AT_MOST_EVERY):
        audit.note(session, tokens.TURNED_AWAY, by=tokens.NOBODY, at=at, outcome=why, detail=detail)


def sign_out(session: Session, user_id: str, *, reason: str, by: User, at: datetime) -> None:
    """Take none of the tokens that an account was given so far. One's own account too. Raises NotFound."""
    users.end_tokens(session, user_id, at=at)
    audit.note(session, "user.sign_out", by=by.user_id, at=at, detail={"user_id": user_id}, reason=reason)


def revoke(
    session: Session, *, issuer: str, token_id: str, expires_at: datetime, reason: str, by: User, at: datetime
) -> None:
    """Take one token no longer, whoever's it is."""
    detail = {"issuer": issuer, "token_id": token_id}
    audit_id = audit.note(session, "token.revoke", by=by.user_id, at=at, detail=detail, reason=reason)
    tokens.revoke(
        session, issuer, token_id, expires_at=expires_at, by=by.user_id, reason=reason, at=at, audit_id=audit_id
    )  # fmt: skip
    users.move_access_version(session)
