"""Accounts from the command line: the first administrator, whom nobody could add over HTTP, and who may sign in."""

import os
import pwd
from datetime import datetime
from typing import Annotated

import typer
from sqlmodel import Session

from service.app import utc_now
from service.cli import shell
from service.domain.access import DEFAULT_SCOPE, WITHOUT_CODE, Role, ScopeKind
from service.errors import Conflict, Refused

app = typer.Typer(help="Who may sign in", no_args_is_help=True)


@app.command("add")
def add(
    subject: Annotated[str, typer.Option(help="`sub` of their tokens, never an e-mail address")],
    name: Annotated[str, typer.Option(help="Name, as others will read it")],
    role: Annotated[list[str], typer.Option(help="A role, as in docs/permissions.md; may be repeated")],
    issuer: Annotated[str | None, typer.Option(help="`iss` of their tokens; LOS_OIDC_ISSUER when left out")] = None,
    oid: Annotated[str | None, typer.Option(help="`oid` of their tokens, with Entra: only such tokens count")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="kind or kind:code; the role's own when left out")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the audit")] = None,
) -> None:
    """Add an account, the first administrator's above all; later ones are added over HTTP."""
    from service.operations import users
    from service.store.engine import writing

    settings = shell.settings_here()
    where = issuer or settings.oidc_issuer
    if where != settings.oidc_issuer:
        raise shell.stop("--issuer: tokens of that issuer are not taken here; LOS_OIDC_ISSUER names another", 2)
    roles = [_role(each) for each in role]
    access = users.Access(roles=roles, scopes=_scopes(scope, roles), oid=oid)
    for option, value in (("--subject", subject), ("--name", name), ("--oid", oid or "-"), ("--reason", reason or "-")):
        _refuse_blank(option, value)
    try:
        with shell.database(settings) as engine, writing(engine, utc_now, sight=True) as write:
            made = users.add_by_command(
                write.session, access, issuer=where, subject=subject, name=name, operator=_operator(), reason=reason,
                at=write.now,
            )  # fmt: skip
    except Conflict:
        raise shell.stop("--subject: there is an account of that issuer and subject already") from None
    except Refused as refused:
        why = "; ".join(f"{path}: {allowed}" for path, _, allowed in refused.fields)
        raise shell.stop(why or refused.title) from None
    typer.echo(f"Added {made}.")


@app.command("list")
def everybody() -> None:
    """Names, roles, whether they may sign in, and their ids, which name one account where several share a name."""
    from service.store.engine import writing

    settings = shell.settings_here()
    with shell.database(settings) as engine, writing(engine, utc_now) as write:
        lines = _listed(write.session, at=write.now)
    for line in lines:
        typer.echo(line)


def _listed(session: Session, *, at: datetime) -> list[str]:
    from service.store import audit, users

    audit.note(session, "read.users", by="los user list", at=at)
    return [
        f"{printable(account.name)}\t{', '.join(sorted(roles)) or '-'}\t{'active' if account.active else 'inactive'}"
        f"\t{account.user_id}"
        for account, roles, _ in users.everyone(session)
    ]


def printable(name: str) -> str:
    """A name as a terminal may be given it."""
    return "".join(each if each.isprintable() else "?" for each in name)


def _role(text: str) -> Role:
    if text not in set(Role):
        raise shell.stop(f"--role: one of {', '.join(Role)}", 2)
    return Role(text)


def _scopes(given: list[str] | None, roles: list[Role]) -> list[tuple[ScopeKind, str]]:
    """The scopes as asked for; else those of the roles, where they need no code."""
    usual = {DEFAULT_SCOPE[each] for each in roles}
    if not given and usual <= WITHOUT_CODE:
        return [(kind, "") for kind in usual]
    scopes = [text.partition(":")[::2] for text in given or ()]
    if not scopes or any(kind not in set(ScopeKind) for kind, _ in scopes):
        raise shell.stop(f"--scope: kind or kind:code, of {', '.join(ScopeKind)}", 2)
    return [(ScopeKind(kind), code) for kind, code in scopes]


def _operator() -> str:
    """Whose account of this machine gives the command: by the process, not by an environment anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container runs as a number without a name
        return str(os.getuid())


def _refuse_blank(option: str, value: str) -> None:
    if value != value.strip() or not value.isprintable() or not 0 < len(value) <= 200:
        raise shell.stop(f"{option}: 1 to 200 printable characters, without spaces around them", 2)
