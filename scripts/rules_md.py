#!/usr/bin/env python3
"""Write docs/rules.md out of the cohorts and the default policy. A test says when it is out of date."""

from pathlib import Path

from service.domain.cohorts import COHORTS
from service.domain.holding import RULES
from service.domain.policy import ALWAYS, DEFAULT_POLICY, Term
from service.domain.rules import Cohort

FILE = Path(__file__).parent.parent / "docs" / "rules.md"

OPENING = """# Cohorts and clocks

<!-- Written by scripts/rules_md.py out of service/domain/cohorts and service/domain/policy.py. Change it there. -->

A cohort is a rule over facts at a date, never a list. A clock's state is one of danger, unknown, over, approaching and
within, gravest first. `count` is those over or in danger; unknown and approaching are counted apart.

- The day a clock starts on is not counted, unless its limit says "beginning with the day": 26 weeks from issue end on
  the day of issue + 181.
- Months are calendar months, clamped: 31 May and 9 months is 28 or 29 February.
- Working days leave out weekends and the bank holidays of England.
- Somebody born on 29 February has birthdays on 1 March in other years.
- Days are days in London.
- A duration is judged by the term in force on the day it started; a prohibition, a window or a rhythm by the term on
  the day asked about.
- Approaching is the last quarter of a limit, at least 1 day and at most 28.
- Where no source has ever supplied what a cohort rests on, its rows are on the line `source_does_not_supply`, counted
  apart.
- What starts again within the restart term runs from the earlier start; both are shown.
- Care leavers served: relevant; former relevant 18 to 20; former relevant 21 to 24 receiving support; to the day
  before the 25th birthday, alive, not transferred or adopted. Served too, flagged: support not known at 21 to 24, blank
  or unmapped eligibility at 16 to 24 with no open period of care, "eligible" without one. Being looked after ends on
  the 18th birthday. Relevant status ends after 6 months back home.
"""


def document() -> str:
    """The whole page, ending in a newline."""
    return "\n".join([OPENING, "## Cohorts", "", *_cohorts(), "## Policy", "", *_policy(), *_held()])


def _cohorts() -> list[str]:
    return [line for cohort in COHORTS for line in _cohort(cohort)]


def _cohort(cohort: Cohort) -> list[str]:
    said = [
        f"### `{cohort.definition}` {cohort.title}",
        "",
        cohort.rule,
        "",
        f"- Of: {cohort.population.title}",
        f"- Limit: {'by the terms below' if cohort.has_limit else 'none: a member is over, or in danger'}",
        f"- Terms: {_list(cohort.terms)}",
        f"- Rests on: {_list(cohort.rests_on)}",
    ]
    if cohort.lines:
        said.append(f"- Lines: {_list(cohort.lines)}")
    if cohort.beside:
        said.append(f"- Shown beside, not counted: {_list(cohort.beside)}")
    if cohort.unknown_from:
        said.append(f"- Unknown: the members of `{cohort.unknown_from}`, without a second row")
    return [*said, ""]


def _policy() -> list[str]:
    rows = [_row(term) for term in sorted(DEFAULT_POLICY.terms, key=lambda t: (t.code, t.effective_from))]
    headings = ["term", "what", "limit", "in force from", "authority", "our own choice"]
    return [*(f"| {' | '.join(cells)} |" for cells in [headings, ["---"] * len(headings), *rows]), ""]


def _held() -> list[str]:
    rows = [[f"`{code}`", rule] for code, rule in RULES]
    return [
        "## What of a push is held",
        "",
        "New facts and worse news always apply at once. What takes something away waits for a person where",
        "",
        *(f"| {' | '.join(cells)} |" for cells in [["reason", "when"], ["---"] * 2, *rows]),
        "",
        "All of it is our own choice (`service/domain/holding.py`).",
        "",
    ]


def _row(term: Term) -> list[str]:
    limit = term.words or "none"
    if term.limit is not None and term.limit.beginning_with:
        limit += ", beginning with the day"
    since = "always" if term.effective_from == ALWAYS else term.effective_from.isoformat()
    return [f"`{term.code}`", term.title, limit, since, term.authority, "yes" if term.own_choice else ""]


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(FILE)
