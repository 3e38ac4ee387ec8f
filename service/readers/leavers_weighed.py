"""Several rows of one care leaver read as one: the worse of what they say, and unknown where neither is worse."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from service.domain.facts import Accommodation, CareLeaverStatus, InTouch
from service.domain.suitability import is_breach, rank
from service.domain.undated import CONFLICTING, UNDATED

SEVERAL = "several_rows"
_UNREAD = object()  # something was said that the mapping does not know: it agrees with nothing


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
    deleted: bool = False


def weighed(records: Sequence[Record]) -> Record:
    """One record of all that a source has of one person.

    Of dated rows the latest count; the others are history. A row without a date may be older or newer than any:
    it stands beside the latest. What is worse counts; of things equally good the fact is unknown
    (`conflicting_<field>`). A blank says nothing. Rows marked as deleted are left out, unless all are.
    """
    records = [record for record in records if not record.deleted] or records
    days = [record.status.in_touch_on for record in records if record.status.in_touch_on is not None]
    newest = max(days, default=None)
    peers = sorted((r for r in records if r.status.in_touch_on in (newest, None)), key=lambda r: (r.key, r.row))
    first = max(peers, key=lambda r: (r.status.in_touch_on or date.min, r.key))
    if len(records) == 1:
        return first
    status, doubts = _status(peers)
    place, unsure = _place(peers)
    spared = () if all(UNDATED in r.status_flags for r in peers) else (UNDATED,)
    return replace(
        first,
        status=status,
        status_flags=_flags([r.status_flags for r in peers], (*doubts, SEVERAL), spared),
        place=place,
        place_flags=_flags([r.place_flags for r in peers], (*unsure, SEVERAL), spared),
    )


def _flags(said: Sequence[tuple[str, ...]], own: tuple[str, ...], spared: tuple[str, ...]) -> tuple[str, ...]:
    """The flags of all rows, and those of reading them as one. One dated row among them spares the rest."""
    return tuple(dict.fromkeys(flag for each in (*said, own) for flag in each if flag not in spared))


def _status(peers: Sequence[Record]) -> tuple[CareLeaverStatus, tuple[str, ...]]:
    in_touch, known = _touch(peers)
    found = {name: _one(peers, name) for name in ("eligibility", "activity", "personal_adviser_ref")}
    doubts = [] if known else [f"{CONFLICTING}in_touch"]
    doubts += [f"{CONFLICTING}{name}" for name, (_, agreed) in found.items() if not agreed]
    plans = [r.status.pathway_plan_on for r in peers if r.status.pathway_plan_on is not None]
    days = [r.status.in_touch_on for r in peers if r.status.in_touch is in_touch and r.status.in_touch_on is not None]
    status = CareLeaverStatus(
        in_touch=in_touch,
        in_touch_on=max(days, default=None),
        pathway_plan_on=min(plans, default=None),
        **{name: value for name, (value, _) in found.items()},
    )
    return status, tuple(doubts)


def _one(peers: Sequence[Record], name: str) -> tuple[Any, bool]:
    """What all rows that say anything say; else None, and whether they agreed."""
    said = {getattr(r.status, name) for r in peers} - {None}
    said |= {_UNREAD for r in peers if f"unmapped_{name}" in r.status_flags}
    only = said.pop() if len(said) == 1 else None
    return (None if only is _UNREAD else only), not said


def _touch(peers: Sequence[Record]) -> tuple[InTouch | None, bool]:
    """The category that counts, and whether the rows leave one.

    Not in touch, then refused, is worse than anything; in touch worse than no longer required, which asks less. A
    death said with the latest date, or by all, is final; said by a row of any age beside others, it hides nobody.
    """
    said: set[object] = {r.status.in_touch for r in peers if r.status.in_touch is not None}
    said |= {_UNREAD for r in peers if "unmapped_in_touch" in r.status_flags}
    dated = {r.status.in_touch for r in peers if r.status.in_touch_on is not None}
    if InTouch.DIED in said and (dated == {InTouch.DIED} or said == {InTouch.DIED}):
        return InTouch.DIED, True
    said.discard(InTouch.DIED)
    for worse, over in ((InTouch.NO, None), (InTouch.REFU, None), (InTouch.YES, {InTouch.YES, InTouch.NREQ})):
        if worse in said and (over is None or said <= over):
            return worse, True
    only = said.pop() if len(said) == 1 else None
    return (only if isinstance(only, InTouch) else None), not said


def _place(peers: Sequence[Record]) -> tuple[Accommodation | None, tuple[str, ...]]:
    """The worst place in breach; else what all rows say. A danger never becomes unknown: of two, one is shown."""
    places = [r.place for r in peers if r.place is not None]
    if not places:
        return None, ()
    worst = max(places, key=lambda place: (rank(place), place.suitable is False, place.code or ""))
    if is_breach(worst):
        return worst, ()
    codes: set[object] = {place.code for place in places if place.code is not None}
    codes |= {_UNREAD for r in peers if "unmapped_code" in r.place_flags}
    only = codes.pop() if len(codes) == 1 else None
    judged = True if any(place.suitable for place in places) else None
    place = Accommodation(code=only if isinstance(only, str) else None, suitable=judged)
    return place, () if not codes else (f"{CONFLICTING}code",)
