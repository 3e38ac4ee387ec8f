"""Why a row was refused or is doubtful, in plain words: every code the code base can give has them, and an owner."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.domain import data_quality
from service.domain.access import GRANTS, Permission, Role
from service.domain.data_quality import WORDS, owner, parted, reason
from service.domain.facts import CareLeaverStatus
from service.domain.intake import UNUSABLE, Claim, Refusal

SERVICE = Path(__file__).parents[2] / "service"
READ = [
    *sorted((SERVICE / "readers").glob("*.py")),
    *(SERVICE / "domain" / f"{n}.py" for n in ("comparison", "contact", "undated")),
]
# Where the code stands among the arguments of what refuses a row or a file.
PLACES = {"refuse": 1, "_refuse": 2, "Refusal": 3, "Fault": 0, "_Unreadable": 1, "_refused": 2, "Unreadable": 1}
CODE = re.compile(r"[a-z][a-z_]+")
# Said of what was taken and is right, so nobody has anything to put right.
SOUND = {"deleted_at_source"}
# Constants of modules that are no flags: a column, a table.
NO_FLAGS = {"record_deleted", "ssd_contacts", "front_door_contacts", "left_the_extract"}
# Of a request, not of a row: answered where it is made.
OF_REQUESTS = {"too_old", "in_future", "duplicate_dataset", "unknown_profile"}


def codes_of(file: Path) -> Iterator[str]:
    """Codes of refusals that a file of ours gives, as literals."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            place = PLACES.get(name_of(node))
            if place is not None and len(node.args) > place:
                yield from literals(node.args[place])
        elif isinstance(node, ast.Tuple) and len(node.elts) == 3:  # (field, code, allowed), as faults are handed on
            allowed = node.elts[2]
            words = getattr(allowed, "id", "") == "allowed" or any(" " in text for text in texts(allowed))
            if words and isinstance(node.elts[1], ast.Constant):
                yield from literals(node.elts[1])


def flags_of(file: Path) -> Iterator[str]:
    """Flags that a reader raises, as far as they are literals; `unmapped_` for one with a field behind it."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for value in named.values():
        yield from (text for text in literals(value) if isinstance(value, ast.Constant) and "_" in text)
    for node in ast.walk(tree):
        said: list[ast.expr] = []
        if isinstance(node, ast.Call):
            said = node.args[:1] if name_of(node) == "flag" else []
            said += [
                element
                for each in node.keywords
                if (each.arg or "").endswith("flags")
                for element in elements(each.value)
            ]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if any("flags" in name or name in ("several", "doubts") for name in names):
                said = elements(node.value)
        for each in said:
            yield from literals(named.get(each.id, each) if isinstance(each, ast.Name) else each)


def elements(node: ast.expr) -> list[ast.expr]:
    """What a tuple holds, or either tuple of a choice between two."""
    if isinstance(node, ast.IfExp):
        return [*elements(node.body), *elements(node.orelse)]
    return [each for each in node.elts if not isinstance(each, ast.Starred)] if isinstance(node, ast.Tuple) else []


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def texts(node: ast.AST) -> list[str]:
    return [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]


def literals(node: ast.AST) -> list[str]:
    return [text for text in texts(node) if CODE.fullmatch(text)]


REFUSED = sorted(({code for file in READ for code in codes_of(file)} | UNUSABLE) - OF_REQUESTS)
FLAGGED = sorted({flag for file in READ for flag in flags_of(file)} - SOUND - NO_FLAGS)


def test_the_walk_finds_what_is_known_to_be_there() -> None:
    assert {"person_not_found", "not_a_date", "cell_count", "missing_column", "not_spoken_to"} <= set(REFUSED)
    assert {"unmapped_", "several_rows", "contradictory_code", "agreed_on_inferred"} <= set(FLAGGED)


@pytest.mark.parametrize("code", REFUSED)
def test_each_refusal_has_words(code: str) -> None:
    assert code in WORDS


@pytest.mark.parametrize("flag", FLAGGED)
def test_each_flag_has_words(flag: str) -> None:
    assert parted(flag)[0] in WORDS, f"{flag}: say it in domain/data_quality.py"


@pytest.mark.parametrize("code", sorted(WORDS))
def test_each_code_reads_as_one_sentence_and_has_an_owner(code: str) -> None:
    said = reason(code, "ended_on", "a day not before the start")
    assert said.endswith(".")
    assert "{" not in said
    assert "_" not in said.replace("ended_on", "")
    assert owner(code) in {Role.INTEGRATION, Role.TEAM_MANAGER, Role.PERFORMANCE_ANALYST}


def test_no_code_has_two_owners() -> None:
    assert not data_quality.OWNED_BY_INTEGRATION & data_quality.OWNED_BY_TEAM
    assert owner("wrong_encoding") is Role.INTEGRATION
    assert owner("unmapped") is Role.PERFORMANCE_ANALYST
    assert owner("contradictory_code") is Role.TEAM_MANAGER
    assert owner("contradictory_code", in_a_team=False) is Role.PERFORMANCE_ANALYST
    assert owner("person_not_found") is Role.PERFORMANCE_ANALYST


def test_whoever_puts_right_an_id_given_anew_may_release_it() -> None:
    assert Permission.MERGE_PEOPLE in GRANTS[owner("id_reused")]
    assert "head of service" in reason("id_reused", "", "")


def test_a_code_nobody_foresaw_still_has_words_and_an_owner() -> None:
    assert reason("new_code", "", "") == "The row cannot be read as it stands."
    assert owner("new_code") is Role.PERFORMANCE_ANALYST


def test_flags_say_their_field_behind_the_code() -> None:
    assert parted("unmapped_code") == ("unmapped", "code")
    assert parted("placeholder_in_touch_on") == ("placeholder", "in_touch_on")
    assert parted("no_longer_supplied:suitable") == ("no_longer_supplied", "suitable")
    assert parted("several_rows") == ("several_rows", "")
    assert reason(*parted("unmapped_code"), "").startswith("The code map does not say what the text in code means")


def test_issues_are_each_said_once_and_about_whom_they_are() -> None:
    status = CareLeaverStatus()
    claim = Claim("ssd_care_leavers", 2, "EX1/status", "EX1", status, flags=("unmapped_in_touch", "several_rows"))
    refused = Refusal("people", 3, "born_on", "in_the_future", "a day up to the extract", "EX2")
    found = data_quality.issues([refused, refused], [claim], {"EX1": "p1", "EX2": "p2"})
    assert [(i.code, i.field, i.doubtful, i.person_id) for i in found] == [
        ("in_the_future", "born_on", False, "p2"),
        ("several_rows", "", True, "p1"),
        ("unmapped", "in_touch", True, "p1"),
    ]


def test_without_an_id_of_its_own_a_row_is_known_by_its_line() -> None:
    one, other = (Refusal("people", line, "", "cell_count", "3 cells") for line in (2, 3))
    assert len({i.identity for i in data_quality.issues([one, other], [], {})}) == 2
