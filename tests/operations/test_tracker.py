"""The weekly tracker: time travel, who is seen and who leaves no trace, and the same few SELECTs for any number."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from service.domain.access import Role, ScopeKind, User
from service.domain.cohorts import BY_CODE
from service.domain.facts import Accommodation, InTouch, Unacceptable
from service.domain.tracker import BLANK, Tracker
from service.errors import Refused, Unprocessable
from service.operations.entries import Entered
from service.writers.tracker_json import written
from tests.council import (
    DIRECTOR,
    HEAD,
    INVOLVEMENTS,
    MANAGER,
    PEOPLE,
    PEOPLE_HEADER,
    SPELLS_HEADER,
    USUAL,
    Council,
    leaver,
    leavers,
    somebody_who,
)
from tests.factories import a_contact, a_place, a_status

TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 10))
REST = (leaver("P2"), leaver("P3"))


def differing(one: Tracker, other: Tracker) -> set[str]:
    """Cohorts in which two trackers differ."""
    return {a.cohort.code for a, b in zip(one.tables, other.tables, strict=True) if a != b}


# --- time travel ---------------------------------------------------------------------------


def test_a_late_fact_is_the_only_difference_between_two_days_of_knowledge(council: Council) -> None:
    """On 24 July a tent is reported that has stood since 10 July."""
    council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-31T08:00")
    before = council.tracker("2020-07-23", "2020-07-23T23:00")
    after = council.tracker("2020-07-23", "2020-07-25T09:00")
    assert differing(before, after) == {"unsuitable_accommodation"}
    assert (before.tables[0].count, before.danger) == (0, ())
    (row,) = after.tables[0].rows
    assert (row.card.eclipse_id, row.finding.started_on, row.finding.days_in_state) == ("P1", date(2020, 7, 10), 13)
    assert [d.card.eclipse_id for d in after.danger] == ["P1"]


def test_a_past_day_as_known_now_has_what_was_true_that_day(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-31T08:00")
    assert [council.table(as_at=f"2020-07-{day:02}").count for day in (9, 10, 31)] == [0, 1, 1]


def test_what_ends_after_the_day_asked_about_is_open_that_day(council: Council) -> None:
    spells = SPELLS_HEADER + "S1,P2,S,no,2020-06-01,2020-07-15,2020-06-02,\n"
    council.sheet("2020-07-20T09:00", "accommodation", spells)
    row = council.row("P2", as_at="2020-07-14")
    assert row is not None
    (place,) = [f for f in row.finding.facts if f.kind == "accommodation"]
    assert (place.code, place.ended_on) == ("S", None)
    assert council.row("P2", as_at="2020-07-15") is None
    assert council.row("P2") is None


def test_a_judgement_made_after_the_day_asked_about_does_not_count_that_day(council: Council) -> None:
    """Moved on 1 June, judged unsuitable on 20 July: on 19 July nobody had judged."""
    spells = SPELLS_HEADER + "S1,P2,K,no,2020-06-01,,2020-07-20,\n"
    council.night("2020-07-02T01:00", leaver("P1"), leaver("P2", "", ""), leaver("P3"))
    council.sheet("2020-07-20T09:00", "accommodation", spells)
    assert council.row("P2", as_at="2020-07-20") is not None
    assert council.row("P2", as_at="2020-07-19") is None


def test_a_new_judgement_leaves_the_one_before_to_its_days(council: Council) -> None:
    """Judged unsuitable on 2 June, suitable on 20 July: a tracker of 10 July made today still counts it."""
    spells = SPELLS_HEADER + "S1,P2,K,{},2020-06-01,,{},\n"
    council.sheet("2020-07-05T09:00", "accommodation", spells.format("no", "2020-06-02"))
    council.sheet("2020-07-20T09:00", "accommodation", spells.format("yes", "2020-07-20"))
    assert council.on("2020-07-31T08:00").row("P2") is None
    row = council.row("P2", as_at="2020-07-10")
    assert row is not None
    assert [f.judged_on for f in row.finding.facts if isinstance(f, Accommodation)] == [date(2020, 6, 2)]
    assert council.row("P2", as_at="2020-07-19") is not None
    assert council.row("P2", as_at="2020-07-20") is None


def test_a_judgement_that_was_never_approved_or_was_taken_back_counts_on_no_day(council: Council) -> None:
    worse = a_place(code="K", suitable=False, judged_on=date(2020, 7, 6), started_on=date(2020, 6, 1))
    place = council.on("2020-07-07T09:00").enter(worse, by=MANAGER)
    better = a_place(code="K", suitable=True, judged_on=date(2020, 7, 8), started_on=date(2020, 6, 1))
    council.on("2020-07-08T09:00").correct(place.fact_id, better)
    again = a_place(code="K", suitable=False, judged_on=date(2020, 7, 20), started_on=date(2020, 6, 1))
    council.on("2020-07-20T09:00").correct(place.fact_id, again)
    assert council.on("2020-07-31T08:00").row(as_at="2020-07-10") is not None, "what waited never counted"
    council.withdraw(place, by=HEAD)
    assert council.row(as_at="2020-07-10") is None


def test_a_newer_date_in_touch_leaves_the_one_before_to_its_days(council: Council) -> None:
    council.night("2020-08-26T01:00", leaver("P1", on="2020-08-25"), *REST)
    row = council.row(cohort="not_in_touch", as_at="2020-08-21")
    assert row is not None
    assert (row.finding.line, row.finding.started_on) == ("no_contact", date(2020, 6, 25))
    assert council.row(cohort="not_in_touch", as_at="2020-08-25") is None


def test_what_an_entry_displaced_does_not_come_back_on_days_before_it_begins(council: Council) -> None:
    """Eclipse says S since 1 June; it is found and approved that it began on 15 July: settled first, then read."""
    council.sheet("2020-07-05T09:00", "accommodation", SPELLS_HEADER + "S1,P1,S,,2020-06-01,,,\n")
    assert council.row(as_at="2020-07-05") is not None
    held = next(place for place in council.standing().accommodations if place.code == "S")
    assert held.known is not None
    later = a_place(code="S", suitable=None, started_on=date(2020, 7, 15))
    council.on("2020-07-20T09:00").approve(council.correct(held.known.fact_id, later))
    assert council.row(as_at="2020-07-14") is None
    assert council.row(as_at="2020-07-15") is not None


def test_a_cohort_says_whether_any_source_has_ever_supplied_it(council: Council) -> None:
    code = "pre_proceedings_over_12_weeks"
    assert council.on("2020-07-05T09:00").table(code).supplied is False
    council.sheet("2020-07-06T09:00", "pre_proceedings", "record_id,eclipse_id,PPStartDate\nR1,P1,2020-05-04\n")
    assert council.table(code).supplied is True
    assert council.table(code, known_at="2020-07-05T09:00").supplied is False


def test_a_correction_shows_in_what_is_known_afterwards(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    earlier = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 3))
    council.on("2020-07-27T10:00").correct(tent.fact_id, earlier)
    council.on("2020-07-31T08:00")
    starts = [
        row.finding.started_on
        for known_at in ("2020-07-27T09:59:59", "2020-07-27T10:00")
        if (row := council.row(as_at="2020-07-31", known_at=known_at))
    ]
    assert starts == [date(2020, 7, 10), date(2020, 7, 3)]


def test_a_withdrawn_fact_is_in_the_past_as_known_then_only(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT)
    council.on("2020-07-27T10:00").withdraw(tent, by=MANAGER)
    council.on("2020-07-31T08:00")
    counts = [council.table(as_at="2020-07-26", known_at=k).count for k in ("2020-07-26T22:00", "2020-07-31T08:00")]
    assert counts == [1, 0]


def test_a_contact_learnt_late_is_not_known_before(council: Council) -> None:
    council.on("2020-08-26T09:00").log(a_contact("2020-08-20T10:00:00+01:00"))
    assert council.row(cohort="not_in_touch", as_at="2020-08-21", known_at="2020-08-25T09:00") is not None
    assert council.row(cohort="not_in_touch", as_at="2020-08-21") is None
    assert council.row(cohort="not_in_touch", as_at="2020-08-22", known_at="2020-08-26T09:00") is None


def test_a_contact_after_the_day_asked_about_has_not_happened_that_day(council: Council) -> None:
    """Two minutes after midnight in London is the next day, though in UTC it is not."""
    council.on("2020-08-26T09:00").log(a_contact("2020-08-22T00:02:00+01:00"))
    over = council.row(cohort="not_in_touch", as_at="2020-08-21")
    assert over is not None
    assert over.card.made is None
    assert council.row(cohort="not_in_touch", as_at="2020-08-22") is None


def test_the_team_of_the_row_is_of_the_viewpoint(council: Council) -> None:
    council.night("2020-07-05T01:00", leaver("P1", "S", ""), *REST)
    moved_north(council)
    council.on("2020-07-31T08:00")
    rows = [council.row(as_at=day) for day in ("2020-07-19", "2020-07-31")]
    assert [row and (row.card.team, row.card.locality) for row in rows] == [
        ("Care leavers Exeter 1", "Exeter"),
        ("Care leavers North 1", "North Devon"),
    ]
    then = council.row(as_at="2020-07-31", known_at="2020-07-19T09:00")
    assert then is not None
    assert then.card.team == "Care leavers Exeter 1"


# --- who is seen ---------------------------------------------------------------------------


def everybody_in_danger(council: Council) -> None:
    council.night("2020-07-05T01:00", *(leaver(p, "S", "") for p in ("P1", "P2", "P3")))


def moved_north(council: Council) -> None:
    """On 20 July P1 moves to the team in North Devon, and both sources say so."""
    north = PEOPLE_HEADER + PEOPLE.replace("exeter_1,2019-02-14", "north_1,2020-07-20")
    council.sheet("2020-07-20T09:00", "people", north)
    involved = INVOLVEMENTS.replace("2019-02-14,\n", "2019-02-14,2020-07-19\n") + "I4,P1,W2,PA,north_1,2020-07-20,\n"
    council.on("2020-07-21T01:00").push("ssd", {"ssd_involvements": involved})


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        (somebody_who(Role.PERSONAL_ADVISER, worker_ref="W1"), ["P1"]),
        (somebody_who(Role.PERSONAL_ADVISER), []),
        (somebody_who(Role.TEAM_MANAGER, code="exeter_2"), ["P2"]),
        (somebody_who(Role.TEAM_MANAGER, code="nowhere"), []),
        (somebody_who(Role.AREA_MANAGER, code="exeter_a"), ["P1", "P2"]),
        (somebody_who(Role.LOCALITY_DIRECTOR, code="north"), ["P3"]),
        (somebody_who(Role.SENIOR_MANAGER_CORPORATE_PARENTING, code="parenting"), ["P1", "P2", "P3"]),
        (DIRECTOR, ["P1", "P2", "P3"]),
        (User("none", "Demo", frozenset({Role.CHIEF_OFFICER}), frozenset(), None, 0), []),
    ],
    ids=["own", "own, no worker", "team", "no such team", "area", "locality", "service", "county", "no scope"],
)
def test_whoever_is_out_of_scope_leaves_no_trace(to: User, expected: list[str], council: Council) -> None:
    everybody_in_danger(council)
    tracker = council.tracker(to=to)
    for table in tracker.tables:
        if table.cohort.population.title == "care leavers served":
            assert table.of == len(expected), table.cohort.code
    assert [row.card.eclipse_id for row in tracker.tables[0].rows] == expected
    assert tracker.tables[0].count == len(expected)
    assert sorted(d.card.eclipse_id or "" for d in tracker.danger) == expected


def test_several_scopes_see_each_person_once(council: Council) -> None:
    everybody_in_danger(council)
    both = User(
        "u", "Demo", frozenset({Role.PERSONAL_ADVISER}),
        frozenset({(ScopeKind.OWN, ""), (ScopeKind.TEAM, "exeter_1"), (ScopeKind.AREA, "exeter_a")}), "W1", 0,
    )  # fmt: skip
    table = council.table(to=both)
    assert (table.count, table.of) == (2, 2)


def test_a_restricted_person_is_one_blank_row_and_counted(council: Council) -> None:
    everybody_in_danger(council)
    council.restrict("P1")
    for to in (DIRECTOR, HEAD, somebody_who(Role.TEAM_MANAGER, code="exeter_1")):
        tracker = council.tracker(to=to)
        table = tracker.tables[0]
        (blank,) = [row for row in table.rows if row.card.restricted]
        assert blank.card == BLANK
        assert table.count == len(table.rows) == table.of
        assert BLANK in [d.card for d in tracker.danger]
    assert table.count == 1, "the manager's only person is counted"
    assert {row.card.eclipse_id for row in council.table().rows} == {None, "P2", "P3"}


def test_restriction_is_of_now_whatever_viewpoint_is_asked_for(council: Council) -> None:
    everybody_in_danger(council)
    council.on("2020-07-20T09:00").restrict("P1")
    council.on("2020-07-31T08:00")
    then = council.table(as_at="2020-07-06", known_at="2020-07-06T09:00")
    assert [row.card.eclipse_id for row in then.rows] == ["P2", "P3", None]


def test_a_restricted_person_out_of_scope_is_absent_like_anybody(council: Council) -> None:
    everybody_in_danger(council)
    council.restrict("P1")
    table = council.table(to=somebody_who(Role.LOCALITY_DIRECTOR, code="north"))
    assert (table.count, table.of, [r.card.eclipse_id for r in table.rows]) == (1, 1, ["P3"])


def test_a_move_of_team_moves_the_sight_at_once_also_of_the_past(council: Council) -> None:
    council.night("2020-07-05T01:00", leaver("P1", "S", ""), *REST)
    moved_north(council)
    council.on("2020-07-31T08:00")
    exeter, north = (somebody_who(Role.TEAM_MANAGER, code=code) for code in ("exeter_1", "north_1"))
    past = {"as_at": "2020-07-06", "known_at": "2020-07-06T09:00"}
    assert council.row(to=exeter, **past) is None
    seen = council.row(to=north, **past)
    assert seen is not None
    assert seen.card.team == "Care leavers Exeter 1", "the grouping follows the viewpoint, the sight does not"


@pytest.mark.parametrize("role", [Role.LEAD_MEMBER, Role.CHIEF_EXECUTIVE, Role.PERFORMANCE_ANALYST])
def test_figures_only_hold_nobody(role: Role, council: Council) -> None:
    everybody_in_danger(council)
    tracker = council.tracker(to=somebody_who(role))
    assert (tracker.tables[0].count, tracker.tables[0].of) == (3, 3)
    assert (tracker.danger, [row for table in tracker.tables for row in table.rows]) == ((), [])


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"locality": "exeter"}, ["P1", "P2"]),
        ({"team": "exeter_2"}, ["P2"]),
        ({"area": "north_a"}, ["P3"]),
        ({"service": "parenting", "locality": "north"}, ["P3"]),
    ],
)
def test_a_filter_narrows_rows_counts_and_population(
    filters: dict[str, str], expected: list[str], council: Council
) -> None:
    everybody_in_danger(council)
    table = council.table(**filters)
    assert (table.count, table.of, [r.card.eclipse_id for r in table.rows]) == (len(expected), len(expected), expected)


def test_a_unit_nobody_knows_is_refused_not_empty(council: Council) -> None:
    with pytest.raises(Unprocessable) as refused:
        council.table(locality="nowhere")
    assert [(path, code) for path, code, _ in refused.value.fields] == [("locality", "unknown")]


def test_a_filter_cannot_widen_a_scope(council: Council) -> None:
    everybody_in_danger(council)
    table = council.table(to=somebody_who(Role.TEAM_MANAGER, code="exeter_1"), locality="north")
    assert (table.count, table.of, table.rows) == (0, 0, ())


def test_one_cohort_can_be_asked_for_and_an_unknown_one_is_refused(council: Council) -> None:
    asked = council.on("2020-07-31T08:00").tracker(cohort="not_in_touch")
    assert [t.cohort.code for t in asked.tables] == ["not_in_touch"]
    with pytest.raises(Unprocessable):
        council.tracker(cohort="not_a_cohort")


def test_a_cohort_asked_for_alone_says_what_the_whole_tracker_says(council: Council) -> None:
    everybody_in_danger(council)
    council.night("2020-07-06T01:00", leaver("P1", "S", ""), leaver("P2", "R", ""), leaver("P3"))
    whole = {t.cohort.code: t for t in council.tracker().tables}
    for code in BY_CODE:
        alone = {t.cohort.code: t for t in council.tracker(cohort=code).tables}
        assert alone[code] == whole[code]


# --- the number of statements --------------------------------------------------------------


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_sixty_people_cost_as_many_statements_as_three(council: Council, engine: Engine) -> None:
    council.on("2020-07-31T08:00")
    with statements(engine) as few:
        assert council.table().of == 3
    more = [f"N{n}" for n in range(57)]
    people = "".join(f"{p},Demo,Demo-{p},2001-05-01,exeter_1,2019-05-01\n" for p in more)
    council.on("2020-08-01T01:00").push("cohorts", {"people": PEOPLE_HEADER + PEOPLE + people})
    council.night("2020-08-01T02:00", *USUAL, *(leaver(p, "S", "") for p in more))
    with statements(engine) as many:
        assert council.table().of == 60
    assert len(many) == len(few)
    assert len(few) < 40


# --- promise 4: a past tracker is the same whenever it is computed -------------------------

WORKER = somebody_who(Role.PERSONAL_ADVISER, scope=ScopeKind.COUNTY, user_id="worker")
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "enter", "status", "correct", "approve", "withdraw", "night", "contact"]),
        st.integers(0, 5),
        st.integers(0, 30),
    ),
    min_size=2,
    max_size=7,
)
PLACES = (
    {"code": None, "unacceptable": Unacceptable.TENT},
    {"code": "U"},
    {"code": "U", "suitable": True},
    {"code": "K", "suitable": False},
    {"code": "S"},
    {"code": "V"},
)
CODES_AND_JUDGEMENTS = (("U", "1"), ("S", ""), ("K", "2"), ("", ""), ("V", "1"), ("X", "2"))
CATEGORIES = tuple(InTouch)


class Story:
    """A random history of one person: each act is done if it can be, an hour after the one before."""

    def __init__(self, council: Council, whom: str) -> None:
        self.council, self.whom = council, whom
        self.entered: list[Entered] = []

    def begin(self) -> None:
        """Introduce the person, in a team of their own."""
        row = f"{self.whom},Dart,Demo-Exe,2001-05-01,team_{self.whom},2019-05-01\n"
        self.council.push("cohorts", {"people": PEOPLE_HEADER + row}, mode="delta")
        self._night(0)

    def act(self, what: str, which: int, days: int) -> None:
        """Do one act; what is refused is simply not done."""
        day = self.council.clock().date() - timedelta(days=days)
        with suppress(Refused):
            match what:
                case "enter":
                    self.entered.append(self.council.enter(self._place(which, day), by=WORKER, whom=self.whom))
                case "status":
                    new = a_status(in_touch=CATEGORIES[which], started_on=day)
                    self.entered.append(self.council.enter(new, by=WORKER, whom=self.whom))
                case "contact":
                    at = self.council.clock() - timedelta(days=days, minutes=1)
                    self.entered.append(self.council.log(a_contact(at.isoformat()), by=WORKER, whom=self.whom).contact)
                case "night":
                    self._night(which)
                case "correct":
                    held = self.council.versions("accommodation", self.whom)
                    known = held[which % len(held)].known if held else None
                    if known:
                        self.council.correct(known.fact_id, self._place(days % 6, day), by=WORKER)
                case "approve" | "withdraw" if self.entered:
                    entered = self.entered[which % len(self.entered)]
                    getattr(self.council, what)(entered, by=HEAD)

    def _night(self, which: int) -> None:
        code, suitable = CODES_AND_JUDGEMENTS[which]
        row = leaver(self.whom, code, suitable, on="")
        self.council.push("ssd", {"ssd_care_leavers": leavers(row)}, mode="delta")

    @staticmethod
    def _place(which: int, day: date) -> Accommodation:
        said = PLACES[which]
        judged = {"judged_on": day} if said.get("suitable") is not None else {}
        return a_place(**({"suitable": None, "started_on": day} | said | judged))


def promise_4(council: Council, acts: list[tuple[str, int, int]]) -> None:
    council.clock.advance(hours=1)
    story = Story(council, f"H{council.runs}")
    story.begin()
    reader = somebody_who(Role.TEAM_MANAGER, code=f"team_{story.whom}")
    published: dict[tuple[str, str], bytes] = {}

    def compute(as_at: str, known_at: str) -> bytes:
        return written(council.tracker(as_at, known_at, to=reader))

    for act in acts:
        now = council.clock()
        for days in (0, 3):
            at = ((now.date() - timedelta(days=days)).isoformat(), now.isoformat())
            published[at] = compute(*at)
        council.clock.advance(hours=1)
        story.act(*act)
    assert {at: compute(*at) for at in published} == published


UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=100, deadline=None, suppress_health_check=UNHURRIED, derandomize=True)
@given(acts=ACTS)
def test_a_past_tracker_is_the_same_whenever_it_is_computed(council: Council, acts: list[tuple[str, int, int]]) -> None:
    promise_4(council, acts)


@pytest.mark.long
@settings(max_examples=200, deadline=None, suppress_health_check=UNHURRIED)
@given(acts=ACTS)
def test_a_past_tracker_is_the_same_full_dose(council: Council, acts: list[tuple[str, int, int]]) -> None:
    promise_4(council, acts)
