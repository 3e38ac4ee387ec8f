"""The people of the demo council: identity rows in both profiles, and who answers for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from service.demo.files import Change, Row, cells, ssd
from service.demo.names import district, forename, surname
from service.demo.scene import Scene, age_on

LOCALITY_SHARES = {"north": 25, "mid_east": 24, "south": 27, "exeter": 24}
_GENDERS = {"M": "01", "F": "02", "U": "00"}
_ETHNICITIES = {"WBRI": 86, "WOTH": 4, "MWBC": 3, "MOTH": 3, "BAFR": 2, "OOTH": 1, "NOBT": 1}


@dataclass(frozen=True, slots=True)
class Someone:
    """A person as Eclipse holds them. An unborn child has `expected_on` and no `born_on`."""

    eclipse_id: str
    forename: str
    surname: str
    team: str
    district: str
    since: date
    born_on: date | None = None
    expected_on: date | None = None
    died_on: date | None = None
    transferred_out_on: date | None = None
    legacy_id: str | None = None


def somebody(
    scene: Scene,
    *,
    locality: str,
    team: str,
    born_on: date | None,
    since: date,
    eclipse_id: str | None = None,
    family: str | None = None,
    given: str | None = None,
    expected_on: date | None = None,
    lives_in: str | None = None,
    elsewhere: int = 4,
) -> Someone:
    """A person of a locality with an invented name; `family` is the surname shared by siblings."""
    return Someone(
        eclipse_id=eclipse_id or f"D{scene.number()}",
        forename=given or ("" if born_on is None else forename(scene)),
        surname=family or surname(scene),
        team=team,
        district=district(scene, locality, elsewhere) if lives_in is None else lives_in,
        since=since,
        born_on=born_on,
        expected_on=expected_on,
    )


def rows(scene: Scene, one: Someone) -> Iterator[Row]:
    """The person in `ssd_person` and, with team and district, in `people`."""
    yield Row("ssd_person", one.since, _ssd_person(scene, one), _died(one))
    leaving: tuple[Change, ...] = ()
    if one.transferred_out_on:
        leaving = ((one.transferred_out_on, cells(transferred_out_on=one.transferred_out_on)),)
    known = cells(eclipse_id=one.eclipse_id, team_id=one.team, district=one.district or None)
    if one.born_on is None:
        known |= cells(surname=one.surname, expected_on=one.expected_on)
    yield Row("people", one.since, known, leaving)


def _ssd_person(scene: Scene, one: Someone) -> dict[str, str]:
    # Eclipse's script writes the due date of an unborn child into pers_dob as well.
    sex = scene.one_of({"M": 51, "F": 48, "U": 1})
    young = one.born_on is None or age_on(scene.as_at, one.born_on) < 5
    return ssd(
        "pers_",
        legacy_id=one.legacy_id,
        person_id=one.eclipse_id,
        forename=one.forename or None,
        surname=one.surname,
        sex=sex,
        gender=_GENDERS[sex],
        ethnicity=scene.one_of(_ETHNICITIES),
        dob=one.born_on or one.expected_on,
        upn_unknown="UN1" if young else None,
        expected_dob=one.expected_on,
        is_mother="N",
    )


def _died(one: Someone) -> tuple[Change, ...]:
    return ((one.died_on, ssd("pers_", death_date=one.died_on)),) if one.died_on else ()
