"""Children in care proceedings over 26 weeks."""

from dataclasses import replace
from datetime import date, timedelta

from service.domain.clocks import State
from service.domain.facts import Basis, CareProceedings
from service.domain.person import Facts, in_spell
from service.domain.policy import Policy
from service.domain.rules import Cohort, Finding, Population, Question, timed, worst

CODE = "proceedings_over_26_weeks"
ISSUE_MAY_PRECEDE_APPLICATION = timedelta(days=28)  # dates of one application in two systems lie this close


def open_applications(facts: Facts, as_at: date) -> tuple[CareProceedings, ...]:
    """Applications issued and not finally disposed by a day, those assumed from a court application date among them."""
    held = (*facts.care_proceedings, *_assumed(facts, as_at))
    return tuple(p for p in held if in_spell(p.issued_on, p.disposed_on, as_at))


def in_proceedings(facts: Facts, as_at: date) -> bool:
    """Whether the child is in care proceedings that day."""
    return bool(facts.care_proceedings or facts.pre_proceedings) and bool(open_applications(facts, as_at))


def judge(facts: Facts, question: Question) -> Finding | None:
    """Issued, not finally disposed, past the last day of 26 weeks beginning with the day of issue."""
    if not facts.care_proceedings and not facts.pre_proceedings:
        return None
    applications = open_applications(facts, question.as_at)
    found = worst(filter(None, (_judge_application(facts, each, question) for each in applications)))
    if found is None or len(applications) < 2:
        return found
    listed = [{"court_reference": p.court_reference, "issued_on": p.issued_on} for p in applications]
    return replace(found, extra={**found.extra, "applications": listed})


def _assumed(facts: Facts, as_at: date) -> tuple[CareProceedings, ...]:
    """Proceedings assumed issued on the day of an application that no record of proceedings covers."""
    return tuple(
        CareProceedings(
            issued_on=s.court_application_on, issued_on_basis=Basis.ASSUMED, family_group=s.family_group, known=s.known
        )
        for s in facts.pre_proceedings
        if s.court_application_on is not None
        and s.court_application_on <= as_at
        and not any(_covers(p, s.court_application_on) for p in facts.care_proceedings)
    )  # fmt: skip


def _covers(proceedings: CareProceedings, applied_on: date) -> bool:
    return proceedings.issued_on >= applied_on - ISSUE_MAY_PRECEDE_APPLICATION or in_spell(
        proceedings.issued_on, proceedings.disposed_on, applied_on
    )


def _judge_application(facts: Facts, application: CareProceedings, question: Question) -> Finding | None:
    term = question.policy.term("court.care_proceedings", application.issued_on)
    clock = question.read(application.issued_on, term)
    if not question.wants(clock.state):
        return None
    assumed = application.issued_on_basis is Basis.ASSUMED
    undated = application.disposal is not None and application.disposed_on is None
    return timed(
        CODE,
        clock,
        term,
        line="issue_assumed" if assumed else "issued",
        basis=application.issued_on_basis.value,
        facts=(application,),
        missing=_missing(application, assumed, undated, clock.state),
        clears_when="The final disposal of the application is recorded, with its date.",
        flags=("disposal_undated",) if undated else (),
        extra=_shown(application, question.as_at),
        because="Issue is assumed on the day of the application." if assumed else "",
    )


def _missing(application: CareProceedings, assumed: bool, undated: bool, state: State) -> tuple[str, ...]:
    found = ["the court's issue date"] if assumed else []
    if undated:
        found.append("the day of the final disposal")
    if state is State.OVER and application.delay_reason is None:
        found.append("the reason for delay")
    return tuple(found)


def _shown(application: CareProceedings, as_at: date) -> dict[str, object]:
    """What the row shows beside its clock. An extension never moves the limit."""
    party, extended = application.delay_party, application.extended_to
    return {
        "court_reference": application.court_reference,
        "family_group": application.family_group,
        "extended_to": extended,
        "extensions": application.extensions,
        "extension_reason": application.extension_reason,
        "days_past_extension": None if extended is None else max(0, (as_at - extended).days),
        "reason": application.delay_reason,
        "delay_party": None if party is None else party.value,
        "weeks_lost": application.weeks_lost,
        "next_hearing_on": application.next_hearing_on,
        "next_hearing": application.next_hearing,
    }


def _population(facts: Facts, as_at: date, _policy: Policy) -> bool:
    return not facts.gone_on(as_at) and in_proceedings(facts, as_at)


PROCEEDINGS_OVER_26_WEEKS = Cohort(
    code=CODE,
    title="Children in care proceedings over 26 weeks",
    version=1,
    population=Population("children in care proceedings", _population),
    judge=judge,
    rule=(
        "Issued and not finally disposed, past the last day of 26 weeks beginning with the day of issue. An "
        "extension is shown beside it and never moves the limit. Without the court's issue date it is assumed from the "
        "application."
    ),
    rests_on=("care_proceedings", "pre_proceedings"),
    terms=("court.care_proceedings",),
    lines=("issued", "issue_assumed"),
)
