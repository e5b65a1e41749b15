"""Generator functions that FastAPI cannot drive because of where their yields stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, ForStmt, FuncDef, IntExpr, NameExpr

from mypy_asyncsession.detectors.dependency_records import Drive
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import may_reach, on_every_path
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.generator_summary import returns_without_yield

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import FuncItem


def broken_yield(function: FuncItem) -> Drive | None:
    """What FastAPI stumbles over in a generator function: no yield at all, or one too many."""
    if not isinstance(function, FuncDef):
        return None
    if returns_without_yield(function.body):
        return Drive.UNYIELDED
    graph = FunctionFlow(function).graph
    yields = graph.of_kind(PointKind.YIELD)
    if yields and any(_repeats(graph, top, yields) for top in _lasting_loops(graph)):
        return Drive.REPEATED
    return None


def _lasting_loops(graph: Graph) -> Iterator[int]:
    """The tops of loops that have another round whatever happens: over numbers, or for ever."""
    tested = {id(graph.points[index].statement) for index in graph.of_kind(PointKind.BRANCH)}
    for index in graph.of_kind(PointKind.LOOP):
        if id(graph.points[index].statement) not in tested:
            yield index
    for index in graph.of_kind(PointKind.NEXT):
        loop = graph.points[index].node
        if isinstance(loop, ForStmt) and not loop.is_async and _is_over_several(loop):
            yield index


def _is_over_several(loop: ForStmt) -> bool:
    """Whether a loop is over a ``range`` of more than one number, as far as it can be seen."""
    numbers = loop.expr
    if not isinstance(numbers, CallExpr) or not isinstance(numbers.callee, NameExpr):
        return False
    last = numbers.args[-1] if numbers.args else None
    few = isinstance(last, IntExpr) and last.value < 2
    return numbers.callee.name == "range" and last is not None and not few


def _repeats(graph: Graph, top: int, yields: list[int]) -> bool:
    """Whether a loop goes on to another yield when an exception was thrown in at the first."""
    inside = [each for each in yields if may_reach(graph, top, each)]
    if any(may_reach(graph, each, top, first=EdgeKind.ERROR) for each in inside):
        return True
    # It has no way out, and so yields again as it is.
    ends = [*Graph.ENDS, *graph.of_kind(PointKind.RAISE)]
    rounds = [target for target, kind in graph.after[top] if not kind & EdgeKind.FALSE]
    return any(may_reach(graph, each, top, along=EdgeKind.QUIET) for each in inside) and all(
        on_every_path(graph, start, {top}, ends, along=EdgeKind.QUIET) for start in rounds
    )
