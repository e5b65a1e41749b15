"""What a file imports, and how it says what a fix needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_asyncsession.fixes.editing.source_file import SourceFile


@dataclass(frozen=True, slots=True)
class Import:
    """``from module import name``, or ``import module`` where there is no name.

    Attributes:
        module: The module, as it is written: ``app.db``, or ``.db``.
        name: What is imported from it.
    """

    module: str
    name: str | None = None


def reachable(source: SourceFile, module: str, name: str) -> tuple[str, Import | None]:
    """How a file says ``module.name``, and what it has to import to say so.

    Raises:
        CannotFix: The names that this needs mean something else in the file.
    """
    for line in top_level(source.module.body):
        if isinstance(line, cst.ImportFrom) and module_of(line) == module:
            for alias in aliases(line):
                if alias.evaluated_name == name:
                    return alias.evaluated_alias or name, None
    whole: str | None = None
    for line in top_level(source.module.body):
        if isinstance(line, cst.Import):
            for alias in line.names:
                if alias.evaluated_name == module:
                    whole = alias.evaluated_alias or module
    bound = set(_bound(source.module))
    if whole is not None and (name in bound or not _imports_from(source, module)):
        return f"{whole}.{name}", None
    if name not in bound:
        return name, Import(module, name)
    if module.partition(".")[0] in bound:
        raise CannotFix(f'"{name}" means something else in the file')
    return f"{module}.{name}", Import(module)


def _imports_from(source: SourceFile, module: str) -> bool:
    return any(
        isinstance(line, cst.ImportFrom) and module_of(line) == module
        for line in top_level(source.module.body)
    )


def _bound(module: cst.Module) -> Iterator[str]:
    """All names that anything in the file binds, wherever it does."""
    names: list[str] = []

    class Binders(cst.CSTVisitor):
        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:  # noqa: N802
            _collect(node.target, names)

        def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802
            _collect(node.target, names)

        def visit_NamedExpr(self, node: cst.NamedExpr) -> None:  # noqa: N802
            _collect(node.target, names)

        def visit_For(self, node: cst.For) -> None:  # noqa: N802
            _collect(node.target, names)

        def visit_AsName(self, node: cst.AsName) -> None:  # noqa: N802
            _collect(node.name, names)

        def visit_Param(self, node: cst.Param) -> None:  # noqa: N802
            names.append(node.name.value)

        def visit_FunctionDef(self, node: cst.FunctionDef) -> None:  # noqa: N802
            names.append(node.name.value)

        def visit_ClassDef(self, node: cst.ClassDef) -> None:  # noqa: N802
            names.append(node.name.value)

        def visit_ImportAlias(self, node: cst.ImportAlias) -> None:  # noqa: N802
            if node.asname is None:
                names.append(node.evaluated_name.partition(".")[0])

    module.visit(Binders())
    return iter(names)


def _collect(target: cst.BaseExpression, names: list[str]) -> None:
    if isinstance(target, cst.Name):
        names.append(target.value)
    elif isinstance(target, (cst.Tuple, cst.List)):
        for element in target.elements:
            _collect(element.value, names)


def bound_names(source: SourceFile) -> set[str]:
    """All names that anything in a file binds."""
    return set(_bound(source.module))


def top_level(body: Sequence[cst.BaseStatement]) -> Iterator[cst.BaseSmallStatement]:
    """The small statements at the top level of a module."""
    for statement in body:
        if isinstance(statement, cst.SimpleStatementLine):
            yield from statement.body


def aliases(line: cst.ImportFrom) -> Iterable[cst.ImportAlias]:
    """What a line imports, by name."""
    return () if isinstance(line.names, cst.ImportStar) else line.names


def module_of(line: cst.Import | cst.ImportFrom) -> str:
    """The module that a line imports from, as it is written."""
    if isinstance(line, cst.Import):
        return line.names[0].evaluated_name
    return "." * len(line.relative) + (_dotted(line.module) if line.module is not None else "")


def takes(text: bytes, tail: bytes, name: str) -> bool:
    """Whether a file imports a name from a module of that name; it is not parsed for that."""
    lines = re.findall(rb"\bfrom\s+[\w.]*\b" + tail + rb"\s+import\s*(\([^)]*\)|[^\n]*)", text)
    word = re.compile(rb"\*|\b" + name.encode() + rb"\b")
    return any(word.search(line) for line in lines)


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    assert isinstance(node, cst.Name)
    return node.value
