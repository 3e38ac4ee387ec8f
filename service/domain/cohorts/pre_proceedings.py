"""Children in pre-proceedings over 12 weeks."""

from dataclasses import replace
from datetime import date

from service.domain import dates
from service.domain.clocks import State
from service.domain.facts import Basis, CareProceedings, PreProceedings, PreProceedingsOutcome
from service.domain.person import Facts, reached
from service.domain.policy import Policy
from service.domain.rules import Cohort, Finding, Population, Question, aside, days_since, timed, worst

CODE = "pre_proceedings_over_12_weeks"
LEAVES = "A dated step-down or a court application is recorded."


def left_on(stage: PreProceedings, proceedings: tuple[CareProceedings, ...], as_at: date) -> date | None:
    """The day pre-proceedings ended, by a day: step-down, court application, or issue where that date is missing."""
    ends = [stage.court_application_on]
    if stage.outcome is PreProceedingsOutcome.STEP_DOWN:
        ends.append(stage.step_decided_on)
    begun = stage.started_on or stage.letter_sent_on
    ends += [p.issued_on for p in proceedings if begun is not None and p.issued_on >= begun]
    return min((day for day in ends if day is not None and day <= as_at), default=None)


def open_stages(facts: Facts, as_at: date) -> tuple[PreProceedings, ...]:
    """Pre-proceedings begun and not left by a day. A decision to issue, without application, is still open."""
    begun = (s for s in facts.pre_proceedings if _begun(s, as_at))
    return tuple(s for s in begun if left_on(s, facts.care_proceedings, as_at) is None)


def in_pre_proceedings(facts: Facts, as_at: date) -> bool:
    """Whether the child is in pre-proceedings that day."""
    return bool(facts.pre_proceedings) and bool(open_stages(facts, as_at))


def judge(facts: Facts, question: Question) -> Finding | None:
    """From the start to step-down or court application: over after 12 weeks. docs/rules.md."""
    if not facts.pre_proceedings:
        return None
    found = [_judge_stage(facts, stage, question) for stage in open_stages(facts, question.as_at)]
    return worst(finding for finding in found if finding is not None)


def _begun(stage: PreProceedings, as_at: date) -> bool:
    begun = stage.started_on or stage.letter_sent_on
    return begun is None or begun <= as_at


def _judge_stage(facts: Facts, stage: PreProceedings, question: Question) -> Finding | None:
    start = stage.started_on or stage.letter_sent_on
    if start is None:
        return _start_unknown(facts, stage, None, question)
    first, earlier = _earlier(facts, stage, start, question)
    term = question.policy.term("court.pre_proceedings", first)
    clock = question.read(first, term)
    doubtful = _outcome_unknown(stage, question.as_at)
    assumed = stage.started_on is None and first == start
    if assumed and clock.state is not State.OVER:
        return _start_unknown(facts, stage, start, question)
    if not doubtful and not question.wants(clock.state):
        return None
    decided = stage.outcome is PreProceedingsOutcome.ISSUE and reached(stage.step_decided_on, question.as_at)
    restarted = ("restart",) if first != start else ()
    finding = timed(
        CODE,
        clock,
        term,
        line="decided_not_issued" if decided else "open",
        basis=(Basis.ASSUMED if assumed else Basis.RECORDED).value,
        facts=(stage, *earlier),
        missing=("the day pre-proceedings started",) if stage.started_on is None else (),
        clears_when=LEAVES,
        flags=(*restarted, *_flags(facts, stage)),
        extra=_beside(facts, stage, start, question),
        because=_because(stage, start, first, decided),
    )
    return _with_unknown_outcome(finding, stage, question.as_at) if doubtful else finding


def _earlier(
    facts: Facts, stage: PreProceedings, start: date, question: Question
) -> tuple[date, tuple[PreProceedings, ...]]:
    """The start this stage runs from, and the stages before it that make it a restart."""
    first = start
    joined: list[PreProceedings] = []
    for other in reversed(facts.pre_proceedings):
        begun = other.started_on or other.letter_sent_on
        if other is stage or begun is None or begun >= first:
            continue
        ended = left_on(other, facts.care_proceedings, question.as_at)
        if ended is not None and question.restarts(ended, first):
            first, joined = begun, [*joined, other]
    return first, tuple(joined)


def _outcome_unknown(stage: PreProceedings, as_at: date) -> bool:
    """Whether an ending is said that cannot be read: an outcome not mapped, a decision without one, no date."""
    if stage.outcome is PreProceedingsOutcome.STEP_DOWN:
        return stage.step_decided_on is None
    return stage.outcome is None and (stage.outcome_code is not None or reached(stage.step_decided_on, as_at))


def _with_unknown_outcome(finding: Finding, stage: PreProceedings, as_at: date) -> Finding:
    stepped = stage.outcome is PreProceedingsOutcome.STEP_DOWN
    said = "A step-down without a date" if stepped else "A decision whose outcome is not known"
    when = f" on {dates.in_words(stage.step_decided_on)}" if stage.step_decided_on is not None else ""
    return replace(
        finding,
        state=State.UNKNOWN,
        line="outcome_unknown",
        days_over=None,
        days_in_state=days_since(stage.step_decided_on or finding.started_on, as_at),
        explanation=f"{said}{when}, and no court application. If it is still open: {finding.explanation}",
        missing=(*finding.missing, "the day of the step-down" if stepped else "the outcome of the decision"),
    )


def _start_unknown(facts: Facts, stage: PreProceedings, letter: date | None, question: Question) -> Finding:
    sent = f" The letter was sent on {dates.in_words(letter)}, so it had started by then." if letter else ""
    return Finding(
        cohort=CODE,
        state=State.UNKNOWN,
        line="start_unknown",
        started_on=letter,
        started_on_basis=Basis.ASSUMED.value,
        term=question.policy.term("court.pre_proceedings", letter or question.as_at),
        days_in_state=days_since(letter, question.as_at),
        explanation=f"The day pre-proceedings started is not recorded.{sent}",
        facts=(stage,),
        missing=("the day pre-proceedings started",),
        clears_when="The start date is recorded; " + LEAVES[0].lower() + LEAVES[1:],
        flags=_flags(facts, stage),
        extra=_beside(facts, stage, letter or question.as_at, question),
    )


def _flags(facts: Facts, stage: PreProceedings) -> tuple[str, ...]:
    unmapped = ("unmapped_outcome",) if stage.outcome is None and stage.outcome_code is not None else ()
    unborn = ("unborn",) if facts.person.born_on is None and facts.person.expected_on is not None else ()
    return (*unmapped, *unborn)


def _because(stage: PreProceedings, start: date, first: date, decided: bool) -> str:
    said = []
    if first != start:
        began = f"Restarted on {dates.in_words(start)}, within 28 days of the end of the period begun"
        said.append(f"{began} on {dates.in_words(first)}, so it runs from then.")
    if decided and stage.step_decided_on is not None:
        said.append(f"Decided on {dates.in_words(stage.step_decided_on)} to issue, but no application is recorded.")
    return " ".join(said)


def _beside(facts: Facts, stage: PreProceedings, start: date, question: Question) -> dict[str, object]:
    """What the row shows beside its clock: the clock from the letter, earlier periods and the sum of all days."""
    letter = stage.letter_sent_on
    earlier = [p for p in (_period(facts, s, question.as_at) for s in facts.pre_proceedings if s is not stage) if p]
    sent = letter is not None and letter <= question.as_at
    term = question.policy.term("court.pre_proceedings", letter or start)
    in_earlier = sum(days for p in earlier if isinstance(days := p["days"], int))
    return {
        "this_period_started_on": start,
        "from_letter": aside(question.read(letter, term), term) if sent and letter else None,
        "earlier_periods": earlier,
        "days_in_all": in_earlier + (question.as_at - start).days,
        "family_group": stage.family_group,
        "planned_end_on": stage.planned_end_on,
        "reason": stage.reason_over_12_weeks,
        "step_decided_on": stage.step_decided_on,
    }


def _period(facts: Facts, stage: PreProceedings, as_at: date) -> dict[str, object] | None:
    """A period of pre-proceedings that is over, with its days."""
    start = stage.started_on or stage.letter_sent_on
    ended = left_on(stage, facts.care_proceedings, as_at)
    if start is None or ended is None or start > ended:
        return None
    return {"started_on": start, "ended_on": ended, "days": (ended - start).days}


def _population(facts: Facts, as_at: date, _policy: Policy) -> bool:
    return not facts.gone_on(as_at) and in_pre_proceedings(facts, as_at)


PRE_PROCEEDINGS_OVER_12_WEEKS = Cohort(
    code=CODE,
    title="Children in pre-proceedings over 12 weeks",
    version=1,
    population=Population("children in pre-proceedings", _population),
    judge=judge,
    rule=(
        "From the day pre-proceedings start to step-down or court application. A decision to issue without "
        "application stays open; an outcome that is not mapped, without application, is unknown. The clock from the "
        "letter, earlier periods and their sum are shown beside it."
    ),
    rests_on=("pre_proceedings",),
    terms=("court.pre_proceedings", "restart"),
    lines=("open", "decided_not_issued", "outcome_unknown", "start_unknown"),
)
