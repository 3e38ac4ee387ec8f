"""What stands where sources differ, what counts at once, what waits: never better than the worst that is current."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import suitability
from service.domain.facts import (
    Accommodation,
    Basis,
    CareLeaverStatus,
    Fact,
    InTouch,
    Person,
    Source,
    Unacceptable,
)
from service.domain.standing import DISPLACED, contradict, end_of, gravity, stands, start_of
from tests.factories import a_place, a_stage, a_status, an_application, day, known

JULY = datetime(2020, 7, 1, 2, 0, tzinfo=UTC)


def at(days: int) -> datetime:
    return JULY + timedelta(days=days)


def fed(fact: Any, days: int, *flags: str, ref: str = "ssd/1") -> Any:
    return _version(
        fact, source=Source.ECLIPSE, recorded_at=at(days), version_id=f"{days:02}-{ref}", source_ref=ref, flags=flags
    )


def entered(fact: Any, days: int, *, approved: int | None = None, waits: bool = False) -> Any:
    said = {"proposed": waits or approved is not None, "approved_at": None if approved is None else at(approved)}
    return _version(fact, source=Source.API, recorded_at=at(days), version_id=f"{days:02}-api", **said)


def _version(fact: Any, **changes: Any) -> Any:
    return replace(fact, known=known(*changes.pop("flags", ()), **changes))


FLAT = a_place(started_on=day("2020-07-01"))
TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=day("2020-07-01"))
STREET = a_place(code="S", suitable=None, started_on=day("2020-07-01"))
UNJUDGED = a_place(suitable=None, started_on=day("2020-07-01"))
LEFT_FLAT = a_place(started_on=day("2020-07-01"), ended_on=day("2020-07-28"))
LEFT_STREET = a_place(code="S", suitable=None, started_on=day("2020-07-01"), ended_on=day("2020-07-28"))


def flags(fact: Fact | None) -> tuple[str, ...]:
    assert fact is not None
    assert fact.known is not None
    return fact.known.flags


def test_one_version_stands_as_it_is() -> None:
    only = fed(FLAT, 1, "several_rows")
    assert stands([only]) == (only, ())
    assert flags(stands([only])[0]) == ("several_rows",)


def test_what_waits_does_not_stand_and_makes_what_stands_contested() -> None:
    street, left = fed(STREET, 1), entered(LEFT_STREET, 28, waits=True)
    fact, waiting = stands([street, left])
    assert (fact, waiting) == (STREET, (left,))
    assert flags(fact) == ("contested",)
    assert stands([left]) == (None, (left,)), "alone, nothing stands"


def test_a_persons_entry_beats_what_a_feed_said_before() -> None:
    fact, _ = stands([fed(STREET, 1), entered(LEFT_STREET, 27, approved=29)])
    assert fact == LEFT_STREET
    assert flags(fact) == ("sources_disagree",), "the feed still says otherwise"


def test_a_feeds_news_after_the_entry_competes_and_the_worse_stands() -> None:
    fact, _ = stands([entered(LEFT_STREET, 27, approved=28), fed(STREET, 29)])
    assert fact == STREET
    assert flags(fact) == ("sources_disagree",)


def test_what_a_feed_says_between_an_entry_and_its_approval_is_news_too() -> None:
    """The manager approved what the worker had seen on the 27th; Eclipse said it anew on the 28th."""
    fact, _ = stands([fed(STREET, 28), entered(LEFT_STREET, 27, approved=29)])
    assert fact == STREET
    assert flags(fact) == ("sources_disagree",)


def test_what_only_says_again_what_was_displaced_is_no_news() -> None:
    fact, _ = stands([entered(LEFT_STREET, 27, approved=28), fed(STREET, 29, DISPLACED, "left_the_extract")])
    assert fact == LEFT_STREET
    fact, _ = stands([fed(STREET, 29, DISPLACED)])
    assert fact == STREET, "without the entry it is what there is"


def test_of_two_feeds_the_worse_stands() -> None:
    better = fed(a_place(suitable=True, started_on=day("2020-07-01")), 5, ref="accommodation/1")
    worse = fed(a_place(suitable=False, started_on=day("2020-07-01")), 1)
    fact, _ = stands([better, worse])
    assert isinstance(fact, Accommodation)
    assert fact.suitable is False
    assert flags(fact) == ("sources_disagree",)


def test_sources_that_agree_complete_each_other() -> None:
    seen = fed(a_place(started_on=day("2020-07-01"), started_on_basis=Basis.OBSERVED), 1)
    dated = fed(a_place(started_on=day("2020-03-02"), judged_on=day("2020-03-09")), 2, ref="accommodation/1")
    fact, _ = stands([seen, dated])
    assert isinstance(fact, Accommodation)
    assert (fact.started_on, fact.started_on_basis, fact.judged_on) == (
        day("2020-03-02"),
        Basis.RECORDED,
        day("2020-03-09"),
    )
    assert flags(fact) == ()


def test_of_two_ends_the_day_a_person_wrote_down_stands() -> None:
    by_hand = entered(a_place(started_on=day("2020-07-01"), ended_on=day("2020-07-10")), 24)
    first_seen = fed(a_place(started_on=day("2020-07-01"), ended_on=day("2020-07-26")), 26)
    assert end_of(stands([by_hand, first_seen])[0] or FLAT) == day("2020-07-10")


def test_names_come_from_the_newest_and_blanks_from_the_others() -> None:
    older, newer = (
        fed(Person(forename="Rowan", born_on=day("2001-02-14")), 1),
        fed(Person(forename="Rowena"), 2, ref="p/1"),
    )
    assert stands([older, newer])[0] == Person(forename="Rowena", born_on=day("2001-02-14"))


def test_a_version_without_its_envelope_cannot_be_weighed() -> None:
    with pytest.raises(ValueError, match="envelope"):
        stands([FLAT])


# --- contradiction, gravity, dates ---------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(FLAT, a_place(code="K"), True, id="another code"),
        pytest.param(FLAT, a_place(code=None), False, id="a blank is no contradiction"),
        pytest.param(FLAT, a_place(suitable=False), True, id="another judgement"),
        pytest.param(STREET, LEFT_STREET, True, id="ended and not ended"),
        pytest.param(LEFT_STREET, a_place(code="S", suitable=None, ended_on=day("2020-07-20")), False, id="both ended"),
        pytest.param(TENT, FLAT, True, id="a tent is no flat"),
        pytest.param(TENT, a_place(code="K", suitable=None), True, id="nor lodgings nobody has judged"),
        pytest.param(TENT, a_place(code=None, suitable=True), True, id="nor any place judged suitable"),
        pytest.param(TENT, STREET, False, id="no fixed abode may be the tent"),
        pytest.param(TENT, a_place(code="R", suitable=None), False, id="a place not known may be the tent"),
        pytest.param(a_status(in_touch=InTouch.YES), a_status(in_touch=InTouch.NO), True, id="in touch or not"),
    ],
)  # fmt: skip
def test_what_cannot_both_be_right(one: Fact, other: Fact, expected: bool) -> None:
    assert contradict(one, other) is contradict(other, one) is expected


def test_how_grave_a_version_is() -> None:
    grave = [FLAT, a_place(code="K", suitable=None), STREET]
    assert sorted(grave, key=gravity) == grave
    assert gravity(FLAT) > gravity(LEFT_STREET), "an open place is graver than one that was left"
    assert gravity(a_status(in_touch=InTouch.NO)) > gravity(a_status(in_touch=InTouch.YES))
    assert gravity(a_status(in_touch=None)) > gravity(a_status(in_touch=InTouch.REFU)), "unknown never means fine"


def test_each_kinds_own_words_for_its_days() -> None:
    stage = a_stage("2020-05-04", court_application_on="2020-07-20")
    assert (start_of(stage), end_of(stage)) == (day("2020-05-04"), day("2020-07-20"))
    case = an_application("2020-02-03", disposed_on="2020-07-20")
    assert (start_of(case), end_of(case)) == (day("2020-02-03"), day("2020-07-20"))
    assert (start_of(Person()), end_of(Person())) == (None, None)


# --- properties ----------------------------------------------------------------------------

DAYS = st.dates(date(2020, 6, 1), date(2020, 7, 31))
PLACES = st.builds(
    Accommodation,
    code=st.sampled_from("UKSVXRGW"),
    suitable=st.booleans(),
    unacceptable=st.none() | st.sampled_from(Unacceptable),
    started_on=DAYS,
    started_on_basis=st.sampled_from([Basis.RECORDED, Basis.OBSERVED]),
    ended_on=st.none() | st.just(day("2020-08-01")),
)
BLANK_TOO = st.builds(
    Accommodation,
    code=st.none() | st.sampled_from("UKSVXRGW"),
    suitable=st.none() | st.booleans(),
    unacceptable=st.none() | st.sampled_from(Unacceptable),
    started_on=st.none() | DAYS,
)


def histories(facts: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Current versions of one fact: some feeds', at most one entry that counts, one that waits."""
    feeds = st.lists(st.tuples(facts, st.integers(1, 6), st.booleans()), min_size=1, max_size=4)
    entries = st.none() | st.tuples(facts, st.integers(1, 6))
    return st.builds(
        lambda feeds, counts, waits: [
            *(fed(f, d, *([DISPLACED] if again else []), ref=f"ssd/{n}") for n, (f, d, again) in enumerate(feeds)),
            *([entered(counts[0], counts[1])] if counts else []),
            *([entered(waits[0], waits[1], waits=True)] if waits else []),
        ],
        feeds, entries, entries,
    )  # fmt: skip


def competing(versions: list[Any]) -> list[Any]:
    """Said again in its own words: the entry that counts and the feeds' news since; without one, all feeds."""
    mine = [v for v in versions if v.known.source is Source.API and not v.known.proposed]
    feeds = [v for v in versions if v.known.source is not Source.API]
    if not mine:
        return feeds
    return mine + [
        v for v in feeds if v.known.recorded_at > mine[0].known.recorded_at and DISPLACED not in v.known.flags
    ]


@settings(max_examples=150, deadline=None)
@given(histories(PLACES))
def test_what_stands_is_never_better_than_the_worst_that_competes(versions: list[Any]) -> None:
    fact, _ = stands(versions)
    assert fact is not None
    assert gravity(fact)[:2] >= max(gravity(v)[:2] for v in competing(versions))


@settings(max_examples=150, deadline=None)
@given(histories(BLANK_TOO))
def test_known_danger_is_never_filled_away(versions: list[Any]) -> None:
    fact, _ = stands(versions)
    assert isinstance(fact, Accommodation)
    worst = max(suitability.rank(v) for v in competing(versions))
    if worst >= suitability.UNSUITABLE:
        assert suitability.rank(fact) >= worst


@settings(max_examples=150, deadline=None)
@given(histories(BLANK_TOO | PLACES), st.randoms())
def test_the_order_of_versions_decides_nothing(versions: list[Any], random: Any) -> None:
    fact, waiting = stands(versions)
    shuffled = random.sample(versions, len(versions))
    other, others = stands(shuffled)
    assert (other, flags(other), other and other.known) == (fact, flags(fact), fact and fact.known)
    assert {w.known for w in waiting} == {w.known for w in others}


def test_two_feeds_of_one_moment_stand_alike_in_any_order() -> None:
    """One batch may record two datasets' versions of a fact at one moment: then their ids decide."""
    versions = [fed(CareLeaverStatus(activity=code), 1, ref=f"ssd/{code}") for code in ("F5", "G4", "P1")]
    assert len({(stands(order)[0] or FLAT).activity for order in permutations(versions)}) == 1  # type: ignore[union-attr]
