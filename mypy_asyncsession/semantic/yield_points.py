"""Where a generator function yields, and what its graph has before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import may_reach, reachable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.function_flow import FunctionFlow


def yields_at(graph: Graph, yielded: Node) -> set[int]:
    """The points at which a ``yield`` hands something out: several in a ``finally``."""
    return {
        index for index in graph.points_of(yielded) if graph.points[index].kind is PointKind.YIELD
    }


def are_exclusive(graph: Graph, yields: Sequence[set[int]]) -> bool:
    """Whether at most one of some yields is reached: none comes after another."""
    if len(yields) == 1:
        return True
    every = set().union(*yields)
    return not any(may_reach(graph, each, every - each) for each in yields)


def before_yield(flow: FunctionFlow) -> set[int]:
    """The points that are reached before anything is yielded or raised.

    Loops and matches that yield are taken to come to what is in them.
    """
    graph = flow.graph
    closed = set(graph.of_kind(PointKind.YIELD))
    holding = {
        id(around.statement)
        for index in closed
        for around in flow.enclosing(graph.points[index].statement)
    }
    closed.update(
        index
        for index in graph.of_kind(
            PointKind.CASE, PointKind.ITERATE, PointKind.LOOP, PointKind.NEXT
        )
        if id(graph.points[index].statement) in holding
    )
    return reachable(graph, Graph.ENTRY, avoiding=closed, along=EdgeKind.QUIET)


def again(graph: Graph, places: Collection[int]) -> set[int]:
    """The tops of the loops in which a yield is come to again, unless something is raised."""
    after = reachable(graph, places, along=EdgeKind.QUIET)
    before = reachable(graph, places, along=EdgeKind.QUIET, backward=True)
    return after.intersection(before, graph.of_kind(PointKind.LOOP, PointKind.NEXT))


def after_yield(graph: Graph, places: Collection[int]) -> list[int]:
    """The points that follow a yield unless something is raised, in source order.

    Those of a further round of a loop around it are left out; that one is asked for is not.
    """
    yields = frozenset(places)
    tops = again(graph, yields)
    loops = {id(graph.points[top].statement) for top in tops}
    earlier = reachable(graph, places, along=EdgeKind.QUIET, backward=True, avoiding=tops)
    seen: set[int] = set()
    stack = [*places]
    while stack:
        source = stack.pop()
        is_top = id(graph.points[source].statement) in loops
        for target, kind in graph.after[source]:
            if not kind & EdgeKind.QUIET or target in seen or target in yields:
                continue
            if is_top and target in earlier and id(graph.points[target].statement) not in loops:
                continue
            seen.add(target)
            stack.append(target)
    # The top of a loop stands before what is in it, and is come to afterwards.
    first = min(places, default=0)
    return sorted(seen, key=lambda index: (index < first, index))
