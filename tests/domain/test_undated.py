"""A row that nothing dates: its danger counts, its better news ends none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.facts import Accommodation, CareLeaverStatus, Eligibility, InTouch
from service.domain.suitability import is_breach
from service.domain.undated import UNDATED, believed

PLACES = st.builds(
    Accommodation,
    code=st.sampled_from([None, *"BCDGKRSUVWXZ0"]),
    suitable=st.sampled_from([None, True, False]),
)
STATUSES = st.builds(
    CareLeaverStatus,
    eligibility=st.sampled_from([None, *Eligibility]),
    in_touch=st.sampled_from([None, *InTouch]),
)
LOST = {InTouch.NO, InTouch.REFU}
SERVED = {Eligibility.RELEVANT, Eligibility.FORMER_RELEVANT}


@given(PLACES, PLACES)
def test_no_breach_ends_by_an_undated_row_and_every_breach_it_brings_counts(
    before: Accommodation, after: Accommodation
) -> None:
    found = believed(before, after, {UNDATED})
    assert isinstance(found, Accommodation)
    assert is_breach(found) is (is_breach(before) or is_breach(after))
    assert found == (after if is_breach(after) or not is_breach(before) else before)


@given(STATUSES, STATUSES)
def test_no_silence_and_no_entitlement_ends_by_an_undated_row(
    before: CareLeaverStatus, after: CareLeaverStatus
) -> None:
    found = believed(before, after, {UNDATED})
    assert isinstance(found, CareLeaverStatus)
    assert (found.in_touch in LOST) is (before.in_touch in LOST or after.in_touch in LOST)
    assert (found.eligibility in SERVED) is (before.eligibility in SERVED or after.eligibility in SERVED)


@pytest.mark.parametrize("flags", [(), ("several_rows",)])
def test_a_dated_row_is_believed(flags: tuple[str, ...]) -> None:
    before, after = Accommodation(code="S", suitable=False), Accommodation(code="U", suitable=True)
    assert believed(before, after, flags) is after
