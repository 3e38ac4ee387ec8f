"""Manage who may sign in: accounts, their roles and scope, and which worker each one is."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from service.domain.access import Role, ScopeKind, User
from service.domain.cohorts import BY_CODE
from service.errors import NotFound, OwnAccount, Stale, Unprocessable
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
    session: Session, access: Access, *, issuer: str, subject: str, name: str, operator: str, at: datetime,
    reason: str | None = None,
) -> str:  # fmt: skip
    """Add the first administrator, whom nobody who is signed in could add.

    As `add`, and audited as by the command: with the machine's name of who gave it, and why if they say so.
    """
    who = {"issuer": issuer, "subject": subject, "name": name}
    return _add(session, access, **who, by=BY_COMMAND, at=at, reason=reason, detail={"operator": operator})


def _add(
    session: Session, access: Access, *, issuer: str, subject: str, name: str, by: str, at: datetime,
    reason: str | None = None, detail: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    _refuse_unusable(session, access, at)
    user_id = users.add_user(
        session, issuer=issuer, subject=subject, name=name, roles=access.roles, scopes=access.scopes,
        until=access.until, oid=access.oid, at=at,
    )  # fmt: skip
    said = {"user_id": user_id, "after": _access(session, user_id), **(detail or {})}
    audit.note(session, "user.add", by=by, at=at, detail=said, reason=reason)
    return user_id


def change(
    session: Session, user_id: str, access: Access, *, active: bool, by: User, at: datetime, if_match: str
) -> str:  # fmt: skip
    """Put these roles, this scope and this standing in place of what the account had; its etag from now on.

    Counts from the next request. Raises Stale where the account is not as it was when it had the etag `if_match`.
    """
    if user_id == by.user_id:
        raise OwnAccount
    _refuse_unusable(session, access, at)
    before = _unchanged(session, user_id, if_match)
    users.set_roles(session, user_id, roles=access.roles, scopes=access.scopes, until=access.until)
    users.set_active(session, user_id, active=active)
    if access.oid is not None:  # it is replaced, never loosened: leaving it out of a body must not
        users.set_oid(session, user_id, access.oid)
    detail = {"user_id": user_id, "before": before, "after": _access(session, user_id)}
    audit.note(session, "user.change", by=by.user_id, at=at, detail=detail)
    return etag(session, user_id)


def link(
    session: Session, user_id: str, worker_ref: str | None, *, by: User, at: datetime, if_match: str
) -> str:  # fmt: skip
    """Say which Eclipse worker an account is; its etag from now on. A person does this, never a batch.

    Raises Stale where the account is not as it was when it had the etag `if_match`.
    """
    if worker_ref is not None and worker_ref not in reference.workers(session):
        raise Unprocessable(("worker_ref", "unknown_worker", "the Eclipse id of a worker that an extract has brought"))
    if user_id == by.user_id:
        raise OwnAccount
    before = _unchanged(session, user_id, if_match)
    users.link_worker(session, user_id, worker_ref)
    detail = {"user_id": user_id, "before": before, "after": _access(session, user_id)}
    audit.note(session, "user.link", by=by.user_id, at=at, detail=detail)
    return etag(session, user_id)


def etag(session: Session, user_id: str) -> str:
    """What If-Match must say to change an account: it changes with anything of its access. Raises NotFound."""
    return _etag_of(user_id, _access(session, user_id))


def etags(session: Session) -> dict[str, str]:
    """The etag of every account, by its id."""
    return {user_id: _etag_of(user_id, said) for user_id, said in _accesses(session).items()}


def _etag_of(user_id: str, access: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps([user_id, access], sort_keys=True).encode()).hexdigest()[:32]


def _unchanged(session: Session, user_id: str, if_match: str) -> dict[str, object]:
    """What an account may do and see now, if that is what whoever changes it has read."""
    access = _access(session, user_id)
    if _etag_of(user_id, access) != if_match:
        raise Stale
    return access


def _access(session: Session, user_id: str) -> dict[str, object]:
    found = _accesses(session).get(user_id)
    if found is None:
        raise NotFound
    return found


def _accesses(session: Session) -> dict[str, dict[str, object]]:
    """What each account may do and see now, as the audit keeps it."""
    ends, found = users.scope_ends(session), dict[str, dict[str, object]]()
    for account, roles, scopes in users.everyone(session):
        said: dict[str, object] = {
            "roles": sorted(roles),
            "scopes": sorted(f"{kind}:{code}" for kind, code in scopes),
            "active": account.active,
            "worker_ref": account.worker_ref,
        }
        limited = {scope: ends[account.user_id, scope] for scope in scopes if (account.user_id, scope) in ends}
        until = {f"{kind}:{code}": moment.isoformat() for (kind, code), moment in limited.items()}
        said |= ({"until": until} if until else {}) | ({"oid": account.oid} if account.oid else {})
        found[account.user_id] = said
    return found


def _refuse_unusable(session: Session, access: Access, at: datetime) -> None:
    """Refuse what could never be used, silently: scripts that are people, scopes that are over or of nothing held."""
    if Role.INTEGRATION in access.roles and len(set(access.roles)) > 1:
        raise Unprocessable(("roles", "script_or_person", "integration alone, or roles of people: never both"))
    if any(kind is ScopeKind.DUTY and (kind, code) not in access.until for kind, code in access.scopes):
        raise Unprocessable(("scopes", "endless_duty", "duty with `until`: the moment it ends"))
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
