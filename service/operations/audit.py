"""Read the audit: who saw a child from one day to another, what I looked at, what was refused or told of."""

from dataclasses import dataclass, field
from enum import StrEnum

from sqlmodel import Session

from service.domain.access import User
from service.domain.period import Period
from service.errors import NotFound, Unprocessable
from service.store import trail
from service.store.audit import LOOKS
from service.store.trail import Entry, Who


class Kind(StrEnum):
    """What an entry is."""

    LOOK = "look"
    CHANGE = "change"
    DENIAL = "denial"
    ALERT = "alert"
    SIGN_IN = "sign_in"
    REFUSED_SIGN_IN = "refused_sign_in"


# Begins of acts, the first that fits; whatever else there is changes something.
_ACTS = (
    ("denied", Kind.DENIAL), ("sign_in.refused", Kind.REFUSED_SIGN_IN), ("sign_in", Kind.SIGN_IN),
    ("alert.", Kind.ALERT), *[(begins, Kind.LOOK) for begins in LOOKS],
)  # fmt: skip
# Acts, and begins of acts (with their dot).
WATCHED = {
    Kind.ALERT: "alert.", Kind.DENIAL: "denied", Kind.SIGN_IN: "sign_in", Kind.REFUSED_SIGN_IN: "sign_in.refused",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the audit is asked for: a period, after which entry, how many."""

    period: Period
    after: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Trail:
    """Entries, the accounts behind them, the ids they are about, and the entry after which the next page begins."""

    entries: tuple[Entry, ...]
    who: dict[str, Who] = field(default_factory=dict)
    person_id: str | None = None
    ids: tuple[str, ...] = ()
    after: str | None = None


def kind_of(entry: Entry) -> Kind:
    """What an entry is, by its act."""
    return next((kind for begins, kind in _ACTS if entry.act.startswith(begins)), Kind.CHANGE)


def about(
    session: Session, asked: Asked, *, person_id: str | None = None, eclipse_id: str | None = None
) -> Trail:  # fmt: skip
    """Who looked at somebody, changed something or was refused, oldest first: sealed and erased people too.

    Looks at a list count if the person stood in it, and so do those at a record that was read as one with theirs.
    """
    if person_id is None and eclipse_id is not None:
        person_id = trail.whose_eclipse_id(session, eclipse_id)
    if person_id is None or not trail.is_known(session, person_id):
        raise NotFound
    ids = trail.one_with(session, person_id, asked.period)
    after = _place(session, asked)
    entries = trail.about(session, ids, asked.period, after=after, limit=asked.limit + 1)
    page = _page(entries, asked)
    return Trail(page.entries, _who(session, page), person_id, ids, page.after)


def mine(session: Session, asked: Asked, *, to: User) -> Trail:
    """What the account itself looked at, newest first."""
    after = _place(session, asked, by=to.user_id)
    return _page(trail.looks_of(session, to.user_id, asked.period, after=after, limit=asked.limit + 1), asked)


def watched(session: Session, asked: Asked, kind: Kind) -> Trail:
    """Alerts, or what was refused, newest first. `kind` is one of WATCHED."""
    after = _place(session, asked)
    entries = trail.of_acts(session, WATCHED[kind], asked.period, after=after, limit=asked.limit + 1)
    page = _page(entries, asked)
    return Trail(page.entries, _who(session, page), after=page.after)


def _place(session: Session, asked: Asked, *, by: str | None = None) -> trail.Place | None:
    if asked.after is None:
        return None
    place = trail.place_of(session, asked.after, by=by)
    if place is None:
        raise Unprocessable(("cursor", "unknown", "`next` of the page before"))
    return place


def _page(entries: list[Entry], asked: Asked) -> Trail:
    shown = tuple(entries[: asked.limit])
    return Trail(shown, after=shown[-1].audit_id if len(entries) > asked.limit else None)


def _who(session: Session, page: Trail) -> dict[str, Who]:
    return trail.who(session, {entry.by_user for entry in page.entries})
