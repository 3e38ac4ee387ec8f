"""A cohort is a rule over facts at a date: what a rule is asked, what it answers, and how answers are ordered."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from service.domain import clocks, dates
from service.domain.clocks import GRAVITY, Clock, State
from service.domain.facts import Fact
from service.domain.person import Facts
from service.domain.policy import NoTerm, Policy, Term

MISSING_NOW = "missing_now"
NOT_SUPPLIED = "source_does_not_supply"
NOT_YET_COLLECTED = "not_yet_collected"
FEED_STATES = (NOT_SUPPLIED, NOT_YET_COLLECTED)  # said of what reaches us, counted apart

_CARRIED = frozenset({"contested", "sources_disagree", "left_the_extract", "contradictory_code"})
_CARRIED_PREFIXES = ("no_longer_supplied:", "unmapped_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule says of one person on one day, and why."""

    cohort: str
    state: State
    line: str | None = None
    started_on: date | None = None
    started_on_basis: str = "recorded"  # recorded, observed ("at least n days") or assumed
    term: Term | None = None
    due_on: date | None = None  # last day still within; None for a cohort without a limit
    days_over: int | None = None
    days_in_state: int | None = None
    explanation: str  # the arithmetic in a plain sentence with real dates
    facts: tuple[Fact, ...] = ()  # what it rests on
    missing: tuple[str, ...] = ()  # what is missing, in words
    clears_when: str
    flags: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)  # shown beside: plain values, dates, lists, mappings

    @property
    def limit(self) -> str | None:
        """The limit in words; None where the cohort has none."""
        return None if self.term is None else self.term.words

    @property
    def counts(self) -> bool:
        """Whether the row is in the cohort's `count`."""
        return self.state in (State.OVER, State.DANGER) and self.line not in FEED_STATES


@dataclass(frozen=True, slots=True)
class Question:
    """What every rule is asked: on which London day, by which policy, with which kinds of fact ever supplied."""

    as_at: date
    policy: Policy
    supplied: frozenset[str]
    within: bool = False  # whether an answer is wanted where all is within limits

    def wants(self, state: State) -> bool:
        """Whether an answer in that state is wanted; asked before an explanation is built."""
        return self.within or state is not State.WITHIN

    def read(self, start: date, term: Term) -> Clock:
        """A term's limit running from a start, read on the day asked about. Raises NoTerm for a prohibition."""
        if term.limit is None:
            raise NoTerm(term.code)
        return clocks.read(start, term.limit, self.as_at, window_days=term.approaching_days)

    def restarts(self, ended_on: date | None, started_on: date) -> bool:
        """Whether a spell that starts so soon after the end of another runs from the earlier start."""
        if ended_on is None or ended_on >= started_on:
            return True
        return started_on <= self.policy.limit("restart", self.as_at).last_day(ended_on)


@dataclass(frozen=True, slots=True)
class Population:
    """Of whom a cohort is a part: the N of "n of N"."""

    title: str
    includes: Callable[[Facts, date, Policy], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A rule with its name, its population and what its rows are broken down by."""

    code: str
    title: str
    version: int
    population: Population
    judge: Callable[[Facts, Question], Finding | None]
    rule: str  # the rule in words
    rests_on: tuple[str, ...]  # kinds of fact without any of which the source does not supply the cohort
    terms: tuple[str, ...]  # codes of the terms it is judged by
    lines: tuple[str, ...] = ()  # `source_does_not_supply` may stand beside them in any cohort
    beside: tuple[str, ...] = ()  # lines shown beside the cohort, never counted in it
    has_limit: bool = True
    monthly: bool = False
    unknown_from: str | None = None  # the cohort whose unknowns are this one's `unknown`, without a second row

    @property
    def definition(self) -> str:
        """The definition's id: code and version."""
        return f"{self.code}/{self.version}"

    def supplied_by(self, supplied: frozenset[str]) -> bool:
        """Whether any source has ever supplied a kind of fact that defines the cohort."""
        return any(kind in supplied for kind in self.rests_on)


def judge(
    facts: Facts,
    cohorts: Sequence[Cohort],
    *,
    as_at: date,
    policy: Policy,
    supplied: frozenset[str],
    within: bool = False,
) -> list[Finding]:
    """What each cohort's rule finds of a person on a London day.

    Findings in state WITHIN are left out unless `within`, but for the lines a cohort shows beside itself.
    Nothing is found of someone who has died, passed to another council or been adopted by that day.
    """
    if facts.gone_on(as_at):
        return []
    question = Question(as_at, policy, supplied, within)
    found = [(cohort, cohort.judge(facts, question)) for cohort in cohorts]
    missing_now = facts.missing_on(as_at) is not None
    of_person = carried_flags((facts.person,))
    return [
        _flagged(finding, missing_now, of_person)
        for cohort, finding in found
        if finding is not None and (within or finding.state is not State.WITHIN or finding.line in cohort.beside)
    ]


def timed(
    cohort: str,
    clock: Clock,
    term: Term,
    *,
    line: str | None = None,
    basis: str = "recorded",
    facts: tuple[Fact, ...],
    missing: tuple[str, ...] = (),
    clears_when: str,
    flags: tuple[str, ...] = (),
    extra: Mapping[str, object] | None = None,
    because: str = "",
) -> Finding:
    """A finding that is a clock's reading. `because` goes before the arithmetic."""
    return Finding(
        cohort=cohort,
        state=clock.state,
        line=line,
        started_on=clock.start,
        started_on_basis=basis,
        term=term,
        due_on=clock.due_on,
        days_over=clock.days_over,
        days_in_state=clock.days_in_state,
        explanation=f"{because} {clock.sentence}".strip(),
        facts=facts,
        missing=missing,
        clears_when=clears_when,
        flags=flags,
        extra=extra or {},
    )


def aside(clock: Clock, term: Term) -> dict[str, object]:
    """A clock shown beside a finding, as plain values."""
    return {
        "started_on": clock.start,
        "limit": term.words,
        "authority": term.authority,
        "due_on": clock.due_on,
        "state": clock.state.value,
        "days_over": clock.days_over,
        "explanation": clock.sentence,
    }


def days_since(start: date | None, as_at: date) -> int | None:
    """Days from a start to a day, the start not counted; None when the start is not known."""
    return None if start is None else (as_at - start).days


def since(start: date | None, as_at: date, basis: str = "recorded") -> str:
    """ "since 29 July 2020, 2 days by 31 July 2020", or that the day is not known."""
    if start is None:
        return "since a day that is not recorded"
    at_least = "at least " if basis != "recorded" else ""
    days = dates.counted((as_at - start).days, "day")
    return f"since {at_least}{dates.in_words(start)}, {days} by {dates.in_words(as_at)}"


def order_key(finding: Finding) -> tuple[int, bool, int]:
    """Row order: danger, unknown, most days over, approaching; within a state those missing now come first."""
    days = finding.days_over if finding.days_over is not None else finding.days_in_state
    return GRAVITY[finding.state], MISSING_NOW not in finding.flags, -(days or 0)


def worst(findings: Iterable[Finding]) -> Finding | None:
    """The gravest of several findings of one person in one cohort."""
    return min(findings, key=order_key, default=None)


def carried_flags(facts: Iterable[Fact]) -> tuple[str, ...]:
    """The flags of facts that a finding resting on them carries too."""
    return tuple(
        flag
        for fact in facts
        if fact.known is not None
        for flag in fact.known.flags
        if flag in _CARRIED or flag.startswith(_CARRIED_PREFIXES)
    )


def _flagged(finding: Finding, missing_now: bool, of_person: tuple[str, ...]) -> Finding:
    flags = (MISSING_NOW,) if missing_now else ()
    every = tuple(dict.fromkeys((*flags, *finding.flags, *carried_flags(finding.facts), *of_person)))
    return finding if every == finding.flags else replace(finding, flags=every)
