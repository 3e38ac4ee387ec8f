"""Enter, correct, approve and withdraw facts by hand. Worse counts at once, better waits for a second person."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import cast

from sqlmodel import Session

from service.domain.access import Permission, User
from service.domain.assembly import assemble, by_person
from service.domain.dates import london_day
from service.domain.facts import (
    SERVER_OWNED,
    Accommodation,
    Basis,
    CareLeaverStatus,
    Confidence,
    Fact,
    Source,
    field_types,
)
from service.domain.person import in_spell, to_last_day
from service.domain.second_person import lowers, weigh
from service.domain.settling import still_settled
from service.domain.soundness import faults
from service.domain.standing import gravity, stands, start_of
from service.domain.versions import NewVersion
from service.errors import (
    Conflict,
    NeedsManager,
    NotFound,
    NothingToApprove,
    NotPermitted,
    OwnEntry,
    Stale,
    Unprocessable,
)
from service.operations.lookup import somebody
from service.store import audit, facts, merges, record
from service.store.people import Somebody
from service.store.types import new_id

# Kinds whose new open spell ends the one before.
FOLLOWING = frozenset({Accommodation.kind, CareLeaverStatus.kind})


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of an entry. `counts`: at_once, when_approved, or in_part (the judgement waits)."""

    kind: str
    fact_id: str
    person_id: str
    counts: str
    recorded_at: datetime
    etag: str


def etag_of(versions: Sequence[Fact]) -> str:
    """What If-Match must say: it changes with any version or approval of the fact."""
    return _tag((v.known.version_id, v.known.approved_at) for v in versions if v.known)


def _tag(versions: Iterable[tuple[str, datetime | None]]) -> str:
    said = sorted(f"{version_id}{approved_at}" for version_id, approved_at in versions)
    return hashlib.sha256("".join(said).encode()).hexdigest()[:32]


def enter(
    session: Session,
    new: Fact,
    *,
    person: Somebody,
    by: User,
    at: datetime,
    confidence: Confidence,
    act: str = "record",
    ground: str | None = None,
) -> Entered:
    """Record a new fact of a person. `ground` is for the audit: by which source of scope it was done."""
    _own(by, new.kind)
    _refuse_unsound(new, at)
    detail = {"kind": new.kind} | ({"ground": ground} if ground else {})
    audit_id = audit.note(
        session, f"{act}.{new.kind}", by=by.user_id, at=at, person_id=person.person_id, detail=detail
    )  # fmt: skip
    followed = _followed(session, new, person, at)
    new = _begun(new, followed, at)
    counts, waits = weigh(None, new, follows=_gravest(followed))
    fact_id = new_id(at)
    own = person.kept_under
    versions = [_version(value, own, fact_id, confidence, proposed=p) for value, p in _both(counts, waits)]
    versions += [_left(session, spell, new, proposed=counts is None) for spell in followed]
    ids = record.append(session, versions, by=by.user_id, at=at, audit_id=audit_id)
    its_own = [each for each, version in zip(ids, versions, strict=True) if version.fact_id == fact_id]
    return Entered(new.kind, fact_id, person.person_id, _how(counts, waits), at, _tag((each, None) for each in its_own))


def _refuse_unsound(fact: Fact, at: datetime) -> None:
    found = faults(fact, at=at)
    if found:
        raise Unprocessable(*found)


def _with_what_no_body_says(before: Fact | None, after: Fact) -> Fact:
    """The correction, with who made a contact and a source's own code kept from what it corrects."""
    kept = {n: getattr(before, n) for n in SERVER_OWNED if hasattr(before, n) and getattr(after, n, None) is None}
    return replace(after, **kept) if kept else after


def _own(by: User, kind: str) -> None:
    if not by.may_record(kind):
        raise NotPermitted


def _both(counts: Fact | None, waits: Fact | None) -> list[tuple[Fact, bool]]:
    return [(value, proposed) for value, proposed in ((counts, False), (waits, True)) if value is not None]


def _version(
    value: Fact, person_id: str, fact_id: str, confidence: Confidence, *, proposed: bool, reason: str | None = None,
    closes: tuple[str, ...] = (), flags: tuple[str, ...] = (),
) -> NewVersion:  # fmt: skip
    return NewVersion(
        fact=replace(value, known=None), person_id=person_id, fact_id=fact_id, source=Source.API,
        confidence=confidence, proposed=proposed, reason=reason, closes=closes, flags=flags,
    )  # fmt: skip


def _followed(session: Session, new: Fact, person: Somebody, at: datetime) -> list[Fact]:
    """The spells that run now and that a new open spell of their kind comes after: places, care leaver statuses.

    A place is left whichever of two merged records holds it; a status follows those of its own record, whose words
    it carries over.
    """
    if not isinstance(new, Accommodation | CareLeaverStatus) or new.ended_on is not None:
        return []
    today, moves = london_day(at), isinstance(new, Accommodation)
    merges.lock(session, person.ids)
    ids = person.ids if moves else (person.kept_under,)
    versions = by_person(facts.of_people(session, [new.kind], ids, None))
    standing = [assemble(versions.get(own, ()), person_id=own) for own in ids]
    if moves:
        return [a for each in standing for a in each.accommodations if in_spell(a.started_on, a.ended_on, today)]
    return [s for each in standing for s in each.care_leaver_statuses if to_last_day(s.started_on, s.ended_on, today)]


def _gravest(followed: Sequence[Fact]) -> Fact | None:
    """The worst of the spells that run now: what a new one is weighed against."""
    return max(followed, key=gravity, default=None)


def _begun(new: Fact, followed: Sequence[Fact], at: datetime) -> Fact:
    """A spell begins today if it does not say when; a status says what is new in it, the rest is as it was."""
    if isinstance(new, Accommodation) and new.started_on is None:
        return replace(new, started_on=london_day(at), started_on_basis=Basis.OBSERVED)
    if not isinstance(new, CareLeaverStatus):
        return new
    old = _gravest(followed) or CareLeaverStatus()
    names = [
        name for name in field_types(CareLeaverStatus) if name not in ("started_on", "started_on_basis", "ended_on")
    ]
    kept = {name: getattr(old, name) for name in names if getattr(new, name) is None}
    return replace(new, started_on=new.started_on or london_day(at), **kept)


def _left(session: Session, spell: Fact, new: Fact, *, proposed: bool) -> NewVersion:
    """The spell before, ended where the new one begins: it ends when the new one counts.

    A place is left on the day the next begins; a status ends on the day before.
    """
    known = spell.known
    if known is None:
        raise ValueError("a spell that stands has an envelope")
    begins = start_of(new) or london_day(known.recorded_at)
    last = begins if isinstance(spell, Accommodation) else begins - timedelta(days=1)
    ended = replace(spell, ended_on=max(last, start_of(spell) or last))  # type: ignore[call-arg]
    ours = _ours(facts.of_fact(session, spell.kind, known.fact_id), proposed=proposed)
    return _version(
        ended, known.person_id, known.fact_id, known.confidence, proposed=proposed, reason="moved", closes=ours
    )


def _overtaken(versions: Sequence[Fact], waits: Fact | None, *, proposed: bool) -> tuple[str, ...]:
    """What waited before worse news came: nobody may approve it any more without saying it again."""
    return _ours(versions, proposed=True) if waits is None and not proposed else ()


def _ours(versions: Sequence[Fact], *, proposed: bool) -> tuple[str, ...]:
    """Versions entered by hand that a new one of the same sort closes."""
    return tuple(
        v.known.version_id
        for v in versions
        if v.known and v.known.source is Source.API and (v.known.effective_at is None) is proposed
    )


def _entered(
    session: Session, kind: str, fact_id: str, person_id: str, counts: Fact | None, waits: Fact | None, at: datetime
) -> Entered:
    return Entered(kind, fact_id, person_id, _how(counts, waits), at, etag_of(facts.of_fact(session, kind, fact_id)))


def _how(counts: Fact | None, waits: Fact | None) -> str:
    return "at_once" if waits is None else "when_approved" if counts is None else "in_part"


def correct(
    session: Session, fact_id: str, after: Fact, *, by: User, at: datetime, reason: str, if_match: str
) -> Entered:
    """Correct a fact, whoever said it. The source's own versions stay; this one stands over what they said before."""
    _own(by, after.kind)
    person, versions = held(session, after.kind, fact_id, by=by, at=at, reason=reason)
    if etag_of(versions) != if_match:
        raise Stale
    before, _ = stands(versions)
    after = _with_what_no_body_says(before, after)
    _refuse_unsound(after, at)
    # A move that nobody has approved yet is weighed again beside the place it leaves, and ends it on its new day.
    followed = _followed(session, after, person, at) if before is None else []
    counts, waits = weigh(before, after, follows=_gravest(followed))
    audit_id = audit.note(
        session, f"correct.{after.kind}", by=by.user_id, at=at, person_id=person.person_id, detail={"fact_id": fact_id}
    )
    new = [
        _version(
            value, person.kept_under, fact_id, Confidence.CONFIRMED, proposed=p, reason=reason,
            closes=_ours(versions, proposed=p or before is None) + _overtaken(versions, waits, proposed=p),
            flags=still_settled(versions, value),
        )
        for value, p in _both(counts, waits)
    ]  # fmt: skip
    new += [_left(session, spell, after, proposed=counts is None) for spell in followed]
    record.append(session, new, by=by.user_id, at=at, audit_id=audit_id)
    return _entered(session, after.kind, fact_id, person.person_id, counts, waits, at)


def held(
    session: Session, kind: str, fact_id: str, *, by: User, at: datetime, reason: str | None = None
) -> tuple[Somebody, list[Fact]]:
    """Whose a fact is, and its current versions, locked. Raises NotFound for a person whom `by` may not open.

    One entry of a person at a time: what is entered of one place may end, or let run on, what is held of another.
    """
    said = facts.of_fact(session, kind, fact_id)
    # The fact of nobody takes the same look-ups as one of somebody hidden: "" is nobody's id.
    person_id = cast(str, said[0].known and said[0].known.person_id) if said else ""
    found = somebody(session, to=by, today=london_day(at), person_id=person_id, reason=reason, writing=True)
    merges.lock(session, found.ids)
    versions = facts.of_fact(session, kind, fact_id, lock=True)
    if not versions:
        raise NotFound(about=found.person_id)  # withdrawn while we waited
    return replace(found, addressed=person_id), versions  # a fact stays under the id it was recorded under


def approve(
    session: Session,
    kind: str,
    fact_id: str,
    *,
    by: User,
    at: datetime,
    reason: str | None,
    if_match: str | None = None,
    why: str | None = None,
) -> Entered:
    """Let what waits on a fact count, with all that was entered in the same act. Never one's own entry.

    With `if_match`, only as the approver read it: nothing said since is approved unseen.
    """
    person, versions = held(session, kind, fact_id, by=by, at=at, reason=why or reason)
    if if_match is not None and etag_of(versions) != if_match:
        raise Stale
    waiting = [v for v in versions if v.known and v.known.effective_at is None]
    if not waiting:
        raise NothingToApprove
    if by.user_id in facts.proposers_of(session, kind, fact_id):
        raise OwnEntry  # also where a colleague has since corrected what one proposed
    audit_id = audit.note(
        session, f"approve.{kind}", by=by.user_id, at=at, person_id=person.person_id, detail={"fact_id": fact_id}
    )
    ids = facts.waiting_with(session, kind, [v.known.version_id for v in waiting if v.known])
    record.approve(session, kind, ids, by=by.user_id, at=at, reason=reason, audit_id=audit_id)
    return Entered(kind, fact_id, person.person_id, "at_once", at, etag_of(facts.of_fact(session, kind, fact_id)))


def withdraw(
    session: Session, kind: str, fact_id: str, *, by: User, at: datetime, reason: str, if_match: str | None = None
) -> Entered:
    """Take a fact entered on the wrong person out of the file. What a feed says is corrected at its source.

    With `if_match`, only as it was read: what somebody has said of it since is not taken out unseen.
    """
    _own(by, kind)
    person, versions = held(session, kind, fact_id, by=by, at=at, reason=reason)
    if if_match is not None and etag_of(versions) != if_match:
        raise Stale
    if any(v.known and v.known.source is not Source.API for v in versions):
        raise Conflict(("fact_id", "from_a_feed", "a fact entered by hand; a feed's fact is corrected at its source"))
    authors = facts.authors_of(session, kind, fact_id)
    if not by.may(Permission.APPROVE_FACT) and (authors != {by.user_id} or lowers(stands(versions)[0])):
        raise NeedsManager  # a worker takes back what only they said, and never danger
    if lowers(stands(versions)[0]) and by.user_id in authors:
        raise OwnEntry
    audit_id = audit.note(
        session, f"withdraw.{kind}", by=by.user_id, at=at, person_id=person.person_id,
        detail={"fact_id": fact_id, "tell": "information_governance"},
    )  # fmt: skip
    taken, reopened = _undone(session, kind, fact_id, versions)
    record.withdraw(session, kind, taken, by=by.user_id, at=at, reason=reason, audit_id=audit_id)
    record.append(session, reopened, by=by.user_id, at=at, audit_id=audit_id)
    return Entered(kind, fact_id, person.person_id, "withdrawn", at, "")


def _undone(session: Session, kind: str, fact_id: str, versions: Sequence[Fact]) -> tuple[list[str], list[NewVersion]]:
    """Ids of all that the withdrawn entry said, and the spells it ended run on: it never was this person's move.

    An end that still waits, or that stood over a feed's version alone, goes with the entry; where it replaced
    another entry, that one is said again.
    """
    taken, reopened = run_on(session, facts.ended_with(session, kind, fact_id) if kind in FOLLOWING else ())
    return [v.known.version_id for v in versions if v.known] + taken, reopened


def ending(spell: Fact, day: date, *, why: str) -> NewVersion:
    """A version that ends a spell on a day, beside or in place of what was said of it."""
    known = spell.known
    if known is None:
        raise ValueError("what is held has an envelope")
    ended = replace(spell, ended_on=day)  # type: ignore[call-arg]
    return _version(ended, known.person_id, known.fact_id, known.confidence, proposed=False, reason=why)


def run_on(
    session: Session, spells: Iterable[Fact], *, why: str = "the move was withdrawn"
) -> tuple[list[str], list[NewVersion]]:
    """What lets spells run on that another entry ended: ids of versions to be closed, and versions that open again."""
    taken: list[str] = []
    reopened = []
    for ended in spells:
        known = ended.known
        if known is None:
            raise ValueError("what is held has an envelope")
        if not facts.took_the_place_of_an_entry(session, ended.kind, known):
            taken.append(known.version_id)
            continue
        open_again = replace(ended, ended_on=None)  # type: ignore[call-arg]
        reopened.append(
            _version(
                open_again, known.person_id, known.fact_id, known.confidence, proposed=False,
                reason=why, closes=(known.version_id,),
            )
        )  # fmt: skip
    return taken, reopened
