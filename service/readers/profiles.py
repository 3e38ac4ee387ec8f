"""The profiles a batch may have, the datasets of each, and the one reader for each."""

from collections.abc import Callable, Mapping
from datetime import datetime

from service.domain.intake import Extract
from service.errors import Unprocessable
from service.readers import cohorts_csv, front_door, ssd
from service.readers.content import Content
from service.readers.mapping import CodeMap

DATASETS: dict[str, tuple[str, ...]] = {"ssd": tuple(ssd.TABLES), "cohorts": cohorts_csv.DATASETS}
_READERS: dict[str, Callable[[Mapping[str, Content], CodeMap, datetime], Extract]] = {
    "ssd": ssd.read,
    "cohorts": cohorts_csv.read,
}
_ENDINGS = (".csv", ".ndjson", ".jsonl")


def dataset_name(profile: str, name: str) -> str:
    """The name we use for a dataset: `person`, `ssd_person` and `ssd_person.csv` are all `ssd_person`.

    Refuses (Unprocessable) an unknown profile or dataset, with those that are allowed, and ssd_contacts, saying why.
    """
    if profile not in DATASETS:
        raise Unprocessable(("profile", "unknown_profile", ", ".join(DATASETS)))
    plain = name.strip().lower()
    for ending in _ENDINGS:
        plain = plain.removesuffix(ending)
    if profile == "ssd" and not plain.startswith("ssd_"):
        plain = f"ssd_{plain}"
    if plain == front_door.TABLE:
        raise Unprocessable(("datasets.name", front_door.CODE, front_door.ALLOWED))
    if plain not in DATASETS[profile]:
        raise Unprocessable(("datasets.name", "unknown_dataset", ", ".join(DATASETS[profile])))
    return plain


def read(profile: str, datasets: Mapping[str, Content], mapping: CodeMap, extracted_at: datetime) -> Extract:
    """What the files of a batch say; a dataset may come under any name `dataset_name` knows, but only once.

    Refuses (Unprocessable) an unknown profile, an unknown dataset, and one that comes under two names.
    """
    named = [(dataset_name(profile, name), content) for name, content in datasets.items()]
    if len(dict(named)) != len(named):
        raise Unprocessable(("datasets.name", "duplicate_dataset", "each dataset once"))
    return _READERS[profile](dict(named), mapping, extracted_at)
