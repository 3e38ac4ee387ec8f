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
exist: 404.
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
        [f"`{role}`", SIGHTS[access.SIGHT[role]], _usual_scope(role), "yes" if role in access.OPENS_RESTRICTED else ""]
        for role in Role
    ]
    return ["## What each role sees", "", *_table(["role", "sees", "usual scope", "opens restricted people"], rows)]


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
        "- A restricted person is one redacted row to all who have the person in scope, and answers 404 by id except",
        "  to the roles marked above.",
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
