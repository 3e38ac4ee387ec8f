"""Extract files of the demo council, read back as rows."""

import csv
import io
from datetime import date
from functools import lru_cache

from service.demo.council import Night, build

SUMMER = date(2020, 7, 31)

council = lru_cache(maxsize=None)(build)


def rows(night: Night, dataset: str) -> list[dict[str, str]]:
    return parsed(night.ssd.get(dataset, night.cohorts.get(dataset, b"")))


@lru_cache(maxsize=64)
def parsed(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def last(as_at: date, dataset: str) -> list[dict[str, str]]:
    return rows(council(as_at).nights[-1], dataset)


def day(text: str) -> date:
    return date.fromisoformat(text[:10])
