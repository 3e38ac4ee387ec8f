"""What a record of a contact may say together."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.domain.contact import faults
from service.domain.facts import Contact, ContactKind, ContactOutcome

CALL = Contact(
    occurred_at=datetime(2020, 7, 30, 13, 5, tzinfo=UTC),
    contact_kind=ContactKind.PHONE,
    outcome=ContactOutcome.MADE,
    seen=False,
    voice="I want to stay at college",
)
VISIT = replace(CALL, contact_kind=ContactKind.FACE_TO_FACE, seen=True, seen_alone=True)


@pytest.mark.parametrize(
    "contact",
    [
        CALL,
        VISIT,
        replace(VISIT, contact_kind=ContactKind.PRISON_VISIT),
        replace(CALL, contact_kind=ContactKind.VIDEO),
        replace(CALL, voice=None, voice_not_obtained="line went dead"),
        replace(CALL, contact_kind=ContactKind.TEXT, voice=None),
        replace(CALL, contact_kind=ContactKind.VISIT_NO_REPLY, outcome=ContactOutcome.ATTEMPTED, voice=None),
    ],
)
def test_what_goes_together(contact: Contact) -> None:
    assert faults(contact) == []


@pytest.mark.parametrize(
    ("contact", "field"),
    [
        pytest.param(
            replace(CALL, contact_kind=ContactKind.THIRD_PARTY, voice=None), "outcome", id="news is no contact"
        ),
        pytest.param(replace(CALL, contact_kind=ContactKind.VISIT_NO_REPLY, voice=None), "outcome", id="nobody in"),
        pytest.param(replace(CALL, seen=True), "seen", id="a call is no sighting"),
        pytest.param(replace(CALL, contact_kind=ContactKind.VIDEO, seen=True), "seen", id="nor is video"),
        pytest.param(replace(VISIT, outcome=ContactOutcome.ATTEMPTED, voice=None), "seen", id="an attempt sees nobody"),
        pytest.param(replace(CALL, seen_alone=True), "seen_alone", id="alone, but not seen"),
        pytest.param(replace(CALL, contact_kind=ContactKind.TEXT), "voice", id="a text is not spoken"),
        pytest.param(replace(CALL, outcome=ContactOutcome.ATTEMPTED), "voice", id="nobody answered"),
        pytest.param(
            replace(CALL, outcome=ContactOutcome.ATTEMPTED, voice=None, voice_not_obtained="no reply"),
            "voice_not_obtained",
            id="a voice is not asked for of an attempt",
        ),
        pytest.param(replace(CALL, voice_not_obtained="asleep"), "voice_not_obtained", id="a voice and no voice"),
    ],
)
def test_what_contradicts_itself(contact: Contact, field: str) -> None:
    found = faults(contact)
    assert [name for name, _, _ in found] == [field]
    assert "college" not in str(found)
