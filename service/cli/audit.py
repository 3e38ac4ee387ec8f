"""The audit from the command line: seal what is not sealed yet, and prove that nothing sealed was changed."""

from typing import Annotated

import typer

from service.app import utc_now
from service.cli import shell

app = typer.Typer(help="Seal and verify the audit", no_args_is_help=True)


@app.command("seal")
def seal() -> None:
    """Seal every entry so far. `los serve` does it each minute."""
    from service.operations import sealing

    with shell.database(shell.settings_here()) as engine:
        done = sealing.seal(engine, utc_now)
    typer.echo(f"Sealed now: {done.entries}")
    typer.echo(f"Head: {done.head.number} {done.head.hash}")


@app.command("verify")
def verify(
    head: Annotated[
        str | None, typer.Option(help="A head that was printed before: the chain must still hold it", metavar="HASH")
    ] = None,
) -> None:
    """Walk the chain from its beginning. Names the first entry that is not as it was sealed, and ends with 1."""
    from service.operations import sealing

    known = head.strip().lower().rsplit(" ", 1)[-1] if head else None
    with shell.database(shell.settings_here()) as engine:
        found = sealing.verify(engine, head=known)
    typer.echo(f"Sealed: {found.sealed}")
    typer.echo(f"Not sealed yet: {found.unsealed}")
    typer.echo(f"Head: {found.sealed} {found.head}")
    if found.broken is None:
        typer.echo("The audit is as it was sealed.")
        return
    broken = found.broken
    which = ", ".join(
        [f"link {broken.number}"] * (broken.number is not None) + [f"entry {broken.audit_id}"] * bool(broken.audit_id)
    )
    raise shell.stop(f"BROKEN at {which}: {sealing.FAULTS[broken.fault]} ({broken.fault})")
