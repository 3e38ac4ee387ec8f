"""The SSD table of care leavers: one row says who is entitled to what, whether touch is kept, and where they live."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from service.domain.facts import Accommodation, CareLeaverStatus, InTouch
from service.domain.intake import Claim
from service.domain.undated import UNDATED
from service.readers.leavers_weighed import Record, weighed
from service.readers.mapping import CodeMap
from service.readers.rows import Row
from service.readers.ssd_people import Context

_NEVER_SUITABLE = frozenset({"S", "X"})
_MAYBE_HERE = (InTouch.YES, None)
"""In-touch categories with which a row without a contact date contradicts itself; the others have none by rule."""
_NOWHERE = "0"
"""Code of the SSDA903 for those not in touch and not known, who died or returned home."""
CONTRADICTORY = "contradictory_row"


def care_leavers(rows: Iterable[Row], context: Context) -> list[Claim]:
    """ssd_care_leavers -> CareLeaverStatus and Accommodation, both undated: SSD keeps the latest value only.

    Both go by the person: Eclipse gives the latest of somebody's records, so the record's id changes from night
    to night where the person does not. Several rows of one person, as two workers on the day of the contact make
    them, are read as one (`weighed`), flagged `several_rows`.
    """
    people: defaultdict[str, dict[Record, None]] = defaultdict(dict)
    holders: dict[str, str] = {}
    for row in rows:
        if row.blank:
            continue
        record = _record(row, context)
        if holders.setdefault(record.key, record.person_id) != record.person_id:
            row.refuse("clea_table_id", "duplicate_row", "each id for one person")
        if not row.refusals:
            people[record.person_id].setdefault(record)
    return [claim for found in people.values() for claim in _claims(weighed(list(found)))]


def _record(row: Row, context: Context) -> Record:
    row.key = row.must_key("clea_table_id")
    person_id = row.known_as = row.must_ident("clea_person_id")
    status = _status(row, context.codes, context.extracted_on)
    status_flags = list(row.flags)
    row.flags.clear()
    place = _place(row, context.codes)
    doubts = _doubts(status, place)
    return Record(
        dataset=row.dataset,
        row=row.line,
        key=row.key,
        person_id=person_id,
        status=status,
        status_flags=(*status_flags, *doubts),
        place=place,
        place_flags=(*row.flags, *doubts),
        deleted=row.deleted,
    )


def _doubts(status: CareLeaverStatus, place: Accommodation | None) -> list[str]:
    """What a row says against itself.

    `undated_row`: nothing in it says that it is the latest, as a blank date does where touch is lost.
    `contradictory_row`: in touch and nowhere, or dead or home and somewhere (SSDA903 rules 344 and 345).
    """
    found = []
    says = status.in_touch is InTouch.YES or place is not None or status.activity is not None
    if says and status.in_touch in _MAYBE_HERE and status.in_touch_on is None:
        found.append(UNDATED)
    code = None if place is None else place.code
    if status.in_touch is InTouch.YES and _NOWHERE in (code, status.activity):
        found.append(CONTRADICTORY)
    if status.in_touch in (InTouch.DIED, InTouch.RHOM) and code not in (None, _NOWHERE):
        found.append(CONTRADICTORY)
    return found


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


def _claims(record: Record) -> list[Claim]:
    claims = [_claim(record, "status", record.status, record.status_flags)]
    if record.place is not None or record.deleted:
        place = record.place or Accommodation()
        claims.append(_claim(record, "accommodation", place, record.place_flags))
    return claims


def _claim(record: Record, what: str, value: CareLeaverStatus | Accommodation, flags: tuple[str, ...]) -> Claim:
    key = f"{record.person_id}/{what}"
    return Claim(
        record.dataset, record.row, key, record.person_id, value, undated=True, flags=flags, deleted=record.deleted
    )
