"""What a blank leaves standing: a source that falls silent ends nothing, and what nobody could read ends no danger."""

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from service.domain.facts import Accommodation, CareLeaverStatus, Fact, InTouch, Person, Responsibility, field_types
from service.domain.suitability import is_breach
from service.domain.undated import believed, unread

NO_LONGER = "no_longer_supplied"
# A blank where an end stood opens the fact again: a source that no longer says it ended ends nothing.
_ENDS = frozenset({
    "ended_on", "end_reason", "disposed_on", "disposal", "step_decided_on", "outcome", "outcome_code",
    "court_application_on", "died_on", "transferred_out_on",
})  # fmt: skip
# Of these, the days: where one is blank, nothing of how it ended stands.
_DAYS = frozenset({"ended_on", "disposed_on", "step_decided_on"})
# What is true only while another field of the same spell is.
_HANGS_ON = {
    "accommodation": {
        "code": frozenset({
            "suitable", "judged_on", "judged_by", "judged_why", "evidence", "unacceptable", "provision", "release_on",
        }),
    },
    "care_leaver_status": {"in_touch": frozenset({"in_touch_on"})},
}  # fmt: skip


def kept(
    before: Fact, after: Fact, *, undated: bool, flags: Iterable[str] = (), unsaid: frozenset[str] = frozenset()
) -> tuple[Fact, set[str]]:
    """`after` with every blank that follows a value filled from `before`, and a flag for each.

    A cell that could not be mapped is no blank: something new was said, and the old value no longer stands,
    unless it was the worse (`_outlasts`): not understanding what is said ends no danger, whatever is said of a
    place that could not be read. Nor does a row that nothing dates (`believed`). An end goes where it is blank,
    not where the file has no column of it (`unsaid`).
    """
    flags = frozenset(flags)
    after = believed(before, after, flags)
    unsure = unread(flags)
    if isinstance(before, Accommodation) and isinstance(after, Accommodation):
        after = _no_better(before, after) if "code" in unsure and is_breach(before) else after
    filled: dict[str, Any] = {}
    born = isinstance(after, Person) and after.born_on is not None
    reopened = _ENDS if any(_gone(before, after, name) for name in _DAYS - unsaid) else _ENDS - unsaid
    for name in field_types(type(after)):
        old, new = getattr(before, name), getattr(after, name)
        if old is None or new is not None or name in reopened or (born and name == "expected_on"):
            continue
        if name not in unsure or _outlasts(before, name):
            filled[name] = old
    if undated and _starts_no_earlier(before, after):
        filled["started_on"] = getattr(before, "started_on", None)
        if hasattr(before, "started_on_basis"):
            filled["started_on_basis"] = before.started_on_basis
    dates_of_ours = {"started_on", "started_on_basis"} if undated else set()
    blanked = {f"{NO_LONGER}:{name}" for name in filled if name not in dates_of_ours}
    return (replace(after, **filled) if filled else after), blanked


def _gone(before: Fact, after: Fact, name: str) -> bool:
    return getattr(before, name, None) is not None and getattr(after, name) is None


def begins(before: Fact, said: Fact, value: Fact, blanked: Iterable[str]) -> tuple[Fact, list[str]]:
    """The spell that begins where an undated value changed, and the flags of what it keeps of the one before.

    A blank beside what changed is a blank after a value: it ends no danger. What only holds of what has changed
    (`_HANGS_ON`) is not kept: no judgement goes along to another place.
    """
    loose = {"started_on", "started_on_basis", "ended_on"}
    for defining, hanging in _HANGS_ON.get(before.kind, {}).items():
        if getattr(before, defining) != getattr(value, defining):
            loose |= hanging
    own = {f.name: getattr(said, f.name) for f in fields(value) if f.name in loose}
    return replace(value, **own), [flag for flag in blanked if flag.partition(":")[2] not in loose]


def _no_better(before: Accommodation, after: Accommodation) -> Accommodation:
    """A place whose code could not be read, with the worse of what is held and what is said of it."""
    suitable = False if after.suitable is False else before.suitable
    return replace(after, suitable=suitable, unacceptable=before.unacceptable or after.unacceptable)


def _starts_no_earlier(before: Fact, after: Fact) -> bool:
    """Whether the start we hold stands: none is said, or the same team is said again, by a new worker in it."""
    was, now = getattr(before, "started_on", None), getattr(after, "started_on", None)
    return now is None or (isinstance(after, Responsibility) and was is not None and was <= now)


def _outlasts(before: Fact, name: str) -> bool:
    if isinstance(before, Accommodation):
        return is_breach(before)
    if isinstance(before, CareLeaverStatus):
        return before.in_touch not in (InTouch.YES, None) if name == "in_touch" else False
    return False
