"""Record a person's decision between sources: which is right, or whether two facts are one."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from service.domain.access import User
from service.domain.conflicts import about, of_one_fact, of_two_facts
from service.domain.facts import Fact, Source
from service.domain.settling import is_better, said_under, settled
from service.domain.standing import DISAGREE, stands
from service.errors import Conflict, NotFound, NothingToSettle, OwnEntry, Stale, Unprocessable
from service.operations.entries import etag_of, held
from service.store import audit, facts, record, settlements
from service.store.people import Somebody
from service.store.settlements import Settlement


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided. `etag` is the fact's from now on; `disagree`: whether sources still differ on it."""

    settlement_id: str
    decision: str
    kind: str
    fact_id: str
    person_id: str
    recorded_at: datetime
    disagree: bool
    etag: str


def settle(
    session: Session, kind: str, fact_id: str, version_id: str, *, by: User, at: datetime, reason: str, if_match: str
) -> Decided:
    """One side is right: an entry by hand says so, and what sources had said before disagrees no more.

    For better news, never by an author of that reading.
    """
    person, versions = held(session, kind, fact_id, by=by, at=at, reason=reason)
    if etag_of(versions) != if_match:
        raise Stale
    conflict = of_one_fact(versions)
    if conflict is None:
        raise NothingToSettle
    sides = [side.version for side in conflict.sides]
    chosen = next((v for v in sides if v.known and v.known.version_id == version_id), None)
    if chosen is None:
        raise Unprocessable(("version_id", "unknown", "the version_id of one of the sides"))
    lost = [v for v in sides if v is not chosen]
    if is_better(chosen, lost):
        _not_its_author(session, chosen, by=by)
    audit_id = _noted(session, "settle", kind, fact_id, person, by=by, at=at, other=version_id)
    entry = settled(versions, chosen, reason=reason)
    (made,) = record.append(session, [entry], by=by.user_id, at=at, audit_id=audit_id)
    decided = Settlement(
        decision="settled", kind=kind, fact_id=fact_id, version_id=made, chosen_version_id=version_id,
        against=tuple(v.known.version_id for v in lost if v.known), settled_by=by.user_id, reason=reason,
        recorded_at=at,
    )  # fmt: skip
    return _decided(session, decided, person, audit_id=audit_id)


def join(session: Session, kind: str, fact_id: str, same_as: str, *, by: User, at: datetime, reason: str) -> Decided:
    """Two facts are one: what feeds say of `fact_id` they say of `same_as` from now on, key by key.

    What then differs competes, the worse stands, and is a conflict to be settled. Where that is better news than
    either fact was, never by an author of what then stands.
    """
    person, moving, staying = _two(session, kind, fact_id, same_as, by=by, at=at, reason=reason)
    if any(v.known and v.known.source is Source.API for v in moving):
        raise Conflict(("fact_id", "by_hand", "one of which only feeds speak; `same_as` is the one entered by hand"))
    before = [fact for fact in (stands(moving)[0], stands(staying)[0]) if fact is not None]
    audit_id = _noted(session, "join", kind, fact_id, person, by=by, at=at, other=same_as)
    versions = said_under(moving, same_as)
    made = record.append(session, versions, by=by.user_id, at=at, audit_id=audit_id)
    record.remember_aliases(session, [(kind, v.source, v.source_ref, same_as) for v in versions], at=at)
    now, _ = stands(facts.of_fact(session, kind, same_as))
    if now is not None and is_better(now, before):
        _not_its_author(session, now, by=by)
    decided = Settlement(
        decision="joined", kind=kind, fact_id=same_as, version_id=made[0], chosen_version_id=made[0],
        against=(fact_id,), settled_by=by.user_id, reason=reason, recorded_at=at,
    )  # fmt: skip
    return _decided(session, decided, person, audit_id=audit_id)


def apart(session: Session, kind: str, fact_id: str, other: str, *, by: User, at: datetime, reason: str) -> Decided:
    """Two facts are two: they are not listed again while both say what they say now. Both go on counting."""
    person, one, second = _two(session, kind, fact_id, other, by=by, at=at, reason=reason)
    standing, _ = stands(one)
    if standing is None or standing.known is None:
        raise NothingToSettle
    audit_id = _noted(session, "apart", kind, fact_id, person, by=by, at=at, other=other)
    decided = Settlement(
        decision="apart", kind=kind, fact_id=fact_id, chosen_version_id=standing.known.version_id, against=(other,),
        about=about(one, second), settled_by=by.user_id, reason=reason, recorded_at=at,
    )  # fmt: skip
    return _decided(session, decided, person, audit_id=audit_id)


def _two(
    session: Session, kind: str, fact_id: str, other: str, *, by: User, at: datetime, reason: str
) -> tuple[Somebody, list[Fact], list[Fact]]:
    """Two facts that may be one, of one person whom `by` may open: versions of each, locked in the order of ids."""
    if fact_id == other:
        raise Unprocessable(("fact_id", "same", "two facts"))
    found = {each: held(session, kind, each, by=by, at=at, reason=reason) for each in sorted((fact_id, other))}
    (person, one), (whose, second) = found[fact_id], found[other]
    if person.person_id != whose.person_id:
        raise NotFound
    if of_two_facts(one, second) is None:
        raise NothingToSettle
    if person.addressed != whose.addressed:
        raise Conflict(("fact_id", "two_records", "facts of one record; these are of two records merged"))
    return person, one, second


def _not_its_author(session: Session, chosen: Fact, *, by: User) -> None:
    known = chosen.known
    if known is None or known.source is not Source.API:
        return
    if by.user_id in facts.authors_of(session, chosen.kind, known.fact_id):
        raise OwnEntry


def _noted(
    session: Session, act: str, kind: str, fact_id: str, person: Somebody, *, by: User, at: datetime, other: str
) -> str:
    detail = {"fact_id": fact_id, "other": other}
    return audit.note(session, f"{act}.{kind}", by=by.user_id, at=at, person_id=person.person_id, detail=detail)


def _decided(session: Session, decided: Settlement, person: Somebody, *, audit_id: str) -> Decided:
    settlement_id = settlements.add(session, decided, audit_id=audit_id)
    versions = facts.of_fact(session, decided.kind, decided.fact_id)
    standing, _ = stands(versions)
    disagree = standing is not None and standing.known is not None and DISAGREE in standing.known.flags
    return Decided(
        settlement_id=settlement_id, decision=decided.decision, kind=decided.kind, fact_id=decided.fact_id,
        person_id=person.person_id, recorded_at=decided.recorded_at, disagree=disagree, etag=etag_of(versions),
    )  # fmt: skip
