"""The report of a push as a person reads it, and the exit code it deserves."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from calls import Exit

ROWS = ("rows", "applied", "unchanged", "held", "refused")
FACTS = ("added", "changed", "closed", "blanked", "left_the_extract")
COHORT = ("before", "after", "entered", "left", "worsened", "improved", "became_unknown", "after_if_approved")
MOVED = ("entered", "left", "worsened", "improved", "became_unknown")
REFUSALS_SHOWN = 20
WIDE = 120  # columns of a terminal from which a table is readable
WHOLE = frozenset({"table_emptied", "table_shrunk"})  # of which all that is gone or blank waits
HELD_BECAUSE = {
    "table_emptied": "the table came empty where rows are held",
    "table_shrunk": "more than a tenth of what the table held would go",
    "cohort_shrunk": "a cohort would lose more than a tenth of its people",
    "person_vanished": "somebody who is in a cohort is gone from the extract",
    "would_seal": "somebody is said to have been adopted, which closes the record",
    "still_waiting": "what waits already, or was rejected lately, is said again",
    "upload_improves": "a spreadsheet says something better than what stands",
}
# The gravest of what came of a run wins: a held part outranks refused rows, which most nights have.
GRAVITY = (Exit.DONE, Exit.ROWS_REFUSED, Exit.HELD, Exit.RUN_DIFFERS, Exit.OLDER, Exit.REJECTED, Exit.UNUSABLE)


def gravest(found: Iterable[Exit]) -> Exit:
    """The exit code of a run of which all these came."""
    return max(found, key=GRAVITY.index, default=Exit.DONE)


def show(profile: str, report: Mapping[str, Any]) -> Exit:
    """Print a report, and say which exit code it deserves. Tables on a wide terminal, else a line for each dataset."""
    out = Console(highlight=False, soft_wrap=True)
    datasets, state = _with_facts(report), report.get("state")
    counted = _table if out.is_terminal and out.width >= WIDE else _lines
    counted(out, f"{profile}: {state}", "dataset", datasets)
    if report.get("only_the_watermark_moved"):
        out.print("  Nothing new: only the watermark moved.")
    elif not report.get("cohorts_foreseen", True):
        out.print("  Which cohorts change was not worked out: the push only adds, so nothing can be held.")
    moved = [each for each in report.get("cohorts", []) if any(each.get(name) for name in MOVED)]
    if moved:
        counted(out, "cohorts that change", "cohort", moved)
    unusable = [each["name"] for each in datasets if each.get("unusable")]
    for name in unusable:
        out.print(f"  unusable  {name}: none of it was taken, and nothing it held before has changed", markup=False)
    waiting = [each for each in report.get("held", []) if not each.get("decision")]
    for each in waiting:
        _held(out, each, report)
    refused = _refusals(out, report)
    if state == "rejected":
        return Exit.REJECTED
    codes = ((unusable, Exit.UNUSABLE), (waiting, Exit.HELD), (refused, Exit.ROWS_REFUSED))
    return gravest(code for found, code in codes if found)


def _with_facts(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each dataset: rows first, which add up (rows = applied + unchanged + held + refused), then its facts.

    What is gone from the file, or blank in it, and waits for a decision, says so: it has not been applied.
    """
    held = {each["dataset"]: each for each in report.get("held", [])}
    found = []
    for each in report.get("datasets", []):
        facts = {name: each.get("facts", {}).get(name, 0) for name in FACTS}
        if (wait := held.get(each["name"])) is not None:
            whole = not WHOLE.isdisjoint(wait.get("reasons", []))
            said = wait.get("decision") or "held"
            mark = said if whole else f"{each.get('facts', {}).get('held', 0)} changes {said}"
            facts |= {name: f"{facts[name]} ({mark})" for name in ("blanked", "left_the_extract") if facts[name]}
        found.append({**each, **facts, "dataset": each["name"]})
    return found


def _table(out: Console, title: str, first: str, rows: Iterable[Mapping[str, Any]]) -> None:
    table = Table(title=title, title_justify="left")
    table.add_column(first, no_wrap=True)
    columns = (*ROWS, *FACTS) if first == "dataset" else COHORT
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(str(row[first]), *(str(row.get(column, "")) for column in columns))
    out.print(table)


def _lines(out: Console, title: str, first: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """One plain line for each, which a log keeps readable at any width."""
    out.print(title, markup=False)
    for row in rows:
        counts = {name: row.get(name, 0) for name in (*ROWS, *FACTS, *COHORT)}
        if first == "dataset":
            said = f"{counts['rows']} rows = " + " + ".join(f"{counts[name]} {name}" for name in ROWS[1:])
            more = [name for name in FACTS if counts[name]]
        else:
            said = f"{counts['before']} before, {counts['after']} after"
            if counts["after_if_approved"] != counts["after"]:
                said += f", {counts['after_if_approved']} if what waits is approved"
            more = [name for name in MOVED if counts[name]]
        facts = ", ".join(_counted(counts[name], name.replace("_", " ")) for name in more)
        out.print(f"  {row[first]}: {said}{f'; {facts}' if facts else ''}", markup=False)


def _counted(count: int | str, name: str) -> str:
    """`2 left the extract`, or `2 left the extract (held)`."""
    number, _, mark = str(count).partition(" ")
    return f"{number} {name} {mark}".rstrip()


def _held(out: Console, each: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """What waits: why, since when, who decides, where to see it. What is new or worse was applied all the same."""
    why = "; ".join(HELD_BECAUSE.get(reason, reason) for reason in each.get("reasons", []))
    since = f" since {each['since']} ({each['age_hours']} hours)" if each.get("since") else ""
    counted = f"{each.get('changes')} changes of {each.get('people')} people"
    out.print(f"  held  {each['dataset']}: {counted} wait{since}, because {why}", markup=False)
    if each.get("since"):
        decides = " or ".join(each.get("decides", []))
        out.print(
            f"        A {decides} approves or rejects it; row by row: GET /v1/ingest/batches/{report['batch_id']}/held",
            markup=False,
        )


def _refusals(out: Console, report: Mapping[str, Any]) -> int:
    refusals = report.get("refusals", [])
    refused = int(report.get("refused", len(refusals)))
    for one in refusals[:REFUSALS_SHOWN]:
        place = f"{one['dataset']} line {one['row']}, {one['field'] or 'the row'}"
        why = one.get("reason") or f"allowed: {one.get('allowed')}"
        out.print(f"  refused  {place}: {one['code']}. {why} For: {one.get('owner', 'you')}", markup=False)
    if len(refusals) > REFUSALS_SHOWN:
        out.print(f"  ... and {len(refusals) - REFUSALS_SHOWN} more")
    if refused:
        out.print("  Until a later push puts them right they stand in GET /v1/data-quality/rows.")
    return refused
