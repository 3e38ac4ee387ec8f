"""A bad feed cannot empty a cohort, nor hide new danger: what is held, what applies at once, and who decides."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from service.domain.clocks import State
from service.domain.facts import CareLeaverStatus, InTouch, Unacceptable
from service.errors import NothingHeld, OwnPush, Unprocessable
from service.operations import merging
from service.operations.intake import holds
from service.operations.merging import Named
from service.store.engine import reading, writing
from service.store.schema import audit_entry, batch_chunk
from tests.council import (
    ANALYST,
    HEAD,
    INVOLVEMENTS,
    LEAVERS_HEADER,
    PEOPLE_HEADER,
    ROBOT,
    TEAMS,
    USUAL,
    WORKERS,
    Council,
    leaver,
    moment,
)
from tests.factories import a_place

REST = USUAL[1:]
MANY = [f"M{number:02}" for number in range(40)]


@pytest.fixture
def forty(council: Council) -> Council:
    """Forty more care leavers, in a table of their own nights: ten of them with no fixed abode."""
    people = "".join(f"{m},Demo,Demo-{m},2001-05-01,exeter_1,2019-05-01\n" for m in MANY)
    council.on("2020-07-05T01:00").push("cohorts", {"people": PEOPLE_HEADER + people}, mode="delta")
    council.night("2020-07-06T01:00", *USUAL, *table())
    return council


def table(bad: int = 10, until: int = 40) -> list[str]:
    """The forty: the first `bad` with no fixed abode, those after `until` left out."""
    return [leaver(m, "S", "2") if i < bad else leaver(m) for i, m in enumerate(MANY[:until])]


def held(report: dict[str, Any]) -> list[tuple[str, list[str], int, int]]:
    return [(h["dataset"], h["reasons"], h["changes"], h["people"]) for h in report["held"]]


def waiting(council: Council) -> list[dict[str, Any]]:
    with reading(council.engine) as session:
        return holds.waiting(session, at=council.clock())


def batch_of(report: dict[str, Any]) -> str:
    return str(report["held"][0]["batch_id"])


def test_an_emptied_table_waits_and_everybody_stays(forty: Council) -> None:
    before = forty.table()
    report = forty.night("2020-07-07T01:00")
    assert held(report) == [
        ("ssd_care_leavers", ["table_emptied", "table_shrunk", "person_vanished"], 86, 43),
    ]  # fmt: skip
    assert (report["applied"], report["rows"]) == (0, 0)
    after = forty.table()
    assert (after.count, after.of) == (before.count, before.of) == (10, 43)
    assert all("left_the_extract" not in row.finding.flags for row in after.rows)
    assert all("news_held" in row.finding.flags for row in after.rows), "each row says that something waits"


def test_the_tracker_and_its_past_say_what_is_held(forty: Council) -> None:
    forty.night("2020-07-07T01:00")
    (told,) = forty.on("2020-07-09T07:00").tracker().held
    assert (told["dataset"], told["source"], told["changes"], told["people"]) == ("ssd_care_leavers", "eclipse", 86, 43)
    assert (told["age_hours"], told["reminders"]) == (54, 2), "it ages, and reminds each day"
    assert told["decides"] == ["head_of_service", "performance_analyst"]
    assert forty.tracker(known_at="2020-07-07T00:59").held == ()
    forty.rejected(str(told["batch_id"]))
    assert forty.tracker().held == ()
    assert len(forty.tracker(known_at="2020-07-09T06:59").held) == 1


@pytest.mark.parametrize(("left", "waits"), [(4, False), (5, True)], ids=["4 of 43 is under 10%", "5 of 43 is over"])
def test_a_table_may_shrink_by_a_tenth(left: int, waits: bool, forty: Council) -> None:
    """Nobody of those who go is in a cohort: their rows are a table's ordinary shrinking, until they are too many."""
    allocated = INVOLVEMENTS + "".join(f"A{m},{m},W1,PA,exeter_1,2019-05-01,\n" for m in (*MANY, "P2"))
    forty.on("2020-07-06T02:00").push("ssd", {"ssd_involvements": allocated})
    report = forty.night("2020-07-07T01:00", *USUAL, *table(until=40 - left))
    assert [reasons for _, reasons, _, _ in held(report)] == ([["table_shrunk"]] if waits else [])
    gone = forty.standing(MANY[-1]).accommodations[-1]
    assert gone.known is not None
    assert gone.known.flags == (() if waits else ("left_the_extract",))


def test_a_small_table_shrinks_soon(council: Council) -> None:
    assert held(council.night("2020-07-07T01:00", USUAL[0])) == [("ssd_care_leavers", ["table_shrunk"], 4, 2)], (
        "two people, and four facts of six"
    )


def test_new_danger_in_a_shrunken_push_counts_at_once(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00", leaver("P1", "S", "2"), *REST, *table(until=10))
    assert held(report) == [("ssd_care_leavers", ["table_shrunk"], 60, 30)]
    row = forty.row("P1")
    assert row is not None
    assert (row.finding.state, row.finding.started_on) == (State.DANGER, date(2020, 7, 7))
    assert forty.table().count == 11


def test_a_cohort_that_improves_in_one_night_waits_and_what_is_worse_does_not(forty: Council) -> None:
    """Nine of ten are suddenly housed, and one more is on the street."""
    report = forty.night("2020-07-07T01:00", leaver("P1", "S", "2"), *REST, *table(bad=1))
    assert held(report) == [("ssd_care_leavers", ["table_shrunk", "cohort_shrunk"], 9, 9)]
    assert report["outcomes"] == {"applied": 1, "unchanged": 33, "held": 9, "refused": 0}
    assert forty.table().count == 11
    (cohort,) = [c for c in forty.applied(batch_of(report))["cohorts"] if c["cohort"] == "unsuitable_accommodation"]
    assert {name: cohort[name] for name in ("before", "after", "after_if_approved", "entered", "left")} == {
        "before": 10, "after": 11, "after_if_approved": 2, "entered": 1, "left": 0,
    }  # fmt: skip
    forty.on("2020-07-07T09:00").approved(batch_of(report))
    assert forty.table().count == 2
    assert forty.standing("M05").accommodations[-1].started_on == date(2020, 7, 7), "the day it was first seen"


def test_two_who_improve_are_an_ordinary_night(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00", *USUAL, leaver("M00"), leaver("M01"), *table()[2:])
    assert held(report) == []
    assert forty.table().count == 8, "a feed that closes its own fact is accepted"


def test_one_who_is_in_a_cohort_does_not_vanish_unseen(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00", *USUAL, *table()[1:])
    assert held(report) == [("ssd_care_leavers", ["person_vanished"], 2, 1)]
    row = forty.row("M00")
    assert row is not None
    assert "news_held" in row.finding.flags
    forty.approved(batch_of(report))
    row = forty.row("M00")
    assert row is not None, "gone from the extract ends nothing"
    assert ("left_the_extract" in row.finding.flags, "news_held" in row.finding.flags) == (True, False)


def test_everybody_losing_their_worker_is_bad_news_and_applies(forty: Council) -> None:
    allocated = INVOLVEMENTS + "".join(f"A{m},{m},W1,PA,exeter_1,2019-05-01,\n" for m in MANY)
    forty.on("2020-07-06T02:00").push("ssd", {"ssd_involvements": allocated})
    before = forty.table("unallocated").count
    ended = allocated.replace("2019-05-01,\n", "2019-05-01,2020-07-06\n")
    report = forty.on("2020-07-07T01:00").push("ssd", {"ssd_involvements": ended})
    assert [h["reasons"] for h in report["held"]] == [["table_shrunk"]], "the teams that no longer answer for them"
    assert report["datasets"][0]["facts"]["closed"] == 40
    assert forty.table("unallocated").count == before + 40


def test_a_worker_who_left_unallocates_and_the_plan_says_so(council: Council) -> None:
    left = WORKERS.replace("role,team_id\nW1,A. Demo-Adviser,PA,exeter_1", "role,team_id,ended_on\nW1,,,,2020-07-06")
    left = left.replace("W2,B. Demo-Adviser,PA,north_1", "W2,,,,")
    batch_id = council.on("2020-07-07T01:00").opened(council.manifest("cohorts", {"workers": left, "teams": TEAMS}))
    council.sent(batch_id, {"workers": left, "teams": TEAMS})
    (cohort,) = council.planned(batch_id)["cohorts"]
    assert (cohort["cohort"], cohort["entered"], cohort["before"], cohort["after"]) == ("unallocated", 1, 1, 2)
    council.applied(batch_id)
    assert council.row("P1", "unallocated") is not None


def test_the_next_night_says_again_what_waits_and_the_age_goes_on(forty: Council) -> None:
    first = batch_of(forty.night("2020-07-07T01:00"))
    second = batch_of(forty.night("2020-07-08T01:00"))
    (told,) = waiting(forty)
    assert (told["batch_id"], told["since"], told["age_hours"]) == (second, moment("2020-07-07T01:00"), 24)
    with pytest.raises(NothingHeld):
        forty.approved(first)
    assert bytes_of(forty) == {second}, "what was replaced is let go"


def test_a_night_that_is_whole_again_lets_what_waited_go(forty: Council) -> None:
    forty.night("2020-07-07T01:00")
    report = forty.night("2020-07-08T01:00", *USUAL, *table())
    assert (waiting(forty), report["only_the_watermark_moved"], bytes_of(forty)) == ([], True, set())
    assert all("news_held" not in row.finding.flags for row in forty.table().rows)


def test_a_delta_takes_from_what_waits_only_what_it_says(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00")
    forty.night("2020-07-08T01:00", leaver("M00", "S", "2"), mode="delta")
    (told,) = waiting(forty)
    assert (told["changes"], told["people"]) == (84, 42)
    forty.approved(batch_of(report))
    assert [a.known.flags for a in forty.standing("M00").accommodations if a.known] == [()], "seen since: not gone"
    assert [a.known.flags for a in forty.standing("M01").accommodations if a.known] == [("left_the_extract",)]


def test_an_approval_does_not_overrun_what_a_worker_logged_since(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00", *USUAL, *table(bad=1))
    forty.on("2020-07-08T10:00").enter(
        a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 8)),
        whom="M05",
        by=HEAD,
    )
    forty.on("2020-07-09T10:00").approved(batch_of(report))
    row = forty.row("M05")
    assert row is not None
    assert (row.finding.state, row.finding.line) == (State.DANGER, "unacceptable")
    assert forty.row("M06") is None


def test_whoever_pushed_does_not_decide_and_nothing_is_decided_twice(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00")
    with pytest.raises(OwnPush):
        forty.approved(batch_of(report), by=ROBOT)
    with pytest.raises(OwnPush):
        forty.rejected(batch_of(report), by=ROBOT)
    with pytest.raises(Unprocessable):
        forty.approved(batch_of(report), "ssd_person")
    before = forty.standing("M00")
    done = forty.rejected(batch_of(report), by=HEAD)
    assert [(h["decision"], h["decided_at"]) for h in done["held"]] == [("rejected", forty.clock())]
    assert forty.standing("M00") == before
    with pytest.raises(NothingHeld):
        forty.approved(batch_of(report))
    assert bytes_of(forty) == set()
    assert held(forty.night("2020-07-08T01:00")) != [], "the next push that says it is held again"


def test_what_is_held_of_two_tables_is_decided_apart(forty: Council) -> None:
    files = {"ssd_care_leavers": LEAVERS_HEADER, "ssd_involvements": INVOLVEMENTS.split("\n")[0] + "\n"}
    report = forty.on("2020-07-07T01:00").push("ssd", files)
    assert sorted(h["dataset"] for h in report["held"]) == ["ssd_care_leavers", "ssd_involvements"]
    forty.rejected(batch_of(report), "ssd_care_leavers")
    assert [h["dataset"] for h in waiting(forty)] == ["ssd_involvements"]
    forty.approved(batch_of(report))
    assert waiting(forty) == []
    assert forty.standing("M00", kinds=("accommodation",)).accommodations[-1].known.flags == ()  # type: ignore[union-attr]


def test_the_rows_that_wait_are_listed_and_restricted_people_only_counted(forty: Council) -> None:
    forty.restrict("M00")
    report = forty.night("2020-07-07T01:00", *USUAL, *table(bad=1, until=39))
    with reading(forty.engine) as session:
        told, people = holds.of_batch(session, batch_of(report), to=ANALYST, at=forty.clock())
    assert len(told["rows"]) == 11
    assert {(row["change"], row["row"] is None) for row in told["rows"]} == {
        ("changed", False),
        ("left_the_extract", True),
    }
    assert [row["eclipse_id"] for row in told["rows"] if row["row"]] == MANY[1:10]
    assert len(people) == 10
    forty.on("2020-07-08T01:00").night("2020-07-08T01:00", *USUAL, *table()[1:])
    (again,) = waiting(forty)
    with reading(forty.engine) as session:
        told, _ = holds.of_batch(session, again["batch_id"], to=ANALYST, at=forty.clock())
    assert {row["eclipse_id"] for row in told["rows"]} == {None}


def test_the_decision_is_in_the_audit(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00", *USUAL, *table()[1:])
    forty.approved(batch_of(report))
    with reading(forty.engine) as session:
        entry = session.execute(select(audit_entry).where(audit_entry.c.act == "ingest.approve")).one()
    assert (entry.by_user, entry.people_set is not None) == (ANALYST.user_id, True)


def test_plans_name_people_to_those_who_decide_and_to_nobody_else(forty: Council) -> None:
    files = {"ssd_care_leavers": LEAVERS_HEADER + "".join([leaver("P1", "S", "2"), *REST, *table()])}
    batch_id = forty.on("2020-07-07T01:00").opened(forty.manifest("ssd", files))
    forty.sent(batch_id, files)
    (seen_by_robot,) = [c for c in forty.planned(batch_id)["cohorts"] if c["cohort"] == "unsuitable_accommodation"]
    assert (seen_by_robot["entered"], "people" in seen_by_robot) == (1, False)
    (seen,) = [c for c in forty.planned(batch_id, to=ANALYST)["cohorts"] if c["entered"]]
    assert seen["people"] == [{"eclipse_id": "P1", "movement": "entered"}]


def test_refused_contact_that_is_blanked_in_all_rows_waits(forty: Council) -> None:
    """A column that went missing blanks every row: that is no news of forty people."""
    forty.night(
        "2020-07-07T01:00",
        *USUAL,
        *(leaver(m, "S" if i < 10 else "U", "2" if i < 10 else "1", touch="REFU") for i, m in enumerate(MANY)),
    )
    report = forty.night(
        "2020-07-08T01:00",
        *USUAL,
        *(leaver(m, "S" if i < 10 else "U", "2" if i < 10 else "1", touch="") for i, m in enumerate(MANY)),
    )
    assert held(report) == [("ssd_care_leavers", ["table_shrunk"], 40, 40)]
    (status,) = [
        s for s in forty.standing("M20").care_leaver_statuses if isinstance(s, CareLeaverStatus) and s.ended_on is None
    ]
    assert status.in_touch is InTouch.REFU


def bytes_of(council: Council) -> set[str]:
    with reading(council.engine) as session:
        return set(session.scalars(select(batch_chunk.c.batch_id)))


def test_a_record_of_somebody_in_a_cohort_is_missed_whichever_of_their_two_it_is(forty: Council) -> None:
    """M00 has no fixed abode; M20, a second record of hers, has gone from the extract."""
    with writing(forty.engine, forty.clock) as write:
        merging.merge(
            write.session, keep=Named(eclipse_id="M00"), other=Named(eclipse_id="M20"), reason="one young woman",
            although_births_differ=False, by=HEAD, at=write.now,
        )  # fmt: skip
    report = forty.night("2020-07-07T01:00", *USUAL, *table()[:20], *table()[21:])
    assert held(report) == [("ssd_care_leavers", ["person_vanished"], 2, 1)]
    assert forty.table().count == 10


def qualifying(m: str, bad: bool) -> str:
    return leaver(m, "S" if bad else "U", "2" if bad else "1", eligibility="Qualifying")


def test_a_change_that_takes_effect_tomorrow_is_weighed_today(forty: Council) -> None:
    """The old status has today as its last day: tomorrow nobody would be a care leaver served."""
    report = forty.night("2020-07-07T01:00", *USUAL, *(qualifying(m, i < 10) for i, m in enumerate(MANY)))
    assert held(report) == [("ssd_care_leavers", ["table_shrunk", "cohort_shrunk"], 40, 40)]
    after = forty.on("2020-07-09T09:00").table()
    assert (after.count, after.of) == (10, 43)


def test_people_who_are_fine_do_not_leave_the_population_unseen(forty: Council) -> None:
    """Thirty who are in no cohort are said to have died: nobody moves today, and none would ever be late again."""
    dead = "eclipse_id,forename,surname,born_on,team_id,responsible_from,died_on\n" + "".join(
        f"{m},Demo,Demo-{m},2001-05-01,exeter_1,2019-05-01,2020-07-06\n" for m in MANY[10:]
    )
    report = forty.on("2020-07-07T01:00").push("cohorts", {"people": dead}, mode="delta")
    assert [(h["dataset"], h["people"]) for h in report["held"]] == [("people", 30)]
    assert forty.table().of == 43


def test_an_adoption_is_always_seen_by_somebody_first(forty: Council) -> None:
    adopted = "eclipse_id,adopted_on\nM30,2020-07-01\n"
    report = forty.on("2020-07-07T01:00").push("cohorts", {"people": adopted}, mode="delta")
    assert held(report) == [("people", ["would_seal"], 1, 1)]
    assert forty.id_of("M30")
    assert forty.standing("M30").person.adopted_on is None
    forty.approved(batch_of(report))
    assert forty.table().of == 42


def test_both_workers_of_everybody_leaving_is_bad_news_together(forty: Council) -> None:
    twice = INVOLVEMENTS + "".join(f"{n}{m},{m},W{n},PA,exeter_1,2019-05-01,\n" for m in MANY for n in (1, 2))
    forty.on("2020-07-06T02:00").push("ssd", {"ssd_involvements": twice})
    before = forty.table("unallocated").count
    ended = twice.replace("2019-05-01,\n", "2019-05-01,2020-07-06\n")
    forty.on("2020-07-07T01:00").push("ssd", {"ssd_involvements": ended})
    assert forty.table("unallocated").count == before + 40


def test_what_waits_is_not_taken_in_slices(forty: Council) -> None:
    forty.night("2020-07-07T01:00", *USUAL, *table(bad=1))
    for hour in range(2, 6):
        pair = [leaver(MANY[n]) for n in (2 * hour - 3, 2 * hour - 2)]
        report = forty.night(f"2020-07-07T{hour:02}:00", *pair, mode="delta")
        assert held(report) == [("ssd_care_leavers", ["still_waiting"], 2, 2)]
    assert forty.table().count == 10
    assert {told["since"] for told in waiting(forty)} == {moment("2020-07-07T01:00")}
    for told in waiting(forty):
        forty.rejected(told["batch_id"])
    assert held(forty.night("2020-07-08T01:00", leaver("M01"), leaver("M02"), mode="delta")) != [], "rejected yesterday"


def test_an_id_that_one_table_says_is_somebody_else_brings_nothing_from_another(forty: Council) -> None:
    other = "eclipse_id,forename,surname,born_on\nM00,Nova,Elsewhere,2004-09-09\n"
    refused = forty.on("2020-07-07T01:00").push("cohorts", {"people": other}, mode="delta")
    assert [r["code"] for r in refused["refusals"]] == ["id_reused"]
    report = forty.night("2020-07-07T02:00", *USUAL, leaver("M00"), *table()[1:])
    assert report["outcomes"]["refused"] == 1
    row = forty.row("M00")
    assert row is not None
    assert row.finding.state is State.DANGER
    again = "eclipse_id,forename,surname,born_on\nM00,Demo,Demo-M00,2001-05-01\n"
    forty.on("2020-07-07T03:00").push("cohorts", {"people": again}, mode="delta")
    assert forty.night("2020-07-07T04:00", *USUAL, leaver("M00"), *table()[1:])["outcomes"]["refused"] == 0


def test_what_waits_says_who_would_leave_what(forty: Council) -> None:
    report = forty.night("2020-07-07T01:00", *USUAL, *table(bad=1))
    with reading(forty.engine) as session:
        told, _ = holds.of_batch(session, batch_of(report), to=ANALYST, at=forty.clock())
    assert told["rows"][0]["would"] == {"unsuitable_accommodation": "left"}
