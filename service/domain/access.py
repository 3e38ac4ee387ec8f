"""Who may do what: roles, functions, the kinds of fact each role owns, and how far a user sees."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from service.errors import Unprocessable


class Role(StrEnum):
    """The posts and accounts that use the service."""

    PERSONAL_ADVISER = "personal_adviser"
    SOCIAL_WORKER = "social_worker"
    DUTY_WORKER = "duty_worker"
    TEAM_MANAGER = "team_manager"
    AREA_MANAGER = "area_manager"
    LOCALITY_DIRECTOR = "locality_director"
    SENIOR_MANAGER_CORPORATE_PARENTING = "senior_manager_corporate_parenting"
    SENIOR_MANAGER_SAFEGUARDING_QA = "senior_manager_safeguarding_qa"
    CASE_PROGRESSION_MANAGER = "case_progression_manager"
    IRO = "iro"
    CP_CHAIR = "cp_chair"
    HEAD_OF_SERVICE = "head_of_service"
    CHIEF_OFFICER = "chief_officer"
    CHIEF_EXECUTIVE = "chief_executive"
    LEAD_MEMBER = "lead_member"
    HOUSING_LEAD_MEMBER = "housing_lead_member"
    IMPROVEMENT_DIRECTOR = "improvement_director"
    PERFORMANCE_ANALYST = "performance_analyst"
    INFORMATION_GOVERNANCE = "information_governance"
    INTEGRATION = "integration"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """One per function of the service; every endpoint names the one it needs."""

    READ_TRACKER = "read_tracker"
    READ_PEOPLE = "read_people"
    READ_PERSON = "read_person"
    READ_TIMELINE = "read_timeline"
    READ_POLICY = "read_policy"
    READ_CAMPAIGN = "read_campaign"
    RUN_CAMPAIGN = "run_campaign"
    UPLOAD_SHEET = "upload_sheet"
    LOG_CONTACT = "log_contact"
    RECORD_ACCOMMODATION = "record_accommodation"
    RECORD_CARE_LEAVER_STATUS = "record_care_leaver_status"
    RECORD_MISSING = "record_missing"
    RECORD_CHILD_PROTECTION = "record_child_protection"
    RECORD_COURT = "record_court"
    RECORD_PERMANENCE = "record_permanence"
    RECORD_CARE_REVIEW = "record_care_review"
    CORRECT_FACT = "correct_fact"
    APPROVE_FACT = "approve_fact"
    READ_CONFLICTS = "read_conflicts"
    SETTLE_CONFLICT = "settle_conflict"
    WITHDRAW_FACT = "withdraw_fact"
    MERGE_PEOPLE = "merge_people"
    PUSH_EXTRACTS = "push_extracts"
    READ_EXTRACT_REPORTS = "read_extract_reports"
    READ_DATA_QUALITY = "read_data_quality"
    DECIDE_HELD = "decide_held"
    MANAGE_USERS = "manage_users"
    END_SESSIONS = "end_sessions"
    RESTRICT_RECORD = "restrict_record"
    CLEAR_RESTRICTION = "clear_restriction"
    REFER_PERSON = "refer_person"
    EMERGENCY_SIGHT = "emergency_sight"
    READ_AUDIT = "read_audit"
    READ_OWN_LOOKS = "read_own_looks"


MEANING: dict[Permission, str] = {
    Permission.READ_TRACKER: "Read the weekly tracker, as far as the role's sight goes",
    Permission.READ_PEOPLE: "List and look up people in scope",
    Permission.READ_PERSON: "Open one person in scope: facts and clocks",
    Permission.READ_TIMELINE: "Read one person's facts and contacts over time",
    Permission.READ_POLICY: "Read the limits in force and on whose authority",
    Permission.READ_CAMPAIGN: "Read how far a first load is, and get its forms, as far as the role's sight goes",
    Permission.RUN_CAMPAIGN: "Begin and end the first load of a topic",
    Permission.UPLOAD_SHEET: "Send in spreadsheets of kinds of fact the role owns, and say what cannot be found out",
    Permission.LOG_CONTACT: "Log contacts, made or attempted",
    Permission.RECORD_ACCOMMODATION: "Record where a young person lives",
    Permission.RECORD_CARE_LEAVER_STATUS: "Record eligibility, support and in-touch category",
    Permission.RECORD_MISSING: "Record missing episodes",
    Permission.RECORD_CHILD_PROTECTION: "Record child protection plans and their reviews",
    Permission.RECORD_COURT: "Record pre-proceedings and care proceedings",
    Permission.RECORD_PERMANENCE: "Record permanence plans",
    Permission.RECORD_CARE_REVIEW: "Record reviews of children looked after",
    Permission.CORRECT_FACT: "Correct a fact of a kind the role owns, with a reason",
    Permission.APPROVE_FACT: "Approve better news that somebody else recorded",
    Permission.READ_CONFLICTS: "List what sources contradict each other about, of people in scope",
    Permission.SETTLE_CONFLICT: "Decide between sources: which is right, whether two facts are one",
    Permission.WITHDRAW_FACT: "Withdraw a fact of a kind the role owns that was logged to the wrong person",
    Permission.MERGE_PEOPLE: "Say that two records are one person, undo it, and release an id Eclipse gave anew",
    Permission.PUSH_EXTRACTS: "Push extracts and apply them",
    Permission.READ_EXTRACT_REPORTS: "Read what a push did, would do and refused, and who feeds what",
    Permission.READ_DATA_QUALITY: "List rows refused or doubtful, as far as they are one's own to put right",
    Permission.DECIDE_HELD: "Approve or reject what of a push was held, never of one's own",
    Permission.MANAGE_USERS: "Add users, set their roles and scope, link them to workers",
    Permission.END_SESSIONS: "Revoke one token, or all that an account was given so far",
    Permission.RESTRICT_RECORD: "Restrict a record, keep its allow-list, ask for it to be cleared",
    Permission.CLEAR_RESTRICTION: "Decide on clearing a restriction that somebody else asked to clear",
    Permission.REFER_PERSON: "Show one person in scope to one account outside its usual scope, until a day",
    Permission.EMERGENCY_SIGHT: "Open one person outside one's scope out of hours, with a reason",
    Permission.READ_AUDIT: "Read who saw and changed what about a person, refusals, and alerts on bulk reading",
    Permission.READ_OWN_LOOKS: "Read what one has looked at oneself",
}

# Kinds that only feeds record (person, responsibility, allocation, period of care, placement, legal status, plan
# count) have no entry: nobody may create or correct them by the API.
RECORDED_UNDER: dict[str, Permission] = {
    "contact": Permission.LOG_CONTACT,
    "accommodation": Permission.RECORD_ACCOMMODATION,
    "care_leaver_status": Permission.RECORD_CARE_LEAVER_STATUS,
    "missing_episode": Permission.RECORD_MISSING,
    "child_protection_plan": Permission.RECORD_CHILD_PROTECTION,
    "cp_review": Permission.RECORD_CHILD_PROTECTION,
    "pre_proceedings": Permission.RECORD_COURT,
    "care_proceedings": Permission.RECORD_COURT,
    "permanence_plan": Permission.RECORD_PERMANENCE,
    "cla_review": Permission.RECORD_CARE_REVIEW,
}

_EVERYBODY = frozenset({Permission.READ_OWN_LOOKS})
_FIGURES = _EVERYBODY | {Permission.READ_TRACKER, Permission.READ_POLICY, Permission.READ_CAMPAIGN}
_ROWS = _FIGURES | {
    Permission.READ_PEOPLE, Permission.READ_PERSON, Permission.READ_TIMELINE, Permission.READ_CONFLICTS,
}  # fmt: skip
_DECIDES = frozenset({Permission.APPROVE_FACT, Permission.SETTLE_CONFLICT})
_REPORTS = frozenset({Permission.READ_EXTRACT_REPORTS})
_KEEPS = _ROWS | {Permission.CORRECT_FACT, Permission.WITHDRAW_FACT}
_WORKER = _KEEPS | {
    Permission.LOG_CONTACT,
    Permission.RECORD_ACCOMMODATION,
    Permission.RECORD_CARE_LEAVER_STATUS,
    Permission.RECORD_MISSING,
    Permission.UPLOAD_SHEET,
}
_QUALITY = frozenset({Permission.READ_DATA_QUALITY})
_LINE_MANAGER = _WORKER | _QUALITY | frozenset(RECORDED_UNDER.values()) | _DECIDES | {Permission.REFER_PERSON}

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.PERSONAL_ADVISER: _WORKER,
    Role.SOCIAL_WORKER: _WORKER | {Permission.RECORD_PERMANENCE},
    Role.DUTY_WORKER: _WORKER | {Permission.EMERGENCY_SIGHT},
    Role.TEAM_MANAGER: _LINE_MANAGER | {Permission.MERGE_PEOPLE},
    Role.AREA_MANAGER: _LINE_MANAGER | {Permission.MERGE_PEOPLE},
    Role.LOCALITY_DIRECTOR: _LINE_MANAGER,
    Role.SENIOR_MANAGER_CORPORATE_PARENTING: _LINE_MANAGER,
    Role.SENIOR_MANAGER_SAFEGUARDING_QA: _ROWS
    | _REPORTS
    | _DECIDES
    | {Permission.RESTRICT_RECORD, Permission.CLEAR_RESTRICTION, Permission.REFER_PERSON},
    Role.CASE_PROGRESSION_MANAGER: _KEEPS | {Permission.RECORD_COURT, Permission.UPLOAD_SHEET},
    Role.IRO: _KEEPS | {Permission.RECORD_PERMANENCE, Permission.RECORD_CARE_REVIEW, Permission.UPLOAD_SHEET},
    Role.CP_CHAIR: _KEEPS | {Permission.RECORD_CHILD_PROTECTION},
    Role.HEAD_OF_SERVICE: _LINE_MANAGER
    | _REPORTS
    | {
        Permission.DECIDE_HELD,
        Permission.RUN_CAMPAIGN,
        Permission.MERGE_PEOPLE,
        Permission.CLEAR_RESTRICTION,
    },
    Role.CHIEF_OFFICER: _ROWS | _REPORTS | {Permission.CLEAR_RESTRICTION},
    Role.CHIEF_EXECUTIVE: _FIGURES,
    Role.LEAD_MEMBER: _FIGURES,
    Role.HOUSING_LEAD_MEMBER: _FIGURES,
    Role.IMPROVEMENT_DIRECTOR: _FIGURES,
    Role.PERFORMANCE_ANALYST: _FIGURES | _REPORTS | _QUALITY | {Permission.DECIDE_HELD, Permission.RUN_CAMPAIGN},
    Role.INFORMATION_GOVERNANCE: _EVERYBODY
    | _REPORTS
    | {Permission.READ_POLICY, Permission.READ_AUDIT, Permission.END_SESSIONS},
    Role.INTEGRATION: _EVERYBODY | _REPORTS | _QUALITY | {Permission.PUSH_EXTRACTS},
    Role.ADMINISTRATOR: _EVERYBODY
    | _REPORTS
    | {Permission.READ_POLICY, Permission.MANAGE_USERS, Permission.END_SESSIONS},
}

OWNS: dict[Role, frozenset[str]] = {
    role: frozenset(kind for kind, permission in RECORDED_UNDER.items() if permission in granted)
    for role, granted in GRANTS.items()
}

MAY_APPROVE: frozenset[Role] = frozenset(role for role in Role if Permission.APPROVE_FACT in GRANTS[role])

DECIDES_HELD: tuple[Role, ...] = tuple(role for role in Role if Permission.DECIDE_HELD in GRANTS[role])

# A restricted record of their scope opens to these by their post, with a reason each time; to its allow-list, its
# workers and the line over them (`store/opening.py`) without one; to nobody else.
OPENS_RESTRICTED: frozenset[Role] = frozenset({Role.HEAD_OF_SERVICE, Role.CHIEF_OFFICER})


class Sight(StrEnum):
    """What a role sees of people: a row each, figures only, or nothing."""

    ROWS = "rows"
    FIGURES = "figures"
    NONE = "none"


def _sight(granted: frozenset[Permission]) -> Sight:
    if Permission.READ_PEOPLE in granted:
        return Sight.ROWS
    return Sight.FIGURES if Permission.READ_TRACKER in granted else Sight.NONE


SIGHT: dict[Role, Sight] = {role: _sight(GRANTS[role]) for role in Role}


class ScopeKind(StrEnum):
    """How far: people allocated to one's worker record, those of a unit or cohort named by a code, or all.

    `duty` is a service while on duty there. One person by name is a referral, or an emergency: rows of their own.
    """

    OWN = "own"
    TEAM = "team"
    DUTY = "duty"
    AREA = "area"
    LOCALITY = "locality"
    SERVICE = "service"
    COHORT = "cohort"
    COUNTY = "county"


WITHOUT_CODE: frozenset[ScopeKind] = frozenset({ScopeKind.OWN, ScopeKind.COUNTY})

# The line: whoever holds one of these roles answers for the unit in their scope, so its people are their daily work.
LINE: frozenset[Role] = frozenset({
    Role.TEAM_MANAGER, Role.AREA_MANAGER, Role.LOCALITY_DIRECTOR, Role.SENIOR_MANAGER_CORPORATE_PARENTING,
    Role.HEAD_OF_SERVICE, Role.CHIEF_OFFICER,
})  # fmt: skip
# Who has a caseload of their own logs contact for colleagues of the same team too, without seeing those people.
LOGS_FOR_TEAM: frozenset[Role] = frozenset({Role.PERSONAL_ADVISER, Role.SOCIAL_WORKER})
# Our own choices, no law's. Sight in an emergency lasts a night's duty, eight to eight; ten people in a day is more
# than a night needs. A referral is looked at again at least once a year.
EMERGENCY_LASTS = timedelta(hours=12)
EMERGENCY_COUNTED_OVER = timedelta(hours=24)
EMERGENCY_PEOPLE = 10
REFERRAL_LASTS = timedelta(days=366)

# Roles that read nobody have the narrowest scope, which without a worker record holds nobody.
DEFAULT_SCOPE: dict[Role, ScopeKind] = {
    Role.PERSONAL_ADVISER: ScopeKind.OWN,
    Role.SOCIAL_WORKER: ScopeKind.OWN,
    Role.DUTY_WORKER: ScopeKind.TEAM,
    Role.TEAM_MANAGER: ScopeKind.TEAM,
    Role.AREA_MANAGER: ScopeKind.AREA,
    Role.LOCALITY_DIRECTOR: ScopeKind.LOCALITY,
    Role.SENIOR_MANAGER_CORPORATE_PARENTING: ScopeKind.SERVICE,
    Role.SENIOR_MANAGER_SAFEGUARDING_QA: ScopeKind.COUNTY,
    Role.CASE_PROGRESSION_MANAGER: ScopeKind.COUNTY,
    Role.IRO: ScopeKind.OWN,
    Role.CP_CHAIR: ScopeKind.OWN,
    Role.HEAD_OF_SERVICE: ScopeKind.COUNTY,
    Role.CHIEF_OFFICER: ScopeKind.COUNTY,
    Role.CHIEF_EXECUTIVE: ScopeKind.COUNTY,
    Role.LEAD_MEMBER: ScopeKind.COUNTY,
    Role.HOUSING_LEAD_MEMBER: ScopeKind.COUNTY,
    Role.IMPROVEMENT_DIRECTOR: ScopeKind.COUNTY,
    Role.PERFORMANCE_ANALYST: ScopeKind.COUNTY,
    Role.INFORMATION_GOVERNANCE: ScopeKind.OWN,
    Role.INTEGRATION: ScopeKind.OWN,
    Role.ADMINISTRATOR: ScopeKind.OWN,
}


def sight_of(roles: Iterable[Role]) -> Sight:
    """The least sight among the roles; none without a role, so a mixture never widens what one of them may see."""
    seen = {SIGHT[role] for role in roles}
    return next((sight for sight in (Sight.NONE, Sight.FIGURES, Sight.ROWS) if sight in seen), Sight.NONE)


def refuse_unfit(roles: Iterable[Role], scopes: Iterable[tuple[ScopeKind, str]]) -> None:
    """Refuse what one account cannot hold.

    Scopes belong to the account, not to a role. If roles that see rows and roles that see figures were mixed, a
    councillor's county would become a personal adviser's; so all roles of an account must have the same sight.
    """
    if len({SIGHT[role] for role in roles}) > 1:
        raise Unprocessable(("roles", "mixed_sight", "roles that all see rows, all see figures, or all see nobody"))
    if any(bool(code) is (kind in WITHOUT_CODE) for kind, code in scopes):
        raise Unprocessable(("scopes", "scope_code", "a code for all kinds but own and county"))


@dataclass(frozen=True, slots=True)
class User:
    """Somebody signed in, as the database knew them at this request.

    `at` is the moment of the request, for sight that ends by the hour; without one, no such sight counts.
    """

    user_id: str
    name: str
    roles: frozenset[Role]
    scopes: frozenset[tuple[ScopeKind, str]]
    worker_ref: str | None
    access_version: int
    at: datetime | None = None

    def may(self, permission: Permission) -> bool:
        """Whether any of the user's roles has this function."""
        return any(permission in GRANTS[role] for role in self.roles)

    def may_record(self, kind: str) -> bool:
        """Whether any of the user's roles owns facts of this kind (a code of `facts.KINDS`)."""
        return any(kind in OWNS[role] for role in self.roles)

    @property
    def sight(self) -> Sight:
        """What the user sees of the people in scope."""
        return sight_of(self.roles)
