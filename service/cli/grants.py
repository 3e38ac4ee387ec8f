"""The rights of the service's own role on PostgreSQL, as SQL for the owner of the tables to run."""

from typing import Annotated

import typer

from service.cli import shell


def grants(role: Annotated[str, typer.Option(help="The role that `los serve` connects as")]) -> None:
    """Print SQL that lets a role do what the service does, and nothing else; again after each `los migrate`."""
    from service.store.grants import statements

    try:
        for statement in statements(role):
            typer.echo(f"{statement};")
    except ValueError as error:
        raise shell.stop(f"--role: {error}", 2) from None
