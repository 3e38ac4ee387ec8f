"""Cohorts of children on child protection plans: over 9 months, and on a repeat plan."""

from datetime import date

from service.domain import dates
from service.domain.clocks import State
from service.domain.cohorts import court, pre_proceedings
from service.domain.facts import ChildProtectionPlan, CpReview, PlanCount
from service.domain.person import Facts, reached, to_last_day
from service.domain.policy import Policy
from service.domain.rules import Cohort, Finding, Population, Question, days_since, since, timed

OVER_9_MONTHS, REPEAT = "cp_plan_over_9_months", "repeat_cp_plan"


def _on_plan(facts: Facts, as_at: date, _policy: Policy) -> bool:
    return bool(facts.child_protection_plans) and not facts.gone_on(as_at) and bool(facts.plans_on(as_at))


ON_A_PLAN = Population("children on a child protection plan", _on_plan)


def judge_over_9_months(facts: Facts, question: Question) -> Finding | None:
    """An open plan, over from the day after its start plus 9 months. docs/rules.md."""
    open_plans = facts.plans_on(question.as_at) if facts.child_protection_plans else ()
    if not open_plans:
        return None
    plan = open_plans[0]
    start, joined = _runs_from(facts, plan, question)
    term = question.policy.term("child_protection.plan", start)
    clock = question.read(start, term)
    if not question.wants(clock.state):
        return None
    extra, reviews = _beside(facts, plan, start, question)
    restarted = f"Restarted on {dates.in_words(plan.started_on)}, so it runs from the earlier start." if joined else ""
    return timed(
        OVER_9_MONTHS,
        clock,
        term,
        facts=(plan, *joined, *reviews),
        missing=_missing(plan, clock.state, question.as_at),
        clears_when="The end of the plan is recorded.",
        flags=("restart",) if joined else (),
        extra=extra,
        because=restarted,
    )


def judge_repeat(facts: Facts, question: Question) -> Finding | None:
    """An open plan with an earlier one ever, by our rows or by a declared count. docs/rules.md."""
    open_plans = facts.plans_on(question.as_at) if facts.child_protection_plans else ()
    if not open_plans:
        return None
    plan = open_plans[-1]
    earlier = tuple(p for p in facts.child_protection_plans if p is not plan and p.started_on < plan.started_on)
    counts = tuple(c for c in facts.plan_counts if c.counted_on is None or c.counted_on <= question.as_at)
    here, elsewhere = _declared(plan, earlier, counts)
    if not here and not elsewhere:
        return None
    ended = max((p.ended_on for p in earlier if p.ended_on is not None), default=None)
    soon = _soon(ended, plan.started_on, question)
    return Finding(
        cohort=REPEAT,
        state=State.OVER,
        line={True: "within_two_years", False: "earlier", None: "previous_end_unknown"}[soon],
        started_on=plan.started_on,
        term=question.policy.term("child_protection.repeat_plan", question.as_at),
        days_in_state=days_since(plan.started_on, question.as_at),
        explanation=_why_repeat(plan, here, elsewhere, ended, question.as_at),
        facts=(plan, *earlier, *counts),
        missing=_repeat_missing(plan, ended, question.as_at),
        clears_when="The end of the plan is recorded.",
        flags=_repeat_flags(plan, earlier, ended, question),
        extra={
            "within_two_years": soon,
            "earlier_here": here,
            "earlier_elsewhere": elsewhere,
            "previous_ended_on": ended,
            "days_between": None if ended is None else (plan.started_on - ended).days,
            "repeat_screened_on": plan.repeat_screened_on,
            "category": plan.category,
        },
    )


def _runs_from(
    facts: Facts, plan: ChildProtectionPlan, question: Question
) -> tuple[date, tuple[ChildProtectionPlan, ...]]:
    """The start a plan runs from, and the plans before it that make it a restart."""
    first = plan.started_on
    joined: list[ChildProtectionPlan] = []
    for other in reversed(facts.child_protection_plans):
        if other is not plan and other.started_on < first and question.restarts(other.ended_on, first):
            first, joined = other.started_on, [*joined, other]
    return first, tuple(joined)


def _beside(
    facts: Facts, plan: ChildProtectionPlan, start: date, question: Question
) -> tuple[dict[str, object], tuple[CpReview, ...]]:
    """What the row shows beside its clock, and the reviews that were read for it."""
    held = _held(facts, start, question.as_at)
    second = held[1].held_on if len(held) > 1 else None
    extra: dict[str, object] = {
        "this_plan_started_on": plan.started_on,
        "category": plan.category,
        "plo_considered_on": plan.plo_considered_on,
        "plo_decision": plan.plo_decision,
        "reviews_held": len(held),
        "second_review_held_on": second,
        "next_review_due_on": plan.next_review_due_on or _next_due(facts, start, question.as_at),
        "mid_point_due_on": None if second is None else _mid_point(second, question),
        "mid_point_checked_on": plan.mid_point_checked_on,
        "in_pre_proceedings": pre_proceedings.in_pre_proceedings(facts, question.as_at),
        "in_proceedings": court.in_proceedings(facts, question.as_at),
        "looked_after": facts.looked_after_on(question.as_at),
    }
    return extra, held[:2]


def _mid_point(second_review: date, question: Question) -> date:
    return question.policy.limit("child_protection.mid_point", second_review).last_day(second_review)


def _held(facts: Facts, start: date, as_at: date) -> tuple[CpReview, ...]:
    """Reviews held since a plan started, one a day, earliest first: joined by person and date."""
    held = {r.held_on: r for r in facts.cp_reviews if r.held_on is not None and start < r.held_on <= as_at}
    return tuple(held[day] for day in sorted(held))


def _next_due(facts: Facts, start: date, as_at: date) -> date | None:
    awaited = (r.due_on for r in facts.cp_reviews if not reached(r.held_on, as_at))
    return min((day for day in awaited if day is not None and day > start), default=None)


def _missing(plan: ChildProtectionPlan, state: State, as_at: date) -> tuple[str, ...]:
    if state is State.OVER and not reached(plan.plo_considered_on, as_at):
        return ("the decision at 9 months whether to enter pre-proceedings",)
    return ()


# --- repeat plans ----------------------------------------------------------------------------


def _declared(
    plan: ChildProtectionPlan, earlier: tuple[ChildProtectionPlan, ...], counts: tuple[PlanCount, ...]
) -> tuple[int, int]:
    """Earlier plans (here, elsewhere): the larger of our own rows and of what any source declares."""
    rows_elsewhere = sum(p.other_council is True for p in earlier)
    here = max(len(earlier) - rows_elsewhere, plan.previous_here or 0, *(c.here or 0 for c in counts), 0)
    elsewhere = max(rows_elsewhere, plan.previous_elsewhere or 0, *(c.elsewhere or 0 for c in counts), 0)
    return here, elsewhere


def _soon(ended: date | None, started: date, question: Question) -> bool | None:
    if ended is None:
        return None
    return ended >= started or started <= question.policy.limit("child_protection.repeat_soon", started).last_day(ended)


def _why_repeat(plan: ChildProtectionPlan, here: int, elsewhere: int, ended: date | None, as_at: date) -> str:
    count = f"{dates.counted(here, 'earlier plan')} here and {elsewhere} elsewhere"
    gap = "the end of the previous one is not recorded"
    if ended is not None:
        days = dates.counted((plan.started_on - ended).days, "day")
        gap = f"the previous one ended on {dates.in_words(ended)}, {days} before this one started"
    return f"On a plan {since(plan.started_on, as_at)}; {count}; {gap}."


def _repeat_missing(plan: ChildProtectionPlan, ended: date | None, as_at: date) -> tuple[str, ...]:
    found = ["the end of the previous plan"] if ended is None else []
    if not reached(plan.repeat_screened_on, as_at):
        found.append("the screening of the repeat plan")
    return tuple(found)


def _repeat_flags(
    plan: ChildProtectionPlan, earlier: tuple[ChildProtectionPlan, ...], ended: date | None, question: Question
) -> tuple[str, ...]:
    flags = [] if reached(plan.repeat_screened_on, question.as_at) else ["screening_outstanding"]
    if ended is not None and question.restarts(ended, plan.started_on):
        flags.append("restart")
    if any(to_last_day(p.started_on, p.ended_on, question.as_at) for p in earlier):
        flags.append("two_open_plans")
    return tuple(flags)


CP_PLAN_OVER_9_MONTHS = Cohort(
    code=OVER_9_MONTHS,
    title="Children on a child protection plan over 9 months",
    version=1,
    population=ON_A_PLAN,
    judge=judge_over_9_months,
    rule=(
        "An open plan, over from the day after its start plus 9 months. Shown beside it: the decision whether to enter "
        "pre-proceedings, the next review, the mid-point check, pre-proceedings, proceedings, looked after."
    ),
    rests_on=("child_protection_plan",),
    terms=("child_protection.plan", "child_protection.mid_point", "restart"),
)

REPEAT_CP_PLAN = Cohort(
    code=REPEAT,
    title="Children on a repeat child protection plan",
    version=1,
    population=ON_A_PLAN,
    judge=judge_repeat,
    rule=(
        "An open plan with an earlier one ever, by our own rows or by a declared count, here and elsewhere apart. "
        "Within two years: from the end of the previous plan to the start of this one. A restart is still a repeat "
        "plan, flagged."
    ),
    rests_on=("child_protection_plan",),
    terms=("child_protection.repeat_plan", "child_protection.repeat_soon", "restart"),
    lines=("within_two_years", "earlier", "previous_end_unknown"),
    has_limit=False,
)
