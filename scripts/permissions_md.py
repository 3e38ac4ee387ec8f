#!/usr/bin/env python3
"""Write docs/permissions.md out of the tables in service/domain/access.py. A test says when it is out of date."""

from collections.abc import Iterable
from pathlib import Path

from service.domain import access
from service.domain.access import Permission, Role, Sight

FILE = Path(__file__).parent.parent / "docs" / "permissions.md"

OPENING = """# Who may do what

<!-- Written by scripts/permissions_md.py out of service/domain/access.py. Change it there, then run the script. -->

Roles and scope are read from the database on every request, so a change counts from the next request on.
A function that a role never has is refused with 403. A person outside the scope is answered like one who does not
exist: 404. What scope is made of is in [scope.md](scope.md).
"""

SIGHTS = {
    Sight.ROWS: "a row per person in scope",
    Sight.FIGURES: "figures only",
    Sight.NONE: "nobody",
}


def document() -> str:
    """The whole page, ending in a newline."""
    return "\n".join([OPENING, *_sight(), *_functions(), *_kinds(), *_rules()])


def _sight() -> list[str]:
    rows = [
        [f"`{role}`", SIGHTS[access.SIGHT[role]], _usual_scope(role), _opens(role), _opens_restricted(role)]
        for role in Role
    ]
    headings = ["role", "sees", "usual scope", "opens a unit's people", "opens restricted people by post"]
    return ["## What each role sees", "", *_table(headings, rows)]


def _opens(role: Role) -> str:
    """Whether people whom the role has by a unit or the county open without a reason."""
    if access.SIGHT[role] is not Sight.ROWS:
        return ""
    return "without a reason" if role in access.LINE else "with a reason"


def _opens_restricted(role: Role) -> str:
    return "by post, with a reason" if role in access.OPENS_RESTRICTED else ""


def _usual_scope(role: Role) -> str:
    return "" if access.SIGHT[role] is Sight.NONE else str(access.DEFAULT_SCOPE[role])


def _functions() -> list[str]:
    rows = [
        [f"`{permission}`", access.MEANING[permission], _list(role for role in Role if _has(role, permission))]
        for permission in Permission
    ]
    return ["## Functions", "", *_table(["function", "what it is", "roles"], rows)]


def _has(role: Role, permission: Permission) -> bool:
    return permission in access.GRANTS[role]


def _kinds() -> list[str]:
    rows = [
        [f"`{kind}`", f"`{permission}`", _list(role for role in Role if kind in access.OWNS[role])]
        for kind, permission in access.RECORDED_UNDER.items()
    ]
    return [
        "## Facts and who owns them",
        "",
        "An owner records, corrects and withdraws facts of the kind, for people in scope. Kinds that are not here come",
        "from feeds alone.",
        "",
        *_table(["kind of fact", "function", "roles"], rows),
    ]


def _rules() -> list[str]:
    return [
        "## Rules beside the tables",
        "",
        "- Nobody approves an entry of their own, whatever their roles.",
        "- All roles of one account have the same sight. Somebody who needs two kinds has two accounts.",
        "- `own` is the people allocated to the worker record an administrator linked to the account; without a link,",
        "  nobody.",
        "- One's own allocations, people shown by name and cohorts one works on open without a reason, whatever the",
        "  role. Duty and sight in an emergency always take one.",
        "- Accounts with a caseload log contacts for their team's people too, and duty workers for their service's,",
        "  without seeing them.",
        "- A restricted person is one redacted row to all who have the person in scope, and answers 404 by id, but for",
        "  their workers, the line over them, those on the record's list, and the posts marked above.",
        "",
    ]


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(headings: list[str], rows: list[list[str]]) -> list[str]:
    lines = [headings, ["---"] * len(headings), *rows]
    return [*(f"| {' | '.join(cells)} |" for cells in lines), ""]


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
    print(FILE)
