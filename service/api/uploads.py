"""Our spreadsheets: get a form, prefilled with who is outstanding; send it back, and hear what is wrong, row by row."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from service.api.dependencies import Look, Seen, looking
from service.api.described import needs, problems, shows
from service.api.receiving import receiving
from service.api.strict import StrictRoute, announced
from service.domain.access import Permission
from service.domain.forms import FORMS, NAME, WHOSE, Form, Sheet
from service.domain.tracker import Card
from service.errors import NotFound, TooLarge, Unprocessable
from service.operations.first_load import progress, uploads
from service.operations.first_load.uploads import Checked, Outcome
from service.readers import sheets_in
from service.readers.mapping import CodeMap
from service.readers.sheets_in import CODES, CSV_TYPE, XLSX_TYPE, Returned
from service.store.extracts import Content
from service.writers import forms, sheets
from service.writers.forms import Heading, Page
from service.writers.tracker_json import dump

router = APIRouter(tags=["first load"], route_class=StrictRoute)
FormCode = Annotated[str, Path(max_length=40)]
SheetName = Annotated[
    str | None, Query(max_length=60, description="Which sheet, where a CSV file can be one of several")
]
SHOWN = 1000
MOST = 2 * 1024 * 1024

ANSWER: dict[str, Any] = {
    "form": "accommodation", "batch_id": "01738f2c-7e10-7a31-9d2b-3f2f0a5c1b77",
    "sheets": [{"sheet": "accommodation", "rows": 41, "applied": 37, "unchanged": 0, "held": 1, "refused": 2,
                "left_blank": 1, "ids": [{"row": 2, "id": "EDGE-004:2020-07-10"}]}],
    "held": [],
    "errors": [{"sheet": "accommodation", "row": 7, "column": "judged_on", "code": "missing",
                "allowed": "the day of the judgement",
                "reason": "judged_on is empty, and without it the row says nothing (allowed: the day of the ...)."}],
}  # fmt: skip


class Kind(StrEnum):
    """What a spreadsheet is written as."""

    XLSX = "xlsx"
    CSV = "csv"


class Back(StrEnum):
    """What an upload answers: a report, or the same sheet with ids and errors."""

    REPORT = "report"
    SHEET = "sheet"


MEDIA = {Kind.XLSX: XLSX_TYPE, Kind.CSV: f"{CSV_TYPE}; charset=utf-8"}


def _form(code: str) -> Form:
    if code not in FORMS:
        raise NotFound
    return FORMS[code]


def _one_sheet(form: Form, asked: str | None) -> Sheet:
    if asked is None and len(form.sheets) == 1:
        return form.sheets[0]
    found = form.sheet(asked or "")
    if found is None:
        raise Unprocessable(("sheet", "unknown_sheet", ", ".join(each.dataset for each in form.sheets)))
    return found


def _page(sheet: Sheet, codes: CodeMap, rows: Sequence[dict[str, str]]) -> Page:
    allowed = uploads.allowed_in(sheet, codes)
    return Page(sheet.dataset, tuple(Heading(n, *allowed[n]) for n in uploads.columns_of(sheet)), rows)


def _file(form: Form, pages: Sequence[Page], kind: Kind, seen_at: Any) -> Response:
    body = forms.csv(pages[0]) if kind is Kind.CSV else forms.xlsx(pages, codes=CODES, at=seen_at)
    name = f"{form.code if kind is Kind.XLSX else pages[0].name}.{kind}"
    return Response(body, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=MEDIA[kind])


def _prefilled(form: Form, topic: str, cards: Sequence[Card]) -> list[dict[str, str]]:
    if topic != form.topic:
        raise Unprocessable(("campaign", "other_topic", f"a campaign of {form.topic}"))
    return [{WHOSE: card.eclipse_id or "", NAME: card.name or ""} for card in cards if not card.restricted]


@router.get(
    "/forms/{form}",
    summary="A spreadsheet to fill in",
    responses=problems(404, 409)
    | {
        200: {
            "description": "The form",
            "content": {media: {"schema": {"type": "string"}} for media in MEDIA.values()}
            | {
                MEDIA[Kind.CSV]: {
                    "schema": {"type": "string"},
                    "example": "record_id,eclipse_id,PPStartDate,...,errors",
                }
            },
        }
    },
    openapi_extra=needs(Permission.READ_CAMPAIGN),
)
def read_form(
    form: FormCode,
    look: Annotated[Look, looking(Permission.READ_CAMPAIGN)],
    format: Annotated[Kind, Query(description="xlsx (all sheets, and what is allowed) or csv (one sheet)")] = Kind.XLSX,
    sheet: SheetName = None,
    campaign: Annotated[str | None, Query(max_length=36, description="A row for each person outstanding in it")] = None,
) -> Response:
    """Headings, what each column allows, and a row for each person outstanding whom you may open; no facts held."""

    def compute(seen: Seen) -> tuple[Response, list[str]]:
        wanted = _form(form)
        chosen = [_one_sheet(wanted, sheet)] if format is Kind.CSV or sheet is not None else list(wanted.sheets)
        rows: list[dict[str, str]] = []
        people: list[str] = []
        if campaign is not None:
            topic, cards = progress.outstanding(seen.session, campaign, to=seen.user, at=seen.now)
            rows, people = _prefilled(wanted, topic, cards), [card.person_id for card in cards if card.person_id]
        pages = [_page(each, look.door.codes, rows if each.kind == wanted.sheets[0].kind else []) for each in chosen]
        return _file(wanted, pages, format, seen.now), people

    return look.at("read.form", compute)


@router.post(
    "/uploads/{form}",
    summary="Send a spreadsheet in",
    responses=problems(404, 409) | shows(ANSWER),
    openapi_extra=needs(Permission.UPLOAD_SHEET)
    | {
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in (CSV_TYPE, XLSX_TYPE)},
        }
    },
)
def upload(
    form: FormCode,
    request: Request,
    content: Annotated[Content, receiving(Permission.UPLOAD_SHEET)],
    look: Annotated[Look, looking(Permission.UPLOAD_SHEET)],
    sheet: SheetName = None,
    back: Annotated[
        Back, Query(alias="return", description="report, or sheet: the same sheet with ids and errors")
    ] = Back.REPORT,
) -> Response:
    """Rows that are sound are applied, the others come back with what is wrong; send those again, corrected.

    The same sheet again gives the same answer, so it needs no Idempotency-Key. Improvements wait for a person.
    """
    wanted, kind = _form(form), _kind(request)
    if content.size > MOST:
        raise TooLarge
    returned = _read(wanted, kind, sheet, b"".join(content.pieces))
    codes = look.door.codes
    clean = sheets.unsafe
    outcome, at = look.intake(
        lambda act: (
            uploads.take(act.session, wanted, returned, clean=clean, codes=codes, by=act.user, at=act.now), act.now,
        )
    )  # fmt: skip
    if back is Back.REPORT:
        return Response(dump(_answer(wanted, outcome)), media_type="application/json")
    pages = [_page(each.sheet, codes, uploads.given_back(outcome, each)) for each in outcome.sheets]
    return _file(wanted, pages, kind, at)


def _kind(request: Request) -> Kind:
    said = announced(request.headers.get("content-type", ""))
    if said not in (CSV_TYPE, XLSX_TYPE):
        raise Unprocessable(("content-type", "not_a_spreadsheet", f"{CSV_TYPE} or {XLSX_TYPE}"))
    return Kind.CSV if said == CSV_TYPE else Kind.XLSX


def _read(form: Form, kind: Kind, sheet: str | None, content: bytes) -> list[Returned]:
    if kind is Kind.CSV:
        only = _one_sheet(form, sheet)
        return [sheets_in.read_csv(content, only.dataset, uploads.columns_of(only), uploads.required_of(only))]
    chosen = [_one_sheet(form, sheet)] if sheet is not None else list(form.sheets)
    return sheets_in.read_xlsx(
        content,
        {each.dataset: uploads.columns_of(each) for each in chosen},
        {each.dataset: uploads.required_of(each) for each in chosen},
    )


def _answer(form: Form, outcome: Outcome) -> dict[str, Any]:
    report = outcome.report or {}
    faults = outcome.faults
    return {
        "form": form.code,
        "batch_id": report.get("batch_id"),
        "sheets": [_sheet(outcome, each) for each in outcome.sheets],
        "held": report.get("held", []),
        "errors": [
            {"sheet": f.sheet, "row": f.row, "column": f.column, "code": f.code, "allowed": f.allowed,
             "reason": f.reason}
            for f in faults[:SHOWN]
        ],
    }  # fmt: skip


def _sheet(outcome: Outcome, checked: Checked) -> dict[str, Any]:
    """One sheet: rows = applied + unchanged + held + refused + left blank."""
    datasets = (outcome.report or {}).get("datasets", ())
    done: dict[str, Any] = next((d for d in datasets if d["name"] == checked.sheet.dataset), {})
    ids = outcome.taken(checked)
    refused = {f.row for f in outcome.faults if f.sheet == checked.sheet.dataset}
    return {
        "sheet": checked.sheet.dataset,
        "rows": len(checked.rows) + len({f.row for f in checked.faults} - checked.rows.keys()),
        **{name: done.get(name, 0) for name in ("applied", "unchanged", "held")},
        "refused": len(refused),
        "left_blank": len(checked.left_blank),
        "ids": [{"row": line, "id": found} for line, found in ids.items()],
    }
