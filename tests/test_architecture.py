"""The house rules that import-linter cannot see: who reads the clock, who commits, who may import what."""

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

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


def name_of(file: Path) -> str:
    return file.relative_to(SERVICE).as_posix()


@cache
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


def where(wrong: Callable[[Path], object]) -> list[str]:
    """The files that break a rule: one test a rule, since a test for each file and rule takes a minute."""
    return [name_of(file) for file in FILES if wrong(file)]


def test_a_file_opens_by_saying_what_it_is_for() -> None:
    def speechless(file: Path) -> bool:
        opening = (ast.get_docstring(parsed(file)) or "").split("\n", 1)[0]
        return len(opening) <= 15 or not opening.endswith((".", "?", ":"))

    assert where(speechless) == [], "the first line is a sentence"


def test_only_the_edge_reads_the_clock() -> None:
    def reads(file: Path) -> bool:
        names = {alias.name for node in imports(parsed(file)) for alias in node.names}
        return "now" in names or any(each in CLOCK_READS for each in attribute_calls(parsed(file)))

    assert {*where(reads)} == READS_THE_CLOCK


def test_only_the_boundary_commits() -> None:
    assert {*where(lambda file: any(name == "commit" for _, name in attribute_calls(parsed(file))))} == COMMITS


def test_jose_lives_in_one_module() -> None:
    assert where(lambda file: "jose" in {m.split(".")[0] for m in modules(parsed(file))}) == ["api/identity.py"]


def test_settings_are_seen_at_the_edge_only() -> None:
    seen = where(lambda file: "service.settings" in modules(parsed(file)))
    assert [name for name in seen if name not in SEES_SETTINGS and not name.startswith("cli/")] == []


def test_imports_are_absolute_and_at_the_top() -> None:
    def relative(file: Path) -> bool:
        nodes = list(imports(parsed(file)))
        names = {alias.name for node in nodes for alias in node.names}
        return "TYPE_CHECKING" in names or any(isinstance(n, ast.ImportFrom) and n.level for n in nodes)

    assert where(relative) == []
    within = where(lambda file: any(node not in parsed(file).body for node in imports(parsed(file))))
    assert [name for name in within if not name.startswith("cli/")] == []


def test_the_domain_stands_on_the_standard_library() -> None:
    def leans(file: Path) -> bool:
        allowed = {*sys.stdlib_module_names, "service"}
        allowed |= {"holidays"} if name_of(file) == "domain/dates.py" else set()
        return not {module.split(".")[0] for module in modules(parsed(file))} <= allowed

    assert [name for name in where(leans) if name.startswith("domain/")] == []


def test_errors_import_nothing_of_ours() -> None:
    assert not [module for module in modules(parsed(SERVICE / "errors.py")) if module.startswith("service")]


def test_no_file_is_a_drawer() -> None:
    drawers = {"utils", "helpers", "common", "misc"}
    assert where(lambda file: {*file.parts, file.stem} & drawers) == []
