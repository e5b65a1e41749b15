"""A function as the questions about time ask for it: its tree, its names, and its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import AssignmentStmt, CallExpr, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.semantic.cfg import Graph, build
from mypy_asyncsession.semantic.dataflow import Bindings
from mypy_asyncsession.semantic.index import enclosing_in
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem, Node

    from mypy_asyncsession.semantic.index import Enclosing
    from mypy_asyncsession.semantic.interpreter import Where
    from mypy_asyncsession.semantic.scopes import Scope


class FunctionBody:
    """One function, with what is made of it when it is first asked for.

    Attributes:
        node: The definition.
        scope: The names inside it.
    """

    __slots__ = ("_acquires", "_around", "_bindings", "_graph", "node", "scope")

    def __init__(self, node: FuncItem, scope: Scope) -> None:
        self.node = node
        self.scope = scope
        self._graph: Graph | None = None
        self._bindings: Bindings | None = None
        self._around: dict[int, Enclosing | None] | None = None
        self._acquires: bool | None = None

    @property
    def graph(self) -> Graph:
        """Its control-flow graph."""
        if self._graph is None:
            self._graph = build(self.node)
        return self._graph

    @property
    def bindings(self) -> Bindings:
        """Where its names are bound."""
        if self._bindings is None:
            self._bindings = Bindings(self.graph)
        return self._bindings

    @property
    def acquires(self) -> bool:
        """Whether it acquires something without a ``with``."""
        if self._acquires is None:
            self._acquires = any(
                isinstance(node, CallExpr)
                and isinstance(node.callee, MemberExpr)
                and node.callee.name == "acquire"
                for node in walk(self.node.body)
            )
        return self._acquires

    def at(self, node: Node) -> int | None:
        """A point at which a node is evaluated, if it ever is."""
        points = self.graph.points_of(node)
        return points[0] if points else None

    def where(self, point: int) -> Where:
        """The place of a point among the bindings of the scope."""
        return self.scope.names.places.get(id(self.graph.points[point].statement))

    def assigned(self, name: str, at: int) -> tuple[Expression, int] | None:
        """What the one assignment that may have bound a name holds, and its point."""
        reaching = self.bindings.reaching(at, name)
        if len(reaching) != 1:
            return None
        (defined,) = reaching
        node: Node | None = self.graph.points[defined].node
        if defined == Graph.ENTRY or not isinstance(node, AssignmentStmt):
            return None
        if not any(isinstance(each, NameExpr) and each.name == name for each in node.lvalues):
            return None
        return node.rvalue, defined

    def managers_around(self, point: int) -> tuple[WithStmt, ...]:
        """The ``with`` statements of the function in whose blocks a point is, outermost first."""
        if self._around is None:
            self._around = enclosing_in(self.node.body)
        found: list[WithStmt] = []
        current = self._around.get(id(self.graph.points[point].statement))
        while current is not None:
            if isinstance(current.statement, WithStmt):
                found.append(current.statement)
            current = current.outer
        return tuple(reversed(found))

    def parameters(self) -> Iterator[str]:
        """The names of its parameters."""
        for argument in self.node.arguments:
            yield argument.variable.name
