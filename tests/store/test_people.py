"""Who may be seen: one predicate, with a reach for each kind of scope, as things stand today."""

from datetime import date

import pytest
from sqlmodel import Session

from service.domain.access import Role, ScopeKind, User
from service.domain.facts import Allocation, AllocationRole, Responsibility, Source
from service.domain.intake import Team
from service.domain.versions import NewVersion
from service.domain.viewpoint import Viewpoint
from service.store import people, record, reference
from service.store.engine import reading
from service.store.types import new_id
from tests.council import Council, leaver, moment
from tests.factories import day

FRIDAY = date(2020, 7, 31)
AT = moment("2020-07-27T08:00")


def who(*scopes: tuple[ScopeKind, str], worker_ref: str | None = None) -> User:
    return User("u", "Demo", frozenset({Role.AREA_MANAGER}), frozenset(scopes), worker_ref, 0)


def somebody(session: Session, eclipse_id: str, *facts: Responsibility | Allocation, proposed: bool = False) -> str:
    person_id = new_id(AT)
    people.add(session, {eclipse_id: person_id}, at=AT)
    versions = [
        NewVersion(fact=f, person_id=person_id, fact_id=new_id(AT), source=Source.ECLIPSE, proposed=proposed)
        for f in facts
    ]  # fmt: skip
    record.append(session, versions, by="robot", at=AT, audit_id="a")
    return person_id


def seen(session: Session, user: User, today: date = FRIDAY) -> list[str | None]:
    return sorted(p.eclipse_id or "" for p in people.visible(session, user, today, after=None, limit=100))


@pytest.fixture
def two_teams(session: Session) -> Session:
    teams = [
        Team("t1", area_code="a1", locality_code="l1", service_code="s1"),
        Team("t2", area_code="a1", locality_code="l2", service_code="s1"),
        Team("t3", area_code="a2", locality_code="l2", service_code="s2"),
    ]
    reference.remember_teams(session, teams, at=AT)
    for n in (1, 2, 3):
        somebody(session, f"P{n}", Responsibility(team_code=f"t{n}", started_on=day("2020-01-06")))
    somebody(session, "P4", Responsibility(district="Torridge"))
    return session


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([(ScopeKind.TEAM, "t1")], ["P1"]),
        ([(ScopeKind.AREA, "a1")], ["P1", "P2"]),
        ([(ScopeKind.LOCALITY, "l2")], ["P2", "P3"]),
        ([(ScopeKind.SERVICE, "s1")], ["P1", "P2"]),
        ([(ScopeKind.TEAM, "t1"), (ScopeKind.LOCALITY, "l2")], ["P1", "P2", "P3"]),
        ([(ScopeKind.COUNTY, "")], ["P1", "P2", "P3", "P4"]),
        ([(ScopeKind.OWN, "")], []),
        ([(ScopeKind.TEAM, "")], []),
        ([(ScopeKind.TEAM, "a1")], []),
        ([], []),
    ],
)
def test_each_kind_of_scope_has_its_reach(
    scopes: list[tuple[ScopeKind, str]], expected: list[str], two_teams: Session
) -> None:
    assert seen(two_teams, who(*scopes)) == expected


@pytest.mark.parametrize(
    ("started_on", "ended_on", "expected"),
    [
        ("2020-01-06", None, True),
        (None, None, True),
        ("2020-07-31", None, True),
        ("2020-08-01", None, False),
        ("2020-01-06", "2020-07-31", True),
        ("2020-01-06", "2020-07-30", False),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_sight_lasts_as_long_as_the_allocation_or_the_teams_answer(
    own: bool, started_on: str | None, ended_on: str | None, expected: bool, session: Session
) -> None:
    spell = {"started_on": started_on and day(started_on), "ended_on": ended_on and day(ended_on)}
    reference.remember_teams(session, [Team("t1")], at=AT)
    role = AllocationRole.SOCIAL_WORKER
    somebody(
        session,
        "P1",
        Allocation(worker_ref="W1", role=role, **spell) if own else Responsibility(team_code="t1", **spell),
    )
    user = who((ScopeKind.OWN, ""), worker_ref="W1") if own else who((ScopeKind.TEAM, "t1"))
    assert seen(session, user) == (["P1"] if expected else [])


def test_what_waits_for_approval_or_was_superseded_gives_no_sight(session: Session) -> None:
    reference.remember_teams(session, [Team("t1"), Team("t2")], at=AT)
    somebody(session, "P1", Responsibility(team_code="t1"), proposed=True)
    assert seen(session, who((ScopeKind.TEAM, "t1"))) == []
    person_id = new_id(AT)
    people.add(session, {"P2": person_id}, at=AT)
    first = NewVersion(fact=Responsibility(team_code="t1"), person_id=person_id, fact_id="f", source=Source.ECLIPSE)
    (old,) = record.append(session, [first], by="robot", at=AT, audit_id="a")
    after = NewVersion(
        fact=Responsibility(team_code="t2"), person_id=person_id, fact_id="f", source=Source.ECLIPSE, closes=(old,)
    )
    record.append(session, [after], by="robot", at=moment("2020-07-28T08:00"), audit_id="a")
    assert seen(session, who((ScopeKind.TEAM, "t1"))) == []
    assert seen(session, who((ScopeKind.TEAM, "t2"))) == ["P2"]


def test_a_team_that_changes_its_area_takes_its_people_along(two_teams: Session) -> None:
    reference.remember_teams(two_teams, [Team("t1", area_code="a2")], at=moment("2020-07-28T08:00"))
    assert seen(two_teams, who((ScopeKind.AREA, "a1"))) == ["P2"]
    assert seen(two_teams, who((ScopeKind.AREA, "a2"))) == ["P1", "P3"]


def test_pages_are_in_the_order_of_ids(two_teams: Session) -> None:
    county = who((ScopeKind.COUNTY, ""))
    first = people.visible(two_teams, county, FRIDAY, after=None, limit=3)
    last = people.visible(two_teams, county, FRIDAY, after=first[-1].person_id, limit=3)
    ids = [p.person_id for p in (*first, *last)]
    assert (len(first), len(last), ids) == (3, 1, sorted(ids))


def test_without_an_id_nobody_is_found_not_even_the_first(two_teams: Session) -> None:
    county = who((ScopeKind.COUNTY, ""))
    assert people.find(two_teams, county, FRIDAY, eclipse_id="P1")
    with pytest.raises(ValueError, match="by an id"):
        people.find(two_teams, county, FRIDAY)


def test_only_people_whose_clocks_may_run_are_in_view(council: Council) -> None:
    """Three care leavers are; a person of whom nothing open is held is not, and costs nothing."""
    council.sheet("2020-07-05T09:00", "people", "eclipse_id,forename,born_on\nP9,Quiet,2012-03-04\n", mode="delta")
    county, view = who((ScopeKind.COUNTY, "")), Viewpoint(FRIDAY, moment("2020-07-31T08:00"))
    with reading(council.engine) as session:
        found = people.in_view(session, county, view, FRIDAY)
        earlier = people.in_view(session, county, Viewpoint(FRIDAY, moment("2020-06-30T08:00")), FRIDAY)
        everybody = people.ids_by_eclipse(session)
        some = people.ids_by_eclipse(session, ["P1", "P9", "P77"])
    assert sorted(p.eclipse_id or "" for p in found) == ["P1", "P2", "P3"]
    assert earlier == []
    assert set(everybody) == {"P1", "P2", "P3", "P9"}
    assert some == {name: everybody[name] for name in ("P1", "P9")}


def test_whose_status_ended_before_the_day_is_out_of_view_that_day(council: Council) -> None:
    council.night("2020-07-05T01:00", leaver("P1"), leaver("P2"), leaver("P3"))
    view = Viewpoint(date(2020, 6, 1), moment("2020-07-31T08:00"))
    with reading(council.engine) as session:
        assert len(people.in_view(session, who((ScopeKind.COUNTY, "")), view, FRIDAY)) == 3
