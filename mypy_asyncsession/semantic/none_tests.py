"""What conditions say of names: whether one that may be ``None`` is not, where it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ComparisonExpr, NameExpr, UnaryExpr

from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind
from mypy_asyncsession.semantic.cfg.names import bound_at
from mypy_asyncsession.semantic.dataflow import Analysis, solve

if TYPE_CHECKING:
    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.cfg import Graph, Point


def none_test(condition: Node | None) -> tuple[Expression | None, bool]:
    """The name that a condition asks whether it is ``None``, and whether it holds if so."""
    if isinstance(condition, UnaryExpr) and condition.op == "not":
        tested, holds = none_test(condition.expr)
        return tested, not holds
    if isinstance(condition, NameExpr):
        return condition, False
    if isinstance(condition, ComparisonExpr) and condition.operators in (["is"], ["is not"]):
        first, second = condition.operands
        if isinstance(first, NameExpr) and isinstance(second, NameExpr) and second.name == "None":
            return first, condition.operators == ["is"]
    return None, False


def is_ruled_out(read: NameExpr, graph: Graph) -> bool:
    """Whether tests on every way to where a name is read leave no ``None`` to it."""
    points = graph.points_of(read)
    if not points:
        return False
    solution = solve(graph, _Tested(read.name))
    return all(solution.before[point] in (True, None) for point in points)


class _Tested(Analysis[bool]):
    """Whether a name has been found not to be ``None`` since it was bound."""

    def __init__(self, name: str) -> None:
        self._name = name

    def start(self) -> bool:
        return False

    def join(self, one: bool, other: bool) -> bool:
        return one and other

    def transfer(self, point: Point, state: bool) -> bool:
        return state and self._name not in bound_at(point)

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
    return isinstance(node, NameExpr) and node.name == name
