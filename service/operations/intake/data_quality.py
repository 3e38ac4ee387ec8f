"""Keep what was refused or is doubtful until a later push no longer says it; show it to whoever can put it right."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from sqlmodel import Session

from service.domain.access import User
from service.domain.data_quality import SILENCES, Issue, issues
from service.domain.dates import london_day
from service.domain.intake import UNUSABLE, Claim, Refusal
from service.errors import Unprocessable
from service.store import issues as store
from service.store.extracts import Batch
from service.store.issues import Filters, Listed


@dataclass(frozen=True, slots=True)
class Count:
    """Open issues of one dataset: how many are whose, and how long the oldest has stood."""

    source: str
    profile: str
    dataset: str
    refused: int
    doubtful: int
    oldest_days: int
    owners: Mapping[str, int]


def note(
    session: Session,
    *,
    batch: Batch,
    refusals: Iterable[Refusal],
    claims: Iterable[Claim],
    people: Mapping[str, str],
    full: frozenset[str],
    said_rows: Mapping[str, int],
    at: datetime,
) -> None:
    """Note the issues of a push, once its facts are recorded, and that earlier ones of its datasets no longer occur.

    One that persists stays as it is, so its age shows. A full dataset closes what it no longer says; one that could
    not be read, or came empty, closes nothing; a delta closes issues of rows it says again, and of rows without an
    id, which nothing could say again. `people` is Eclipse id -> person id, `said_rows` the rows of each dataset.
    """
    declared = frozenset(each["name"] for each in batch.manifest["datasets"])
    claims = list(claims)
    found = _about(session, batch, issues(refusals, claims, people))
    found += [issue for issue in store.silences(session, batch.source) if issue.dataset in declared]
    held = store.standing(session, batch.source, batch.profile, declared)
    occurring = {issue.identity for issue in found}
    unsaid = [each for each in held if each[1] not in occurring]
    closed = _closed_by(claims, found, said_rows.keys() & declared, frozenset(d for d in full if said_rows.get(d)))
    gone = [issue_id for issue_id, identity, key in unsaid if closed(identity, key)]
    store.close(session, gone, at=at)
    known = {identity for _, identity, _ in held}
    fresh = {i.identity: i for i in found if i.identity not in known and i.dataset in declared}
    store.add(session, batch.batch_id, batch.source, batch.profile, list(fresh.values()), at=at)


def _about(session: Session, batch: Batch, found: list[Issue]) -> list[Issue]:
    """The issues with whom they are about, where an earlier night took the row that is refused tonight."""
    refs = {f"{issue.dataset}/{issue.key}" for issue in found if issue.key and issue.person_id is None}
    known = store.whose(session, batch.source, refs) if refs else {}
    return [replace(issue, person_id=issue.person_id or known.get(f"{issue.dataset}/{issue.key}")) for issue in found]


def _closed_by(
    claims: Iterable[Claim], found: Iterable[Issue], read: Collection[str], full: frozenset[str]
) -> Callable[[tuple[str, str, str, str], str], bool]:
    """Whether a push that no longer says an issue, by its identity and key, closes it.

    `read` are the datasets that were read, `full` those of them whose silence means something.
    """
    found = list(found)
    unread = {issue.dataset for issue in found if issue.code in UNUSABLE}

    @cache
    def rows() -> set[tuple[str, str]]:
        said = {(each.dataset, each.key) for each in claims} | {(each.dataset, each.key) for each in found if each.row}
        return said | {(dataset, start) for dataset, key in said for start in _starts(key)}

    def closed(identity: tuple[str, str, str, str], key: str) -> bool:
        dataset, _, _, code = identity
        if dataset not in read or dataset in unread:
            return False
        if dataset in full or code in UNUSABLE or code in SILENCES or not key:
            return True
        return not rows().isdisjoint({(dataset, each) for each in (key, *_starts(key))})

    return closed


def _starts(key: str) -> list[str]:
    """What a key begins with, up to a slash: "EX1" of "EX1/status"."""
    parts = key.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def page(
    session: Session, *, to: User, at: datetime, filters: Filters, after: str | None, limit: int
) -> tuple[list[Listed], int, str | None]:
    """Open issues `to` may see, the oldest first, how many blank rows end the list, and where the next page begins.

    A blank row a restricted person, on the last page, and only where nothing narrows the list: a filter that a blank
    row answered to would say what it hides.
    """
    today = london_day(at)
    found = store.listed(session, to, today, filters, after=after, limit=limit + 1)
    if len(found) > limit:
        return found[:limit], 0, found[limit - 1].issue_id
    return found, 0 if filters.narrow else store.shut_people(session, to, today), None


def counts(session: Session, *, to: User, at: datetime) -> tuple[list[Count], int]:
    """Open issues `to` may see, by dataset, and how many restricted people have any.

    What is wrong in a restricted record is in no figure: beside those of the rows, it would say which table.
    """
    today = london_day(at)
    found: dict[tuple[str, str, str], list[tuple[str, bool, int, datetime]]] = {}
    for source, profile, dataset, owner, doubtful, number, since in store.counted(session, to, today):
        found.setdefault((source, profile, dataset), []).append((owner, doubtful, number, since))
    counted = [
        Count(
            *place,
            refused=sum(number for _, doubtful, number, _ in each if not doubtful),
            doubtful=sum(number for _, doubtful, number, _ in each if doubtful),
            oldest_days=days_between(min(since for *_, since in each), at),
            owners=dict(sorted(_by_owner(each).items())),
        )
        for place, each in found.items()
    ]
    return counted, store.shut_people(session, to, today)


def _by_owner(each: Iterable[tuple[str, bool, int, datetime]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for owner, _, number, _ in each:
        total[owner] += number
    return total


def days_between(since: datetime, at: datetime) -> int:
    """Whole London days from one moment to another."""
    return (london_day(at) - london_day(since)).days


def refuse_unknown(name: str, said: str | None, allowed: Collection[str]) -> None:
    """Raise Unprocessable where a filter names what there is none of: a misspelling must not answer "no issues"."""
    if said is not None and said not in allowed:
        raise Unprocessable((name, "unknown", ", ".join(sorted(allowed))))
