"""Records whose time is over, and the legal holds that keep them: report, propose, erase, refuse."""

from typing import Annotated

import typer

from service.app import utc_now
from service.cli.accounts import printable
from service.cli.rights import Apply, By, EclipseId, PersonId, Reason, acting, tell

retention = typer.Typer(help="Records whose time is over: report, propose, erase, refuse", no_args_is_help=True)
hold = typer.Typer(help="Legal holds: nothing of a record is erased while one stands", no_args_is_help=True)

PROPOSE, ERASE = "rights.retention.propose", "rights.retention.erase"


@retention.command()
def report(
    ids: Annotated[bool, typer.Option("--ids", help="Also the ids of those due; needs --by and --reason")] = False,
    by: Annotated[str, typer.Option("--by", help="Name (or id) of the account that looks at ids")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; kept in the audit")] = "",
) -> None:
    """How many records are due, kept back, proposed, and due in the years to come. Changes nothing."""
    from service.operations.rights import officers
    from service.operations.rights import retention as kept
    from service.store.engine import reading

    with acting("read.retention", by, reason) as engine:
        with reading(engine) as session:
            if ids:
                officers.officer(session, by)
                officers.because(reason)
            told = kept.report(session, at=utc_now())
        typer.echo(f"People held: {told.people}")
        tell("Due, by rule", told.due)
        tell("Due by the calendar, and kept back by", told.kept_back)
        tell("Proposed", {"records that wait for a second person": told.proposed})
        tell("Due from 1 January of", told.due_in)
        tell("Never due by themselves", told.never)
        tell("Erased in", told.erased_in)
    if ids:
        _name_those_due(by, reason)


def _name_those_due(by: str, reason: str) -> None:
    from service.operations.rights import officers
    from service.operations.rights import retention as kept
    from service.store.engine import reading, writing

    with acting("read.retention", by, reason) as engine:
        with reading(engine) as session:
            officer = officers.officer(session, by)
            whom = kept.due(session, at=utc_now())
        with writing(engine, utc_now) as write:
            kept.named(write.session, whom, reason=reason, by=officer, at=write.now)
        for each in whom:
            typer.echo(f"{each.ids[0]} due on {each.kept.due_on}, {each.kept.rule}: {each.kept.explanation}")


@retention.command()
def propose(by: By, reason: Reason, apply: Apply = False) -> None:
    """Ask for every record that is due to be erased. Somebody else decides, with `los retention erase`."""
    from service.operations.rights import officers
    from service.operations.rights import retention as kept
    from service.store.engine import reading, writing

    with acting(PROPOSE, by, reason) as engine:
        if not apply:
            with reading(engine) as session:
                officer = officers.officer(session, by)
                due = [each.ids[0] for each in kept.due(session, at=utc_now())]
            with writing(engine, utc_now) as write:
                officers.counted(write.session, PROPOSE, due, reason=reason, by=officer, at=write.now)
            typer.echo(f"Would be proposed: {len(due)} people. Nothing was changed.")
            return
        with writing(engine, utc_now, intake=True) as write:
            officer = officers.officer(write.session, by)
            number = kept.propose(write.session, reason=reason, by=officer, at=write.now)
            if not number:
                officers.counted(write.session, PROPOSE, (), reason=reason, by=officer, at=write.now)
    typer.echo(f"Proposed: {number} people. Somebody else decides: los retention erase, or refuse.")


@retention.command()
def erase(by: By, reason: Reason, person_id: PersonId = None, apply: Apply = False) -> None:
    """Erase what somebody else proposed, one person after another, each if still due. It cannot be undone."""
    from service.operations.rights import officers
    from service.operations.rights import retention as kept
    from service.store.engine import reading, writing

    with acting(ERASE, by, reason) as engine:
        with reading(engine) as session:
            officer = officers.officer(session, by, roles=officers.DECIDES)
            people = kept.waiting(session, at=utc_now(), only=person_id)
        going = [each for each in people if each.goes]
        erased = 0
        for each in going if apply else ():
            with writing(engine, utc_now, intake=True) as write:
                gone = kept.erase(write.session, each.person_id, reason=reason, by=officer, at=write.now)
            erased += gone is not None
            typer.echo("Not due any more; kept." if gone is None else f"Erased: {each.person_id}, {gone} rows.")
        if not erased:
            with writing(engine, utc_now) as write:
                told = [each.person_id for each in people]
                officers.counted(write.session, ERASE, told, reason=reason, by=officer, at=write.now)
            typer.echo("Erased: 0 people." if apply else f"Would be erased: {len(going)} people. Nothing was changed.")
    if len(people) > len(going):
        typer.echo(f"Proposed, and kept since they are not due any more: {len(people) - len(going)}")


@retention.command()
def refuse(
    person_id: Annotated[str, typer.Option("--person-id", help="Our id of the person")], by: By, reason: Reason
) -> None:
    """Say no to an erasure that was proposed. The record stays; it may be proposed again."""
    from service.operations.rights import officers
    from service.operations.rights import retention as kept
    from service.store.engine import writing

    with acting("rights.retention.refuse", by, reason) as engine, writing(engine, utc_now) as write:
        officer = officers.officer(write.session, by, roles=officers.DECIDES)
        kept.refuse(write.session, person_id, reason=reason, by=officer, at=write.now)
    typer.echo("Refused. The record stays.")


@hold.command()
def place(by: By, reason: Reason, person_id: PersonId = None, eclipse_id: EclipseId = None) -> None:
    """Hold a record: nothing of it is erased until somebody else lifts the hold."""
    from service.operations.rights import holds, officers
    from service.store.engine import writing

    with acting("rights.hold.place", by, reason) as engine, writing(engine, utc_now) as write:
        officer = officers.officer(write.session, by)
        whom = officers.subject(write.session, person_id=person_id, eclipse_id=eclipse_id)
        placed = holds.place(write.session, whom, reason=reason, by=officer, at=write.now)
    typer.echo(f"Held: {placed}")


@hold.command()
def lift(by: By, reason: Reason, person_id: PersonId = None, eclipse_id: EclipseId = None) -> None:
    """Lift every open hold on a person; by somebody else than who placed it."""
    from service.operations.rights import holds, officers
    from service.store.engine import writing

    with acting("rights.hold.lift", by, reason) as engine, writing(engine, utc_now) as write:
        officer = officers.officer(write.session, by, roles=officers.DECIDES)
        whom = officers.subject(write.session, person_id=person_id, eclipse_id=eclipse_id)
        number = holds.lift(write.session, whom, reason=reason, by=officer, at=write.now)
    typer.echo(f"Lifted: {number}")


@hold.command(name="list")
def listed(by: By, reason: Reason, person_id: PersonId = None, eclipse_id: EclipseId = None) -> None:
    """Open holds, since when and by whom; of one person, lifted ones too."""
    from service.operations.rights import holds, officers
    from service.store import rights
    from service.store.engine import writing

    with acting("read.legal_holds", by, reason) as engine, writing(engine, utc_now) as write:
        officer = officers.officer(write.session, by)
        one = person_id or eclipse_id
        whom = officers.subject(write.session, person_id=person_id, eclipse_id=eclipse_id) if one else None
        found = holds.listed(write.session, whom, reason=reason, by=officer, at=write.now)
        names = rights.accounts(write.session)
    for each in found:
        ended = f", lifted {each.superseded_at:%Y-%m-%d}" if each.superseded_at else ""
        placed_by = printable(names.get(each.placed_by, each.placed_by))
        typer.echo(f"{each.person_id} since {each.recorded_at:%Y-%m-%d} by {placed_by}{ended}: {each.reason}")
    typer.echo(f"Holds: {len(found)}")
