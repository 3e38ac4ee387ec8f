"""The house rules that import-linter cannot see: who reads the clock, who commits, who may import what."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICE = Path(__file__).parent.parent / "service"
FILES = sorted(SERVICE.rglob("*.py"))
NAMES = [str(file.relative_to(SERVICE)) for file in FILES]

READS_THE_CLOCK = {"app.py"}
COMMITS = {"store/engine.py"}
SEES_SETTINGS = {"app.py", "settings.py", "api/identity.py", "pages/session.py"}
CLOCK_READS = {
    *{("datetime", name) for name in ("now", "utcnow", "today")},
    ("date", "today"),
    *{("time", name) for name in ("time", "time_ns", "localtime", "gmtime")},
}

every_file = pytest.mark.parametrize("file", FILES, ids=NAMES)


def name_of(file: Path) -> str:
    return file.relative_to(SERVICE).as_posix()


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def modules(tree: ast.AST) -> set[str]:
    """The modules a file names, absolute. `from service import settings` names `service.settings`."""
    found: set[str] = set()
    for node in imports(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif node.module == "service":
            found |= {f"service.{alias.name}" for alias in node.names}
        else:
            found.add(node.module or "")
    return found


def attribute_calls(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(`owner`, `name`) of each `owner.name`, called or handed on, with the last word of a dotted owner."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            yield (owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", ""), node.attr)


def test_there_are_files_to_judge() -> None:
    assert "errors.py" in NAMES
    assert len(FILES) > 5


@every_file
def test_a_file_opens_by_saying_what_it_is_for(file: Path) -> None:
    opening = (ast.get_docstring(parsed(file)) or "").split("\n", 1)[0]
    assert len(opening) > 15, "the first line is a sentence"
    assert opening.endswith((".", "?", ":")), "the first line is a sentence"


@every_file
def test_only_the_edge_reads_the_clock(file: Path) -> None:
    reads = {f"{owner}.{name}" for owner, name in attribute_calls(parsed(file)) if (owner, name) in CLOCK_READS}
    assert name_of(file) in READS_THE_CLOCK or not reads
    assert "now" not in {alias.name for node in imports(parsed(file)) for alias in node.names}


@every_file
def test_only_the_boundary_commits(file: Path) -> None:
    commits = [name for _, name in attribute_calls(parsed(file)) if name == "commit"]
    assert name_of(file) in COMMITS or not commits


@every_file
def test_jose_lives_in_one_module(file: Path) -> None:
    tops = {module.split(".")[0] for module in modules(parsed(file))}
    assert name_of(file) == "api/identity.py" or "jose" not in tops


@every_file
def test_settings_are_seen_at_the_edge_only(file: Path) -> None:
    assert (
        name_of(file) in SEES_SETTINGS
        or name_of(file).startswith("cli/")
        or "service.settings" not in modules(parsed(file))
    )


@every_file
def test_imports_are_absolute_and_at_the_top(file: Path) -> None:
    tree = parsed(file)
    assert not [node.lineno for node in imports(tree) if isinstance(node, ast.ImportFrom) and node.level]
    assert "TYPE_CHECKING" not in {alias.name for node in imports(tree) for alias in node.names}
    within = [node.lineno for node in imports(tree) if node not in tree.body]
    assert name_of(file).startswith("cli/") or not within


@every_file
def test_the_domain_stands_on_the_standard_library(file: Path) -> None:
    allowed = {*sys.stdlib_module_names, "service"} | ({"holidays"} if name_of(file) == "domain/dates.py" else set())
    tops = {module.split(".")[0] for module in modules(parsed(file))}
    assert not name_of(file).startswith("domain/") or tops <= allowed


def test_errors_import_nothing_of_ours() -> None:
    assert not [module for module in modules(parsed(SERVICE / "errors.py")) if module.startswith("service")]


@every_file
def test_no_file_is_a_drawer(file: Path) -> None:
    assert not {*file.parts} & {"utils", "helpers", "common"}
    assert file.stem not in {"utils", "helpers", "common", "misc"}
