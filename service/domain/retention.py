"""How long a record is kept, on whose authority, and what stands in the way of erasing it. docs/rights.md."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from service.domain.clocks import Limit, Unit
from service.domain.dates import age_on, birthday, in_words
from service.domain.policy import ALWAYS, CARE_PLANNING, Policy, Term

UNDER_CARE = 18
LEAVERS_TOO = CARE_PLANNING + " reg 50(1); Care Leavers (England) Regulations 2010 reg 10"


class Rule(StrEnum):
    """Why a record is kept as long as it is."""

    LOOKED_AFTER = "looked_after"
    DIED_UNDER_18 = "died_under_18"
    ADOPTED = "adopted"
    NEVER_LOOKED_AFTER = "never_looked_after"
    NOT_KNOWN = "not_known"


class Bar(StrEnum):
    """What keeps a record, whatever its time."""

    LEGAL_HOLD = "legal_hold"
    OPEN_SERVICE = "open_service"
    OPEN_CLEARING = "open_clearing"
    HELD_CHANGE = "held_change"


# What a record of somebody looks like who was looked after at some time: any of these kinds, whenever, in any version.
# Short breaks are among them. A care leaver was looked after; accommodation is recorded of care leavers.
EVER_LOOKED_AFTER = (
    "period_of_care", "placement", "legal_status", "cla_review", "permanence_plan", "care_leaver_status",
    "accommodation",
)  # fmt: skip


def _years(number: int) -> Limit:
    return Limit(number * 12, Unit.MONTHS)


def _term(code: str, title: str, years: int, authority: str, *, own_choice: bool = False) -> Term:
    return Term(
        code=code, title=title, limit=_years(years), authority=authority, effective_from=ALWAYS, own_choice=own_choice
    )


RETENTION = Policy(
    terms=(
        _term("retention.looked_after", "Record of a child who was ever looked after, from birth", 75, LEAVERS_TOO),
        _term("retention.died_under_18", "The same, where the child died under 18, from death", 15, LEAVERS_TOO),
        _term(
            "retention.adopted", "Record of an adopted person, from the adoption order", 100,
            "Disclosure of Adoption Information (Post-Commencement Adoptions) Regulations 2005 reg 6, as far as what "
            "is held here belongs to the adoption record: our own choice, for the council to confirm", own_choice=True,
        ),
        _term(
            "retention.never_looked_after", "Record of somebody never looked after, from its last dated event", 35,
            "Our own choice, for the council to confirm: no law sets it, and of councils' schedules this is the "
            "longest we know for child protection records", own_choice=True,
        ),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What the rule asks of one person, all their merged records together.

    `births`: every date of birth that a source gives; the one that keeps longest counts. `last_on`: the latest day
    that any fact speaks of. `sealed`: by adoption, whether or not the day of the order is known.
    """

    births: frozenset[date]
    looked_after: bool
    died_on: date | None = None
    sealed: bool = False
    adopted_on: date | None = None
    last_on: date | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Until when a record is kept (that day included), on which rule, in words. None: it never falls due."""

    until: date | None
    rule: Rule
    explanation: str

    @property
    def due_on(self) -> date | None:
        """The first of January after. Not the day itself: it would spell out a birthday in the log of erasures."""
        return None if self.until is None else date(self.until.year + 1, 1, 1)

    def due(self, day: date) -> bool:
        """Whether the record may be erased on a day, if nothing stands in the way."""
        return self.due_on is not None and self.due_on <= day


def keep_until(record: Record, *, today: date, policy: Policy = RETENTION) -> Kept:
    """How long a record is kept by the terms in force today. What is not known keeps it."""
    if not record.births:
        return Kept(None, Rule.NOT_KNOWN, "The date of birth is not known: it never falls due by itself.")
    if record.sealed or record.adopted_on is not None:
        return _adopted(record, today, policy)
    if record.looked_after:
        return max((_looked_after(born, record, today, policy) for born in record.births), key=_until)
    if record.last_on is None:
        return Kept(None, Rule.NOT_KNOWN, "Nothing in it has a date: it never falls due by itself.")
    return _from(record.last_on, Rule.NEVER_LOOKED_AFTER, "its last dated event", today, policy)


def _until(kept: Kept) -> date:
    return kept.until or date.max


def _looked_after(born_on: date, record: Record, today: date, policy: Policy) -> Kept:
    died_on = record.died_on
    if died_on is not None and age_on(born_on, died_on) < UNDER_CARE:
        return _from(died_on, Rule.DIED_UNDER_18, "the death", today, policy)
    return _from(born_on, Rule.LOOKED_AFTER, "birth", today, policy)


def _adopted(record: Record, today: date, policy: Policy) -> Kept:
    if record.adopted_on is None:
        return Kept(None, Rule.ADOPTED, "The day of the adoption order is not known: it never falls due by itself.")
    by_order = _from(record.adopted_on, Rule.ADOPTED, "the adoption order", today, policy)
    by_birth = [_from(born, Rule.LOOKED_AFTER, "birth", today, policy) for born in record.births]
    return max((by_order, *by_birth), key=_until)


def _from(start: date, rule: Rule, what: str, today: date, policy: Policy) -> Kept:
    term = policy.term(f"retention.{rule}", today)
    limit = policy.limit(term.code, today)
    years = limit.number // 12
    until = birthday(start, years)
    words = f"Kept for {years} years from {what}, until {in_words(until)} ({term.authority})."
    return Kept(until, rule, words)
