"""The council that the stories here play on."""

import pytest
from sqlalchemy import Engine

from tests.conftest import SetClock
from tests.council import Council, introduced


@pytest.fixture
def council(engine: Engine, clock: SetClock) -> Council:
    """Three care leavers, introduced on the night of 1 July 2020."""
    return introduced(engine, clock)
