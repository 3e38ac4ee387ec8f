"""Cohorts of care leavers served: unsuitable and unknown accommodation, and not in touch."""

from dataclasses import replace
from datetime import date

from service.domain import dates, served, touch
from service.domain.clocks import Limit, State, Unit
from service.domain.cohorts import accommodation
from service.domain.facts import CareLeaverStatus, Fact, InTouch
from service.domain.person import Facts
from service.domain.policy import Term
from service.domain.rules import Cohort, Finding, Question, aside, days_since, since, timed
from service.domain.served import Served, Standing
from service.domain.touch import Touch

CODE = "not_in_touch"
ENDS_SILENCE = "Two-way contact with the young person is recorded."

# Categories that count from the day they stand, worst first, with the line they are shown on.
_STANDS_ALONE = ((InTouch.REFU, "declined"), (InTouch.RHOM, "returned_home"), (InTouch.NO, "said_not_in_touch"))
_SAID = {
    InTouch.REFU: "Contact declined (REFU)",
    InTouch.RHOM: "Returned home (RHOM)",
    InTouch.NO: "The source says not in touch (NO)",
}


def judge_not_in_touch(facts: Facts, question: Question) -> Finding | None:
    """No two-way contact for 56 days, or as agreed from 21. docs/rules.md."""
    who = served.served_on(facts, question.as_at, question.policy)
    if who is None:
        return None
    last = touch.last_two_way(facts, question.as_at)
    for category, line in _STANDS_ALONE:
        stood = _uncleared(facts, who, category, last, question.as_at)
        if stood is not None:
            return _standing_alone(facts, who, category, line, stood, last, question)
    if all(status.in_touch is InTouch.NREQ for status in who.statuses) and _is_21(who):
        return _yearly_offer(facts, who, last, question)
    if last is None:
        return _no_information(who, question)
    return _silent(who, last, question)


def _is_21(who: Served) -> bool:
    return who.age is not None and who.age >= served.SUPPORT_FROM_AGE


def _uncleared(
    facts: Facts, who: Served, category: InTouch, last: Touch | None, as_at: date
) -> tuple[Standing, bool] | None:
    """From when a category stands that no two-way contact since has ended, and whether a contact came before it."""
    if all(status.in_touch is not category for status in who.statuses):
        return None
    if category is InTouch.RHOM and who.age is not None and who.age < 18:
        return None
    stood = served.standing(facts, category, as_at)
    if last is None or stood.since is None:
        return stood, False
    # Declining is itself a conversation, so contact on that very day does not end it.
    cleared = last.day >= stood.since if category is InTouch.NO else last.day > stood.since
    return None if cleared else (stood, True)


def _standing_alone(
    facts: Facts,
    who: Served,
    category: InTouch,
    line: str,
    stood: tuple[Standing, bool],
    last: Touch | None,
    question: Question,
) -> Finding:
    began, basis = stood[0].since, stood[0].basis.value
    if category is InTouch.NO and last is not None:
        silent = _silent(who, last, question)
        if silent is not None and silent.state is State.OVER:
            return replace(silent, flags=(*silent.flags, "source_says_no"))
    extra: dict[str, object] = {"last_contact_on": None if last is None else last.day}
    if category is InTouch.REFU:
        extra["welfare_check"] = _welfare_check(facts, began, question)
    return Finding(
        cohort=CODE,
        state=State.OVER,
        line=line,
        started_on=began,
        started_on_basis=basis,
        term=question.policy.term("care_leaver.contact_declined", question.as_at),
        days_in_state=days_since(began, question.as_at),
        explanation=f"{_SAID[category]} {since(began, question.as_at, basis)}; {_before(last)}.",
        facts=_resting(who, last),
        missing=() if began is not None else ("the day from which this stands",),
        clears_when=ENDS_SILENCE,
        flags=who.flags,
        extra=extra,
    )


def _before(last: Touch | None) -> str:
    if last is None:
        return "no two-way contact is recorded"
    return f"the last two-way contact, on {dates.in_words(last.day)}, does not end it"


def _welfare_check(facts: Facts, began: date | None, question: Question) -> dict[str, object]:
    """The clock of welfare checks while contact is declined: from the last news that the young person was safe."""
    term = question.policy.term("care_leaver.welfare_check", question.as_at)
    news = touch.last_welfare_news(facts, question.as_at)
    days = [day for day in (began, None if news is None else news.day) if day is not None]
    if not days:
        return {"state": State.UNKNOWN.value, "limit": term.words, "authority": term.authority}
    return {**aside(question.read(max(days), term), term), "last_known_safe_on": None if news is None else news.day}


def _yearly_offer(facts: Facts, who: Served, last: Touch | None, question: Question) -> Finding | None:
    stood = served.standing(facts, InTouch.NREQ, question.as_at)
    days = [day for day in (stood.since, None if last is None else last.day) if day is not None]
    if not days:
        return _no_information(who, question)
    term = question.policy.term("care_leaver.yearly_offer", question.as_at)
    clock = question.read(max(days), term)
    if not question.wants(clock.state):
        return None
    return timed(
        CODE, clock, term, line="yearly_offer", basis=stood.basis.value, facts=_resting(who, last),
        clears_when="The yearly offer of support is made and two-way contact is recorded.", flags=who.flags,
        because="Contact no longer required (NREQ); support is offered each year.",
    )  # fmt: skip


def _no_information(who: Served, question: Question) -> Finding:
    return Finding(
        cohort=CODE,
        state=State.UNKNOWN,
        line="no_information",
        term=_term(who, question),
        explanation="No two-way contact with a date is recorded, and no source gives a dated one.",
        facts=who.statuses,
        missing=("the date of the last two-way contact",),
        clears_when=ENDS_SILENCE,
        flags=(*who.flags, *_doubts(who)),
    )


def _silent(who: Served, last: Touch, question: Question) -> Finding | None:
    term = _term(who, question)
    clock = question.read(last.day, term)
    if not question.wants(clock.state):
        return None
    return timed(
        CODE, clock, term, line="no_contact", facts=_resting(who, last), clears_when=ENDS_SILENCE,
        flags=(*who.flags, *_doubts(who)), extra={"last_contact_on": last.day},
        because=f"The last two-way contact was on {dates.in_words(last.day)}.",
    )  # fmt: skip


def _doubts(who: Served) -> tuple[str, ...]:
    """NREQ below 21, or beside another category, excuses nobody from contact."""
    return ("no_longer_required_does_not_count",) if any(s.in_touch is InTouch.NREQ for s in who.statuses) else ()


def _term(who: Served, question: Question) -> Term:
    """The interval between contacts: as agreed from 21 (the shortest, where sources differ), else the policy's."""
    term = question.policy.term("care_leaver.in_touch", question.as_at)
    agreed = [days for s in who.statuses if (days := s.contact_interval_days) is not None and days > 0]
    if not agreed or not _is_21(who):
        return term
    return replace(term, limit=Limit(min(agreed), Unit.DAYS), authority="Agreed with the young person, aged 21 or over")


def _resting(who: Served, last: Touch | None) -> tuple[Fact, ...]:
    found: tuple[Fact | CareLeaverStatus, ...] = who.statuses if last is None else (last.fact, *who.statuses)
    return tuple({id(fact): fact for fact in found}.values())


UNSUITABLE_ACCOMMODATION = Cohort(
    code=accommodation.UNSUITABLE,
    title="Care leavers in unsuitable accommodation",
    version=1,
    population=accommodation.SERVED,
    judge=accommodation.judge_unsuitable,
    rule=(
        "A care leaver served in an unacceptable arrangement (no fixed abode, sofa surfing, bed and breakfast, tent; "
        "codes S and W always) is in danger whatever the code or judgement. In custody (X), in emergency accommodation "
        "(V) until judged, or judged unsuitable: over."
    ),
    rests_on=("accommodation",),
    terms=(
        "care_leaver.suitable_accommodation",
        "care_leaver.unacceptable_action",
        "care_leaver.unsuitable_review",
        "restart",
    ),
    lines=("unacceptable", "other", "in_custody"),
    has_limit=False,
    unknown_from=accommodation.UNKNOWN,
)

ACCOMMODATION_UNKNOWN = Cohort(
    code=accommodation.UNKNOWN,
    title="Care leavers whose accommodation is not known",
    version=1,
    population=accommodation.SERVED,
    judge=accommodation.judge_unknown,
    rule=(
        "A care leaver served in the United Kingdom, not in unsuitable accommodation, with no accommodation, code R or "
        '0, or no judgement. After a recorded move from a place judged suitable the first working days are "being '
        'assessed" (approaching). Abroad and deported are shown beside it.'
    ),
    rests_on=("accommodation",),
    terms=("care_leaver.suitable_accommodation", "care_leaver.judgement_after_move"),
    lines=("no_accommodation", "not_known", "not_judged", "being_assessed"),
    beside=("abroad", "deported"),
    has_limit=False,
)

NOT_IN_TOUCH = Cohort(
    code=CODE,
    title="Care leavers not in touch",
    version=1,
    population=accommodation.SERVED,
    judge=judge_not_in_touch,
    rule=(
        "A care leaver served with no two-way contact within the interval. Declined (REFU), returned home (RHOM, from "
        "18) and said not in touch (NO) count from the day they stand until two-way contact since. No longer required "
        "(NREQ, from 21): the yearly offer only. A source's YES counts on its date. No dated contact: unknown."
    ),
    rests_on=("contact", "care_leaver_status"),
    terms=(
        "care_leaver.in_touch",
        "care_leaver.contact_declined",
        "care_leaver.welfare_check",
        "care_leaver.yearly_offer",
        "care_leaver.returned_home",
    ),
    lines=("no_contact", "declined", "returned_home", "said_not_in_touch", "yearly_offer", "no_information"),
)
