"""The audit from the command line: seal what is not sealed yet, and prove that nothing sealed was changed."""

import re
import time
from typing import Annotated

import typer
from sqlalchemy import Engine

from service.app import utc_now
from service.cli import shell
from service.cli.accounts import printable
from service.operations import sealing

app = typer.Typer(help="Seal and verify the audit", no_args_is_help=True)

# An intake is not waited for in the queue of the locks, where whoever writes would stand behind: it is asked again.
TRIES, REST = 60, 1.0
BUSY = 75
"""The exit code that says: nothing wrong, the same again later."""
HEAD = re.compile(r"(?:head:\s*)?(?:([0-9]{1,18})\s+)?([0-9a-f]{64})")
A_HEAD = "64 hexadecimal digits, as `los audit verify` printed them, with the number before them if you like"


@app.command("seal")
def seal() -> None:
    """Seal every entry older than a minute. `los serve` does it each minute. Ends with 75 where an intake goes on."""
    from service.errors import Busy
    from service.timers import PATIENCE

    with shell.database(shell.settings_here()) as engine:
        _whole(engine)
        unreadable: list[str] = []
        for _ in range(TRIES):
            try:
                done = sealing.seal(engine, utc_now, patience=PATIENCE)
                break
            except sealing.Unreadable as passed:
                done, unreadable = passed.sealed, passed.audit_ids
                break
            except Busy:
                time.sleep(REST)
        else:
            raise shell.stop("Not sealed: something long is being written. Run it again later.", BUSY)
    typer.echo(f"Sealed now: {done.entries}")
    typer.echo(f"Too young yet: {done.young}")
    typer.echo(f"Head: {done.head.number} {done.head.hash}")
    if unreadable:
        ids = ", ".join(map(printable, unreadable))
        raise shell.stop(f"BROKEN: left without a seal, since nobody can read what they hold: {ids}")


def _whole(engine: Engine) -> None:
    """Stop where a table of the audit is gone: there is nothing to count then."""
    gone = sealing.missing(engine)
    if gone is not None:
        raise shell.stop(_said(sealing.Broken("table_gone", table=gone)))


@app.command("verify")
def verify(
    head: Annotated[
        str | None,
        typer.Option(help="A head that was printed before: the chain must still hold it", metavar="[NUMBER] HASH"),
    ] = None,
) -> None:
    """Walk the chain from its beginning. Names the first entry that is not as it was sealed, and ends with 1."""
    number, known = _known(head)
    with shell.database(shell.settings_here()) as engine:
        _whole(engine)
        found = sealing.verify(engine, head=known, number=number)
    typer.echo(f"Sealed: {found.sealed}")
    typer.echo(f"Not sealed yet: {found.unsealed}")
    typer.echo(f"Head: {found.sealed} {found.head}")
    if found.broken is not None:
        raise shell.stop(_said(found.broken))
    typer.echo("The audit is as it was sealed.")


def _known(head: str | None) -> tuple[int | None, str | None]:
    """The number, where there is one, and the hash of a head as it was printed."""
    if head is None:
        return None, None
    found = HEAD.fullmatch(head.strip().lower())
    if found is None:
        raise shell.stop(f"--head: {A_HEAD}", 2)
    number, known = found.groups()
    return int(number) if number else None, known


def _said(broken: sealing.Broken) -> str:
    parts = [f"link {broken.number}"] * (broken.number is not None)
    parts += [f"entry {printable(str(broken.audit_id))}"] * (broken.audit_id is not None)
    parts += [f"table {broken.table}"] * (broken.table is not None)
    return f"BROKEN at {', '.join(parts)}: {sealing.FAULTS[broken.fault]} ({broken.fault})"
