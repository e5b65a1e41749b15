"""A function as the questions about time ask for it: its tree, its names, and its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    DictionaryComprehension,
    ForStmt,
    GeneratorExpr,
    MemberExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.dataflow import Bindings
from mypy_asyncsession.semantic.flags import Flags
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem, Node

    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.function_flow import FunctionFlow
    from mypy_asyncsession.semantic.interpreter import Where
    from mypy_asyncsession.semantic.scopes import Scope


class FunctionBody:
    """One function, with what is made of it when it is first asked for.

    Attributes:
        node: The definition.
        scope: The names inside it.
        graph: Its control-flow graph; what is expected to fail, or never comes back, ends it.
    """

    __slots__ = ("_acquires", "_bindings", "_flags", "_flow", "graph", "node", "scope")

    def __init__(self, node: FuncItem, scope: Scope, flow: FunctionFlow, graph: Graph) -> None:
        self.node = node
        self.scope = scope
        self.graph = graph
        self._flow = flow
        self._bindings: Bindings | None = None
        self._flags: Flags | None = None
        self._acquires: bool | None = None

    @property
    def bindings(self) -> Bindings:
        """Where its names are bound."""
        if self._bindings is None:
            is_all = self.graph is self._flow.graph
            self._bindings = self._flow.bindings if is_all else Bindings(self.graph)
        return self._bindings

    @property
    def flags(self) -> Flags:
        """What its conditions may know of its names."""
        if self._flags is None:
            is_all = self.graph is self._flow.graph
            self._flags = self._flow.flags if is_all else Flags(self.graph, self._flow.shared)
        return self._flags

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

    def gone_through(self, point: Point) -> Expression | None:
        """What the elements are of that a loop, or a comprehension, binds to a name at a point."""
        loop = point.statement
        if point.kind is PointKind.BIND and isinstance(loop, ForStmt):
            return loop.expr if point.node is loop.index else None
        if point.kind is PointKind.BIND_INNER:
            for before, _ in self.graph.before[point.index]:
                step = self.graph.points[before]
                if isinstance(step.node, (DictionaryComprehension, GeneratorExpr)):
                    return step.node.sequences[step.item]
        return None

    def managers_around(self, point: int) -> tuple[WithStmt, ...]:
        """The ``with`` statements of the function in whose blocks a point is, outermost first."""
        around = self._flow.enclosing(self.graph.points[point].statement)
        found = [each.statement for each in around if isinstance(each.statement, WithStmt)]
        return tuple(reversed(found))

    def parameters(self) -> Iterator[str]:
        """The names of its parameters."""
        for argument in self.node.arguments:
            yield argument.variable.name
