"""SSD tables about people and those who work with them: person, involvements, professionals, department."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from service.domain.facts import Allocation, AllocationRole, Person, Responsibility
from service.domain.intake import Claim, Team, Worker
from service.readers.mapping import CodeMap
from service.readers.rows import Row, taken

PERSON_ENDS = "a person does not end by a marker: died_on, transferred_out_on or adopted_on"
CASE_HOLDING = frozenset({AllocationRole.SOCIAL_WORKER, AllocationRole.PERSONAL_ADVISER})
"""Roles whose team answers for the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a table needs beside its rows: the mapping, the London day of the extract, whose period of care is whose."""

    codes: CodeMap
    extracted_on: date
    people_of_periods: dict[str, str]


def people(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_person -> Person. A day of birth after the extract is Eclipse's due date of an unborn child."""

    def build(row: Row) -> list[Claim]:
        row.key = row.must_key("pers_person_id")
        row.stays(PERSON_ENDS)
        born_on = row.day("pers_dob", "born_on")
        expected_on = row.day("pers_expected_dob", "expected_on")
        if born_on is not None and born_on > context.extracted_on:
            born_on, expected_on = None, expected_on or born_on
        person = Person(
            forename=row.text("pers_forename", "forename"),
            surname=row.text("pers_surname", "surname"),
            born_on=born_on,
            expected_on=expected_on if born_on is None else None,
            died_on=row.day("pers_death_date", "died_on"),
            legacy_id=row.ident("pers_legacy_id", "legacy_id"),
        )
        return [row.claim(row.key, person)]

    return taken(rows, build, "pers_person_id")


def involvements(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_involvements -> Allocation, and from the latest open one of a case-holding role the team (Responsibility).

    A row without a worker (or with -1) is nobody's allocation.
    """

    def build(row: Row) -> list[Claim]:
        row.key = row.must_key("invo_involvements_id")
        person_id = row.must_ident("invo_person_id")
        allocation = _allocation(row, context.codes)
        row.in_order(allocation.started_on, allocation.ended_on, "invo_involvement_end_date")
        claims = [row.claim(person_id, allocation)] if allocation.worker_ref or row.deleted else []
        if _answers(allocation, context.extracted_on) and not row.deleted:
            team = Responsibility(team_code=allocation.team_code, started_on=allocation.started_on)
            claims.append(Claim(row.dataset, row.line, f"{person_id}/team", person_id, team, undated=True))
        return claims

    claims = taken(rows, build, "invo_involvements_id")
    return [claim for claim in claims if isinstance(claim.value, Allocation)] + _latest_teams(claims)


def _allocation(row: Row, codes: CodeMap) -> Allocation:
    return Allocation(
        worker_ref=row.ident("invo_professional_id", "worker_ref") or "",
        role=row.mapped("invo_professional_role_id", "role", codes.allocation_roles.find),
        team_code=row.ident("invo_professional_team", "team_code"),
        started_on=row.day("invo_involvement_start_date", "started_on"),
        ended_on=row.day("invo_involvement_end_date", "ended_on"),
    )


def _answers(allocation: Allocation, on: date) -> bool:
    begun = allocation.started_on is None or allocation.started_on <= on
    still = allocation.ended_on is None or allocation.ended_on > on
    return begun and still and allocation.team_code is not None and allocation.role in CASE_HOLDING


def _latest_teams(claims: Sequence[Claim]) -> list[Claim]:
    latest: dict[str, tuple[tuple[date, str], Claim]] = {}
    for claim in claims:
        if isinstance(claim.value, Responsibility):
            rank = (claim.value.started_on or date.min, claim.value.team_code or "")
            if claim.key not in latest or rank > latest[claim.key][0]:
                latest[claim.key] = (rank, claim)
    return [claim for _, claim in latest.values()]


def professionals(rows: Iterable[Row], _context: Context) -> list[Worker]:
    """ssd_professionals -> Worker. Eclipse gives no job title and no team. The stand-in worker -1 is nobody."""

    def build(row: Row) -> list[Worker]:
        row.key = row.ident("prof_professional_id", "ref") or ""
        if not row.key and row.given("prof_professional_id"):
            return []
        row.key = row.must_key("prof_professional_id")
        row.stays("a worker who has left; their allocations end")
        name = row.text("prof_professional_name", "name")
        return [Worker(row.key, name=name, role=row.text("prof_professional_job_title", "role"))]

    return taken(rows, build, "prof_professional_id")


def departments(rows: Iterable[Row], _context: Context) -> list[Team]:
    """ssd_department -> Team. Localities and areas are not in SSD."""

    def build(row: Row) -> list[Team]:
        row.key = row.must_key("dept_team_id")
        row.stays("a team that is no more; those it answered for get another")
        return [Team(row.key, title=row.text("dept_team_name", "title"))]

    return taken(rows, build, "dept_team_id")
