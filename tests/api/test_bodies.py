"""Bodies derived from the facts: strict, nothing unknown, and nothing that the service owns."""

from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from service.api.bodies import About, example_of, fact_from, of_fact, one_person
from service.domain.facts import (
    KINDS,
    SERVER_OWNED,
    Accommodation,
    Basis,
    Contact,
    ContactKind,
    ContactOutcome,
    Unacceptable,
)
from service.errors import Unprocessable

Place = of_fact(Accommodation, "Place")
Call = of_fact(Contact, "Call")
A_CALL = {"occurred_at": "2020-07-30T14:05:00+01:00", "contact_kind": "phone", "outcome": "made"}


def read(model: Any, **said: Any) -> Any:
    return model.model_validate(said)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_body_has_the_fields_of_its_kind_but_those_the_service_fills(kind: str) -> None:
    body = of_fact(KINDS[kind], "Body")
    assert set(body.model_fields) == {f.name for f in fields(KINDS[kind])} - {"known"} - SERVER_OWNED
    assert body.__doc__ == KINDS[kind].__doc__


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_example_of_a_kind_is_a_body_of_it(kind: str) -> None:
    example = example_of(KINDS[kind])
    assert example
    assert not set(example) & SERVER_OWNED
    if kind != "allocation":  # its worker is the service's to fill, and no body is made of it
        fact = fact_from(KINDS[kind], of_fact(KINDS[kind], "Body").model_validate(example))
        assert fact.kind == kind


def test_a_body_becomes_the_fact_it_says() -> None:
    body = read(Place, unacceptable="tent", started_on="2020-07-10", judged_why="Caf\u0065\u0301")
    assert fact_from(Accommodation, body) == Accommodation(
        unacceptable=Unacceptable.TENT, started_on=date(2020, 7, 10), judged_why="Café"
    ), "text is composed, defaults are the fact's own"
    assert body.started_on_basis is Basis.RECORDED
    call = fact_from(Contact, read(Call, **A_CALL))
    assert isinstance(call, Contact)
    assert (call.contact_kind, call.outcome) == (ContactKind.PHONE, ContactOutcome.MADE)
    assert call.occurred_at.utcoffset() == timedelta(hours=1)
    assert call.occurred_at == datetime(2020, 7, 30, 13, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("model", "said", "where", "code"),
    [
        (Place, {"started_on": "10/07/2020"}, "started_on", "date_shape"),
        (Place, {"started_on": "2020-07-10T00:00:00"}, "started_on", "date_shape"),
        (Place, {"started_on": 18453}, "started_on", "date_shape"),
        (Place, {"started_on": "２０２０-07-10"}, "started_on", "date_shape"),
        (Place, {"started_on": "1900-12-31"}, "started_on", "date_out_of_range"),
        (Place, {"started_on": "2200-01-01"}, "started_on", "date_out_of_range"),
        (Place, {"suitable": "yes"}, "suitable", "bool_type"),
        (Place, {"suitable": 1}, "suitable", "bool_type"),
        (Place, {"unacceptable": "cave"}, "unacceptable", "enum"),
        (Place, {"code": 7}, "code", "string_type"),
        (Place, {"code": "U" * 201}, "code", "string_too_long"),
        (Place, {"judged_why": "x" * 4001}, "judged_why", "string_too_long"),
        (Place, {"started_on_basis": None}, "started_on_basis", "enum"),
        (Place, {"colour": "blue"}, "colour", "extra_forbidden"),
        (Call, A_CALL | {"worker_ref": "W1"}, "worker_ref", "extra_forbidden"),
        (Call, A_CALL | {"occurred_at": "2020-07-30T14:05:00"}, "occurred_at", "moment_shape"),
        (Call, A_CALL | {"occurred_at": 1596114300}, "occurred_at", "moment_shape"),
        (Call, {"contact_kind": "phone", "outcome": "made"}, "occurred_at", "missing"),
    ],
)
def test_what_is_not_exactly_so_is_refused_and_not_repeated(
    model: Any, said: dict[str, Any], where: str, code: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        read(model, **said)
    (error,) = refused.value.errors()
    assert (error["loc"], error["type"]) == ((where,), code)
    assert "input_value" not in str(refused.value)


def test_what_is_as_long_as_it_may_be_is_taken() -> None:
    body = read(Place, code="U" * 200, judged_why="x" * 4000, started_on="1901-01-01", ended_on="2199-12-31")
    assert (body.started_on, body.ended_on) == (date(1901, 1, 1), date(2199, 12, 31))


@pytest.mark.parametrize(
    ("ids", "fits"),
    [
        ({"person_id": "p"}, True),
        ({"eclipse_id": "E"}, True),
        ({}, False),
        ({"person_id": "p", "eclipse_id": "E"}, False),
    ],
)
def test_an_entry_is_about_one_person_by_one_id(ids: dict[str, str], fits: bool) -> None:
    about = read(About, **ids)
    if fits:
        one_person(about)
        return
    with pytest.raises(Unprocessable) as refused:
        one_person(about)
    assert {code for _, code, _ in refused.value.fields} == {"one_of"}
