"""The audit from the command line: seal what is not sealed yet, and prove that nothing sealed was changed."""

import time
from typing import Annotated

import typer

from service.app import utc_now
from service.cli import shell

app = typer.Typer(help="Seal and verify the audit", no_args_is_help=True)

# An intake is not waited for in the queue of the locks, where whoever writes would stand behind: it is asked again.
TRIES, REST = 60, 1.0
BUSY = 75
"""The exit code that says: nothing wrong, the same again later."""


@app.command("seal")
def seal() -> None:
    """Seal every entry older than a minute. `los serve` does it each minute. Ends with 75 where an intake goes on."""
    from service.errors import Busy
    from service.operations import sealing
    from service.timers import PATIENCE

    with shell.database(shell.settings_here()) as engine:
        for _ in range(TRIES):
            try:
                done = sealing.seal(engine, utc_now, patience=PATIENCE)
                break
            except Busy:
                time.sleep(REST)
        else:
            raise shell.stop("Not sealed: something long is being written. Run it again later.", BUSY)
    typer.echo(f"Sealed now: {done.entries}")
    typer.echo(f"Too young yet: {done.young}")
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
