"""Care leavers in unsuitable accommodation, and those whose accommodation is not known."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta

from service.domain import dates, served, suitability
from service.domain.clocks import State
from service.domain.facts import Accommodation, Basis, CareLeaverStatus
from service.domain.person import Facts, in_spell
from service.domain.rules import NOT_SUPPLIED, Finding, Population, Question, days_since, since

UNSUITABLE, UNKNOWN = "unsuitable_accommodation", "accommodation_unknown"
SERVED = Population("care leavers served", served.includes)
PLACES = {
    "B": "with parents or relatives", "C": "community home", "D": "semi-independent", "E": "supported lodgings",
    "G": "gone abroad", "H": "deported", "K": "ordinary lodgings", "R": "residence not known",
    "S": "no fixed abode", "T": "foyer", "U": "independent living", "V": "emergency accommodation",
    "W": "bed and breakfast", "X": "in custody", "Y": "other", "Z": "with former foster carers", "0": "not known",
}  # fmt: skip
NO_PLACE = Accommodation()


def worst_place(facts: Facts, as_at: date) -> tuple[Accommodation | None, tuple[str, ...]]:
    """The place that stands on a day: the worst of those that cover it, flagged when they differ in gravity."""
    here = [a for a in facts.accommodations if in_spell(a.started_on, a.ended_on, as_at)]
    if not here:
        return None, ()
    ranks = {suitability.rank(a) for a in here}
    place = max(here, key=lambda a: (suitability.rank(a), -(a.started_on or date.min).toordinal()))
    return place, ("sources_disagree",) if len(ranks) > 1 else ()


@dataclass(frozen=True, slots=True)
class _Held:
    """Where a care leaver served lives on the day asked about, and what is doubtful about it."""

    place: Accommodation | None
    statuses: tuple[CareLeaverStatus, ...]
    flags: tuple[str, ...]
    question: Question


def judge_unsuitable(facts: Facts, question: Question) -> Finding | None:
    """Danger for an unacceptable place whatever its code or judgement; over for other unsuitable places."""
    held = _held(facts, question)
    if held is None or held.place is None or not suitability.is_breach(held.place):
        return None
    place, as_at = held.place, question.as_at
    first = _runs_from(facts, place, question)
    danger = suitability.is_unacceptable(place)
    review = question.policy.term("care_leaver." + ("unacceptable_action" if danger else "unsuitable_review"), as_at)
    begun, basis = first.started_on, first.started_on_basis.value
    return Finding(
        cohort=UNSUITABLE,
        state=State.DANGER if danger else State.OVER,
        line="unacceptable" if danger else "in_custody" if place.code == suitability.CUSTODY else "other",
        started_on=begun,
        started_on_basis=basis,
        term=question.policy.term("care_leaver.suitable_accommodation", as_at),
        days_in_state=days_since(begun, as_at),
        explanation=_why_unsuitable(place, since(begun, as_at, basis)),
        facts=_once(place, first, *held.statuses),
        missing=_missing(place, begun),
        clears_when="A move to a place judged suitable is recorded and a manager approves it.",
        flags=(*held.flags, "restart") if first is not place else held.flags,
        extra={**_shown(place), "review_every": review.words, "review_authority": review.authority},
    )


def judge_unknown(facts: Facts, question: Question) -> Finding | None:
    """Unknown: no place, code R or 0, or no judgement 10 working days after a recorded move from a suitable place."""
    held = _held(facts, question)
    if held is None:
        return None
    if "accommodation" not in question.supplied:
        return _unknown(NOT_SUPPLIED, held, began=None)
    place = held.place
    if place is None:
        return _unknown("no_accommodation", held, began=_last_left(facts, question))
    if suitability.is_breach(place):
        return None
    if place.code in suitability.ABROAD:
        return _abroad(held, place)
    if suitability.rank(place) != suitability.UNKNOWN:
        return None
    if place.code in suitability.NOT_KNOWN or place.code is None:
        return _unknown("not_known", held, began=place.started_on)
    return _unjudged(facts, held, place)


def _held(facts: Facts, question: Question) -> _Held | None:
    who = served.served_on(facts, question.as_at, question.policy)
    if who is None:
        return None
    place, differ = worst_place(facts, question.as_at)
    odd = () if place is None else suitability.contradictions(place)
    return _Held(place, who.statuses, (*odd, *differ, *who.flags), question)


def _unjudged(facts: Facts, held: _Held, place: Accommodation) -> Finding:
    start = place.started_on
    if start is None or place.started_on_basis is not Basis.RECORDED or not _left_suitable(facts, place, start):
        return _unknown("not_judged", held, began=start)
    term = held.question.policy.term("care_leaver.judgement_after_move", start)
    clock = held.question.read(start, term)
    moved = f"{_named(place)}: moved from a place judged suitable, not judged yet. {clock.sentence}"
    if clock.state is State.OVER:
        late = _unknown("not_judged", held, began=start)
        return replace(late, term=term, due_on=clock.due_on, days_in_state=clock.days_over, explanation=moved)
    return Finding(
        cohort=UNKNOWN, state=State.APPROACHING, line="being_assessed", started_on=start, term=term,
        due_on=clock.due_on, days_over=0, days_in_state=days_since(start, held.question.as_at), explanation=moved,
        facts=(place, *held.statuses), missing=_UNKNOWN_MISSING["not_judged"],
        clears_when="Somebody judges the place suitable and a manager approves it.",
        flags=held.flags, extra=_shown(place),
    )  # fmt: skip


def _unknown(line: str, held: _Held, *, began: date | None) -> Finding:
    place = held.place or NO_PLACE
    question, basis = held.question, place.started_on_basis.value
    return Finding(
        cohort=UNKNOWN,
        state=State.UNKNOWN,
        line=line,
        started_on=began,
        started_on_basis=basis,
        term=question.policy.term("care_leaver.suitable_accommodation", question.as_at),
        days_in_state=days_since(began, question.as_at),
        explanation=_WHY_UNKNOWN[line](_named(place), since(began, question.as_at, basis)),
        facts=_once(*filter(None, [held.place]), *held.statuses),
        missing=_UNKNOWN_MISSING[line],
        clears_when="The place is recorded, somebody judges it suitable and a manager approves it.",
        flags=held.flags,
        extra=_shown(place),
    )


def _abroad(held: _Held, place: Accommodation) -> Finding:
    as_at, basis = held.question.as_at, place.started_on_basis.value
    said = since(place.started_on, as_at, basis)
    return Finding(
        cohort=UNKNOWN,
        state=State.WITHIN,
        line="deported" if place.code == "H" else "abroad",
        started_on=place.started_on,
        started_on_basis=basis,
        days_in_state=days_since(place.started_on, as_at),
        explanation=f"{_named(place)} {said}: shown beside the cohort, not counted in it.",
        facts=(place, *held.statuses),
        clears_when="Accommodation in the United Kingdom is recorded.",
        flags=held.flags,
        extra=_shown(place),
    )


def _runs_from(facts: Facts, place: Accommodation, question: Question) -> Accommodation:
    """The spell the state runs from: an earlier one as grave, left so shortly before that this is a restart."""
    floor = suitability.rank(place) if suitability.is_unacceptable(place) else suitability.UNJUDGED_EMERGENCY
    first = place
    for earlier in reversed(facts.accommodations):
        if first.started_on is None or earlier.started_on is None or suitability.rank(earlier) < floor:
            continue
        if earlier.started_on < first.started_on and question.restarts(earlier.ended_on, first.started_on):
            first = earlier
    return first


def _left_suitable(facts: Facts, place: Accommodation, start: date) -> bool:
    """Whether the place was moved to straight from one judged suitable."""
    before = [a for a in facts.accommodations if a is not place and a.started_on is not None and a.started_on < start]
    last = max(before, key=lambda a: a.started_on or date.min, default=None)
    if last is None or suitability.rank(last) != suitability.SUITABLE:
        return False
    return last.ended_on is None or last.ended_on >= start - timedelta(days=1)


def _last_left(facts: Facts, question: Question) -> date | None:
    left = [a.ended_on for a in facts.accommodations if a.ended_on is not None and a.ended_on <= question.as_at]
    return max(left, default=None)


def _once(*facts: Accommodation | CareLeaverStatus) -> tuple[Accommodation | CareLeaverStatus, ...]:
    return tuple({id(fact): fact for fact in facts}.values())


def _missing(place: Accommodation, begun: date | None) -> tuple[str, ...]:
    found = ["the day the stay began"] if begun is None else []
    if place.code == suitability.CUSTODY and place.release_on is None:
        found.append("a release date")
    if place.suitable is None:
        found.append("a judgement of suitability")
    return tuple(found)


def _shown(place: Accommodation) -> dict[str, object]:
    return {
        "code": place.code,
        "unacceptable": None if place.unacceptable is None else place.unacceptable.value,
        "suitable": place.suitable,
        "judged_on": place.judged_on,
        "release_on": place.release_on,
        "place_started_on": place.started_on,
    }


def _named(place: Accommodation) -> str:
    if place.unacceptable is not None:
        return place.unacceptable.value.replace("_", " ").capitalize()
    words = PLACES.get(place.code or "")
    return f"{words.capitalize()} (code {place.code})" if words else "A place whose code is not known"


def _why_unsuitable(place: Accommodation, said: str) -> str:
    named = f"{_named(place)} {said}"
    if suitability.is_unacceptable(place):
        return f"{named}: no judgement makes it acceptable."
    if place.code == suitability.CUSTODY:
        return f"{named}: custody counts as unsuitable whatever the judgement."
    if place.suitable is False:
        judged = f" on {dates.in_words(place.judged_on)}" if place.judged_on else ""
        return f"{named}: judged unsuitable{judged}."
    return f"{named}: emergency accommodation counts as unsuitable until somebody judges it."


_WHY_UNKNOWN: dict[str, Callable[[str, str], str]] = {
    NOT_SUPPLIED: lambda _, __: "No source has ever supplied accommodation.",
    "no_accommodation": lambda _, said: f"No accommodation is recorded, {said}.",
    "not_known": lambda place, said: f"{place} {said}.",
    "not_judged": lambda place, said: f"{place} {said}: nobody has judged whether it is suitable.",
}
_UNKNOWN_MISSING: dict[str, tuple[str, ...]] = {
    NOT_SUPPLIED: ("a source of accommodation",),
    "no_accommodation": ("where the young person lives", "a judgement of suitability"),
    "not_known": ("where the young person lives", "a judgement of suitability"),
    "not_judged": ("a judgement of suitability",),
}
