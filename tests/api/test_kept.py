"""Stories of the unchanged tracker: computed once, shown again at once, never stale, and a look each time."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from time import monotonic
from typing import Any

import httpx
import pytest

from service.api.kept import Answer, Kept, Wanted
from service.domain.access import Role, ScopeKind, User
from service.domain.facts import Contact, ContactKind, ContactOutcome
from service.operations import contacts, tracker
from service.operations.contacts import NewContact
from service.store import audit, referrals, users
from service.store.changes import Mark
from service.store.engine import Writing, writing
from service.store.referrals import Emergency
from tests.council import HEAD
from tests.village import PLACES, Village, at, sheet

TENT = {"eclipse_id": "EX2", "unacceptable": "tent", "started_on": "2020-07-30"}


def asked(village: Village, who: str, headers: dict[str, str] | None = None, **params: str) -> httpx.Response:
    """A pull of the tracker with these headers; without Accept-Encoding unless it is among them."""
    sent = village.headers(who) | {"Accept-Encoding": "identity"} | (headers or {})
    return village.client.get("/v1/tracker", params=params or None, headers=sent)


@contextmanager
def door_of(village: Village, **parts: Any) -> Iterator[None]:
    """The service with other parts for a while: an empty store of answers, another clock."""
    app = village.client.app  # type: ignore[attr-defined]
    door = app.state.door
    app.state.door = replace(door, **parts)
    try:
        yield
    finally:
        app.state.door = door


def fresh(village: Village, who: str, **params: str) -> httpx.Response:
    """The same pull from a process that keeps nothing yet."""
    with door_of(village, kept=Kept()):
        return asked(village, who, **params)


def says(answer: httpx.Response) -> dict[str, Any]:
    """What a tracker says, but for the moment it says it of."""
    assert answer.status_code == 200, answer.text
    return dict(answer.json()) | {"known_at": None}


# --- shown again --------------------------------------------------------------------------------


def test_the_unchanged_tracker_is_the_same_bytes_and_a_look_each_time(village: Village) -> None:
    first = asked(village, "chief")
    before = village.audit()
    village.clock.advance(minutes=5)
    second = asked(village, "chief")
    assert (second.content, second.headers["etag"]) == (first.content, first.headers["etag"])
    third = asked(village, "chief", {"If-None-Match": first.headers["etag"]})
    assert (third.status_code, third.content, third.headers["etag"]) == (304, b"", first.headers["etag"])
    looks = [entry for entry in village.noted(before) if entry.act == "read.tracker"]
    assert [(entry.recorded_at, entry.seen, entry.changes) for entry in looks] == [(village.clock(), 7, False)] * 2
    assert village.shown_in(looks[0]) == village.shown_in(looks[1]) == set(village.ids.values())


def test_a_304_is_for_those_who_have_it_and_may_have_it(village: Village) -> None:
    tag = asked(village, "chief").headers["etag"]
    for said in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        assert asked(village, "chief", {"If-None-Match": said}).status_code == 304
    for said in ('"other"', "", tag.strip('"')[:-1]):
        assert asked(village, "chief", {"If-None-Match": said}).status_code == 200
    assert asked(village, "manager", {"If-None-Match": tag}).status_code == 200
    assert asked(village, "administrator", {"If-None-Match": tag}).status_code == 403
    away = village.client.get("/v1/tracker", headers={"If-None-Match": tag})
    assert (away.status_code, "etag" in away.headers) == (401, False)


def test_gzip_says_the_same_under_a_tag_of_its_own(village: Village) -> None:
    plain = asked(village, "chief")
    village.clock.advance(minutes=1)
    packed = asked(village, "chief", {"Accept-Encoding": "gzip"})
    assert (packed.content, packed.headers["content-encoding"]) == (plain.content, "gzip")
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert packed.headers["etag"] != plain.headers["etag"]
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers
    assert asked(village, "chief", {"If-None-Match": packed.headers["etag"]}).status_code == 304


@pytest.mark.parametrize(
    ("said", "welcome"),
    [
        ("gzip", True), ("br, GZIP;q=0.5", True), ("*", True), ("gzip;q=1.000, *;q=0", True),
        (None, False), ("", False), ("br", False), ("gzip;q=0", False), ("gzip; q=0.000", False), ("*;q=0", False),
        ("gzip;q=0, *", False), ("identity", False), (";;q==", False),
    ],
)  # fmt: skip
def test_gzip_goes_to_those_who_take_it(said: str | None, welcome: bool) -> None:
    assert Wanted(None, said).zipped is welcome


def test_each_question_has_an_answer_of_its_own(village: Village) -> None:
    village.clock.advance(minutes=1)
    questions: list[dict[str, str]] = [
        {}, {"format": "csv"}, {"format": "html"}, {"locality": "north"}, {"cohort": "unallocated"},
        {"as_at": "2020-07-30"}, {"known_at": "2020-07-31T08:00:00Z"}, {"as_at": "2020-07-30", "format": "csv"},
    ]  # fmt: skip
    first = [asked(village, "chief", **each) for each in questions]
    assert len({answer.content for answer in first}) == len(questions)
    village.clock.advance(minutes=1)
    again = [asked(village, "chief", **each) for each in questions]
    assert [a.content for a in again] == [a.content for a in first]
    assert [a.headers["content-type"] for a in again] == [a.headers["content-type"] for a in first]
    assert [a.headers.get("content-disposition") for a in again] == [
        a.headers.get("content-disposition") for a in first
    ]


def test_nobody_gets_what_was_computed_for_another(village: Village) -> None:
    for who in ("chief", "manager", "northern_manager", "lead_member", "adviser"):
        assert says(asked(village, who)) == says(asked(village, who)) == says(fresh(village, who))


def test_a_new_scope_counts_at_once_and_a_leaver_is_out(village: Village) -> None:
    tag = asked(village, "manager").headers["etag"]
    with writing(village.engine, village.clock) as write:
        account = users.find_user_by_role(write.session, Role.TEAM_MANAGER, name="manager")
        assert account is not None
        narrowed = {(ScopeKind.TEAM, "north_pt")}
        users.set_roles(write.session, account.user_id, roles={Role.TEAM_MANAGER}, scopes=narrowed)
    moved = asked(village, "manager", {"If-None-Match": tag})
    assert moved.json()["scope"]["reach"] == [{"kind": "team", "code": "north_pt"}]
    with writing(village.engine, village.clock) as write:
        users.set_active(write.session, account.user_id, active=False)
    assert asked(village, "manager", {"If-None-Match": moved.headers["etag"]}).status_code == 401


# --- never stale: whatever is done ----------------------------------------------------------------


def _logged(village: Village) -> None:
    said = {"eclipse_id": "EX1", "occurred_at": "2020-07-31T08:30:00+01:00", "contact_kind": "phone", "outcome": "made"}
    done = village.post("adviser", "/v1/contacts", said)
    assert done.status_code == 201, done.text


def _corrected(village: Village) -> None:
    (place,) = village.whole("head", "EX3")["facts"]["accommodation"]
    said = {"code": "K", "suitable": False, "judged_on": "2020-07-30", "started_on": "2020-01-06", "reason": "Seen"}
    done = village.put("head", f"/v1/accommodation/{place['fact_id']}", said, if_match=place["etag"])
    assert done.status_code == 200, done.text


def _conflict(village: Village) -> dict[str, Any]:
    (conflict,) = village.get("manager", "/v1/conflicts").json()["conflicts"]
    return dict(conflict)


def _settled(village: Village) -> None:
    conflict = _conflict(village)
    said = {"kind": conflict["kind"], "fact_id": conflict["fact_ids"][0], "reason": "Visited today",
            "version_id": next(s["version_id"] for s in conflict["sides"] if s["source"] == "eclipse")}  # fmt: skip
    (etag,) = conflict["etags"].values()
    done = village.post("manager", "/v1/conflicts/settle", said, if_match=f'"{etag}"')
    assert done.status_code == 201, done.text


def _moved(village: Village) -> None:
    assert village.post("adviser", "/v1/accommodation", TENT).status_code == 201


def _asked_to_be_better(village: Village) -> None:
    (place,) = [p for p in village.whole("head", "EX2")["facts"]["accommodation"] if p["says"].get("ended_on") is None]
    said = {"code": "U", "suitable": True, "judged_on": "2020-07-31", "started_on": "2020-07-30", "reason": "A flat"}
    done = village.put("adviser", f"/v1/accommodation/{place['fact_id']}", said, if_match=place["etag"])
    assert done.status_code == 200, done.text


def _approved(village: Village) -> None:
    (place,) = [p for p in village.whole("head", "EX2")["facts"]["accommodation"] if p["says"].get("ended_on") is None]
    done = village.post("manager", f"/v1/accommodation/{place['fact_id']}/approve", {"reason": "Visited"})
    assert done.status_code == 200, done.text


def _withdrawn(village: Village) -> None:
    places = [p for p in village.whole("head", "EX2")["facts"]["accommodation"] if p["says"].get("ended_on") is None]
    done = village.post("head", f"/v1/accommodation/{places[0]['fact_id']}/withdraw", {"reason": "Not hers"})
    assert done.status_code == 200, done.text


def _merged(village: Village) -> None:
    said = {"keep": {"eclipse_id": "EX1"}, "merge": {"eclipse_id": "EX4"}, "reason": "Registered twice",
            "although_births_differ": True}  # fmt: skip
    assert village.post("manager", "/v1/people/merge", said).status_code == 201


def _undone(village: Village) -> None:
    (told,) = village.get("manager", "/v1/people/merges").json()["merges"]
    undo = f"/v1/people/merge/{told['merge_id']}/undo"
    assert village.post("manager", undo, {"reason": "Two people after all"}).status_code == 200


def _pushed(village: Village) -> None:
    left = {"accommodation": sheet(*[{"spell_id": f"A{place['eclipse_id']}"} | place for place in PLACES[:1]])}
    village.push("cohorts", left, run_id="half", hours_ago=1)
    assert village.tracker("head")["held"]


def _held_decided(village: Village) -> None:
    (held,) = village.tracker("head")["held"]
    here = f"/v1/ingest/batches/{held['batch_id']}/approve"
    assert village.post("performance_analyst", here, {"reason": "Checked"}).status_code == 200


def _campaign_begun(village: Village) -> None:
    said = {"topic": "permanence", "reason": "Four spreadsheets"}
    done = village.post("performance_analyst", "/v1/campaigns", said)
    assert done.status_code in (201, 422), done.text


ACTS: dict[str, Callable[[Village], None]] = {
    "a contact": _logged,
    "a correction": _corrected,
    "a conflict settled": _settled,
    "a move": _moved,
    "a withdrawal": _withdrawn,
    "the same move": _moved,
    "better news that waits": _asked_to_be_better,
    "its approval": _approved,
    "a merge": _merged,
    "its undoing": _undone,
    "a restriction": lambda village: village.restrict("EX3"),
    "a push that is held in part": _pushed,
    "the decision on it": _held_decided,
    "a first load": _campaign_begun,
}


def test_what_is_kept_says_what_would_be_computed_after_each_kind_of_act(village: Village) -> None:
    """Each act is followed at once by a look; what was kept before it is shown only if it says the same."""
    readers = ("chief", "manager", "lead_member")
    known = {who: says(asked(village, who)) for who in readers}
    changed = []
    for name, act in ACTS.items():
        village.clock.advance(seconds=30)
        act(village)
        for who in readers:
            now = says(asked(village, who))
            assert now == says(fresh(village, who)), f"{who} after {name}"
            if now != known[who]:
                changed.append(name)
            known[who] = now
    assert set(ACTS) - set(changed) <= {"a first load"}, "an act that changes nothing proves nothing"


# --- never stale: time ------------------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"known_at": "2020-07-31T08:00:00Z"}, {"format": "html"}])
def test_ages_and_days_go_on_while_nothing_is_recorded(village: Village, params: dict[str, str]) -> None:
    """The village was extracted at two in the morning; part of a push waits. London's midnight is 23:00 UTC."""
    _pushed(village)
    begun, was = village.clock(), asked(village, "chief", **params).content
    moments = [30, 59.99, 60, 60.01, 119.99, 120, 18 * 60, 14.99 * 60, 15 * 60, 24 * 60 - 0.01, 24 * 60, 49 * 60]
    shown_again = 0
    for minutes in sorted(moments):
        village.clock.set(begun + timedelta(minutes=minutes))
        village.tokens.clear()
        now = asked(village, "chief", **params)
        new = fresh(village, "chief", **params)
        if params.get("format") != "html":
            assert says(now) == says(new), minutes
        else:
            assert now.status_code == 200
            assert _without_moment(now.text) == _without_moment(new.text), minutes
        shown_again += now.content == was
        was = now.content
    assert shown_again >= 2, "what is true all hour is shown all hour"


def _without_moment(page: str) -> list[str]:
    return [line for line in page.splitlines() if "known" not in line.lower()]


def test_sight_in_an_emergency_ends_on_the_minute(village: Village) -> None:
    ends = village.clock() + timedelta(minutes=20)
    assert "NO1" not in asked(village, "duty_worker").text
    with writing(village.engine, village.clock) as write:
        account = users.find_user_by_role(write.session, Role.DUTY_WORKER)
        assert account is not None
        audit_id = audit.note(write.session, "emergency.open", by=account.user_id, at=write.now)
        new = Emergency("E1", village.ids["NO1"], account.user_id, "Missing tonight", write.now, ends)
        referrals.open_in_emergency(write.session, new, audit_id=audit_id)
    for minutes, seen in ((0, True), (10, True), (19.99, True), (20, False), (21, False)):
        village.clock.set(ends + timedelta(minutes=minutes - 20))
        assert ("NO1" in asked(village, "duty_worker").text) is seen, minutes


# --- never stale: races -----------------------------------------------------------------------------


def _log(write: Writing, whom: str, when: datetime) -> None:
    """A contact under way in a transaction that is held open."""
    said = Contact(occurred_at=when, contact_kind=ContactKind.PHONE, outcome=ContactOutcome.MADE)
    contacts.log(write.session, NewContact(said, eclipse_id=whom), by=HEAD, at=write.now)


def last_made(answer: httpx.Response) -> dict[str, datetime]:
    """Eclipse id -> when somebody was last reached, as a tracker says it."""
    rows = [row for table in answer.json()["cohorts"] for row in table["rows"] if row["last_contact"]]
    return {row["person"]["eclipse_id"]: at(made["occurred_at"])
            for row in rows if (made := row["last_contact"]["made"])}  # fmt: skip


RANG = datetime(2020, 7, 31, 7, 30, tzinfo=UTC)


@pytest.mark.parametrize("behind", [0, 30, 59, -30], ids=["one clock", "half a minute", "a minute", "ahead"])
def test_a_write_stamped_before_the_snapshot_and_committed_after_it_is_seen(
    village: Village, monkeypatch: pytest.MonkeyPatch, behind: float
) -> None:
    """The look computes while a contact is stamped and not committed, on a host whose clock may be a little off."""
    computed, real = threading.Event(), tracker.computed

    def then_say_so(*args: Any, **options: Any) -> Any:
        found = real(*args, **options)
        computed.set()
        return found

    monkeypatch.setattr(tracker, "computed", then_say_so)
    first: list[httpx.Response] = []
    look = threading.Thread(target=lambda: first.append(asked(village, "chief")))
    with writing(village.engine, lambda: village.clock() - timedelta(seconds=behind)) as write:
        _log(write, "EX1", RANG)
        look.start()
        assert computed.wait(20)
    look.join(20)
    assert last_made(first[0])["EX1"] < RANG
    if behind < 0:
        assert last_made(asked(village, "chief"))["EX1"] < RANG, "not yet known by this clock"
        village.clock.advance(seconds=-behind)
    for _ in range(2):
        assert last_made(asked(village, "chief"))["EX1"] == RANG
    village.clock.advance(minutes=1)
    assert says(asked(village, "chief")) == says(fresh(village, "chief"))


def test_a_write_between_the_moment_and_the_snapshot_is_seen_by_the_next_look(village: Village) -> None:
    """The look reads the clock, then somebody records and commits, then the snapshot is taken."""
    calls = count()

    def clock() -> datetime:
        now = village.clock()
        if next(calls) == FIRST_LOOK:
            village.clock.advance(seconds=1)
            with writing(village.engine, village.clock) as write:
                _log(write, "EX1", RANG)
        return now

    village.token("chief")
    with door_of(village, clock=clock):
        assert last_made(asked(village, "chief"))["EX1"] < RANG, "not yet known at the moment it says"
        for _ in range(2):
            assert last_made(asked(village, "chief"))["EX1"] == RANG


FIRST_LOOK = 0


def raced(village: Village, *, rounds: int, seed: int) -> int:
    """Three write and pull at once, each acting on one person. How many pulls were shown what was kept."""
    begun = monotonic()
    started = village.clock()
    people = ("EX1", "EX3", "EX4")
    rung: dict[str, list[datetime]] = {whom: [] for whom in people}
    acknowledged: dict[str, datetime] = {}
    faults: list[str] = []
    moments: list[str] = []

    def pull(who: str) -> None:
        least = dict(acknowledged)
        answer = asked(village, who)
        most = {whom: tried[-1] for whom, tried in rung.items() if tried}
        told = last_made(answer)
        moments.append(answer.json()["known_at"] + who)
        faults.extend(f"{whom} is stale" for whom, when in least.items() if told.get(whom, started) < when)
        faults.extend(f"{whom} is invented" for whom, when in most.items() if told.get(whom, RANG) > max(when, RANG))

    def act(whom: str) -> None:
        dice = random.Random(f"{seed}{whom}")
        for n in range(rounds):
            when = RANG + timedelta(seconds=n + 1)
            rung[whom].append(when)
            said = {"eclipse_id": whom, "occurred_at": when.isoformat(), "contact_kind": "phone", "outcome": "made"}
            done = village.post("adviser", "/v1/contacts", said, key=f"{whom}-{n}")
            if done.status_code != 201:
                faults.append(done.text)
                return
            acknowledged[whom] = when
            for _ in range(dice.randint(1, 4)):
                pull(dice.choice(("chief", "manager")))

    for who in ("chief", "manager", "adviser"):
        village.token(who)
    with door_of(village, clock=lambda: started + timedelta(seconds=monotonic() - begun)):
        threads = [threading.Thread(target=act, args=(whom,)) for whom in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
        final = asked(village, "chief")
        assert says(final) == says(fresh(village, "chief"))
    assert not faults
    assert {whom: last_made(final)[whom] for whom in people} == acknowledged
    return len(moments) - len(set(moments))


def test_readers_who_begin_after_a_change_see_it_whoever_else_writes(village: Village) -> None:
    raced(village, rounds=4, seed=1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_readers_who_begin_after_a_change_see_it_in_a_long_race(village: Village, seed: int) -> None:
    assert raced(village, rounds=60, seed=seed) > 0, "nothing was shown again: the race raced nothing"


# --- what is kept -----------------------------------------------------------------------------------


def answer(body: bytes) -> Answer:
    """An answer of that many bytes, to nobody in particular."""
    moment = datetime(2020, 7, 31, 8, tzinfo=UTC)
    user = User("u", "Demo", frozenset(), frozenset(), None, 1)
    return Answer(
        user=user, people=(), mark=Mark(moment, frozenset(), None), today=date(2020, 7, 31), computed_at=moment,
        good_until=moment + timedelta(hours=1), body=body, digest="", media_type="", headers={},
    )  # fmt: skip


def test_what_was_asked_for_longest_ago_makes_room() -> None:
    store = Kept(100)
    for name in "abcd":
        store.put(name, answer(b"." * 25))
    assert store.get("a") is not None
    store.put("e", answer(b"." * 25))
    assert [name for name in "abcde" if store.get(name)] == ["a", "c", "d", "e"]
    store.put("f", answer(b"." * 10))
    assert [name for name in "abcdef" if store.get(name)] == ["c", "d", "e", "f"]


def test_what_would_push_out_most_others_is_not_kept_and_neither_is_what_it_replaces() -> None:
    store = Kept(100)
    store.put("a", answer(b"."))
    store.put("b", answer(b"."))
    store.put("a", answer(b"." * 26))
    assert (store.get("a"), store.get("b") is not None) == (None, True)
    for n in range(50):
        store.put("b", answer(b"." * (n % 25)))
    assert store.get("b") is not None
    store.put("c", answer(b"." * 25))
    assert store.get("b") is not None, "bytes of what was replaced are not counted on"


@pytest.mark.parametrize(
    ("after", "same"),
    [(timedelta(0), True), (timedelta(minutes=59), True), (timedelta(hours=1), False), (timedelta(-1), False)],
)
def test_an_answer_stands_from_its_moment_to_its_end(after: timedelta, same: bool) -> None:
    kept = answer(b"")
    now = kept.computed_at + after
    assert kept.stands_for(replace(kept.user, at=now), at=now, today=kept.today) is same
    assert not kept.stands_for(replace(kept.user, access_version=2), at=now, today=kept.today)
    assert not kept.stands_for(kept.user, at=now, today=kept.today + timedelta(days=1))
