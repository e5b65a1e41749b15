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
from mypy_asyncsession.semantic.dataflow import Ahead
from mypy_asyncsession.semantic.dominators import dominators

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


class Tellings:
    """What a function tells of what it does, where it returns."""

    def __init__(self, body: FunctionBody) -> None:
        """Begin with nothing asked."""
        self._body = body
        #: Where something is returned that is not false; ``None`` where nothing ever is returned.
        self._truths: Ahead | None = None
        self._always: Collection[int] = ()
        self._is_asked = False

    def of(self, point: int) -> Told:
        """What it tells of what it does at a point."""
        if not self._is_asked:
            self._is_asked = True
            self._look()
        if self._truths is None or point in self._always:
            return Told.NOTHING
        return Told.OPEN if self._truths.may_follow(point) else Told.FALSE

    def _look(self) -> None:
        graph = self._body.graph
        returned = {
            index: statement.expr
            for index in graph.of_kind(PointKind.RETURN)
            if isinstance(statement := graph.points[index].node, ReturnStmt)
        }
        if any(each is not None for each in returned.values()):
            truths = (index for index, each in returned.items() if not _is_false(each))
            self._truths = Ahead(graph, truths)
            self._always = dominators(graph, Graph.EXIT)


def _is_false(result: Expression | None) -> bool:
    return result is None or (isinstance(result, NameExpr) and result.name in _FALSE)


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
