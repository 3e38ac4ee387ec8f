"""Accounts: who may sign in, as what, how far they see, and which worker they are."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field, StrictBool, StrictStr

from service.api.bodies import Id, Strict
from service.api.dependencies import Act, Key, Look, Seen, acting, looking, once
from service.api.described import needs, problems, shows
from service.api.strict import StrictRoute
from service.domain.access import Permission, Role, ScopeKind
from service.operations import users
from service.store import users as accounts
from service.writers.tracker_json import dump

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictRoute)
Administrator = Annotated[Act, acting(Permission.MANAGE_USERS, sight=True)]
UserId = Annotated[str, Path(max_length=36)]
Line = Annotated[StrictStr, Field(min_length=1, max_length=200)]

ACCESS: dict[str, Any] = {"roles": ["team_manager"], "scopes": [{"kind": "team", "code": "exeter_cf_1"}]}
ACCOUNT: dict[str, Any] = {"issuer": "https://login.example/tenant/v2.0", "subject": "a1b2c3", "name": "Pat Example"}
USER_ID = {"user_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"}


class ScopeBody(Strict):
    """How far: own and county need no code, the others the code of their unit."""

    kind: ScopeKind
    code: Annotated[StrictStr, Field(max_length=60)] = ""


class AccessBody(Strict):
    """Roles of one sight, and scope."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=10)]
    scopes: Annotated[list[ScopeBody], Field(max_length=50)]
    active: StrictBool = True
    model_config = ConfigDict(json_schema_extra={"examples": [ACCESS]})

    def pairs(self) -> list[tuple[ScopeKind, str]]:
        """The scopes as pairs."""
        return [(scope.kind, scope.code) for scope in self.scopes]


class AccountBody(AccessBody):
    """Somebody who may sign in: issuer and subject of their token, never an e-mail address."""

    issuer: Line
    subject: Line
    name: Line
    model_config = ConfigDict(json_schema_extra={"examples": [ACCOUNT | ACCESS]})


class LinkBody(Strict):
    """Which worker an account is; null for none."""

    worker_ref: Id | None = Field(examples=["W1042"])


@router.get(
    "",
    summary="Accounts",
    responses=problems() | shows({"users": [USER_ID | ACCOUNT | ACCESS | {"active": True, "worker_ref": "W1042"}]}),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def read_users(look: Annotated[Look, looking(Permission.MANAGE_USERS)]) -> Response:
    """Every account with its roles, scope and worker."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        listed = [
            {
                "user_id": a.user_id, "issuer": a.issuer, "subject": a.subject, "name": a.name, "active": a.active,
                "worker_ref": a.worker_ref, "roles": sorted(roles),
                "scopes": [{"kind": kind, "code": code} for kind, code in sorted(scopes)],
            }
            for a, roles, scopes in accounts.everyone(seen.session)
        ]  # fmt: skip
        return dump({"users": listed}), ()

    return Response(look.at("read.users", compute), media_type="application/json")


@router.post(
    "",
    status_code=201,
    summary="Add an account",
    responses=problems(409) | shows(USER_ID, status=201),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def add_user(body: AccountBody, act: Administrator, key: Key) -> Response:
    """Somebody who may sign in from now on."""

    def do() -> dict[str, str]:
        made = users.add(
            act.session, issuer=body.issuer, subject=body.subject, name=body.name, roles=body.roles,
            scopes=body.pairs(), by=act.user, at=act.now,
        )  # fmt: skip
        return {"user_id": made}

    return once(act, key, body.model_dump(mode="json"), do)


@router.put(
    "/{user_id}/access",
    summary="Set an account's roles, scope and standing",
    responses=problems(404) | shows(USER_ID),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def change_user(user_id: UserId, body: AccessBody, act: Administrator) -> Response:
    """Counts from the account's next request."""
    users.change(
        act.session, user_id, roles=body.roles, scopes=body.pairs(), active=body.active, by=act.user, at=act.now
    )
    return Response(dump({"user_id": user_id}), media_type="application/json")


@router.put(
    "/{user_id}/worker",
    summary="Link an account to its worker",
    responses=problems(404, 409) | shows(USER_ID | {"worker_ref": "W1042"}),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def link_user(user_id: UserId, body: LinkBody, act: Administrator) -> Response:
    """A worker comes from Eclipse and needs no account; an administrator says who is who, never a batch."""
    users.link(act.session, user_id, body.worker_ref, by=act.user, at=act.now)
    return Response(dump({"user_id": user_id, "worker_ref": body.worker_ref}), media_type="application/json")
