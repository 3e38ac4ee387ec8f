"""Take in a spreadsheet by the same intake as a feed: check it row by row, apply what is sound, give the rest back."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlmodel import Session

from service.domain import soundness
from service.domain.access import User
from service.domain.data_quality import parted, reason
from service.domain.dates import london_day
from service.domain.facts import Source
from service.domain.forms import ERRORS, NAME, WHOSE, WORDS, Form, Sheet, id_of
from service.domain.intake import Claim, Refusal
from service.errors import NotPermitted
from service.operations.intake import ingest
from service.operations.intake.ingest import Manifest
from service.operations.intake.weighing import Declared
from service.readers import cells, cohorts_csv, profiles
from service.readers.mapping import CodeMap
from service.readers.sheets_in import Returned
from service.store import audit, extracts, people

PROFILE = "cohorts"
PROBING, PROBED_MOST = "alert.upload_probing", 5
NOBODY = ("person_not_found", "the Eclipse id of somebody in your scope")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one row, and what would be taken; never the value."""

    sheet: str
    row: int
    column: str
    code: str
    allowed: str

    @property
    def reason(self) -> str:
        """Why, in plain words."""
        if self.code in WORDS:
            return f"{WORDS[self.code].format(field=self.column or 'A cell')} (allowed: {self.allowed})."
        return reason(self.code, self.column, self.allowed)


@dataclass(slots=True)
class Checked:
    """One sheet, row by row: what it said, the ids of its rows, the sound ones, what was wrong, what says nothing."""

    sheet: Sheet
    rows: dict[int, dict[str, str]]
    ids: dict[int, str] = field(default_factory=dict)
    sound: dict[int, dict[str, str]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    left_blank: set[int] = field(default_factory=set)
    out_of_sight: set[str] = field(default_factory=set)  # Eclipse ids that were named, of nobody whom `by` may open

    @property
    def content(self) -> bytes:
        """The sound rows, one JSON object a line, each on the line it has in the sheet."""
        last = max(self.sound, default=0)
        said = (json.dumps(self.sound[n], sort_keys=True) if n in self.sound else "" for n in range(1, last + 1))
        return ("\n".join(said) + "\n").encode()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a spreadsheet: each sheet as checked, and the report of the batch, if one was needed."""

    sheets: tuple[Checked, ...]
    report: Mapping[str, Any] | None

    @property
    def faults(self) -> list[Fault]:
        """Everything wrong with any row, in the order of the sheets."""
        said = [
            Fault(each["dataset"], each["row"], each["field"], each["code"], each["allowed"])
            for each in (self.report or {}).get("refusals", ())
        ]
        every = [*said, *(fault for checked in self.sheets for fault in checked.faults)]
        order = [checked.sheet.dataset for checked in self.sheets]
        return sorted(every, key=lambda fault: (order.index(fault.sheet), fault.row))

    def taken(self, checked: Checked) -> dict[int, str]:
        """Line -> id, of the rows that are in the record or wait to be."""
        wrong = {fault.row for fault in self.faults if fault.sheet == checked.sheet.dataset}
        return {line: checked.ids[line] for line in checked.sound if line not in wrong}


def columns_of(sheet: Sheet) -> tuple[str, ...]:
    """The columns of a sheet: those of the file, the name beside the id, the errors last."""
    ours = list(cohorts_csv.headers(sheet.dataset))
    ours.insert(ours.index(WHOSE) + 1, NAME)
    return (*ours, ERRORS)


def required_of(sheet: Sheet) -> tuple[str, ...]:
    """The columns that must be there. The id of a row may be left out: it is given back."""
    return tuple(name for name in cohorts_csv.required(sheet.dataset) if name != sheet.key)


def allowed_in(sheet: Sheet, codes: CodeMap) -> dict[str, tuple[str, bool, bool]]:
    """Column -> what it allows in words, whether it must be filled, whether it is a day."""
    _, _, columns = cohorts_csv.FACTS[sheet.dataset]
    found = {column.name: (column.allowed, column.required, column.allowed == cells.DAY_ALLOWED) for column in columns}
    found |= {name: (allowed, must, False) for name, allowed, must in (
        (sheet.key, "left empty for a new row; given back", False),
        (WHOSE, "Eclipse's id of the person", True),
        (NAME, "not read", False),
        (ERRORS, "not read", False),
    )}  # fmt: skip
    if sheet.dataset == "accommodation":
        found["code"] = (", ".join(sorted(set(codes.accommodation.exact.values()))), False, False)
    if sheet.dataset == "pre_proceedings":
        meanings = {meaning.value for meaning in codes.pre_proceedings_outcomes.exact.values()}
        found["PPOutcome"] = (", ".join(sorted(meanings)), False, False)
    return found


def may_send(by: User, sheets: Iterable[Sheet]) -> None:
    """Refuse whoever does not own every kind of fact these sheets hold."""
    if not all(by.may_record(sheet.kind) for sheet in sheets):
        raise NotPermitted


def take(
    session: Session, form: Form, returned: Sequence[Returned], *, clean: Callable[[str], str], codes: CodeMap,
    by: User, at: datetime,
) -> Outcome:  # fmt: skip
    """Check every row, and apply the sound ones as one batch of source `upload`. The same sheet again: the same answer.

    `clean` takes off what our own writer put before text that looks like a formula.
    """
    pairs = [(form.sheet(each.sheet), each) for each in returned]
    sheets = [(sheet, each) for sheet, each in pairs if sheet is not None]
    may_send(by, [sheet for sheet, _ in sheets])
    checked = tuple(_check(session, sheet, each, clean, codes, by, at) for sheet, each in sheets)
    sound = [each for each in checked if each.sound]
    report = _apply(session, form, sound, codes, by=by, at=at) if sound else None
    _note_out_of_sight(session, form, {named for each in checked for named in each.out_of_sight}, by, at)
    audit.note(
        session, f"upload.{form.code}", by=by.user_id, at=at,
        detail={
            "batch_id": report["batch_id"] if report else None,
            "rows": sum(len(each.rows) for each in checked), "faults": sum(len(each.faults) for each in checked),
        },
    )  # fmt: skip
    return Outcome(checked, report)


def _note_out_of_sight(session: Session, form: Form, named: set[str], by: User, at: datetime) -> None:
    """Note a denial with whom of the people held a spreadsheet named that `by` may not open; an alert of many."""
    if not named:
        return
    held = frozenset(people.ids_by_eclipse(session, named).values())
    detail = {"form": form.code, "ids": len(named), "people": len(held)}
    audit.note(session, "denied", by=by.user_id, at=at, people=held, outcome="not_found", detail=detail)
    if len(held) > PROBED_MOST:
        audit.note(session, PROBING, by=by.user_id, at=at, people=held, detail=detail)


def _apply(
    session: Session, form: Form, sound: Sequence[Checked], codes: CodeMap, *, by: User, at: datetime
) -> dict[str, Any]:
    files = {each.sheet.dataset: each.content for each in sound}
    said = hashlib.sha256(by.user_id.encode())
    for name, content in sorted(files.items()):
        said.update(name.encode() + content)
    run_id = f"{form.code}-{said.hexdigest()}"
    before = extracts.by_run(session, PROFILE, Source.UPLOAD, run_id)
    datasets = tuple(
        Declared(each.sheet.dataset, "delta", len(each.sound), hashlib.sha256(each.content).hexdigest())
        for each in sound
    )
    manifest = Manifest(PROFILE, Source.UPLOAD, run_id, before.extracted_at if before else at, datasets)
    batch, _ = ingest.open_batch(session, manifest, by=by, at=at)
    for name, content in files.items():
        ingest.put_dataset(session, batch.batch_id, name, content, by=by, at=at)
    return ingest.apply(session, ingest.prepare(session, batch.batch_id, codes), by=by, at=at)


def _check(
    session: Session, sheet: Sheet, returned: Returned, clean: Callable[[str], str], codes: CodeMap, by: User,
    at: datetime,
) -> Checked:  # fmt: skip
    rows = {line: {name: clean(text.strip()) for name, text in found.items()} for line, found in returned.rows}
    checked = Checked(sheet, rows, faults=[_fault(r) for r in returned.refusals])
    ours = {sheet.key, WHOSE, NAME, ERRORS}
    checked.left_blank |= {line for line, found in rows.items() if not any(found[n] for n in found.keys() - ours)}
    filled = {line: found for line, found in rows.items() if line not in checked.left_blank}
    visible = people.open_to(session, by, london_day(at), {found[WHOSE] for found in filled.values()})
    for line, found in filled.items():
        if not found[WHOSE]:
            checked.faults.append(Fault(sheet.dataset, line, WHOSE, "missing", NOBODY[1]))
        elif found[WHOSE] not in visible:
            checked.out_of_sight.add(found[WHOSE])
            checked.faults.append(Fault(sheet.dataset, line, WHOSE, *NOBODY))
        else:
            checked.ids[line] = id_of(found[WHOSE], found.get(sheet.key, ""), _begins(sheet, found))
            said = {name: text for name, text in found.items() if name not in (NAME, ERRORS)}
            checked.sound[line] = said | {sheet.key: checked.ids[line]}
    _weed(checked, codes, at)
    return checked


def _begins(sheet: Sheet, found: Mapping[str, str]) -> str:
    """The day a row begins, in one shape, so that a date and the same date as text give one id."""
    day = cells.day(found.get(sheet.begins.lower(), ""))
    return day.isoformat() if isinstance(day, date) else ""


def _weed(checked: Checked, codes: CodeMap, at: datetime) -> None:
    """Take out the rows that cannot be so, and say what is wrong: as intake reads them, and as people are asked."""
    if not checked.sound:
        return
    name = checked.sheet.dataset
    extract = profiles.read(PROFILE, {name: checked.content}, codes, at)
    faults = [_fault(refusal) for refusal in extract.refusals]
    faults += [fault for claim in extract.claims for fault in _unsound(checked.sheet, claim, codes, at)]
    checked.faults += faults
    wrong = {fault.row for fault in faults}
    checked.sound = {line: said for line, said in checked.sound.items() if line not in wrong}


def _unsound(sheet: Sheet, claim: Claim, codes: CodeMap, at: datetime) -> list[Fault]:
    named = cohorts_csv.CIN_NAMES if sheet.dataset == "pre_proceedings" else {}
    allowed = allowed_in(sheet, codes)
    unread = [named.get(field, field) for code, field in map(parted, claim.flags) if code == "unmapped"]
    unread = ["PPOutcome" if column == "outcome" else column for column in unread]
    found = [
        Fault(sheet.dataset, claim.row, name, "not_a_code", allowed[name][0]) for name in unread if name in allowed
    ]
    return found + [
        Fault(sheet.dataset, claim.row, named.get(field, field), code, words)
        for field, code, words in soundness.faults(claim.value, at=at)
        if named.get(field, field) not in unread
    ]


def _fault(refusal: Refusal) -> Fault:
    return Fault(refusal.dataset, refusal.row, refusal.field, refusal.code, refusal.allowed)


def given_back(outcome: Outcome, checked: Checked) -> list[dict[str, str]]:
    """The rows of one sheet as they were sent, with the ids filled in and what is wrong in the last column."""
    names = {name.lower(): name for name in columns_of(checked.sheet)}
    wrong: dict[int, list[str]] = defaultdict(list)
    for fault in outcome.faults:
        if fault.sheet == checked.sheet.dataset:
            wrong[fault.row].append(fault.reason)
    ids = outcome.taken(checked)
    return [
        {names[name]: text for name, text in found.items()}
        | ({checked.sheet.key: ids[line]} if line in ids else {})
        | {ERRORS: " ".join(wrong.get(line, ()))}
        for line, found in checked.rows.items()
    ]
