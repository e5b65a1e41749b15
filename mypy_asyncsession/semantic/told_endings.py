"""What a function tells its caller of a rollback by what it returns: ``if not await save(db)``."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentExpr,
    AwaitExpr,
    ComparisonExpr,
    ExpressionStmt,
    NameExpr,
    ReturnStmt,
)

from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import reachable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mypy.nodes import Expression, Node

    from mypy_asyncsession.semantic.function_body import FunctionBody


class Told(Enum):
    """What a caller may know by the result of a function that may have rolled back."""

    #: Nothing: it returns nothing, or has rolled back whenever it returns.
    NOTHING = "nothing"
    #: What it returns then is false, or ``None``.
    FALSE = "false"
    #: Something that is not followed.
    OPEN = "open"


#: The names of what is false.
_FALSE: Final = frozenset({"False", "None"})


def told_of(point: int, body: FunctionBody) -> Told:
    """What a function tells of what it does at a point, where it returns."""
    graph = body.graph
    returned = {
        index: statement.expr
        for index in graph.of_kind(PointKind.RETURN)
        if isinstance(statement := graph.points[index].node, ReturnStmt)
    }
    if all(each is None for each in returned.values()):
        return Told.NOTHING
    if Graph.EXIT not in reachable(graph, Graph.ENTRY, avoiding={point}):
        return Told.NOTHING
    after = reachable(graph, point)
    if all(_is_false(each) for index, each in returned.items() if index in after):
        return Told.FALSE
    return Told.OPEN


def _is_false(result: Expression | None) -> bool:
    return result is None or (isinstance(result, NameExpr) and result.name in _FALSE)


def comes_otherwise(point: int, others: Collection[int], body: FunctionBody) -> bool:
    """Whether a point comes only where none of some others has gone well."""
    return bool(others) and all(
        point not in reachable(body.graph, other, first=EdgeKind.QUIET) for other in others
    )


def is_dropped(point: int, body: FunctionBody) -> bool:
    """Whether nobody looks at what is awaited at a point."""
    at = body.graph.points[point]
    return isinstance(at.statement, ExpressionStmt) and at.statement.expr is at.node


def where_false(point: int, body: FunctionBody) -> Iterator[tuple[int, int]]:
    """The branches that ask for what is awaited at a point, each with the edges if it is false."""
    graph = body.graph
    awaited = graph.points[point].node
    for index in graph.of_kind(PointKind.BRANCH):
        asked: Node | None = graph.points[index].node
        edge = EdgeKind.FALSE
        if isinstance(asked, ComparisonExpr):
            other = asked.operands[-1]
            if asked.operators not in (["is"], ["is not"]) or not _is_false(other):
                continue
            edge = EdgeKind.TRUE if asked.operators == ["is"] else EdgeKind.FALSE
            asked = asked.operands[0]
        if isinstance(asked, AssignmentExpr):
            asked = asked.value
        if asked is awaited or (isinstance(asked, NameExpr) and _holds(asked, index, point, body)):
            yield index, edge


def _holds(name: NameExpr, at: int, point: int, body: FunctionBody) -> bool:
    """Whether a name holds what is awaited at a point, and nothing else."""
    found = body.assigned(name.name, at)
    return (
        found is not None
        and isinstance(found[0], AwaitExpr)
        and (found[0] is body.graph.points[point].node)
    )
