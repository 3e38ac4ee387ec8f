"""What makes a fact entered by hand contradict itself: codes that do not exist, ends before starts."""

from datetime import datetime

from service.domain import contact
from service.domain.dates import london_day
from service.domain.facts import Accommodation, ChildProtectionPlan, Contact, Fact, PreProceedings
from service.domain.standing import end_of, start_of

Fault = tuple[str, str, str]
ACCOMMODATION_CODES = frozenset("BCDEGHKRSTUVWXYZ0")
ABUSE_CATEGORIES = frozenset({"NEG", "PHY", "SAB", "EMO", "MUL"})
_PAST = ("started_on", "issued_on", "held_on", "agreed_on", "recorded_on", "judged_on", "letter_sent_on")


def faults(fact: Fact, *, at: datetime) -> list[Fault]:
    """(field, code, what is allowed) for what cannot be so, entered at `at` (aware)."""
    if isinstance(fact, Contact):
        return contact.mistimed(fact, at=at) + contact.faults(fact)
    today = london_day(at)
    found: list[Fault] = []
    for name in _PAST:
        day = getattr(fact, name, None)
        if day is not None and day > today:
            found.append((name, "in_future", "a day up to today"))
    start, end = start_of(fact), end_of(fact)
    if start is not None and end is not None and end < start:
        found.append((_end_name(fact), "before_start", "a day on or after the start"))
    if isinstance(fact, Accommodation):
        found += _accommodation(fact)
    if isinstance(fact, ChildProtectionPlan) and not {fact.category, fact.category_before} <= {*ABUSE_CATEGORIES, None}:
        found.append(("category", "unknown", " ".join(sorted(ABUSE_CATEGORIES))))
    if isinstance(fact, PreProceedings):
        found += _pre_proceedings(fact)
    return found


def _end_name(fact: Fact) -> str:
    return next(
        n for n in ("ended_on", "disposed_on", "step_decided_on", "court_application_on") if getattr(fact, n, None)
    )


def _accommodation(place: Accommodation) -> list[Fault]:
    found: list[Fault] = []
    if place.code is not None and place.code not in ACCOMMODATION_CODES:
        found.append(("code", "unknown", " ".join(sorted(ACCOMMODATION_CODES))))
    if place.code is None and place.unacceptable is None:
        found.append(("code", "missing", "a code, or an unacceptable arrangement"))
    if place.suitable is not None and place.judged_on is None:
        found.append(("judged_on", "missing", "the day of the judgement"))
    return found


def _pre_proceedings(stage: PreProceedings) -> list[Fault]:
    found: list[Fault] = []
    if stage.started_on is None:
        found.append(("started_on", "missing", "the day the council decided to begin"))
    if stage.outcome is not None and stage.step_decided_on is None:
        found.append(("step_decided_on", "missing", "the day of the decision, with its outcome"))
    return found
