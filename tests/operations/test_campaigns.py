"""A first load from beginning to end: a fixed denominator, cells that say "not yet collected", nobody lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from service.domain.access import Role, ScopeKind
from service.domain.campaign import Answer
from service.domain.facts import Unacceptable
from service.domain.rules import NOT_YET_COLLECTED
from service.domain.tracker import Table
from service.errors import Conflict, NotFound, NotPermitted, Unprocessable
from service.operations.first_load import campaigns, progress
from service.operations.first_load.progress import Progress
from service.store.campaigns import Campaign
from service.store.engine import reading, writing
from tests.council import ADVISER, HEAD, MANAGER, PEOPLE_HEADER, SPELLS_HEADER, Council, leaver, somebody_who
from tests.factories import a_place

ANALYST = somebody_who(Role.PERFORMANCE_ANALYST)
COURT = somebody_who(Role.CASE_PROGRESSION_MANAGER)
DIRECTOR_NORTH = somebody_who(Role.LOCALITY_DIRECTOR, code="north")
UNJUDGED = (leaver("P1", "R", ""), leaver("P2", "R", ""), leaver("P3"))


def started(council: Council, topic: str = "accommodation", by: Any = ANALYST) -> Campaign:
    with writing(council.engine, council.clock) as write:
        return campaigns.start(write.session, topic, reason="four spreadsheets", by=by, at=write.now)


def read(council: Council, campaign: Campaign, to: Any = HEAD) -> Progress:
    with reading(council.engine) as session:
        return progress.read(session, campaign.campaign_id, to=to, at=council.clock())


def answered(council: Council, campaign: Campaign, whom: str, said: Answer, by: Any = MANAGER) -> None:
    with writing(council.engine, council.clock) as write:
        campaigns.answer(
            write.session, campaign.campaign_id, said, reason="no file is left", by=by, at=write.now, eclipse_id=whom
        )


def closed(council: Council, campaign: Campaign, *, unfinished: bool = False, by: Any = ANALYST) -> Progress:
    with writing(council.engine, council.clock) as write:
        return campaigns.close(
            write.session, campaign.campaign_id, reason="done", unfinished=unfinished, by=by, at=write.now
        )


def all_told(table: Table) -> int:
    """Nobody is lost: what counts, and what is unknown for whatever reason."""
    return table.count + table.unknown + table.not_supplied + table.not_yet_collected


def names(progress: Progress, which: str) -> list[str | None]:
    return [line.card.eclipse_id for line in progress.lists[which]]


def test_a_first_load_from_beginning_to_end(council: Council) -> None:
    """Where P1 and P2 live is not known; it asks about all three, since the feed gives no start of any place."""
    council.night("2020-07-02T01:00", *UNJUDGED)
    council.on("2020-07-03T09:00")
    before = council.table()
    assert (before.unknown, before.not_yet_collected) == (2, 0)
    campaign = started(council)
    during = council.table()
    assert (during.count, during.unknown, during.not_yet_collected) == (0, 0, 2)
    assert all_told(during) == all_told(before)
    unknown = council.table("accommodation_unknown")
    assert (unknown.count, unknown.not_yet_collected) == (0, 2)
    assert dict(unknown.lines)[NOT_YET_COLLECTED] == 2
    assert {row.finding.line for row in unknown.rows} == {NOT_YET_COLLECTED}
    assert all(row.finding.explanation.startswith("Not yet collected") for row in unknown.rows)
    told = read(council, campaign)
    assert (told.figures.people, told.figures.outstanding, told.figures.percent) == (3, 3, 0)
    assert names(told, "outstanding") == ["P1", "P2", "P3"]

    council.on("2020-07-06T09:00").sheet(
        "2020-07-06T09:00", "accommodation",
        SPELLS_HEADER + "S1,P1,U,yes,2020-01-06,,2020-02-01,\n" + "S2,P2,R,,2020-05-01,,,\n",
    )  # fmt: skip
    told = read(council, campaign)
    assert (told.figures.collected, names(told, "outstanding")) == (2, ["P3"])
    assert [(team.code, team.figures.percent) for team in told.teams] == [
        ("exeter_1", 100), ("exeter_2", 100), ("north_1", 0),
    ]  # fmt: skip
    during = council.table()
    # P2 is recorded as not known; of P1 the feed still says so, and the worse stands: both unknown, nobody lost.
    assert (during.unknown, during.not_yet_collected) == (2, 0)
    with pytest.raises(Conflict):
        closed(council, campaign)
    answered(council, campaign, "P3", Answer.CANNOT_BE_FOUND_OUT, by=DIRECTOR_NORTH)
    told = closed(council, campaign, by=HEAD)
    assert (told.campaign.superseded_at, told.figures.outstanding) == (council.clock(), 0)
    assert names(told, "cannot_be_found_out") == ["P3"]
    assert all_told(council.table()) == all_told(during)


def test_closing_unfinished_turns_cells_back_to_unknown(council: Council) -> None:
    council.night("2020-07-02T01:00", *UNJUDGED)
    before = council.table()
    campaign = started(council)
    told = closed(council, campaign, unfinished=True)
    assert told.figures.outstanding == 3
    after = council.table()
    assert (after.unknown, after.not_yet_collected) == (before.unknown, 0)
    assert all_told(after) == all_told(before)
    with pytest.raises(Conflict):
        closed(council, campaign, unfinished=True)
    with pytest.raises(Conflict):
        answered(council, campaign, "P1", Answer.CANNOT_BE_FOUND_OUT)
    started(council)


def test_an_answer_is_an_honest_unknown(council: Council) -> None:
    council.night("2020-07-02T01:00", *UNJUDGED)
    campaign = started(council)
    council.clock.advance(hours=1)
    answered(council, campaign, "P1", Answer.CANNOT_BE_FOUND_OUT)
    table = council.table()
    assert (table.unknown, table.not_yet_collected) == (1, 1)
    council.clock.advance(hours=1)
    closed(council, campaign, unfinished=True)
    council.clock.advance(hours=1)
    past = council.table(known_at="2020-07-02T01:30:00")
    assert (past.unknown, past.not_yet_collected) == (0, 2), "as it was known then"


def test_a_tent_is_danger_whatever_is_still_to_be_collected(council: Council) -> None:
    council.night("2020-07-02T01:00", *UNJUDGED)
    campaign = started(council)
    council.on("2020-07-03T10:00").enter(
        a_place(code=None, suitable=None, unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 2))
    )
    table = council.table()
    assert (table.count, table.not_yet_collected) == (1, 1)
    assert "P1" not in names(read(council, campaign), "outstanding")


def test_who_joins_and_who_leaves_is_listed(council: Council) -> None:
    campaign = started(council)
    council.on("2020-07-06T01:00").push(
        "cohorts", {"people": PEOPLE_HEADER + "P9,Cam,Demo-New,2001-09-01,exeter_1,2020-07-05\n"}, mode="delta"
    )
    council.night("2020-07-07T01:00", leaver("P9"), mode="delta")
    council.push("cohorts", {"people": "eclipse_id,died_on\nP2,2020-07-05\n"}, mode="delta")
    council.push("cohorts", {"people": "eclipse_id,transferred_out_on\nP3,2020-07-06\n"}, mode="delta")
    council.on("2020-07-08T09:00")
    told = read(council, campaign)
    assert told.figures.people == 3, "the denominator stays"
    assert (told.figures.left, told.figures.outstanding) == (2, 1)
    assert names(told, "joined_since") == ["P9"]
    assert {line.card.eclipse_id: line.because for line in told.lists["left_since"]} == {
        "P2": "died", "P3": "transferred_out",
    }  # fmt: skip
    assert told.left == {"died": 1, "transferred_out": 1}


def test_a_reader_sees_the_people_of_their_scope_and_restricted_ones_blank(council: Council) -> None:
    campaign = started(council)
    council.restrict("P1")
    told = read(council, campaign, MANAGER)
    assert (told.figures.people, [team.code for team in told.teams]) == (1, ["exeter_1"])
    (line,) = told.lists["outstanding"]
    assert (line.card.restricted, line.card.name, line.team) == (True, None, None)
    north = read(council, campaign, DIRECTOR_NORTH)
    assert names(north, "outstanding") == ["P3"]
    figures = read(council, campaign, ANALYST)
    assert (figures.figures.people, figures.lists) == (3, {})
    assert figures.counts["outstanding"] == 3
    with pytest.raises(NotFound):
        answered(council, campaign, "P1", Answer.CANNOT_BE_FOUND_OUT, by=COURT)
    with reading(council.engine) as session:
        _, cards = progress.outstanding(session, campaign.campaign_id, to=MANAGER, at=council.clock())
    assert cards == []


def test_who_may_run_and_who_may_answer(council: Council) -> None:
    with pytest.raises(NotPermitted):
        started(council, by=somebody_who(Role.HEAD_OF_SERVICE, scope=ScopeKind.LOCALITY, code="exeter"))
    with pytest.raises(Unprocessable):
        started(council, "horoscope")
    campaign = started(council, by=HEAD)
    with pytest.raises(Conflict):
        started(council)
    with pytest.raises(NotPermitted):
        answered(council, campaign, "P1", Answer.CANNOT_BE_FOUND_OUT, by=COURT)
    with pytest.raises(NotFound):
        answered(council, campaign, "P3", Answer.CANNOT_BE_FOUND_OUT, by=ADVISER)
    with pytest.raises(Unprocessable):
        answered(council, campaign, "P1", Answer.NOTHING_TO_RECORD)
    council.on("2020-07-06T01:00").push(
        "cohorts", {"people": PEOPLE_HEADER + "P9,Cam,Demo-New,2001-09-01,exeter_1,2020-07-05\n"}, mode="delta"
    )
    with pytest.raises(Unprocessable):
        answered(council, campaign, "P9", Answer.CANNOT_BE_FOUND_OUT)


def test_children_nobody_has_asked_about_are_counted_in_pre_proceedings(council: Council) -> None:
    """Without a row of pre-proceedings the rule finds nobody: 0 must not read as all is well."""
    council.push(
        "cohorts", {"people": PEOPLE_HEADER + "C1,Alex,Demo-Lyme,2012-06-01,exeter_1,2020-01-06\n"}, mode="delta"
    )
    council.push("ssd", {"ssd_cp_plans": "cppl_cp_plan_id,cppl_person_id,cppl_cp_plan_start_date\nL1,C1,2020-02-03\n"})
    cohort = "pre_proceedings_over_12_weeks"
    assert council.table(cohort).not_yet_collected == 0
    campaign = started(council, "pre_proceedings")
    table = council.table(cohort)
    assert (table.count, table.of, table.not_yet_collected, table.rows) == (0, 0, 1, ())
    council.clock.advance(minutes=5)
    answered(council, campaign, "C1", Answer.NOTHING_TO_RECORD, by=COURT)
    assert council.table(cohort).not_yet_collected == 0
    assert read(council, campaign).figures.answered == 1


def test_the_permanence_campaign_takes_the_place_of_not_supplied(council: Council) -> None:
    council.push(
        "cohorts", {"people": PEOPLE_HEADER + "C1,Alex,Demo-Lyme,2012-06-01,exeter_1,2019-01-06\n"}, mode="delta"
    )
    council.push(
        "ssd", {"ssd_cla_episodes": "clae_cla_episode_id,clae_person_id,clae_cla_placement_id,"
                "clae_cla_episode_start_date,clae_cla_primary_need_code,clae_cla_id,clae_legal_status_id\nE1,C1,,2019-06-03,N1,CLA1,\n"}
    )  # fmt: skip
    table = council.table("no_permanence_plan")
    assert table.not_supplied == 1
    started(council, "permanence")
    during = council.table("no_permanence_plan")
    assert (during.not_supplied, during.not_yet_collected) == (0, 1)
    assert all_told(during) == all_told(table)


def test_two_who_begin_at_once_begin_one(council: Council) -> None:
    """The second finds the topic open, or the database does: never two denominators."""

    def begin(_: int) -> str:
        try:
            return started(council).campaign_id
        except Conflict as refused:
            return refused.fields[0][1]

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(begin, range(4)))
    assert outcomes.count("already_open") == 3


def test_every_step_is_audited(council: Council) -> None:
    campaign = started(council)
    answered(council, campaign, "P1", Answer.CANNOT_BE_FOUND_OUT)
    closed(council, campaign, unfinished=True)
    acts = [row for row in council.everything()["audit_entry"] if "campaign." in str(row)]
    assert len(acts) == 3
