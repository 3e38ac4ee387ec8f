"""Manage who may sign in: accounts, their roles and scope, and which worker each one is."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Role, ScopeKind, User
from service.errors import OwnAccount, Unprocessable
from service.store import audit, reference, users
from service.store.users import Scope


def add(
    session: Session,
    *,
    issuer: str,
    subject: str,
    name: str,
    roles: Iterable[Role],
    scopes: Collection[Scope],
    by: User,
    at: datetime,
) -> str:
    """Add an account that may sign in; its id. Raises Conflict when issuer and subject are taken."""
    _refuse_unknown_units(session, scopes)
    user_id = users.add_user(session, issuer=issuer, subject=subject, name=name, roles=roles, scopes=scopes, at=at)
    audit.note(
        session, "user.add", by=by.user_id, at=at, detail={"user_id": user_id, "after": _access(session, user_id)}
    )
    return user_id


def change(
    session: Session,
    user_id: str,
    *,
    roles: Iterable[Role],
    scopes: Collection[Scope],
    active: bool,
    by: User,
    at: datetime,
) -> None:
    """Put these roles, this scope and this standing in place of what the account had. Counts from the next request."""
    if user_id == by.user_id:
        raise OwnAccount
    _refuse_unknown_units(session, scopes)
    before = _access(session, user_id)
    users.set_roles(session, user_id, roles=roles, scopes=scopes)
    users.set_active(session, user_id, active=active)
    detail = {"user_id": user_id, "before": before, "after": _access(session, user_id)}
    audit.note(session, "user.change", by=by.user_id, at=at, detail=detail)


def link(session: Session, user_id: str, worker_ref: str | None, *, by: User, at: datetime) -> None:
    """Say which Eclipse worker an account is: a person does this, never a batch."""
    if worker_ref is not None and worker_ref not in reference.workers(session):
        raise Unprocessable(("worker_ref", "unknown_worker", "the Eclipse id of a worker that an extract has brought"))
    if user_id == by.user_id:
        raise OwnAccount
    before = _access(session, user_id)
    users.link_worker(session, user_id, worker_ref)
    detail = {"user_id": user_id, "before": before, "after": _access(session, user_id)}
    audit.note(session, "user.link", by=by.user_id, at=at, detail=detail)


def _access(session: Session, user_id: str) -> dict[str, object] | None:
    """What an account may do and see now, as the audit keeps it."""
    for account, roles, scopes in users.everyone(session):
        if account.user_id == user_id:
            return {
                "roles": sorted(roles),
                "scopes": sorted(f"{kind}:{code}" for kind, code in scopes),
                "active": account.active,
                "worker_ref": account.worker_ref,
            }
    return None


def _refuse_unknown_units(session: Session, scopes: Iterable[Scope]) -> None:
    """A scope of a team, area, locality or service that no extract has brought would see nobody, silently."""
    teams = reference.teams(session).values()
    held: dict[ScopeKind, set[str | None]] = {
        ScopeKind.TEAM: {team.code for team in teams},
        ScopeKind.AREA: {team.area_code for team in teams},
        ScopeKind.LOCALITY: {team.locality_code for team in teams},
        ScopeKind.SERVICE: {team.service_code for team in teams},
    }
    if any(kind in held and code not in held[kind] for kind, code in scopes):
        raise Unprocessable(("scopes", "unknown_unit", "codes of teams, areas, localities and services held"))
