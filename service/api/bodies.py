"""Request bodies, derived from the facts: strict, nothing unknown, nothing echoed."""

import re
import unicodedata
from dataclasses import MISSING, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    create_model,
)
from pydantic_core import PydanticCustomError

from service.domain.facts import SERVER_OWNED, Confidence, Fact, field_types
from service.errors import Unprocessable

LONGEST_TEXT = 4000
LONGEST_CODE = 200
YEARS = range(1901, 2200)  # as the readers take them: beyond, the arithmetic of months and weeks would overflow


DATE_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MOMENT_SHAPE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})")


def _date_text(value: object) -> object:
    if not isinstance(value, str) or not DATE_SHAPE.fullmatch(value):
        raise PydanticCustomError("date_shape", "a date as YYYY-MM-DD")
    return value


def _moment_text(value: object) -> object:
    if not isinstance(value, str) or not MOMENT_SHAPE.fullmatch(value):
        raise PydanticCustomError("moment_shape", "a time with offset")
    return value


def _composed(value: str) -> str:
    return unicodedata.normalize("NFC", value)


def _printable(value: str) -> str:
    """As tokens name people: a space around a name, or a mark that nobody sees in it, would make two of one."""
    if value != value.strip() or not value.isprintable():
        raise PydanticCustomError("not_printable", "printable characters, no space around them")
    return value


def _in_reach(value: date) -> date:
    if value.year not in YEARS:
        raise PydanticCustomError("date_out_of_range", "years 1901 to 2199")
    return value


Day = Annotated[date, BeforeValidator(_date_text), AfterValidator(_in_reach)]
Moment = Annotated[AwareDatetime, BeforeValidator(_moment_text), AfterValidator(_in_reach)]
Text = Annotated[StrictStr, Field(max_length=LONGEST_TEXT), AfterValidator(_composed)]
Code = Annotated[StrictStr, Field(max_length=LONGEST_CODE), AfterValidator(_composed)]
Whole = Annotated[StrictInt, Field(ge=0, le=10_000)]
Line = Annotated[StrictStr, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Id = Annotated[StrictStr, Field(min_length=1, max_length=64)]


class Strict(BaseModel):
    """A body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _annotation(python: type, private: bool) -> Any:
    if issubclass(python, StrEnum):
        return python
    text = Text if private else Code
    return {bool: StrictBool, int: Whole, date: Day, datetime: Moment, str: text}[python]


def of_fact(kind: type[Fact], name: str, *, without: frozenset[str] = SERVER_OWNED) -> type[Strict]:
    """A body with the fields of one kind of fact."""
    types = field_types(kind)
    said: dict[str, Any] = {}
    for each in fields(kind):
        if each.name == "known" or each.name in without:
            continue
        annotation = _annotation(types[each.name], each.metadata["private"])
        options = {"description": each.metadata["doc"]}
        if each.metadata["example"] is not None:
            options["examples"] = [each.metadata["example"]]
        if each.default is MISSING:
            said[each.name] = (annotation, Field(**options))
        elif each.default is None:
            said[each.name] = (annotation | None, Field(default=None, **options))
        else:
            said[each.name] = (annotation, Field(default=each.default, **options))
    return create_model(name, __base__=Strict, __doc__=kind.__doc__, **said)


def fact_from(kind: type[Fact], body: BaseModel) -> Fact:
    """The fact a body says."""
    return kind(**{name: getattr(body, name) for name in field_types(kind) if hasattr(body, name)})


def example_of(kind: type[Fact], *, without: frozenset[str] = SERVER_OWNED) -> dict[str, Any]:
    """An example of a kind, from the examples of its fields."""
    return {
        f.name: f.metadata["example"]
        for f in fields(kind)
        if f.name != "known" and f.name not in without and f.metadata["example"] is not None
    }


class About(Strict):
    """Whom an entry is about: by one of two ids, so that an offline client needs no look-up."""

    person_id: Id | None = Field(default=None, description="Our id")
    eclipse_id: Id | None = Field(default=None, description="Eclipse's id", examples=["EDGE-001"])


def one_person(body: About) -> None:
    """Raise Unprocessable unless the body names somebody by one id, and by one only."""
    if (body.person_id is None) is (body.eclipse_id is None):
        raise Unprocessable(*[(name, "one_of", "one of person_id and eclipse_id") for name in About.model_fields])


class Sure(Strict):
    """How sure the author is."""

    confidence: Confidence = Field(default=Confidence.CONFIRMED, description="How sure the source was")


class Reasoned(Strict):
    """Why."""

    reason: Annotated[StrictStr, Field(min_length=3, max_length=LONGEST_TEXT)] = Field(
        description="Why", examples=["Logged on the wrong person"]
    )


class Approval(Strict):
    """What the second person adds."""

    reason: Annotated[StrictStr, Field(max_length=LONGEST_TEXT)] | None = Field(
        default=None, description="What was checked", examples=["Visited today; the tenancy is signed"]
    )
