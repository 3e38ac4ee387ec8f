"""Who may sign in: accounts, their roles and scope, and the posts they hold. A worker is another record, linked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, String, UniqueConstraint, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Field, Session, SQLModel, col

from service.domain.access import Role, ScopeKind, refuse_unfit
from service.errors import Conflict, NotFound
from service.store.engine import LAST
from service.store.schema import METADATA, id_column
from service.store.types import UTCDateTime, code_column, new_id

Scope = tuple[ScopeKind, str]
Until = Mapping[Scope, datetime]


class UserAccount(SQLModel, table=True):
    """Somebody who may sign in. Known by issuer and subject together; `worker_ref` is their Eclipse worker."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("issuer", "subject"), UniqueConstraint("worker_ref"))

    user_id: str = Field(sa_column=id_column("user_id", primary_key=True))
    issuer: str = Field(sa_column=Column(String(255), nullable=False))
    subject: str = Field(sa_column=Column(String(255), nullable=False))
    name: str = Field(sa_column=Column(String(200), nullable=False, index=True))
    active: bool
    worker_ref: str | None = Field(sa_column=Column(String(100)))
    oid: str | None = Field(default=None, sa_column=Column(String(255)))
    tokens_from: datetime | None = Field(default=None, sa_column=Column(UTCDateTime()))
    created_at: datetime = Field(sa_column=Column(UTCDateTime(), nullable=False))


class UserRole(SQLModel, table=True):
    """A role somebody has now. The audit keeps what was."""

    __tablename__ = "user_role"

    user_id: str = Field(sa_column=id_column("user_id", ForeignKey("user_account.user_id"), primary_key=True))
    role: Role = Field(sa_column=Column(code_column(Role, "role"), primary_key=True))


class UserScope(SQLModel, table=True):
    """How far somebody sees now: a kind, the code of the unit where the kind needs one (else empty), until when."""

    __tablename__ = "user_scope"

    user_id: str = Field(sa_column=id_column("user_id", ForeignKey("user_account.user_id"), primary_key=True))
    kind: ScopeKind = Field(sa_column=Column(code_column(ScopeKind, "kind"), primary_key=True))
    code: str = Field(sa_column=Column(String(64), primary_key=True))
    until: datetime | None = Field(default=None, sa_column=Column(UTCDateTime()))


class AccessVersion(SQLModel, table=True):
    """One row: a number that moves whenever who may see whom changes."""

    __tablename__ = "access_version"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    version: int


class Post(SQLModel, table=True):
    """A post in the line, with or without somebody in it."""

    __tablename__ = "post"

    code: str = Field(sa_column=Column(String(120), primary_key=True))
    title: str = Field(sa_column=Column(String(200), nullable=False))
    area_code: str | None = Field(sa_column=Column(String(64)))
    holder_user_id: str | None = Field(sa_column=id_column("holder_user_id", ForeignKey("user_account.user_id")))


@dataclass(frozen=True, slots=True)
class Account:
    """An account as an administrator sees it."""

    user_id: str
    issuer: str
    subject: str
    name: str
    active: bool
    worker_ref: str | None
    oid: str | None = None


_ACCOUNT = (
    col(UserAccount.user_id),
    col(UserAccount.issuer),
    col(UserAccount.subject),
    col(UserAccount.name),
    col(UserAccount.active),
    col(UserAccount.worker_ref),
    col(UserAccount.oid),
)


def find_user_by_name(session: Session, name: str) -> Account | None:
    """The account of that name; the oldest where several share it."""
    return _first_account(session, col(UserAccount.name) == name)


def find_user_by_role(session: Session, role: Role, *, name: str | None = None) -> Account | None:
    """The oldest active account that has the role, and the name if one is given."""
    holders = select(col(UserRole.user_id)).where(col(UserRole.role) == role)
    wanted = col(UserAccount.active).is_(True) & col(UserAccount.user_id).in_(holders)
    return _first_account(session, wanted if name is None else wanted & (col(UserAccount.name) == name))


def everyone(session: Session) -> list[tuple[Account, frozenset[Role], frozenset[Scope]]]:
    """Every account with its roles and scope, by name."""
    roles: dict[str, set[Role]] = {}
    scopes: dict[str, set[Scope]] = {}
    for user_id, role in session.execute(select(col(UserRole.user_id), col(UserRole.role))):
        roles.setdefault(user_id, set()).add(role)
    for user_id, kind, code in session.execute(
        select(col(UserScope.user_id), col(UserScope.kind), col(UserScope.code))
    ):
        scopes.setdefault(user_id, set()).add((kind, code))
    rows = session.execute(select(*_ACCOUNT).order_by(col(UserAccount.name), col(UserAccount.user_id)))
    found = [Account(*row) for row in rows]
    return [(a, frozenset(roles.get(a.user_id, ())), frozenset(scopes.get(a.user_id, ()))) for a in found]


def scope_ends(session: Session, user_id: str | None = None) -> dict[tuple[str, Scope], datetime]:
    """When scopes end that do, by account and scope; of one account, or of all."""
    ends = col(UserScope.until)
    ending = select(col(UserScope.user_id), col(UserScope.kind), col(UserScope.code), ends).where(ends.is_not(None))
    of = ending if user_id is None else ending.where(col(UserScope.user_id) == user_id)
    return {(user, (kind, code)): until for user, kind, code, until in session.execute(of)}


def _first_account(session: Session, condition: ColumnElement[bool]) -> Account | None:
    row = session.execute(
        select(*_ACCOUNT).where(condition).order_by(col(UserAccount.created_at), col(UserAccount.user_id)).limit(1)
    ).first()
    return Account(*row) if row else None


def add_user(
    session: Session,
    *,
    issuer: str,
    subject: str,
    name: str,
    roles: Iterable[Role],
    scopes: Iterable[Scope],
    at: datetime,
    worker_ref: str | None = None,
    oid: str | None = None,
    until: Until | None = None,
) -> str:
    """Add an active account; its new id. Raises Conflict when issuer and subject, or the worker, are taken."""
    user_id = new_id(at)
    account = {"issuer": issuer, "subject": subject, "name": name, "active": True, "worker_ref": worker_ref, "oid": oid}
    try:
        session.execute(insert(UserAccount).values(user_id=user_id, created_at=at, **account))
    except IntegrityError:
        raise Conflict(("subject", "taken", "issuer and subject of no other account")) from None
    set_roles(session, user_id, roles=roles, scopes=scopes, until=until)
    return user_id


def set_roles(
    session: Session, user_id: str, *, roles: Iterable[Role], scopes: Iterable[Scope], until: Until | None = None
) -> None:
    """Put these roles and this scope in place of what the account had. `until` says which scopes end, and when.

    Raises NotFound for an unknown account, Unprocessable for roles or scopes that cannot stand together.
    """
    roles, scopes = frozenset(roles), frozenset(scopes)
    refuse_unfit(roles, scopes)
    _change(session, user_id)
    session.execute(delete(UserRole).where(col(UserRole.user_id) == user_id))
    session.execute(delete(UserScope).where(col(UserScope.user_id) == user_id))
    for role in sorted(roles):
        session.execute(insert(UserRole).values(user_id=user_id, role=role))
    for kind, code in sorted(scopes):
        ends = (until or {}).get((kind, code))
        session.execute(insert(UserScope).values(user_id=user_id, kind=kind, code=code, until=ends))


def set_oid(session: Session, user_id: str, oid: str) -> None:
    """Take only tokens with this object id of Entra. Raises NotFound for an unknown account."""
    _change(session, user_id, oid=oid)


def end_tokens(session: Session, user_id: str, *, at: datetime) -> None:
    """Take no token that was issued up to `at`. Raises NotFound for an unknown account."""
    _change(session, user_id, tokens_from=at)


def set_active(session: Session, user_id: str, *, active: bool) -> None:
    """Let an account in, or shut it out from the next request on. Raises NotFound for an unknown account."""
    _change(session, user_id, active=active)


def link_worker(session: Session, user_id: str, worker_ref: str | None) -> None:
    """Say which Eclipse worker an account is, or that it is none: `own` follows it.

    Raises NotFound for an unknown account, Conflict when the worker is another account's.
    """
    try:
        _change(session, user_id, worker_ref=worker_ref)
    except IntegrityError:
        raise Conflict(("worker_ref", "taken", "a worker of no other account")) from None


def add_post(session: Session, *, code: str, title: str, area_code: str | None = None) -> None:
    """Add a vacant post. Raises Conflict when the code is taken."""
    try:
        session.execute(insert(Post).values(code=code, title=title, area_code=area_code, holder_user_id=None))
    except IntegrityError:
        raise Conflict from None


def fill_post(session: Session, code: str, *, holder: str | None) -> None:
    """Put a user (by id) into a post, or leave it vacant. Raises NotFound when either is unknown."""
    filling = update(Post).where(col(Post.code) == code).values(holder_user_id=holder).returning(col(Post.code))
    try:
        if session.execute(filling).first() is None:
            raise NotFound
    except IntegrityError:
        raise NotFound from None


_VERSION = select(METADATA.tables[str(AccessVersion.__tablename__)].c.version)


def access_version(session: Session) -> int:
    """The number that moves whenever who may see whom changes; 0 before the first account."""
    return session.execute(_VERSION).scalar() or 0


def move_access_version(session: Session) -> int:
    """Make every answer computed so far start again; the new number. To be called by what changes a restriction too.

    In an intake it moves last: whoever changes sight meanwhile would wait for its one row, and everybody for them.
    """
    if LAST in session.info:
        session.info[LAST]["access_version"] = lambda: _move(session)
        return access_version(session) + 1
    return _move(session)


def _move(session: Session) -> int:
    move = text(
        "INSERT INTO access_version (id, version) VALUES (1, 1)"
        " ON CONFLICT (id) DO UPDATE SET version = access_version.version + 1 RETURNING version"
    )
    return int(session.execute(move).scalar_one())


def _change(session: Session, user_id: str, **values: object) -> None:
    """Change an account (or only what hangs on it) and move the access version."""
    where = col(UserAccount.user_id) == user_id
    touched = update(UserAccount).where(where).values(**(values or {"user_id": user_id}))
    if session.execute(touched.returning(col(UserAccount.user_id))).first() is None:
        raise NotFound
    move_access_version(session)
