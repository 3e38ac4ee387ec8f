"""Trackers of a few people, made without a database, for stories about how they are written."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from service.domain.access import Sight
from service.domain.cohorts import COHORTS
from service.domain.facts import Accommodation, Unacceptable
from service.domain.intake import Worker
from service.domain.person import Facts
from service.domain.policy import DEFAULT_POLICY
from service.domain.tracker import Surroundings, Tracker, build, freshness
from service.domain.viewpoint import Viewpoint
from tests.factories import EVERY_KIND, a_place, known, young_person

AT = datetime(2020, 7, 31, 8, 0, tzinfo=UTC)
FRIDAY = Viewpoint(date(2020, 7, 31), AT)
WHY = "Canary narrative of the judgement"


def tent(**changes: Any) -> Accommodation:
    """A tent since 10 July, with the narrative of a judgement that no list may show."""
    said = {"code": "Z", "unacceptable": Unacceptable.TENT, "suitable": None, "started_on": date(2020, 7, 10)}
    return a_place(**(said | {"judged_why": WHY, "known": known("contested")} | changes))


def somebody(forename: str, surname: str = "Demo-Ashford", *, restricted: bool = False, **facts: Any) -> Facts:
    """A care leaver in a tent."""
    one = young_person(**({"accommodations": (tent(),)} | facts))
    person = replace(one.person, forename=forename, surname=surname)
    return replace(one, person_id=f"id-{forename}", eclipse_id=f"EX-{forename}", person=person, restricted=restricted)


def of(*people: Facts, rows: bool = True, owner: str = "A. Demo-Adviser") -> Tracker:
    """Their tracker at nine on Friday 31 July 2020."""
    around = Surroundings(
        view=FRIDAY,
        policy=DEFAULT_POLICY,
        supplied=EVERY_KIND,
        teams={},
        workers={"W1042": Worker("W1042", owner, None, None, None, None)},
        freshness=freshness(
            {("eclipse", "ssd", "ssd_person"): datetime(2020, 7, 31, 1, 0, tzinfo=UTC)}, at=AT, stale_after_hours=24
        ),
        scope={"sight": Sight.ROWS.value},
    )
    return build(people, COHORTS, around, rows=rows)
