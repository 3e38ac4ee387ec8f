"""Teams, workers and the units they belong to: remembered in versions, read as known at a moment."""

from datetime import date

from sqlmodel import Session

from service.domain.intake import Team, Worker
from service.readers import cells
from service.store import people, reference
from service.store.types import new_id
from tests.council import moment

MONDAY, TUESDAY = moment("2020-07-27T08:00"), moment("2020-07-28T08:00")
EXETER = Team("t1", "Exeter 1", "leaving_care", "a1", "Exeter area", "l1", "Exeter", "s1", "Corporate parenting")


def test_a_team_comes_back_with_the_titles_of_its_units(session: Session) -> None:
    reference.remember_teams(session, [EXETER], at=MONDAY)
    assert reference.teams(session) == {"t1": EXETER}


def test_a_unit_without_a_title_is_called_by_its_code_until_it_gets_one(session: Session) -> None:
    reference.remember_teams(session, [Team("t1", locality_code="l1")], at=MONDAY)
    assert reference.teams(session)["t1"].locality_title == "l1"
    reference.remember_teams(session, [Team("t2", locality_code="l1", locality_title="Exeter")], at=TUESDAY)
    assert {team.locality_title for team in reference.teams(session).values()} == {"Exeter"}


def test_teams_and_workers_are_as_known_at_a_moment(session: Session) -> None:
    reference.remember_teams(session, [Team("t1", title="Exeter 1")], at=MONDAY)
    reference.remember_workers(session, [Worker("W1", name="A", started_on=date(2020, 1, 6))], at=MONDAY)
    reference.remember_teams(session, [Team("t1", title="Exeter One")], at=TUESDAY)
    reference.remember_workers(session, [Worker("W1", name="A", ended_on=date(2020, 7, 28))], at=TUESDAY)
    before = moment("2020-07-28T07:59:59")
    assert [reference.teams(session, at)["t1"].title for at in (before, TUESDAY, None)] == ["Exeter 1"] + [
        "Exeter One"
    ] * 2
    assert [reference.workers(session, at)["W1"].ended_on for at in (before, TUESDAY)] == [None, date(2020, 7, 28)]
    assert reference.teams(session, moment("2020-07-26T08:00")) == {}


def test_more_than_one_statement_holds_are_remembered(session: Session) -> None:
    workers = [Worker(f"W{n}", name="A") for n in range(1203)]
    reference.remember_workers(session, workers, at=MONDAY)
    reference.remember_workers(session, [Worker(w.ref, name="B") for w in workers], at=TUESDAY)
    held = reference.workers(session)
    assert (len(held), {w.name for w in held.values()}) == (1203, {"B"})


def test_nothing_changed_is_nothing_written(session: Session) -> None:
    reference.remember_teams(session, [], at=MONDAY)
    reference.remember_workers(session, [], at=MONDAY)
    assert (reference.teams(session), reference.workers(session)) == ({}, {})


def test_whatever_a_reader_takes_fits_its_column(session: Session) -> None:
    """Ids have at most 64 characters and a cell 10,000: PostgreSQL would refuse a longer one, and the night with it."""
    code, long = "T" * cells.MAX_ID, "Exeter " * 1400
    team = Team(code, long, long, code, long, code, long, code, long)
    worker = Worker(code, name=long, role=long, team_code=code)
    reference.remember_teams(session, [team], at=MONDAY)
    reference.remember_workers(session, [worker], at=MONDAY)
    people.add(session, {code: new_id(MONDAY)}, at=MONDAY)
    assert reference.teams(session) == {code: team}
    assert reference.workers(session) == {code: worker}
    assert list(people.ids_by_eclipse(session)) == [code]
