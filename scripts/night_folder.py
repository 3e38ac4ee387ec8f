"""A night's folder: which of its files is whose, which are whole and which changes only, and when they were taken."""

import argparse
import csv
import difflib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import ssd_tables
from calls import Exit, Stop

SUFFIXES = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}
PROFILES = ("ssd", "cohorts")  # in this order: the cohorts files name people whom the SSD tables introduce
COHORTS = (
    "teams", "workers", "people", "accommodation", "pre_proceedings", "care_proceedings", "permanence_plans",
    "plan_counts", "contacts",
)  # fmt: skip
MANIFEST = "manifest.json"
MANIFEST_FORM = 'manifest.json must say {"extracted_at": "2020-07-31T02:00:00Z"}, and may say {"ignore": ["name.csv"]}'
TIME_FORM = "a time is written with its offset: 2020-07-31T02:00:00Z"
FRONT_DOOR = "ssd_contacts holds contacts at the front door, not with young people: it is never read"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One file: its name without suffix, its bytes, what they are, and whether it is everything or only changes."""

    name: str
    body: bytes
    media_type: str
    mode: str

    @property
    def rows(self) -> int:
        """Data rows: lines of NDJSON, or CSV records after the header (a cell may hold line ends). 0 if unreadable."""
        try:
            text = self.body.decode("utf-8-sig")
            if text.lstrip()[:1] in ("{", "["):
                return sum(1 for line in text.split("\n") if line.strip())
            records = csv.reader(io.StringIO(text, newline=""), strict=True)
            return max(0, sum(1 for record in records if record) - 1)
        except (UnicodeDecodeError, csv.Error):
            return 0


@dataclass(frozen=True, slots=True)
class Night:
    """What is sent of a folder, by profile; when it was taken; and the files that no profile takes."""

    batches: dict[str, list[Dataset]]
    extracted_at: datetime
    strays: tuple[Path, ...] = ()


def read(
    folder: Path, *, only: str | None, deltas: list[str], ignored: Iterable[str], extracted_at: datetime | None
) -> Night:
    """Read what there is for each profile (`only` this one). Raises Stop where nothing is left to send."""
    said_at, leave = _manifest(folder)
    left = {name.lower() for name in (*ignored, *leave)}
    places = [place for place in (folder, *(folder / name for name in PROFILES)) if place.is_dir()]
    files = [
        file
        for file in sorted(file for place in places for file in place.iterdir())
        if file.is_file() and not file.name.startswith(".") and file.name != MANIFEST
        and left.isdisjoint({file.name.lower(), file.stem.lower()})
    ]  # fmt: skip
    whose = {file: _profile_of(file, only) for file in files}
    strays = tuple(file for file, profile in whose.items() if profile is None)
    mine = [file for file, profile in whose.items() if profile is not None and profile == (only or profile)]
    if not mine:
        named = "".join(f"\n{line}" for line in about(strays))
        raise Stop(Exit.USAGE, f"There is no file in {folder} that is taken{named}")
    batches: dict[str, list[Dataset]] = {}
    for profile in PROFILES:
        for file in (each for each in mine if whose[each] == profile):
            form = SUFFIXES[file.suffix.lower()]
            dataset = Dataset(file.stem, file.read_bytes(), form, mode(file.stem, profile, deltas))
            batches.setdefault(profile, []).append(dataset)
    newest = datetime.fromtimestamp(int(max(file.stat().st_mtime for file in mine)), UTC)
    return Night(batches, extracted_at or said_at or newest, strays)


def about(strays: Iterable[Path]) -> list[str]:
    """What to tell of files that no profile takes: each by name, then the names that are taken."""
    strays = list(strays)
    if not strays:
        return []
    return [
        *[f"{file.name}: left out. {_why(file)}" for file in strays],
        f"Taken are {', '.join((*ssd_tables.TABLES, *COHORTS))}, each with {', '.join(SUFFIXES)}.",
        f'Files that are meant to be left: --ignore NAME, or {{"ignore": ["NAME"]}} in {MANIFEST}.',
    ]


def refuse_unmatched(deltas: list[str], batches: dict[str, list[Dataset]]) -> None:
    """Stop where --delta names no file: sent as full, what a delta leaves out would count as gone."""
    sent = {_plain(each.name, profile) for profile, datasets in batches.items() for each in datasets}
    missing = [each for each in deltas if not {_plain(each, profile) for profile in PROFILES} & sent]
    if missing:
        raise Stop(Exit.USAGE, f"--delta names no file that is sent: {', '.join(missing)}")


def mode(name: str, profile: str, deltas: list[str]) -> str:
    """Whether a dataset holds changes only; `person` and `ssd_person.csv` are `ssd_person`."""
    return "delta" if _plain(name, profile) in {_plain(each, profile) for each in deltas} else "full"


def moment(text: str) -> datetime:
    """A time with its offset."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(TIME_FORM) from error
    if said.tzinfo is None:
        raise argparse.ArgumentTypeError(TIME_FORM)
    return said


def _profile_of(file: Path, only: str | None) -> str | None:
    """Which profile takes a file: by its name; `person.csv` is `ssd_person` where --profile ssd says so."""
    stem = file.stem.lower()
    if file.suffix.lower() not in SUFFIXES:
        return None
    if stem in COHORTS:
        return "cohorts"
    return "ssd" if stem in ssd_tables.TABLES or (only == "ssd" and f"ssd_{stem}" in ssd_tables.TABLES) else None


def _why(file: Path) -> str:
    stem, taken = file.stem.lower(), (*ssd_tables.TABLES, *COHORTS)
    if stem == "ssd_contacts":
        return f"{FRONT_DOOR}."
    if file.suffix.lower() not in SUFFIXES:
        return f"Its name does not end in {', '.join(SUFFIXES)} (--gzip packs on the way)."
    near = difflib.get_close_matches(stem, taken, 1) or difflib.get_close_matches(f"ssd_{stem}", taken, 1)
    return f"Nobody takes a file of this name{f': is it {near[0]}?' if near else '.'}"


def _plain(name: str, profile: str) -> str:
    stem = Path(name).stem.lower() if Path(name).suffix.lower() in SUFFIXES else name.lower()
    return f"ssd_{stem}" if profile == "ssd" and not stem.startswith("ssd_") else stem


def _manifest(folder: Path) -> tuple[datetime | None, list[str]]:
    """When the extract was taken and which files to leave, as far as the folder's manifest.json says."""
    file = folder / MANIFEST
    if not file.exists():
        return None, []
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        extracted_at, leave = moment(said["extracted_at"]), said.get("ignore", [])
    except (argparse.ArgumentTypeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Stop(Exit.USAGE, MANIFEST_FORM) from error
    if not isinstance(leave, list) or not all(isinstance(each, str) for each in leave):
        raise Stop(Exit.USAGE, MANIFEST_FORM)
    return extracted_at, leave
