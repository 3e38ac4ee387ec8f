"""Who signs in to the demo: at least one user for each role, with the scope that the role has."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.demo.staff import LOCALITIES, Staff

Scope = tuple[str, str]
"""Kind and code of a unit; the code is empty where the kind needs none."""

_OWN, _COUNTY = ("own", ""), ("county", "")
# The cohorts that case progression managers work on: these children open to them without saying why.
_IN_COURT = (("cohort", "pre_proceedings_over_12_weeks"), ("cohort", "proceedings_over_26_weeks"))
# Duty for the whole service. On a real rota it ends with the night; here DUTY_DAYS after the last day.
_ON_DUTY = ("duty", "corporate_parenting")
DUTY_DAYS = 7

# Posts that are not on the establishment of a team, by role: name and scope.
_POSTS: tuple[tuple[str, str, Scope], ...] = (
    ("chief_officer", "Avery Demo-Lighthouse", _COUNTY),
    ("head_of_service", "Blake Demo-Compass", _COUNTY),
    ("chief_executive", "Cary Demo-Sundial", _COUNTY),
    ("lead_member", "Drew Demo-Gavel", _COUNTY),
    ("housing_lead_member", "Ellis Demo-Gable", _COUNTY),
    ("improvement_director", "Frankie Demo-Ladder", _COUNTY),
    ("senior_manager_corporate_parenting", "Gray Demo-Canopy", ("service", "corporate_parenting")),
    ("senior_manager_safeguarding_qa", "Harper Demo-Level", _COUNTY),
    ("case_progression_manager", "Indy Demo-Ledger", _COUNTY),
    ("case_progression_manager", "Jude Demo-Docket", _COUNTY),
    ("performance_analyst", "Kit Demo-Abacus", _COUNTY),
    ("information_governance", "Lee Demo-Padlock", _OWN),
    ("integration", "Extract Demo-Robot", _OWN),
    ("administrator", "Morgan Demo-Keyring", _OWN),
)
_DIRECTORS = ("Nell", "Ossie", "Pat", "Quin")


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A user to create: a role, how far it sees, and the worker it is linked to, if any."""

    name: str
    role: str
    scopes: tuple[Scope, ...]
    worker_ref: str | None


def everyone(staff: Staff) -> Iterator[DemoUser]:
    """Posts of the council, directors, area and team managers, and the workers who log contacts."""
    for role, name, scope in _POSTS:
        more = _IN_COURT if role == "case_progression_manager" else ()
        yield DemoUser(name, role, (scope, *more), None)
    for code, given in zip(LOCALITIES, _DIRECTORS, strict=True):
        yield DemoUser(f"{given} Demo-Bearing", "locality_director", (("locality", code),), None)
        for n in (1, 2):
            yield DemoUser(f"{given} Demo-Milestone-{n}", "area_manager", (("area", f"{code}_{n}"),), None)
    for team in ("care_leavers_2", "care_leavers_1"):
        duty, *_ = staff.of(team, "social_worker")
        yield DemoUser(duty.name, "duty_worker", (("team", team), _ON_DUTY), duty.ref)
        for adviser in staff.of(team, "personal_adviser"):
            yield DemoUser(adviser.name, "personal_adviser", (_OWN,), adviser.ref)
    for team in ("exeter_cf_1", "north_cf_2", "north_pt", "disabled_children_1"):
        for worker in staff.of(team, "social_worker")[:2]:
            yield DemoUser(worker.name, "social_worker", (_OWN,), worker.ref)
    for worker in staff.workers:
        if worker.role == "team_manager":
            yield DemoUser(worker.name, "team_manager", (("team", worker.team),), worker.ref)
        elif worker.role in ("iro", "cp_chair"):
            yield DemoUser(worker.name, worker.role, (_OWN,), worker.ref)
