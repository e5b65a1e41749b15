"""The graph against Python: every way that a function takes is a way through its graph."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest
from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    DictionaryComprehension,
    Expression,
    ForStmt,
    GeneratorExpr,
    IntExpr,
    MatchStmt,
    WithStmt,
    YieldExpr,
)
from mypy.patterns import ValuePattern

from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, Point, PointKind, Way, WithItem, build
from tests.graphs import function_in
from tests.harness import flows

if TYPE_CHECKING:
    from tests.harness.flows import Event

_FOLLOWED = {
    flows.OK: EdgeKind.NORMAL,
    flows.TRUE: EdgeKind.TRUE,
    flows.FALSE: EdgeKind.FALSE,
    flows.ERROR: EdgeKind.ERROR,
    flows.CANCEL: EdgeKind.CANCEL,
    flows.CLOSE: EdgeKind.CLOSE,
    flows.SWALLOW: EdgeKind.SWALLOW,
    flows.ABANDON: EdgeKind.ABANDON,
}
_ENDS = {
    flows.RETURNED: Graph.EXIT,
    flows.RAISED: Graph.RAISED,
    flows.ABANDONED: Graph.ABANDONED,
}


def _number(node: Expression) -> int:
    assert isinstance(node, CallExpr)
    first = node.args[0]
    assert isinstance(first, IntExpr)
    return first.value


def _label(point: Point) -> tuple[str, int] | None:
    """What a function says when it comes to a point; ``None`` where it says nothing."""
    node = point.node
    if point.kind is PointKind.CALL and isinstance(node, CallExpr) and node.args:
        return "call", _number(node)
    if isinstance(node, AwaitExpr):
        return "await", _number(node.expr)
    if isinstance(node, YieldExpr):
        assert node.expr is not None
        return "yield", _number(node.expr)
    if point.kind in (PointKind.ENTER, PointKind.LEAVE):
        assert isinstance(node, WithStmt)
        return point.kind.value, _number(node.expr[point.item])
    if point.kind in (PointKind.ITERATE, PointKind.NEXT):
        if isinstance(node, ForStmt):
            return point.kind.value, _number(node.expr)
        assert isinstance(node, (GeneratorExpr, DictionaryComprehension))
        return point.kind.value, _number(node.sequences[point.item])
    return None


def _may_swallow(item: WithItem, _: Way) -> bool:
    call = item.expression
    assert isinstance(call, CallExpr)
    return getattr(call.callee, "name", "") == "quiet"


def _decided(point: Point, values: dict[int, object]) -> int:
    """The edges that Python follows from a point that says nothing."""
    node = point.node
    if point.kind is PointKind.BRANCH and isinstance(node, CallExpr):
        return EdgeKind.TRUE if values[_number(node)] else EdgeKind.FALSE
    if (
        point.kind is PointKind.CASE
        and isinstance(point.statement, MatchStmt)
        and isinstance(node, ValuePattern)
        and isinstance(node.expr, IntExpr)
    ):
        matches = values[_number(point.statement.subject)] == node.expr.value
        return EdgeKind.TRUE if matches else EdgeKind.FALSE
    return EdgeKind.ANY


def _next(
    graph: Graph,
    labels: list[tuple[str, int] | None],
    current: set[int],
    kinds: int,
    values: dict[int, object],
) -> set[int]:
    """The points at which something is said next, or which are an end."""
    found: set[int] = set()
    seen: set[int] = set()
    stack = [target for index in current for target, kind in graph.after[index] if kind & kinds]
    while stack:
        index = stack.pop()
        if index in seen:
            continue
        seen.add(index)
        if labels[index] is not None or index in Graph.ENDS:
            found.add(index)
            continue
        follow = _decided(graph.points[index], values)
        stack += [target for target, kind in graph.after[index] if kind & follow]
    return found


def _check(graph: Graph, events: list[Event], end: str, *, exact: bool) -> None:
    labels = [_label(point) for point in graph.points]
    values: dict[int, object] = {}
    current = _next(graph, labels, {Graph.ENTRY}, EdgeKind.ANY, values)
    for position, event in enumerate(events):
        came = {index for index in current if labels[index] == event.label}
        assert came, f"event {position}, {event}: not among {[graph.points[i] for i in current]}"
        assert not exact or current == came, f"event {position}, {event}: {current - came} as well"
        if event.label[0] == "call":
            values[event.label[1]] = event.value
        current = _next(graph, labels, came, _FOLLOWED[event.outcome], values)
        assert not exact or len(current) == 1, f"after event {position}, {event}: {current}"
    assert _ENDS[end] in current, f"{end}: not among {[graph.points[i] for i in current]}"


def _try(seed: int) -> None:
    exact = bool(seed % 2)
    writer = flows.Writer(seed, exact=exact)
    source = writer.source()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = build(function_in(source), may_swallow=_may_swallow)
        for run in range(12):
            events, end = flows.run(source, writer, run)
            try:
                _check(graph, events, end, exact=exact)
            except AssertionError as error:
                shown = "\n".join(f"{n} {event}" for n, event in enumerate(events))
                message = f"seed {seed}, run {run}: {error}\n{source}\n{graph.text()}\n{shown}"
                raise AssertionError(message) from error


def test_python_takes_no_other_way() -> None:
    for seed in range(300):
        _try(seed)
    gc.collect()


@pytest.mark.long
def test_python_takes_no_other_way_in_thousands() -> None:
    for seed in range(300, 10_000):
        _try(seed)
    gc.collect()
