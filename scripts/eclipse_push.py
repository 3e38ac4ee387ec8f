#!/usr/bin/env python3
"""Push a night's extracts, from a folder or straight from the SSD tables, and say what came of it. Safe to run again.

    eclipse_push.py --url https://sight.example.gov.uk FOLDER
    eclipse_push.py --from-database postgresql://reader@warehouse/eclipse

Exit codes, the gravest of what came of the run:

    10  a file could not be read at all; nothing was concluded from it
     4  the service rejected the push
     8  a newer extract has been applied already
     9  this run id was used for other content
     7  part of it waits for a person's decision; the rest is applied
     3  applied, but some rows were refused
     0  applied, or nothing new

and where the run could not be made: 2 wrong usage; 5 no answer from the service or the database; 6 not signed in, or
not permitted. docs/eclipse.md says what to do about each.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import calls
import push_report
import ssd_tables
from calls import Exit, Stop, said

SUFFIXES = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".jsonl": "application/x-ndjson"}
PROFILES = ("ssd", "cohorts")  # in this order: the cohorts files name people whom the SSD tables introduce
ADVICE = {
    Exit.UNUSABLE: "No file of this push could be used, so nothing was concluded from it; write them again.",
    Exit.REJECTED: "Nothing of this push was applied; put it right and push again.",
    Exit.OLDER: "Nothing of this push was applied: what is held is newer. Tonight's extract needs nothing from it.",
    Exit.RUN_DIFFERS: "Nothing of this push was applied. Other content is another run: say when it was extracted"
    " (--extracted-at, or manifest.json).",
}
TIME_FORM = "a time is written with its offset: 2020-07-31T02:00:00Z"


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


def main() -> Exit:
    """Read what there is, push it batch by batch, and print each report."""
    options = _options()
    client = calls.connect(options.url, options.token)
    batches, extracted_at = _from_database(options) if options.from_database else _from_folder(options)
    _refuse_unmatched(options.delta, batches)
    ends = []
    with client:
        for profile, datasets in batches.items():
            try:
                report = push(client, profile, datasets, extracted_at, dry_run=options.dry_run, packed=options.gzip)
            except Stop as stop:
                if stop.code not in ADVICE:
                    raise
                said.print(f"{profile}: {stop}", style="bold red", markup=False, soft_wrap=True)
                said.print(ADVICE[stop.code], markup=False, soft_wrap=True)
                ends.append(stop.code)
            else:
                ends.append(push_report.show(profile, report))
    return push_report.gravest(ends)


def push(
    client: httpx.Client,
    profile: str,
    datasets: list[Dataset],
    extracted_at: datetime,
    *,
    dry_run: bool = False,
    packed: bool = False,
) -> dict[str, Any]:
    """Send one batch and have it applied. The run id names profile and moment, so a repeat is the same run."""
    moment = extracted_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    manifest = {
        "profile": profile,
        "run_id": f"{profile}-{moment}",
        "extracted_at": moment,
        "datasets": [
            {"name": d.name, "mode": d.mode, "rows": d.rows, "sha256": hashlib.sha256(d.body).hexdigest()}
            for d in datasets
        ],
    }
    answer = calls.call(client, "POST", "/v1/ingest/batches", json=manifest)
    batch = answer.json()
    here = f"/v1/ingest/batches/{batch['batch_id']}"
    if batch["state"] == "open":
        _send(client, here, profile, datasets, packed=packed)
        planned = calls.call(client, "POST", f"{here}/plan").json()
        if dry_run:
            return dict(planned)
        calls.call(client, "POST", f"{here}/apply")
    else:
        said.print(f"Run {manifest['run_id']} is {batch['state']} already; this is its report", markup=False)
    return dict(calls.call(client, "GET", f"{here}/report").json())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    calls.add_address(parser)
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="folder of CSV or NDJSON files")
    parser.add_argument("--from-database", metavar="URL", help="a PostgreSQL that holds the SSD tables")
    parser.add_argument("--schema", help="schema of the SSD tables (else the first of the search path)")
    parser.add_argument("--profile", choices=PROFILES, help="what the files are (else by name: ssd_* is ssd)")
    parser.add_argument("--extracted-at", type=_moment, metavar="TIME", help="when the extract was taken, with offset")
    parser.add_argument("--delta", action="append", default=[], metavar="DATASET", help="this file holds changes only")
    parser.add_argument("--gzip", action="store_true", help="send the files packed")
    parser.add_argument("--dry-run", action="store_true", help="plan, show, and change nothing")
    options = parser.parse_args()
    if bool(options.folder) == bool(options.from_database):
        parser.error("give a FOLDER or --from-database, not both")
    return options


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(TIME_FORM) from error
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(TIME_FORM)
    return moment


def _from_folder(options: argparse.Namespace) -> tuple[dict[str, list[Dataset]], datetime]:
    folders = [folder for folder in (options.folder, *(options.folder / name for name in PROFILES)) if folder.is_dir()]
    files = sorted(file for folder in folders for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise Stop(Exit.USAGE, f"There is no CSV or NDJSON file in {options.folder}")
    batches: dict[str, list[Dataset]] = {}
    for profile in PROFILES:
        mine = [file for file in files if profile == (options.profile or _profile_of(file))]
        for file in mine:
            if profile == "ssd" and "ssd_" + file.stem.lower().removeprefix("ssd_") not in ssd_tables.TABLES:
                said.print(f"{file.name}: left out, the service does not take this table", markup=False)
                continue
            mode = _mode(file.stem, profile, options.delta)
            dataset = Dataset(file.stem, file.read_bytes(), SUFFIXES[file.suffix.lower()], mode)
            batches.setdefault(profile, []).append(dataset)
    return batches, options.extracted_at or _extracted_at(options.folder, files)


def _mode(name: str, profile: str, deltas: list[str]) -> str:
    """Whether a dataset holds changes only; `person` and `ssd_person.csv` are `ssd_person`."""
    return "delta" if _plain(name, profile) in {_plain(each, profile) for each in deltas} else "full"


def _refuse_unmatched(deltas: list[str], batches: dict[str, list[Dataset]]) -> None:
    """Stop where --delta names no file: sent as full, what a delta leaves out would count as gone."""
    sent = {_plain(each.name, profile) for profile, datasets in batches.items() for each in datasets}
    missing = [each for each in deltas if not {_plain(each, profile) for profile in PROFILES} & sent]
    if missing:
        raise Stop(Exit.USAGE, f"--delta names no file that is sent: {', '.join(missing)}")


def _plain(name: str, profile: str) -> str:
    stem = Path(name).stem.lower() if Path(name).suffix.lower() in SUFFIXES else name.lower()
    return f"ssd_{stem}" if profile == "ssd" and not stem.startswith("ssd_") else stem


def _profile_of(file: Path) -> str:
    return "ssd" if file.stem.lower().startswith("ssd_") else "cohorts"


def _extracted_at(folder: Path, files: list[Path]) -> datetime:
    """When the extract was taken: `extracted_at` of the folder's manifest.json, else its newest file's time."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return datetime.fromtimestamp(int(max(file.stat().st_mtime for file in files)), UTC)
    try:
        return _moment(json.loads(manifest.read_text(encoding="utf-8"))["extracted_at"])
    except (argparse.ArgumentTypeError, ValueError, KeyError, TypeError) as error:
        raise Stop(Exit.USAGE, 'manifest.json must say {"extracted_at": "2020-07-31T02:00:00Z"}') from error


def _from_database(options: argparse.Namespace) -> tuple[dict[str, list[Dataset]], datetime]:
    extracted_at = options.extracted_at or datetime.now(UTC)
    try:
        tables = ssd_tables.read(options.from_database, schema=options.schema)
    except psycopg.Error as error:
        raise Stop(Exit.UNREACHABLE, f"The SSD tables cannot be read ({type(error).__name__})") from error
    if tables.absent:
        said.print(f"Not in this database, so not in the manifest: {', '.join(tables.absent)}")
    if not tables.found:
        raise Stop(Exit.USAGE, "None of the SSD tables is there; is --schema right?")
    found = [Dataset(name, body, "text/csv", _mode(name, "ssd", options.delta)) for name, body in tables.found.items()]
    return {"ssd": found}, extracted_at


def _send(client: httpx.Client, here: str, profile: str, datasets: list[Dataset], *, packed: bool) -> None:
    """Send each file; the manifest's sha256 is of the unpacked bytes."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=said, transient=True, disable=not said.is_terminal) as progress:
        task = progress.add_task(profile, total=len(datasets))
        for dataset in datasets:
            progress.update(task, description=dataset.name)
            headers = {"Content-Type": dataset.media_type}
            body = dataset.body
            if packed:
                headers["Content-Encoding"], body = "gzip", gzip.compress(body, mtime=0)
            calls.call(client, "PUT", f"{here}/datasets/{dataset.name}", content=body, headers=headers)
            progress.advance(task)


if __name__ == "__main__":
    raise SystemExit(calls.run(main))
