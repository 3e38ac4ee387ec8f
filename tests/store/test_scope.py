"""Scope from every source: allocation, units, duty, cohorts, people shown by name, and an emergency."""

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import Session

from service.domain.access import LINE, Role, ScopeKind, User
from service.domain.cohorts import COHORTS
from service.domain.facts import (
    Allocation,
    AllocationRole,
    CareLeaverStatus,
    CareProceedings,
    ChildProtectionPlan,
    Eligibility,
    Fact,
    MissingEpisode,
    PeriodOfCare,
    PreProceedings,
    PreProceedingsOutcome,
    Responsibility,
    Source,
)
from service.domain.intake import Team, Worker
from service.domain.versions import NewVersion
from service.store import cohort_reach, merges, people, record, reference, referrals, scope, users
from service.store.engine import reading
from service.store.merges import Merge
from service.store.referrals import Emergency, Referral
from service.store.types import new_id
from tests.council import ANALYST, HEAD, Council, moment
from tests.factories import day

FRIDAY = date(2020, 7, 31)
NINE = moment("2020-07-31T08:00")
AT = moment("2020-07-27T08:00")
WORKS = (ScopeKind.OWN, "")


def who(
    *scopes: tuple[ScopeKind, str], role: Role = Role.PERSONAL_ADVISER, worker_ref: str | None = None,
    user_id: str = "u", at: datetime | None = NINE,
) -> User:  # fmt: skip
    return User(user_id, "Demo", frozenset({role}), frozenset(scopes), worker_ref, 0, at)


def somebody(session: Session, eclipse_id: str, *facts: Fact) -> str:
    person_id = new_id(AT)
    people.add(session, {eclipse_id: person_id}, at=AT)
    versions = [NewVersion(fact=f, person_id=person_id, fact_id=new_id(AT), source=Source.ECLIPSE) for f in facts]
    record.append(session, versions, by="robot", at=AT, audit_id="a")
    return person_id


def account(session: Session, name: str = "A") -> str:
    return users.add_user(session, issuer="i", subject=name, name=name, roles={Role.DUTY_WORKER}, scopes={WORKS}, at=AT)


def seen(session: Session, user: User, today: date = FRIDAY) -> list[str]:
    return sorted(p.eclipse_id or "" for p in people.visible(session, user, today, after=None, limit=100))


def needs_a_reason(session: Session, user: User) -> list[str]:
    """Of those in scope, whom the user may not open without saying why."""
    found = [people.find(session, user, FRIDAY, eclipse_id=each) for each in seen(session, user)]
    return sorted(each.eclipse_id or "" for each in found if each and each.outside_caseload)


def loggable(session: Session, user: User) -> list[str]:
    found = (people.find_to_log_for(session, user, FRIDAY, eclipse_id=f"P{n}") for n in range(1, 7))
    return [each.eclipse_id or "" for each in found if each]


def ground(session: Session, user: User, person_id: str) -> str | None:
    return scope.ground_of(session, user, FRIDAY, person_id)


@pytest.fixture
def town(session: Session) -> dict[str, str]:
    """P1 to P3 with a team each; the first two teams are one service. W1 of t1 works with P1 and P2; P4 is nobody's."""
    teams = [
        Team("t1", area_code="a1", locality_code="l1", service_code="s1"),
        Team("t2", area_code="a1", locality_code="l2", service_code="s1"),
        Team("t3", area_code="a2", locality_code="l2", service_code="s2"),
    ]
    reference.remember_teams(session, teams, at=AT)
    reference.remember_workers(session, [Worker("W1", team_code="t1"), Worker("W2", team_code="t2")], at=AT)
    mine = Allocation(worker_ref="W1", role=AllocationRole.PERSONAL_ADVISER)
    return {
        "P1": somebody(session, "P1", Responsibility(team_code="t1"), mine),
        "P2": somebody(session, "P2", Responsibility(team_code="t2"), mine),
        "P3": somebody(session, "P3", Responsibility(team_code="t3")),
        "P4": somebody(session, "P4"),
        "P5": somebody(session, "P5", Responsibility(team_code="t1")),
    }


# --- duty --------------------------------------------------------------------------------------


def test_on_duty_the_people_of_the_service_are_seen(session: Session, town: dict[str, str]) -> None:
    assert seen(session, who((ScopeKind.DUTY, "s1"), role=Role.DUTY_WORKER)) == ["P1", "P2", "P5"]
    assert seen(session, who((ScopeKind.DUTY, "t1"), role=Role.DUTY_WORKER)) == []


# --- cohorts -----------------------------------------------------------------------------------

OPEN_STAGE = PreProceedings(started_on=day("2020-07-01"))
APPLIED = PreProceedings(started_on=day("2019-12-01"), court_application_on=day("2020-02-03"))
STEPPED_DOWN = PreProceedings(
    started_on=day("2020-01-06"), outcome=PreProceedingsOutcome.STEP_DOWN, step_decided_on=day("2020-03-02")
)


@pytest.mark.parametrize(
    ("facts", "cohorts"),
    [
        ([CareLeaverStatus(eligibility=Eligibility.FORMER_RELEVANT)],
         {"unsuitable_accommodation", "accommodation_unknown", "not_in_touch", "unallocated"}),
        ([CareLeaverStatus(eligibility=None)],
         {"unsuitable_accommodation", "accommodation_unknown", "not_in_touch", "unallocated"}),
        ([CareLeaverStatus(eligibility=Eligibility.RELEVANT, ended_on=day("2020-07-30"))], set()),
        ([OPEN_STAGE], {"pre_proceedings_over_12_weeks", "unallocated"}),
        ([PreProceedings(letter_sent_on=day("2020-08-01"))], set()),
        ([PreProceedings()], {"pre_proceedings_over_12_weeks", "unallocated"}),
        ([STEPPED_DOWN], set()),
        ([PreProceedings(started_on=day("2020-01-06"), outcome=PreProceedingsOutcome.STEP_DOWN)],
         {"pre_proceedings_over_12_weeks", "unallocated"}),
        ([APPLIED], {"proceedings_over_26_weeks"}),
        ([APPLIED, CareProceedings(issued_on=day("2020-02-04"), disposed_on=day("2020-07-01"))], set()),
        ([CareProceedings(issued_on=day("2020-07-30"))], {"proceedings_over_26_weeks"}),
        ([CareProceedings(issued_on=day("2020-08-01"))], set()),
        ([CareProceedings(issued_on=day("2019-07-30"), disposed_on=day("2020-07-31"))], set()),
        ([ChildProtectionPlan(started_on=day("2020-07-30"), ended_on=day("2020-07-31"))],
         {"cp_plan_over_9_months", "repeat_cp_plan", "unallocated"}),
        ([ChildProtectionPlan(started_on=day("2019-07-30"), ended_on=day("2020-07-30"))], set()),
        ([PeriodOfCare(started_on=day("2020-07-30"))], {"no_permanence_plan", "unallocated"}),
        ([MissingEpisode(started_on=day("2020-07-30"))], set()),
    ],
)  # fmt: skip
def test_a_cohort_reaches_those_its_rule_is_judged_over(facts: list[Fact], cohorts: set[str], session: Session) -> None:
    """Somebody in week one is seen as well as somebody in week thirteen: approaching and unknown count too."""
    somebody(session, "P1", *facts)
    reached = {c.code for c in COHORTS if seen(session, who((ScopeKind.COHORT, c.code), role=Role.IRO))}
    assert reached == cohorts


def test_every_cohort_has_a_reach_and_a_cohort_that_is_none_has_none(session: Session, town: dict[str, str]) -> None:
    assert cohort_reach.RESTS_ON.keys() == {cohort.code for cohort in COHORTS}
    assert seen(session, who((ScopeKind.COHORT, "tall_children"))) == []


def test_an_end_that_waits_for_approval_hides_nobody_and_one_approved_does(session: Session) -> None:
    person_id = somebody(session, "P1")
    plan = ChildProtectionPlan(started_on=day("2020-01-06"))
    ended = ChildProtectionPlan(started_on=day("2020-01-06"), ended_on=day("2020-07-01"))
    reader = who((ScopeKind.COHORT, "cp_plan_over_9_months"), role=Role.CP_CHAIR)

    def said(fact: Fact, *, proposed: bool) -> str:
        version = NewVersion(fact=fact, person_id=person_id, fact_id="f", source=Source.API, proposed=proposed)
        return record.append(session, [version], by="u", at=AT, audit_id="a")[0]

    said(plan, proposed=False)
    waiting = said(ended, proposed=True)
    assert seen(session, reader) == ["P1"]
    record.approve(session, plan.kind, [waiting], by="m", at=AT + timedelta(hours=1), reason=None, audit_id="a")
    assert seen(session, reader) == []


def test_the_people_of_a_tracker_are_all_within_reach_of_its_cohorts(council: Council) -> None:
    council.on("2020-07-31T08:00")
    for table in council.tracker(to=HEAD).tables:
        reader = who((ScopeKind.COHORT, table.cohort.code), role=Role.IRO)
        with reading(council.engine) as session:
            reached = seen(session, reader)
        assert {row.card.eclipse_id for row in table.rows} <= set(reached)
        assert table.of <= len(reached)


# --- people shown by name ----------------------------------------------------------------------


def referred(session: Session, user_id: str, person_id: str, ends_on: str) -> str:
    made = Referral(new_id(AT), person_id, user_id, day(ends_on), "m", "why", AT)
    referrals.add(session, made, audit_id="a")
    return made.referral_id


def test_a_referral_lasts_to_its_last_day_and_is_one_accounts_alone(session: Session, town: dict[str, str]) -> None:
    one, other = account(session, "A"), account(session, "B")
    referred(session, one, town["P3"], "2020-07-31")
    reader = who(user_id=one)
    assert seen(session, reader) == ["P3"]
    assert seen(session, reader, day("2020-08-01")) == []
    assert seen(session, who(user_id=other)) == []


def test_a_referral_that_was_ended_shows_nobody(session: Session, town: dict[str, str]) -> None:
    one = account(session)
    referral_id = referred(session, one, town["P3"], "2020-12-31")
    referrals.end(session, referral_id, by="m", reason="done", at=NINE)
    assert seen(session, who(user_id=one)) == []


def test_who_is_shown_one_of_two_records_of_a_person_sees_both(session: Session, town: dict[str, str]) -> None:
    one = account(session)
    referred(session, one, town["P3"], "2020-12-31")
    merges.add(session, Merge("m", town["P3"], town["P4"], "m", "one child", AT, None, None, None), audit_id="a")
    assert seen(session, who(user_id=one)) == ["P4"]


def opened(session: Session, user_id: str, person_id: str, until: str) -> None:
    made = Emergency(new_id(AT), person_id, user_id, "found at the station", AT, moment(until))
    referrals.open_in_emergency(session, made, audit_id="a")


@pytest.mark.parametrize(("until", "expected"), [("2020-07-31T08:00:01", ["P3"]), ("2020-07-31T08:00", [])])
def test_sight_in_an_emergency_ends_by_the_moment(
    until: str, expected: list[str], session: Session, town: dict[str, str]
) -> None:
    one = account(session)
    opened(session, one, town["P3"], until)
    assert seen(session, who(role=Role.DUTY_WORKER, user_id=one)) == expected
    assert seen(session, who(role=Role.DUTY_WORKER, user_id=account(session, "B"))) == []


def test_sight_in_an_emergency_ends_with_the_function_and_needs_a_moment(
    session: Session, town: dict[str, str]
) -> None:
    one = account(session)
    opened(session, one, town["P3"], "2020-08-01T08:00")
    assert seen(session, who(role=Role.SOCIAL_WORKER, user_id=one)) == []
    assert seen(session, who(role=Role.DUTY_WORKER, user_id=one, at=None)) == []


# --- logging for people one does not see -------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        (who(WORKS, worker_ref="W1"), ["P1", "P5"]),
        (who(WORKS, worker_ref="W1", role=Role.SOCIAL_WORKER), ["P1", "P5"]),
        (who(WORKS, worker_ref="W2"), ["P2"]),
        (who(WORKS, worker_ref="W1", role=Role.IRO), []),
        (who(WORKS), []),
        (who(WORKS, worker_ref="W9"), []),
        (who(worker_ref="W1"), []),
        (who((ScopeKind.TEAM, "t1"), role=Role.DUTY_WORKER), ["P1", "P2", "P5"]),
        (who((ScopeKind.TEAM, "t3"), role=Role.DUTY_WORKER), ["P3"]),
        (who((ScopeKind.TEAM, "t1"), role=Role.TEAM_MANAGER), []),
    ],
)
def test_for_whom_somebody_may_log_without_seeing_them(
    user: User, expected: list[str], session: Session, town: dict[str, str]
) -> None:
    assert loggable(session, user) == expected


def test_a_worker_who_has_left_logs_for_nobody(session: Session, town: dict[str, str]) -> None:
    reference.remember_workers(session, [Worker("W1", team_code="t1", ended_on=day("2020-07-30"))], at=NINE)
    assert loggable(session, who(WORKS, worker_ref="W1")) == []


# --- grounds and reasons -----------------------------------------------------------------------


def test_the_ground_is_the_nearest_source(session: Session, town: dict[str, str]) -> None:
    adviser = who(WORKS, worker_ref="W1")
    assert [ground(session, adviser, town[p]) for p in ("P1", "P2", "P5", "P3")] == [
        "allocation", "allocation", "team", None,
    ]  # fmt: skip
    duty = who((ScopeKind.TEAM, "t1"), (ScopeKind.DUTY, "s1"), role=Role.DUTY_WORKER, worker_ref="W1")
    assert [ground(session, duty, town[p]) for p in ("P1", "P2", "P3")] == ["team", "duty", None]
    assert ground(session, HEAD, town["P4"]) == "county"
    assert ground(session, who((ScopeKind.AREA, "a1"), (ScopeKind.COUNTY, "")), town["P1"]) == "area"
    assert ground(session, who(), town["P1"]) is None


UNIT = {
    Role.TEAM_MANAGER: (ScopeKind.TEAM, "t1"),
    Role.AREA_MANAGER: (ScopeKind.AREA, "a1"),
    Role.LOCALITY_DIRECTOR: (ScopeKind.LOCALITY, "l1"),
    Role.SENIOR_MANAGER_CORPORATE_PARENTING: (ScopeKind.SERVICE, "s1"),
    Role.HEAD_OF_SERVICE: (ScopeKind.COUNTY, ""),
    Role.CHIEF_OFFICER: (ScopeKind.COUNTY, ""),
}


@pytest.mark.parametrize("role", sorted(LINE))
def test_the_line_opens_its_unit_without_a_reason(role: Role, session: Session, town: dict[str, str]) -> None:
    assert UNIT.keys() == LINE
    reader = who(UNIT[role], role=role)
    assert seen(session, reader)
    assert needs_a_reason(session, reader) == []


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (Role.PERSONAL_ADVISER, [(ScopeKind.TEAM, "t1")]),
        (Role.SOCIAL_WORKER, [(ScopeKind.LOCALITY, "l1")]),
        (Role.DUTY_WORKER, [(ScopeKind.TEAM, "t1")]),
        (Role.DUTY_WORKER, [(ScopeKind.DUTY, "s1")]),
        (Role.TEAM_MANAGER, [(ScopeKind.DUTY, "s1")]),
        (Role.CASE_PROGRESSION_MANAGER, [(ScopeKind.COUNTY, "")]),
        (Role.SENIOR_MANAGER_SAFEGUARDING_QA, [(ScopeKind.COUNTY, "")]),
        (Role.IRO, [(ScopeKind.COUNTY, "")]),
        (Role.CP_CHAIR, [(ScopeKind.COUNTY, "")]),
    ],
)
def test_who_answers_for_nobody_says_why_they_look(
    role: Role, scopes: list[tuple[ScopeKind, str]], session: Session, town: dict[str, str]
) -> None:
    reader = who(*scopes, role=role)
    assert needs_a_reason(session, reader) == seen(session, reader) != []


def test_ones_own_people_those_shown_by_name_and_ones_cohorts_are_daily_work(
    session: Session, town: dict[str, str]
) -> None:
    one = account(session)
    referred(session, one, town["P3"], "2020-12-31")
    opened(session, one, town["P4"], "2020-08-01T08:00")
    somebody(session, "P6", OPEN_STAGE)
    cohort = (ScopeKind.COHORT, "pre_proceedings_over_12_weeks")
    reader = who(WORKS, cohort, (ScopeKind.TEAM, "t1"), role=Role.DUTY_WORKER, worker_ref="W1", user_id=one)
    assert seen(session, reader) == ["P1", "P2", "P3", "P4", "P5", "P6"]
    assert needs_a_reason(session, reader) == ["P4", "P5"]


def test_without_a_scope_nobody_is_seen_nor_logged_for(session: Session, town: dict[str, str]) -> None:
    assert (seen(session, who()), loggable(session, who())) == ([], [])
    assert seen(session, ANALYST), "figures are of the whole county"
