"""The SELECTs that bring facts back: as true by a London day, as known by a moment, whole and in order."""

from dataclasses import MISSING
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from service.domain.assembly import assemble
from service.domain.cohorts import COHORTS
from service.domain.facts import (
    KINDS,
    Accommodation,
    ContactKind,
    ContactOutcome,
    Fact,
    Person,
    PreProceedings,
    PreProceedingsOutcome,
    Source,
    field_types,
)
from service.domain.policy import DEFAULT_POLICY
from service.domain.rules import judge
from service.domain.versions import NewVersion
from service.domain.viewpoint import Viewpoint
from service.store import facts, people, record
from service.store.types import new_id
from tests.council import moment
from tests.factories import a_contact, a_place, a_plan, a_stage, a_status, an_application, day, missing

AT, NOW = moment("2020-07-27T08:00"), moment("2020-07-31T08:00")


class Held:
    """One person, and a short way to keep facts of them."""

    def __init__(self, session: Session) -> None:
        self.session, self.person_id = session, new_id(AT)
        people.add(session, {"P1": self.person_id}, at=AT)

    def keep(self, *values: Fact, at: str = "2020-07-27T08:00", **changes: Any) -> list[str]:
        versions = [
            NewVersion(
                **({"fact": v, "person_id": self.person_id, "fact_id": new_id(AT), "source": Source.ECLIPSE} | changes)
            )
            for v in values
        ]
        return record.append(self.session, versions, by="robot", at=moment(at), audit_id=new_id(AT))

    def seen(self, kind: str, as_at: str = "2020-07-31", known_at: str = "2020-07-31T08:00") -> list[Any]:
        view = Viewpoint(day(as_at), moment(known_at))
        return facts.of_people(self.session, [kind], [self.person_id], view)


@pytest.fixture
def held(session: Session) -> Held:
    return Held(session)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_can_be_read_at_a_viewpoint(kind: str, held: Held) -> None:
    assert held.seen(kind) == []


def test_what_was_known_by_a_moment(held: Held) -> None:
    (first,) = held.keep(a_place(code="U"), fact_id="f", at="2020-07-27T08:00")
    held.keep(a_place(code="K"), fact_id="f", at="2020-07-29T08:00", closes=(first,))
    codes = [[a.code for a in held.seen("accommodation", known_at=f"2020-07-{d}T09:00")] for d in (26, 27, 28, 29)]
    assert codes == [[], ["U"], ["U"], ["K"]]


def test_the_envelope_comes_back_whole(held: Held) -> None:
    (version_id,) = held.keep(
        a_place(), fact_id="f", source=Source.API, proposed=True, flags=("one", "two"), source_ref="r"
    )
    record.approve(
        held.session, "accommodation", [version_id], by="m", at=moment("2020-07-29T08:00"), reason=None, audit_id="a"
    )  # fmt: skip
    (now,) = facts.of_fact(held.session, "accommodation", "f")
    (before,) = held.seen("accommodation", known_at="2020-07-29T07:59:59")
    assert now.known is not None
    assert (now.known.version_id, now.known.fact_id, now.known.person_id) == (version_id, "f", held.person_id)
    assert (now.known.source, now.known.source_ref, now.known.recorded_by) == (Source.API, "r", "robot")
    assert (now.known.recorded_at, now.known.flags) == (AT, ("one", "two"))
    assert (now.known.approved_at, before.known.approved_at) == (moment("2020-07-29T08:00"), None)


def test_facts_by_their_ids_and_nothing_for_none(held: Held) -> None:
    held.keep(a_place(code="U"), fact_id="f1")
    held.keep(a_place(code="K"), fact_id="f2")
    found = facts.of_facts(held.session, "accommodation", ["f2", "f9"])
    assert [a.code for a in found if isinstance(a, Accommodation)] == ["K"]
    assert facts.of_facts(held.session, "accommodation", []) == []
    assert facts.of_people(held.session, ["accommodation"], [], None) == []


# --- contacts ------------------------------------------------------------------------------


def latest(held: Held, as_at: str = "2020-07-31", known_at: str = "2020-07-31T08:00") -> list[tuple[str, int]]:
    found = facts.latest_contacts(held.session, [held.person_id], Viewpoint(day(as_at), moment(known_at)))
    return sorted((c.outcome.value, c.occurred_at.day) for c in found)  # type: ignore[attr-defined]


def test_the_latest_of_each_sort_and_no_history(held: Held) -> None:
    held.keep(*(a_contact(f"2020-07-{n:02}T10:00:00+01:00") for n in (1, 8, 15)))
    held.keep(*(a_contact(f"2020-07-{n:02}T10:00:00+01:00", outcome=ContactOutcome.ATTEMPTED) for n in (2, 16)))
    news = {"outcome": ContactOutcome.ATTEMPTED, "contact_kind": ContactKind.THIRD_PARTY}
    held.keep(*(a_contact(f"2020-07-{n:02}T10:00:00+01:00", **news) for n in (3, 5)))
    assert latest(held) == [("attempted", 5), ("attempted", 16), ("made", 15)]
    assert latest(held, "2020-07-14") == [("attempted", 5), ("made", 8)]
    assert latest(held, "2020-06-30") == []


def test_a_day_ends_at_midnight_in_london(held: Held) -> None:
    held.keep(a_contact("2020-07-20T23:59:00+01:00"), a_contact("2020-07-21T00:00:00+01:00"))
    assert latest(held, "2020-07-20") == [("made", 20)]
    view = Viewpoint(day("2020-07-20"), NOW)
    listed = facts.contacts_of(held.session, held.person_id, view, limit=9, before=None)
    assert [c.occurred_at for c in listed] == [moment("2020-07-20T22:59")]
    assert facts.end_of_day(Viewpoint(date(2020, 12, 24), NOW)) == moment("2020-12-25T00:00")


def test_what_a_feed_said_of_a_contact_since_corrected_hides_no_other(held: Held) -> None:
    """Eclipse's call of the 15th was no answer, as a worker has since written down: the last made is of the 10th."""
    held.keep(a_contact("2020-07-10T10:00:00+01:00"))
    held.keep(a_contact("2020-07-15T10:00:00+01:00"), fact_id="f")
    tried = a_contact("2020-07-15T10:00:00+01:00", outcome=ContactOutcome.ATTEMPTED)
    held.keep(tried, fact_id="f", source=Source.API, at="2020-07-28T08:00")
    assert latest(held, known_at="2020-07-27T09:00") == [("made", 15)]
    assert latest(held) == [("attempted", 15), ("made", 10)]


def test_a_contact_withdrawn_or_learnt_later_is_not_the_latest(held: Held) -> None:
    held.keep(a_contact("2020-07-10T10:00:00+01:00"))
    wrong = held.keep(a_contact("2020-07-15T10:00:00+01:00"))
    held.keep(a_contact("2020-07-12T10:00:00+01:00"), at="2020-07-30T08:00")
    record.withdraw(
        held.session, "contact", wrong, by="u", at=moment("2020-07-29T08:00"), reason="wrong person", audit_id="a"
    )  # fmt: skip
    days = [latest(held, known_at=f"2020-07-{d}T09:00") for d in (28, 29, 30)]
    assert days == [[("made", 15)], [("made", 10)], [("made", 12)]]


# --- who is in view ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (a_status(), True),
        (a_status(ended_on=day("2020-07-31")), True),
        (a_status(ended_on=day("2020-07-30")), False),
        (a_plan("2019-11-04"), True),
        (a_plan("2019-11-04", "2020-07-30"), False),
        (a_stage("2020-05-04"), True),
        (a_stage("2020-05-04", step_decided_on="2020-07-30", outcome=PreProceedingsOutcome.STEP_DOWN), False),
        (a_stage("2020-05-04", step_decided_on="2020-07-30", outcome=PreProceedingsOutcome.ISSUE), True),
        (PreProceedings(step_decided_on=day("2020-07-30")), True),
        pytest.param(a_stage("2020-05-04", court_application_on="2020-07-30"), True, id="the 26 weeks run"),
        (an_application("2020-02-03"), True),
        (an_application("2020-02-03", disposed_on="2020-07-30"), False),
        (Person(forename="Rowan"), False),
        (a_place(), False),
    ],
)
def test_whose_clocks_may_run(fact: Fact, expected: bool, held: Held) -> None:
    held.keep(fact)
    found = held.session.scalars(facts.in_view(Viewpoint(day("2020-07-31"), NOW))).all()
    assert found == ([held.person_id] if expected else [])


def test_an_application_disposed_of_is_out_of_view(held: Held) -> None:
    held.keep(a_stage("2020-01-06", court_application_on="2020-02-03"))
    held.keep(an_application("2020-02-03", disposed_on="2020-07-30"))
    assert held.session.scalars(facts.in_view(Viewpoint(day("2020-07-31"), NOW))).all() == []
    assert held.session.scalars(facts.in_view(Viewpoint(day("2020-07-30"), NOW))).all() != []


FRIDAY = day("2020-07-31")
WORDS: dict[tuple[str, str], list[Any]] = {
    ("accommodation", "code"): ["U", "S", "X", "V", "R", "G", None],
    ("legal_status", "code"): ["C2", "V3", None],
    ("pre_proceedings", "outcome_code"): ["B", None],
}
COURT = ("pre_proceedings", "care_proceedings")
Kept = list[tuple[Fact, int, Source, int]]
"""A fact, which of its kind it is a version of, whose, and how many hours before the morning it was recorded."""


def _value(kind: str, name: str, python: type) -> st.SearchStrategy[Any]:
    near = st.integers(-400, 40).map(lambda n: FRIDAY + timedelta(days=n)) | st.integers(-2, 2).map(
        lambda n: FRIDAY + timedelta(days=n)
    )
    if (kind, name) in WORDS:
        return st.sampled_from(WORDS[kind, name])
    if issubclass(python, datetime):
        return near.map(lambda on: moment(f"{on}T10:00"))
    if issubclass(python, date):
        return st.none() | near
    if issubclass(python, StrEnum):
        return st.none() | st.sampled_from(list(python))
    return st.none() | {bool: st.booleans(), int: st.integers(0, 2)}.get(python, st.just("W1"))


def _facts_of(kind: str) -> st.SearchStrategy[Fact]:
    fields_of = {name: _value(kind, name, python) for name, python in field_types(KINDS[kind]).items()}
    said = KINDS[kind].__dataclass_fields__
    needed = {n: s.filter(lambda v: v is not None) for n, s in fields_of.items() if "default" not in _given(said[n])}
    bases = {n: s.filter(lambda v: v is not None) for n, s in fields_of.items() if n.endswith("_basis")}
    return st.builds(KINDS[kind], **(fields_of | needed | bases))


def _given(field: Any) -> set[str]:
    return {"default"} if field.default is not MISSING else set()


KEPT = st.lists(
    st.tuples(
        st.sampled_from([*sorted(KINDS), *facts.KEEPS_IN_VIEW, *COURT, *COURT]).flatmap(_facts_of),
        st.integers(0, 1), st.sampled_from([Source.ECLIPSE, Source.API]), st.integers(0, 9),
    ),
    min_size=1, max_size=6, unique_by=lambda kept: (kept[0].kind, kept[1], kept[2]),
)  # fmt: skip


def nobody_with_a_clock_is_out_of_view(session: Session, kept: Kept) -> bool:
    """Raise when somebody has a clock and is out of view; whether they have one."""
    example = session.begin_nested()
    try:
        return _in_view_if_judged(Held(session), kept)
    finally:
        example.rollback()


def _in_view_if_judged(held: Held, kept: Kept) -> bool:
    for fact, which, source, hours in kept:
        held.keep(fact, fact_id=f"{fact.kind}-{which}", source=source, at=f"2020-07-30T{10 + hours}:00")
    view = Viewpoint(FRIDAY, NOW)
    versions = facts.of_people(held.session, [k for k in KINDS if k != "contact"], [held.person_id], view)
    versions += facts.latest_contacts(held.session, [held.person_id], view)
    whole = assemble(versions, person_id=held.person_id, as_at=FRIDAY)
    found = judge(whole, COHORTS, as_at=FRIDAY, policy=DEFAULT_POLICY, supplied=frozenset(KINDS), within=True)
    judged = bool(found) or (whole.missing_on(FRIDAY) is not None and not whole.gone_on(FRIDAY))
    if judged:
        assert held.person_id in held.session.scalars(facts.in_view(view)).all(), [finding.cohort for finding in found]
    return judged


@pytest.mark.parametrize("database", ["sqlite"])
@settings(
    max_examples=60, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(kept=KEPT)
def test_everybody_a_rule_finds_something_for_is_in_view(session: Session, kept: Kept) -> None:
    nobody_with_a_clock_is_out_of_view(session, kept)


APPLIED = a_stage("2019-05-06", court_application_on="2019-08-05")
TOLD: dict[str, list[Fact]] = {
    "applied, and no proceedings recorded": [APPLIED],
    "earlier proceedings disposed of on the day of the new application": [
        APPLIED, an_application("2018-01-08", disposed_on="2019-08-05"),
    ],
    "proceedings disposed of before they were issued, which is still to come": [
        APPLIED, an_application("2020-08-10", disposed_on="2020-01-06"),
    ],
    "stepped down on a day nobody wrote down": [a_stage("2020-04-06", outcome=PreProceedingsOutcome.STEP_DOWN)],
    "a letter and nothing else": [PreProceedings(letter_sent_on=day("2020-04-06"))],
    "missing, and in no cohort": [missing("2020-07-29")],
    "a care leaver of whom only the status is held": [a_status(eligibility=None)],
}  # fmt: skip


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
def test_nobody_in_these_stories_is_out_of_view(told: list[Fact], session: Session) -> None:
    kept = [(fact, n, Source.ECLIPSE, 0) for n, fact in enumerate(told)]
    assert nobody_with_a_clock_is_out_of_view(session, kept), "each of them has a clock"


def test_which_kinds_any_source_has_ever_supplied(held: Held) -> None:
    held.keep(a_place(), at="2020-07-27T08:00")
    held.keep(a_status(), at="2020-07-29T08:00")
    supplied = [
        facts.supplied_kinds(held.session, Viewpoint(day("2020-07-31"), moment(f"2020-07-{d}T09:00")))
        for d in (26, 28, 29)
    ]
    assert supplied == [frozenset(), {"accommodation"}, {"accommodation", "care_leaver_status"}]


def test_thousands_of_ids_are_one_bound_value(held: Held) -> None:
    held.keep(a_place())
    ids = [held.person_id, *(new_id(AT) for _ in range(70_000))]
    assert len(facts.of_people(held.session, ["accommodation"], ids, None)) == 1
