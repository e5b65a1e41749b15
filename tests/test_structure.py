"""The layout of the package: imports run one way, no circle, and files of one idea."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import mypy_asyncsession

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = Path(mypy_asyncsession.__file__).parent

#: From the bottom to the top: a folder knows itself and those before it.
LAYERS: Final = (
    "runtime",
    "models",
    "semantic",
    "detectors",
    "rules",
    "plugin",
    "checking",
    "fixes",
    "audit",
    "adoption",
    "server",
    "cli",
)
#: Modules beside the folders, which hold what several of these share.
SHARED: Final = {
    "codes",
    "config",
    "findings",
    "git",
    "home",
    "near",
    "printable",
    "processors",
    "reading",
    "refused",
    "selection",
    "survey",
    "writing",
}

MOST_LINES: Final = 400
#: Files that are longer, with how long they may be: the numbers only ever get smaller.
LONGER: Final = {
    "plugin/internals.py": 720,  # the one place for all that mypy does not promise
}

#: The classes of mypy's trees that say how control passes.
CONTROL_FLOW: Final = frozenset(
    {
        "AssertStmt",
        "Block",
        "BreakStmt",
        "ContinueStmt",
        "IfStmt",
        "MatchStmt",
        "RaiseStmt",
        "TryStmt",
        "WhileStmt",
    }
)
#: Who is there to read them: the index of a module and its walks, the graph, the interpreter.
READING_CONTROL_FLOW: Final = (
    "semantic.cfg",
    "semantic.index",
    "semantic.interpreter",
    "semantic.syntax",
)


def modules() -> dict[str, Path]:
    """Every module of the package, by its name below the package."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports() -> dict[str, set[str]]:
    """What each module imports of the package, for the type checker alone too."""
    known = modules()
    found: dict[str, set[str]] = defaultdict(set)
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found[name].update(target for target in _imported(node, known) if target != name)
    return found


def _imported(node: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    if not isinstance(node, ast.ImportFrom) or not node.module:
        return
    package, _, module = node.module.partition(".")
    if package != PACKAGE.name:
        return
    for alias in node.names:
        inner = f"{module}.{alias.name}".strip(".")
        yield inner if inner in known else module


def folder(module: str) -> str:
    return module.partition(".")[0]


def test_every_folder_has_a_place() -> None:
    assert {folder(name) for name in modules()} == {*LAYERS, *SHARED, "", "__main__"}


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_run_one_way(layer: str) -> None:
    above = set(LAYERS[LAYERS.index(layer) + 1 :])
    wrong = [
        f"{name} imports {target}"
        for name, targets in imports().items()
        if folder(name) == layer
        for target in targets
        if folder(target) in above
    ]
    assert not wrong


def test_the_runtime_part_stands_alone() -> None:
    for name, targets in imports().items():
        if folder(name) == "runtime":
            assert {folder(target) for target in targets} <= {"runtime", ""}, name


def test_no_import_is_part_of_a_circle() -> None:
    # The types of what watches and of what is watched know each other, and nothing else does.
    apart = {"runtime.monitor", "runtime.opened", "runtime.pools"}
    graph = {
        name: {target for target in targets if not {name, target} <= apart}
        for name, targets in imports().items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}", pytrace=False)


def test_files_are_of_one_idea() -> None:
    lines = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules().values()
    }
    assert not {name: n for name, n in lines.items() if n > LONGER.get(name, MOST_LINES)}
    assert not [name for name in LONGER if lines.get(name, 0) <= MOST_LINES], "no longer needed"


def control_flow_classes(path: Path) -> set[str]:
    """The classes of ``CONTROL_FLOW`` that a module names when it runs, however it does so."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in for_types:
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)  # ``nodes.IfStmt``
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)  # ``type(node).__name__ == "IfStmt"``
    return names & CONTROL_FLOW


def test_the_graph_alone_says_how_control_passes() -> None:
    found = {
        name: classes
        for name, path in modules().items()
        if (classes := control_flow_classes(path)) and not name.startswith(READING_CONTROL_FLOW)
    }
    assert not found


def test_named_tuples_have_no_other_base() -> None:
    """Python 3.10 refuses them when the module is imported."""
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names = [base.id for base in node.bases if isinstance(base, ast.Name)]
                assert "NamedTuple" not in names or len(node.bases) == 1, f"{path}:{node.lineno}"
