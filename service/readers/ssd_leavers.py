"""The SSD table of care leavers: one row says who is entitled to what, whether touch is kept, and where they live."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from service.domain.facts import Accommodation, CareLeaverStatus, InTouch
from service.domain.intake import Claim
from service.readers.mapping import CodeMap
from service.readers.rows import Row, taken
from service.readers.ssd_people import Context

_OUT_OF_TOUCH = (InTouch.NO, InTouch.REFU)
_NEVER_SUITABLE = frozenset({"S", "X"})
_BAD_CODES = frozenset({"S", "V", "W", "X"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row: its two facts, each with its flags. `place` is None when the row says nothing of one."""

    dataset: str
    row: int = field(compare=False)
    key: str
    person_id: str
    status: CareLeaverStatus
    status_flags: tuple[str, ...]
    place: Accommodation | None
    place_flags: tuple[str, ...]


def care_leavers(rows: Sequence[Row], context: Context) -> list[Claim]:
    """ssd_care_leavers -> CareLeaverStatus and Accommodation, both undated: SSD keeps the latest value only.

    Both go by the person: Eclipse gives the latest of somebody's records, so the record's id changes from night
    to night where the person does not. Of several rows of one person the latest contact date counts; where a row
    without a date reads worse (not in touch, refused, a bad place), the worse counts. Both are then flagged
    `several_rows`.
    """
    records = taken(rows, lambda row: [_record(row, context)], "clea_table_id")
    people: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        people[record.person_id].append(record)
    return [claim for found in people.values() for claim in _claims(found)]


def _record(row: Row, context: Context) -> Record:
    row.key = row.must_ident("clea_table_id")
    person_id = row.known_as = row.must_ident("clea_person_id")
    status = _status(row, context.codes, context.extracted_on)
    status_flags = tuple(row.flags)
    row.flags.clear()
    place = _place(row, context.codes)
    return Record(
        dataset=row.dataset,
        row=row.line,
        key=row.key,
        person_id=person_id,
        status=status,
        status_flags=status_flags,
        place=place,
        place_flags=tuple(row.flags),
    )


def _status(row: Row, codes: CodeMap, extracted_on: date) -> CareLeaverStatus:
    in_touch_on = row.day("clea_care_leaver_latest_contact", "in_touch_on")
    if in_touch_on is not None and in_touch_on > extracted_on:
        row.flag("future_in_touch_on")
        in_touch_on = None
    return CareLeaverStatus(
        eligibility=row.mapped("clea_care_leaver_eligibility", "eligibility", codes.eligibility.find),
        in_touch=row.mapped("clea_care_leaver_in_touch", "in_touch", codes.in_touch.find),
        in_touch_on=in_touch_on,
        activity=row.mapped("clea_care_leaver_activity", "activity", codes.activity.find),
        pathway_plan_on=row.day("clea_pathway_plan_review_date", "pathway_plan_on"),
        personal_adviser_ref=row.ident("clea_care_leaver_personal_advisor", "personal_adviser_ref"),
    )


def _place(row: Row, codes: CodeMap) -> Accommodation | None:
    """Letter and judgement, apart or together as the SSDA903 writes them (U1); of two judgements the worse."""
    text = row.text("clea_care_leaver_accommodation", "code") or ""
    paired = len(text) == 2 and text[1] in "12"
    code = codes.accommodation.find(text[0] if paired else text)
    if text and code is None:
        row.flag("unmapped_code")
    column = row.mapped("clea_care_leaver_accom_suitable", "suitable", codes.suitability.find)
    judged = [said for said in (column, text[1] == "1" if paired else None) if said is not None]
    suitable = all(judged) if judged else None
    if (suitable and code in _NEVER_SUITABLE) or len(set(judged)) == 2:
        row.flag("contradictory_code")
    said_something = code is not None or suitable is not None or any(f.startswith("unmapped") for f in row.flags)
    return Accommodation(code=code, suitable=suitable) if said_something else None


def _claims(records: list[Record]) -> list[Claim]:
    record = max(records, key=lambda r: (r.status.in_touch_on or date.min, r.key))
    undated = sorted((r for r in records if r is not record and r.status.in_touch_on is None), key=lambda r: r.key)
    several = ("several_rows",) if len(records) > 1 else ()
    placed = next((r for r in undated if _is_bad(r.place)), record) if not _is_bad(record.place) else record
    claims = [_claim(record, "status", _worse_touch(record.status, undated), record.status_flags + several)]
    if placed.place is not None:
        place_claim = _claim(record, "accommodation", placed.place, placed.place_flags + several)
        claims.append(replace(place_claim, row=placed.row))
    return claims


def _claim(record: Record, what: str, value: CareLeaverStatus | Accommodation, flags: tuple[str, ...]) -> Claim:
    key = f"{record.person_id}/{what}"
    return Claim(record.dataset, record.row, key, record.person_id, value, undated=True, flags=flags)


def _is_bad(place: Accommodation | None) -> bool:
    return place is not None and (place.suitable is False or place.code in _BAD_CODES)


def _worse_touch(status: CareLeaverStatus, undated: Sequence[Record]) -> CareLeaverStatus:
    """A death is final (SSDA903 rule 348); otherwise not in touch, then refused, beats what a dated row says."""
    if status.in_touch in (*_OUT_OF_TOUCH, InTouch.DIED):
        return status
    said = {record.status.in_touch for record in undated}
    worse = next((category for category in _OUT_OF_TOUCH if category in said), None)
    return replace(status, in_touch=worse, in_touch_on=None) if worse else status
