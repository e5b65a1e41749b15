"""What conditions say of names: whether one that may be ``None`` is not, where it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
from mypy_asyncsession.semantic.dataflow import Analysis, Solution, solve
from mypy_asyncsession.semantic.syntax import dotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy.nodes import Expression, Node, RefExpr

    from mypy_asyncsession.semantic.cfg import Graph, Point

#: How often a body is walked through for a name before all is found out about that.
_WALKS: Final = 4


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


class NoneTests:
    """Where the tests in a body leave no ``None`` to a name or attribute.

    Each question is answered by a walk back from where it is read, as far as the tests of the name
    or its bindings. Where many are asked about a name, all of them are answered at once.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        #: By name, the branches that ask for it, and where they lead if it is not ``None``.
        self._sides: dict[str, dict[int, int]] = {}
        self._walked: dict[str, int] = {}
        self._solved: dict[str, Solution[bool]] = {}
        for index in graph.of_kind(PointKind.BRANCH):
            asked = _asked(graph.points[index].node)
            if asked is not None:
                name, side = asked
                self._sides.setdefault(name, {})[index] = side

    def rule_out(self, read: RefExpr) -> bool:
        """Whether tests on every way to where a name or attribute is read leave it no ``None``."""
        name = dotted(read)
        if name is None or name not in self._sides:
            return False
        points = self._graph.points_of(read)
        return bool(points) and all(self._is_tested(point, name) for point in points)

    def _is_tested(self, point: int, name: str) -> bool:
        solved = self._solved.get(name)
        if solved is not None:
            return solved.before[point] in (True, None)
        sides = self._sides[name]
        found = True
        seen = {point}
        stack = [point]
        while stack and found:
            index = stack.pop()
            found = index != self._graph.ENTRY
            for source, kind in self._graph.before[index]:
                if kind == sides.get(source):
                    continue
                if _is_bound_at(self._graph.points[source], name):
                    found = False
                    break
                if source not in seen:
                    seen.add(source)
                    stack.append(source)
        walked = self._walked[name] = self._walked.get(name, 0) + len(seen)
        if walked > _WALKS * len(self._graph.points):
            self._solved[name] = solve(self._graph, _Tested(name, sides))
        return found


def _asked(condition: Node | None) -> tuple[str, int] | None:
    """The name that a condition asks for, and where it leads if that is not ``None`` alone."""
    if (
        isinstance(condition, CallExpr)
        and isinstance(condition.callee, NameExpr)
        and condition.callee.name == "isinstance"
        and condition.args
    ):
        tested, side = condition.args[0], EdgeKind.TRUE
    else:
        name, holds_for_none = none_test(condition)
        if name is None:
            return None
        tested, side = name, EdgeKind.FALSE if holds_for_none else EdgeKind.TRUE
    text = dotted(tested) if isinstance(tested, (MemberExpr, NameExpr)) else None
    return (text, side) if text is not None else None


def _is_bound_at(point: Point, name: str) -> bool:
    """Whether a point binds the first part of a dotted name, or sets the attribute as written."""
    if name.partition(".")[0] in bound_at(point):
        return True
    targets = point.node.lvalues if isinstance(point.node, AssignmentStmt) else ()
    return any(isinstance(each, MemberExpr) and dotted(each) == name for each in targets)


class _Tested(Analysis[bool]):
    """Whether a dotted name has been found not to be ``None`` since it was bound."""

    def __init__(self, name: str, sides: Mapping[int, int]) -> None:
        self._name = name
        self._sides = sides

    def start(self) -> bool:
        return False

    def join(self, one: bool, other: bool) -> bool:
        return one and other

    def transfer(self, point: Point, state: bool) -> bool:
        return state and not _is_bound_at(point, self._name)

    def edge(self, point: Point, kind: int, before: bool, after: bool) -> bool:
        del before
        return kind == self._sides.get(point.index) or after
