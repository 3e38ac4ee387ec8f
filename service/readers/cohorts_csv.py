"""The `cohorts` profile: our own files, for what the sector's formats lack; their columns follow the facts' fields."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from service.domain import contact
from service.domain.facts import (
    Accommodation,
    CareProceedings,
    Contact,
    Fact,
    PermanencePlan,
    Person,
    PlanCount,
    PreProceedings,
    Responsibility,
)
from service.domain.intake import Claim, Extract, Team, Worker
from service.readers import cells, front_door, tables
from service.readers.columns import Column, Present, columns_of, given, present
from service.readers.content import Content
from service.readers.mapping import CodeMap
from service.readers.rows import Reading, Row, taken
from service.readers.ssd_people import PERSON_ENDS

CIN_NAMES = {
    "started_on": "PPStartDate",
    "letter_sent_on": "LBPSentDate",
    "fgdm_offered": "FGDMMeetingOffer",
    "fgdm_held": "FGDMMeetingFac",
    "first_meeting_on": "InitialPPMeetingDate",
    "review_meetings": "ReviewMeetingsCount",
    "step_decided_on": "StepDecisionDate",
    "outcome_code": "PPOutcome",
    "court_application_on": "CourtAppDate",
    "court_letter_on": "LetterInitCPDate",
}
"""Fields of pre-proceedings under the names of the CIN census 2026-27; `outcome` is mapped from PPOutcome."""

_PRE_PROCEEDINGS = tuple(column for column in columns_of(PreProceedings, CIN_NAMES) if column.field != "outcome")

FACTS: dict[str, tuple[type[Fact], str, tuple[Column, ...]]] = {
    "accommodation": (Accommodation, "spell_id", columns_of(Accommodation)),
    "pre_proceedings": (PreProceedings, "record_id", _PRE_PROCEEDINGS),
    "care_proceedings": (CareProceedings, "record_id", columns_of(CareProceedings)),
    "permanence_plans": (PermanencePlan, "record_id", columns_of(PermanencePlan)),
    "plan_counts": (PlanCount, "eclipse_id", columns_of(PlanCount)),
    "contacts": (Contact, "record_id", columns_of(Contact, {"worker_ref": "worker_id"})),
}
"""Files of one kind of fact: the fact, the column of its key, its columns."""

PERSON = columns_of(Person)
TEAM = (
    "title", "team_type", "area_code", "area_title", "locality_code", "locality_title", "service_code", "service_title",
)  # fmt: skip
PEOPLE = ("teams", "workers", "people")
DATASETS = (*PEOPLE, *FACTS)


def headers(dataset: str) -> tuple[str, ...]:
    """The columns of one of our files, in the order the documents give them."""
    if dataset == "teams":
        return ("team_id", *TEAM)
    if dataset == "workers":
        return ("worker_id", "name", "role", "team_id", "started_on", "ended_on")
    if dataset == "people":
        return ("eclipse_id", *(column.name for column in PERSON), "team_id", "district", "responsible_from")
    _, key, columns = FACTS[dataset]
    return tuple(dict.fromkeys((key, "eclipse_id", *(column.name for column in columns))))


def required(dataset: str) -> tuple[str, ...]:
    """The columns without which rows of one of our files say nothing."""
    if dataset in PEOPLE:
        return headers(dataset)[:1]
    _, key, columns = FACTS[dataset]
    return tuple(dict.fromkeys((key, "eclipse_id", *(column.name for column in columns if column.required))))


def read(datasets: Mapping[str, Content], mapping: CodeMap, extracted_at: datetime) -> Extract:
    """What the files say: `datasets` by name (see `profiles.dataset_name`), `extracted_at` aware.

    Columns we do not know are ignored, missing ones are null; a file that
    is unknown or lacks its required columns is refused.
    """
    items: list[Claim | Team | Worker] = []
    refusals = tables.unknown_datasets(datasets, DATASETS)
    count, placeholders = dict[str, int](), set[str]()
    for name in (name for name in DATASETS if name in datasets):
        table = tables.parse(name, datasets[name])
        count[name] = table.count
        if unusable := front_door.refusals(name, table) or tables.missing_columns(name, table, required(name)):
            refusals += unusable
            continue
        columns = PERSON if name == "people" else FACTS[name][2] if name in FACTS else ()
        rows = Reading(name, table, (c.field for c in columns if c.name.lower() not in table.columns))
        items += _values(name, rows, present(columns, table), mapping, extracted_at)
        refusals += rows.refusals
        placeholders |= {name} if rows.placeholder else set()
    return Extract(
        claims=tuple(item for item in items if isinstance(item, Claim)),
        teams=tuple(item for item in items if isinstance(item, Team)),
        workers=tuple(item for item in items if isinstance(item, Worker)),
        refusals=tuple(refusals),
        rows=count,
        placeholders=frozenset(placeholders),
    )


def _values(
    dataset: str, rows: Iterable[Row], named: Present, mapping: CodeMap, extracted_at: datetime
) -> Sequence[Claim | Team | Worker]:
    if dataset == "teams":
        return taken(rows, lambda row: [_team(row)], "team_id")
    if dataset == "workers":
        return taken(rows, lambda row: [_worker(row)], "worker_id")
    if dataset == "people":
        on = extracted_at.astimezone(cells.LONDON).date()
        return taken(rows, lambda row: _person(row, named, on), "eclipse_id")
    return taken(rows, lambda row: [_fact(dataset, row, named, mapping, extracted_at)], FACTS[dataset][1])


def _team(row: Row) -> Team:
    row.key = row.must_key("team_id")
    row.stays("a team that is no more; those it answered for get another")
    return Team(row.key, **{name: row.text(name, name) for name in TEAM})


def _worker(row: Row) -> Worker:
    row.key = row.must_key("worker_id")
    row.stays("a worker who has left, with ended_on")
    started_on, ended_on = row.day("started_on", "started_on"), row.day("ended_on", "ended_on")
    row.in_order(started_on, ended_on, "ended_on")
    return Worker(
        row.key,
        back="ended_on" in row.texts and not row.given("ended_on"),
        name=row.text("name", "name"),
        role=row.text("role", "role"),
        team_code=row.ident("team_id", "team_code"),
        started_on=started_on,
        ended_on=ended_on,
    )


def _person(row: Row, named: Present, extracted_on: date) -> list[Claim]:
    """Who somebody is, and which team answers for them from which day: each when the row says something of it."""
    row.key = row.must_key("eclipse_id")
    row.stays(PERSON_ENDS)
    person = Person(**given(row, named))
    if person.born_on is not None and person.born_on > extracted_on:
        row.refuse("born_on", "in_the_future", "a day up to the extract; an unborn child has expected_on instead")
    answers = Responsibility(
        team_code=row.ident("team_id", "team_code"),
        district=row.text("district", "district"),
        started_on=row.day("responsible_from", "started_on"),
    )
    claims = [row.claim(row.key, person)] if person != Person() else []
    if answers.team_code or answers.district:
        claims.append(row.claim(row.key, answers, suffix="/team", undated=True))
    return claims


def _fact(dataset: str, row: Row, named: Present, mapping: CodeMap, extracted_at: datetime) -> Claim:
    kind, key, _ = FACTS[dataset]
    row.key = row.must_key(key)
    person_id = row.must_ident("eclipse_id")
    found = given(row, named)
    if dataset == "pre_proceedings":
        found["outcome"] = row.mapped("PPOutcome", "outcome", mapping.pre_proceedings_outcomes.find)
    if dataset == "accommodation":
        found["code"] = row.mapped("code", "code", mapping.accommodation.find)
    value = kind(**found)
    _check(row, value, extracted_at)
    undated = isinstance(value, Accommodation) and value.started_on is None and value.ended_on is None
    return row.claim(person_id, value, undated=undated)


def _check(row: Row, value: Fact, extracted_at: datetime) -> None:
    """Refuse a row whose cells are each readable and together cannot be."""
    if row.deleted:
        return
    if isinstance(value, Contact) and not row.refusals:
        if value.occurred_at > extracted_at:
            row.refuse("occurred_at", "in_the_future", "a time up to that of the extract")
        for field, code, allowed in contact.faults(value):
            row.refuse(field, code, allowed)
    for start, end in _SPANS.get(type(value), ()):
        row.in_order(getattr(value, start), getattr(value, end), CIN_NAMES.get(end, end))


_SPANS: dict[type[Fact], tuple[tuple[str, str], ...]] = {
    Accommodation: (("started_on", "ended_on"),),
    PreProceedings: (("started_on", "step_decided_on"),),
    CareProceedings: (("issued_on", "disposed_on"),),
    PermanencePlan: (("agreed_on", "ended_on"),),
}
"""First and last day of each kind; the column of a last day has the field's name, or its CIN name."""
