"""Generator functions that yield never or twice, where a manager or a dependency yields once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    EllipsisExpr,
    Expression,
    ExpressionStmt,
    ForStmt,
    IntExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    PassStmt,
    ReturnStmt,
    StrExpr,
    TupleExpr,
    WithStmt,
    YieldExpr,
    YieldFromExpr,
)

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.cfg.attempts import raised_at
from mypy_asyncsession.semantic.cfg.names import bound_at
from mypy_asyncsession.semantic.dataflow import may_reach, on_every_path, reachable
from mypy_asyncsession.semantic.shapes import YieldFault
from mypy_asyncsession.semantic.yield_points import before_yield

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Node, Statement

    from mypy_asyncsession.semantic.function_flow import FunctionFlow

#: Functions that never return, by the names that they are called by.
_LEAVING: Final = frozenset({"abort", "exit", "fail", "skip", "xfail"})
_DECIDING: Final = (
    PointKind.BRANCH,
    PointKind.HANDLER,
    PointKind.LOOP,
    PointKind.NEXT,
    PointKind.RETURN,
)
#: What a handler calls that neither raises nor lets anybody know of the exception.
_SAYING: Final = frozenset(
    {
        "close",
        "critical",
        "debug",
        "error",
        "exception",
        "info",
        "log",
        "print",
        "rollback",
        "warn",
        "warning",
    }
)


class FaultyYield(NamedTuple):
    """A fault, and the ``return`` or the ``yield`` that shows it."""

    fault: YieldFault
    node: Expression | ReturnStmt


def faulty_yield(flow: FunctionFlow) -> FaultyYield | None:
    """What whoever drives a generator function to one yield stumbles over."""
    graph = flow.graph
    points = graph.of_kind(PointKind.YIELD)
    if not points or not (len(points) > 1 or graph.of_kind(*_DECIDING)):
        return None
    if any(isinstance(graph.points[index].node, YieldFromExpr) for index in points):
        return None
    never = _without_yield(flow)
    if never is not None:
        return FaultyYield(YieldFault.NEVER, never)
    for index in points:
        again = _again(graph, index, points)
        if again is not None:
            return FaultyYield(YieldFault.TWICE, again)
    for index in points:
        again = _again_when_caught(graph, index, points)
        if again is not None:
            return FaultyYield(YieldFault.AFTER_ERROR, again)
    for top in _further_rounds(graph):
        again = _again_in_round(graph, top, points)
        if again is not None:
            return FaultyYield(YieldFault.AFTER_ERROR, again)
    swallowing = _swallowing(flow)
    return FaultyYield(YieldFault.SWALLOWED, swallowing) if swallowing is not None else None


def _swallowing(flow: FunctionFlow) -> Expression | ReturnStmt | None:
    """The end of a handler that makes nothing of what failed before the yield.

    What fails there is awaited: a session that is made and entered connects to nothing.
    """
    graph = flow.graph
    yielding = graph.of_kind(PointKind.YIELD)
    rounds = graph.of_kind(PointKind.LOOP, PointKind.NEXT)
    failing = [
        index
        for index in before_yield(flow)
        if graph.points[index].kind is PointKind.AWAIT and not _only_says(graph.points[index].node)
    ]
    others = [*yielding, *graph.of_kind(PointKind.HANDLER)]
    along = EdgeKind.ANY & ~(EdgeKind.ABANDON | EdgeKind.CANCEL | EdgeKind.CLOSE)
    own = _catching_own(graph)
    for handler in graph.of_kind(PointKind.HANDLER):
        done: list[Statement] = getattr(graph.points[handler].node, "body", [])
        if handler in own or not done or not all(map(_drops, done)):
            continue
        between = [each for each in others if each != handler]
        if not may_reach(
            graph, failing, handler, first=EdgeKind.ERROR, along=along, avoiding=between
        ):
            continue
        after = reachable(graph, handler, along=EdgeKind.QUIET, avoiding=rounds)
        if Graph.EXIT not in after or not after.isdisjoint(yielding):
            continue
        if may_reach(graph, handler, rounds, along=EdgeKind.QUIET):
            continue  # it is tried again
        last, caught = done[-1], graph.points[handler].reads
        if isinstance(last, ReturnStmt):
            return last
        if caught and isinstance(caught[0], Expression):
            return caught[0]
    return None


def _drops(statement: Statement) -> bool:
    """Whether a statement of a handler does not do anything about the exception."""
    if isinstance(statement, ExpressionStmt):
        return _only_says(statement.expr)
    return isinstance(statement, PassStmt) or (
        isinstance(statement, ReturnStmt)
        and (statement.expr is None or last_name(statement.expr) == "None")
    )


def _only_says(expression: Node | None) -> bool:
    call = expression.expr if isinstance(expression, AwaitExpr) else expression
    return isinstance(call, (StrExpr, EllipsisExpr)) or (
        isinstance(call, CallExpr) and last_name(call.callee) in _SAYING
    )


def _without_yield(flow: FunctionFlow) -> Expression | ReturnStmt | None:
    """The ``return``, or the condition at the end, that ends a function that has not yielded."""
    graph = flow.graph
    reached = before_yield(flow)
    for index in sorted(reached):
        point = graph.points[index]
        if isinstance(point.node, ReturnStmt) and not _is_left_before(graph, index):
            return point.node
    if len(graph.of_kind(PointKind.YIELD)) > 1:
        return None  # one for each of the cases that there are
    for index in graph.of_kind(PointKind.BRANCH):
        point = graph.points[index]
        ends = index in reached and (Graph.EXIT, EdgeKind.FALSE) in graph.after[index]
        if ends and point.statement is flow.body.body[-1] and isinstance(point.node, Expression):
            return point.node
    return None


def _is_left_before(graph: Graph, index: int) -> bool:
    """Whether just before a ``return`` something is called that is there to leave the function."""
    for before, _ in graph.before[index]:
        node = graph.points[before].node
        call = node.expr if isinstance(node, ExpressionStmt) else node
        callee = call.callee if isinstance(call, CallExpr) else None
        if isinstance(callee, (MemberExpr, NameExpr)) and callee.name in _LEAVING:
            return True
    return False


def _again(graph: Graph, index: int, points: list[int]) -> Expression | None:
    """The yield that comes after another one on every way that is not an exception's."""
    ends = [*Graph.ENDS, *graph.of_kind(PointKind.RAISE)]
    after = reachable(graph, index, along=EdgeKind.QUIET)
    following = [each for each in points if each in after]
    if not following or not on_every_path(graph, index, points, ends, along=EdgeKind.QUIET):
        return None
    return _yield_at(graph, following[0])


def _again_when_caught(graph: Graph, index: int, points: list[int]) -> Expression | None:
    """The yield that a handler of what is thrown in at another one always goes on to."""
    ends = [*Graph.ENDS, *graph.of_kind(PointKind.RAISE)]
    thrown = reachable(
        graph,
        index,
        first=EdgeKind.ERROR,
        along=EdgeKind.ANY & ~EdgeKind.ABANDON,
        avoiding=[*points, *graph.of_kind(PointKind.HANDLER)],
    )
    own = _catching_own(graph)
    for handler in graph.of_kind(PointKind.HANDLER):
        if handler in own or not any(
            source in thrown or source == index for source, _ in graph.before[handler]
        ):
            continue
        after = reachable(graph, handler, along=EdgeKind.QUIET)
        following = [each for each in points if each in after]
        if following and on_every_path(graph, handler, points, ends, along=EdgeKind.QUIET):
            return _yield_at(graph, following[0])
    return None


def _catching_own(graph: Graph) -> set[int]:
    """The handlers of what the function itself raises: whoever uses it raises something else."""
    raising = (raised_at(graph.points[index]) for index in graph.of_kind(PointKind.RAISE))
    given = [each for each in raising if each is not None]
    raised = {last_name(each.callee if isinstance(each, CallExpr) else each) for each in given}
    return {
        index
        for index in graph.of_kind(PointKind.HANDLER)
        if any(
            isinstance(read, (MemberExpr, NameExpr)) and last_name(read) in raised
            for read in graph.points[index].reads
        )
    }


def _yield_at(graph: Graph, index: int) -> Expression:
    node = graph.points[index].node
    assert isinstance(node, YieldExpr)
    return node


def _further_rounds(graph: Graph) -> Iterator[int]:
    """The tops of loops that are there to have another round when something went wrong."""
    for index in graph.of_kind(PointKind.LOOP):
        yield index
    for index in graph.of_kind(PointKind.NEXT):
        loop = graph.points[index].node
        if isinstance(loop, ForStmt) and not loop.is_async and not _is_over_one(loop):
            yield index


def _is_over_one(loop: ForStmt) -> bool:
    """Whether a loop has one round at most, as far as it can be seen."""
    sequence = loop.expr
    if isinstance(sequence, (ListExpr, TupleExpr)):
        return len(sequence.items) < 2
    if not isinstance(sequence, CallExpr) or not isinstance(sequence.callee, NameExpr):
        return False
    last = sequence.args[-1] if sequence.args else None
    return sequence.callee.name == "range" and isinstance(last, IntExpr) and last.value < 2


def _again_in_round(graph: Graph, top: int, points: list[int]) -> Expression | None:
    """The yield of a loop that goes on to another round when an exception was thrown in at it."""
    own = _catching_own(graph)
    for index in points:
        if not may_reach(graph, top, index):
            continue
        if may_reach(graph, index, top, along=EdgeKind.QUIET):
            continue  # one that yields round after round: a stream
        if not may_reach(graph, index, top, first=EdgeKind.ERROR, avoiding=own):
            continue
        if not _is_asked(graph, index, top):
            return _yield_at(graph, index)
    return None


def _is_asked(graph: Graph, index: int, top: int) -> bool:
    """Whether a condition between an exception and the next round may know of the yield.

    A name that the round itself binds before it yields tells whether it came to that: a flag, or
    the session. The number of the round does not.
    """
    asked = reachable(graph, index, first=EdgeKind.ERROR, avoiding=(top,))
    before = reachable(graph, top, avoiding=(index,))
    told: set[str] = set()
    for each in before:
        point = graph.points[each]
        if isinstance(point.statement, (AssignmentStmt, WithStmt)):
            told.update(bound_at(point))
    return any(
        isinstance(read, NameExpr) and read.name in told
        for each in asked
        if graph.points[each].kind is PointKind.BRANCH
        for read in graph.points[each].reads
    )
