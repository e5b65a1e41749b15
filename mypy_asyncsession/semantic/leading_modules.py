"""The modules that are searched for what leads to a provider: their units, and what they import."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ClassDef,
    ConditionalExpr,
    FuncDef,
    Import,
    ImportAll,
    ImportFrom,
    ListExpr,
    MypyFile,
    NameExpr,
    OpExpr,
    ReturnStmt,
    StarExpr,
    TupleExpr,
)

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.imports import source_of
from mypy_asyncsession.semantic.leading_names import PASSING
from mypy_asyncsession.semantic.mentions import (
    Unit,
    is_open,
    signature_of,
    units,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy.nodes import Node

_ME: Final = frozenset({"cls", "self"})


class ReadModule:
    """A module: its units, and what it imports.

    Attributes:
        units: Its units.
        imports: For each name, the modules and names that it is imported from; no name for a
            module.
        leads: The names of its scope that lead to a provider.
    """

    __slots__ = ("imports", "leads", "name", "sources", "stars", "units")

    def __init__(self, tree: MypyFile) -> None:
        self.name = tree.fullname
        self.units = list(units(tree))
        self.leads: set[str] = set()
        self.imports: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
        self.stars: list[str] = []
        is_package = os.path.basename(tree.path) == "__init__.py"
        for statement in tree.imports:
            if isinstance(statement, Import):
                for name, alias in statement.ids:
                    top = name if alias else name.partition(".")[0]
                    self.imports[alias or top].append((top, None))
            elif isinstance(statement, ImportFrom):
                base = source_of(statement, self.name, is_package=is_package)
                for name, alias in statement.names:
                    self.imports[alias or name].append((base, name))
            elif isinstance(statement, ImportAll):
                self.stars.append(source_of(statement, self.name, is_package=is_package))
        self.sources = {base for each in self.imports.values() for base, _ in each}
        self.sources.update(self.stars)
        self.sources.update(f"{b}.{n}" for each in self.imports.values() for b, n in each if n)


def hands_on(function: FuncDef, unit: Unit) -> bool:
    """Whether a function may give what it is given, or something that holds it."""
    signature = signature_of(function)
    if signature is not None and not is_open(signature.ret_type):
        return False
    names = {each.variable.name for each in function.arguments} - _ME
    for node in unit.flows if names else ():
        if isinstance(node, ReturnStmt) and node.expr is not None:
            stack: list[Node] = [node.expr]
            while stack:
                current = stack.pop()
                if isinstance(current, NameExpr):
                    if current.name in names:
                        return True
                elif isinstance(current, (AwaitExpr, StarExpr)):
                    stack.append(current.expr)
                elif isinstance(current, CallExpr):
                    stack.append(current.callee)
                    if last_name(current.callee) in PASSING:
                        stack.extend(current.args)
                elif isinstance(current, ConditionalExpr):
                    stack += (current.if_expr, current.else_expr)
                elif isinstance(current, OpExpr):
                    stack += (current.left, current.right)
                elif isinstance(current, (ListExpr, TupleExpr)):
                    stack.extend(current.items)
    return False


def relationships(modules: Iterable[ReadModule]) -> set[str]:
    """The names of the relationships of mapped classes."""
    return {
        target.name
        for module in modules
        for unit in module.units
        if isinstance(unit.node, ClassDef)
        for statement in unit.node.defs.body
        if isinstance(statement, AssignmentStmt)
        and isinstance(statement.rvalue, CallExpr)
        and last_name(statement.rvalue.callee) in ("Relationship", "relationship")
        for target in statement.lvalues
        if isinstance(target, NameExpr)
    }
