"""A care leaver's row that nothing dates: what it says better than what is held may be the older news."""

from collections.abc import Iterable
from dataclasses import replace

from service.domain.facts import Accommodation, CareLeaverStatus, Eligibility, Fact, InTouch
from service.domain.suitability import is_breach

UNDATED = "undated_row"
CONFLICTING = "conflicting_"
"""Of several rows of one person that say different things of a field, none the worse: `conflicting_<field>`."""
UNMAPPED = "unmapped_"
"""Something was said of a field that the code map does not know: `unmapped_<field>`."""
_OUT_OF_TOUCH = frozenset({InTouch.NO, InTouch.REFU})
_SERVED = frozenset({Eligibility.RELEVANT, Eligibility.FORMER_RELEVANT})


def believed(before: Fact, after: Fact, flags: Iterable[str]) -> Fact:
    """`after`, without what a row flagged `undated_row` says better than `before`.

    Eclipse's script lets a record without a contact date pass for the latest. Such a row neither beats a dated one
    nor loses to it: a danger it brings counts, and no breach, silence or entitlement ends by it.
    """
    if UNDATED not in flags:
        return after
    if isinstance(before, Accommodation) and isinstance(after, Accommodation):
        if not is_breach(before) or is_breach(after):
            return after
        return replace(after, code=before.code, suitable=before.suitable, unacceptable=before.unacceptable)
    if isinstance(before, CareLeaverStatus) and isinstance(after, CareLeaverStatus):
        touch = before.in_touch in _OUT_OF_TOUCH and after.in_touch not in _OUT_OF_TOUCH
        served = before.eligibility in _SERVED and after.eligibility not in _SERVED
        return replace(
            after,
            in_touch=before.in_touch if touch else after.in_touch,
            in_touch_on=before.in_touch_on if touch else after.in_touch_on,
            eligibility=before.eligibility if served else after.eligibility,
        )
    return after


def unread(flags: Iterable[str]) -> frozenset[str]:
    """The fields of which something was said that could not be read: unknown, where a blank would say nothing."""
    return frozenset(
        flag.removeprefix(stem) for stem in (UNMAPPED, CONFLICTING) for flag in flags if flag.startswith(stem)
    )
