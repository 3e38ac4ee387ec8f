"""An extract beside what is held: what is new, changed, closed, silent, gone, refused; and twice is once."""

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain.blanks import kept
from service.domain.changes import Change, Held, Plan
from service.domain.comparison import LEFT, Comparison, overlap
from service.domain.facts import (
    Accommodation,
    Basis,
    CareLeaverStatus,
    ClaReview,
    Contact,
    CpReview,
    Eligibility,
    Fact,
    InTouch,
    Known,
    Person,
    PlanCount,
    PreProceedings,
    Source,
)
from service.domain.intake import Claim, Extract, Refusal, Team, Worker
from service.domain.versions import NewVersion
from tests.factories import a_contact, a_place, a_plan, a_status, day

NIGHT = datetime(2020, 7, 1, 1, 0, tzinfo=UTC)


class Store:
    """A store in memory: what a plan adds and closes, as the record would keep it."""

    def __init__(self) -> None:
        self.people: dict[str, str] = {}
        self.aliases: dict[tuple[str, str], str] = {}
        self.current: dict[str, Fact] = {}
        self.teams: dict[str, Team] = {}
        self.workers: dict[str, Worker] = {}
        self.ids: Iterator[str] = (f"{n:06}" for n in count())
        self.nights = 0

    def take(self, *claims: Claim, full: bool = True, **extract: Any) -> Plan:
        """Compare an extract of a new night with what is held, and apply it."""
        datasets = {c.dataset for c in claims}
        usual = {"teams": (), "workers": (), "refusals": (), "rows": dict.fromkeys(datasets, len(claims))}
        said = Extract(claims=claims, **(usual | extract))
        self.nights += 1
        at = NIGHT + timedelta(days=self.nights - 1)
        held = Held(self.people, self.aliases, tuple(self.current.values()), self.teams, self.workers)
        plan = Comparison(
            held, source=Source.ECLIPSE, observed_on=at.date(), new_id=lambda: next(self.ids),
            full=frozenset(said.rows) if full else frozenset(),
        ).run(said)  # fmt: skip
        self.people |= plan.new_people
        for version in plan.versions:
            self.keep(version, at)
        self.aliases |= {(kind, ref): fact_id for kind, _, ref, fact_id in plan.aliases}
        self.teams |= {team.code: team for team in plan.teams}
        self.workers |= {worker.ref: worker for worker in plan.workers}
        return plan

    def keep(self, version: NewVersion, at: datetime) -> None:
        for closed in version.closes:
            del self.current[closed]
        version_id = next(self.ids)
        known = Known(
            version.fact_id, version_id, version.person_id, version.source, at, version.source_ref,
            confidence=version.confidence, proposed=version.proposed, flags=version.flags,
        )  # fmt: skip
        self.current[version_id] = replace(version.fact, known=known)

    def of(self, kind: type[Fact]) -> list[Any]:
        return [fact for fact in self.current.values() if isinstance(fact, kind)]


def claim(value: Fact, key: str = "1", whom: str = "P1", dataset: str = "rows", **changes: Any) -> Claim:
    return Claim(dataset, changes.pop("row", 2), key, whom, value, **changes)


def person(whom: str = "P1") -> Claim:
    return claim(Person(forename="Rowan"), whom, whom, "people")


@pytest.fixture
def store() -> Store:
    store = Store()
    store.take(person("P1"), person("P2"))
    return store


def test_the_first_night_adds_and_the_second_changes_nothing(store: Store) -> None:
    assert store.take(claim(a_place())).tally == {("rows", "added"): 1}
    again = store.take(claim(a_place()))
    assert (again.tally, again.versions, again.aliases) == ({("rows", "unchanged"): 1}, [], [])


def test_a_dated_change_is_a_version_of_the_same_fact(store: Store) -> None:
    store.take(claim(a_plan("2020-03-02")))
    (before,) = store.of(type(a_plan("2020-03-02")))
    plan = store.take(claim(a_plan("2020-03-02", category="EMO")))
    assert plan.tally == {("rows", "changed"): 1}
    (after,) = store.of(type(before))
    assert (after.category, after.known.fact_id) == ("EMO", before.known.fact_id)


def test_an_end_is_told_apart_from_a_change(store: Store) -> None:
    store.take(claim(a_plan("2020-03-02")))
    assert store.take(claim(a_plan("2020-03-02", "2020-07-01"))).tally == {("rows", "closed"): 1}
    assert store.take(claim(a_plan("2020-03-02"))).tally == {("rows", "changed"): 1}, "and may be taken back"
    assert [plan.ended_on for plan in store.of(type(a_plan("2020-03-02")))] == [None]


def test_an_undated_change_ends_the_spell_and_opens_another(store: Store) -> None:
    store.take(claim(Accommodation(code="U"), undated=True))
    store.take(claim(Accommodation(code="S"), undated=True))
    assert [(a.code, a.started_on, a.started_on_basis, a.ended_on) for a in store.of(Accommodation)] == [
        ("U", day("2020-07-02"), Basis.OBSERVED, day("2020-07-03")),
        ("S", day("2020-07-03"), Basis.OBSERVED, None),
    ]
    assert store.take(claim(Accommodation(code="S"), undated=True)).versions == []


def test_an_undated_change_of_what_defines_nothing_stays_in_the_spell(store: Store) -> None:
    store.take(claim(CareLeaverStatus(in_touch=InTouch.YES, activity="F5"), undated=True))
    store.take(claim(CareLeaverStatus(in_touch=InTouch.YES, activity="G4"), undated=True))
    (status,) = store.of(CareLeaverStatus)
    assert (status.activity, status.started_on, status.started_on_basis) == ("G4", day("2020-07-02"), Basis.OBSERVED)


def test_a_date_that_comes_later_replaces_the_day_first_seen(store: Store) -> None:
    store.take(claim(Accommodation(code="U"), undated=True))
    store.take(claim(a_place(code="U", suitable=None, started_on=day("2020-03-02"))))
    (place,) = store.of(Accommodation)
    assert (place.started_on, place.started_on_basis) == (day("2020-03-02"), Basis.RECORDED)


def test_a_blank_keeps_the_value_and_the_flag_goes_with_its_return(store: Store) -> None:
    seen = []
    for status in (InTouch.REFU, None, None, InTouch.REFU):
        plan = store.take(claim(CareLeaverStatus(eligibility=Eligibility.RELEVANT, in_touch=status), undated=True))
        (held,) = store.of(CareLeaverStatus)
        seen.append((held.in_touch, held.known.flags, len(plan.versions)))
    assert seen == [
        (InTouch.REFU, (), 1),
        (InTouch.REFU, ("no_longer_supplied:in_touch",), 1),
        (InTouch.REFU, ("no_longer_supplied:in_touch",), 0),
        (InTouch.REFU, (), 1),
    ]


# --- gone ----------------------------------------------------------------------------------


def test_a_row_gone_from_all_of_a_dataset_is_marked_once(store: Store) -> None:
    store.take(claim(a_place(), "1"), claim(a_place(), "2", "P2"))
    gone = store.take(claim(a_place(), "2", "P2"))
    assert gone.tally == {("rows", "unchanged"): 1, ("rows", LEFT): 1}
    assert [(a.known.flags, a.ended_on) for a in store.of(Accommodation)] == [((), None), ((LEFT,), None)]
    assert store.take(claim(a_place(), "2", "P2")).versions == []


@pytest.mark.parametrize(
    ("full", "extract"),
    [
        pytest.param(False, {}, id="a delta"),
        pytest.param(True, {"rows": {}}, id="a dataset that was not extracted"),
        pytest.param(True, {"refusals": (Refusal("rows", 7, "", "malformed", ""),)}, id="a row nobody can name"),
        pytest.param(True, {"refusals": (Refusal("rows", 7, "x", "y", "", "1"),)}, id="its own row, refused"),
    ],
)
def test_what_is_not_seen_has_not_always_gone(full: bool, extract: dict[str, Any], store: Store) -> None:
    store.take(claim(a_place(), "1"), claim(a_place(), "2", "P2"))
    plan = store.take(claim(a_place(), "2", "P2"), full=full, **extract)
    assert [key for key in plan.tally if key[1] == LEFT] == []


def test_an_emptied_dataset_is_told_apart_from_one_that_was_never_filled(store: Store) -> None:
    store.take(claim(a_place(), "1"), claim(a_place(), "2", "P2"))
    plan = store.take(rows={"rows": 0, "empty": 0})
    assert (plan.emptied, plan.running) == ({"rows"}, {"rows": 2, "people": 2})
    assert [(unit.dataset, unit.row, unit.change) for unit in plan.units] == [("rows", None, Change.LEFT)] * 2


def test_a_delta_ends_by_its_marker_alone(store: Store) -> None:
    review = CpReview(held_on=date(2020, 5, 4))
    store.take(claim(a_place(), "1"), claim(review, "2"), claim(a_place(), "3", "P2"))
    plan = store.take(claim(a_place(), "1", deleted=True), claim(review, "2", deleted=True), full=False)
    assert [(unit.kind, unit.change) for unit in plan.units] == [
        ("accommodation", Change.CLOSED), ("cp_review", Change.CLOSED),
    ]  # fmt: skip
    (ended,) = plan.versions
    assert (ended.fact.ended_on, ended.flags) == (date(2020, 7, 3), ("deleted_at_source",))  # type: ignore[attr-defined]
    assert plan.units[1].withdrawn, "what has no end is taken out of the file"
    again = store.take(claim(a_place(), "1", deleted=True), claim(a_place(), "9", "P2", deleted=True), full=False)
    assert again.units == [], "what has ended, or was never held, is not ended again"


def test_a_refused_row_speaks_for_its_own_facts_only(store: Store) -> None:
    store.take(claim(a_place(), "1/place"), claim(a_place(), "10/place", "P2"))
    plan = store.take(rows={"rows": 1}, refusals=(Refusal("rows", 7, "x", "y", "", "1"),))
    assert [version.source_ref for version in plan.versions] == ["rows/10/place"]


def test_contacts_and_what_has_ended_are_not_missed(store: Store) -> None:
    call = claim(a_contact("2020-06-30T09:00:00+00:00"), "1")
    store.take(call, claim(a_place(ended_on=day("2020-06-01")), "2"), claim(a_place(), "3", "P2"))
    assert store.take(claim(a_place(), "3", "P2")).versions == []


# --- refused -------------------------------------------------------------------------------


def test_whom_nobody_introduced_is_refused(store: Store) -> None:
    plan = store.take(claim(a_place(), whom="P9", row=5))
    assert [(r.row, r.field, r.code) for r in plan.refusals] == [(5, "eclipse_id", "person_not_found")]
    assert (plan.versions, plan.tally) == ([], {("rows", "refused"): 1})


def test_a_push_may_introduce_whom_it_speaks_of(store: Store) -> None:
    plan = store.take(claim(a_place(), whom="P9"), person("P9"))
    assert set(plan.new_people) == {"P9"}
    assert plan.refusals == []


def test_a_key_that_turns_to_somebody_else_is_refused(store: Store) -> None:
    store.take(claim(a_place()))
    plan = store.take(claim(a_place(), whom="P2"))
    assert [r.code for r in plan.refusals] == ["other_person"]
    assert plan.versions == []


def test_a_key_too_long_to_keep_is_refused(store: Store) -> None:
    assert [r.code for r in store.take(claim(a_place(), "k" * 156)).refusals] == ["too_long"]
    assert store.take(claim(a_place(), "k" * 155)).refusals == []


# --- the same or another -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (
            a_place(started_on=day("2020-01-01"), ended_on=day("2020-02-01")),
            a_place(started_on=day("2020-02-01")),
            True,
        ),
        (
            a_place(started_on=day("2020-01-01"), ended_on=day("2020-01-31")),
            a_place(started_on=day("2020-02-01")),
            False,
        ),
        (a_place(started_on=None, ended_on=day("2020-01-31")), a_place(started_on=day("2020-01-31")), True),
        (a_contact("2020-07-01T10:00:00+01:00"), a_contact("2020-07-01T09:00:00+00:00"), True),
        (a_contact("2020-07-01T10:00:00+01:00"), a_contact("2020-07-01T10:00:00+00:00"), False),
        (PlanCount(here=1), PlanCount(here=2), True),
        (ClaReview(due_on=day("2020-02-12")), ClaReview(held_on=day("2020-02-12")), True),
        (ClaReview(due_on=day("2020-02-12")), ClaReview(due_on=day("2020-05-12")), False),
        (ClaReview(), ClaReview(), False),
    ],
)
def test_which_facts_speak_of_the_same_days(one: Fact, other: Fact, expected: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is expected


def test_another_datasets_fact_is_joined_when_it_can_only_be_that_one(store: Store) -> None:
    store.take(claim(a_place(), dataset="ssd"))
    plan = store.take(claim(a_place(judged_on=day("2020-01-09")), dataset="sheet"))
    assert {a.known.fact_id for a in store.of(Accommodation)} == {store.of(Accommodation)[0].known.fact_id}
    assert plan.proposed_matches == []


def test_two_that_it_could_be_are_left_to_a_person(store: Store) -> None:
    store.take(claim(a_place(), "1", dataset="ssd"), claim(a_place(), "2", dataset="ssd"))
    plan = store.take(claim(a_place(), dataset="sheet", row=9))
    assert plan.proposed_matches == [("sheet", 9)]
    assert len({a.known.fact_id for a in store.of(Accommodation)}) == 3


def test_rows_of_one_dataset_never_become_one_fact(store: Store) -> None:
    store.take(claim(a_place(), dataset="ssd"))
    store.take(claim(a_place(), "1", dataset="sheet"), claim(a_place(), "2", dataset="sheet"))
    mine = {a.known.fact_id for a in store.of(Accommodation) if a.known.source_ref.startswith("sheet/")}
    assert len(mine) == 2


# --- teams and workers ---------------------------------------------------------------------


def test_teams_and_workers_change_when_something_said_changes(store: Store) -> None:
    team = Team("t1", title="Exeter 1", locality_code="exeter")
    assert store.take(teams=(team,), workers=(Worker("W1", name="A"),)).teams == [team]
    again = store.take(teams=(Team("t1", title="Exeter 1"),), workers=(Worker("W1"),))
    assert (again.teams, again.workers) == ([], []), "what is not said is not taken away"
    renamed = store.take(teams=(Team("t1", title="Exeter One"),))
    assert renamed.teams == [replace(team, title="Exeter One")]


# --- properties ----------------------------------------------------------------------------

DAYS = st.none() | st.dates(date(2019, 1, 1), date(2020, 6, 30))
PLACES = st.builds(
    Accommodation,
    code=st.none() | st.sampled_from("USKVX"),
    suitable=st.none() | st.booleans(),
    started_on=DAYS,
    ended_on=st.none() | st.just(day("2020-06-30")),
    judged_on=DAYS,
    evidence=st.none() | st.text(max_size=3),
)
STATUSES = st.builds(
    CareLeaverStatus,
    eligibility=st.none() | st.sampled_from(Eligibility),
    in_touch=st.none() | st.sampled_from(InTouch),
    activity=st.none() | st.sampled_from(["F5", "G4"]),
)
STAGES = st.builds(PreProceedings, started_on=DAYS, step_decided_on=DAYS, review_meetings=st.none() | st.integers(0, 3))
CALLS = st.integers(1, 5).map(lambda n: a_contact(f"2020-06-0{n}T09:00:00+00:00"))
VALUES = st.one_of(PLACES, STATUSES, STAGES, CALLS)
ENDS = {
    "ended_on", "end_reason", "disposed_on", "disposal", "step_decided_on", "outcome", "outcome_code",
    "court_application_on",
}  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.one_of(*(st.tuples(kind, kind) for kind in (PLACES, STATUSES, STAGES))), st.booleans())
def test_a_blank_never_takes_a_value_away_but_an_end(both: tuple[Any, Any], undated: bool) -> None:
    before, after = both
    held, flags = kept(before, after, undated=undated)
    for name in (f.name for f in fields(after) if f.name != "known"):
        old, new, now = getattr(before, name), getattr(after, name), getattr(held, name)
        if new is not None and not (undated and name == "started_on_basis"):
            assert now == new, name
        elif name in ENDS:
            assert now is None, name
        elif old is not None and name != "started_on_basis":
            assert now == old, name
    assert flags <= {f"no_longer_supplied:{f.name}" for f in fields(after)}


@st.composite
def extracts(draw: st.DrawFn, dataset: str) -> list[Claim]:
    keys = draw(st.lists(st.integers(1, 6), unique=True, max_size=5))
    claims = []
    for key in keys:
        value = draw(VALUES)
        undated = isinstance(value, Accommodation | CareLeaverStatus) and draw(st.booleans())
        if undated and isinstance(value, Accommodation):
            value = replace(value, started_on=None, ended_on=None)
        flags = tuple(draw(st.sets(st.sampled_from(["several_rows", "unmapped_code"]))))
        whom = draw(st.sampled_from(["P1", "P2", "P9"]))
        claims.append(claim(value, f"{key}/{value.kind}", whom, dataset, undated=undated, flags=flags))
    return claims


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["a", "b"]).flatmap(extracts), max_size=3), extracts("a"), extracts("b"))
def test_the_same_extract_twice_in_a_row_changes_nothing(
    before: list[list[Claim]], a: list[Claim], b: list[Claim]
) -> None:
    store = Store()
    store.take(person("P1"), person("P2"))
    for claims in (*before, a, b):
        store.take(*claims)
    for claims in (a, b):
        held = dict(store.current)
        again = store.take(*claims)
        assert {outcome for _, outcome in again.tally} <= {"unchanged", "refused"}
        assert (again.versions, again.aliases, again.new_people, again.proposed_matches) == ([], [], {}, [])
        assert store.current == held


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["a", "b"]).flatmap(extracts), max_size=5))
def test_each_stream_has_one_current_version_and_no_fact_two_people(nights: list[list[Claim]]) -> None:
    store = Store()
    store.take(person("P1"), person("P2"))
    for claims in nights:
        store.take(*claims)
    streams = [(f.kind, f.known.fact_id, f.known.source_ref) for f in store.current.values() if f.known]
    assert len(streams) == len(set(streams))
    people: dict[str, set[str]] = {}
    for fact in store.current.values():
        if fact.known:
            people.setdefault(fact.known.fact_id, set()).add(fact.known.person_id)
    assert all(len(whose) == 1 for whose in people.values())


def test_a_contact_corrected_by_its_source_is_one(store: Store) -> None:
    store.take(claim(a_contact("2020-06-10T09:00:00+00:00")))
    store.take(claim(a_contact("2020-06-15T09:00:00+00:00")))
    assert [c.occurred_at.day for c in store.of(Contact)] == [15]


def test_a_status_again_said_is_no_new_spell(store: Store) -> None:
    store.take(claim(a_status(started_on=None), undated=True))
    assert store.take(claim(a_status(started_on=None), undated=True)).versions == []
