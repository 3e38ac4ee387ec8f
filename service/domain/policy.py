"""Limits in force on a day and on whose authority: the terms that rules are judged by."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from service.domain.clocks import Limit, Unit

WITH_THE_SERVICE = datetime(1990, 1, 1, tzinfo=UTC)  # the defaults came with the service: known at any moment
ALWAYS = date(1990, 1, 1)  # before any fact that a clock here may start from


class NoTerm(LookupError):
    """The policy holds no term of that code at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One limit (or, without one, a prohibition), from when, and on whose authority."""

    code: str
    title: str
    limit: Limit | None
    authority: str
    effective_from: date
    effective_to: date | None = None
    own_choice: bool = False
    approaching_days: int | None = None
    recorded_at: datetime = WITH_THE_SERVICE
    approved_by: str = "shipped with the service"

    @property
    def words(self) -> str | None:
        """The limit in words; None for a prohibition."""
        return None if self.limit is None else self.limit.words

    def in_force(self, on: date) -> bool:
        """Whether the term is in force on a day."""
        return self.effective_from <= on and (self.effective_to is None or on <= self.effective_to)


@dataclass(frozen=True)
class Policy:
    """All terms known at a moment. Terms are added, never edited; the later recorded replaces the earlier."""

    terms: tuple[Term, ...]
    _by_code: dict[str, list[Term]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_code: dict[str, list[Term]] = {}
        for term in sorted(self.terms, key=lambda t: (t.effective_from, t.recorded_at), reverse=True):
            by_code.setdefault(term.code, []).append(term)
        object.__setattr__(self, "_by_code", by_code)

    def term(self, code: str, on: date) -> Term:
        """The term in force on a day: for a duration the day it started, for all else the day we ask about.

        A start before the first term of that code is judged by that first one. Raises NoTerm for an unknown code.
        """
        found = self.in_force(code, on)
        if found is not None:
            return found
        if code not in self._by_code:
            raise NoTerm(code)
        terms = self._by_code[code]
        return next((t for t in terms if t.effective_from <= on), terms[-1])

    def in_force(self, code: str, on: date) -> Term | None:
        """The term in force on a day, or None."""
        return next((t for t in self._by_code.get(code, ()) if t.in_force(on)), None)

    def limit(self, code: str, on: date) -> Limit:
        """The limit in force on a day. Raises NoTerm when there is none."""
        limit = self.term(code, on).limit
        if limit is None:
            raise NoTerm(code)
        return limit

    def known_at(self, moment: datetime) -> "Policy":
        """The policy as it was known at a moment."""
        if all(t.recorded_at <= moment for t in self.terms):
            return self
        return replace(self, terms=tuple(t for t in self.terms if t.recorded_at <= moment))

    def plus(self, terms: Iterable[Term]) -> "Policy":
        """This policy with terms added."""
        return replace(self, terms=(*self.terms, *terms))


def _term(
    code: str, title: str, limit: Limit | None, authority: str, since: date = ALWAYS, *, own_choice: bool = False
) -> Term:
    return Term(
        code=code, title=title, limit=limit, authority=authority, effective_from=since, own_choice=own_choice
    )  # fmt: skip


LEAVING_CARE_REGULATIONS = date(2011, 4, 1)  # Care Leavers and Care Planning (England) Regulations 2010 in force

CARE_PLANNING = "Care Planning, Placement and Case Review (England) Regulations 2010"

DEFAULT_POLICY = Policy(
    terms=(
        _term(
            "care_leaver.suitable_accommodation", "Suitable accommodation", None,
            "Children Act 1989 s23B(8); Care Leavers (England) Regulations 2010 reg 9 and Schedule 2",
            LEAVING_CARE_REGULATIONS,
        ),
        _term(
            "care_leaver.unacceptable_action", "Owned action for an unacceptable arrangement", Limit(7, Unit.DAYS),
            "Improvement plan 1.2.01: reviewed each week",
        ),
        _term(
            "care_leaver.unsuitable_review", "Review of other unsuitable accommodation", Limit(4, Unit.WEEKS),
            "Our own choice beside improvement plan 1.2.02", own_choice=True,
        ),
        _term(
            "care_leaver.judgement_after_move", "Judgement of suitability after a move", Limit(10, Unit.WORKING_DAYS),
            "Our own choice", own_choice=True,
        ),
        _term(
            "care_leaver.in_touch", "Two-way contact", Limit(56, Unit.DAYS),
            "Local standard: 8 weeks for every care leaver; from 21 as agreed with the young person", own_choice=True,
        ),
        _term(
            "care_leaver.contact_declined", "Contact declined, lost, or ended by a return home", None,
            "Our own choice: counted from the day it stands until two-way contact", own_choice=True,
        ),
        _term(
            "care_leaver.welfare_check", "Welfare check while contact is declined", Limit(28, Unit.DAYS),
            "Our own choice", own_choice=True,
        ),
        _term(
            "care_leaver.yearly_offer", "Offer of support at 21 and over", Limit(12, Unit.MONTHS),
            "Children Act 1989 s23CZB, as inserted by the Children and Social Work Act 2017 s3", date(2018, 4, 1),
        ),
        _term(
            "care_leaver.returned_home", "Return home that ends relevant status", Limit(6, Unit.MONTHS),
            "Care Leavers (England) Regulations 2010 reg 3", LEAVING_CARE_REGULATIONS,
        ),
        _term(
            "court.pre_proceedings", "Pre-proceedings", Limit(12, Unit.WEEKS),
            "Improvement plan 3.2.12; many councils allow 16 weeks",
        ),
        _term(
            "court.care_proceedings", "Care proceedings", Limit(26, Unit.WEEKS, beginning_with=True),
            "Children Act 1989 s32, as amended by the Children and Families Act 2014 s14", date(2014, 4, 22),
        ),
        _term(
            "child_protection.plan", "Child protection plan", Limit(9, Unit.MONTHS), "Improvement plan 3.2.24",
        ),
        _term(
            "child_protection.mid_point", "Mid-point check after the second review", Limit(3, Unit.MONTHS),
            "Improvement plan 4.2.24; the months are our own choice", own_choice=True,
        ),
        _term(
            "child_protection.repeat_plan", "A repeat child protection plan", None, "Improvement plan 3.2.23",
        ),
        _term(
            "child_protection.repeat_soon", "A repeat plan soon after the last", Limit(24, Unit.MONTHS),
            "Improvement plan 3.2.23; national measure of repeat plans within two years",
        ),
        _term(
            "permanence.first_review", "First review of a looked-after child", Limit(20, Unit.WORKING_DAYS),
            CARE_PLANNING + " reg 33(1)", LEAVING_CARE_REGULATIONS,
        ),
        _term(
            "permanence.second_review", "Second review, by which a permanence plan is agreed", Limit(3, Unit.MONTHS),
            CARE_PLANNING + " reg 33(2); improvement plan 2.2.09",
            LEAVING_CARE_REGULATIONS,
        ),
        _term(
            "permanence.pathway_plan_serves", "Age at entry from which a pathway plan may serve",
            Limit(15 * 12, Unit.MONTHS), "Our own choice", own_choice=True,
        ),
        _term(
            "allocation.social_worker", "An allocated social worker", None,
            "Working Together to Safeguard Children; " + CARE_PLANNING,
        ),
        _term(
            "allocation.personal_adviser", "A personal adviser", None,
            "Children Act 1989 ss23B(2), 23C(2) and 23D", date(2001, 10, 1),
        ),
        _term(
            "restart", "A restart within this time runs from the earlier start", Limit(28, Unit.DAYS),
            "Our own choice", own_choice=True,
        ),
        _term(
            "feed.stale", "Age at which an extract is stale", Limit(1, Unit.DAYS), "Our own choice", own_choice=True,
        ),
        _term(
            "feed.held_reminder", "What is held of a feed reminds each time this has passed", Limit(1, Unit.DAYS),
            "Our own choice", own_choice=True,
        ),
    )
)  # fmt: skip
