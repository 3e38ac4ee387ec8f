"""What every cohort shares: row order, flags, who is left out, and that unknown never means fine."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts import rules_md
from service.domain.clocks import GRAVITY, State
from service.domain.cohorts import BY_CODE, COHORTS
from service.domain.facts import Eligibility, MissingKind, Person
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY
from service.domain.rules import Finding, judge, order_key
from tests.factories import (
    EVERY_KIND,
    FRIDAY,
    a_period,
    a_place,
    a_plan,
    a_stage,
    a_status,
    an_application,
    child,
    cla_reviews,
    cp_reviews,
    day,
    find,
    found,
    known,
    missing,
    young_person,
)

BREACHES = child(
    child_protection_plans=(a_plan("2018-02-01", "2018-09-01"), a_plan("2019-08-15")),
    cp_reviews=cp_reviews("2019-11-14", "2020-05-14"),
    periods_of_care=(a_period("2020-01-15"),),
    cla_reviews=cla_reviews("2020-02-12"),
    pre_proceedings=(a_stage("2020-04-01", letter_sent_on="2020-04-09"),),
    care_proceedings=(an_application("2019-12-02"),),
)


def everything(facts: Facts, as_at: date = FRIDAY, *, within: bool = True) -> list[Finding]:
    return judge(facts, COHORTS, as_at=as_at, policy=DEFAULT_POLICY, supplied=EVERY_KIND, within=within)


def finding(state: State, *, over: int | None = None, days: int | None = None, flags: tuple[str, ...] = ()) -> Finding:
    return Finding(
        cohort="c", state=state, days_over=over, days_in_state=days, explanation="", clears_when="", flags=flags
    )


def test_one_child_may_be_in_six_cohorts_at_once() -> None:
    assert [f.cohort for f in everything(BREACHES)] == [
        "pre_proceedings_over_12_weeks",
        "proceedings_over_26_weeks",
        "cp_plan_over_9_months",
        "repeat_cp_plan",
        "no_permanence_plan",
        "unallocated",
    ]
    assert {f.state for f in everything(BREACHES)} == {State.OVER}


def test_every_finding_explains_itself() -> None:
    for each in everything(BREACHES):
        assert each.explanation.endswith(".")
        assert "31 July 2020" in each.explanation
        assert each.facts
        assert each.clears_when
        assert each.term is not None
        assert each.term.authority


def test_rows_run_danger_unknown_most_days_over_approaching() -> None:
    rows = [
        finding(State.APPROACHING, over=0),
        finding(State.OVER, over=4),
        finding(State.UNKNOWN),
        finding(State.OVER, over=90),
        finding(State.DANGER, days=2),
        finding(State.OVER, days=30),  # a cohort without a limit: by days in state
    ]
    in_order = sorted(rows, key=order_key)
    assert [(f.state, f.days_over if f.days_over is not None else f.days_in_state) for f in in_order] == [
        (State.DANGER, 2),
        (State.UNKNOWN, None),
        (State.OVER, 90),
        (State.OVER, 30),
        (State.OVER, 4),
        (State.APPROACHING, 0),
    ]


def test_someone_missing_now_comes_first_in_their_state_but_not_before_danger() -> None:
    absent = finding(State.OVER, over=1, flags=("missing_now",))
    rows = [finding(State.OVER, over=90), absent, finding(State.DANGER)]
    assert sorted(rows, key=order_key) == [finding(State.DANGER), absent, finding(State.OVER, over=90)]


@pytest.mark.parametrize(
    ("episode", "flagged"),
    [
        (missing("2020-07-29"), True),
        (missing("2020-07-29", missing_kind=None), True),  # a kind not mapped never means fine
        (missing("2020-07-29", missing_kind=MissingKind.AWAY), False),
        (missing("2020-07-29", ended_on="2020-07-31"), False),
        (missing("2020-08-01"), False),
    ],
)
def test_missing_now_is_flagged_on_every_finding(episode: object, flagged: bool) -> None:
    findings = everything(replace(BREACHES, missing_episodes=(episode,)))
    assert {("missing_now" in f.flags) for f in findings} == {flagged}


@pytest.mark.parametrize("left", ["died_on", "transferred_out_on", "adopted_on"])
def test_nobody_is_judged_after_they_have_left(left: str) -> None:
    facts = replace(BREACHES, person=Person(born_on=day("2012-03-04"), **{left: FRIDAY}))
    assert everything(facts) == []
    assert not any(c.population.includes(facts, FRIDAY, DEFAULT_POLICY) for c in COHORTS)
    assert len(everything(facts, FRIDAY - timedelta(days=1))) == 6


def test_flags_of_the_facts_used_are_on_the_finding() -> None:
    plan = a_plan(
        "2019-08-15", known=known("contested", "no_longer_supplied:category", "unmapped_category", "internal")
    )
    finding = found("cp_plan_over_9_months", child(child_protection_plans=(plan,)))
    assert finding.flags == ("contested", "no_longer_supplied:category", "unmapped_category")


def test_answers_within_limits_are_given_only_when_asked_for() -> None:
    facts = young_person()
    assert [f.state for f in everything(facts)] == [State.WITHIN]
    assert everything(facts, within=False) == []


def test_a_finding_is_counted_when_over_or_in_danger() -> None:
    assert [state for state in State if finding(state).counts] == [State.DANGER, State.OVER]


def test_codes_are_unique_and_definitions_carry_their_version() -> None:
    assert len(BY_CODE) == len(COHORTS)
    assert BY_CODE["unallocated"].definition == "unallocated/1"


def test_a_cohort_is_supplied_when_any_kind_it_rests_on_is() -> None:
    assert BY_CODE["proceedings_over_26_weeks"].supplied_by(frozenset({"pre_proceedings"}))
    assert not BY_CODE["pre_proceedings_over_12_weeks"].supplied_by(frozenset({"contact"}))


def test_a_finding_is_in_its_cohorts_population() -> None:
    for facts in (BREACHES, young_person(accommodations=(a_place(code="S"),), contacts=())):
        for each in everything(facts):
            assert BY_CODE[each.cohort].population.includes(facts, FRIDAY, DEFAULT_POLICY), each.cohort


def test_lines_are_those_the_cohort_names() -> None:
    for each in everything(BREACHES):
        cohort = BY_CODE[each.cohort]
        assert each.line is None or each.line in (*cohort.lines, *cohort.beside)


def test_the_rules_page_is_current() -> None:
    assert rules_md.FILE.read_text(encoding="utf-8") == rules_md.document(), "run scripts/rules_md.py"


@given(st.integers(0, 400), st.integers(0, 400))
def test_unchanged_facts_only_get_graver(after: int, later: int) -> None:
    """A state is monotone in the day asked about, once all that is known has happened."""
    start = day("2020-05-14")
    one = {f.cohort: f for f in everything(BREACHES, start + timedelta(days=after))}
    other = {f.cohort: f for f in everything(BREACHES, start + timedelta(days=after + later))}
    assert one.keys() == other.keys()
    for code, before in one.items():
        assert GRAVITY[other[code].state] <= GRAVITY[before.state]
        assert (other[code].days_over or 0) >= (before.days_over or 0)


@given(
    st.sampled_from([None, "R", "0", "U", "Y", "K"]),
    st.sampled_from([None, Eligibility.FORMER_RELEVANT]),
    st.dates(min_value=date(2020, 1, 1), max_value=FRIDAY),
)
def test_a_blank_in_the_defining_fact_is_never_within(
    code: str | None, status: Eligibility | None, began: date
) -> None:
    """Eligibility, judgement, contact and start date left blank: each is unknown, none is fine."""
    place = a_place(code=code, suitable=None, started_on=began)
    facts = young_person(status=a_status(eligibility=status), accommodations=(place,), contacts=())
    assert found("accommodation_unknown", facts).state is State.UNKNOWN
    assert found("not_in_touch", facts).state is State.UNKNOWN
    stage = found("pre_proceedings_over_12_weeks", child(pre_proceedings=(a_stage(None),)))
    assert stage.state is State.UNKNOWN


def test_a_person_with_no_facts_is_in_nothing() -> None:
    assert all(find(cohort.code, child()) is None for cohort in COHORTS)
