"""Records whose time is over: foresee which, ask for their erasure, and erase them once a second person decides."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from service.domain.dates import london_day
from service.domain.retention import EVER_LOOKED_AFTER, Bar, Kept, Record, Rule, keep_until
from service.domain.viewpoint import Viewpoint
from service.errors import NothingProposed, OwnRequest
from service.operations.rights import officers
from service.store import audit, erasures, merges, rights, users
from service.store import holds as held_feeds
from service.store.erasures import Said


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One person: every id of theirs, the kept one first, how long they are kept, and what stands in the way."""

    ids: tuple[str, ...]
    kept: Kept
    bars: frozenset[Bar]

    def may_go(self, today: date) -> bool:
        """Whether they are due and nothing stands in the way."""
        return not self.bars and self.kept.due(today)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A person whose erasure was proposed, and whether they would go if somebody else decided now."""

    person_id: str
    goes: bool


@dataclass(frozen=True, slots=True)
class Report:
    """How many, never who: due by rule, due but kept and why, proposed; due later by year, and never."""

    people: int
    due: Mapping[Rule, int]
    kept_back: Mapping[Bar, int]
    proposed: int
    due_in: Mapping[int, int]
    never: Mapping[Rule, int]
    erased_in: Mapping[int, int]


def foresee(session: Session, *, at: datetime, only: Collection[str] | None = None) -> list[Foreseen]:
    """Everybody, or the people whom these ids mean: a few dozen SELECTs, however many people there are."""
    today = london_day(at)
    into = {each.from_person_id: each.into_person_id for each in merges.everything(session) if each.stands_at(None)}
    only = None if only is None else _with_all_of_theirs(only, into)
    sealed = erasures.everyone(session, only)
    people = _as_one(sealed, into)
    looked_after = erasures.with_any_of(session, EVER_LOOKED_AFTER, only)
    said: dict[str, list[Said]] = defaultdict(list)
    for version in erasures.said_of_people(session, only):
        said[version.person_id].append(version)
    never = [own for ids in people if looked_after.isdisjoint(ids) for own in ids]
    last = erasures.last_days(session, never)
    barred = _barred(session, Viewpoint(today, at), only)
    return [
        Foreseen(
            ids=ids,
            kept=keep_until(_record(ids, sealed, said, looked_after, last), today=today),
            bars=frozenset(bar for bar, whom in barred.items() if not whom.isdisjoint(ids)),
        )
        for ids in people
    ]


def _with_all_of_theirs(only: Collection[str], into: Mapping[str, str]) -> frozenset[str]:
    """These ids, and every other id of the people whom they mean."""
    kept = {into.get(own, own) for own in only}
    return frozenset(kept | {own for own, other in into.items() if other in kept})


def _as_one(held: Collection[str], into: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Those held, each person once: the kept id first, then those merged into it."""
    merged: dict[str, list[str]] = defaultdict(list)
    for own, other in sorted(into.items()):
        merged[other].append(own)
    return [(own, *merged[own]) for own in sorted(held) if own not in into]


def _barred(session: Session, view: Viewpoint, only: Collection[str] | None) -> dict[Bar, frozenset[str]]:
    return {
        Bar.LEGAL_HOLD: erasures.on_hold(session),
        Bar.OPEN_SERVICE: erasures.in_service(session, view, only),
        Bar.OPEN_CLEARING: erasures.with_open_clearing(session),
        Bar.HELD_CHANGE: held_feeds.people_concerned(session),
    }


def _record(
    ids: Sequence[str],
    sealed: Mapping[str, bool],
    said: Mapping[str, Sequence[Said]],
    looked_after: Collection[str],
    last: Mapping[str, date],
) -> Record:
    """What stands of who they are; where a source has taken everything back, what was said before."""
    every = [version for own in ids for version in said.get(own, ())]
    standing = [version for version in every if version.current]
    counted = standing if any(version.born_on for version in standing) else every
    return Record(
        births=frozenset(version.born_on for version in counted if version.born_on),
        looked_after=any(own in looked_after for own in ids),
        died_on=max((version.died_on for version in standing if version.died_on), default=None),
        sealed=any(sealed.get(own, False) for own in ids),
        adopted_on=max((version.adopted_on for version in every if version.adopted_on), default=None),
        last_on=max((last[own] for own in ids if own in last), default=None),
    )


def report(session: Session, *, at: datetime) -> Report:
    """How many records are due, kept back, proposed, and due in the years to come."""
    today, people = london_day(at), foresee(session, at=at)
    due = [each for each in people if each.kept.due(today)]
    later = Counter(each.kept.due_on.year for each in people if each.kept.due_on and not each.kept.due(today))
    return Report(
        people=len(people),
        due=Counter(each.kept.rule for each in due if not each.bars),
        kept_back=Counter(bar for each in due for bar in each.bars),
        proposed=len({each.person_id for each in erasures.proposed(session).values()}),
        due_in=dict(sorted(later.items())),
        never=Counter(each.kept.rule for each in people if each.kept.due_on is None),
        erased_in=erasures.erased_by_year(session),
    )


def due(session: Session, *, at: datetime) -> list[Foreseen]:
    """Whom a proposal would be about: due, nothing in the way, not proposed yet."""
    waiting = erasures.proposed(session)
    return [each for each in foresee(session, at=at) if each.may_go(london_day(at)) and each.ids[0] not in waiting]


def named(session: Session, whom: Sequence[Foreseen], *, reason: str, by: str, at: datetime) -> None:
    """Note that somebody was shown whose records are due."""
    people = [own for each in whom for own in each.ids]
    audit.note(
        session, "read.retention", by=by, at=at, people=people, detail={"people": len(whom)},
        reason=officers.because(reason),
    )  # fmt: skip


def propose(session: Session, *, reason: str, by: str, at: datetime) -> int:
    """Ask for everybody who is due to be erased: of how many people. Somebody else decides."""
    reason, whom, today = officers.because(reason), due(session, at=at), london_day(at)
    if not whom:
        return 0
    people = [own for each in whom for own in each.ids]
    counts = Counter(each.kept.rule.value for each in whom)
    audit_id = audit.note(
        session, "rights.retention.propose", by=by, at=at, people=people, detail=counts, reason=reason,
        changes=False,
    )  # fmt: skip
    rows = [(own, each.kept.rule.value, each.kept.due_on or today) for each in whom for own in each.ids]
    erasures.propose(session, rows, by=by, reason=reason, at=at, audit_id=audit_id)
    return len(whom)


def waiting(session: Session, *, at: datetime, only: str | None = None) -> list[Waiting]:
    """Whose erasure waits for a second person (`only` of one), and whether it would be done now."""
    asked = erasures.proposed(session)
    people = [each for each in foresee(session, at=at, only=asked) if not asked.keys().isdisjoint(each.ids)]
    return [
        Waiting(each.ids[0], _still_goes(each, asked, at))
        for each in people
        if only is None or only in each.ids
    ]  # fmt: skip


def _still_goes(each: Foreseen, asked: Collection[str], at: datetime) -> bool:
    """Due, nothing in the way, and all of it asked for: somebody merged into them since was not."""
    return each.may_go(london_day(at)) and set(asked) >= {*each.ids}


def erase(session: Session, person_id: str, *, reason: str, by: str, at: datetime) -> int | None:
    """Erase one person whose erasure somebody else proposed, if they are still due: how many rows; None if not.

    To be its own transaction. Raises OwnRequest for whoever proposed it.
    """
    reason = officers.because(reason)
    whom = rights.find(session, person_id=person_id)
    if whom is None:
        return None
    rights.lock(session, whom.ids)
    asked = [each for own, each in erasures.proposed(session, lock=True).items() if own in whom.ids]
    if any(each.asked_by == by for each in asked):
        raise OwnRequest
    (still,) = foresee(session, at=at, only=whom.ids)
    if not _still_goes(still, {each.person_id for each in asked}, at):
        return None
    ids = [each.erasure_id for each in asked]
    gone = rights.erase(session, whom.ids, ids)
    detail = {"erasures": ids, "rule": still.kept.rule.value, "rows": gone}
    audit.note(
        session, "rights.retention.erase", by=by, at=at, person_id=whom.person_id, people=whom.ids, detail=detail,
        reason=reason,
    )  # fmt: skip
    erasures.decide(session, ids, "erased", by=by, reason=reason, at=at, rows=gone)
    users.move_access_version(session)
    return gone


def refuse(session: Session, person_id: str, *, reason: str, by: str, at: datetime) -> None:
    """Say no to an erasure that was proposed, whoever proposed it. Raises NothingProposed where none waits."""
    reason = officers.because(reason)
    whom = rights.find(session, person_id=person_id)
    asked = erasures.proposed(session, lock=True)
    ids = [each.erasure_id for own, each in asked.items() if whom and own in whom.ids]
    if not ids:
        raise NothingProposed
    audit.note(
        session, "rights.retention.refuse", by=by, at=at, person_id=person_id, detail={"erasures": ids}, reason=reason,
        changes=False,
    )  # fmt: skip
    erasures.decide(session, ids, "refused", by=by, reason=reason, at=at, rows=0)
