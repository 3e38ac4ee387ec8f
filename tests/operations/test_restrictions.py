"""A record restricted, opened to a list, and cleared by two people; what of it is told to whom on the way."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from service.domain.access import Role, ScopeKind, User
from service.domain.dates import london_day
from service.domain.intake import Worker
from service.domain.tracker import BLANK
from service.domain.viewpoint import Viewpoint
from service.errors import Conflict, NotFound, NothingToClear, OwnRequest, ReasonMissing, Refused, Unprocessable
from service.operations import merging, people, restrictions
from service.operations.lookup import somebody
from service.operations.merging import Named
from service.operations.restrictions import Decision, Shown
from service.store import identifiers, reference, users
from service.store.engine import reading, writing
from service.store.merges import Merge
from service.store.schema import audit_entry, person
from service.store.schema_access import allowed, clearing, restriction
from service.store.users import access_version
from tests.council import ADVISER, HEAD, MANAGER, Council, somebody_who

WHY = "A parent of hers works in the council"
QA = somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA)
OTHER_QA = somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA, user_id="the other")
NARROW_QA = somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA, scope=ScopeKind.TEAM, code="north_1")


def account(council: Council, name: str, role: Role, code: str = "", scope: ScopeKind | None = None) -> User:
    """Somebody with an account: a list names accounts."""
    user = somebody_who(role, code=code, scope=scope)
    with writing(council.engine, council.clock) as write:
        user_id = users.add_user(
            write.session, issuer="https://login.invalid", subject=name, name=name, roles=user.roles,
            scopes=user.scopes, at=write.now,
        )  # fmt: skip
    return somebody_who(role, code=code, scope=scope, user_id=user_id)


@pytest.fixture
def duty(council: Council) -> User:
    """On duty in the team: sees its people, is nobody's worker."""
    return account(council, "On duty", Role.DUTY_WORKER, "exeter_1")


def do(council: Council, act: Any, *args: Any, by: User = QA, **said: Any) -> Any:
    with writing(council.engine, council.clock) as write:
        return act(write.session, *args, by=by, at=write.now, **{"reason": WHY} | said)


def restrict(council: Council, *allow: User, whom: str = "P1", by: User = QA) -> str:
    made: Shown = do(council, restrictions.restrict, eclipse_id=whom, allow=[a.user_id for a in allow], by=by)
    return made.restriction.restriction_id


def opened(council: Council, to: User, whom: str = "P1", **more: Any) -> str | None:
    """The Eclipse id of the record that opens, or the code of the refusal."""
    with reading(council.engine) as session:
        try:
            return somebody(session, to=to, today=london_day(council.clock()), eclipse_id=whom, **more).eclipse_id
        except Refused as refused:
            return refused.code


def listed(council: Council, to: User = QA, **more: Any) -> list[Shown]:
    with reading(council.engine) as session:
        return restrictions.listed(session, to=to, today=london_day(council.clock()), **more)


def test_a_restricted_record_opens_to_its_list_and_to_those_whose_work_it_is(council: Council, duty: User) -> None:
    colleague = account(council, "A colleague", Role.CASE_PROGRESSION_MANAGER)
    assert opened(council, QA, reason=WHY) == "P1"
    made = restrict(council, duty)
    assert [opened(council, to) for to in (ADVISER, MANAGER)] == ["P1", "P1"]
    assert opened(council, duty, reason=WHY) == "P1"
    assert opened(council, colleague, reason=WHY) == opened(council, QA, reason=WHY) == "not_found"
    assert (opened(council, HEAD), opened(council, HEAD, reason=WHY)) == ("reason_needed", "P1")
    do(council, restrictions.allow, made, colleague.user_id)
    assert opened(council, colleague, reason=WHY) == "P1"
    do(council, restrictions.disallow, made, duty.user_id)
    assert opened(council, duty, reason=WHY) == "not_found"
    (shown,) = listed(council)
    assert [each.user_id for each in shown.allowed] == [colleague.user_id]
    assert shown.names[colleague.user_id] == "A colleague"


def test_a_worker_who_has_left_opens_no_record_by_the_allocation_they_left_behind(council: Council) -> None:
    """They help on duty in their old team, and nobody has ended their work with P1 in Eclipse."""
    back = somebody_who(Role.PERSONAL_ADVISER, scope=ScopeKind.TEAM, code="exeter_1", worker_ref="W1")
    restrict(council)
    last = london_day(council.clock())
    for ended_on, told in ((last, "P1"), (last - timedelta(days=1), "not_found")):
        council.clock.advance(minutes=1)
        with writing(council.engine, council.clock) as write:
            known = Worker("W1", team_code="exeter_1", ended_on=ended_on)
            reference.remember_workers(write.session, [known], at=write.now)
            users.move_access_version(write.session)
        assert opened(council, back, reason=WHY) == told


def test_whoever_opens_a_record_themselves_opens_it_to_others_without_an_alert(council: Council, duty: User) -> None:
    colleague = account(council, "A colleague", Role.CASE_PROGRESSION_MANAGER)
    own = somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA, user_id="their chair", worker_ref="W1")
    post = User("p", "p", QA.roles | HEAD.roles, QA.scopes, None, 0)
    made = restrict(council)
    told = []
    for by, whom in ((own, duty), (post, colleague), (QA, account(council, "A third", Role.IRO, scope=ScopeKind.OWN))):
        do(council, restrictions.allow, made, whom.user_id, by=by)
        with reading(council.engine) as session:
            alerts = select(audit_entry.c.by_user).where(audit_entry.c.act == "alert.allow_list")
            told.append(list(session.scalars(alerts)))
    assert told == [[], [], [QA.user_id]]


def test_every_list_keeps_the_blank_row_for_everybody(council: Council, duty: User) -> None:
    """Lists get printed, and left on desks: to open the record is an act of its own."""
    restrict(council, duty)
    view = Viewpoint(london_day(council.clock()), council.clock())
    for to in (duty, ADVISER, MANAGER, HEAD):
        with reading(council.engine) as session:
            page = people.page(session, to=to, view=view, today=view.as_at)
        assert [card for card in page.cards if card.eclipse_id == "P1"] == []
        assert page.cards.count(BLANK) == 1


def test_a_list_widens_nobodys_scope(council: Council) -> None:
    northern = account(council, "Northern", Role.TEAM_MANAGER, "north_1")
    restrict(council, northern)
    assert opened(council, northern, reason=WHY) == "not_found"


def test_a_restriction_is_of_now_whatever_moment_is_asked_for(council: Council) -> None:
    before = council.on("2020-07-10T10:00").clock()
    made = restrict(council.on("2020-07-20T10:00"))
    assert opened(council, QA, known_at=before, reason=WHY) == "not_found"
    council.on("2020-07-22T10:00")
    do(council, restrictions.ask, made)
    do(council, restrictions.decide, made, Decision.CLEARED, by=HEAD)
    assert opened(council, QA, known_at=before, reason=WHY) == "P1"


def test_each_act_is_in_the_audit_and_moves_the_access_version(council: Council, duty: User) -> None:
    def version() -> int:
        with reading(council.engine) as session:
            return access_version(session)

    seen = [version()]
    made = restrict(council)
    seen.append(version())
    do(council, restrictions.allow, made, duty.user_id)
    seen.append(version())
    do(council, restrictions.disallow, made, duty.user_id)
    seen.append(version())
    do(council, restrictions.ask, made)
    do(council, restrictions.decide, made, Decision.CLEARED, by=HEAD)
    seen.append(version())
    assert seen == sorted(set(seen))
    with reading(council.engine) as session:
        noted = session.execute(select(audit_entry).where(audit_entry.c.act.like("record.%"))).all()
    by_qa = {(act, QA.user_id) for act in ("record.restrict", "record.allow", "record.disallow", "record.clear.ask")}
    assert {(e.act, e.by_user) for e in noted} == by_qa | {("record.clear.cleared", HEAD.user_id)}
    assert len(noted) == 5
    assert {e.person_id for e in noted} == {council.id_of("P1")}


def test_clearing_takes_two_people(council: Council) -> None:
    made = restrict(council)
    with pytest.raises(NothingToClear):
        do(council, restrictions.decide, made, Decision.CLEARED, by=HEAD)
    do(council, restrictions.ask, made)
    with pytest.raises(Conflict):
        do(council, restrictions.ask, made, by=OTHER_QA)
    with pytest.raises(OwnRequest):
        do(council, restrictions.decide, made, Decision.CLEARED)
    assert opened(council, OTHER_QA, reason=WHY) == "not_found", "asking opens nothing"
    do(council, restrictions.decide, made, Decision.REFUSED, by=HEAD, reason="The parent is still there")
    assert opened(council, OTHER_QA, reason=WHY) == "not_found"
    assert listed(council)[0].clearing is None
    do(council, restrictions.ask, made)
    do(council, restrictions.decide, made, Decision.CLEARED, by=OTHER_QA)
    assert opened(council, OTHER_QA, reason=WHY) == "P1"
    assert listed(council) == []
    for act, more in ((restrictions.ask, ()), (restrictions.decide, (Decision.CLEARED,))):
        with pytest.raises(NotFound):
            do(council, act, made, *more, by=OTHER_QA)
    with reading(council.engine) as session:
        said = session.execute(select(clearing)).all()
        (kept,) = session.execute(select(restriction)).all()
    assert {(row.asked_by, row.decision, row.decided_by) for row in said} == {
        (QA.user_id, "refused", HEAD.user_id), (QA.user_id, "cleared", "the other"),
    }  # fmt: skip
    assert (kept.reason, kept.superseded_at) == (WHY, council.clock())
    assert restrict(council) != made, "and may be restricted again"


def test_what_is_restricted_already_is_unknown_to_whoever_may_not_open_it(council: Council) -> None:
    restrict(council)
    with pytest.raises(NotFound):
        restrict(council)
    with pytest.raises(Conflict) as told:
        restrict(council, by=MANAGER)
    assert told.value.fields[0][1] == "restricted_already"


def test_out_of_scope_sealed_and_unknown_are_not_found(council: Council) -> None:
    made = restrict(council)
    with writing(council.engine, council.clock) as write:
        identifiers.seal(write.session, [council.id_of("P2")], at=write.now)
    for whom, by in (("P1", NARROW_QA), ("P2", QA), ("P99", QA)):
        with pytest.raises(NotFound):
            restrict(council, whom=whom, by=by)
    assert listed(council, NARROW_QA) == []
    for act, more in (
        (restrictions.allow, ("u",)), (restrictions.disallow, ("u",)), (restrictions.ask, ()),
        (restrictions.decide, (Decision.CLEARED,)),
    ):  # fmt: skip
        for restriction_id, by in ((made, NARROW_QA), ("nothing", QA)):
            with pytest.raises(NotFound):
                do(council, act, restriction_id, *more, by=by)


def test_a_list_holds_accounts_that_may_sign_in_each_once(council: Council, duty: User) -> None:
    with writing(council.engine, council.clock) as write:
        gone = account_gone = users.add_user(
            write.session, issuer="https://login.invalid", subject="gone", name="Gone", roles=[Role.DUTY_WORKER],
            scopes=[(ScopeKind.TEAM, "exeter_1")], at=write.now,
        )  # fmt: skip
        users.set_active(write.session, account_gone, active=False)
    before = council.everything()
    for unknown in (gone, "nobody"):
        with pytest.raises(Unprocessable):
            do(council, restrictions.restrict, eclipse_id="P1", allow=[duty.user_id, unknown])
    assert council.everything() == before
    made = restrict(council, duty, duty)
    for act, whom in ((restrictions.allow, duty.user_id), (restrictions.disallow, gone)):
        with pytest.raises(Conflict):
            do(council, act, made, whom)
    with pytest.raises(Unprocessable):
        do(council, restrictions.allow, made, "nobody")


def test_whose_record_it_is_is_told_only_to_whoever_may_open_it(council: Council) -> None:
    restrict(council)
    both = somebody_who(Role.SENIOR_MANAGER_SAFEGUARDING_QA, worker_ref="W1")
    told = {
        who: [each.named for each in listed(council, to, **more)]
        for who, to, more in (
            ("restricts", QA, {}), ("restricts, with a reason", QA, {"reason": WHY}), ("head", HEAD, {}),
            ("head, with a reason", HEAD, {"reason": WHY}), ("its worker too", both, {}),
        )
    }  # fmt: skip
    assert told == {
        "restricts": [False], "restricts, with a reason": [False], "head": [False], "head, with a reason": [True],
        "its worker too": [True],
    }  # fmt: skip


# --- merges and ids given anew -------------------------------------------------------------


@pytest.mark.parametrize("restricted_as", ["P1", "P2"])
def test_undoing_a_merge_opens_nothing(council: Council, duty: User, restricted_as: str) -> None:
    """Restricted while the two were one: which of them was meant, nobody can know."""
    council.on("2020-07-20T10:00")
    named = {"keep": Named(eclipse_id="P1"), "other": Named(eclipse_id="P2"), "although_births_differ": True}
    merged = do(council, merging.merge, by=HEAD, **named)
    restrict(council, duty, whom=restricted_as)
    do(council, merging.undo, merged.merge_id, by=HEAD)
    for whom in ("P1", "P2"):
        assert opened(council, QA, whom, reason=WHY) == "not_found"
        assert opened(council, somebody_who(Role.AREA_MANAGER, code="exeter_a"), whom) == whom
    assert opened(council, duty, "P1", reason=WHY) == "P1"
    assert len(listed(council)) == 2
    with reading(council.engine) as session:
        assert len(session.execute(select(allowed)).all()) == 2


def merge_into_p1(council: Council, other: str) -> Merge:
    named = {"keep": Named(eclipse_id="P1"), "other": Named(eclipse_id=other), "although_births_differ": True}
    made: Merge = do(council, merging.merge, by=HEAD, **named)
    return made


def test_undoing_one_of_two_merges_opens_nothing_that_was_restricted_before_them(council: Council) -> None:
    """All who are one person are restricted as one of them is, whichever merge is undone, and open to its list."""
    council.on("2020-07-20T10:00")
    listed, other = (account(council, name, Role.TEAM_MANAGER, scope=ScopeKind.COUNTY) for name in ("Lent", "Other"))
    restrict(council, listed, whom="P3")
    first, second = (merge_into_p1(council, each) for each in ("P3", "P2"))
    for undone in (second, first):
        do(council, merging.undo, undone.merge_id, by=HEAD)
        for who, seen in ((listed, ["P1", "P2"]), (other, ["not_found"] * 2), (QA, ["not_found"] * 2)):
            assert [opened(council, who, whom, reason=WHY) for whom in ("P1", "P2")] == seen
    assert [opened(council, who, "P3", reason=WHY) for who in (listed, other)] == ["P3", "not_found"]


def test_undoing_a_merge_carries_the_lists_of_all_who_were_one(council: Council) -> None:
    """Whoever opened the whole by name opens each part, and nobody else does."""
    council.on("2020-07-20T10:00")
    first, second, nobody = (
        account(council, name, Role.TEAM_MANAGER, scope=ScopeKind.COUNTY) for name in ("First", "Second", "Nobody")
    )
    for whom, on_the_list in (("P1", first), ("P3", second)):
        restrict(council, on_the_list, whom=whom)
    merge_into_p1(council, "P3")
    undone = merge_into_p1(council, "P2")
    do(council, merging.undo, undone.merge_id, by=HEAD)
    assert [opened(council, who, "P2", reason=WHY) for who in (first, second, nobody)] == ["P2", "P2", "not_found"]


def test_undoing_a_merge_of_open_records_restricts_none(council: Council) -> None:
    council.on("2020-07-20T10:00")
    named = {"keep": Named(eclipse_id="P1"), "other": Named(eclipse_id="P2"), "although_births_differ": True}
    merged = do(council, merging.merge, by=HEAD, **named)
    do(council, merging.undo, merged.merge_id, by=HEAD)
    assert listed(council) == []


def test_an_id_of_a_restricted_record_is_not_released(council: Council) -> None:
    """Else one person could bring the same child back, open, with the next push."""
    made, person_id = restrict(council), council.id_of("P1")
    with pytest.raises(NotFound):
        do(council, merging.release, "P1", by=QA)
    with pytest.raises(Conflict) as told:
        do(council, merging.release, "P1", by=MANAGER)
    assert told.value.fields[0][1] == "restricted"
    do(council, restrictions.ask, made)
    do(council, restrictions.decide, made, Decision.CLEARED, by=HEAD)
    assert do(council, merging.release, "P1", by=MANAGER) == person_id


# --- every way to a record -----------------------------------------------------------------


def test_no_push_clears_a_restriction(council: Council) -> None:
    restrict(council)
    header = "eclipse_id,forename,surname,born_on,team_id,responsible_from,restricted,allow\n"
    row = "P1,Rowan,Demo-Ashford,2001-02-14,exeter_1,2019-02-14,no,everybody\n"
    council.sheet("2020-07-25T01:00", "people", header + row, mode="delta")
    with reading(council.engine) as session:
        flags = dict(session.execute(select(person.c.person_id, person.c.restricted)).all())
    assert [flags[council.id_of(each)] for each in ("P1", "P2", "P3")] == [True, False, False]


def test_a_reason_opens_nothing_that_stays_shut(council: Council) -> None:
    restrict(council)
    with reading(council.engine) as session, pytest.raises(ReasonMissing):
        somebody(session, to=HEAD, today=date(2020, 7, 31), eclipse_id="P1", writing=True)
    assert opened(council, QA, reason=WHY, writing=True) == "not_found"
