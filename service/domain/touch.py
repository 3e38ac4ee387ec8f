"""Two-way contact: what counts as in touch, what as welfare information, and the latest of each by a London day."""

from dataclasses import dataclass
from datetime import date

from service.domain import dates
from service.domain.facts import CareLeaverStatus, Contact, ContactKind, ContactOutcome, InTouch
from service.domain.person import Facts

NEVER_TWO_WAY = frozenset({ContactKind.THIRD_PARTY, ContactKind.VISIT_NO_REPLY})


@dataclass(frozen=True, slots=True)
class Touch:
    """The London day of a contact, and the fact that says so."""

    day: date
    fact: Contact | CareLeaverStatus


def is_two_way(contact: Contact) -> bool:
    """Made with the young person, by any means. Third-party news never is, nor an unanswered message or visit."""
    return contact.outcome is ContactOutcome.MADE and contact.contact_kind not in NEVER_TWO_WAY


def is_welfare_news(contact: Contact) -> bool:
    """Whether a contact says that the young person was safe: two-way contact, or news through a third party."""
    return is_two_way(contact) or contact.contact_kind is ContactKind.THIRD_PARTY


def last_two_way(facts: Facts, as_at: date) -> Touch | None:
    """The latest two-way contact by a London day. A source's YES counts on its date; without one, not at all."""
    touches = [Touch(day, c) for c in facts.contacts if is_two_way(c) and (day := _day(c)) <= as_at]
    touches += [
        Touch(s.in_touch_on, s)
        for s in facts.care_leaver_statuses
        if s.in_touch is InTouch.YES and s.in_touch_on is not None and s.in_touch_on <= as_at
    ]
    return max(touches, key=lambda touch: touch.day, default=None)


def last_welfare_news(facts: Facts, as_at: date) -> Touch | None:
    """The latest news by a London day that the young person was safe."""
    touches = [Touch(day, c) for c in facts.contacts if is_welfare_news(c) and (day := _day(c)) <= as_at]
    return max([*touches, *filter(None, [last_two_way(facts, as_at)])], key=lambda touch: touch.day, default=None)


def _day(contact: Contact) -> date:
    return dates.london_day(contact.occurred_at)
