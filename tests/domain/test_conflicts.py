"""What sources contradict each other about, and that deciding it ends it: without losing a version or a danger."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from service.domain.changes import Held
from service.domain.comparison import Comparison
from service.domain.conflicts import Question, about, conflicts_of, danger, of_one_fact, of_two_facts, order_key
from service.domain.facts import (
    Accommodation,
    CareLeaverStatus,
    Eligibility,
    Fact,
    InTouch,
    MissingKind,
    Provision,
    Source,
    SupportAt21,
    Unacceptable,
)
from service.domain.intake import Claim, Extract
from service.domain.settling import is_better, said_under, settled, still_settled
from service.domain.standing import DISAGREE, DISPLACED, SETTLED, gravity, stands
from service.domain.versions import NewVersion
from tests.factories import a_contact, a_place, a_plan, a_status, day, known, missing

JULY = datetime(2020, 7, 1, 2, 0, tzinfo=UTC)
FLAT = a_place(started_on=day("2020-07-01"))
LODGINGS = a_place(code="K", suitable=False, started_on=day("2020-07-01"))
STREET = a_place(code="S", suitable=None, started_on=day("2020-07-01"))
UNDER: Iterator[str] = (f"v{n:05}" for n in count())


def at(days: int) -> datetime:
    return JULY + timedelta(days=days)


def fed(fact: Fact, days: int, *flags: str, ref: str = "ssd/1", **changes: Any) -> Fact:
    said = {"source": Source.ECLIPSE, "recorded_at": at(days), "version_id": next(UNDER), "source_ref": ref} | changes
    return replace(fact, known=known(*flags, **said))


def entered(fact: Fact, days: int, *flags: str, **changes: Any) -> Fact:
    return fed(fact, days, *flags, ref="", **({"source": Source.API} | changes))


def added(version: NewVersion, days: int) -> Fact:
    """A version as the record would keep it."""
    return replace(
        version.fact,
        known=known(
            *version.flags, fact_id=version.fact_id, version_id=next(UNDER), person_id=version.person_id,
            source=version.source, source_ref=version.source_ref, recorded_at=at(days), confidence=version.confidence,
        ),
    )  # fmt: skip


def after(versions: Sequence[Fact], news: Sequence[NewVersion], days: int) -> list[Fact]:
    """The current versions once these have been added and what they close is closed."""
    closed = {version_id for version in news for version_id in version.closes}
    kept = [v for v in versions if v.known and v.known.version_id not in closed]
    return kept + [added(version, days) for version in news]


def flags(fact: Fact | None) -> tuple[str, ...]:
    assert fact is not None
    assert fact.known is not None
    return fact.known.flags


# --- one fact ------------------------------------------------------------------------------


def test_sources_that_agree_or_complete_each_other_are_no_conflict() -> None:
    assert of_one_fact([fed(FLAT, 1)]) is None
    assert (
        of_one_fact([fed(FLAT, 1), fed(a_place(suitable=None, started_on=FLAT.started_on), 2, ref="sheet/1")]) is None
    )
    assert of_one_fact([fed(FLAT, 1), entered(replace(LODGINGS), 2, proposed=True)]) is None, "it waits, it is not said"


def test_an_entry_stands_over_what_a_feed_still_says() -> None:
    found = of_one_fact([fed(FLAT, 1), entered(LODGINGS, 5)])
    assert found is not None
    assert [(side.known.source, side.stands, side.says["code"]) for side in found.sides] == [
        (Source.API, True, "K"), (Source.ECLIPSE, False, "U"),
    ]  # fmt: skip
    assert (found.question, found.since) == (Question.WHICH_IS_RIGHT, at(5))
    assert "by hand" in found.why


def test_of_two_feeds_the_worse_stands_meanwhile() -> None:
    found = of_one_fact([fed(FLAT, 3), fed(LODGINGS, 1, ref="sheet/1")])
    assert found is not None
    assert [(side.says["code"], side.stands) for side in found.sides] == [("K", True), ("U", False)]
    assert found.since == at(3), "from when both could be read"


def test_saying_again_what_was_displaced_makes_a_conflict_no_younger() -> None:
    found = of_one_fact([fed(FLAT, 9, DISPLACED), entered(LODGINGS, 5)])
    assert found is not None
    assert found.since == at(5)


def test_a_correction_of_a_contact_stands_whatever_the_feed_says_later() -> None:
    said, video = a_contact("2020-07-01T10:00:00+01:00"), {"contact_kind": "video"}
    corrected = a_contact("2020-07-01T10:00:00+01:00", **video)
    assert of_one_fact([fed(said, 1), entered(corrected, 2)]) is None
    assert of_one_fact([fed(said, 1), fed(said, 2, ref="sheet/1")]) is None
    found = of_one_fact([fed(a_contact("2020-07-02T10:00:00+01:00"), 3), entered(corrected, 2)])
    assert found is not None
    assert [side.stands for side in found.sides] == [True, False]


def test_narrative_is_never_a_side() -> None:
    found = of_one_fact([fed(replace(FLAT, judged_why="quiet"), 1), entered(replace(LODGINGS, judged_why="damp"), 5)])
    assert found is not None
    assert all("judged_why" not in side.says for side in found.sides)


def test_danger_first_then_the_longest_open() -> None:
    young = of_one_fact([fed(FLAT, 1), entered(LODGINGS, 5)])
    old = of_one_fact([fed(FLAT, 1), entered(LODGINGS, 3)])
    grave = of_one_fact([fed(FLAT, 1), entered(STREET, 8)])
    assert young is not None
    assert old is not None
    assert grave is not None
    assert sorted([young, old, grave], key=order_key) == [grave, old, young]


@pytest.mark.parametrize(
    ("fact", "expected"),
    [(STREET, 5), (LODGINGS, 4), (FLAT, 0), (replace(STREET, ended_on=day("2020-07-09")), 0),
     (missing("2020-07-29"), 5), (missing("2020-07-29", missing_kind=MissingKind.AWAY), 3),
     (a_status(in_touch=InTouch.NO), 4), (a_status(), 1),
     (a_plan("2020-07-01"), 1)],
)  # fmt: skip
def test_how_much_of_a_danger_a_fact_is(fact: Fact, expected: int) -> None:
    assert danger(fact) == expected


def test_the_worse_of_two_readings_stands_for_missing_and_for_status_too() -> None:
    away = missing("2020-07-28", missing_kind=MissingKind.AWAY)
    assert gravity(missing("2020-07-29")) > gravity(away)
    declined = a_status(support_at_21=SupportAt21.NOT_WANTED)
    assert gravity(a_status()) > gravity(declined)
    assert gravity(replace(declined, in_touch=InTouch.NO)) > gravity(a_status(in_touch=InTouch.YES))
    assert gravity(a_status()) > gravity(a_status(eligibility=Eligibility.QUALIFYING))


# --- two facts -----------------------------------------------------------------------------


def another(fact: Fact, days: int, *more: str, ref: str = "sheet/9", **changes: Any) -> Fact:
    return fed(fact, days, *more, ref=ref, fact_id="g", **changes)


def test_two_facts_of_two_sources_on_the_same_days_may_be_one() -> None:
    found = of_two_facts([fed(FLAT, 1)], [another(LODGINGS, 4)])
    assert found is not None
    assert (found.question, found.fact_ids, found.since) == (Question.ONE_OR_TWO, ("f", "g"), at(4))
    by_hand = entered(LODGINGS, 4, fact_id="g")
    assert of_two_facts([fed(FLAT, 1)], [by_hand]) is not None


def test_one_source_knows_its_own_rows_apart_and_so_does_a_worker() -> None:
    assert of_two_facts([fed(FLAT, 1)], [another(LODGINGS, 4, ref="ssd/2")]) is None
    assert of_two_facts([entered(FLAT, 1)], [entered(LODGINGS, 4, fact_id="g")]) is None


def test_a_place_left_on_the_day_the_next_begins_is_another_place() -> None:
    left = fed(replace(FLAT, ended_on=day("2020-07-10")), 1)
    assert of_two_facts([left], [another(replace(LODGINGS, started_on=day("2020-07-10")), 4)]) is None
    assert of_two_facts([left], [another(replace(LODGINGS, started_on=day("2020-07-09")), 4)]) is not None


def test_what_only_waits_is_no_second_fact() -> None:
    waits = entered(LODGINGS, 4, fact_id="g", proposed=True)
    assert of_two_facts([fed(FLAT, 1)], [waits]) is None
    assert conflicts_of([fed(FLAT, 1), waits]) == []


def test_found_to_be_two_they_are_asked_about_again_when_one_says_something_else() -> None:
    one, other = fed(FLAT, 1), another(LODGINGS, 4)
    apart = {frozenset({"f", "g"}): about([one], [other])}
    assert len(conflicts_of([one, other])) == 1
    assert conflicts_of([one, other], apart=apart) == []
    dated = another(replace(LODGINGS, judged_on=day("2020-07-05")), 5)
    assert conflicts_of([one, dated], apart=apart) == []
    ended = another(replace(LODGINGS, ended_on=day("2020-07-20")), 5)
    assert conflicts_of([one, ended], apart=apart) == [], "an end is no reason to ask again"
    assert len(conflicts_of([one, another(STREET, 5)], apart=apart)) == 1


def test_a_fact_that_had_not_begun_is_in_no_conflict() -> None:
    later = entered(replace(LODGINGS, started_on=day("2020-07-20")), 20, fact_id="g")
    assert len(conflicts_of([fed(FLAT, 1), later], as_at=day("2020-07-20"))) == 1
    assert conflicts_of([fed(FLAT, 1), later], as_at=day("2020-07-19")) == []


def test_joined_the_feed_speaks_as_of_now_and_the_worse_stands() -> None:
    by_hand = entered(FLAT, 4, fact_id="g")
    (moved,) = said_under([fed(LODGINGS, 1, DISPLACED, "left_the_extract")], "g")
    assert (moved.fact_id, moved.flags, moved.source_ref) == ("g", ("left_the_extract",), "ssd/1")
    fact, _ = stands([by_hand, added(moved, 6)])
    assert isinstance(fact, Accommodation)
    assert (fact.code, DISAGREE in flags(fact)) == ("K", True)


# --- deciding ------------------------------------------------------------------------------


def test_better_is_what_would_wait_for_a_second_person() -> None:
    assert is_better(FLAT, [LODGINGS])
    assert not is_better(LODGINGS, [FLAT])
    assert is_better(replace(LODGINGS, started_on=day("2020-07-20")), [LODGINGS]), "fewer days over"
    assert is_better(replace(a_plan("2020-03-02"), ended_on=day("2020-07-01")), [a_plan("2020-03-02")])


def test_a_decision_keeps_what_the_chosen_side_left_blank_and_nobody_contradicts() -> None:
    chosen, began = fed(replace(FLAT, provision=None), 1), day("2020-07-03")
    other = fed(replace(FLAT, started_on=began, provision=Provision.REGISTERED), 2, ref="sheet/1")
    entry = settled([chosen, other], chosen, reason="visited")
    assert isinstance(entry.fact, Accommodation)
    assert (entry.fact.provision, entry.fact.started_on) == (Provision.REGISTERED, day("2020-07-01"))
    assert entry.flags == (SETTLED,)


def test_a_correction_keeps_the_decision_only_where_it_and_the_sources_leave_it() -> None:
    versions = [fed(FLAT, 1), entered(LODGINGS, 5, SETTLED)]
    assert still_settled(versions, replace(LODGINGS, judged_by="T. Demo-Manager")) == (SETTLED,)
    assert still_settled(versions, FLAT) == ()
    assert still_settled([fed(STREET, 7), versions[1]], LODGINGS) == (), "a source has news since"
    assert still_settled([fed(FLAT, 1), entered(LODGINGS, 5)], LODGINGS) == ()


# --- properties ----------------------------------------------------------------------------

DAYS = st.dates(date(2020, 6, 1), date(2020, 6, 5))
PLACES = st.builds(
    Accommodation,
    code=st.none() | st.sampled_from("UKSR"),
    suitable=st.none() | st.booleans(),
    unacceptable=st.none() | st.sampled_from(Unacceptable),
    started_on=DAYS,
    judged_by=st.none() | st.just("T. Demo-Manager"),
    ended_on=st.none() | st.just(day("2020-06-20")),
)
STATUSES = st.builds(
    CareLeaverStatus,
    in_touch=st.none() | st.sampled_from(InTouch),
    support_at_21=st.none() | st.sampled_from(SupportAt21),
    activity=st.none() | st.sampled_from(["F5", "G4"]),
    started_on=DAYS,
)


def of_one_kind(least: int) -> st.SearchStrategy[list[Fact]]:
    return st.one_of(st.lists(PLACES, min_size=least, max_size=4), st.lists(STATUSES, min_size=least, max_size=4))


def current(feeds: Sequence[Fact], days: Sequence[int], entry: Fact | None) -> list[Fact]:
    """Versions of one fact: each feed's, and perhaps an entry that counts."""
    versions = [fed(f, d, ref=f"feed{n}/1") for n, (f, d) in enumerate(zip(feeds, days, strict=False))]
    return versions if entry is None else [*versions, entered(entry, 5)]


HISTORIES = of_one_kind(2).flatmap(
    lambda said: st.builds(
        lambda days, by_hand: current(said[1:], days, said[0]) if by_hand else current(said, days, None),
        st.lists(st.integers(1, 9), min_size=4, max_size=4), st.booleans(),
    )
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_what_stands_is_flagged_exactly_where_a_conflict_is_listed(versions: list[Fact]) -> None:
    fact, _ = stands(versions)
    found = of_one_fact(versions)
    assert (DISAGREE in flags(fact)) is (found is not None)
    if found is not None and fact is not None and fact.known is not None:
        assert [s.known.version_id for s in found.sides if s.stands] == [fact.known.version_id]


@settings(max_examples=300, deadline=None)
@given(HISTORIES, st.randoms())
def test_deciding_ends_a_conflict_for_whichever_side_and_closes_no_source(versions: list[Fact], random: Any) -> None:
    found = of_one_fact(versions)
    assume(found is not None)
    assert found is not None
    chosen = random.choice(found.sides).version
    entry = settled(versions, chosen, reason="visited")
    now = after(versions, [entry], 20)
    fact, _ = stands(now)
    assert of_one_fact(now) is None
    assert DISAGREE not in flags(fact)
    assert fact is not None
    assert all(getattr(fact, n) in (getattr(chosen, n), getattr(entry.fact, n)) for n in fact.defines)
    assert [v for v in now if v.known and v.known.source is not Source.API] == [
        v for v in versions if v.known and v.known.source is not Source.API
    ]


@settings(max_examples=200, deadline=None)
@given(HISTORIES, st.randoms(), st.integers(0, 3))
def test_the_nights_after_open_nothing_while_sources_say_what_they_said(
    versions: list[Fact], random: Any, which: int
) -> None:
    """The same night again changes nothing; one with a field changed that decides nothing opens nothing."""
    found = of_one_fact(versions)
    assume(found is not None)
    assert found is not None
    now = after(versions, [settled(versions, random.choice(found.sides).version, reason="visited")], 20)
    assert night(now, [v for v in now if v.known and v.known.source is not Source.API], 21) == now
    feeds = [v for v in now if v.known and v.known.source is not Source.API]
    one = feeds[which % len(feeds)]
    changed = replace(one, judged_by="A. Demo-Judge") if isinstance(one, Accommodation) else replace(one, activity="P1")  # type: ignore[call-arg]
    then = night(now, [changed if v is one else v for v in feeds], 22)
    assert of_one_fact(then) is None
    assert of_one_fact(night(then, [v for v in then if v.known and v.known.source is not Source.API], 23)) is None


def night(versions: Sequence[Fact], says: Sequence[Fact], days: int) -> list[Fact]:
    """The versions after a push in which the sources say this."""
    claims = tuple(
        Claim(v.known.source_ref.split("/")[0], 2, "1", "P1", replace(v, known=None)) for v in says if v.known
    )
    aliases = {(v.kind, v.known.source_ref): v.known.fact_id for v in versions if v.known and v.known.source_ref}
    held = Held({"P1": "p"}, aliases, tuple(versions), {}, {})
    rows = {claim.dataset: 1 for claim in claims}
    plan = Comparison(
        held, source=Source.ECLIPSE, observed_on=at(days).date(), new_id=lambda: next(UNDER), full=frozenset(rows)
    ).run(Extract(claims, (), (), (), rows))
    return after(versions, plan.versions, days)


@settings(max_examples=200, deadline=None)
@given(of_one_kind(2))
def test_joining_takes_no_danger_away(said: list[Fact]) -> None:
    one, other = said[0], said[1]
    by_hand, feed = entered(one, 4, fact_id="g"), fed(other, 2)
    fact, _ = stands([by_hand, *(added(v, 6) for v in said_under([feed], "g"))])
    assert fact is not None
    worst = max(danger(one), danger(other))
    assert danger(fact) >= worst or worst < 4, "a blank may be filled, a danger that somebody said may not"
