"""The control flow of one body, and what is asked of it again and again."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    CallExpr,
    ForStmt,
    FuncItem,
    GlobalDecl,
    MemberExpr,
    MypyFile,
    NameExpr,
    NonlocalDecl,
    ReturnStmt,
    WithStmt,
)

from mypy_asyncsession.models.pytest import EXPECTS_FAILURE, EXPECTS_FAILURE_METHODS
from mypy_asyncsession.semantic.cfg import (
    EdgeKind,
    Graph,
    PointKind,
    build,
    never_returns_by_name,
    swallows_by_name,
)
from mypy_asyncsession.semantic.dataflow import Bindings, may_reach, on_every_path
from mypy_asyncsession.semantic.flags import Flags
from mypy_asyncsession.semantic.index import enclosing_in
from mypy_asyncsession.semantic.none_tests import NoneTests
from mypy_asyncsession.semantic.syntax import statements, yields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mypy.nodes import Block, ClassDef, Node

    from mypy_asyncsession.semantic.cfg import Point, Way, WithItem
    from mypy_asyncsession.semantic.index import Enclosing

#: Managers that expect a failure, and those that swallow one, by name.
_EXPECTING: Final = EXPECTS_FAILURE_METHODS | {name.rpartition(".")[2] for name in EXPECTS_FAILURE}
_SWALLOWING: Final = _EXPECTING | {"suppress"}

#: Points at which a statement goes on, or comes to its end, and evaluates nothing.
_PASSING: Final = frozenset(
    {
        PointKind.LEAVE,
        PointKind.NEXT,
        PointKind.DISPATCH,
        PointKind.FINALLY,
        PointKind.JOIN,
    }
)


class FunctionFlow:
    """The control flow of a function, or of a module or a class outside of its functions."""

    def __init__(self, node: FuncItem | ClassDef | MypyFile) -> None:
        self._node = node
        self._binders: dict[tuple[str, int | None], frozenset[int]] = {}

    @property
    def body(self) -> Block:
        """The body of the function."""
        assert isinstance(self._node, FuncItem)
        return self._node.body

    @cached_property
    def graph(self) -> Graph:
        """The graph."""
        return build(self._node, may_swallow=_may_swallow)

    @cached_property
    def unexpecting(self) -> Graph:
        """The graph of a run in which no failure that is expected comes: it ends the body."""
        return build(self._node) if self._expects else self.graph

    @cached_property
    def _expects(self) -> bool:
        """Whether a failure is expected somewhere."""
        points = (self.graph.points[index] for index in self.graph.of_kind(PointKind.ENTER))
        return any(
            isinstance(point.node, WithStmt) and _entered(point.node.expr[point.item]) in _EXPECTING
            for point in points
        )

    def ended_by(self, calls: Collection[int]) -> Graph:
        """The same graph, where some calls, by id, never come back."""
        if not calls:
            return self.unexpecting
        return build(
            self._node,
            may_swallow=swallows_by_name if self._expects else _may_swallow,
            never_returns=lambda call: id(call) in calls or never_returns_by_name(call),
        )

    @cached_property
    def bindings(self) -> Bindings:
        """Where its names are bound."""
        return Bindings(self.graph)

    @cached_property
    def flags(self) -> Flags:
        """What its conditions may know of its names."""
        return Flags(self.graph, self.shared)

    @cached_property
    def none_tests(self) -> NoneTests:
        """Where its tests leave no ``None`` to a name."""
        return NoneTests(self.graph)

    @cached_property
    def shared(self) -> frozenset[str]:
        """The names that a function in it, or the function itself, shares with what is around."""
        body = self._node.body if isinstance(self._node, FuncItem) else self._node.defs
        return frozenset(
            name
            for each in statements(body, into_functions=True)
            if isinstance(each, (GlobalDecl, NonlocalDecl))
            for name in each.names
        )

    @cached_property
    def attributes(self) -> dict[str, list[tuple[int, MemberExpr]]]:
        """For each name, the points at which attributes of it are looked up, and which."""
        found: dict[str, list[tuple[int, MemberExpr]]] = {}
        for point in self.graph.points:
            for read in point.reads:
                if (
                    isinstance(read, MemberExpr)
                    and isinstance(read.expr, NameExpr)
                    and read.expr.name not in point.inner
                ):
                    found.setdefault(read.expr.name, []).append((point.index, read))
        return found

    @cached_property
    def inner_attributes(self) -> dict[tuple[str, str], list[tuple[int, MemberExpr]]]:
        """The same for each attribute of a name: the attributes of what that stands for."""
        found: dict[tuple[str, str], list[tuple[int, MemberExpr]]] = {}
        for point in self.graph.points:
            for read in point.reads:
                owner = read.expr if isinstance(read, MemberExpr) else None
                if (
                    isinstance(read, MemberExpr)
                    and isinstance(owner, MemberExpr)
                    and isinstance(owner.expr, NameExpr)
                    and owner.expr.name not in point.inner
                ):
                    key = owner.expr.name, owner.name
                    found.setdefault(key, []).append((point.index, read))
        return found

    @cached_property
    def given(self) -> dict[str, list[tuple[int, CallExpr]]]:
        """For each name, the points of the calls that are given what it stands for, and which."""
        found: dict[str, list[tuple[int, CallExpr]]] = {}
        for index in self.graph.of_kind(PointKind.CALL):
            call = self.graph.points[index].node
            assert isinstance(call, CallExpr)
            for name in {each.name for each in call.args if isinstance(each, NameExpr)}:
                found.setdefault(name, []).append((index, call))
        return found

    @cached_property
    def returned(self) -> dict[str, list[tuple[int, ReturnStmt]]]:
        """For each name, the points at which what it stands for is returned."""
        found: dict[str, list[tuple[int, ReturnStmt]]] = {}
        for index in self.graph.of_kind(PointKind.RETURN):
            node = self.graph.points[index].node
            if isinstance(node, ReturnStmt) and isinstance(node.expr, NameExpr):
                found.setdefault(node.expr.name, []).append((index, node))
        return found

    @cached_property
    def entered(self) -> dict[str, list[int]]:
        """For each name, the points at which what it stands for is entered."""
        found: dict[str, list[int]] = {}
        for index in self.graph.of_kind(PointKind.ENTER):
            point = self.graph.points[index]
            assert isinstance(point.node, WithStmt)
            manager = point.node.expr[point.item]
            if isinstance(manager, NameExpr):
                found.setdefault(manager.name, []).append(index)
        return found

    @cached_property
    def parameters(self) -> frozenset[str]:
        """The names of its parameters."""
        if not isinstance(self._node, FuncItem):
            return frozenset()
        return frozenset(argument.variable.name for argument in self._node.arguments)

    @cached_property
    def is_generator(self) -> bool:
        """Whether the body yields, be it where it is never reached."""
        return isinstance(self._node, FuncItem) and bool(yields(self._node))

    @cached_property
    def _enclosing(self) -> dict[int, Enclosing | None]:
        node = self._node
        return enclosing_in(node.body if isinstance(node, FuncItem) else node.defs)

    def enclosing(self, statement: Node | None) -> Iterator[Enclosing]:
        """The blocks that a statement of the body is in, innermost first."""
        current = self._enclosing.get(id(statement))
        while current is not None:
            yield current
            current = current.outer

    def binders(self, name: str, statement: int | None) -> frozenset[int]:
        """The statements whose binding of a name may hold at another one, all of them by id.

        Args:
            name: The name.
            statement: The other one; ``None`` for the end of the body.

        Returns:
            The statements, with 0 for the beginning of the body; none where nothing leads there.
        """
        known = self._binders.get((name, statement))
        if known is None:
            known = self._binders[name, statement] = self._find_binders(name, statement)
        return known

    def _find_binders(self, name: str, statement: int | None) -> frozenset[int]:
        graph = self.graph
        points = self._evaluating.get(statement, ()) if statement is not None else (Graph.EXIT,)
        return frozenset(
            id(graph.points[defined].statement) if defined != Graph.ENTRY else 0
            for point in points
            for defined in self.bindings.reaching(point, name)
        )

    @cached_property
    def _evaluating(self) -> dict[int, list[int]]:
        """For each statement, the points at which it evaluates something, by id."""
        found: dict[int, list[int]] = {}
        for point in self.graph.points:
            if _evaluates(point):
                found.setdefault(id(point.statement), []).append(point.index)
        return found

    def always(self, points: Collection[int]) -> bool:
        """Whether the body comes through one of some points, unless an exception leaves it."""
        return self.returns and on_every_path(
            self.graph, Graph.ENTRY, points, Graph.EXIT, along=EdgeKind.QUIET
        )

    @cached_property
    def returns(self) -> bool:
        """Whether the body may be left other than by an exception."""
        return may_reach(self.graph, Graph.ENTRY, Graph.EXIT)


def _evaluates(point: Point) -> bool:
    """Whether a statement evaluates something at a point, and sees all that it has bound so far."""
    statement = point.statement
    if isinstance(statement, WithStmt):
        return point.kind is PointKind.ENTER and point.item == len(statement.expr) - 1
    # The next round of a loop is not yet that in which its iterable is evaluated.
    is_target = point.kind is PointKind.BIND and isinstance(statement, ForStmt)
    return point.kind not in _PASSING and not is_target


def _may_swallow(item: WithItem, _: Way) -> bool:
    """Whether a manager is one that is there to swallow exceptions, as its name says."""
    return _entered(item.expression) in _SWALLOWING


def _entered(expression: Node) -> str | None:
    """The name of what is called for a manager."""
    callee = expression.callee if isinstance(expression, CallExpr) else None
    return callee.name if isinstance(callee, (MemberExpr, NameExpr)) else None
