"""Compute once per change: show what is kept while it stands, and keep what had to be computed."""

from collections.abc import Callable, Collection, Hashable

from service.api.dependencies import Look, Seen
from service.api.kept import Answer, Wanted, zipped
from service.store import changes


def once_per_change(
    look: Look,
    act: str,
    asked: Hashable,
    want: Wanted,
    compute: Callable[[Seen, Answer | None], tuple[Answer, Collection[str]]],
) -> Answer:
    """The answer to what is `asked`, in the audit either way; what is kept is the caller's own and nobody else's."""
    key = (look.subject.issuer, look.subject.subject, asked)
    held = look.door.kept.get(key)
    if held is not None and look.again(act, held.people, lambda seen: _stands(held, seen)):
        fresh = held
    else:
        fresh = look.at(act, lambda seen: compute(seen, held))
    if want.zipped and fresh.zipped is None and not want.has(fresh.digest):
        fresh = zipped(fresh)
    if fresh is not held and fresh.computed_at < fresh.good_until:
        look.door.kept.put(key, fresh)
    return fresh


def _stands(held: Answer, seen: Seen) -> bool:
    same = held.stands_for(seen.user, at=seen.now, today=seen.today)
    return same and changes.unchanged(seen.session, held.mark)
