"""Who answers for rights: the accounts that a command may name, and what they ask of whom."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Role
from service.errors import NotFound, NotPermitted, Refused, Unprocessable
from service.store import audit, rights, users
from service.store.rights import Subject

ANSWERS: frozenset[Role] = frozenset({Role.INFORMATION_GOVERNANCE})
LONGEST_REASON = 1000
DECIDES: frozenset[Role] = ANSWERS | {Role.ADMINISTRATOR}
"""The second of two people may be an administrator: a small council has one information governance officer."""


def officer(session: Session, name: str, *, roles: Collection[Role] = ANSWERS) -> str:
    """The id of the active account of that name (or with that id) that has one of the roles.

    Raises Unprocessable where no active account or several have the name, NotPermitted where it lacks the role.
    """
    accounts = [each for each in users.everyone(session) if each[0].active and name in (each[0].name, each[0].user_id)]
    if len(accounts) != 1:
        raise Unprocessable(("by", "account", "the name of one active account, or its id where several share it"))
    ((account, held, _),) = accounts
    if held.isdisjoint(roles):
        raise NotPermitted(about=account.user_id)
    return account.user_id


def subject(session: Session, *, person_id: str | None, eclipse_id: str | None) -> Subject:
    """Whom one of two ids means. Raises Unprocessable unless one is given, NotFound where it means nobody."""
    if (person_id is None) is (eclipse_id is None):
        raise Unprocessable(("person", "one_id", "--person-id or --eclipse-id, one of them"))
    typed = f"{person_id or ''}{eclipse_id or ''}"
    found = rights.find(session, person_id=person_id, eclipse_id=eclipse_id) if typed.isprintable() else None
    if found is None:
        raise NotFound
    return found


def because(reason: str) -> str:
    """The reason given, trimmed. Raises Unprocessable for none, a long one or one that is no line of text."""
    said = reason.strip()
    if not 0 < len(said) <= LONGEST_REASON or not said.isprintable():
        raise Unprocessable(
            ("reason", "words", f"why, in a few words on one line, at most {LONGEST_REASON} characters")
        )
    return said


def denied(session: Session, act: str, refused: Refused, *, by: str, reason: str, at: datetime) -> None:
    """Note that a command was refused: an account without the function, or what it told of somebody by refusing."""
    about = None
    if isinstance(refused, NotPermitted) and refused.about:
        by = refused.about
    else:
        try:
            by, about = officer(session, by, roles=DECIDES), refused.about
        except Refused:
            return  # nobody's command
    said = reason.strip() if reason.isprintable() else ""
    audit.note(
        session, "denied", by=by, at=at, outcome=refused.code, detail={"act": act}, person_id=about,
        reason=said[:LONGEST_REASON] or None,
    )  # fmt: skip


def counted(session: Session, act: str, people: Collection[str], *, reason: str, by: str, at: datetime) -> None:
    """Note that somebody asked what a command would do, and to whom."""
    audit.note(
        session, act, by=by, at=at, people=people, outcome="counted", detail={"people": len(people)},
        reason=because(reason), changes=False,
    )  # fmt: skip
