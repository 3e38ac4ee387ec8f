"""Facts with sensible defaults, so that a story says only what matters to it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from service.domain.cohorts import BY_CODE
from service.domain.facts import (
    KINDS,
    Accommodation,
    Allocation,
    AllocationRole,
    CareLeaverStatus,
    CareProceedings,
    ChildProtectionPlan,
    ClaReview,
    Contact,
    ContactKind,
    ContactOutcome,
    CpReview,
    Eligibility,
    Known,
    MissingEpisode,
    MissingKind,
    PeriodOfCare,
    PermanencePlan,
    Person,
    PreProceedings,
    Source,
)
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY, Policy
from service.domain.rules import Finding, judge

FRIDAY = date(2020, 7, 31)
EVERY_KIND = frozenset(KINDS)


def day(text: str) -> date:
    """A day out of its ISO form."""
    return date.fromisoformat(text)


def known(*flags: str, **changes: Any) -> Known:
    """The envelope of a version, from Eclipse unless said otherwise."""
    said = {
        "fact_id": "f",
        "version_id": "v",
        "person_id": "p",
        "source": Source.ECLIPSE,
        "recorded_at": datetime(2020, 7, 1, 2, 0, tzinfo=UTC),
        "flags": flags,
    }
    return Known(**(said | changes))


def child(born_on: str | None = "2012-03-04", **facts: Any) -> Facts:
    """A child, 8 years old in July 2020, with the facts given."""
    return Facts(person_id="p", person=Person(born_on=day(born_on) if born_on else None), **facts)


def young_person(*, born_on: str | None = "2001-02-14", status: CareLeaverStatus | None = None, **facts: Any) -> Facts:
    """A care leaver served, 19 in July 2020, in suitable accommodation, with a personal adviser, seen on 20 July."""
    usual: dict[str, Any] = {
        "care_leaver_statuses": (status or a_status(),),
        "accommodations": (a_place(),),
        "contacts": (a_contact("2020-07-20T10:00:00+01:00"),),
        "allocations": (an_allocation(AllocationRole.PERSONAL_ADVISER),),
    }
    return child(born_on, **(usual | facts))


def a_status(**changes: Any) -> CareLeaverStatus:
    """Former relevant since an 18th birthday in February 2019."""
    return CareLeaverStatus(**({"eligibility": Eligibility.FORMER_RELEVANT, "started_on": day("2019-02-14")} | changes))


def a_place(**changes: Any) -> Accommodation:
    """Independent living, judged suitable, since January 2020."""
    return Accommodation(**({"code": "U", "suitable": True, "started_on": day("2020-01-06")} | changes))


def a_contact(occurred_at: str, **changes: Any) -> Contact:
    """A telephone call that the young person answered."""
    usual = {"contact_kind": ContactKind.PHONE, "outcome": ContactOutcome.MADE}
    return Contact(occurred_at=datetime.fromisoformat(occurred_at), **(usual | changes))


def an_allocation(role: AllocationRole | None = AllocationRole.SOCIAL_WORKER, **changes: Any) -> Allocation:
    """A worker, allocated since January 2020."""
    return Allocation(role=role, **({"worker_ref": "W1042", "started_on": day("2020-01-06")} | changes))


def a_plan(started_on: str, ended_on: str | None = None, **changes: Any) -> ChildProtectionPlan:
    """A child protection plan for neglect."""
    return ChildProtectionPlan(
        **(
            {"started_on": day(started_on), "ended_on": day(ended_on) if ended_on else None, "category": "NEG"}
            | changes
        )
    )


def cp_reviews(*held: str) -> tuple[CpReview, ...]:
    """Review conferences held on these days."""
    return tuple(CpReview(due_on=day(each), held_on=day(each)) for each in held)


def a_period(started_on: str, ended_on: str | None = None, **changes: Any) -> PeriodOfCare:
    """A period of care."""
    return PeriodOfCare(started_on=day(started_on), ended_on=day(ended_on) if ended_on else None, **changes)


def cla_reviews(*held: str, **changes: Any) -> tuple[ClaReview, ...]:
    """Reviews of a looked-after child held on these days."""
    return tuple(ClaReview(held_on=day(each), **changes) for each in held)


def a_permanence_plan(agreed_on: str | None, recorded_on: str | None, **changes: Any) -> PermanencePlan:
    """A plan with the days it was agreed and recorded."""
    return PermanencePlan(
        agreed_on=day(agreed_on) if agreed_on else None,
        recorded_on=day(recorded_on) if recorded_on else None,
        **changes,
    )


def a_stage(started_on: str | None, **changes: Any) -> PreProceedings:
    """Pre-proceedings begun on a day. Days among the changes may be ISO text."""
    return PreProceedings(started_on=day(started_on) if started_on else None, **_dated(changes))


def an_application(issued_on: str, **changes: Any) -> CareProceedings:
    """Care proceedings issued on a day. Days among the changes may be ISO text."""
    return CareProceedings(issued_on=day(issued_on), **_dated(changes))


def missing(started_on: str, **changes: Any) -> MissingEpisode:
    """A missing episode, open unless an end is given."""
    return MissingEpisode(started_on=day(started_on), **({"missing_kind": MissingKind.MISSING} | _dated(changes)))


def find(
    cohort: str,
    facts: Facts,
    as_at: str | date = FRIDAY,
    *,
    policy: Policy = DEFAULT_POLICY,
    supplied: Iterable[str] = EVERY_KIND,
    within: bool = True,
) -> Finding | None:
    """What one cohort's rule finds, answers within limits included."""
    on = day(as_at) if isinstance(as_at, str) else as_at
    found = judge(facts, [BY_CODE[cohort]], as_at=on, policy=policy, supplied=frozenset(supplied), within=within)
    return found[0] if found else None


def found(cohort: str, facts: Facts, as_at: str | date = FRIDAY, **options: Any) -> Finding:
    """What one cohort's rule finds, where there must be something."""
    finding = find(cohort, facts, as_at, **options)
    assert finding is not None, f"{cohort} finds nothing at {as_at}"
    return finding


def _dated(changes: dict[str, Any]) -> dict[str, Any]:
    return {
        name: day(value) if isinstance(value, str) and name.endswith(("_on", "extended_to")) else value
        for name, value in changes.items()
    }
