"""Readers as a batch uses them: bytes in, an extract out, taken on the evening of 31 July 2020."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from service.domain.intake import Extract
from service.readers import cohorts_csv, mapping, ssd
from service.readers.mapping import CodeMap

EXTRACTED_AT = datetime(2020, 7, 31, 21, 30, tzinfo=UTC)

Read = Callable[..., Extract]


@pytest.fixture(scope="session")
def codes() -> CodeMap:
    return mapping.load()


@pytest.fixture
def read_ssd(codes: CodeMap) -> Read:
    """`read_ssd(ssd_person="header\\nrow")`: each table as text."""
    return lambda **files: ssd.read({name: text.encode() for name, text in files.items()}, codes, EXTRACTED_AT)


@pytest.fixture
def read_cohorts(codes: CodeMap) -> Read:
    """`read_cohorts(people="header\\nrow")`: each file as text."""
    return lambda **files: cohorts_csv.read({name: text.encode() for name, text in files.items()}, codes, EXTRACTED_AT)
