"""The demo council as `los demo` loads it: each figure and each edge person of docs/demo.md, on both databases."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, func, select

from service.demo import council as demo
from service.demo.edges import EDGES, RESTRICTED
from service.demo.replay import NotEmpty, replay
from service.domain.access import Role, ScopeKind, User
from service.domain.viewpoint import Viewpoint
from service.errors import NotFound, ReasonMissing
from service.operations import conflicts, merging, restrictions
from service.operations.first_load import campaigns, progress
from service.operations.intake import coverage, data_quality
from service.operations.lookup import somebody
from service.operations.tracker import Filters, weekly
from service.readers import mapping
from service.store import issues
from service.store.engine import reading
from service.store.schema import FACTS
from service.store.users import UserScope
from service.writers import tracker_json

AS_AT = date(2020, 7, 31)
NOW = datetime(2020, 7, 31, 9, tzinfo=UTC)
DIRECTOR = User("director", "D", frozenset({Role.CHIEF_OFFICER}), frozenset({(ScopeKind.COUNTY, "")}), None, 0)
ANALYST = User("analyst", "A", frozenset({Role.PERFORMANCE_ANALYST}), DIRECTOR.scopes, None, 0)
QUALITY = User(
    "quality", "Q", frozenset({Role.SENIOR_MANAGER_SAFEGUARDING_QA}), frozenset({(ScopeKind.COUNTY, "")}), None, 0
)
COUNTS = {
    "unsuitable_accommodation": (7, 430),
    "accommodation_unknown": (2, 430),
    "not_in_touch": (13, 430),
    "pre_proceedings_over_12_weeks": (12, 108),
    "proceedings_over_26_weeks": (20, 90),
    "cp_plan_over_9_months": (137, 501),
    "repeat_cp_plan": (107, 501),
    "no_permanence_plan": (161, 759),
    "unallocated": (14, 1743),
}


def load(engine: Engine) -> None:
    replay(
        engine, demo.build(AS_AT), issuer="https://demo.invalid", codes=mapping.load(None), now=NOW, say=lambda _: None
    )


def pull(engine: Engine, known_at: datetime = NOW, as_at: date = AS_AT) -> dict[str, Any]:
    with reading(engine) as session:
        value, _ = weekly(session, to=DIRECTOR, view=Viewpoint(as_at, known_at), today=AS_AT, filters=Filters())
        return dict(orjson.loads(tracker_json.written(value)))


def table(tracker: dict[str, Any], code: str) -> dict[str, Any]:
    return next(cohort for cohort in tracker["cohorts"] if cohort["code"] == code)


def states(tracker: dict[str, Any]) -> dict[str, set[tuple[str, str]]]:
    """Eclipse id -> (cohort, state) of each row but those within limits."""
    found: dict[str, set[tuple[str, str]]] = {}
    for cohort in tracker["cohorts"]:
        for row in cohort["rows"]:
            if row["clock"]["state"] != "within":
                found.setdefault(row["person"]["eclipse_id"], set()).add((cohort["code"], row["clock"]["state"]))
    return found


def test_the_council_of_31_july_2020(engine: Engine) -> None:
    load(engine)
    tracker = pull(engine)
    assert {c["code"]: (c["count"], c["of"]) for c in tracker["cohorts"]} == COUNTS
    found = states(tracker)
    for edge in EDGES:
        if edge.eclipse_id not in RESTRICTED:
            assert found.get(edge.eclipse_id, set()) == set(edge.expected), edge.eclipse_id

    unsuitable = table(tracker, "unsuitable_accommodation")
    assert all(row["person"]["age"] >= 18 for row in unsuitable["rows"])
    assert {line["code"]: line["count"] for line in unsuitable["lines"]} == {
        "unacceptable": 5,
        "other": 1,
        "in_custody": 1,
    }
    assert sum(line["count"] for line in unsuitable["lines"]) == unsuitable["count"]
    assert unsuitable["unknown"] == table(tracker, "accommodation_unknown")["count"]

    touch = table(tracker, "not_in_touch")
    assert (touch["of"] - touch["count"], touch["unknown"]) == (417, 0)
    redacted = [row for row in touch["rows"] if row["person"]["restricted"]]
    assert [row["person"]["person_id"] for row in redacted] == [None]
    assert redacted[0]["clock"]["state"] == "over"

    for cohort in tracker["cohorts"]:
        by_state = [row["clock"]["state"] for row in cohort["rows"]]
        unknown = cohort["code"] == "accommodation_unknown"
        assert sum(s in ("over", "danger") or (unknown and s == "unknown") for s in by_state) == cohort["count"]
        assert all(row["clock"]["explanation"] and row["clock"]["clears_when"] is not None for row in cohort["rows"])

    [held] = tracker["held"]
    assert (held["dataset"], held["reasons"], held["since"]) == (
        "ssd_legal_status", ["table_shrunk", "still_waiting"], "2020-07-31T01:20:00Z",
    )  # fmt: skip
    earlier = pull(engine, datetime(2020, 7, 24, 12, tzinfo=UTC), date(2020, 7, 24))["held"]
    assert {each["dataset"]: each["reasons"] for each in earlier} == {
        "ssd_legal_status": ["table_emptied", "table_shrunk"], "people": ["would_seal"],
    }  # fmt: skip
    what_went_wrong_is_on_a_list(engine)
    duty_has_an_end(engine)
    the_restricted_record_opens_to_few(engine)


def duty_has_an_end(engine: Engine) -> None:
    with reading(engine) as session:
        scopes = session.execute(select(UserScope.kind, UserScope.until)).all()
        duty = {until for kind, until in scopes if kind is ScopeKind.DUTY}
        assert duty == {datetime(2020, 8, 7, 23, tzinfo=UTC)}, "midnight in London, a week after the last day"
        assert {until for kind, until in scopes if kind is not ScopeKind.DUTY} == {None}


def the_restricted_record_opens_to_few(engine: Engine) -> None:
    [hidden] = RESTRICTED
    with reading(engine) as session:
        [shown] = restrictions.listed(session, to=QUALITY, today=AS_AT)
        assert not shown.named
        [allowed] = shown.allowed
        assert (shown.names[allowed.user_id], shown.clearing) == ("Indy Demo-Ledger", None)
        reader = User(allowed.user_id, "I", frozenset({Role.CASE_PROGRESSION_MANAGER}), DIRECTOR.scopes, None, 0)
        for to in (DIRECTOR, reader):
            opened = somebody(session, to=to, today=AS_AT, eclipse_id=hidden, reason="A complaint to answer")
            assert opened.eclipse_id == hidden
        with pytest.raises(ReasonMissing):
            somebody(session, to=DIRECTOR, today=AS_AT, eclipse_id=hidden)
        with pytest.raises(NotFound):
            somebody(session, to=QUALITY, today=AS_AT, eclipse_id=hidden, reason="A complaint to answer")


def what_went_wrong_is_on_a_list(engine: Engine) -> None:
    with reading(engine) as session:
        disputed = conflicts.listed(
            session, to=DIRECTOR, view=Viewpoint(AS_AT, NOW), today=AS_AT, asked=conflicts.Asked()
        )
        assert {(row.card.eclipse_id, str(row.conflict.question)) for row in disputed.rows if row.conflict} == {
            ("EDGE-004", "which_is_right"),
            ("EDGE-019", "which_is_right"),
            ("EDGE-020", "one_or_two"),
        }
        rows, *_ = data_quality.page(
            session, to=ANALYST, at=NOW, filters=issues.Filters(dataset="contacts"), after=None, limit=9
        )
        assert {(each.key, str(each.owner)) for each in rows} == {
            ("EDGE-N1", "team_manager"), ("EDGE-N2", "integration"), ("EDGE-N3", "performance_analyst"),
        }  # fmt: skip

        [merged] = merging.listed(session, to=DIRECTOR, today=AS_AT)
        assert (merged.eclipse_id, merged.merged_eclipse_id) == ("EDGE-015", "EDGE-040")
        assert somebody(session, to=DIRECTOR, today=AS_AT, eclipse_id="EDGE-040").eclipse_id == "EDGE-015"
        with pytest.raises(NotFound):
            somebody(session, to=DIRECTOR, today=AS_AT, eclipse_id="EDGE-041")
        assert somebody(session, to=DIRECTOR, today=AS_AT, eclipse_id="EDGE-042").eclipse_id == "EDGE-042"

        [first_load] = campaigns.every(session)
        far = progress.read(session, first_load.campaign_id, to=DIRECTOR, at=NOW)
        assert (first_load.topic, far.figures.answered) == ("accommodation", 1)
        assert {line.card.eclipse_id for line in far.lists["outstanding"]} == {"EDGE-019", "EDGE-020"}
        silent = {each.team.code for each in coverage.teams(session, at=NOW) if each.people and not each.feeds}
        assert silent == {"adopt_south_west"}


def test_the_late_tent_is_the_one_thing_its_report_changed(engine: Engine) -> None:
    """The police report came on 25 July, of a tent since 10 July. Nothing else was learnt in that minute."""
    load(engine)
    reported = datetime(2020, 7, 25, 8, 40, tzinfo=UTC)
    before, after = (pull(engine, reported + timedelta(minutes=m), date(2020, 7, 20)) for m in (-1, 1))
    for code in COUNTS:
        one, two = table(before, code), table(after, code)
        was, now = ({r["person"]["eclipse_id"]: r for r in t["rows"]} for t in (one, two))
        new = now.keys() - was.keys()
        assert new == ({"EDGE-004"} if code == "unsuitable_accommodation" else set())
        assert {who: row for who, row in now.items() if who not in new} == was
        assert two["count"] - one["count"] == len(new)
    tent = next(r for r in table(after, "unsuitable_accommodation")["rows"] if r["person"]["eclipse_id"] == "EDGE-004")
    assert (tent["clock"]["started_on"], tent["clock"]["days_in_state"]) == ("2020-07-10", 10)
    assert [fact["source"] for fact in tent["clock"]["facts"] if fact["kind"] == "accommodation"] == ["api"]

    # It is recorded in its own time, and goes into an empty database only.
    with reading(engine) as session:
        recorded = FACTS["accommodation"].c.recorded_at
        first, last = session.execute(select(func.min(recorded), func.max(recorded))).one()
    assert first == datetime(2020, 7, 3, 1, 20, tzinfo=UTC)
    assert last <= NOW
    with pytest.raises(NotEmpty):
        load(engine)
