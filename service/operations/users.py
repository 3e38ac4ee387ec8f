"""Manage who may sign in: accounts, their roles and scope, and which worker each one is."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Role, ScopeKind, User
from service.domain.cohorts import BY_CODE
from service.errors import OwnAccount, Unprocessable
from service.store import audit, reference, users
from service.store.users import Scope, Until

BY_COMMAND = "los user add"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What an account is to do and see. `until` says which scopes end, and when; `oid` is Entra's id of the person."""

    roles: Collection[Role]
    scopes: Collection[Scope]
    until: Until = field(default_factory=dict)
    oid: str | None = None


def add(
    session: Session, access: Access, *, issuer: str, subject: str, name: str, by: User, at: datetime
) -> str:  # fmt: skip
    """Add an account that may sign in; its id. Raises Conflict when issuer and subject are taken."""
    return _add(session, access, issuer=issuer, subject=subject, name=name, by=by.user_id, at=at)


def add_by_command(
    session: Session, access: Access, *, issuer: str, subject: str, name: str, at: datetime
) -> str:  # fmt: skip
    """Add the first administrator, whom nobody who is signed in could add. As `add`, and audited as by the command."""
    return _add(session, access, issuer=issuer, subject=subject, name=name, by=BY_COMMAND, at=at)


def _add(
    session: Session, access: Access, *, issuer: str, subject: str, name: str, by: str, at: datetime
) -> str:  # fmt: skip
    _refuse_unusable(session, access, at)
    user_id = users.add_user(
        session, issuer=issuer, subject=subject, name=name, roles=access.roles, scopes=access.scopes,
        until=access.until, oid=access.oid, at=at,
    )  # fmt: skip
    audit.note(session, "user.add", by=by, at=at, detail={"user_id": user_id, "after": _access(session, user_id)})
    return user_id


def change(session: Session, user_id: str, access: Access, *, active: bool, by: User, at: datetime) -> None:
    """Put these roles, this scope and this standing in place of what the account had. Counts from the next request."""
    if user_id == by.user_id:
        raise OwnAccount
    _refuse_unusable(session, access, at)
    before = _access(session, user_id)
    users.set_roles(session, user_id, roles=access.roles, scopes=access.scopes, until=access.until)
    users.set_active(session, user_id, active=active)
    if access.oid is not None:  # it is replaced, never loosened: leaving it out of a body must not
        users.set_oid(session, user_id, access.oid)
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
    ends = users.scope_ends(session, user_id)
    for account, roles, scopes in users.everyone(session):
        if account.user_id == user_id:
            said: dict[str, object] = {
                "roles": sorted(roles),
                "scopes": sorted(f"{kind}:{code}" for kind, code in scopes),
                "active": account.active,
                "worker_ref": account.worker_ref,
            }
            until = {f"{kind}:{code}": moment.isoformat() for (_, (kind, code)), moment in ends.items()}
            return said | ({"until": until} if until else {}) | ({"oid": account.oid} if account.oid else {})
    return None


def _refuse_unusable(session: Session, access: Access, at: datetime) -> None:
    """Refuse what could never be used, silently: scripts that are people, scopes that are over or of nothing held."""
    if Role.INTEGRATION in access.roles and len(set(access.roles)) > 1:
        raise Unprocessable(("roles", "script_or_person", "integration alone, or roles of people: never both"))
    if any(moment <= at for moment in access.until.values()):
        raise Unprocessable(("scopes", "in_past", "until a moment to come"))
    _refuse_unknown_units(session, access.scopes)


def _refuse_unknown_units(session: Session, scopes: Iterable[Scope]) -> None:
    """A scope of a cohort that is none, or of a unit that no extract has brought, would see nobody, silently."""
    teams = reference.teams(session).values()
    held: dict[ScopeKind, set[str | None]] = {
        ScopeKind.TEAM: {team.code for team in teams},
        ScopeKind.DUTY: {team.service_code for team in teams},
        ScopeKind.AREA: {team.area_code for team in teams},
        ScopeKind.LOCALITY: {team.locality_code for team in teams},
        ScopeKind.SERVICE: {team.service_code for team in teams},
        ScopeKind.COHORT: set(BY_CODE),
    }
    if any(kind in held and code not in held[kind] for kind, code in scopes):
        allowed = "codes of cohorts, or of teams, areas, localities and services held"
        raise Unprocessable(("scopes", "unknown_unit", allowed))
