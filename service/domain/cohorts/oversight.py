"""Children and young people without an allocated worker."""

from dataclasses import dataclass
from datetime import date

from service.domain import dates, served
from service.domain.clocks import State
from service.domain.cohorts import pre_proceedings
from service.domain.facts import Allocation, AllocationRole, CareLeaverStatus, Fact
from service.domain.person import Facts
from service.domain.policy import Policy
from service.domain.rules import NOT_SUPPLIED, Cohort, Finding, Population, Question, days_since

CODE = "unallocated"


@dataclass(frozen=True, slots=True)
class _Need:
    """A worker somebody must have, why, and since when."""

    role: AllocationRole
    reasons: tuple[str, ...]
    since: date | None
    rests_on: tuple[Fact, ...]

    @property
    def words(self) -> str:
        return self.role.value.replace("_", " ")


def judge(facts: Facts, question: Question) -> Finding | None:
    """No active social worker or personal adviser for somebody who must have one. docs/rules.md."""
    unmet = [need for need in _needs(facts, question.as_at, question.policy) if not _met(facts, need, question.as_at)]
    return _finding(facts, unmet, question) if unmet else None


def needs_worker(facts: Facts, as_at: date, policy: Policy) -> bool:
    """Whether a child in care, on a plan or in pre-proceedings, or a care leaver served, that day."""
    return not facts.gone_on(as_at) and bool(_needs(facts, as_at, policy))


def _needs(facts: Facts, as_at: date, policy: Policy) -> list[_Need]:
    found = []
    child = _child_needs(facts, as_at)
    if child is not None:
        found.append(child)
    who = served.served_on(facts, as_at, policy)
    if who is not None:
        began = min((s.started_on for s in who.statuses if s.started_on is not None), default=None)
        found.append(_Need(AllocationRole.PERSONAL_ADVISER, ("care leaver served",), began, who.statuses))
    return found


def _child_needs(facts: Facts, as_at: date) -> _Need | None:
    if not (facts.periods_of_care or facts.child_protection_plans or facts.pre_proceedings):
        return None
    period = facts.period_on(as_at)
    plans = facts.plans_on(as_at)[:1]
    stages = pre_proceedings.open_stages(facts, as_at)[:1]
    grounds: list[tuple[str, date | None, Fact]] = []
    if period is not None:
        grounds.append(("in care", period.started_on, period))
    grounds += [("on a child protection plan", plan.started_on, plan) for plan in plans]
    grounds += [("in pre-proceedings", stage.started_on, stage) for stage in stages]
    if not grounds:
        return None
    began = min((day for _, day, _ in grounds if day is not None), default=None)
    reasons, rests_on = tuple(reason for reason, _, _ in grounds), tuple(fact for _, _, fact in grounds)
    return _Need(AllocationRole.SOCIAL_WORKER, reasons, began, rests_on)


def _met(facts: Facts, need: _Need, as_at: date) -> bool:
    if facts.active_workers(need.role, as_at):
        return True
    return need.role is AllocationRole.PERSONAL_ADVISER and any(
        _still_adviser(facts, status, as_at) for status in need.rests_on if isinstance(status, CareLeaverStatus)
    )


def _still_adviser(facts: Facts, status: CareLeaverStatus, as_at: date) -> bool:
    """Whether the adviser a source names stands: not one whose allocation to this young person has ended."""
    ref = status.personal_adviser_ref
    return ref is not None and not any(_ended(a, as_at) for a in facts.allocations if a.worker_ref == ref)


def _ended(allocation: Allocation, as_at: date) -> bool:
    return allocation.ended_on is not None and allocation.ended_on < as_at


def _finding(facts: Facts, unmet: list[_Need], question: Question) -> Finding:
    need, as_at = unmet[0], question.as_at
    supplied = Allocation.kind in question.supplied
    unmapped = facts.active_workers(None, as_at)
    last = max((a for a in facts.allocations if a.role is need.role and _ended(a, as_at)), key=_end, default=None)
    start = _end(last) if last is not None else need.since
    wanted = " and of an active ".join(each.words for each in unmet)
    line = NOT_SUPPLIED if not supplied else "role_unknown" if unmapped else f"no_{need.role.value}"
    return Finding(
        cohort=CODE,
        state=State.OVER if supplied and not unmapped else State.UNKNOWN,
        line=line,
        started_on=start,
        term=question.policy.term(f"allocation.{need.role.value}", as_at),
        days_in_state=days_since(start, as_at),
        explanation=_explain(need, last, start, as_at) if supplied else "No source has ever supplied allocations.",
        facts=(*unmapped, *filter(None, [last]), *(fact for each in unmet for fact in each.rests_on)),
        missing=tuple(f"an active {each.words}" for each in unmet),
        clears_when=f"The allocation of an active {wanted} is recorded.",
        flags=("unmapped_role",) if unmapped else (),
        extra={"reasons": [reason for each in unmet for reason in each.reasons]},
    )


def _end(allocation: Allocation) -> date:
    return allocation.ended_on or date.min


def _explain(need: _Need, last: Allocation | None, start: date | None, as_at: date) -> str:
    who = f"{', '.join(need.reasons).capitalize()}; no active {need.words}"
    if start is None:
        return f"{who}, since a day that is not recorded."
    days = dates.counted((as_at - start).days, "day")
    since = f"the last {need.words}'s allocation ended on" if last is not None else "none recorded since it began on"
    return f"{who}: {since} {dates.in_words(start)}; {dates.in_words(as_at)} is {days} later."


def _population(facts: Facts, as_at: date, policy: Policy) -> bool:
    return needs_worker(facts, as_at, policy)


UNALLOCATED = Cohort(
    code=CODE,
    title="Children and young people without an allocated worker",
    version=1,
    population=Population("children in care, on a plan or in pre-proceedings, and care leavers served", _population),
    judge=judge,
    rule=(
        "No active social worker for a child in care, on a child protection plan or in pre-proceedings; no active "
        "personal adviser for a care leaver served. A worker whose role is not mapped leaves it unknown."
    ),
    rests_on=("allocation",),
    terms=("allocation.social_worker", "allocation.personal_adviser"),
    lines=("no_social_worker", "no_personal_adviser", "role_unknown"),
    has_limit=False,
)
