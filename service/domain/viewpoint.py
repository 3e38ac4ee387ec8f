"""Where we stand: what was true by a London date, as far as was known by a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from service.domain.facts import KINDS, Fact, field_types

# Days that lie ahead on purpose; every other date is an event, and has not happened yet when after `as_at`.
PLANNED = frozenset({
    "due_on", "expected_on", "planned_end_on", "next_hearing_on", "extended_to", "next_review_due_on", "release_on",
})  # fmt: skip
# What is only known once the day beside it has come.
HANGS_ON: dict[str, dict[str, tuple[str, ...]]] = {
    "accommodation": {"judged_on": ("suitable", "judged_by", "judged_why", "evidence")},
    "care_leaver_status": {"in_touch_on": ()},
    "pre_proceedings": {"step_decided_on": ("outcome", "outcome_code")},
    "care_proceedings": {"disposed_on": ("disposal",)},
    "period_of_care": {"ended_on": ("end_reason",)},
    "child_protection_plan": {"plo_considered_on": ("plo_decision",)},
    "permanence_plan": {"secured_on": ("secured_by",)},
}
# What a later version says anew without taking back what an earlier one said of its own day.
SAID_ANEW = {"accommodation": "judged_on", "care_leaver_status": "in_touch_on"}
# A fact of these kinds begins on the first of these days that it has; before it, it is not there yet.
BEGINS: dict[str, tuple[str, ...]] = {
    "responsibility": ("started_on",),
    "allocation": ("started_on",),
    "care_leaver_status": ("started_on",),
    "accommodation": ("started_on",),
    "child_protection_plan": ("started_on",),
    "plan_count": ("counted_on",),
    "period_of_care": ("started_on",),
    "placement": ("started_on",),
    "legal_status": ("started_on",),
    "pre_proceedings": ("started_on", "letter_sent_on"),
    "care_proceedings": ("issued_on",),
    "missing_episode": ("started_on",),
    "permanence_plan": ("agreed_on",),
}
# Kind -> its dated events: days that have or have not come.
EVENTS = {
    code: tuple(n for n, python in field_types(kind).items() if python is date and n not in PLANNED)
    for code, kind in KINDS.items()
}


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """`as_at`: the London date the clocks are read at. `known_at`: what was recorded by then (aware)."""

    as_at: date
    known_at: datetime


def as_true_by(fact: Fact, day: date, earlier: Sequence[Fact] = ()) -> Fact | None:
    """The fact as it was by a London day: nothing dated later has happened; None when it had not begun.

    `earlier` are versions since replaced, oldest first: where the newest judgement (or in-touch date) lies
    after the day, the latest of theirs that does not is what had been said by then.
    """
    ahead = [name for name in EVENTS[fact.kind] if (when := getattr(fact, name)) is not None and when > day]
    if not ahead:
        return fact
    begins = next((b for name in BEGINS.get(fact.kind, ()) if (b := getattr(fact, name)) is not None), None)
    if begins is not None and begins > day:
        return None
    hangs = HANGS_ON.get(fact.kind, {})
    unsaid: dict[str, Any] = {name: None for event in ahead for name in (event, *hangs.get(event, ()))}
    dated = SAID_ANEW.get(fact.kind)
    if dated in ahead:
        unsaid |= _said_by_then(dated, hangs[dated], day, earlier)
    return replace(fact, **unsaid)


def _said_by_then(dated: str, hanging: tuple[str, ...], day: date, earlier: Sequence[Fact]) -> dict[str, Any]:
    for version in reversed(earlier):
        when = getattr(version, dated)
        if when is not None and when <= day:
            return {name: getattr(version, name) for name in (dated, *hanging)}
    return {}
