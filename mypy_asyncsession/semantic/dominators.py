"""The points that every way to another one comes through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.cfg import Graph

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet


def dominators(graph: Graph, goal: int) -> AbstractSet[int]:
    """The points that all ways from the entry to a point come through; all if none leads there.

    Each lies on any one way. Along that it is followed how far the ways that leave it come: a point
    which none of them has come past is on all ways. The goal itself is not among them.
    """
    way = _way(graph, goal)
    if way is None:
        return frozenset(range(len(graph.points)))
    places = {index: place for place, index in enumerate(way)}
    found: set[int] = set()
    seen: set[int] = set()
    furthest = 0
    for place, index in enumerate(way[:-1]):
        if furthest <= place:
            found.add(index)
        left = [index]
        while left:
            for target, _ in graph.after[left.pop()]:
                if target in places:
                    furthest = max(furthest, places[target])
                elif target not in seen:
                    seen.add(target)
                    left.append(target)
    return found


def _way(graph: Graph, goal: int) -> list[int] | None:
    """One way from the entry to a point."""
    came: dict[int, int] = {Graph.ENTRY: Graph.ENTRY}
    left = [Graph.ENTRY]
    while left and goal not in came:
        index = left.pop()
        for target, _ in graph.after[index]:
            if target not in came:
                came[target] = index
                left.append(target)
    if goal not in came:
        return None
    way = [goal]
    while way[-1] != Graph.ENTRY:
        way.append(came[way[-1]])
    return way[::-1]
