"""What stories over HTTP start from: a village, pushed through the API into each kind of database."""

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from tests.conftest import SetClock, TokenFor
from tests.village import Village, settle


@pytest.fixture
def village(client: TestClient, engine: Engine, clock: SetClock, token_for: TokenFor) -> Village:
    """The village on the morning of 31 July 2020."""
    return settle(Village(client, engine, clock, token_for))


@pytest.fixture
def empty(client: TestClient, engine: Engine, clock: SetClock, token_for: TokenFor) -> Village:
    """The same, before anything has been pushed."""
    return Village(client, engine, clock, token_for)
