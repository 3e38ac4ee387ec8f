"""Two ids that are one person: one row, one page, one count; undone with nothing lost. And an id given anew."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, select

from service.domain.access import Role, ScopeKind, User
from service.domain.assembly import assemble
from service.domain.dates import london_day
from service.domain.facts import KINDS, Accommodation, Fact, Unacceptable, field_types
from service.domain.tracker import BLANK
from service.domain.viewpoint import Viewpoint
from service.errors import Conflict, NotFound, ReasonMissing, Refused, Unprocessable
from service.operations import merging, people
from service.operations.merging import Merged, Named
from service.operations.people import Whole
from service.store import facts, identifiers, users
from service.store import people as held
from service.store.engine import reading, writing
from service.store.merges import Merge
from service.store.schema import FACTS, audit_entry, audit_people, person_identifier
from tests.conftest import EMPTY, SetClock, on_postgres
from tests.council import ADVISER, DIRECTOR, HEAD, MANAGER, USUAL, Council, introduced, leaver, moment, somebody_who
from tests.factories import a_contact, a_place, a_status, missing

TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 10))
SOFA = a_place(code=None, suitable=None, unacceptable=Unacceptable.SOFA_SURFING, started_on=date(2020, 7, 22))
NORTHERN = somebody_who(Role.TEAM_MANAGER, code="north_1", user_id="northern_manager")
ON_DUTY = somebody_who(Role.DUTY_WORKER, code="exeter_1")
SEES_ALL = somebody_who(Role.CASE_PROGRESSION_MANAGER)
BOTH_LED = somebody_who(Role.AREA_MANAGER, code="exeter_a")
BOTH_SEEN = User("both", "Both", frozenset({Role.TEAM_MANAGER}),
                 frozenset({(ScopeKind.TEAM, "exeter_1"), (ScopeKind.COUNTY, "")}), None, 0)  # fmt: skip


def merge(council: Council, keep: str = "P1", other: str = "P2", *, by: User = HEAD, births: bool = True) -> Merge:
    with writing(council.engine, council.clock) as write:
        return merging.merge(
            write.session, keep=Named(eclipse_id=keep), other=Named(eclipse_id=other), reason="registered twice",
            although_births_differ=births, by=by, at=write.now,
        )  # fmt: skip


def undo(council: Council, done: Merge, *, by: User = HEAD) -> Merge:
    with writing(council.engine, council.clock) as write:
        return merging.undo(write.session, done.merge_id, reason="two people after all", by=by, at=write.now)


def listed(council: Council, *, to: User = HEAD) -> list[Merged]:
    with reading(council.engine) as session:
        return merging.listed(session, to=to, today=london_day(council.clock()))


def read(council: Council, do: Callable[..., Any], *, to: User = HEAD, known_at: str | None = None, **ids: Any) -> Any:
    now = council.clock()
    view = Viewpoint(london_day(now), moment(known_at) if known_at else now)
    with reading(council.engine) as session:
        return do(session, to=to, view=view, today=london_day(now), **ids)


def one(council: Council, whom: str, **options: Any) -> Whole:
    found: Whole = read(council, people.one, eclipse_id=whom, **options)
    return found


def rows(council: Council, **options: Any) -> list[str | None]:
    return [row.card.eclipse_id for row in council.table(**options).rows]


def seal(council: Council, whom: str) -> None:
    with writing(council.engine, council.clock) as write:
        identifiers.seal(write.session, [held.ids_by_eclipse(write.session)[whom]], at=write.now)


def listed_people(council: Council, to: User = HEAD, **options: Any) -> list[str | None]:
    return sorted((card.eclipse_id for card in read(council, people.page, to=to, **options).cards), key=str)


# --- one person ----------------------------------------------------------------------------


def test_two_ids_are_one_row_with_the_danger_of_either(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT, by=HEAD, whom="P2")
    before = council.table()
    merge(council)
    after = council.table()
    assert (rows(council), before.of, after.of) == (["P1"], 3, 2)
    assert (before.count, after.count) == (1, 1)
    assert [d.card.eclipse_id for d in council.tracker().danger] == ["P1"]


def test_either_id_finds_the_person_kept(council: Council) -> None:
    second = council.id_of("P2")
    council.on("2020-07-24T15:00")
    merge(council)
    for ids in ({"eclipse_id": "P2"}, {"eclipse_id": "P1"}, {"person_id": second}):
        whole: Whole = read(council, people.one, **ids)
        assert (whole.facts.person_id, whole.card.eclipse_id) == (council.id_of("P1"), "P1")
        assert whole.card.name == "Rowan Demo-Ashford"
    assert listed_people(council) == ["P1", "P3"]


def test_a_page_of_the_two_has_the_facts_contacts_and_history_of_both(council: Council) -> None:
    council.on("2020-07-24T15:00").log(a_contact("2020-07-24T14:00:00+01:00"), by=HEAD, whom="P2")
    council.log(a_contact("2020-07-24T15:00:00+01:00"), by=HEAD, whom="P1")
    merge(council)
    second = council.id_of("P2")
    _, contacts, etags = read(council, people.contacts, person_id=second, before=None, limit=5)
    assert [c.occurred_at.hour for c in contacts] == [14, 13]
    assert len(etags) == 2
    _, first, _ = read(council, people.contacts, person_id=second, before=None, limit=1)
    _, rest, _ = read(council, people.contacts, person_id=second, before=first[-1].occurred_at, limit=1)
    assert [c.occurred_at.hour for c in first + rest] == [14, 13]
    _, events = read(council, people.timeline, person_id=second)
    assert {e.fact.known.person_id for e in events} == {second, council.id_of("P1")}
    assert one(council, "P1").card.made == contacts[0]


def test_what_both_say_alike_counts_once(council: Council) -> None:
    council.on("2020-07-24T15:00")
    assert len(one(council, "P1").facts.accommodations) == len(one(council, "P2").facts.accommodations) == 1
    merge(council)
    whole = one(council, "P1").facts
    assert (len(whole.accommodations), len(whole.care_leaver_statuses)) == (1, 1)


def test_the_feed_goes_on_adding_to_both(council: Council) -> None:
    council.on("2020-07-24T15:00")
    merge(council)
    assert council.night("2020-07-25T01:00", *USUAL)["unchanged"] == 6
    council.night("2020-07-26T01:00", leaver("P1"), leaver("P2", "S", ""), leaver("P3"))
    assert rows(council) == ["P1"]
    assert {f.known.person_id for f in council.versions("accommodation", "P2") if f.known} == {council.id_of("P2")}


def test_an_entry_by_the_other_id_shows_on_the_person_kept_and_goes_back_with_it(council: Council) -> None:
    council.on("2020-07-24T15:00")
    done = merge(council)
    logged = council.log(a_contact("2020-07-24T14:00:00+01:00"), by=HEAD, whom="P2").contact
    assert logged.person_id == council.id_of("P1")
    assert one(council, "P1").card.made is not None
    council.clock.advance(hours=1)
    undo(council, done)
    assert one(council, "P1").card.made is None
    assert one(council, "P2").card.made is not None


def test_a_fact_of_the_other_record_is_corrected_approved_and_withdrawn_where_it_is(council: Council) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT, by=HEAD, whom="P2")
    merge(council)
    council.correct(tent.fact_id, a_place(code="U", suitable=None, started_on=date(2020, 7, 10)), by=ADVISER)
    council.clock.advance(hours=1)
    council.approve(tent)
    versions = council.versions("accommodation", "P2")
    assert {f.known.person_id for f in versions if f.known} == {council.id_of("P2")}
    assert rows(council) == []


# --- moves across the two records ----------------------------------------------------------


def test_a_move_is_weighed_against_the_places_of_both_and_leaves_both(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT, by=HEAD, whom="P2")
    merge(council)
    flat = council.on("2020-07-26T15:00").enter(a_place(suitable=None, started_on=date(2020, 7, 26)))
    assert flat.counts == "when_approved", "the tent is on the other record"
    assert rows(council) == ["P1"]
    council.clock.advance(hours=1)
    council.approve(flat)
    assert rows(council) == []


@pytest.mark.parametrize("approved", [True, False])
def test_undoing_lets_the_places_that_a_move_on_the_other_record_ended_run_on(council: Council, approved: bool) -> None:
    tent = council.on("2020-07-24T15:00").enter(TENT, by=HEAD, whom="P2")
    apart = council.places("P2")
    done = merge(council)
    flat = council.on("2020-07-26T15:00").enter(a_place(suitable=None, started_on=date(2020, 7, 26)))
    if approved:
        council.clock.advance(hours=1)
        council.approve(flat)
        assert council.places("P2") != apart
    council.on("2020-07-27T09:00")
    undo(council, done)
    assert council.places("P2") == apart
    assert rows(council) == ["P2"]
    assert council.etag("accommodation", tent.fact_id)
    if not approved:
        council.clock.advance(hours=1)
        council.approve(flat)
        assert council.places("P2") == apart, "approving afterwards moves only whose move it was"


def test_a_feeds_place_ended_across_runs_on_too(council: Council) -> None:
    apart = council.on("2020-07-24T15:00").places("P2")
    done = merge(council)
    council.enter(SOFA)
    assert council.places("P2") != apart
    council.clock.advance(hours=1)
    undo(council, done)
    assert council.places("P2") == apart
    assert rows(council) == ["P1"]
    assert len(read(council, people.timeline, person_id=council.id_of("P2"))[1]) >= 5, "nothing is out of the file"


def test_a_place_left_by_both_records_moves_ends_with_its_own(council: Council) -> None:
    """Found by the property: undone, the flat ran on beside the tent that its own young person had moved to."""
    done = merge(council.on("2020-07-24T09:00"))
    council.on("2020-07-24T15:00").enter(SOFA, whom="P1")
    council.on("2020-07-25T15:00").enter(replace(TENT, started_on=date(2020, 7, 25)), whom="P2")
    undo(council.on("2020-07-26T09:00"), done)
    flat, tent = council.places("P2")
    assert (flat[0], flat[3]) == ("U", date(2020, 7, 25))
    assert tent[1:] == ("tent", date(2020, 7, 25), None)


# --- time travel ---------------------------------------------------------------------------


def test_a_past_tracker_shows_two_people_as_it_did_and_one_while_they_were_one(council: Council) -> None:
    council.on("2020-07-12T15:00").enter(TENT, by=HEAD, whom="P2")
    council.enter(TENT, by=HEAD, whom="P1")
    done = merge(council.on("2020-07-20T15:00"))
    council.on("2020-07-25T15:00")
    assert rows(council, known_at="2020-07-20T14:59") == ["P1", "P2"]
    assert rows(council) == ["P1"]
    assert listed_people(council, known_at="2020-07-20T14:59") == ["P1", "P2", "P3"]
    undo(council, done)
    council.on("2020-07-28T15:00")
    assert rows(council) == ["P1", "P2"]
    assert rows(council, known_at="2020-07-21T00:00") == ["P1"]
    assert council.table(known_at="2020-07-21T00:00").of == 2
    assert one(council, "P2", known_at="2020-07-21T00:00").card.eclipse_id == "P1"
    assert one(council, "P2", known_at="2020-07-20T14:59").card.eclipse_id == "P2"


# --- who may see ---------------------------------------------------------------------------


def test_who_sees_one_of_the_two_sees_both_while_they_are_one(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT, by=HEAD, whom="P3")
    assert rows(council, to=MANAGER) == []
    done = merge(council, "P1", "P3")
    assert rows(council, to=MANAGER) == rows(council, to=NORTHERN) == ["P1"]
    assert one(council, "P3", to=ADVISER).card.eclipse_id == "P1"
    council.on("2020-07-26T15:00")
    undo(council, done)
    assert (rows(council, to=MANAGER), rows(council, to=NORTHERN)) == ([], ["P3"])
    with pytest.raises(NotFound):
        one(council, "P3", to=MANAGER)


def test_after_an_undo_nobody_reads_the_other_in_the_past_either(council: Council) -> None:
    """Who may see is of now: the past while they were one shows each reader only whom they may see now."""
    council.on("2020-07-12T15:00").enter(TENT, by=HEAD, whom="P3")
    done = merge(council, "P1", "P3")
    council.on("2020-07-24T15:00")
    undo(council, done)
    assert rows(council, to=MANAGER, known_at="2020-07-20T00:00") == []
    assert rows(council, to=NORTHERN, known_at="2020-07-20T00:00") == ["P3"]
    assert rows(council, to=HEAD, known_at="2020-07-20T00:00") == ["P1"]
    assert {v.known.person_id for v in one(council, "P1", to=MANAGER, known_at="2020-07-20T00:00").facts.accommodations
            if v.known} == {council.id_of("P1")}  # fmt: skip


@pytest.mark.parametrize("whom", ["P1", "P2"])
def test_where_one_is_restricted_the_whole_is(council: Council, whom: str) -> None:
    council.on("2020-07-24T15:00").enter(TENT, by=HEAD, whom="P1")
    council.restrict(whom)
    merge(council)
    (row,) = council.table(to=DIRECTOR).rows
    assert row.card == BLANK
    for each in ("P1", "P2"):
        with pytest.raises(NotFound):
            one(council, each, to=ON_DUTY)
        assert one(council, each, to=MANAGER).card.eclipse_id == "P1", "who opens one opens both"
        with pytest.raises(ReasonMissing):
            one(council, each, to=HEAD)
    assert one(council, "P2", to=HEAD, reason="A complaint to answer").card.eclipse_id == "P1"
    assert read(council, people.page, to=MANAGER).cards[0] == BLANK


def test_the_past_of_a_merge_undone_opens_to_whoever_opens_both_now(council: Council) -> None:
    """P2's record is restricted. Who manages P1 alone must not read it as known while the two were one."""
    done = merge(council.on("2020-07-20T15:00"))
    undo(council.on("2020-07-24T15:00"), done)
    council.restrict("P2")
    assert one(council, "P1", to=MANAGER).card.eclipse_id == "P1"
    with pytest.raises(NotFound):
        one(council, "P1", to=BOTH_SEEN, known_at="2020-07-22T00:00")
    assert one(council, "P1", to=BOTH_LED, known_at="2020-07-22T00:00").card.eclipse_id == "P1"


def test_a_restriction_of_now_hides_both_in_the_past_before_the_merge(council: Council) -> None:
    council.on("2020-07-12T15:00").enter(TENT, by=HEAD, whom="P1")
    merge(council.on("2020-07-20T15:00"))
    council.restrict("P2")
    council.on("2020-07-25T15:00")
    (row,) = council.table(known_at="2020-07-20T14:00").rows
    assert row.card == BLANK


# --- refusals ------------------------------------------------------------------------------


def refused(council: Council, error: type[Refused], keep: str, other: str, **options: Any) -> str:
    before = council.everything()
    with pytest.raises(error) as refusal:
        merge(council, keep, other, **options)
    assert council.everything() == before
    return refusal.value.fields[0][1] if refusal.value.fields else refusal.value.code


def test_nobody_is_merged_with_themselves_nor_twice_nor_in_a_chain(council: Council) -> None:
    council.on("2020-07-24T15:00")
    assert refused(council, Unprocessable, "P1", "P1") == "same_person"
    done = merge(council, "P1", "P2")
    assert refused(council, Conflict, "P3", "P2") == "merged_already"
    assert refused(council, Conflict, "P2", "P3") == "merged_already"
    assert refused(council, Conflict, "P1", "P2") == "merged_already"
    assert refused(council, Conflict, "P2", "P1") == "merged_already"
    assert refused(council, Conflict, "P3", "P1") == "others_merged_into_it"
    merge(council, "P1", "P3")
    assert listed_people(council) == ["P1"]
    undo(council, done)
    assert listed_people(council) == ["P1", "P2"]
    with pytest.raises(Conflict) as again:
        undo(council, done)
    assert again.value.fields[0][1] == "already_undone"


def test_two_dates_of_birth_need_somebody_who_has_checked(council: Council) -> None:
    council.on("2020-07-24T15:00")
    assert refused(council, Unprocessable, "P1", "P2", births=False) == "born_on_differs"
    merge(council, births=True)
    assert "sources_disagree" in one(council, "P1").facts.person.known.flags  # type: ignore[union-attr]


def test_both_must_be_in_sight_open_and_unsealed(council: Council) -> None:
    council.on("2020-07-24T15:00")
    assert refused(council, NotFound, "P1", "P3", by=MANAGER) == "not_found"
    assert refused(council, NotFound, "P3", "P1", by=MANAGER) == "not_found"
    council.restrict("P3")
    assert refused(council, NotFound, "P1", "P3", by=SEES_ALL) == "not_found"
    seal(council, "P2")
    assert refused(council, NotFound, "P1", "P2") == refused(council, NotFound, "P2", "P1") == "not_found"


def test_a_merge_out_of_sight_cannot_be_undone_and_is_not_listed(council: Council) -> None:
    council.on("2020-07-24T15:00")
    done = merge(council, "P1", "P2")
    with pytest.raises(NotFound):
        undo(council, done, by=NORTHERN)
    assert listed(council, to=NORTHERN) == []
    (told,) = listed(council, to=MANAGER)
    assert (told.eclipse_id, told.merged_eclipse_id, told.merge.superseded_at) == ("P1", "P2", None)
    assert listed(council, to=HEAD) == [told]
    council.restrict("P2")
    for hidden in (ON_DUTY, HEAD):
        assert listed(council, to=hidden) == [], "a post alone opens no list"
    with pytest.raises(NotFound):
        undo(council, done, by=ON_DUTY)
    assert listed(council, to=MANAGER) == [told], "the line over one of them"
    undone = undo(council, done)
    assert (undone.undone_by, undone.undone_reason) == (HEAD.user_id, "two people after all")
    assert [each.merge.undone_by for each in listed(council, to=BOTH_LED)] == [HEAD.user_id]


def test_two_at_once_never_make_a_chain(council: Council) -> None:
    council.on("2020-07-24T15:00")

    def attempt(pair: tuple[str, str]) -> bool:
        try:
            merge(council, *pair)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(attempt, [("P1", "P2"), ("P2", "P3"), ("P3", "P1")]))
    assert sum(done) == 1


def test_the_audit_names_both_and_what_was_computed_starts_again(council: Council) -> None:
    council.on("2020-07-24T15:00")
    versions = []
    for step in (lambda: merge(council), lambda: undo(council, listed(council)[0].merge)):
        with reading(council.engine) as session:
            versions.append(users.access_version(session))
        step()
    with reading(council.engine) as session:
        versions.append(users.access_version(session))
        named = session.execute(
            select(audit_entry.c.act, audit_people.c.people)
            .join(audit_people, audit_people.c.people_set == audit_entry.c.people_set)
            .where(audit_entry.c.act.like("people.merge%"))
            .order_by(audit_entry.c.act)
        ).all()
    assert versions == sorted(set(versions))
    assert [act for act, _ in named] == ["people.merge", "people.merge.undo"]
    assert all(council.id_of(each) in told for _, told in named for each in ("P1", "P2"))


def test_the_same_few_selects_however_many_are_merged(council: Council) -> None:
    def counted() -> int:
        found: list[str] = []
        event.listen(council.engine, "before_cursor_execute", note := lambda *a: found.append(a[2]))
        council.tracker()
        event.remove(council.engine, "before_cursor_execute", note)
        return sum(each.lstrip().startswith("SELECT") for each in found)

    council.on("2020-07-24T15:00")
    without = counted()
    merge(council, "P1", "P2")
    once = counted()
    merge(council, "P1", "P3")
    assert (once, counted()) == (without + 1, without + 1)


# --- an id given anew ----------------------------------------------------------------------


def release(council: Council, eclipse_id: str, *, by: User = HEAD) -> str:
    with writing(council.engine, council.clock) as write:
        return merging.release(write.session, eclipse_id, reason="Eclipse gave it anew", by=by, at=write.now)


def test_a_released_id_finds_nobody_and_its_holder_keeps_the_facts(council: Council) -> None:
    person_id = council.id_of("P1")
    council.on("2020-07-24T15:00").enter(TENT, by=HEAD)
    assert release(council, "P1", by=MANAGER) == person_id
    with pytest.raises(NotFound):
        one(council, "P1")
    whole: Whole = read(council, people.one, person_id=person_id)
    assert (whole.card.eclipse_id, whole.card.name) == (None, "Rowan Demo-Ashford")
    assert [row.card.person_id for row in council.table().rows] == [person_id]
    with reading(council.engine) as session:
        assert identifiers.former_holders(session) == {"P1": frozenset({person_id})}
        assert set(held.ids_by_eclipse(session)) == {"P2", "P3"}
        (row,) = session.execute(select(person_identifier).where(person_identifier.c.superseded_at.is_not(None))).all()
    assert (row.released_by, row.released_reason) == (MANAGER.user_id, "Eclipse gave it anew")


def test_an_id_is_released_once_and_only_by_who_may_open_its_holder(council: Council) -> None:
    council.on("2020-07-24T15:00")
    with pytest.raises(NotFound):
        release(council, "P3", by=MANAGER)
    release(council, "P3")
    with pytest.raises(NotFound):
        release(council, "P3")


def test_a_released_id_may_mean_somebody_new(council: Council) -> None:
    old = council.id_of("P1")
    council.on("2020-07-24T15:00")
    release(council, "P1")
    with writing(council.engine, council.clock) as write:
        held.add(write.session, {"P1": "01738b11-2f00-7c44-8e21-0c1e7d9a4f10"}, at=write.now)
    assert council.id_of("P1") != old
    assert read(council, people.one, person_id=old).card.eclipse_id is None


# --- adopted -------------------------------------------------------------------------------


@pytest.mark.parametrize("to", [HEAD, DIRECTOR, MANAGER, ADVISER])
def test_a_sealed_record_is_found_by_nobody(council: Council, to: User) -> None:
    person_id = council.id_of("P1")
    tent = council.on("2020-07-24T15:00").enter(TENT, by=HEAD)
    seal(council, "P1")
    for do, ids in (
        (people.one, {"eclipse_id": "P1"}), (people.one, {"person_id": person_id}),
        (people.timeline, {"person_id": person_id}),
        (people.contacts, {"person_id": person_id, "before": None, "limit": 5}),
        (people.one, {"person_id": person_id, "known_at": "2020-07-20T00:00"}),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            read(council, do, to=to, **ids)
    assert "P1" not in listed_people(council, to=to)
    with pytest.raises(NotFound):
        council.log(a_contact("2020-07-24T14:00:00+01:00"), by=to, whom="P1")
    with pytest.raises(NotFound):
        council.approve(tent, by=to)


def test_a_sealed_record_stays_one_blank_row_of_days_before(council: Council) -> None:
    council.on("2020-07-24T15:00").enter(TENT, by=HEAD)
    before = council.table()
    seal(council, "P1")
    after = council.table()
    assert (after.count, after.of) == (before.count, before.of)
    assert [row.card for row in after.rows] == [BLANK]
    assert [d.card for d in council.tracker().danger] == [BLANK]


def test_of_two_records_merged_a_seal_seals_both_and_the_merge_can_still_be_undone(council: Council) -> None:
    """Else a sister merged by mistake would be sealed for good."""
    council.on("2020-07-24T15:00")
    done = merge(council)
    seal(council, "P2")
    with reading(council.engine) as session:
        assert identifiers.sealed(session) == {council.id_of("P1"), council.id_of("P2")}
    for each in ("P1", "P2"):
        with pytest.raises(NotFound):
            one(council, each)
    assert listed(council) == []
    assert listed_people(council) == ["P3"]
    undo(council, done)
    assert one(council, "P1").card.eclipse_id == "P1"
    with pytest.raises(NotFound):
        one(council, "P2")


def test_sealing_moves_the_access_version_once(council: Council) -> None:
    council.on("2020-07-24T15:00")
    with reading(council.engine) as session:
        before = users.access_version(session)
    seal(council, "P1")
    seal(council, "P1")
    with reading(council.engine) as session:
        assert users.access_version(session) == before + 1


# --- the property --------------------------------------------------------------------------

DAYS = st.integers(0, 27)
PLACES = st.sampled_from(["K", "U", "S", "B"])
FED = st.tuples(st.just("night"), st.tuples(*[st.tuples(PLACES, st.sampled_from(["1", "0", ""]))] * 3))
WHOM = st.sampled_from(["P1", "P2", "P3"])
BY_HAND = st.one_of(
    st.tuples(st.just("contact"), WHOM, DAYS),
    st.tuples(st.just("missing"), WHOM, DAYS),
    st.tuples(st.just("not_in_touch"), WHOM, DAYS),
    st.tuples(st.just("worse_place"), WHOM, DAYS),
)
STEPS = st.lists(st.one_of(FED, BY_HAND), max_size=4)


def play(council: Council, step: tuple[Any, ...], at: str) -> None:
    """One step of a story: a night, or an entry by hand that counts at once whatever stands."""
    council.on(at)
    if step[0] == "night":
        rows = [
            leaver(whom, code, suitable) for whom, (code, suitable) in zip(("P1", "P2", "P3"), step[1], strict=True)
        ]
        council.night(at, *rows)
        return
    kind, whom, days = step
    day = council.clock().date() - timedelta(days=days)
    entry: dict[str, Fact] = {
        "missing": missing(day.isoformat()),
        "not_in_touch": a_status(in_touch="NO", started_on=day),
        "worse_place": a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=day),
    }
    if kind == "contact":
        council.log(a_contact(f"{day}T09:00:00+01:00"), by=HEAD, whom=whom)
    else:
        council.enter(entry[kind], by=HEAD, whom=whom)


def values(fact: Fact) -> tuple[Any, ...]:
    return tuple(getattr(fact, name) for name in field_types(type(fact)))


def places(whole: Iterable[Accommodation]) -> list[Any]:
    """Each place that has ended; and of those that run, since when, which codes and which arrangements.

    A feed's news is matched with what stands on its night: a place that it would have been one fact with, had a move
    on the other record not ended that meanwhile, is kept as a second fact, and the two say the same together.
    """
    running = [place for place in whole if place.ended_on is None]
    since = {min(place.started_on for place in running if place.started_on)} if running else set()
    said = {place.code for place in running} | {place.unacceptable for place in running} | since
    return sorted([values(place) for place in whole if place.ended_on], key=repr) + sorted(said - {None}, key=repr)


def standing(council: Council) -> dict[str, dict[str, list[Any]]]:
    """What stands of each person by their own record, as values."""
    told = {}
    with reading(council.engine) as session:
        for eclipse_id, person_id in held.ids_by_eclipse(session).items():
            whole = assemble(facts.of_people(session, KINDS, [person_id], None), person_id=person_id)
            told[eclipse_id] = {
                name: sorted([values(f) for f in getattr(whole, name)], key=repr)
                for name in ("care_leaver_statuses", "contacts", "missing_episodes", "allocations")
            } | {"person": [values(whole.person)], "places": places(whole.accommodations)}
    return told


def kept(council: Council) -> dict[str, set[tuple[str, str]]]:
    """Every version ever recorded, with whose it is, and every identifier."""
    with reading(council.engine) as session:
        found = {
            kind: set(map(tuple, session.execute(select(t.c.version_id, t.c.person_id)).all()))
            for kind, t in FACTS.items()
        }
        identified = session.execute(
            select(person_identifier.c.eclipse_id, person_identifier.c.person_id).where(
                person_identifier.c.superseded_at.is_(None)
            )
        )
        return found | {"identifiers": set(map(tuple, identified.all()))}


def story(council: Council, parts: tuple[list[Any], list[Any], list[Any]], *, merged: bool) -> dict[str, Any]:
    before, during, after = parts
    for n, step in enumerate(before):
        play(council, step, f"2020-07-{5 + n:02}T09:00")
    known: list[dict[str, set[tuple[str, str]]]] = [kept(council)]
    done = merge(council.on("2020-07-10T09:00")) if merged else None
    for n, step in enumerate(during):
        play(council, step, f"2020-07-{12 + n:02}T09:00")
    known.append(kept(council))
    council.on("2020-07-18T09:00")
    if done:
        undo(council, done)
    known.append(kept(council))
    for n, step in enumerate(after):
        play(council, step, f"2020-07-{20 + n:02}T09:00")
    known.append(kept(council))
    for earlier, later in pairwise(known):
        assert all(earlier[name] <= later[name] for name in earlier), "nothing recorded is ever gone"
    return standing(council)


def same_world(fresh: Callable[[], Council], parts: tuple[list[Any], list[Any], list[Any]]) -> None:
    told = story(fresh(), parts, merged=True)
    assert told == story(fresh(), parts, merged=False)


@pytest.fixture
def fresh(request: pytest.FixtureRequest, database: str, engine: Engine, clock: SetClock) -> Callable[[], Council]:
    """Makes the council anew, in the same database emptied."""

    def make() -> Council:
        empty(engine)
        return introduced(engine, clock)

    return make


def empty(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        on_postgres(engine.url.render_as_string(hide_password=False), EMPTY)
        return
    raw = engine.raw_connection()
    triggers = raw.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()  # type: ignore[attr-defined]
    names = [
        r[0] for r in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'alembic%'")
    ]  # type: ignore[attr-defined]
    for name, _ in triggers:
        raw.execute(f"DROP TRIGGER {name}")  # type: ignore[attr-defined]
    raw.execute("PRAGMA foreign_keys=OFF")  # type: ignore[attr-defined]
    for name in names:
        raw.execute(f'DELETE FROM "{name}"')  # type: ignore[attr-defined]
    for _, sql in triggers:
        raw.execute(sql)  # type: ignore[attr-defined]
    raw.execute("PRAGMA foreign_keys=ON")  # type: ignore[attr-defined]
    raw.commit()
    raw.close()


PARTS = st.tuples(STEPS, STEPS, STEPS)
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]  # five minutes of shrinking found nothing shorter
TAKES_ITS_TIME = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


LEFT_TWICE: tuple[list[Any], list[Any], list[Any]] = (
    [("night", (("K", "1"), ("K", "1"), ("K", "1")))],
    [("worse_place", "P1", 14), ("worse_place", "P2", 14)],
    [],
)
A_PLACE_ENDED_MEANWHILE: tuple[list[Any], list[Any], list[Any]] = (
    [("worse_place", "P1", 0), ("night", (("K", "1"), ("K", "1"), ("K", "1")))],
    [("worse_place", "P2", 16), ("night", (("S", "1"), ("K", "1"), ("K", "1")))],
    [],
)


@settings(max_examples=4, deadline=None, suppress_health_check=TAKES_ITS_TIME)
@example(A_PLACE_ENDED_MEANWHILE)
@example(LEFT_TWICE)
@given(parts=PARTS)
def test_a_merge_undone_leaves_the_world_as_if_it_had_never_been(
    fresh: Callable[[], Council], parts: tuple[list[Any], list[Any], list[Any]]
) -> None:
    same_world(fresh, parts)


@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=TAKES_ITS_TIME, phases=UNSHRUNK)
@given(parts=PARTS)
def test_a_merge_undone_leaves_the_world_as_if_it_had_never_been_full_dose(
    fresh: Callable[[], Council], parts: tuple[list[Any], list[Any], list[Any]]
) -> None:
    same_world(fresh, parts)
