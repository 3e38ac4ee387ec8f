"""Looked-after children without a permanence plan agreed and recorded by the second review."""

from dataclasses import dataclass
from datetime import date, timedelta

from service.domain import dates
from service.domain.clocks import State, position, stands, window
from service.domain.facts import CareLeaverStatus, ClaReview, PeriodOfCare, PermanencePlan
from service.domain.person import Facts, reached
from service.domain.policy import Policy, Term
from service.domain.rules import NOT_SUPPLIED, Cohort, Finding, Population, Question

CODE = "no_permanence_plan"
REVERSED = "reversed_without_date"
ONE_NIGHT = timedelta(days=1)
CLEARS = "A permanence plan is agreed at a review and recorded on Eclipse."


@dataclass(frozen=True, slots=True)
class _Deadline:
    """The day by which the plan had to be agreed, the day from which it is counted, and the sentence that says why."""

    entered_on: date
    due_on: date
    second_held_on: date | None
    second_due_on: date
    reviews: tuple[ClaReview, ...]
    term: Term
    why: str


def judge(facts: Facts, question: Question) -> Finding | None:
    """Past the earlier of second review held and due, without a plan agreed and recorded. docs/rules.md."""
    if not facts.periods_of_care:
        return None
    period = facts.period_on(question.as_at)
    if period is None or facts.on_short_breaks(question.as_at):
        return None
    plan = _latest_plan(facts, period, question.as_at)
    served_by = plan if _agreed_and_recorded(plan, question.as_at) else _pathway_plan(facts, period, question)
    if served_by is not None and not question.within:
        return None
    deadline = _deadline(facts, period, question)
    if served_by is not None:
        return _finding(facts, period, served_by, deadline, State.WITHIN, None, question)
    state = stands(deadline.entered_on, deadline.due_on, question.as_at)
    if not question.wants(state):
        return None
    if state is State.OVER and PermanencePlan.kind not in question.supplied:
        return _finding(facts, period, None, deadline, State.UNKNOWN, NOT_SUPPLIED, question)
    return _finding(facts, period, plan, deadline, state, _line(plan, deadline, question.as_at), question)


def _line(plan: PermanencePlan | None, deadline: _Deadline, as_at: date) -> str:
    if plan is not None and reached(plan.agreed_on, as_at):
        return "agreed_not_recorded"
    late = deadline.second_held_on is None and as_at > deadline.second_due_on
    return "review_not_held" if late else "none_agreed"


def _entered(facts: Facts, period: PeriodOfCare) -> tuple[date, tuple[PeriodOfCare, ...]]:
    """Entry to care; a period that ended at most one night before goes on, shown as a restart."""
    first = period.started_on
    joined: tuple[PeriodOfCare, ...] = (period,)
    for other in reversed(facts.periods_of_care):
        if other is period or other.started_on >= first or other.ended_on is None:
            continue
        if first - ONE_NIGHT <= other.ended_on:
            first, joined = other.started_on, (*joined, other)
    return first, joined


def _latest_plan(facts: Facts, period: PeriodOfCare, as_at: date) -> PermanencePlan | None:
    """The plan of this period of care: agreed and recorded first, then agreed, then any."""
    entered_on, joined = _entered(facts, period)
    others = (p.ended_on for p in facts.periods_of_care if p not in joined)
    before = max((day for day in others if day is not None), default=None)
    current = [
        p
        for p in facts.permanence_plans
        if (p.ended_on is None or p.ended_on > as_at)
        and not _undone(p)
        and (p.agreed_on is None or before is None or p.agreed_on > before or p.agreed_on >= entered_on)
    ]
    return max(
        current, key=lambda p: (_agreed_and_recorded(p, as_at), reached(p.agreed_on, as_at), p.agreed_on or date.min),
        default=None,
    )  # fmt: skip


def _undone(plan: PermanencePlan) -> bool:
    """A decision reversed on a day nobody wrote down, with nothing secured since: no plan stands."""
    return plan.known is not None and REVERSED in plan.known.flags and plan.secured_on is None


def _agreed_and_recorded(plan: PermanencePlan | None, as_at: date) -> bool:
    return plan is not None and reached(plan.agreed_on, as_at) and reached(plan.recorded_on, as_at)


def _pathway_plan(facts: Facts, period: PeriodOfCare, question: Question) -> CareLeaverStatus | None:
    """A pathway plan made in this period, for a child who entered care at 15 or over, if the policy lets it serve."""
    entered_on = _entered(facts, period)[0]
    term = question.policy.in_force("permanence.pathway_plan_serves", question.as_at)
    born_on = facts.person.born_on
    if term is None or term.limit is None or born_on is None or entered_on < term.limit.last_day(born_on):
        return None
    held = (s for s in facts.care_leaver_statuses if reached(s.pathway_plan_on, question.as_at))
    return next((s for s in held if s.pathway_plan_on is not None and s.pathway_plan_on >= entered_on), None)


def _deadline(facts: Facts, period: PeriodOfCare, question: Question) -> _Deadline:
    """The earlier of second review held and due: the first as held, else entry + 20 working days, plus 3 months."""
    entered_on, joined = _entered(facts, period)
    held = _held(facts, entered_on, joined, question.as_at)
    days = sorted(held)
    first_term = question.policy.term("permanence.first_review", entered_on)
    first = days[0] if days else question.policy.limit(first_term.code, entered_on).last_day(entered_on)
    second_limit = question.policy.limit("permanence.second_review", first)
    second_due = second_limit.last_day(first)
    second_held = days[1] if len(days) > 1 else None
    due_on = second_due if second_held is None else min(second_held, second_due)
    entry = f"{first_term.words} after entry on {dates.in_words(entered_on)}"
    why = (
        f"The first review was {'held' if days else 'due'} on {dates.in_words(first)}{'' if days else ', ' + entry}; "
        f"the second was due {second_limit.words} later, on {dates.in_words(second_due)}, and "
        + ("is not held" if second_held is None else f"was held on {dates.in_words(second_held)}")
    )
    reviews = tuple(held[day] for day in days[:2])
    term = question.policy.term("permanence.second_review", first)
    return _Deadline(entered_on, due_on, second_held, second_due, reviews, term, why)


def _held(facts: Facts, entered_on: date, joined: tuple[PeriodOfCare, ...], as_at: date) -> dict[date, ClaReview]:
    """Reviews of the period held by a day, one a day: joined by the period's reference where both give it."""
    refs = {p.period_ref for p in joined} - {None}
    return {
        r.held_on: r
        for r in facts.cla_reviews
        if r.held_on is not None
        and entered_on <= r.held_on <= as_at
        and (not refs or r.period_ref is None or r.period_ref in refs)
    }


def _finding(
    facts: Facts,
    period: PeriodOfCare,
    plan: PermanencePlan | CareLeaverStatus | None,
    deadline: _Deadline,
    state: State,
    line: str | None,
    question: Question,
) -> Finding:
    joined = _entered(facts, period)[1]
    over = max(0, (question.as_at - deadline.due_on).days)
    in_window = (question.as_at - deadline.due_on).days + window(deadline.entered_on, deadline.due_on)
    served = state is State.WITHIN and plan is not None
    return Finding(
        cohort=CODE,
        state=state,
        line=line,
        started_on=deadline.entered_on,
        term=deadline.term,
        due_on=deadline.due_on,
        days_over=None if state is State.UNKNOWN else 0 if served else over,
        days_in_state=in_window if state is State.APPROACHING else over or (question.as_at - deadline.entered_on).days,
        explanation=_explain(plan, deadline, question.as_at),
        facts=(*filter(None, [plan]), *joined, *deadline.reviews),
        missing=() if served else _MISSING.get(line or "", ()),
        clears_when="The plan ends, or a new period of care begins." if served else CLEARS,
        flags=_flags(plan, joined),
        extra=_beside(plan, period, deadline, question.as_at),
    )


def _explain(plan: PermanencePlan | CareLeaverStatus | None, deadline: _Deadline, as_at: date) -> str:
    if isinstance(plan, CareLeaverStatus) and plan.pathway_plan_on is not None:
        return f"Entered care at 15 or over; the pathway plan of {dates.in_words(plan.pathway_plan_on)} serves."
    agreed = plan.agreed_on if isinstance(plan, PermanencePlan) and reached(plan.agreed_on, as_at) else None
    recorded = plan.recorded_on if isinstance(plan, PermanencePlan) and reached(plan.recorded_on, as_at) else None
    if agreed is not None and recorded is not None:
        return f"A plan was agreed on {dates.in_words(agreed)} and recorded on {dates.in_words(recorded)}."
    said = "No plan is agreed"
    if agreed is not None:
        said = f"A plan was agreed on {dates.in_words(agreed)} but is not recorded"
    last = f"The last day within is {dates.in_words(deadline.due_on)}"
    return f"{deadline.why}. {last}; {position(deadline.due_on, as_at)}. {said}."


def _flags(plan: PermanencePlan | CareLeaverStatus | None, joined: tuple[PeriodOfCare, ...]) -> tuple[str, ...]:
    restarted = ("restart",) if len(joined) > 1 else ()
    unmapped = ("unmapped_route",) if isinstance(plan, PermanencePlan) and plan.route is None else ()
    return (*restarted, *unmapped, *(("pathway_plan_serves",) if isinstance(plan, CareLeaverStatus) else ()))


def _beside(
    plan: PermanencePlan | CareLeaverStatus | None, period: PeriodOfCare, deadline: _Deadline, as_at: date
) -> dict[str, object]:
    shown = plan if isinstance(plan, PermanencePlan) else PermanencePlan()
    return {
        "period_started_on": period.started_on,
        "days_in_care": (as_at - deadline.entered_on).days,
        "reviews_held": len(deadline.reviews),
        "second_review_due_on": deadline.second_due_on,
        "second_review_held_on": deadline.second_held_on,
        "route": None if shown.route is None else shown.route.value,
        "parallel_route": None if shown.parallel_route is None else shown.parallel_route.value,
        "agreed_on": shown.agreed_on,
        "recorded_on": shown.recorded_on,
    }


_MISSING: dict[str, tuple[str, ...]] = {
    "none_agreed": ("an agreed permanence plan", "its record on Eclipse"),
    "review_not_held": ("the second review", "an agreed permanence plan", "its record on Eclipse"),
    "agreed_not_recorded": ("the record of the plan on Eclipse",),
    NOT_SUPPLIED: ("a source of permanence plans",),
}


def _looked_after(facts: Facts, as_at: date, _policy: Policy) -> bool:
    return bool(facts.periods_of_care) and not facts.gone_on(as_at) and facts.looked_after_on(as_at)


NO_PERMANENCE_PLAN = Cohort(
    code=CODE,
    title="Looked-after children without a permanence plan",
    version=1,
    population=Population("looked-after children (not in short breaks)", _looked_after),
    judge=judge,
    rule=(
        "Looked after (not short breaks, V3 and V4), past the earlier of second review held and due, in each period of "
        "care, without a plan agreed and recorded. Due: the first review as held, or else 20 working days after entry, "
        "plus 3 months. For entry at 15 or over a pathway plan may serve."
    ),
    rests_on=("permanence_plan",),
    terms=("permanence.first_review", "permanence.second_review", "permanence.pathway_plan_serves"),
    lines=("none_agreed", "agreed_not_recorded", "review_not_held"),
)
