"""Two records that are one person, put together: what both say counts once, and no danger of either is lost."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from service.domain.facts import Fact, PeriodOfCare, Person, field_types
from service.domain.standing import DISAGREE, end_of, start_of

# A source's own id of a thing, and what a day rests on, may differ between two records of one person.
_MAY_DIFFER = frozenset({"period_ref", "started_on_basis", "issued_on_basis"})


def completed(said: Sequence[Person], person_id: str) -> Person:
    """Who somebody is by all that is said: the person's own record first, its blanks filled from the others.

    A death, a transfer or an adoption of either counts. Two dates of birth are flagged; a child once born is no
    longer expected.
    """
    if not said:
        return Person()
    first, *others = sorted(said, key=lambda each: _under(each) != person_id)
    if not others:
        return first
    whole = _filled(first, others)
    if whole.born_on is not None and first.expected_on is None:
        whole = replace(whole, expected_on=None)
    births = {each.born_on for each in said} - {None}
    return _flagged(whole) if len(births) > 1 else whole


def said_once(standing: Mapping[str, Sequence[Any]], person_id: str) -> dict[str, list[Any]]:
    """Facts by attribute, where one that two records say alike is there once: never a second plan, spell or contact."""
    periods = standing.get("periods_of_care", ())
    same_period: dict[str, str] = {}
    found: dict[str, list[Any]] = {}
    once = _once(periods, person_id, same_period)
    for attribute, facts in standing.items():
        if attribute == "periods_of_care":
            found[attribute] = once
        else:
            found[attribute] = _once([_of_period(each, same_period) for each in facts], person_id, {})
    return found


def _once(facts: Iterable[Fact], person_id: str, same_period: dict[str, str]) -> list[Any]:
    kept: list[Fact] = []
    for fact in sorted(facts, key=lambda each: _under(each) != person_id):
        twin = next((n for n, each in enumerate(kept) if _under(each) != _under(fact) and _alike(each, fact)), None)
        if twin is None:
            kept.append(fact)
            continue
        if isinstance(fact, PeriodOfCare) and fact.period_ref:
            same_period[fact.period_ref] = getattr(kept[twin], "period_ref", None) or fact.period_ref
        kept[twin] = _filled(kept[twin], [fact])
    return kept


def _of_period(fact: Fact, same_period: Mapping[str, str]) -> Fact:
    """A placement or review, of the one period that the two records hold."""
    kept = same_period.get(getattr(fact, "period_ref", None) or "")
    return replace(fact, period_ref=kept) if kept else fact  # type: ignore[call-arg]


def _alike(one: Fact, other: Fact) -> bool:
    """Whether two records say the same: the same days, and nothing that contradicts."""
    if one == other:
        return True
    if start_of(one) != start_of(other) or end_of(one) != end_of(other):
        return False
    if start_of(one) is None and not hasattr(one, "occurred_at"):
        return False
    values = [(getattr(one, n), getattr(other, n)) for n in field_types(type(one)) if n not in _MAY_DIFFER]
    return all(ours == theirs or None in (ours, theirs) for ours, theirs in values)


def _filled(fact: Any, others: Iterable[Fact]) -> Any:
    blanks: dict[str, Any] = {}
    for other in others:
        for name in field_types(type(fact)):
            value = getattr(other, name)
            if value is not None and getattr(fact, name) is None:
                blanks.setdefault(name, value)
    return replace(fact, **blanks) if blanks else fact


def _under(fact: Fact) -> str:
    return fact.known.person_id if fact.known else ""


def _flagged(person: Person) -> Person:
    known = person.known
    return person if known is None else replace(person, known=replace(known, flags=(*known.flags, DISAGREE)))
