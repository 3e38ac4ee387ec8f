"""Teams, their workers, and who signs in: about 430 staff in four localities and four county services."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import cycle

from service.demo.files import Row, cells, ssd
from service.demo.names import worker_name
from service.demo.people import Someone
from service.demo.scene import Scene

LOCALITIES = {"north": "North", "mid_east": "Mid and East", "south": "South", "exeter": "Exeter"}
CARE_LEAVER_TEAM = {
    "north": "care_leavers_1",
    "mid_east": "care_leavers_1",
    "south": "care_leavers_2",
    "exeter": "care_leavers_2",
}
DISABLED_TEAMS = ("disabled_children_1", "disabled_children_2")
_DISABLED, _CORPORATE = "disabled_childrens_service", "corporate_parenting"
_SERVICES = {
    "children_and_families": "Children and Families",
    _CORPORATE: "Corporate Parenting",
    _DISABLED: "Disabled Children's Service",
    "safeguarding_qa": "Safeguarding and Quality Assurance",
    "adopt_south_west": "Adopt South West",
}

# Relationship classes as this council's Eclipse names them (configuration of the reader, not a standard).
SOCIAL_WORKER, PERSONAL_ADVISER, IRO, CP_CHAIR = "AW", "PA", "IRO", "CPC"

# Posts of one team of each type: role and how many. 430 in all at scale 1.
_POSTS: dict[str, dict[str, int]] = {
    "intake": {"team_manager": 1, "social_worker": 14},
    "children_and_families": {"team_manager": 1, "social_worker": 14},
    "permanence_and_transition": {"team_manager": 1, "social_worker": 12},
    "care_leavers": {"team_manager": 1, "personal_adviser": 12, "social_worker": 2},
    "disabled_children": {"team_manager": 1, "social_worker": 8},
    "safeguarding_qa": {"team_manager": 2, "iro": 10, "cp_chair": 8},
    "adoption": {"team_manager": 1, "social_worker": 9},
}


@dataclass(frozen=True, slots=True)
class Team:
    """A team as the `cohorts` file has it. `code` is its Eclipse organisation id."""

    code: str
    title: str
    team_type: str
    service: str
    locality: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody on the establishment, by the id of their Eclipse record."""

    ref: str
    name: str
    role: str
    team: str


LEAVER = Worker("W0999", "Zephyr Demo-Farewell", "social_worker", "exeter_cf_1")
"""Somebody whose last day was yesterday, with one child of edges.py."""


@dataclass(frozen=True, slots=True)
class Staff:
    """All workers; `turns` deals those of a team and role out one after the other."""

    teams: tuple[Team, ...]
    workers: tuple[Worker, ...]
    turns: Mapping[tuple[str, str], Iterator[Worker]]

    def next(self, team: str, role: str) -> Worker:
        """The worker of this team and role whose turn it is."""
        return next(self.turns[team, role])

    def of(self, team: str, role: str) -> tuple[Worker, ...]:
        """Workers of a team and role, in the order of their ids."""
        return tuple(w for w in self.workers if (w.team, w.role) == (team, role))


def _teams() -> Iterator[Team]:
    for code, title in LOCALITIES.items():
        yield Team(f"{code}_intake", f"{title} Intake", "intake", "children_and_families", code, f"{code}_1")
        for n in (1, 2, 3, 4):
            area = f"{code}_{1 if n < 3 else 2}"
            kind = "children_and_families"
            yield Team(f"{code}_cf_{n}", f"{title} Children and Families {n}", kind, kind, code, area)
        kind = "permanence_and_transition"
        yield Team(f"{code}_pt", f"{title} Permanence and Transition", kind, _CORPORATE, code)
    for n, where in ((1, "North and Mid and East"), (2, "South and Exeter")):
        yield Team(f"care_leavers_{n}", f"Care Leavers {where}", "care_leavers", _CORPORATE)
        yield Team(f"disabled_children_{n}", f"Disabled Children {n}", "disabled_children", _DISABLED)
    yield Team("safeguarding_qa", "Safeguarding and Quality Assurance", "safeguarding_qa", "safeguarding_qa")
    yield Team("adopt_south_west", "Adopt South West", "adoption", "adopt_south_west")


def establish(scale: int) -> Staff:
    """The establishment: the same teams at any scale, with `scale` times the workers."""
    teams = tuple(_teams())
    posts = [
        (team.code, role)
        for team in teams
        for role, number in _POSTS[team.team_type].items()
        for _ in range(number * (1 if role == "team_manager" else scale))
    ]
    workers = tuple(Worker(f"W{n:04}", worker_name(n), role, team) for n, (team, role) in enumerate(posts, start=1001))
    turns = {post: cycle([w for w in workers if (w.team, w.role) == post]) for post in dict.fromkeys(posts)}
    return Staff(teams, workers, turns)


def rows(scene: Scene, staff: Staff) -> Iterator[Row]:
    """Teams and workers in both profiles."""
    since = scene.ago(400)
    for team in staff.teams:
        area = f"{LOCALITIES[team.locality]} area {team.area[-1]}" if team.area else None
        yield Row("ssd_department", since, ssd("dept_team_", id=team.code, name=team.title))
        yield Row(
            "teams",
            since,
            cells(
                team_id=team.code,
                title=team.title,
                team_type=team.team_type,
                area_code=team.area or None,
                area_title=area,
                locality_code=team.locality or None,
                locality_title=LOCALITIES.get(team.locality),
                service_code=team.service,
                service_title=_SERVICES[team.service],
            ),
        )
    for worker in staff.workers:
        yield from _worker_rows(scene, worker, None)
    yield from _worker_rows(scene, LEAVER, scene.ago(1))


def _worker_rows(scene: Scene, worker: Worker, last_day: date | None) -> Iterator[Row]:
    since = scene.ago(400)
    yield Row(
        "ssd_professionals",
        since,
        ssd("prof_", professional_id=worker.ref, staff_id=worker.ref, professional_name=worker.name),
    )
    started = scene.ago(scene.dice.randint(400, 3000))
    known = cells(worker_id=worker.ref, name=worker.name, role=worker.role, team_id=worker.team, started_on=started)
    yield Row("workers", since, known, ((last_day, cells(ended_on=last_day)),) if last_day else ())


def involvement(
    scene: Scene, who: Someone, worker: Worker, relationship: str, started: date, ended: date | None = None
) -> Row:
    """A worker's involvement with a person, as Eclipse's relationship records give it.

    The team is the one allocated to the person at the time, not the worker's own.
    """
    known = ssd(
        "invo_",
        involvements_id=f"R{scene.number()}",
        professional_id=worker.ref,
        professional_role_id=relationship,
        professional_team=who.team,
        person_id=who.eclipse_id,
        involvement_start_date=started,
        referral_id=f"C{scene.number()}",
    )
    ending = ssd("invo_", involvement_end_date=ended, worker_change_reason="LEFTRL")
    return Row("ssd_involvements", started, known, ((ended, ending),) if ended else ())
