"""Who may do what: the tables are complete, and say what the product says."""

import pytest

from scripts import permissions_md
from service.domain import access
from service.domain.access import Permission, Role, ScopeKind, Sight, User
from service.domain.facts import KINDS
from service.errors import Unprocessable

FIGURES_ONLY = {
    Role.CHIEF_EXECUTIVE,
    Role.LEAD_MEMBER,
    Role.HOUSING_LEAD_MEMBER,
    Role.IMPROVEMENT_DIRECTOR,
    Role.PERFORMANCE_ANALYST,
}
READS_NOBODY = {Role.INFORMATION_GOVERNANCE, Role.INTEGRATION, Role.ADMINISTRATOR}
OF_PEOPLE = {Permission.READ_PEOPLE, Permission.READ_PERSON, Permission.READ_TIMELINE}
WRITES = {
    *access.RECORDED_UNDER.values(),
    Permission.CORRECT_FACT,
    Permission.APPROVE_FACT,
    Permission.WITHDRAW_FACT,
}

every_role = pytest.mark.parametrize("role", list(Role))


def user(*roles: Role, scopes: frozenset[tuple[ScopeKind, str]] = frozenset()) -> User:
    return User("u1", "R. Demo-Kestle", frozenset(roles), scopes, None, 1)


def test_there_are_twenty_one_roles_and_each_table_has_them_all() -> None:
    assert len(Role) == 21
    for table in (access.GRANTS, access.OWNS, access.SIGHT, access.DEFAULT_SCOPE):
        assert table.keys() == set(Role)


def test_each_function_says_what_it_is_and_somebody_has_it() -> None:
    assert access.MEANING.keys() == set(Permission)
    assert frozenset[Permission]().union(*access.GRANTS.values()) == set(Permission)


@every_role
def test_each_role_can_do_something(role: Role) -> None:
    assert access.GRANTS[role]


def test_kinds_are_kinds_of_fact_and_each_has_an_owner() -> None:
    assert access.RECORDED_UNDER.keys() <= KINDS.keys()
    assert frozenset[str]().union(*access.OWNS.values()) == access.RECORDED_UNDER.keys()


def test_no_api_writes_who_somebody_is_or_whose_they_are() -> None:
    assert not {"person", "responsibility", "allocation"} & access.RECORDED_UNDER.keys()


@pytest.mark.parametrize("role", [Role.PERSONAL_ADVISER, Role.SOCIAL_WORKER, Role.DUTY_WORKER])
def test_workers_own_contact_accommodation_status_and_missing(role: Role) -> None:
    owned = {"contact", "accommodation", "care_leaver_status", "missing_episode"}
    assert access.OWNS[role] == owned | ({"permanence_plan"} if role is Role.SOCIAL_WORKER else set())


@pytest.mark.parametrize(
    ("role", "owned"),
    [
        (Role.CASE_PROGRESSION_MANAGER, {"pre_proceedings", "care_proceedings"}),
        (Role.IRO, {"permanence_plan", "cla_review"}),
        (Role.CP_CHAIR, {"child_protection_plan", "cp_review"}),
        (Role.SENIOR_MANAGER_SAFEGUARDING_QA, set()),
        (Role.CHIEF_OFFICER, set()),
    ],
)
def test_reviewing_and_court_roles_own_their_own_kinds_only(role: Role, owned: set[str]) -> None:
    assert access.OWNS[role] == owned


def test_who_refers_and_who_opens_in_an_emergency() -> None:
    refers = {role for role in Role if Permission.REFER_PERSON in access.GRANTS[role]}
    assert refers == access.LINE - {Role.CHIEF_OFFICER} | {Role.SENIOR_MANAGER_SAFEGUARDING_QA}
    assert {role for role in Role if Permission.EMERGENCY_SIGHT in access.GRANTS[role]} == {Role.DUTY_WORKER}
    assert {role for role in access.LOGS_FOR_TEAM if access.DEFAULT_SCOPE[role] is ScopeKind.OWN} == {
        Role.PERSONAL_ADVISER, Role.SOCIAL_WORKER,
    }  # fmt: skip


def test_managers_in_line_may_record_everything_and_approve() -> None:
    in_line = {
        Role.TEAM_MANAGER,
        Role.AREA_MANAGER,
        Role.LOCALITY_DIRECTOR,
        Role.SENIOR_MANAGER_CORPORATE_PARENTING,
        Role.HEAD_OF_SERVICE,
    }
    assert {role for role in Role if access.OWNS[role] == access.RECORDED_UNDER.keys()} == in_line
    assert in_line | {Role.SENIOR_MANAGER_SAFEGUARDING_QA} == access.MAY_APPROVE


@every_role
def test_who_owns_nothing_corrects_and_withdraws_nothing(role: Role) -> None:
    keeps = {Permission.CORRECT_FACT, Permission.WITHDRAW_FACT} & access.GRANTS[role]
    assert len(keeps) == (2 if access.OWNS[role] else 0)


@every_role
def test_who_sees_no_rows_has_no_function_on_people(role: Role) -> None:
    if role in FIGURES_ONLY | READS_NOBODY:
        assert not access.GRANTS[role] & (OF_PEOPLE | WRITES)
    else:
        assert access.GRANTS[role] >= OF_PEOPLE


def test_sight_is_as_the_product_says() -> None:
    assert {role for role in Role if access.SIGHT[role] is Sight.FIGURES} == FIGURES_ONLY
    assert {role for role in Role if access.SIGHT[role] is Sight.NONE} == READS_NOBODY
    assert not any(Permission.READ_TRACKER in access.GRANTS[role] for role in READS_NOBODY)


def test_one_account_pushes_and_another_manages_users() -> None:
    assert {role for role in Role if Permission.PUSH_EXTRACTS in access.GRANTS[role]} == {Role.INTEGRATION}
    assert {role for role in Role if Permission.MANAGE_USERS in access.GRANTS[role]} == {Role.ADMINISTRATOR}
    reads = {Permission.READ_EXTRACT_REPORTS, Permission.READ_DATA_QUALITY, Permission.READ_OWN_LOOKS}
    assert access.GRANTS[Role.INTEGRATION] == reads | {Permission.PUSH_EXTRACTS}


def test_restricted_people_open_to_two_posts() -> None:
    assert access.OPENS_RESTRICTED == {Role.HEAD_OF_SERVICE, Role.CHIEF_OFFICER}
    assert access.OPENS_RESTRICTED < access.LINE


def test_a_user_may_what_any_of_the_roles_may() -> None:
    both = user(Role.IRO, Role.CASE_PROGRESSION_MANAGER)
    assert both.may(Permission.RECORD_COURT)
    assert both.may(Permission.RECORD_PERMANENCE)
    assert not both.may(Permission.LOG_CONTACT)
    assert both.may_record("cla_review")
    assert both.may_record("pre_proceedings")
    assert not both.may_record("contact")
    assert not both.may_record("person")


def test_without_a_role_nothing() -> None:
    nobody = user()
    assert not any(nobody.may(permission) for permission in Permission)
    assert nobody.sight is Sight.NONE


def test_a_mixture_that_should_not_be_sees_the_least() -> None:
    assert user(Role.LEAD_MEMBER, Role.PERSONAL_ADVISER).sight is Sight.FIGURES
    assert user(Role.ADMINISTRATOR, Role.HEAD_OF_SERVICE).sight is Sight.NONE


@pytest.mark.parametrize(
    "roles",
    [
        {Role.LEAD_MEMBER, Role.PERSONAL_ADVISER},
        {Role.ADMINISTRATOR, Role.TEAM_MANAGER},
        {Role.INTEGRATION, Role.PERFORMANCE_ANALYST},
    ],
)
def test_roles_of_different_sight_need_different_accounts(roles: set[Role]) -> None:
    with pytest.raises(Unprocessable) as refused:
        access.refuse_unfit(roles, set())
    assert refused.value.fields[0][:2] == ("roles", "mixed_sight")


@pytest.mark.parametrize("scope", [
        (ScopeKind.TEAM, ""), (ScopeKind.DUTY, ""), (ScopeKind.COHORT, ""), (ScopeKind.OWN, "T1"),
        (ScopeKind.COUNTY, "devon"),
    ],
)  # fmt: skip
def test_a_scope_names_a_unit_when_its_kind_has_units(scope: tuple[ScopeKind, str]) -> None:
    with pytest.raises(Unprocessable) as refused:
        access.refuse_unfit({Role.TEAM_MANAGER}, {scope})
    assert refused.value.fields[0][:2] == ("scopes", "scope_code")


def test_an_ordinary_account_is_fit() -> None:
    access.refuse_unfit(
        {Role.PERSONAL_ADVISER, Role.DUTY_WORKER}, {(ScopeKind.OWN, ""), (ScopeKind.TEAM, "exeter_pt_1")}
    )


def test_the_document_is_current() -> None:
    written = permissions_md.FILE.read_text(encoding="utf-8")
    assert written == permissions_md.document(), "run scripts/permissions_md.py"
