"""One person by one id: out of scope, restricted, unknown and unnamed look the same."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from service.domain.access import Role, ScopeKind, User
from service.domain.facts import Allocation, AllocationRole, Source
from service.domain.versions import NewVersion
from service.errors import NotFound, ReasonMissing
from service.operations.lookup import somebody
from service.store import record
from service.store.engine import reading, writing
from service.store.people import Somebody
from service.store.types import new_id
from tests.council import ADVISER, DIRECTOR, HEAD, Council, somebody_who

FRIDAY = date(2020, 7, 31)
WHY = "The Chief Officer asked me to look into a complaint"
ELSEWHERE = somebody_who(Role.TEAM_MANAGER, code="north_1")


def found(council: Council, to: User, **asked: Any) -> Somebody:
    with reading(council.engine) as session:
        return somebody(session, to=to, today=FRIDAY, **asked)


def test_either_id_finds_the_person(council: Council) -> None:
    person_id = council.id_of("P1")
    expected = Somebody(person_id, "P1", restricted=False, opens=True, ground="allocation")
    assert found(council, ADVISER, eclipse_id="P1") == found(council, ADVISER, person_id=person_id) == expected
    assert found(council, ADVISER, eclipse_id="P1", person_id=person_id) == expected


def test_two_ids_of_two_people_are_nobody(council: Council) -> None:
    with pytest.raises(NotFound):
        found(council, DIRECTOR, eclipse_id="P1", person_id=council.id_of("P2"))


def test_without_an_id_nobody_is_meant(council: Council) -> None:
    """Else an entry that forgets to say whom lands on the first person in scope."""
    with pytest.raises(NotFound):
        found(council, DIRECTOR)


@pytest.mark.parametrize(
    "ids", [{"eclipse_id": "P99"}, {"person_id": "P1"}, {"eclipse_id": "p1"}, {"eclipse_id": "P%"}]
)
def test_an_unknown_id_is_not_found(ids: dict[str, str], council: Council) -> None:
    with pytest.raises(NotFound):
        found(council, DIRECTOR, **ids)


def test_out_of_scope_looks_like_unknown(council: Council) -> None:
    with pytest.raises(NotFound) as outside:
        found(council, ELSEWHERE, eclipse_id="P1")
    with pytest.raises(NotFound) as unknown:
        found(council, ELSEWHERE, eclipse_id="P99")
    assert outside.value.fields == unknown.value.fields == ()
    assert found(council, ELSEWHERE, eclipse_id="P3").eclipse_id == "P3"


QA = somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA)
DUTY = somebody_who(Role.DUTY_WORKER, code="exeter_1")
CHAIR = somebody_who(Role.CP_CHAIR, worker_ref="W9", scope=ScopeKind.COUNTY)
LINE = [
    somebody_who(Role.TEAM_MANAGER, code="exeter_1"),
    somebody_who(Role.AREA_MANAGER, code="exeter_a"),
    somebody_who(Role.LOCALITY_DIRECTOR, code="exeter"),
    somebody_who(Role.SENIOR_MANAGER_CORPORATE_PARENTING, code="parenting"),
]
OTHERS = {
    "who restricts": QA,
    "who keeps court dates": somebody_who(Role.CASE_PROGRESSION_MANAGER),
    "on duty in the team": DUTY,
    "a chair of other children": CHAIR,
    "an adviser of others, who sees the team": somebody_who(
        Role.PERSONAL_ADVISER, worker_ref="W2", code="exeter_1", scope=ScopeKind.TEAM
    ),
    "a manager who sees the county and answers for no unit": somebody_who(Role.TEAM_MANAGER, scope=ScopeKind.COUNTY),
    "a worker's account that an administrator has not linked": somebody_who(
        Role.PERSONAL_ADVISER, code="exeter_1", scope=ScopeKind.TEAM
    ),
}


@pytest.mark.parametrize("who", OTHERS)
def test_a_restricted_record_is_not_found_by_whoever_has_the_person_in_scope_alone(who: str, council: Council) -> None:
    assert found_with_reason(council, OTHERS[who]).opens
    council.restrict("P1")
    for reason in (None, WHY):
        with pytest.raises(NotFound) as hidden:
            found(council, OTHERS[who], eclipse_id="P1", reason=reason)
        with pytest.raises(NotFound) as unknown:
            found(council, OTHERS[who], eclipse_id="P99", reason=reason)
        assert hidden.value.fields == unknown.value.fields == ()
        assert hidden.value.about == council.id_of("P1")


def found_with_reason(council: Council, to: User) -> Somebody:
    return found(council, to, eclipse_id="P1", reason=WHY)


@pytest.mark.parametrize("to", [ADVISER, *LINE], ids=lambda user: user.name)
def test_a_restricted_record_opens_to_its_worker_and_their_line_without_a_reason(to: User, council: Council) -> None:
    council.restrict("P1")
    opened = found(council, to, eclipse_id="P1")
    assert (opened.restricted, opened.opens, opened.by_post, opened.needs_reason) == (True, True, False, False)


@pytest.mark.parametrize("role", [AllocationRole.IRO, AllocationRole.CP_CHAIR, AllocationRole.SOCIAL_WORKER])
def test_it_opens_to_its_reviewing_officer_and_chair(role: AllocationRole, council: Council) -> None:
    council.restrict("P1")
    chair = somebody_who(Role.CP_CHAIR, worker_ref="W9")
    allocate(council, "P1", "W9", role)
    assert found(council, chair, eclipse_id="P1").opens


def test_whoever_else_helps_is_named_on_the_list_or_opens_nothing(council: Council) -> None:
    """An involvement that Eclipse calls something else is nobody's worker: it may be the very person to be kept out."""
    allocate(council, "P1", "W9", AllocationRole.OTHER)
    helper = somebody_who(Role.SOCIAL_WORKER, worker_ref="W9")
    assert found(council, helper, eclipse_id="P1").opens
    council.restrict("P1")
    with pytest.raises(NotFound):
        found(council, helper, eclipse_id="P1")


@pytest.mark.parametrize("last_day", [date(2020, 7, 30), date(2020, 7, 31)])
def test_it_opens_to_a_worker_until_the_last_day_of_the_work(last_day: date, council: Council) -> None:
    allocate(council, "P1", "W9", AllocationRole.SOCIAL_WORKER, ended_on=last_day)
    council.restrict("P1")
    leaving = somebody_who(Role.SOCIAL_WORKER, worker_ref="W9", scope=ScopeKind.COUNTY)
    if last_day < FRIDAY:
        with pytest.raises(NotFound):
            found(council, leaving, eclipse_id="P1", reason=WHY)
    else:
        assert found(council, leaving, eclipse_id="P1", reason=WHY).opens


def test_the_line_of_another_unit_sees_a_record_and_does_not_open_it(council: Council) -> None:
    """A manager of the north who is lent the whole county's sight: only the north's people are theirs to answer for."""
    both = frozenset({(ScopeKind.TEAM, "north_1"), (ScopeKind.COUNTY, "")})
    lent = replace(somebody_who(Role.TEAM_MANAGER), scopes=both)
    council.restrict("P1", "P3")
    assert found(council, lent, eclipse_id="P3").opens
    with pytest.raises(NotFound):
        found(council, lent, eclipse_id="P1")


@pytest.mark.parametrize("to", [HEAD, DIRECTOR], ids=lambda user: user.name)
def test_head_of_service_and_chief_officer_open_it_by_their_post_and_say_why(to: User, council: Council) -> None:
    council.restrict("P1")
    for acts in (False, True):
        for nothing in (None, ""):
            with pytest.raises(ReasonMissing) as asked:
                found(council, to, eclipse_id="P1", reason=nothing, writing=acts)
            assert asked.value.about == council.id_of("P1")
        opened = found(council, to, eclipse_id="P1", reason=WHY, writing=acts)
        assert (opened.restricted, opened.by_post) == (True, True)
    assert found(council, to, eclipse_id="P2").opens


def test_a_head_of_service_who_is_the_worker_is_not_asked_why(council: Council) -> None:
    council.restrict("P1")
    head = somebody_who(Role.HEAD_OF_SERVICE, worker_ref="W1")
    assert not found(council, head, eclipse_id="P1").needs_reason


def test_out_of_scope_stays_out_of_scope_for_the_line_and_by_post(council: Council) -> None:
    council.restrict("P1")
    narrow = somebody_who(Role.HEAD_OF_SERVICE, scope=ScopeKind.TEAM, code="north_1")
    for to in (ELSEWHERE, narrow):
        with pytest.raises(NotFound):
            found(council, to, eclipse_id="P1", reason=WHY)


def allocate(
    council: Council, whom: str, worker_ref: str, role: AllocationRole, *, ended_on: date | None = None
) -> None:
    spell = Allocation(worker_ref=worker_ref, role=role, started_on=date(2020, 1, 6), ended_on=ended_on)
    person_id = council.id_of(whom)
    with writing(council.engine, council.clock) as write:
        version = NewVersion(fact=spell, person_id=person_id, fact_id=new_id(write.now), source=Source.ECLIPSE)
        record.append(write.session, [version], by="robot", at=write.now, audit_id="a")
