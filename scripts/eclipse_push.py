#!/usr/bin/env python3
"""Push a night's extracts, from a folder or straight from the SSD tables, and say what came of it. Safe to run again.

    eclipse_push.py --url https://sight.example.gov.uk FOLDER
    eclipse_push.py --from-database postgresql://reader@warehouse/eclipse

Exit codes, the gravest of what came of the run:

    10  a file could not be read at all, or nobody takes one of its name; nothing was concluded from it
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
import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

import calls
import night_folder
import push_report
import ssd_tables
from calls import Exit, Stop, said
from night_folder import PROFILES, Dataset, Night

ADVICE = {
    Exit.UNUSABLE: "No file of this push could be used, so nothing was concluded from it; write them again.",
    Exit.REJECTED: "Nothing of this push was applied; put it right and push again.",
    Exit.OLDER: "Nothing of this push was applied: what is held is newer. Tonight's extract needs nothing from it.",
    Exit.RUN_DIFFERS: "Nothing of this push was applied. Other content is another run: say when it was extracted"
    " (--extracted-at, or manifest.json).",
}
DOUBTFUL = (
    "Rows taken with a doubt, such as codes that the map does not know, are in no exit code. The performance analyst"
    " sees them: GET /v1/data-quality/rows?doubtful=true (&code=unmapped for those codes alone)."
)
WITHOUT_SSD = (
    "  Planned without the ssd part, which a dry run does not apply: rows about people whom only tonight's ssd files"
    " introduce stand here as person_not_found. The push will take them."
)


def main() -> Exit:
    """Read what there is, push it batch by batch, and print each report."""
    options = _options()
    client = calls.connect(options.url, options.token)
    night = _from_database(options) if options.from_database else _from_folder(options)
    night_folder.refuse_unmatched(options.delta, night.batches)
    for line in night_folder.about(night.strays):
        said.print(line, style="bold red", markup=False, soft_wrap=True)
    ends = [Exit.UNUSABLE] if night.strays else []
    with client:
        for profile, datasets in night.batches.items():
            try:
                report = push(
                    client, profile, datasets, night.extracted_at, dry_run=options.dry_run, packed=options.gzip
                )
            except Stop as stop:
                if stop.code not in ADVICE:
                    raise
                said.print(f"{profile}: {stop}", style="bold red", markup=False, soft_wrap=True)
                said.print(ADVICE[stop.code], markup=False, soft_wrap=True)
                ends.append(stop.code)
            else:
                ends.append(push_report.show(profile, report))
                if options.dry_run and profile == "cohorts" and "ssd" in night.batches:
                    print(WITHOUT_SSD)
    if not options.dry_run:
        print(DOUBTFUL)
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
    """Send one batch and have it applied. The run id names profile and moment, so a repeat is the same run.

    A dry run has a run id of its own, so that it uses up none: what it shows may be mended and pushed.
    """
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
    if dry_run:
        digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
        manifest["run_id"] = f"{manifest['run_id']}-dry-{digest[:16]}"
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
    parser.add_argument("--profile", choices=PROFILES, help="push the files of this profile only")
    parser.add_argument(
        "--extracted-at", type=night_folder.moment, metavar="TIME", help="when the extract was taken, with offset"
    )
    parser.add_argument("--delta", action="append", default=[], metavar="DATASET", help="this file holds changes only")
    parser.add_argument("--ignore", action="append", default=[], metavar="NAME", help="leave this file of the folder")
    parser.add_argument("--gzip", action="store_true", help="send the files packed")
    parser.add_argument("--dry-run", action="store_true", help="plan, show, and change nothing")
    options = parser.parse_args()
    if bool(options.folder) == bool(options.from_database):
        parser.error("give a FOLDER or --from-database, not both")
    return options


def _from_folder(options: argparse.Namespace) -> Night:
    return night_folder.read(
        options.folder, only=options.profile, deltas=options.delta, ignored=options.ignore,
        extracted_at=options.extracted_at,
    )  # fmt: skip


def _from_database(options: argparse.Namespace) -> Night:
    extracted_at = options.extracted_at or datetime.now(UTC)
    try:
        tables = ssd_tables.read(options.from_database, schema=options.schema)
    except psycopg.Error as error:
        ours, why = ssd_tables.explained(error)
        raise Stop(Exit.USAGE if ours else Exit.UNREACHABLE, why) from error
    if tables.absent:
        said.print(f"Not in this database, so not in the manifest: {', '.join(tables.absent)}", soft_wrap=True)
    if not tables.found:
        raise Stop(Exit.USAGE, "None of the SSD tables is there; is --schema right?")
    found = [
        Dataset(name, body, "text/csv", night_folder.mode(name, "ssd", options.delta))
        for name, body in tables.found.items()
    ]
    return Night({"ssd": found}, extracted_at)


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
