"""Everything held on one person, for a subject access request; and what all commands about rights share."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Engine

from service.app import utc_now
from service.cli import shell
from service.errors import Busy, Refused
from service.operations.rights.subject_access import Export

By = Annotated[str, typer.Option("--by", help="Name (or id) of the account that acts")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the audit")]
PersonId = Annotated[str | None, typer.Option("--person-id", help="Our id of the person")]
EclipseId = Annotated[str | None, typer.Option("--eclipse-id", help="Eclipse's id of the person")]
Apply = Annotated[bool, typer.Option("--apply", help="Do it; left out, only say what would be done")]


@contextmanager
def acting(act: str, by: str, reason: str) -> Iterator[Engine]:
    """The database; a refusal is said in words, and noted in the audit: it may tell of somebody."""
    from service.operations.rights import officers
    from service.store.engine import writing

    with shell.database(shell.settings_here()) as engine:
        try:
            yield engine
        except Refused as refused:
            if not isinstance(refused, Busy):
                with writing(engine, utc_now) as write:
                    officers.denied(write.session, act, refused, by=by, reason=reason, at=write.now)
            wanted = "; ".join(f"{field}: {allowed}" for field, _, allowed in refused.fields)
            raise shell.stop(refused.title + (f" ({wanted})" if wanted else "")) from None


def subject_access(
    by: By,
    reason: Reason,
    person_id: PersonId = None,
    eclipse_id: EclipseId = None,
    out: Annotated[Path | None, typer.Option(help="File to make, or a folder to make it in")] = None,
    form: Annotated[str, typer.Option("--format", help="json or html")] = "json",
    include_sealed: Annotated[bool, typer.Option(help="Also where the record is sealed by adoption")] = False,
    apply: Apply = False,
) -> None:
    """Everything held on one person, in one file for whoever answers the request. Only counts without --apply."""
    from service.operations.rights import officers
    from service.operations.rights import subject_access as access
    from service.store.engine import reading

    if form not in ("json", "html"):
        raise shell.stop("--format: json or html", 2)
    with acting(access.ACT, by, reason) as engine:
        with reading(engine, intake=True) as session:
            officer = officers.officer(session, by)
            whom = officers.subject(session, person_id=person_id, eclipse_id=eclipse_id)
            export = access.gather(session, whom, include_sealed=include_sealed, at=utc_now())
        if apply:
            _take(engine, export, out, form, by=officer, reason=reason)
        else:
            _count(engine, export, by=officer, reason=reason)


def _count(engine: Engine, export: Export, *, by: str, reason: str) -> None:
    from service.operations.rights import subject_access as access
    from service.store.engine import writing

    with writing(engine, utc_now) as write:
        access.foreseen(write.session, export, by=by, reason=reason, at=write.now)
    tell("Would be exported", export.counts)


def _take(engine: Engine, export: Export, out: Path | None, form: str, *, by: str, reason: str) -> None:
    """The file first, empty; then the entry, committed; then what the file holds. No entry, no file."""
    from service.operations.rights import subject_access as access
    from service.store.engine import writing

    with _new_file(out, form) as path:
        with writing(engine, utc_now) as write:
            taken = access.taken(write.session, export, by=by, reason=reason, at=write.now)
        _fill(path, form, taken.document)
    tell("Exported", taken.counts)
    typer.echo(f"Written to {path}, for your eyes only. To be looked at first: {len(taken.document['review'])} fields")


@contextmanager
def _new_file(out: Path | None, form: str) -> Iterator[Path]:
    """A file of one's own that was not there before; gone again if anything fails. Its name tells nothing."""
    path = out or Path()
    if path.is_dir():
        path = path / f"subject-access-{utc_now():%Y%m%dT%H%M%SZ}.{form}"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise shell.stop(f"--out: {error.strerror}") from None
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _fill(path: Path, form: str, document: Mapping[str, Any]) -> None:
    from service.writers import person_file

    content = person_file.as_json(document) if form == "json" else person_file.as_page(document)
    with path.open("r+b") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def tell(title: str, counts: Mapping[Any, int]) -> None:
    """Print figures under a title, those that are none left out."""
    typer.echo(f"{title}:")
    for name, number in counts.items():
        if number:
            typer.echo(f"  {str(name).replace('_', ' ')}: {number}")
    if not any(counts.values()):
        typer.echo("  nothing")
