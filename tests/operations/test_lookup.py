"""One person by one id: out of scope, restricted, unknown and unnamed look the same."""

from datetime import date

import pytest

from service.domain.access import Role, User
from service.errors import NotFound
from service.operations.lookup import somebody
from service.store.engine import reading
from service.store.people import Somebody
from tests.council import ADVISER, DIRECTOR, HEAD, MANAGER, Council, somebody_who

FRIDAY = date(2020, 7, 31)
ELSEWHERE = somebody_who(Role.TEAM_MANAGER, code="north_1")


def found(council: Council, to: User, **ids: str | None) -> Somebody:
    with reading(council.engine) as session:
        return somebody(session, to=to, today=FRIDAY, **ids)


def test_either_id_finds_the_person(council: Council) -> None:
    person_id = council.id_of("P1")
    expected = Somebody(person_id, "P1", False)
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


@pytest.mark.parametrize("to", [ADVISER, MANAGER, somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA)])
def test_a_restricted_record_is_not_found_even_by_its_worker(to: User, council: Council) -> None:
    council.restrict("P1")
    with pytest.raises(NotFound):
        found(council, to, eclipse_id="P1")


@pytest.mark.parametrize("to", [HEAD, DIRECTOR])
def test_a_restricted_record_opens_to_head_of_service_and_chief_officer(to: User, council: Council) -> None:
    council.restrict("P1")
    assert found(council, to, eclipse_id="P1").restricted is True
