"""Accounts: who may sign in, as what, how far they see, which worker they are; and the end of their sessions."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import ConfigDict, Field, StrictBool, StrictStr

from service.api.bodies import Id, Line, Moment, Strict, Text
from service.api.dependencies import Act, Look, Seen, TheDoor, acting, looking
from service.api.described import needs, problems, shows
from service.api.facts import IfMatch, as_read
from service.api.once import Key, KeyOfRetry, once
from service.api.strict import StrictRoute
from service.domain.access import Permission, Role, ScopeKind
from service.errors import Unprocessable
from service.operations import signing_in, users
from service.operations.users import Access
from service.store import users as accounts
from service.store.users import Scope
from service.writers.tracker_json import dump

router = APIRouter(prefix="/users", tags=["users"], route_class=StrictRoute)
tokens_router = APIRouter(prefix="/tokens", tags=["users"], route_class=StrictRoute)
Administrator = Annotated[Act, acting(Permission.MANAGE_USERS, sight=True)]
SessionKeeper = Annotated[Act, acting(Permission.END_SESSIONS, sight=True)]
UserId = Annotated[str, Path(max_length=36)]

ACCESS: dict[str, Any] = {"roles": ["team_manager"], "scopes": [{"kind": "team", "code": "exeter_cf_1"}]}
REVOKED: dict[str, Any] = {"issuer": "https://login.example/tenant/v2.0", "token_id": "Ab3dEfGhIjKlMnOp"}
WHY: dict[str, Any] = {"reason": "The laptop was stolen"}
ACCOUNT: dict[str, Any] = {"issuer": "https://login.example/tenant/v2.0", "subject": "a1b2c3", "name": "Pat Example"}
USER_ID = {"user_id": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"}
TAGGED = USER_ID | {"etag": "9b1f0c"}


class ScopeBody(Strict):
    """How far: own and county need no code, the others the code of their unit. Until when, if it ends."""

    kind: ScopeKind
    code: Annotated[StrictStr, Field(max_length=60)] = ""
    until: Moment | None = None


class AccessBody(Strict):
    """Roles of one sight, and scope. With `oid`, Entra's id of a person, only tokens that carry it are taken."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=10)]
    scopes: Annotated[list[ScopeBody], Field(max_length=50)]
    oid: Line | None = None

    def access(self) -> Access:
        """What the account is to do and see."""
        ends = {(scope.kind, scope.code): scope.until for scope in self.scopes}
        if len(ends) < len(self.scopes):
            raise Unprocessable(("scopes", "duplicate", "each scope once"))
        until = {scope: moment for scope, moment in ends.items() if moment is not None}
        return Access(roles=self.roles, scopes=list(ends), until=until, oid=self.oid)


class StandingBody(AccessBody):
    """All that an account is to be from now on. `active` is always said: nothing lets somebody in by being left out.

    An `oid` can be replaced; leaving it out, or null, leaves it as it was.
    """

    active: StrictBool
    model_config = ConfigDict(json_schema_extra={"examples": [ACCESS | {"active": True}]})


class AccountBody(AccessBody):
    """Somebody who may sign in: issuer and subject of their token, never an e-mail address.

    Without an issuer, the one whose tokens are taken here.
    """

    issuer: Line | None = None
    subject: Line
    name: Line
    model_config = ConfigDict(json_schema_extra={"examples": [ACCOUNT | ACCESS]})


class EndBody(Strict):
    """Why the sessions of an account end."""

    reason: Annotated[Text, Field(min_length=1)]
    model_config = ConfigDict(json_schema_extra={"examples": [WHY]})


class RevokeBody(EndBody):
    """A token by its issuer's id of it (`jti`, or Entra's `uti`), or by the `token_id` of its sign-in in the audit.

    Without an issuer, the one whose tokens are taken here.
    """

    issuer: Line | None = None
    token_id: Annotated[StrictStr, Field(min_length=1, max_length=255)]
    expires_at: Moment
    model_config = ConfigDict(json_schema_extra={"examples": [REVOKED | {"expires_at": "2020-07-31T10:05:00Z"} | WHY]})


class LinkBody(Strict):
    """Which worker an account is; null for none."""

    worker_ref: Id | None = Field(examples=["W1042"])


@router.get(
    "",
    summary="Accounts",
    responses=problems() | shows({"users": [TAGGED | ACCOUNT | ACCESS | {"active": True, "worker_ref": "W1042"}]}),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def read_users(look: Annotated[Look, looking(Permission.MANAGE_USERS)]) -> Response:
    """Every account with its roles, scope and worker, and the etag that a change of it needs."""

    def compute(seen: Seen) -> tuple[bytes, tuple[str, ...]]:
        return dump({"users": _listed(seen)}), ()

    return Response(look.at("read.users", compute), media_type="application/json")


def _listed(seen: Seen) -> list[dict[str, Any]]:
    ends, etags = accounts.scope_ends(seen.session), users.etags(seen.session)

    def shown(user_id: str, scope: Scope) -> dict[str, str | datetime]:
        until = ends.get((user_id, scope))
        return {"kind": scope[0], "code": scope[1]} | ({"until": until} if until else {})

    return [
        {
            "user_id": a.user_id, "issuer": a.issuer, "subject": a.subject, "oid": a.oid, "name": a.name,
            "active": a.active, "worker_ref": a.worker_ref, "roles": sorted(roles),
            "scopes": [shown(a.user_id, scope) for scope in sorted(scopes)], "etag": etags[a.user_id],
        }
        for a, roles, scopes in accounts.everyone(seen.session)
    ]  # fmt: skip


@router.post(
    "",
    status_code=201,
    summary="Add an account",
    responses=problems(409) | shows(TAGGED, status=201),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def add_user(body: AccountBody, act: Administrator, door: TheDoor, key: Key) -> Response:
    """Somebody who may sign in from now on."""

    def do() -> dict[str, str]:
        issuer = body.issuer or door.verifier.issuer
        made = users.add(
            act.session, body.access(), issuer=issuer, subject=body.subject, name=body.name, by=act.user,
            at=act.now,
        )  # fmt: skip
        return {"user_id": made, "etag": users.etag(act.session, made)}

    return once(act, key, body.model_dump(mode="json"), do)


@router.put(
    "/{user_id}/access",
    summary="Set an account's roles, scope and standing",
    responses=problems(404, 412, 428) | shows(TAGGED),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def change_user(user_id: UserId, body: StandingBody, act: Administrator, if_match: IfMatch = None) -> Response:
    """Counts from the account's next request."""
    read = as_read(if_match)
    etag = users.change(
        act.session, user_id, body.access(), active=body.active, by=act.user, at=act.now, if_match=read
    )  # fmt: skip
    return _answer({"user_id": user_id}, etag)


def _answer(said: dict[str, Any], etag: str) -> Response:
    return Response(dump(said | {"etag": etag}), headers={"ETag": f'"{etag}"'}, media_type="application/json")


@router.put(
    "/{user_id}/worker",
    summary="Link an account to its worker",
    responses=problems(404, 409, 412, 428) | shows(TAGGED | {"worker_ref": "W1042"}),
    openapi_extra=needs(Permission.MANAGE_USERS),
)
def link_user(user_id: UserId, body: LinkBody, act: Administrator, if_match: IfMatch = None) -> Response:
    """A worker comes from Eclipse and needs no account; an administrator says who is who, never a batch."""
    read = as_read(if_match)
    etag = users.link(act.session, user_id, body.worker_ref, by=act.user, at=act.now, if_match=read)
    return _answer({"user_id": user_id, "worker_ref": body.worker_ref}, etag)


@router.post(
    "/{user_id}/sign-out",
    summary="End all sessions of an account",
    responses=problems(404) | shows(USER_ID | {"tokens_from": "2020-07-31T09:05:00Z"}),
    openapi_extra=needs(Permission.END_SESSIONS),
)
def sign_out_user(user_id: UserId, body: EndBody, act: SessionKeeper, key: KeyOfRetry) -> Response:
    """No token that the account was given so far is taken again, from the next request on."""

    def do() -> dict[str, Any]:
        signing_in.sign_out(act.session, user_id, reason=body.reason, by=act.user, at=act.now)
        return {"user_id": user_id, "tokens_from": act.now}

    return once(act, key, ["users/sign-out", user_id, body.model_dump()], do, status=200)


@tokens_router.post(
    "/revoke",
    summary="Revoke one token",
    responses=problems() | shows(REVOKED),
    openapi_extra=needs(Permission.END_SESSIONS),
)
def revoke_token(body: RevokeBody, act: SessionKeeper, door: TheDoor) -> Response:
    """The token is not taken again, from the next request on. Safe to send twice."""
    issuer = body.issuer or door.verifier.issuer
    signing_in.revoke(
        act.session, issuer=issuer, token_id=body.token_id, expires_at=body.expires_at, reason=body.reason,
        by=act.user, at=act.now,
    )  # fmt: skip
    return Response(dump({"issuer": issuer, "token_id": body.token_id}), media_type="application/json")
