"""What conditions say of names: whether one that may be ``None`` is not, where it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    CallExpr,
    ComparisonExpr,
    MemberExpr,
    NameExpr,
    UnaryExpr,
)

from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind
from mypy_asyncsession.semantic.cfg.names import bound_at
from mypy_asyncsession.semantic.dataflow import Analysis, solve
from mypy_asyncsession.semantic.syntax import dotted

if TYPE_CHECKING:
    from mypy.nodes import Expression, Node, RefExpr

    from mypy_asyncsession.semantic.cfg import Graph, Point


def none_test(condition: Node | None) -> tuple[Expression | None, bool]:
    """The name or attribute that a condition asks whether it is ``None``, and if it holds then."""
    if isinstance(condition, UnaryExpr) and condition.op == "not":
        tested, holds = none_test(condition.expr)
        return tested, not holds
    if isinstance(condition, (MemberExpr, NameExpr)):
        return condition, False
    if isinstance(condition, AssignmentExpr):
        return condition.target, False
    if isinstance(condition, ComparisonExpr) and condition.operators in (["is"], ["is not"]):
        first, second = condition.operands
        first = first.target if isinstance(first, AssignmentExpr) else first
        is_name = isinstance(first, (MemberExpr, NameExpr))
        if is_name and isinstance(second, NameExpr) and second.name == "None":
            return first, condition.operators == ["is"]
    return None, False


def is_ruled_out(read: RefExpr, graph: Graph) -> bool:
    """Whether tests on every way to where a name or attribute is read leave no ``None`` to it."""
    points = graph.points_of(read)
    name = dotted(read)
    if not points or name is None:
        return False
    solution = solve(graph, _Tested(name))
    return all(solution.before[point] in (True, None) for point in points)


class _Tested(Analysis[bool]):
    """Whether a dotted name has been found not to be ``None`` since it was bound."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._first = name.partition(".")[0]

    def start(self) -> bool:
        return False

    def join(self, one: bool, other: bool) -> bool:
        return one and other

    def transfer(self, point: Point, state: bool) -> bool:
        return state and self._first not in bound_at(point) and not self._sets(point.node)

    def _sets(self, node: Node | None) -> bool:
        """Whether a statement sets an attribute, as written."""
        return isinstance(node, AssignmentStmt) and any(
            isinstance(each, MemberExpr) and dotted(each) == self._name for each in node.lvalues
        )

    def edge(self, point: Point, kind: int, before: bool, after: bool) -> bool:
        del before
        if point.kind is PointKind.BRANCH and kind == self._other_side(point.node):
            return True
        return after

    def _other_side(self, condition: Node | None) -> int | None:
        """Where a condition leads if the name is not ``None``, and only then."""
        if (
            isinstance(condition, CallExpr)
            and isinstance(condition.callee, NameExpr)
            and condition.callee.name == "isinstance"
            and condition.args
            and _is_name(condition.args[0], self._name)
        ):
            return EdgeKind.TRUE
        tested, holds_for_none = none_test(condition)
        if tested is None or not _is_name(tested, self._name):
            return None
        return EdgeKind.FALSE if holds_for_none else EdgeKind.TRUE


def _is_name(node: Node, name: str) -> bool:
    return isinstance(node, (MemberExpr, NameExpr)) and dotted(node) == name
