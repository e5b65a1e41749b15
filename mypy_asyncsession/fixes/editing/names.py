"""The names of a function: who binds them, who mentions them, which are free."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_asyncsession.fixes.editing.source_file import SourceFile


def mentions(node: cst.CSTNode, name: str) -> list[cst.Name]:
    """Where a name is mentioned in *node*; attributes and keywords of that name are others."""
    found: list[cst.Name] = []

    class Names(cst.CSTVisitor):
        def visit_Attribute(self, node: cst.Attribute) -> bool:  # noqa: N802
            node.value.visit(self)
            return False

        def visit_Arg(self, node: cst.Arg) -> bool:  # noqa: N802
            node.value.visit(self)
            return False

        def visit_Name(self, node: cst.Name) -> None:  # noqa: N802
            if node.value == name:
                found.append(node)

    node.visit(Names())
    return found


def only_binding(
    source: SourceFile, name: cst.Name, mentions: int
) -> tuple[cst.SimpleStatementLine, cst.BaseExpression]:
    """The one assignment that binds *name* in its function, and what it assigns.

    Args:
        source: The file.
        name: The name, where it is used.
        mentions: How often it is mentioned in the function if nobody else has to do with it.

    Raises:
        CannotFix: There are several, or it is used elsewhere.
    """
    binding, value = binding_of(source, name)
    function = source.function(name)
    assert function is not None
    if len(_mentions_in(function, name.value)) != mentions:
        raise CannotFix(f'"{name.value}" is used in other places as well')
    return binding, value


def binding_of(
    source: SourceFile, name: cst.Name
) -> tuple[cst.SimpleStatementLine, cst.BaseExpression]:
    """The one assignment that binds *name* in the function around it, and what it assigns.

    Raises:
        CannotFix: There is not exactly one, or it is not in this function.
    """
    function = source.function(name)
    if not isinstance(function, cst.FunctionDef):
        raise CannotFix(f'"{name.value}" is not made in this function')
    if function in [source.function(each) for each in m.findall(function, m.Param())]:
        raise CannotFix(f'"{name.value}" is not made in this function')
    found = []
    for statement in m.findall(function.body, m.SimpleStatementLine()):
        assert isinstance(statement, cst.SimpleStatementLine)
        if source.function(statement) is not function:
            continue
        value = assigned(statement, name.value)
        if value is not None:
            found.append((statement, value))
    if len(found) != 1:
        raise CannotFix(f'"{name.value}" is bound in several places, or in none')
    return found[0]


def _mentions_in(function: cst.CSTNode, name: str) -> list[cst.Name]:
    return mentions(function, name)


def assigned(statement: cst.SimpleStatementLine, name: str) -> cst.BaseExpression | None:
    """What a statement assigns to *name* and nothing else, if it does so."""
    if len(statement.body) != 1:
        return None
    line = statement.body[0]
    if isinstance(line, cst.Assign) and len(line.targets) == 1:
        target = line.targets[0].target
        value: cst.BaseExpression | None = line.value
    elif isinstance(line, cst.AnnAssign):
        target, value = line.target, line.value
    else:
        return None
    return value if isinstance(target, cst.Name) and target.value == name else None


def binds(node: cst.CSTNode) -> set[str]:
    """The names that are assigned to in *node*, functions and classes inside it aside."""
    names: set[str] = set()

    class Targets(cst.CSTVisitor):
        def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:  # noqa: N802
            names.add(node.name.value)
            return False

        def visit_ClassDef(self, node: cst.ClassDef) -> bool:  # noqa: N802
            names.add(node.name.value)
            return False

        def visit_Lambda(self, _node: cst.Lambda) -> bool:  # noqa: N802
            return False

        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:  # noqa: N802
            names.update(_targets(node.target))

        def visit_AnnAssign(self, node: cst.AnnAssign) -> None:  # noqa: N802
            names.update(_targets(node.target))

        def visit_NamedExpr(self, node: cst.NamedExpr) -> None:  # noqa: N802
            names.update(_targets(node.target))

        def visit_For(self, node: cst.For) -> None:  # noqa: N802
            names.update(_targets(node.target))

        def visit_AsName(self, node: cst.AsName) -> None:  # noqa: N802
            names.update(_targets(node.name))

    node.visit(Targets())
    return names


def _targets(node: cst.BaseExpression) -> Iterable[str]:
    if isinstance(node, cst.Name):
        yield node.value
    elif isinstance(node, (cst.Tuple, cst.List)):
        for element in node.elements:
            yield from _targets(element.value)


def fresh(source: SourceFile, node: cst.CSTNode, wishes: Iterable[str]) -> str:
    """The first of some names that is free where a node stands, or one made of the last."""
    function = source.function(node) or source.module
    taken = top_level_names(source) | {
        found.value for found in m.findall(function, m.Name()) if isinstance(found, cst.Name)
    }
    last = "value"
    for wish in wishes:
        last = wish
        if wish not in taken:
            return wish
    number = 2
    while f"{last}_{number}" in taken:
        number += 1
    return f"{last}_{number}"


def top_level_names(source: SourceFile) -> set[str]:
    """The names that the top level of a file binds."""
    names = binds(source.module)
    for alias in m.findall(source.module, m.ImportAlias()):
        assert isinstance(alias, cst.ImportAlias)
        names.add((alias.evaluated_alias or alias.evaluated_name).partition(".")[0])
    return names
