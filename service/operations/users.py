"""Manage who may sign in: accounts, their roles and scope, and which worker each one is."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Role, User
from service.errors import Unprocessable
from service.store import audit, reference, users
from service.store.users import Scope


def add(
    session: Session,
    *,
    issuer: str,
    subject: str,
    name: str,
    roles: Iterable[Role],
    scopes: Iterable[Scope],
    by: User,
    at: datetime,
) -> str:
    """Add an account that may sign in; its id. Raises Conflict when issuer and subject are taken."""
    user_id = users.add_user(session, issuer=issuer, subject=subject, name=name, roles=roles, scopes=scopes, at=at)
    audit.note(session, "user.add", by=by.user_id, at=at, detail={"user_id": user_id, "roles": sorted(roles)})
    return user_id


def change(
    session: Session,
    user_id: str,
    *,
    roles: Iterable[Role],
    scopes: Iterable[Scope],
    active: bool,
    by: User,
    at: datetime,
) -> None:
    """Put these roles, this scope and this standing in place of what the account had. Counts from the next request."""
    users.set_roles(session, user_id, roles=roles, scopes=scopes)
    users.set_active(session, user_id, active=active)
    detail = {"user_id": user_id, "roles": sorted(roles), "active": active}
    audit.note(session, "user.change", by=by.user_id, at=at, detail=detail)


def link(session: Session, user_id: str, worker_ref: str | None, *, by: User, at: datetime) -> None:
    """Say which Eclipse worker an account is: a person does this, never a batch."""
    if worker_ref is not None and worker_ref not in reference.workers(session):
        raise Unprocessable(("worker_ref", "unknown_worker", "the Eclipse id of a worker that an extract has brought"))
    users.link_worker(session, user_id, worker_ref)
    audit.note(
        session, "user.link", by=by.user_id, at=at, detail={"user_id": user_id, "linked": worker_ref is not None}
    )
