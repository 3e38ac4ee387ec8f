"""Whom a valid token speaks for at this moment: an account with its roles and scope, or why nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, literal, null, or_, select
from sqlmodel import Session

from service.domain.access import Role, User
from service.domain.subject import LEEWAY, Subject
from service.store import tokens
from service.store.schema import METADATA
from service.store.users import AccessVersion, UserAccount, UserRole, UserScope

_ACCOUNT, _ROLE, _SCOPE, _VERSION = (
    METADATA.tables[str(model.__tablename__)] for model in (UserAccount, UserRole, UserScope, AccessVersion)
)


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of a valid token: the user, or why nobody. `used` says whether its first use has been noted."""

    user: User | None
    refused: str | None
    used: bool


def user_by_subject(session: Session, subject: Subject, *, at: datetime) -> Admission:
    """Whom a valid token speaks for, with roles and scope as they are at `at`.

    One SELECT, since it opens every request: a row per role and scope, a handful at most. What ended a token (a
    leaver, a sign-out, a revocation) is in it, so it counts from the next request on.
    """
    said = {"issuer": subject.issuer, "subject": subject.subject, "token_id": subject.token_id, "token": subject.token}
    rows = session.execute(_BY_SUBJECT, said | {"at": at}).all()
    if not rows:
        return Admission(None, "unknown", used=False)
    user = _user(rows, at)
    refused = _refusal(rows[0], user, subject)
    return Admission(None if refused else user, refused, used=rows[0].used_at is not None)


def user_by_id(session: Session, user_id: str, *, at: datetime) -> User | None:
    """An active account as its next request would find it; None when unknown or inactive."""
    rows = session.execute(_BY_ID, {"user_id": user_id, "at": at}).all()
    return _user(rows, at) if rows and rows[0].active else None


def _rows(who: ColumnElement[bool], *of_the_token: ColumnElement[Any]) -> Select[Any]:
    running = or_(_SCOPE.c.until.is_(None), _SCOPE.c.until > bindparam("at"))
    return (
        select(
            _ACCOUNT.c.user_id,
            _ACCOUNT.c.name,
            _ACCOUNT.c.worker_ref,
            _ACCOUNT.c.active,
            _ACCOUNT.c.oid,
            _ACCOUNT.c.tokens_from,
            _ROLE.c.role,
            _SCOPE.c.kind,
            _SCOPE.c.code,
            select(_VERSION.c.version).scalar_subquery().label("access_version"),
            *of_the_token,
        )
        .outerjoin(_ROLE, _ROLE.c.user_id == _ACCOUNT.c.user_id)
        .outerjoin(_SCOPE, (_SCOPE.c.user_id == _ACCOUNT.c.user_id) & running)
        .where(who)
    )


# Written down once, and of tables: to write it down, or to ask it of models, costs more than the answer.
_BY_SUBJECT = _rows(
    (_ACCOUNT.c.issuer == bindparam("issuer")) & (_ACCOUNT.c.subject == bindparam("subject")),
    tokens.is_revoked(bindparam("issuer"), bindparam("token_id")).label("revoked"),
    tokens.first_used_at(_ACCOUNT.c.user_id, bindparam("token")).label("used_at"),
)
_BY_ID = _rows(_ACCOUNT.c.user_id == bindparam("user_id"), literal(False), null())


def _user(rows: Sequence[Row[Any]], at: datetime) -> User:
    return User(
        user_id=rows[0].user_id,
        name=rows[0].name,
        roles=frozenset(row.role for row in rows if row.role is not None),
        scopes=frozenset((row.kind, row.code) for row in rows if row.kind is not None),
        worker_ref=rows[0].worker_ref,
        access_version=rows[0].access_version or 0,
        at=at,
    )


def _refusal(account: Row[Any], user: User, subject: Subject) -> str | None:
    """Why an account does not take a token; None when it does. The answer is the same 401 whatever it is."""
    reasons = {
        "inactive": not account.active,
        "other_oid": account.oid is not None and account.oid != subject.oid,
        "other_kind": (Role.INTEGRATION in user.roles) is not subject.is_script,
        "signed_out": _ended(account, subject),
        "revoked": bool(account.revoked),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _ended(account: Row[Any], subject: Subject) -> bool:
    """Whether the account's tokens were ended since this one was issued or, by our own clock, first used.

    An issuer whose clock is ahead dates its tokens later than they are, by LEEWAY at most: none of these outlives it.
    """
    if account.tokens_from is None:
        return False
    return subject.issued_at <= account.tokens_from + LEEWAY or (
        account.used_at is not None and account.used_at <= account.tokens_from
    )
