"""Conflicts between sources: listed with an owner, decided by a person, and not opened again by a repeat."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, select

from service.domain.access import Role, User
from service.domain.dates import london_day
from service.domain.facts import Accommodation, Contact, ContactKind, Fact, InTouch, Provision, Unacceptable
from service.domain.viewpoint import Viewpoint
from service.errors import NotFound, NothingToSettle, OwnEntry, Refused, Stale, Unprocessable
from service.operations import conflicts, merging, settling
from service.operations.conflicts import Asked, Page, Row
from service.operations.merging import Named
from service.operations.settling import Decided
from service.store import settlements
from service.store.engine import reading, writing
from service.store.schema import audit_entry
from tests.council import (
    ADVISER,
    CONTACTS_HEADER,
    DIRECTOR,
    HEAD,
    MANAGER,
    SPELLS_HEADER,
    Council,
    leaver,
    moment,
    somebody_who,
)
from tests.factories import a_contact, a_place, day

REST = (leaver("P2"), leaver("P3"))
NORTHERN = somebody_who(Role.TEAM_MANAGER, code="north_1", user_id="northern")
QUALITY = somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA)
DIRECTOR_OF_CARE = somebody_who(Role.SENIOR_MANAGER_CORPORATE_PARENTING, code="parenting")
TENT = a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=day("2020-07-10"))


def page(council: Council, *, to: User = MANAGER, known_at: str | None = None, as_at: str | None = None,
         **asked: Any) -> Page:  # fmt: skip
    now = council.clock()
    today = london_day(now)
    view = Viewpoint(day(as_at) if as_at else today, moment(known_at) if known_at else now)
    with reading(council.engine) as session:
        return conflicts.listed(session, to=to, view=view, today=today, asked=Asked(**asked))


def listed(council: Council, **options: Any) -> tuple[Row, ...]:
    return page(council, **options).rows


def the_one(council: Council, **options: Any) -> Row:
    (row,) = listed(council, **options)
    return row


def said(row: Row, name: str) -> list[tuple[str, Any, bool]]:
    """(source, value, whether it stands) of each side."""
    assert row.conflict is not None
    return [(side.known.source.value, side.says[name], side.stands) for side in row.conflict.sides]


def settle(council: Council, row: Row, source: str, *, by: User = MANAGER, **options: Any) -> Decided:
    """Decide for what a source says."""
    assert row.conflict is not None
    (fact_id,) = row.conflict.fact_ids
    chosen = next(side for side in row.conflict.sides if side.known.source.value == source)
    named = {"version_id": chosen.known.version_id, "if_match": row.etags[fact_id]} | options
    with writing(council.engine, council.clock) as write:
        return settling.settle(
            write.session, row.conflict.kind, fact_id, by=by, at=write.now, reason="visited", **named
        )  # fmt: skip


def two(
    council: Council, act: Any, fact_id: str, other: str, *, by: User = MANAGER, kind: str = "accommodation"
) -> Decided:
    with writing(council.engine, council.clock) as write:
        return act(write.session, kind, fact_id, other, by=by, at=write.now, reason="asked the adviser")  # type: ignore[no-any-return]


def fact_id_of(fact: Fact) -> str:
    assert fact.known is not None
    return fact.known.fact_id


def flags_of(fact: Fact) -> tuple[str, ...]:
    assert fact.known is not None
    return fact.known.flags


def spell(
    code: str = "K", suitable: str = "no", *, start: str = "2020-07-01", end: str = "", judged: str = "2020-07-02"
) -> str:
    return SPELLS_HEADER + f"S2,P2,{code},{suitable},{start},{end},{judged},\n"


def lodgings_of_p2(council: Council) -> Accommodation:
    """What stands of the spell that the spreadsheet of accommodation says of P2."""
    places = council.standing("P2").accommodations
    held = council.versions("accommodation", "P2")
    sheet = {fact_id_of(v) for v in held if v.known and v.known.source_ref.startswith("accommodation/")}
    return next(place for place in places if fact_id_of(place) in sheet)


def p2_only_in_the_sheet(council: Council) -> None:
    """P2's place is known by the spreadsheet alone: nights of care leavers name the others."""
    council.on("2020-07-02T09:00").push("cohorts", {"accommodation": spell()})


def corrected_by_hand(council: Council, when: str = "2020-07-20T10:00", by: User = HEAD, **changes: Any) -> str:
    """A worker says otherwise of P1's place than Eclipse's row does: lodgings, judged unsuitable. Its fact id."""
    (place,) = council.on(when).standing().accommodations
    after = replace(place, **({"code": "K", "suitable": False, "judged_on": day("2020-07-20")} | changes))
    return council.correct(fact_id_of(place), after, by=by).fact_id


# --- the list ------------------------------------------------------------------------------


def test_nothing_is_listed_while_sources_agree(council: Council) -> None:
    council.night("2020-07-02T01:00", leaver("P1"), *REST)
    assert listed(council, to=DIRECTOR) == ()


def test_a_worker_against_the_feed_has_an_owner_sides_and_days(council: Council) -> None:
    fact_id = corrected_by_hand(council)
    row = the_one(council.on("2020-07-31T09:00"))
    assert row.conflict is not None
    assert (row.card.name, row.owner, row.days_open) == ("Rowan Demo-Ashford", "A. Demo-Adviser", 11)
    assert (row.conflict.kind, row.conflict.fact_ids) == ("accommodation", (fact_id,))
    assert row.etags == {fact_id: council.etag("accommodation", fact_id)}
    assert said(row, "code") == [("api", "K", True), ("eclipse", "U", False)]
    assert said(row, "suitable") == [("api", False, True), ("eclipse", True, False)]
    assert "stands over" in row.conflict.why


def test_without_a_worker_the_manager_of_the_team_owns_it(council: Council) -> None:
    (place,) = council.on("2020-07-20T10:00").standing("P2").accommodations
    council.correct(fact_id_of(place), replace(place, suitable=False, judged_on=day("2020-07-20")), by=HEAD)
    assert the_one(council, to=HEAD).owner == "Manager of Care leavers Exeter 2"


def test_everybody_sees_those_of_their_scope_alone(council: Council) -> None:
    corrected_by_hand(council)
    assert listed(council, to=NORTHERN) == ()
    for who in (ADVISER, MANAGER, QUALITY, DIRECTOR):
        assert len(listed(council, to=who)) == 1
    assert page(council, to=DIRECTOR).people == (council.id_of("P1"),)


def test_kind_team_and_person_narrow_the_list(council: Council) -> None:
    corrected_by_hand(council)
    assert len(listed(council, kind="accommodation", team="exeter_1")) == 1
    assert listed(council, kind="care_leaver_status") == ()
    assert listed(council, to=DIRECTOR, team="north_1") == ()
    assert len(listed(council, person_id=council.id_of("P1"))) == 1
    assert listed(council, to=DIRECTOR, person_id=council.id_of("P3")) == ()
    with pytest.raises(NotFound):
        listed(council, to=NORTHERN, person_id=council.id_of("P1"))
    with pytest.raises(Unprocessable):
        listed(council, team="nowhere")


def test_danger_comes_first_then_the_longest_open_and_pages_are_whole(council: Council) -> None:
    status = council.on("2020-07-18T10:00").standing("P2").care_leaver_statuses[0]
    council.correct(fact_id_of(status), replace(status, support_at_21=None, started_on=day("2020-06-01")), by=HEAD)
    corrected_by_hand(council)
    third = council.on("2020-07-22T10:00").standing("P3").accommodations[0]
    council.correct(fact_id_of(third), replace(third, code="S", suitable=None), by=HEAD)
    rows = listed(council, to=DIRECTOR)
    in_order = [row.card.eclipse_id for row in rows]
    assert in_order[:2] == ["P3", "P1"], "no fixed abode, then unsuitable lodgings"
    pages, after = [], None
    for _ in rows:
        got = page(council, to=DIRECTOR, limit=1, after=after)
        assert got.count == len(rows)
        pages += [row.card.eclipse_id for row in got.rows]
        after = got.after
    assert (pages, after) == (in_order, None)


def test_a_restricted_person_is_a_blank_row_at_the_end(council: Council) -> None:
    corrected_by_hand(council)
    third = council.standing("P3").accommodations[0]
    council.correct(fact_id_of(third), replace(third, suitable=False, judged_on=day("2020-07-20")), by=HEAD)
    council.restrict("P1")
    rows = listed(council, to=HEAD)
    assert [(row.card.restricted, row.conflict is None, row.owner is None) for row in rows] == [
        (False, False, False), (True, True, True),
    ]  # fmt: skip
    assert rows[1].etags == {}
    for to, reason in ((HEAD, "A complaint to answer"), (MANAGER, None)):
        whole = the_one(council, to=to, person_id=council.id_of("P1"), reason=reason)
        assert whole.conflict is not None, "who may open the record sees it whole, by its id"
    with pytest.raises(NotFound):
        listed(council, to=QUALITY, person_id=council.id_of("P1"), reason="A complaint to answer")


def test_the_list_costs_as_many_selects_for_many_as_for_one(council: Council) -> None:
    asked: list[str] = []
    event.listen(council.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    def selects() -> int:
        asked.clear()
        listed(council, to=DIRECTOR)
        return sum("SELECT" in statement for statement in asked)

    corrected_by_hand(council)
    one = selects()
    for whom in ("P2", "P3"):
        place = council.standing(whom).accommodations[0]
        council.correct(fact_id_of(place), replace(place, suitable=False, judged_on=day("2020-07-20")), by=HEAD)
    assert selects() == one < 30


# --- which is right ------------------------------------------------------------------------


def test_settled_it_is_closed_and_the_decision_is_on_record(council: Council) -> None:
    fact_id = corrected_by_hand(council)
    row = the_one(council)
    assert row.conflict is not None
    lost = next(side.known.version_id for side in row.conflict.sides if not side.stands)
    done = settle(council.on("2020-07-24T09:00"), row, "api")
    assert (done.decision, done.disagree, done.etag) == ("settled", False, council.etag("accommodation", fact_id))
    assert listed(council) == ()
    (place,) = council.standing().accommodations
    assert (place.code, flags_of(place)) == ("K", ("settled",))
    with reading(council.engine) as session:
        (kept,) = settlements.of_fact(session, "accommodation", fact_id)
        assert (kept.decision, kept.against, kept.settled_by, kept.reason) == (
            "settled",
            (lost,),
            "team_manager",
            "visited",
        )
        assert "settle.accommodation" in set(session.scalars(select(audit_entry.c.act)))
    assert place.known is not None
    assert kept.version_id == place.known.version_id


def test_at_a_moment_before_it_was_settled_it_is_open(council: Council) -> None:
    corrected_by_hand(council)
    settle(council.on("2020-07-24T09:00"), the_one(council), "api")
    council.on("2020-07-31T09:00")
    assert listed(council) == ()
    assert len(listed(council, known_at="2020-07-23T09:00")) == 1
    assert listed(council, known_at="2020-07-19T09:00") == (), "nor had anybody said otherwise yet"
    before = council.row(as_at="2020-07-23", known_at="2020-07-23T09:00")
    assert before is not None
    assert "sources_disagree" in before.finding.flags
    after = council.row()
    assert after is not None
    assert "sources_disagree" not in after.finding.flags


def test_for_the_feed_the_entry_by_hand_gives_way(council: Council) -> None:
    corrected_by_hand(council)
    settle(council.on("2020-07-24T09:00"), the_one(council), "eclipse")
    (place,) = council.standing().accommodations
    assert (place.code, place.suitable, flags_of(place)) == ("U", True, ("settled",))
    assert council.row() is None
    night = council.night("2020-07-25T01:00", leaver("P1"), *REST)
    assert night["changed"] == 0
    assert listed(council) == ()


def test_better_news_is_not_settled_by_its_author(council: Council) -> None:
    """A manager judged the lodgings suitable after all, another approved it; Eclipse goes on saying unsuitable."""
    p2_only_in_the_sheet(council)
    other = somebody_who(Role.TEAM_MANAGER, code="exeter_2", user_id="other_manager")
    place = lodgings_of_p2(council.on("2020-07-20T10:00"))
    better = council.correct(fact_id_of(place), replace(place, suitable=True, judged_on=day("2020-07-20")), by=other)
    assert better.counts == "when_approved"
    council.approve(better, by=HEAD)
    row = next(r for r in listed(council, to=other) if r.conflict and len(r.conflict.fact_ids) == 1)
    with pytest.raises(OwnEntry):
        settle(council, row, "api", by=other)
    settle(council, row, "api", by=HEAD)
    assert flags_of(lodgings_of_p2(council)) == ("settled",)


def test_worse_news_may_be_settled_by_its_author(council: Council) -> None:
    corrected_by_hand(council, by=MANAGER)
    settle(council, the_one(council), "api", by=MANAGER)
    assert listed(council) == ()


def test_only_what_was_read_is_settled(council: Council) -> None:
    fact_id = corrected_by_hand(council)
    row = the_one(council)
    with pytest.raises(Stale):
        settle(council, row, "api", if_match="x")
    with pytest.raises(Unprocessable):
        settle(council, row, "api", version_id=fact_id)
    settle(council, row, "api")
    with pytest.raises(NothingToSettle):
        settle(council, row, "api", if_match=council.etag("accommodation", fact_id))


def test_out_of_scope_restricted_and_missing_are_alike(council: Council) -> None:
    corrected_by_hand(council)
    row = the_one(council)
    told: list[Refused] = []
    with pytest.raises(NotFound) as refused:
        settle(council, row, "api", by=NORTHERN)
    told.append(refused.value)
    council.restrict("P1")
    with pytest.raises(NotFound) as refused:
        settle(council, row, "api", by=QUALITY)
    told.append(refused.value)
    with writing(council.engine, council.clock) as write, pytest.raises(NotFound) as refused:
        settling.settle(
            write.session, "accommodation", "nothing", "x", by=MANAGER, at=write.now, reason="none", if_match="x"
        )  # fmt: skip
    told.append(refused.value)
    assert {(each.code, each.fields) for each in told} == {("not_found", ())}


# --- the nights after ----------------------------------------------------------------------


@pytest.fixture
def settled(council: Council) -> Council:
    """P2's lodgings: the spreadsheet says unsuitable, the worker suitable and approved; settled for the worker."""
    p2_only_in_the_sheet(council)
    place = lodgings_of_p2(council.on("2020-07-20T10:00"))
    better = council.correct(
        fact_id_of(place), replace(place, code="U", suitable=True, judged_on=day("2020-07-20")), by=DIRECTOR_OF_CARE
    )  # fmt: skip
    council.approve(better, by=HEAD)
    row = next(r for r in listed(council, to=HEAD) if r.conflict and r.conflict.question == "which_is_right")
    settle(council.on("2020-07-21T10:00"), row, "api", by=HEAD)
    return council


def disputes(council: Council) -> list[Any]:
    found = listed(council, to=HEAD)
    return [row.conflict for row in found if row.conflict and row.conflict.question == "which_is_right"]


def night_of_the_sheet(council: Council, when: str, content: str) -> None:
    council.sheet(when, "accommodation", content)


def test_the_same_night_again_changes_nothing(settled: Council) -> None:
    before = settled.versions("accommodation", "P2")
    night_of_the_sheet(settled, "2020-07-22T09:00", spell())
    assert settled.versions("accommodation", "P2") == before
    assert disputes(settled) == []


def test_the_losing_value_with_another_field_changed_opens_nothing(settled: Council) -> None:
    night_of_the_sheet(settled, "2020-07-22T09:00", spell())
    night_of_the_sheet(settled, "2020-07-23T09:00", spell(judged="2020-07-03"))
    assert day("2020-07-03") in {v.judged_on for v in settled.versions("accommodation", "P2")}  # type: ignore[attr-defined]
    assert disputes(settled) == []
    assert (lodgings_of_p2(settled).code, flags_of(lodgings_of_p2(settled))) == ("U", ("settled",))
    night_of_the_sheet(settled, "2020-07-24T09:00", spell(judged="2020-07-04"))
    assert disputes(settled) == [], "nor the night after that"


def test_gone_from_the_extract_and_back_opens_nothing(settled: Council) -> None:
    other = SPELLS_HEADER + "S3,P3,U,yes,2020-07-01,,2020-07-02,\n"
    night_of_the_sheet(settled, "2020-07-22T09:00", other)
    assert disputes(settled) == []
    night_of_the_sheet(settled, "2020-07-23T09:00", spell() + "S3,P3,U,yes,2020-07-01,,2020-07-02,\n")
    assert disputes(settled) == []


def test_a_really_different_value_is_a_new_conflict_and_the_worse_stands(settled: Council) -> None:
    night_of_the_sheet(settled, "2020-07-22T09:00", spell())
    night_of_the_sheet(settled, "2020-07-23T09:00", spell(judged="2020-07-03"))
    night_of_the_sheet(settled, "2020-07-24T09:00", spell(code="S", suitable="no"))
    (conflict,) = disputes(settled)
    assert [(side.says["code"], side.stands) for side in conflict.sides] == [("S", True), ("U", False)]
    assert conflict.since == settled.clock()
    assert {"sources_disagree"} <= {*flags_of(lodgings_of_p2(settled))}
    row = next(r for r in listed(settled, to=HEAD) if r.conflict and r.conflict.fact_ids == conflict.fact_ids)
    settle(settled.on("2020-07-25T09:00"), row, "eclipse", by=HEAD)
    assert disputes(settled) == []
    assert lodgings_of_p2(settled).code == "S"
    night_of_the_sheet(settled, "2020-07-26T09:00", spell(code="S", suitable="no"))
    assert disputes(settled) == []


def test_a_correction_that_leaves_the_matter_as_settled_keeps_it_so(settled: Council) -> None:
    place = lodgings_of_p2(settled.on("2020-07-22T09:00"))
    settled.correct(fact_id_of(place), replace(place, judged_by="T. Demo-Manager"), by=HEAD)
    assert disputes(settled) == []
    place = lodgings_of_p2(settled.on("2020-07-23T09:00"))
    settled.correct(fact_id_of(place), replace(place, suitable=False, judged_on=day("2020-07-23")), by=HEAD)
    assert len(disputes(settled)) == 1, "one that says otherwise is a new conflict with the source"


def test_the_in_touch_category_of_an_undated_row_stays_settled(council: Council) -> None:
    (status,) = council.on("2020-07-20T10:00").standing().care_leaver_statuses
    council.correct(fact_id_of(status), replace(status, in_touch=InTouch.NO), by=HEAD)
    settle(council.on("2020-07-21T10:00"), the_one(council, kind="care_leaver_status"), "api")
    council.night("2020-07-22T01:00", leaver("P1"), *REST)
    council.night("2020-07-23T01:00", leaver("P1", activity="G4"), *REST)
    assert listed(council) == ()
    (status,) = council.standing().care_leaver_statuses
    assert (status.in_touch, flags_of(status)) == (InTouch.NO, ("settled",))


# --- contacts ------------------------------------------------------------------------------


def test_a_corrected_contact_of_which_the_feed_says_something_new_is_listed(council: Council) -> None:
    row = "C1,P1,2020-07-20T10:00:00+01:00,{},made\n"
    council.sheet("2020-07-21T09:00", "contacts", CONTACTS_HEADER + row.format("phone"))
    (call,) = council.versions("contact")
    assert isinstance(call, Contact)
    council.on("2020-07-22T09:00").correct(fact_id_of(call), replace(call, contact_kind=ContactKind.VIDEO), by=HEAD)
    assert listed(council) == (), "a correction of what the source still says is no news"
    council.sheet("2020-07-23T09:00", "contacts", CONTACTS_HEADER + row.format("letter"))
    found = the_one(council)
    assert said(found, "contact_kind") == [("api", "video", True), ("eclipse", "letter", False)]
    settle(council.on("2020-07-24T09:00"), found, "api")
    assert listed(council) == ()
    council.sheet("2020-07-25T09:00", "contacts", CONTACTS_HEADER + row.format("letter"))
    assert listed(council) == ()


def test_contacts_logged_by_hand_alone_are_no_conflict(council: Council) -> None:
    council.on("2020-07-20T12:00").log(a_contact("2020-07-20T10:00:00+01:00"))
    assert listed(council) == ()


# --- one or two ----------------------------------------------------------------------------


def two_places(council: Council) -> tuple[str, str]:
    """P2: Eclipse's row says independent living, the spreadsheet lodgings, both open. (feed's, spreadsheet's)."""
    p2_only_in_the_sheet(council)
    sheet = fact_id_of(lodgings_of_p2(council.on("2020-07-20T10:00")))
    row = next(fact_id_of(p) for p in council.standing("P2").accommodations if fact_id_of(p) != sheet)
    return row, sheet


def test_two_facts_of_one_day_and_two_sources_may_be_one(council: Council) -> None:
    both = two_places(council)
    row = the_one(council, to=HEAD)
    assert row.conflict is not None
    assert (row.conflict.question, set(row.conflict.fact_ids)) == ("one_or_two", {*both})
    assert sorted(said(row, "code")) == [("eclipse", "K", True), ("eclipse", "U", True)]


def test_found_to_be_two_they_are_not_asked_about_until_one_says_something_else(council: Council) -> None:
    row, sheet = two_places(council)
    done = two(council, settling.apart, row, sheet, by=HEAD)
    assert (done.decision, done.disagree) == ("apart", False)
    assert listed(council, to=HEAD) == ()
    assert len(council.standing("P2").accommodations) == 2, "both go on counting"
    night_of_the_sheet(council, "2020-07-22T09:00", spell(judged="2020-07-03"))
    assert listed(council, to=HEAD) == ()
    assert len(listed(council, to=HEAD, known_at="2020-07-20T09:59")) == 1
    night_of_the_sheet(council, "2020-07-23T09:00", spell(code="T"))
    assert len(listed(council, to=HEAD)) == 1


def test_found_to_be_one_the_worse_stands_until_it_is_settled(council: Council) -> None:
    row, sheet = two_places(council)
    done = two(council, settling.join, row, sheet, by=HEAD)
    assert (done.decision, done.fact_id, done.disagree) == ("joined", sheet, True)
    (place,) = council.standing("P2").accommodations
    assert (place.code, flags_of(place)) == ("K", ("sources_disagree",))
    conflict = the_one(council, to=HEAD)
    assert conflict.conflict is not None
    assert conflict.conflict.question == "which_is_right"
    report = council.night("2020-07-21T01:00", leaver("P1"), *REST)
    assert (report["added"], report["changed"]) == (0, 0), "the row means the other fact from now on"
    settle(council.on("2020-07-22T09:00"), the_one(council, to=HEAD), "eclipse", by=HEAD)
    assert listed(council, to=HEAD) == ()
    assert len(council.standing("P2").accommodations) == 1


def test_the_fact_that_moves_is_one_of_which_only_feeds_speak(council: Council) -> None:
    (place,) = council.on("2020-07-20T10:00").standing().accommodations
    council.correct(fact_id_of(place), replace(place, suitable=None, provision=Provision.REGULATED), by=HEAD)
    council.sheet("2020-07-21T09:00", "accommodation", spell().replace("S2,P2", "S1,P1"))
    row = the_one(council)
    assert row.conflict is not None
    other = next(each for each in row.conflict.fact_ids if each != fact_id_of(place))
    with pytest.raises(Refused) as refused:
        two(council, settling.join, fact_id_of(place), other)
    assert refused.value.fields[0][:2] == ("fact_id", "by_hand")
    two(council, settling.join, other, fact_id_of(place))
    assert len(council.standing().accommodations) == 1


def test_what_a_worker_logged_is_not_joined_away_by_the_worker(council: Council) -> None:
    """A tent since the 10th beside the feed's lodgings since the 1st: as one, the tent's shorter stay would stand."""
    p2_only_in_the_sheet(council)
    head = somebody_who(Role.HEAD_OF_SERVICE, user_id="other_head")
    council.on("2020-07-12T10:00").enter(TENT, by=HEAD, whom="P2")
    council.sheet("2020-07-13T09:00", "accommodation", spell() + "S9,P2,B,no,2020-07-05,,2020-07-06,\n")
    pairs = [row.conflict for row in listed(council, to=HEAD) if row.conflict and row.conflict.question == "one_or_two"]
    tent = next(fact_id_of(p) for p in council.standing("P2").accommodations if p.unacceptable)
    pair = next(each for each in pairs if tent in each.fact_ids)
    fed = next(each for each in pair.fact_ids if each != tent)
    with pytest.raises(OwnEntry):
        two(council, settling.join, fed, tent, by=HEAD)
    two(council, settling.join, fed, tent, by=head)
    standing = next(p for p in council.standing("P2").accommodations if fact_id_of(p) == tent)
    assert (standing.unacceptable, "sources_disagree" in flags_of(standing)) == (Unacceptable.TENT, True)


def test_facts_that_cannot_be_one_are_neither_joined_nor_parted(council: Council) -> None:
    first, third = (fact_id_of(council.standing(whom).accommodations[0]) for whom in ("P1", "P3"))
    for act in (settling.join, settling.apart):
        with pytest.raises(NotFound):
            two(council, act, first, third, by=HEAD)
        with pytest.raises(Unprocessable):
            two(council, act, first, first, by=HEAD)
        with pytest.raises(NotFound):
            two(council, act, first, "nothing", by=HEAD)
    row, sheet = two_places(council)
    for act in (settling.join, settling.apart):
        with pytest.raises(NotFound):
            two(council, act, row, sheet, by=NORTHERN)


def test_of_two_records_merged_the_conflict_is_the_kept_persons_and_is_settled_there(council: Council) -> None:
    fact_id = corrected_by_hand(council)
    with writing(council.engine, council.clock) as write:
        merging.merge(
            write.session, keep=Named(eclipse_id="P3"), other=Named(eclipse_id="P1"), reason="registered twice",
            although_births_differ=True, by=HEAD, at=write.now,
        )  # fmt: skip
    row = the_one(council.on("2020-07-24T09:00"), to=HEAD)
    assert row.conflict is not None
    assert (row.card.person_id, row.conflict.fact_ids) == (council.id_of("P3"), (fact_id,))
    assert settle(council, row, "api", by=HEAD).person_id == council.id_of("P3")
    assert listed(council, to=HEAD) == ()
    (entry,) = [v for v in council.versions("accommodation") if v.known and "settled" in v.known.flags]
    assert entry.known is not None
    assert entry.known.person_id == council.id_of("P1"), "it stays where its fact was recorded"
