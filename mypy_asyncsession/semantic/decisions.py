"""Whether what a function does to a transaction is for its caller to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import ComparisonExpr, MemberExpr, NameExpr

from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind
from mypy_asyncsession.semantic.dataflow import Analysis, solve
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.function_body import FunctionBody

#: What a session is asked before it is begun, or its transaction is ended.
_QUESTIONS: Final = frozenset(
    {"get_transaction", "in_nested_transaction", "in_transaction", "is_active"}
)


class Decisions:
    """The branches of a function at which its caller decides.

    It decides by an argument, or by a transaction that is open already: ``if commit: await
    session.commit()``, ``if session.in_transaction(): return``.
    """

    def __init__(self, body: FunctionBody) -> None:
        """Begin with nothing asked."""
        self._body = body
        self._decided: frozenset[int] | None = None

    def decide(self, point: int) -> bool:
        """Whether a point is come to from one side of such a branch alone."""
        if self._decided is None:
            self._decided = self._points()
        return point in self._decided

    def _points(self) -> frozenset[int]:
        graph = self._body.graph
        parameters = set(self._body.parameters())
        branches = [
            index
            for index in graph.of_kind(PointKind.BRANCH)
            if _asks(graph.points[index].node, parameters)
        ]
        if not branches:
            return frozenset()
        bits = {index: 1 << 2 * number for number, index in enumerate(branches)}
        even = sum(bits.values())
        solution = solve(graph, _Sides(bits))
        return frozenset(
            index
            for index, sides in enumerate(solution.before)
            if sides is not None and (sides ^ sides >> 1) & even
        )


class _Sides(Analysis[int]):
    """The sides of branches that may have been taken: of each, a bit if true, the next if not."""

    def __init__(self, bits: Mapping[int, int]) -> None:
        self._bits = bits

    def start(self) -> int:
        """None was taken where the function begins."""
        return 0

    def join(self, one: int, other: int) -> int:
        """Those of either way."""
        return one | other

    def transfer(self, point: Point, state: int) -> int:
        """Which side of a branch is taken, its edges say."""
        del point
        return state

    def edge(self, point: Point, kind: int, before: int, after: int) -> int:
        """What was taken before, and this."""
        del before
        bit = self._bits.get(point.index, 0)
        if kind & EdgeKind.TRUE:
            return after | bit
        return after | bit << 1 if kind & EdgeKind.FALSE else after


def _asks(condition: Node | None, parameters: set[str]) -> bool:
    """Whether a condition asks for a parameter, or for the transaction that a session has."""
    operands = condition.operands if isinstance(condition, ComparisonExpr) else [condition]
    return any(isinstance(each, NameExpr) and each.name in parameters for each in operands) or (
        condition is not None
        and any(
            isinstance(each, MemberExpr) and each.name in _QUESTIONS for each in walk(condition)
        )
    )
