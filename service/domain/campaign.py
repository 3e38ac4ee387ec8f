"""A first load as a campaign: its topics, what counts as collected, who is still asked about, how far it is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from service.domain import served, suitability
from service.domain.clocks import State
from service.domain.cohorts import accommodation
from service.domain.cohorts.permanence import NO_PERMANENCE_PLAN
from service.domain.facts import Accommodation, Basis, PermanencePlan, PreProceedings
from service.domain.person import Facts, in_spell, reached
from service.domain.policy import Policy
from service.domain.rules import NOT_YET_COLLECTED, Finding, Population

ADULT = 18


class Answer(StrEnum):
    """What can be said of somebody for whom there is no fact."""

    NOTHING_TO_RECORD = "nothing_to_record"
    CANNOT_BE_FOUND_OUT = "cannot_be_found_out"


class Standing(StrEnum):
    """Where one person of a campaign stands."""

    COLLECTED = "collected"
    ANSWERED = "answered"
    LEFT = "left"
    OUTSTANDING = "outstanding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a campaign collects, of whom, and whose cells say "not yet collected" until it is done.

    `unseen` are cohorts whose rule finds nobody until the fact is there: those still to be asked about are counted.
    `absent` are breaches that say no more than that no fact is there: they count, and say that nobody has asked yet.
    """

    code: str
    title: str
    kind: str  # the kind of fact: who owns it may answer
    form: str
    population: Population
    collected: Callable[[Facts, date], bool]
    answers: tuple[Answer, ...]
    cohorts: tuple[str, ...]
    unseen: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """How far a campaign is: people = collected + answered + left + outstanding."""

    people: int = 0
    collected: int = 0
    answered: int = 0
    left: int = 0
    outstanding: int = 0

    @property
    def percent(self) -> int:
        """Whole percent no longer outstanding, rounded down: 100 means everybody."""
        return 100 if not self.people else (self.people - self.outstanding) * 100 // self.people


def _place_collected(facts: Facts, day: date) -> bool:
    return any(
        in_spell(place.started_on, place.ended_on, day)
        and place.started_on is not None
        and place.started_on_basis is not Basis.OBSERVED
        and _judged(place)
        for place in facts.accommodations
    )


def _judged(place: Accommodation) -> bool:
    """A judgement, or a place that needs none: unacceptable, in custody, abroad, or recorded as not known."""
    if place.suitable is not None or suitability.rank(place) >= suitability.UNSUITABLE:
        return True
    return place.code in suitability.NOT_KNOWN or place.code in suitability.ABROAD


def _stage_collected(facts: Facts, _day: date) -> bool:
    return bool(facts.pre_proceedings)


def _plan_collected(facts: Facts, day: date) -> bool:
    return any(reached(plan.agreed_on, day) and reached(plan.recorded_on, day) for plan in facts.permanence_plans)


def _at_risk(facts: Facts, day: date, _policy: Policy) -> bool:
    age = facts.age_on(day)
    if facts.gone_on(day) or (age is not None and age >= ADULT):
        return False
    return bool(facts.plans_on(day)) or facts.looked_after_on(day)


TOPICS: dict[str, Topic] = {
    topic.code: topic
    for topic in (
        Topic(
            code="accommodation",
            title="Where care leavers live, since when, and whether it suits",
            kind=Accommodation.kind,
            form="accommodation",
            population=Population("care leavers served", served.includes),
            collected=_place_collected,
            answers=(Answer.CANNOT_BE_FOUND_OUT,),
            cohorts=(accommodation.UNSUITABLE, accommodation.UNKNOWN),
        ),
        Topic(
            code="pre_proceedings",
            title="Which children are in pre-proceedings, and since when",
            kind=PreProceedings.kind,
            form="court",
            population=Population("children on a child protection plan or looked after", _at_risk),
            collected=_stage_collected,
            answers=(Answer.NOTHING_TO_RECORD, Answer.CANNOT_BE_FOUND_OUT),
            cohorts=("pre_proceedings_over_12_weeks",),
            unseen=("pre_proceedings_over_12_weeks",),
        ),
        Topic(
            code="permanence",
            title="Permanence plans agreed and recorded",
            kind=PermanencePlan.kind,
            form="permanence",
            population=NO_PERMANENCE_PLAN.population,
            collected=_plan_collected,
            answers=(Answer.NOTHING_TO_RECORD, Answer.CANNOT_BE_FOUND_OUT),
            cohorts=(NO_PERMANENCE_PLAN.code,),
            absent=("none_agreed",),
        ),
    )
}


def pending(facts: Facts, asked: Mapping[str, frozenset[str]], day: date) -> tuple[Topic, ...]:
    """The topics under way that this person was asked about, with nothing collected yet.

    `asked`: topic -> people of its open campaign without an answer.
    """
    return tuple(
        TOPICS[code]
        for code, people in asked.items()
        if facts.person_id in people and not TOPICS[code].collected(facts, day)
    )


def marked(findings: Sequence[Finding], topics: Sequence[Topic]) -> list[Finding]:
    """The findings, where an unknown that a pending topic will answer says "not yet collected"; nothing else does.

    A breach that rests on nothing but the absence of the fact asked for stays one, flagged `not_yet_collected`.
    """
    return [_marked(finding, topics) for finding in findings]


def _marked(finding: Finding, topics: Sequence[Topic]) -> Finding:
    mine = [topic for topic in topics if finding.cohort in topic.cohorts]
    if mine and finding.state is State.UNKNOWN:
        said = f"Not yet collected: the first load is under way. {finding.explanation}"
        return replace(finding, line=NOT_YET_COLLECTED, explanation=said)
    if finding.state is State.OVER and any(_rests_on_nothing(finding, topic) for topic in mine):
        return replace(finding, flags=(*finding.flags, NOT_YET_COLLECTED))
    return finding


def _rests_on_nothing(finding: Finding, topic: Topic) -> bool:
    return finding.line in topic.absent and not any(fact.kind == topic.kind for fact in finding.facts)


def unseen(facts: Facts, topics: Iterable[Topic], found: Iterable[Finding], day: date, policy: Policy) -> set[str]:
    """Cohorts in which this person would be missed: asked about, nothing collected, and no rule finds them."""
    seen = {finding.cohort for finding in found}
    return {
        cohort
        for topic in topics
        if topic.unseen and topic.population.includes(facts, day, policy)
        for cohort in topic.unseen
        if cohort not in seen
    }


def standing_of(facts: Facts, topic: Topic, answer: Answer | None, day: date, policy: Policy) -> Standing:
    """Where a person of the denominator stands on a day: a fact before an answer, an answer before having left."""
    if topic.collected(facts, day):
        return Standing.COLLECTED
    if answer is not None:
        return Standing.ANSWERED
    return Standing.LEFT if left_because(facts, topic, day, policy) else Standing.OUTSTANDING


def left_because(facts: Facts, topic: Topic, day: date, policy: Policy) -> str | None:
    """Why somebody is no longer of the population; None while they are."""
    gone = {
        "died": facts.person.died_on,
        "transferred_out": facts.person.transferred_out_on,
        "adopted": facts.person.adopted_on,
    }
    why = next((reason for reason, when in gone.items() if reached(when, day)), None)
    if why is not None:
        return why
    return None if topic.population.includes(facts, day, policy) else "no_longer_in_the_population"


def counted(standings: Iterable[Standing]) -> Figures:
    """The figures of some people's standings."""
    every = list(standings)
    return Figures(len(every), *(every.count(each) for each in Standing))
