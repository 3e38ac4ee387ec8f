"""`los`: shells over operations, a file for each group of commands."""

import typer
from sqlalchemy.exc import OperationalError

from service.cli import accounts, audit, backup, demonstration, grants, retention, rights, serving
from service.cli.serving import asgi
from service.errors import Busy

__all__ = ["app", "asgi", "main"]

app = typer.Typer(help="Line of Sight", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
for command in (
    serving.migrate,
    serving.serve,
    demonstration.demo,
    demonstration.token,
    backup.backup,
    backup.verify_backup,
    backup.restore,
    grants.grants,
    rights.subject_access,
):
    app.command()(command)
app.add_typer(accounts.app, name="user")
app.add_typer(retention.retention, name="retention")
app.add_typer(retention.hold, name="hold")
app.add_typer(audit.app, name="audit")


def main() -> None:
    """`los`, with what a person at a prompt can act on in place of a traceback when the database is away."""
    try:
        app()
    except (Busy, OperationalError) as error:
        typer.echo(
            f"The database does not answer ({type(error).__name__}): is it running, and LOS_DATABASE_URL right?",
            err=True,
        )
        raise SystemExit(1) from None
