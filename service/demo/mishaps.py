"""What goes wrong in the demo's feed, and what people do about it: each thing that the intake is there to survive."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from service.demo import contacts
from service.demo.edge_care_leavers import TEAM, Entry
from service.demo.files import Row, cells, ssd
from service.demo.scene import Scene, years_before
from service.demo.staff import Staff

CUT_SHORT = {("ssd_legal_status", 7): 0, ("ssd_legal_status", 0): 400}
"""After how many rows a table stops, by table and night (days before the last). No cohort rests on this one."""
TWICE, AGAIN = "EDGE-015", "EDGE-040"
ADOPTED, REUSED = "EDGE-041", "EDGE-042"
NOBODY = "D999999"

_ANALYST = "Kit Demo-Abacus"
_ADOPTION_TEAM, _REUSED_TEAM = "adopt_south_west", "exeter_cf_1"


def came(rows: Sequence[Row], night: date, days: int) -> Iterator[Row]:
    """The rows that an extract run `days` before the last day brings: a table that is cut short brings its first."""
    brought: Counter[str] = Counter()
    for row in rows:
        brought[row.dataset] += row.since < night
        if brought[row.dataset] <= CUT_SHORT.get((row.dataset, days), brought[row.dataset]):
            yield row


def rows(scene: Scene, known: Sequence[Row]) -> Iterator[Row]:
    """Records of people that Eclipse has twice, gave to somebody else or closes by adoption, and damaged rows.

    `known` is everybody else. No die is thrown, and nobody here is in a cohort.
    """
    yield from _second_record(scene, known)
    adopted = scene.ago(12)
    yield from _identity(scene, ADOPTED, "Linden", "Demo-Harbour", _ADOPTION_TEAM, years_before(scene.as_at, 4),
                         (adopted, cells(adopted_on=adopted)))  # fmt: skip
    born = years_before(scene.as_at, 16)
    someone_else, child = _identity(scene, REUSED, "Moss", "Demo-Lantern", _REUSED_TEAM, born, None)
    given = ssd("pers_", forename="Teal", surname="Demo-Willet", dob=years_before(scene.as_at, 3))
    yield from (replace(someone_else, changes=((scene.ago(9), given),)), child)
    yield from _damaged(scene)


def _second_record(scene: Scene, known: Sequence[Row]) -> Iterator[Row]:
    """Registered again, out of hours, under another id: who they are, and nothing else."""
    for row in known:
        for column in ("pers_person_id", "eclipse_id"):
            if row.dataset in ("ssd_person", "people") and row.cells.get(column) == TWICE:
                yield Row(row.dataset, scene.ago(16), {**row.cells, column: AGAIN})


def _identity(
    scene: Scene, eclipse_id: str, forename: str, surname: str, team: str, born_on: date,
    later: tuple[date, dict[str, str]] | None,
) -> tuple[Row, Row]:  # fmt: skip
    since = scene.ago(200)
    person = ssd("pers_", person_id=eclipse_id, forename=forename, surname=surname, dob=born_on)
    return (
        Row("ssd_person", since, person),
        Row("people", since, cells(eclipse_id=eclipse_id, team_id=team), (later,) if later else ()),
    )


def _damaged(scene: Scene) -> Iterator[Row]:
    """Three contacts of the last night that cannot be read as they stand: each is another's to put right."""
    yesterday = contacts.at(scene, 1, 15).isoformat()
    sound = {"occurred_at": yesterday, "contact_kind": "phone", "outcome": "attempted"}
    blank: dict[str, str] = {"occurred_at": ""}
    before = {"record_id": "EDGE-N1", "eclipse_id": "EDGE-009", **sound}
    before["occurred_at"] = contacts.at(scene, 11, 15).isoformat()
    yield Row("contacts", scene.ago(11), before, ((scene.ago(1), blank),))
    for key, who, outcome in (("EDGE-N2", "EDGE-002", "no reply, will ring again"), ("EDGE-N3", NOBODY, "attempted")):
        yield Row("contacts", scene.ago(1), {**sound, "record_id": key, "eclipse_id": who, "outcome": outcome})


def entries(scene: Scene, staff: Staff) -> Iterator[Entry]:
    """What people do about it between the nights, in time order, and a first load that is under way."""

    def manager(team: str) -> str:
        return staff.of(team, "team_manager")[0].name

    def entry(days: int, hour: int, by: str, act: str, eclipse_id: str = "", **body: object) -> Entry:
        return Entry(contacts.at(scene, days, hour), by, act, eclipse_id, body)

    yield entry(20, 10, _ANALYST, "campaign", topic="accommodation", reason="Kept in four spreadsheets until now.")
    lost = "Gave no address; neither friends nor housing know of one."
    yield entry(12, 10, manager(TEAM), "answer", "EDGE-017", answer="cannot_be_found_out", reason=lost)
    yield entry(12, 14, manager(TEAM), "merge", TWICE, merge=AGAIN, reason="Registered again out of hours.")
    yield entry(6, 14, _ANALYST, "approve", dataset="people", reason="The adoption order has been seen.")
    failed = "The table came empty: an extract that failed, not news of children."
    yield entry(6, 15, _ANALYST, "reject", dataset="ssd_legal_status", reason=failed)
    yield entry(5, 11, manager(_REUSED_TEAM), "release", REUSED, reason="Eclipse gave the id to another child.")
    adviser = staff.of(TEAM, "personal_adviser")[0].name
    yield entry(4, 16, adviser, "accommodation", "EDGE-019", started_on=scene.ago(4).isoformat(), code="D")
    yield entry(3, 12, adviser, "accommodation", "EDGE-020", started_on=scene.ago(4).isoformat(), code="Z")
