"""The jumps and exceptions that leave a loop, as its graph has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_asyncsession.semantic.cfg import Graph, PointKind, Way
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.index import looped
from mypy_asyncsession.semantic.syntax import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import ForStmt, Node

#: The points at which a statement of its own may send control out of a loop, and how.
_JUMPING: Final = frozenset({PointKind.RAISE, PointKind.RETURN, PointKind.STATEMENT})
_LEAVING: Final = frozenset({Way.RETURN, Way.BREAK, Way.ERROR})


def exits_of(loop: ForStmt, graph: Graph) -> Iterator[tuple[Way, Node]]:
    """The jumps and exceptions in the body of a loop that leave it for good, in source order.

    An exception that a handler in the loop may catch is for that to decide about.
    """
    around = [graph.points[index] for index in graph.points_of(loop)]
    tops = {point.index for point in around if point.kind is PointKind.NEXT}
    begins = {point.index for point in around if point.kind is PointKind.ITERATE}
    inside = list(statements(loop.body))
    within = set(map(id, inside))
    inner = set(map(id, looped(inside)))
    handlers = {
        index
        for index in graph.of_kind(PointKind.HANDLER)
        if id(graph.points[index].statement) in within
    }
    for statement in inside:
        jumps = [
            point
            for point in map(graph.points.__getitem__, graph.points_of(statement))
            if point.kind in _JUMPING and point.way in _LEAVING
        ]
        if not jumps:
            continue
        way = jumps[0].way
        assert way is not None
        if way is Way.BREAK and id(statement) in inner:
            continue
        places = [point.index for point in jumps]
        stays = tops | handlers if way is Way.ERROR else tops
        if stays.isdisjoint(reachable(graph, places, avoiding=begins)):
            yield way, statement
