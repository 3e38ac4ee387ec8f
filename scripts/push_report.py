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
HELD_BECAUSE = {
    "table_emptied": "the table came empty where rows are held",
    "table_shrunk": "more than a tenth of what the table held would go",
    "cohort_shrunk": "a cohort would lose more than a tenth of its people",
    "person_vanished": "somebody who is in a cohort is gone from the extract",
    "upload_improves": "a spreadsheet says something better than what stands",
}
# The gravest of what came of a run wins: a held part outranks refused rows, which most nights have.
GRAVITY = (Exit.DONE, Exit.ROWS_REFUSED, Exit.HELD, Exit.RUN_DIFFERS, Exit.OLDER, Exit.REJECTED, Exit.UNUSABLE)


def gravest(found: Iterable[Exit]) -> Exit:
    """The exit code of a run of which all these came."""
    return max(found, key=GRAVITY.index, default=Exit.DONE)


def show(profile: str, report: Mapping[str, Any]) -> Exit:
    """Print a report, and say which exit code it deserves."""
    out = Console(highlight=False)
    datasets, state = report.get("datasets", []), report.get("state")
    out.print(_datasets(f"{profile}: {state}", datasets))
    if report.get("only_the_watermark_moved"):
        out.print("  Nothing new: only the watermark moved.")
    moved = [each for each in report.get("cohorts", []) if any(each.get(name) for name in MOVED)]
    if moved:
        out.print(_counted("cohorts that change", "cohort", moved, COHORT))
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


def _datasets(title: str, datasets: list[Mapping[str, Any]]) -> Table:
    """Rows first, which add up (rows = applied + unchanged + held + refused), then what became of facts."""
    flat = [{**each, **{name: each.get("facts", {}).get(name, "") for name in FACTS}} for each in datasets]
    return _counted(title, "dataset", [{**each, "dataset": each["name"]} for each in flat], (*ROWS, *FACTS))


def _counted(title: str, first: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first, no_wrap=True, overflow="ignore", min_width=22)  # names tell apart at any width
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(str(row[first]), *(str(row.get(column, "")) for column in columns))
    return table


def _held(out: Console, each: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    """What waits: why, since when, who decides, where to see it. What is new or worse was applied all the same."""
    why = "; ".join(HELD_BECAUSE.get(reason, reason) for reason in each.get("reasons", []))
    since = f" since {each['since']} ({each['age_hours']} hours)" if each.get("since") else ""
    counted = f"{each.get('changes')} changes of {each.get('people')} people"
    out.print(f"  held  {each['dataset']}: {counted} wait{since}, because {why}", markup=False)
    if each.get("since"):
        decides = " or ".join(each.get("decides", []))
        out.print(
            f"        A {decides} approves or rejects it: GET /v1/ingest/batches/{report['batch_id']}/report shows it",
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
