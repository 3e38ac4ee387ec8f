"""How bad a place is: unacceptable, unsuitable, not yet judged, not known, abroad or suitable."""

from service.domain.facts import Accommodation

ALWAYS_UNACCEPTABLE = frozenset({"S", "W"})  # no fixed abode, bed and breakfast
CUSTODY = "X"
EMERGENCY = "V"
NOT_KNOWN = frozenset({"R", "0"})
ABROAD = frozenset({"G", "H"})  # gone abroad, deported

UNACCEPTABLE, UNSUITABLE, UNJUDGED_EMERGENCY, UNKNOWN, AWAY, SUITABLE = 5, 4, 3, 2, 1, 0


def is_unacceptable(place: Accommodation) -> bool:
    """An arrangement no council accepts, whatever the judgement: said to be one, or code S or W."""
    return place.unacceptable is not None or place.code in ALWAYS_UNACCEPTABLE


def rank(place: Accommodation) -> int:
    """How bad a place is, 5 (unacceptable) to 0 (judged suitable). docs/rules.md."""
    if is_unacceptable(place):
        return UNACCEPTABLE
    if place.code == CUSTODY or place.suitable is False:
        return UNSUITABLE
    if place.code in NOT_KNOWN or place.code is None:  # what it is decides whether a judgement can stand
        return UNKNOWN
    if place.suitable is True:
        return SUITABLE
    if place.code == EMERGENCY:
        return UNJUDGED_EMERGENCY
    return AWAY if place.code in ABROAD else UNKNOWN


def is_breach(place: Accommodation) -> bool:
    """Whether the place puts a care leaver in `unsuitable_accommodation`."""
    return rank(place) >= UNJUDGED_EMERGENCY


def is_improvement(old: Accommodation, new: Accommodation) -> bool:
    """Whether a new place or judgement is better than the old, so that it waits for a second person."""
    return rank(new) < rank(old)


def contradictions(place: Accommodation) -> tuple[str, ...]:
    """Flags for a suitable judgement that the code or the arrangement contradicts (S1, X1, W1, a tent)."""
    if place.suitable is not True:
        return ()
    if place.code == CUSTODY or place.code in ALWAYS_UNACCEPTABLE or place.code in NOT_KNOWN:
        return ("contradictory_code",)
    return ("contradictory_judgement",) if place.unacceptable is not None else ()


def are_two(one: Accommodation, other: Accommodation) -> bool:
    """Whether one is an unacceptable arrangement and the other cannot be that place: suitable, or of another code."""
    if is_unacceptable(one) is is_unacceptable(other):
        return False
    bad, good = (one, other) if is_unacceptable(one) else (other, one)
    return good.suitable is True or (good.code is not None and good.code not in NOT_KNOWN and good.code != bad.code)
