"""Domain values as plain JSON values: facts, terms, findings, cards, people."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from service.domain.facts import KINDS, Contact, Fact
from service.domain.policy import Term
from service.domain.rules import Finding
from service.domain.tracker import Card


def _shown(kind: type[Fact], private: bool) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name != "known" and (private or not f.metadata["private"]))


_NAMES = {(code, private): _shown(cls, private) for code, cls in KINDS.items() for private in (True, False)}


def says(fact: Fact, *, private: bool = False) -> dict[str, Any]:
    """What a fact says: its filled fields. Narrative is left out unless asked for."""
    said = {name: getattr(fact, name) for name in _NAMES[fact.kind, private]}
    return {name: value for name, value in said.items() if value is not None}


def fact(each: Fact, *, private: bool = False) -> dict[str, Any]:
    """A fact with how and when it was learnt."""
    known = each.known
    if known is None:
        return {"kind": each.kind, "says": says(each, private=private)}
    return {
        "kind": each.kind,
        "fact_id": known.fact_id,
        "says": says(each, private=private),
        "source": known.source,
        "recorded_at": known.recorded_at,
        "confidence": known.confidence,
        "flags": known.flags,
    }


def term(each: Term | None) -> dict[str, Any] | None:
    """A limit with its authority and dates."""
    if each is None:
        return None
    return {
        "code": each.code,
        "title": each.title,
        "limit": each.words,
        "authority": each.authority,
        "beginning_with_the_day": each.limit.beginning_with if each.limit else None,
        "approaching_days": each.approaching_days,
        "own_choice": each.own_choice,
        "effective_from": each.effective_from,
        "effective_to": each.effective_to,
        "approved_by": each.approved_by,
    }


def clock(finding: Finding) -> dict[str, Any]:
    """A finding as the clock of a row: state, arithmetic, what it rests on, what is missing, what clears it."""
    return {
        "state": finding.state,
        "started_on": finding.started_on,
        "started_on_basis": finding.started_on_basis,
        "limit": finding.limit,
        "due_on": finding.due_on,
        "days_over": finding.days_over,
        "days_in_state": finding.days_in_state,
        "explanation": finding.explanation,
        "facts": [fact(each) for each in finding.facts],
        "term": term(finding.term),
        "missing": finding.missing,
        "clears_when": finding.clears_when,
        "beside": dict(finding.extra),
    }


def redacted_clock(finding: Finding) -> dict[str, Any]:
    """The clock of a restricted person's row: that it counts, and in which state."""
    return {
        "state": finding.state,
        "started_on": None,
        "started_on_basis": None,
        "limit": None,
        "due_on": None,
        "days_over": None,
        "days_in_state": None,
        "explanation": "This record is restricted.",
        "facts": [],
        "term": None,
        "missing": [],
        "clears_when": "",
        "beside": {},
    }


def person(each: Card) -> dict[str, Any]:
    """Who a row is about."""
    if each.restricted:
        return {"person_id": None, "eclipse_id": None, "name": None, "age": None, "restricted": True}
    return {
        "person_id": each.person_id,
        "eclipse_id": each.eclipse_id,
        "name": each.name,
        "age": each.age,
        "restricted": False,
    }


def last_contact(each: Card) -> dict[str, Any] | None:
    """The latest contact made, and the latest attempt beside it."""
    if each.made is None and each.attempted is None:
        return None
    return {"made": _contact(each.made), "attempted": _contact(each.attempted)}


def _contact(each: Contact | None) -> dict[str, Any] | None:
    return None if each is None else {"occurred_at": each.occurred_at, "kind": each.contact_kind, "seen": each.seen}


def plain(value: object) -> object:
    """For orjson: what it does not know by itself."""
    if isinstance(value, Fact):
        return fact(value)
    if isinstance(value, Term):
        return term(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError
