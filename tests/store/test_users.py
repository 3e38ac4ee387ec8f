"""Accounts: who a token speaks for, with roles and scope as they are at this moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from service.domain.access import Role, ScopeKind, Sight, User
from service.domain.subject import Subject
from service.errors import Conflict, NotFound, Unprocessable
from service.store import admission, tokens, users

ISSUER = "https://login.example/tenant/v2.0"
MONDAY = datetime(2020, 7, 27, 8, 0, tzinfo=UTC)
TUESDAY = datetime(2020, 7, 28, 8, 0, tzinfo=UTC)
OWN = (ScopeKind.OWN, "")


def adviser(session: Session, subject: str = "pa-1", name: str = "P. Demo-Tamar", at: datetime = MONDAY) -> str:
    return users.add_user(
        session, issuer=ISSUER, subject=subject, name=name, roles={Role.PERSONAL_ADVISER}, scopes={OWN}, at=at
    )


def subject(name: str = "pa-1", **more: Any) -> Subject:
    """What the token of an hour says on Tuesday morning."""
    said = {
        "issuer": ISSUER, "subject": name, "oid": None, "token_id": "t-1", "issued_at": TUESDAY,
        "expires_at": TUESDAY + timedelta(hours=1), "is_script": False,
    }  # fmt: skip
    return Subject(**(said | more))


def signed_in(session: Session, name: str = "pa-1", *, at: datetime = TUESDAY, **more: Any) -> User | None:
    return admission.user_by_subject(session, subject(name, **more), at=at).user


def why_not(session: Session, name: str = "pa-1", *, at: datetime = TUESDAY, **more: Any) -> str | None:
    found = admission.user_by_subject(session, subject(name, **more), at=at)
    assert (found.user is None) is (found.refused is not None)
    return found.refused


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
    user = signed_in(session, "pa-1")
    assert user is not None
    assert (user.user_id, user.name, user.worker_ref) == (user_id, "P. Demo-Tamar", "W1042")
    assert user.roles == {Role.PERSONAL_ADVISER, Role.DUTY_WORKER}
    assert user.scopes == {OWN, (ScopeKind.TEAM, "exeter_pt_1")}
    assert all(isinstance(role, Role) for role in user.roles)
    assert user.sight is Sight.ROWS
    assert user.access_version == users.access_version(session) > 0


def test_a_subject_is_known_by_its_issuer_and_exactly(session: Session) -> None:
    adviser(session)
    assert signed_in(session, "pa-1", issuer="https://other.example") is None
    assert signed_in(session, "PA-1") is None
    assert signed_in(session, "pa-1 ") is None
    assert signed_in(session, "pa-_") is None


def test_signing_in_is_one_select(session: Session) -> None:
    user_id = adviser(session)
    scopes = {(ScopeKind.TEAM, f"team_{n}") for n in range(5)}
    users.set_roles(session, user_id, roles={Role.SOCIAL_WORKER, Role.IRO, Role.CP_CHAIR}, scopes=scopes)
    with statements(session) as sent:
        user = signed_in(session, "pa-1")
    assert len(sent) == 1
    assert sent[0].lstrip().startswith("SELECT")
    assert user is not None
    assert (len(user.roles), len(user.scopes)) == (3, 5)


def test_somebody_without_a_role_is_known_and_may_nothing(session: Session) -> None:
    users.add_user(session, issuer=ISSUER, subject="new", name="N. Demo-Exe", roles=(), scopes=(), at=MONDAY)
    user = signed_in(session, "new")
    assert user is not None
    assert (user.roles, user.scopes, user.sight) == (frozenset(), frozenset(), Sight.NONE)


def test_a_leaver_is_out_at_once_and_may_come_back(session: Session) -> None:
    user_id = adviser(session)
    users.set_active(session, user_id, active=False)
    assert signed_in(session, "pa-1") is None
    users.set_active(session, user_id, active=True)
    assert signed_in(session, "pa-1") is not None


def test_whom_a_token_is_refused_for_and_why(session: Session) -> None:
    user_id = adviser(session)
    users.add_user(
        session, issuer=ISSUER, subject="robot", name="Robot", roles={Role.INTEGRATION}, scopes={OWN}, at=MONDAY
    )  # fmt: skip
    assert why_not(session) is None
    assert why_not(session, "nobody") == "unknown"
    assert why_not(session, is_script=True) == "other_kind"
    assert why_not(session, "robot") == "other_kind"
    assert why_not(session, "robot", is_script=True) is None
    users.set_active(session, user_id, active=False)
    assert why_not(session) == "inactive"


def test_an_account_with_an_object_id_takes_tokens_of_that_object_alone(session: Session) -> None:
    users.add_user(
        session, issuer=ISSUER, subject="pa-1", name="P. Demo-Tamar", roles={Role.IRO}, scopes={OWN}, at=MONDAY,
        oid="o-1",
    )  # fmt: skip
    assert [why_not(session, oid=oid) for oid in (None, "o-2", "O-1")] == ["other_oid"] * 3
    assert why_not(session, oid="o-1") is None
    adviser(session, "pa-2")
    assert why_not(session, "pa-2", oid="o-9") is None, "an account without one takes any"


def test_tokens_up_to_half_a_minute_after_the_end_of_sessions_are_over_and_later_ones_are_not(session: Session) -> None:
    user_id = adviser(session)
    before = users.access_version(session)
    users.end_tokens(session, user_id, at=TUESDAY + timedelta(milliseconds=400))
    assert users.access_version(session) > before, "what was computed for them meanwhile is not shown"
    issued = [TUESDAY + timedelta(seconds=seconds) for seconds in (-86_400, 0, 30, 31)]
    assert [why_not(session, issued_at=at) for at in issued] == ["signed_out", "signed_out", "signed_out", None]
    with pytest.raises(NotFound):
        users.end_tokens(session, "no-such-user", at=TUESDAY)


def test_an_issuer_whose_clock_is_ahead_saves_no_token(session: Session) -> None:
    """Neither one that nobody has used yet nor, however far ahead it is dated, one that we have met."""
    user_id = adviser(session)
    ahead, far = (subject(issued_at=TUESDAY + timedelta(seconds=seconds)) for seconds in (25, 40))
    tokens.note_first_use(session, user_id, far.token, at=TUESDAY, audit_id="a")
    users.end_tokens(session, user_id, at=TUESDAY + timedelta(seconds=5))
    assert why_not(session, issued_at=ahead.issued_at, token_id="t-2") == "signed_out"
    assert why_not(session, issued_at=far.issued_at) == "signed_out"
    assert why_not(session, issued_at=far.issued_at, token_id="t-2") is None


def test_a_revoked_token_is_over_and_its_subjects_others_are_not(session: Session) -> None:
    adviser(session)
    for _ in range(2):
        tokens.revoke(
            session, ISSUER, "t-1", expires_at=TUESDAY, by="admin", reason="stolen", at=TUESDAY, audit_id="a"
        )  # fmt: skip
    assert why_not(session) == "revoked"
    assert why_not(session, token_id="t-2") is None
    assert why_not(session, issuer="https://other.example") == "unknown"


def test_the_first_use_of_a_token_is_kept_once_for_each_account(session: Session) -> None:
    first, second = adviser(session), adviser(session, "pa-2")
    token = subject().token
    assert not admission.user_by_subject(session, subject(), at=TUESDAY).used
    assert tokens.may_note_first_use(session, first, token)
    tokens.note_first_use(session, first, token, at=TUESDAY, audit_id="a")
    assert not tokens.may_note_first_use(session, first, token)
    assert tokens.may_note_first_use(session, second, token)
    assert admission.user_by_subject(session, subject(), at=TUESDAY).used
    assert not admission.user_by_subject(session, subject(token_id="t-2"), at=TUESDAY).used
    with pytest.raises(IntegrityError):
        tokens.note_first_use(session, first, token, at=TUESDAY, audit_id="b")


def test_a_scope_that_is_over_does_not_count(session: Session) -> None:
    user_id, noon = adviser(session), TUESDAY + timedelta(hours=4)
    north = (ScopeKind.TEAM, "north_pt")
    users.set_roles(session, user_id, roles={Role.TEAM_MANAGER}, scopes={OWN, north}, until={north: noon})
    seen = [signed_in(session, at=at) for at in (noon - timedelta(microseconds=1), noon)]
    assert [user and user.scopes for user in seen] == [{OWN, north}, {OWN}]
    assert users.scope_ends(session) == users.scope_ends(session, user_id) == {(user_id, north): noon}
    users.set_roles(session, user_id, roles={Role.TEAM_MANAGER}, scopes={north}, until={north: TUESDAY})
    over = signed_in(session)
    assert over is not None
    assert (over.roles, over.scopes) == ({Role.TEAM_MANAGER}, frozenset()), "known, and sees nobody"


def test_an_account_without_a_token_is_as_its_next_request_would_find_it(session: Session) -> None:
    user_id = adviser(session)
    assert admission.user_by_id(session, user_id, at=TUESDAY) == signed_in(session)
    assert admission.user_by_id(session, "no-such-user", at=TUESDAY) is None
    users.set_active(session, user_id, active=False)
    assert admission.user_by_id(session, user_id, at=TUESDAY) is None


def test_new_roles_take_the_place_of_the_old(session: Session) -> None:
    user_id = adviser(session)
    users.set_roles(session, user_id, roles={Role.TEAM_MANAGER}, scopes={(ScopeKind.TEAM, "exeter_pt_1")})
    user = signed_in(session, "pa-1")
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
    user = signed_in(session, "pa-1")
    assert user is not None
    assert user.roles == {Role.PERSONAL_ADVISER}


def test_an_account_is_linked_to_a_worker_and_unlinked(session: Session) -> None:
    user_id = adviser(session)
    users.link_worker(session, user_id, "W1042")
    linked = signed_in(session, "pa-1")
    users.link_worker(session, user_id, None)
    unlinked = signed_in(session, "pa-1")
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
    assert found == users.Account(older, ISSUER, "pa-1", "P. Demo-Tamar", True, None, None)
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
