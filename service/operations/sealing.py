"""Seal the audit in batches behind its writers, and prove that nothing sealed was changed since."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row
from sqlmodel import Session

from service.store import seals
from service.store.engine import Clock, fixed_moment, reading, writing
from service.store.seals import BEGINNING, Damaged, Head

BATCH = 5_000
# So young an entry is not sealed yet: another host's clock may be a little behind, or this one's be set back a little,
# and what is then recorded with an earlier moment must still stand behind the chain's end.
MARGIN = timedelta(seconds=60)
FAULTS = {
    "altered": "the entry, or its seal, is not what was sealed",
    "missing": "the entry that was sealed is gone",
    "link_missing": "its seal is gone, and others follow",
    "out_of_order": "it was recorded before the entry that is sealed before it",
    "people_altered": "the list of people it refers to is not what it was, or is gone",
    "added": "it has no seal and others follow: slipped in, or made unreadable before it was sealed",
    "unreadable": "it waits for its seal, and holds what nobody can read",
    "head_unknown": "the chain does not hold the head given: it was cut short or made anew",
    "table_gone": "the audit is not whole: this is not in the database",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing wrong: at which link, with which entry or table, and what (a key of FAULTS)."""

    fault: str
    number: int | None = None
    audit_id: str | None = None
    table: str | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk along the chain found."""

    sealed: int
    unsealed: int
    head: str
    broken: Broken | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many entries were sealed now, where the chain ends, and how many are too young to be sealed."""

    entries: int
    head: Head
    young: int = 0


class Unreadable(Exception):
    """Entries, by their ids, were passed over: they hold what nobody can decode. Everything else was sealed."""

    def __init__(self, sealed: Sealed, audit_ids: list[str]) -> None:
        super().__init__("unreadable")
        self.sealed, self.audit_ids = sealed, audit_ids


def seal(engine: Engine, clock: Clock, *, batch: int = BATCH, patience: float | None = None) -> Sealed:
    """Seal every entry older than MARGIN, a batch a transaction, so that writers wait for none of them long.

    `patience`: seconds to wait for the writers of now, who then wait as well; raises Busy after that. Raises
    Unreadable at the end where somebody made an entry what cannot be decoded before it was sealed.
    """
    upto = fixed_moment(engine, clock, patience=patience) - MARGIN
    total, unreadable = 0, dict[str, None]()
    while True:
        with writing(engine, clock) as write:
            if not seals.take_turn(write.session):
                return Sealed(total, seals.head(write.session))
            before = seals.head(write.session)
            found = seals.unsealed(write.session, before, upto=upto, most=batch)
            entries = [each for each in found if not isinstance(each, str)]
            end = seals.add(write.session, before, entries, at=write.now)
            last = len(found) < batch or not entries
            young = seals.waiting(write.session, end) if last else 0
        total += len(entries)
        unreadable |= dict.fromkeys(each for each in found if isinstance(each, str))
        if last:
            break
    sealed = Sealed(total, end, young)
    if unreadable:
        raise Unreadable(sealed, list(unreadable))
    return sealed


def missing(engine: Engine) -> str | None:
    """What of the audit's tables is not in the database."""
    with reading(engine) as session:
        return seals.gone(session)


def oldest_waits(session: Session, *, at: datetime) -> float:
    """Seconds that the oldest entry has waited for its seal; 0 where none waits."""
    since = seals.oldest_unsealed(session)
    return 0.0 if since is None else max((at - since).total_seconds(), 0.0)


def verify(engine: Engine, *, head: str | None = None, number: int | None = None, batch: int = BATCH) -> Verified:
    """Walk the chain from its beginning.

    `head`: a hash that was printed before, kept where no administrator reaches, and the `number` printed with it.
    Without it, a chain that was cut short or made anew as a whole looks sound.
    """
    with reading(engine, intake=True) as session:
        gone = seals.gone(session)
        if gone is not None:
            return Verified(0, 0, BEGINNING, Broken("table_gone", table=gone))
        end = seals.head(session)
        unsound, known = _people_sets(session, batch)
        broken, heads = _walk(session, unsound, known, head, batch)
        if broken is None:
            broken = _unsealed(session, end, batch)
        waiting = seals.waiting(session, end)
    if broken is None and head is not None and not (heads if number is None else number in heads):
        broken = Broken("head_unknown", end.number)
    return Verified(end.number, waiting, end.hash, broken)


def _unsealed(session: Session, end: Head, batch: int) -> Broken | None:
    """What has no seal behind a chain that holds, and should have one or never can."""
    added = seals.outside(session, end)
    if added is not None:
        return Broken("added", audit_id=added)
    unreadable = seals.undecodable(session, end, most=batch)
    return None if unreadable is None else Broken("unreadable", audit_id=unreadable)


def _people_sets(session: Session, batch: int) -> tuple[set[str], set[str]]:
    """Digests whose list is another now, and all digests there are."""
    unsound, known = set(), set()
    for digest, people in seals.people_sets(session, most=min(batch, 500)):
        known.add(digest)
        if people is None or hashlib.sha256(people.encode()).hexdigest() != digest:
            unsound.add(digest)
    return unsound, known


def _walk(
    session: Session, unsound: set[str], known: set[str], head: str | None, batch: int
) -> tuple[Broken | None, set[int]]:
    """The first link that does not hold, and under which numbers up to there `head` is the hash."""
    before, heads = BEGINNING, {0} if head == BEGINNING else set[int]()
    place: tuple[datetime, str] | None = None
    for number, row in enumerate(seals.walk(session, most=batch), start=1):
        if row.number > number:
            return Broken("link_missing", number, _left_without(session, place, row)), heads
        for fault in _faults(row, number, before, place, unsound, known):
            return Broken(fault, row.number, row.sealed_id), heads
        assert not isinstance(row, Damaged)
        before, place = row.hash, (row.recorded_at, row.audit_id)
        if before == head:
            heads.add(number)
    return None, heads


def _left_without(session: Session, place: tuple[datetime, str] | None, follows: Row[Any] | Damaged) -> str | None:
    """The entry that a link which is gone sealed: it stands between its neighbours'. None where it cannot be told."""
    if isinstance(follows, Damaged) or follows.audit_id is None:
        return None
    return seals.between(session, place, (follows.recorded_at, follows.audit_id))


def _faults(
    row: Row[Any] | Damaged,
    number: int,
    before: str,
    place: tuple[datetime, str] | None,
    unsound: set[str],
    known: set[str],
) -> Iterator[str]:
    """What is wrong with one link, gravest first."""
    if row.number < number:
        yield "added"
    if isinstance(row, Damaged):
        yield "altered"
        return
    if row.audit_id is None:
        yield "missing"
        return
    if seals.chained(before, row) != row.hash:
        yield "altered"
    if place is not None and (row.recorded_at, row.audit_id) <= place:
        yield "out_of_order"
    if row.people_set is not None and (row.people_set in unsound or row.people_set not in known):
        yield "people_altered"
