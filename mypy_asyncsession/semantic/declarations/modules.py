"""Modules that are found and parsed when they are asked for, and what their names stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    ClassDef,
    Decorator,
    FuncDef,
    Import,
    ImportAll,
    ImportFrom,
    ListExpr,
    NameExpr,
    OverloadedFuncDef,
    StrExpr,
    TupleExpr,
    TypeAliasStmt,
)

from mypy_asyncsession.semantic.imports import source_of
from mypy_asyncsession.semantic.syntax import definition_of, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy.nodes import MypyFile, Node


class ModuleTable:
    """The modules of a program by name, each found and parsed once, on demand."""

    def __init__(
        self,
        find: Callable[[str], str | None],
        parse: Callable[[str, str], MypyFile | None],
    ) -> None:
        """Begin with nothing read.

        Args:
            find: The path of a module, or ``None`` where there is none of that name.
            parse: The tree of a file, given its path and its module; ``None`` where that fails.
        """
        self._find = find
        self._parse = parse
        self._trees: dict[str, MypyFile | None] = {}

    def get(self, module: str) -> MypyFile | None:
        """The tree of a module, or ``None`` where it is not there or cannot be parsed."""
        if module not in self._trees:
            path = self._find(module) if module else None
            self._trees[module] = self._parse(path, module) if path is not None else None
        return self._trees[module]

    def path(self, module: str) -> str | None:
        """The path of a module, or ``None`` where it is not there; it need not be parsed."""
        return self._find(module)

    def forget(self, is_stale: Callable[[str], bool]) -> set[str]:
        """Let go of what was read of some modules; which of them there were."""
        stale = {module for module in self._trees if is_stale(module)}
        for module in stale:
            del self._trees[module]
        return stale

    def paths(self) -> Iterator[tuple[str, str | None]]:
        """The modules that were asked for, each with its path if it is there."""
        for module, tree in self._trees.items():
            yield module, tree.path if tree is not None else None

    def __contains__(self, module: object) -> bool:
        return isinstance(module, str) and self.get(module) is not None

    def __getitem__(self, module: str) -> MypyFile:
        tree = self.get(module)
        if tree is None:
            raise KeyError(module)
        return tree


class Declared:
    """What the body of a module or a class declares under which name.

    Attributes:
        nodes: By name, the statement or definition that declares it first; a later one only where
            the first says nothing of its type.
        stars: The modules that all names are imported from.
        exported: The names in ``__all__``, if it is a plain list.
    """

    __slots__ = ("exported", "nodes", "stars")

    def __init__(self, body: Sequence[Node], module: str, *, is_package: bool) -> None:
        self.nodes: dict[str, tuple[Node, str | None]] = {}
        self.stars: list[str] = []
        self.exported: set[str] | None = None
        for statement in statements(body):
            self._read(statement, module, is_package=is_package)

    def _read(self, statement: Node, module: str, *, is_package: bool) -> None:
        if isinstance(statement, (FuncDef, Decorator, OverloadedFuncDef)):
            function = definition_of(statement)
            if function is not None:
                self.nodes.setdefault(function.name, (statement, None))
        elif isinstance(statement, ClassDef):
            self.nodes.setdefault(statement.name, (statement, None))
        elif isinstance(statement, Import):
            for name, alias in statement.ids:
                # ``import a.b`` binds ``a``.
                target = name if alias else name.partition(".")[0]
                self.nodes.setdefault(alias or target, (statement, target))
        elif isinstance(statement, ImportFrom):
            base = source_of(statement, module, is_package=is_package)
            for name, alias in statement.names:
                self.nodes.setdefault(alias or name, (statement, f"{base}:{name}"))
        elif isinstance(statement, ImportAll):
            self.stars.append(source_of(statement, module, is_package=is_package))
        elif isinstance(statement, AssignmentStmt):
            self._assign(statement)
        elif isinstance(statement, TypeAliasStmt):
            self.nodes.setdefault(statement.name.name, (statement, None))

    def _assign(self, statement: AssignmentStmt) -> None:
        for lvalue in statement.lvalues:
            for target in lvalue.items if isinstance(lvalue, (TupleExpr, ListExpr)) else [lvalue]:
                if not isinstance(target, NameExpr):
                    continue
                if target.name == "__all__" and isinstance(statement.rvalue, (ListExpr, TupleExpr)):
                    items = statement.rvalue.items
                    self.exported = {each.value for each in items if isinstance(each, StrExpr)}
                known = self.nodes.get(target.name)
                if known is None or (
                    statement.unanalyzed_type is not None
                    and isinstance(known[0], AssignmentStmt)
                    and known[0].unanalyzed_type is None
                ):
                    self.nodes[target.name] = (statement, None)
