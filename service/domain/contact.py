"""What makes the record of a contact consistent: an attempt is not a contact, and a call is not a sighting."""

from datetime import datetime, timedelta

from service.domain.facts import Contact, ContactKind, ContactOutcome

Fault = tuple[str, str, str]
"""(field, code, what is allowed); never the value."""

NEVER_MADE = frozenset({ContactKind.THIRD_PARTY, ContactKind.VISIT_NO_REPLY})
IN_PERSON = frozenset({ContactKind.FACE_TO_FACE, ContactKind.PRISON_VISIT})
SPOKEN = IN_PERSON | {ContactKind.VIDEO, ContactKind.PHONE}


AHEAD = timedelta(minutes=5)
BACK = timedelta(days=366)


def mistimed(contact: Contact, *, at: datetime) -> list[Fault]:
    """What is wrong with when a contact is said to have happened, entered at `at`: 5 minutes ahead, 366 days back."""
    if contact.occurred_at > at + AHEAD:
        return [("occurred_at", "in_future", "at most 5 minutes ahead")]
    if contact.occurred_at < at - BACK:
        return [("occurred_at", "too_old", "at most 366 days back")]
    return []


def faults(contact: Contact) -> list[Fault]:
    """What in a contact contradicts itself; empty when nothing does. Needs no clock: callers bound `occurred_at`.

    Made means that the young person answered, or was seen or spoken to; third-party news
    and a visit without a reply are always attempts; seen means seen in the flesh, so video is not; a voice
    is asked for only when the young person was seen or spoken to.
    """
    made = contact.outcome is ContactOutcome.MADE
    return [*_outcome(contact, made), *_sight(contact, made), *_voice(contact, made)]


def _outcome(contact: Contact, made: bool) -> list[Fault]:
    if made and contact.contact_kind in NEVER_MADE:
        return [("outcome", "always_attempted", "attempted, for third_party and visit_no_reply")]
    return []


def _sight(contact: Contact, made: bool) -> list[Fault]:
    found: list[Fault] = []
    if contact.seen and not (made and contact.contact_kind in IN_PERSON):
        found.append(("seen", "not_in_person", "true only for face_to_face or prison_visit with outcome made"))
    if contact.seen_alone and not contact.seen:
        found.append(("seen_alone", "not_seen", "true only when seen is true"))
    return found


def _voice(contact: Contact, made: bool) -> list[Fault]:
    found: list[Fault] = []
    spoken = made and contact.contact_kind in SPOKEN
    allowed = "only when seen or spoken to: face_to_face, prison_visit, video or phone with outcome made"
    for name in ("voice", "voice_not_obtained"):
        if getattr(contact, name) is not None and not spoken:
            found.append((name, "not_spoken_to", allowed))
    if contact.voice is not None and contact.voice_not_obtained is not None:
        found.append(("voice_not_obtained", "contradicts_voice", "empty when voice is given"))
    return found
