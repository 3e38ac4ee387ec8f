"""Accounts: who a token speaks for, with roles and scope as they are at this moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.domain.access import Role, ScopeKind, Sight
from service.errors import Conflict, NotFound, Unprocessable
from service.store import users

ISSUER = "https://login.example/tenant/v2.0"
MONDAY = datetime(2020, 7, 27, 8, 0, tzinfo=UTC)
TUESDAY = datetime(2020, 7, 28, 8, 0, tzinfo=UTC)
OWN = (ScopeKind.OWN, "")


def adviser(session: Session, subject: str = "pa-1", name: str = "P. Demo-Tamar", at: datetime = MONDAY) -> str:
    return users.add_user(
        session, issuer=ISSUER, subject=subject, name=name, roles={Role.PERSONAL_ADVISER}, scopes={OWN}, at=at
    )


@contextmanager
def statements(session: Session) -> Iterator[list[str]]:
    """The SQL sent while the block runs."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    bind = session.connection()
    event.listen(bind, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(bind, "before_cursor_execute", note)


def test_a_known_subject_is_a_user_with_roles_and_scope(session: Session) -> None:
    user_id = users.add_user(
        session,
        issuer=ISSUER,
        subject="pa-1",
        name="P. Demo-Tamar",
        roles={Role.PERSONAL_ADVISER, Role.DUTY_WORKER},
        scopes={OWN, (ScopeKind.TEAM, "exeter_pt_1")},
        worker_ref="W1042",
        at=MONDAY,
    )
    user = users.user_by_subject(session, ISSUER, "pa-1")
    assert user is not None
    assert (user.user_id, user.name, user.worker_ref) == (user_id, "P. Demo-Tamar", "W1042")
    assert user.roles == {Role.PERSONAL_ADVISER, Role.DUTY_WORKER}
    assert user.scopes == {OWN, (ScopeKind.TEAM, "exeter_pt_1")}
    assert all(isinstance(role, Role) for role in user.roles)
    assert user.sight is Sight.ROWS
    assert user.access_version == users.access_version(session) > 0


def test_a_subject_is_known_by_its_issuer_and_exactly(session: Session) -> None:
    adviser(session)
    assert users.user_by_subject(session, "https://other.example", "pa-1") is None
    assert users.user_by_subject(session, ISSUER, "PA-1") is None
    assert users.user_by_subject(session, ISSUER, "pa-1 ") is None
    assert users.user_by_subject(session, ISSUER, "pa-_") is None


def test_signing_in_is_one_select(session: Session) -> None:
    user_id = adviser(session)
    scopes = {(ScopeKind.TEAM, f"team_{n}") for n in range(5)}
    users.set_roles(session, user_id, roles={Role.SOCIAL_WORKER, Role.IRO, Role.CP_CHAIR}, scopes=scopes)
    with statements(session) as sent:
        user = users.user_by_subject(session, ISSUER, "pa-1")
    assert len(sent) == 1
    assert user is not None
    assert (len(user.roles), len(user.scopes)) == (3, 5)


def test_somebody_without_a_role_is_known_and_may_nothing(session: Session) -> None:
    users.add_user(session, issuer=ISSUER, subject="new", name="N. Demo-Exe", roles=(), scopes=(), at=MONDAY)
    user = users.user_by_subject(session, ISSUER, "new")
    assert user is not None
    assert (user.roles, user.scopes, user.sight) == (frozenset(), frozenset(), Sight.NONE)


def test_a_leaver_is_out_at_once_and_may_come_back(session: Session) -> None:
    user_id = adviser(session)
    users.set_active(session, user_id, active=False)
    assert users.user_by_subject(session, ISSUER, "pa-1") is None
    users.set_active(session, user_id, active=True)
    assert users.user_by_subject(session, ISSUER, "pa-1") is not None


def test_new_roles_take_the_place_of_the_old(session: Session) -> None:
    user_id = adviser(session)
    users.set_roles(session, user_id, roles={Role.TEAM_MANAGER}, scopes={(ScopeKind.TEAM, "exeter_pt_1")})
    user = users.user_by_subject(session, ISSUER, "pa-1")
    assert user is not None
    assert user.roles == {Role.TEAM_MANAGER}
    assert user.scopes == {(ScopeKind.TEAM, "exeter_pt_1")}


def test_each_change_of_sight_moves_the_access_version(session: Session) -> None:
    seen = [users.access_version(session)]
    user_id = adviser(session)
    seen.append(users.access_version(session))
    users.set_roles(session, user_id, roles={Role.DUTY_WORKER}, scopes={(ScopeKind.TEAM, "exeter_pt_1")})
    seen.append(users.access_version(session))
    users.set_active(session, user_id, active=False)
    seen.append(users.access_version(session))
    users.link_worker(session, user_id, "W1042")
    seen.append(users.access_version(session))
    assert users.move_access_version(session) == users.access_version(session)
    seen.append(users.access_version(session))
    assert seen == sorted(set(seen))


def test_a_refused_change_moves_nothing(session: Session) -> None:
    user_id = adviser(session)
    before = users.access_version(session)
    with pytest.raises(Unprocessable):
        users.set_roles(session, user_id, roles={Role.LEAD_MEMBER, Role.IRO}, scopes={OWN})
    with pytest.raises(NotFound):
        users.set_active(session, "no-such-user", active=False)
    assert users.access_version(session) == before
    user = users.user_by_subject(session, ISSUER, "pa-1")
    assert user is not None
    assert user.roles == {Role.PERSONAL_ADVISER}


def test_an_account_is_linked_to_a_worker_and_unlinked(session: Session) -> None:
    user_id = adviser(session)
    users.link_worker(session, user_id, "W1042")
    linked = users.user_by_subject(session, ISSUER, "pa-1")
    users.link_worker(session, user_id, None)
    unlinked = users.user_by_subject(session, ISSUER, "pa-1")
    assert linked is not None
    assert unlinked is not None
    assert (linked.worker_ref, unlinked.worker_ref) == ("W1042", None)


def test_a_worker_is_one_account(session: Session) -> None:
    first, second = adviser(session), adviser(session, subject="pa-2")
    users.link_worker(session, first, "W1042")
    with pytest.raises(Conflict):
        users.link_worker(session, second, "W1042")


def test_a_subject_is_one_account(session: Session) -> None:
    adviser(session)
    with pytest.raises(Conflict):
        adviser(session, name="Somebody Else")


def test_an_unknown_account_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        users.set_roles(session, "no-such-user", roles={Role.IRO}, scopes={OWN})
    with pytest.raises(NotFound):
        users.set_active(session, "no-such-user", active=True)
    with pytest.raises(NotFound):
        users.link_worker(session, "no-such-user", "W1042")


def test_an_account_is_found_by_name_the_oldest_first(session: Session) -> None:
    adviser(session, subject="pa-2", at=TUESDAY)
    older = adviser(session, subject="pa-1", at=MONDAY)
    found = users.find_user_by_name(session, "P. Demo-Tamar")
    assert found == users.Account(older, ISSUER, "pa-1", "P. Demo-Tamar", True, None)
    assert users.find_user_by_name(session, "P. Demo-%") is None


def test_an_account_is_found_by_role_and_by_role_and_name(session: Session) -> None:
    gone = adviser(session, subject="pa-0", name="G. Demo-Torridge")
    users.set_active(session, gone, active=False)
    first = adviser(session, subject="pa-1")
    second = adviser(session, subject="pa-2", name="S. Demo-Teign", at=TUESDAY)
    by_role = users.find_user_by_role(session, Role.PERSONAL_ADVISER)
    by_both = users.find_user_by_role(session, Role.PERSONAL_ADVISER, name="S. Demo-Teign")
    assert by_role is not None
    assert by_both is not None
    assert (by_role.user_id, by_both.user_id) == (first, second)
    assert users.find_user_by_role(session, Role.CHIEF_OFFICER) is None
    assert users.find_user_by_role(session, Role.PERSONAL_ADVISER, name="G. Demo-Torridge") is None


def test_a_post_is_vacant_until_filled(session: Session) -> None:
    holder = adviser(session)
    users.add_post(session, code="am_exeter_1", title="Area manager, Exeter 1", area_code="exeter_1")
    read = text("SELECT holder_user_id FROM post WHERE code = 'am_exeter_1'")
    assert session.execute(read).scalar_one() is None
    users.fill_post(session, "am_exeter_1", holder=holder)
    assert session.execute(read).scalar_one() == holder
    users.fill_post(session, "am_exeter_1", holder=None)
    assert session.execute(read).scalar_one() is None
    with pytest.raises(NotFound):
        users.fill_post(session, "am_nowhere", holder=holder)


def test_a_post_has_one_code_and_no_unknown_holder(session: Session) -> None:
    users.add_post(session, code="am_exeter_1", title="Area manager, Exeter 1")
    with pytest.raises(NotFound), session.begin_nested():
        users.fill_post(session, "am_exeter_1", holder="no-such-user")
    with pytest.raises(Conflict):
        users.add_post(session, code="am_exeter_1", title="Another")


@pytest.mark.parametrize(
    ("table", "constraint", "codes"),
    [("user_role", "role", [role.value for role in Role]), ("user_scope", "kind", [kind.value for kind in ScopeKind])],
)
def test_the_check_holds_exactly_the_codes(session: Session, table: str, constraint: str, codes: list[str]) -> None:
    checks = inspect(session.connection()).get_check_constraints(table)
    held = next(str(check["sqltext"]) for check in checks if check["name"] == f"ck_{table}_{constraint}")
    assert sorted(held.split("'")[1::2]) == sorted(codes)


def test_the_database_takes_no_other_role(session: Session) -> None:
    user_id = adviser(session)
    with pytest.raises(IntegrityError):
        session.execute(text("INSERT INTO user_role (user_id, role) VALUES (:u, 'superuser')"), {"u": user_id})
