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
from service.store.seals import BEGINNING, Head

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
    "added": "it was added behind the seals",
    "head_unknown": "the chain does not hold the hash given: it was cut short or made anew",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing wrong: at which link, with which entry, and what (a key of FAULTS)."""

    fault: str
    number: int | None = None
    audit_id: str | None = None


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


def seal(engine: Engine, clock: Clock, *, batch: int = BATCH, patience: float | None = None) -> Sealed:
    """Seal every entry older than MARGIN, a batch a transaction, so that writers wait for none of them long.

    `patience`: seconds to wait for the writers of now, who then wait as well; raises Busy after that.
    """
    upto = fixed_moment(engine, clock, patience=patience) - MARGIN
    total = 0
    while True:
        with writing(engine, clock) as write:
            if not seals.take_turn(write.session):
                return Sealed(total, seals.head(write.session))
            end, count = _next(write.session, upto=upto, at=write.now, most=batch)
            young = seals.waiting(write.session, end) if count < batch else 0
        total += count
        if count < batch:
            return Sealed(total, end, young)


def oldest_waits(session: Session, *, at: datetime) -> float:
    """Seconds that the oldest entry has waited for its seal; 0 where none waits."""
    since = seals.oldest_unsealed(session)
    return 0.0 if since is None else max((at - since).total_seconds(), 0.0)


def _next(session: Session, *, upto: datetime, at: datetime, most: int) -> tuple[Head, int]:
    end = seals.head(session)
    entries = seals.unsealed(session, end, upto=upto, most=most)
    return seals.add(session, end, entries, at=at), len(entries)


def verify(engine: Engine, *, head: str | None = None, batch: int = BATCH) -> Verified:
    """Walk the chain from its beginning. `head`: a hash that was printed before, kept where no administrator reaches.

    Without it, a chain that was cut short or made anew as a whole looks sound.
    """
    with reading(engine, intake=True) as session:
        end = seals.head(session)
        unsound, known = _people_sets(session, batch)
        broken, held = _walk(session, unsound, known, head, batch)
        added = seals.outside(session, end) if broken is None else None
        waiting = seals.waiting(session, end)
    if added is not None:
        broken = Broken("added", audit_id=added)
    if broken is None and head is not None and not held:
        broken = Broken("head_unknown", end.number)
    return Verified(end.number, waiting, end.hash, broken)


def _people_sets(session: Session, batch: int) -> tuple[set[str], set[str]]:
    """Digests whose list is another now, and all digests there are."""
    unsound, known = set(), set()
    for digest, people in seals.people_sets(session, most=min(batch, 500)):
        known.add(digest)
        if hashlib.sha256(people.encode()).hexdigest() != digest:
            unsound.add(digest)
    return unsound, known


def _walk(
    session: Session, unsound: set[str], known: set[str], head: str | None, batch: int
) -> tuple[Broken | None, bool]:
    """The first link that does not hold, and whether `head` is one of the hashes up to there."""
    before, held = BEGINNING, head == BEGINNING
    place: tuple[datetime, str] | None = None
    for number, row in enumerate(seals.walk(session, most=batch), start=1):
        for fault in _faults(row, number, before, place, unsound, known):
            return Broken(fault, number, row.sealed_id), held
        before, place = row.hash, (row.recorded_at, row.audit_id)
        held = held or before == head
    return None, held


def _faults(
    row: Row[Any],
    number: int,
    before: str,
    place: tuple[datetime, str] | None,
    unsound: set[str],
    known: set[str],
) -> Iterator[str]:
    """What is wrong with one link, gravest first."""
    if row.number != number:
        yield "link_missing"
    if row.audit_id is None:
        yield "missing"
        return
    if seals.chained(before, row) != row.hash:
        yield "altered"
    if place is not None and (row.recorded_at, row.audit_id) <= place:
        yield "out_of_order"
    if row.people_set is not None and (row.people_set in unsound or row.people_set not in known):
        yield "people_altered"
