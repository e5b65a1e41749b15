"""Whether what a function does to a transaction is for its caller to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import ComparisonExpr, MemberExpr, NameExpr

from mypy_asyncsession.semantic.cfg import EdgeKind, PointKind
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from mypy.nodes import Node

    from mypy_asyncsession.semantic.function_body import FunctionBody

#: What a session is asked before it is begun, or its transaction is ended.
_QUESTIONS: Final = frozenset(
    {"get_transaction", "in_nested_transaction", "in_transaction", "is_active"}
)


def is_asked_for(point: int, body: FunctionBody) -> bool:
    """Whether a parameter, or a transaction that is open already, decides about a point.

    ``if commit: await session.commit()``, ``if session.in_transaction(): return``.
    """
    graph = body.graph
    parameters = set(body.parameters())
    for index in graph.of_kind(PointKind.BRANCH):
        node = graph.points[index].node
        operands = node.operands if isinstance(node, ComparisonExpr) else [node]
        if not any(
            isinstance(each, NameExpr) and each.name in parameters for each in operands
        ) and not _asks(node):
            continue
        ways = [
            point in reachable(graph, index, first=kind) for kind in (EdgeKind.TRUE, EdgeKind.FALSE)
        ]
        if ways[0] is not ways[1]:
            return True
    return False


def _asks(condition: Node | None) -> bool:
    """Whether a condition asks for the transaction that a session has."""
    return condition is not None and any(
        isinstance(each, MemberExpr) and each.name in _QUESTIONS for each in walk(condition)
    )
