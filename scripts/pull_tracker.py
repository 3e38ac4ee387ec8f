#!/usr/bin/env python3
"""Pull the weekly tracker: a table on a terminal, or JSON, CSV or a printable page to a file.

    pull_tracker.py --as-at 2020-07-31
    pull_tracker.py --as-at 2020-07-31 --known-at 2020-07-31T18:00:00Z --format csv --output tracker.csv

Exit codes: 0 written; 2 wrong usage; 4 refused; 5 no answer; 6 not signed in, or not permitted.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import calls
from calls import Exit, said

GRAVE = {"danger": "bold red", "unknown": "magenta", "over": "red", "approaching": "yellow"}
FILTERS = ("as_at", "known_at", "cohort", "locality", "service", "area", "team")


def main() -> Exit:
    """Ask for the tracker and show it, or write it to a file that only its owner can read."""
    options = _options()
    asked = {name: getattr(options, name) for name in FILTERS if getattr(options, name)}
    with calls.connect(options.url, options.token) as client:
        answer = calls.call(client, "GET", "/v1/tracker", params={**asked, "format": options.format})
    if options.output:
        _write(options.output, answer.content)
    elif options.format == "json" and sys.stdout.isatty():
        show(answer.json())
    else:
        sys.stdout.buffer.write(answer.content)
    return Exit.DONE


def show(tracker: Mapping[str, Any]) -> None:
    """Print a tracker for a person: how each cohort stands, then each row with its sentence."""
    out = Console(highlight=False, markup=False)
    out.print(f"As at {tracker['as_at']}, as known at {tracker['known_at']}", style="bold")
    for source in tracker["freshness"]:
        warning = "  STALE" if source["stale"] else ""
        out.print(f"{source['source']}: extracted {source['extracted_at']}, {source['age_hours']} h ago{warning}")
    for held in tracker["held"]:
        out.print(f"Held back: {held}", style="yellow")
    for cohort in tracker["cohorts"]:
        out.print()
        out.print(_headline(cohort), style="bold")
        if cohort["rows"]:
            out.print(_rows(cohort["rows"]))


def _headline(cohort: Mapping[str, Any]) -> str:
    apart = ("approaching", "unknown", "not_supplied", "not_yet_collected")
    beside = [f"{cohort[name]} {name.replace('_', ' ')}" for name in apart if cohort[name]]
    of = f"{cohort['title']}: {cohort['count']} of {cohort['of']} {cohort['population']}"
    return ", ".join([of, *beside])


def _rows(rows: list[Mapping[str, Any]]) -> Table:
    table = Table("person", "age", "team", "owner", "state", "since", "over", "why")
    for row in rows:
        person, clock = row["person"], row["clock"]
        table.add_row(
            _words(person.get("name") or person.get("eclipse_id") or "restricted"),
            _words(person.get("age")),
            _words(row.get("team")),
            _words(row.get("owner")),
            clock["state"],
            _words(clock["started_on"]),
            _words(clock["days_over"]),
            _words(clock["explanation"]),
            style=GRAVE.get(clock["state"], ""),
        )
    return table


def _words(value: Any) -> str:
    """A cell: the name of something that has one, empty for nothing."""
    if isinstance(value, Mapping):
        value = value.get("title") or value.get("name") or value.get("code")
    return "" if value is None else str(value)


def _write(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    said.print(f"{path}: {len(content):,} bytes. It names children: keep it where such records are kept.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    calls.add_address(parser)
    parser.add_argument("--as-at", metavar="DATE", help="the London day the clocks are read at (else today)")
    parser.add_argument("--known-at", metavar="TIME", help="leave out what was recorded later; with offset")
    parser.add_argument("--format", choices=("json", "csv", "html"), default="json")
    parser.add_argument("--output", type=Path, metavar="FILE")
    for name in ("cohort", "locality", "service", "area", "team"):
        parser.add_argument(f"--{name}", metavar="CODE", help=f"only this {name}")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(calls.run(main))
