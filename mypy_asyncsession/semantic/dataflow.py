"""What holds at the points of a graph: one solver, and the questions that need no more than paths.

A question is asked of points (their indices in the graph) along some kinds of edge: all of them
unless it says so.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mypy_asyncsession.semantic.cfg import EdgeKind, Graph
from mypy_asyncsession.semantic.cfg.names import bound_at, read_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from mypy_asyncsession.semantic.cfg import Point

_S = TypeVar("_S")


class Analysis(Generic[_S]):
    """A lattice, and what each point does to its elements: to be subclassed.

    Attributes:
        backward: Whether it begins at the ends and goes against the edges.
        along: The kinds of edge that count.
    """

    backward: bool = False
    along: int = EdgeKind.ANY

    def start(self) -> _S:
        """What holds where the body begins; backward, where it ends."""
        raise NotImplementedError

    def join(self, one: _S, other: _S) -> _S:
        """What holds where two ways meet: *one* itself where *other* adds nothing to it."""
        raise NotImplementedError

    def transfer(self, point: Point, state: _S) -> _S:
        """What holds after a point (backward: before it)."""
        raise NotImplementedError

    def edge(self, point: Point, kind: int, before: _S, after: _S) -> _S | None:
        """What an edge that leaves a point carries; ``None`` where it cannot be taken.

        As a rule *after*. Where an exception left the point, what it does may not have been done:
        the analysis may say *before*, or a third thing. Backward, *before* is what holds after it.

        Args:
            point: Where the edge leaves; backward, where it ends.
            kind: The kind of edge.
            before: What ``transfer`` was given.
            after: What it gave.
        """
        del point, kind, before
        return after


class Solution(Generic[_S]):
    """What an analysis has found; ``None`` where no way leads.

    Attributes:
        before: What holds before each point, in the direction of the analysis.
        after: What holds after each point.
    """

    __slots__ = ("after", "before")

    def __init__(self, size: int) -> None:
        self.before: list[_S | None] = [None] * size
        self.after: list[_S | None] = [None] * size


def solve(graph: Graph, analysis: Analysis[_S]) -> Solution[_S]:
    """Bring an analysis to its fixpoint."""
    ahead = graph.before if analysis.backward else graph.after
    starts = Graph.ENDS if analysis.backward else (Graph.ENTRY,)
    along = analysis.along
    solution: Solution[_S] = Solution(len(graph.points))
    before, after = solution.before, solution.after
    order = _order(ahead, starts, along)
    places = [0] * len(graph.points)
    for place, index in enumerate(order):
        places[index] = place
    waiting: list[int] = []
    queued = bytearray(len(graph.points))
    for start in starts:
        before[start] = analysis.start()
        heappush(waiting, places[start])
        queued[start] = 1
    while waiting:
        index = order[heappop(waiting)]
        queued[index] = 0
        point = graph.points[index]
        given = before[index]
        assert given is not None
        made = after[index] = analysis.transfer(point, given)
        for target, kind in ahead[index]:
            if not kind & along:
                continue
            carried = analysis.edge(point, kind, given, made)
            if carried is None:
                continue
            known = before[target]
            if known is None:
                before[target] = carried
            else:
                joined = analysis.join(known, carried)
                if joined is known or joined == known:
                    continue
                before[target] = joined
            if not queued[target]:
                queued[target] = 1
                heappush(waiting, places[target])
    return solution


def _order(ahead: list[list[tuple[int, int]]], starts: Iterable[int], along: int) -> list[int]:
    """The points that can be reached, each after those that lead to it, loops aside."""
    seen = bytearray(len(ahead))
    finished: list[int] = []
    for start in starts:
        if seen[start]:
            continue
        seen[start] = 1
        stack: list[tuple[int, Iterator[tuple[int, int]]]] = [(start, iter(ahead[start]))]
        while stack:
            index, edges = stack[-1]
            for target, kind in edges:
                if kind & along and not seen[target]:
                    seen[target] = 1
                    stack.append((target, iter(ahead[target])))
                    break
            else:
                stack.pop()
                finished.append(index)
    finished.reverse()
    return finished


def reachable(
    graph: Graph,
    start: int | Collection[int],
    *,
    avoiding: Collection[int] = (),
    along: int = EdgeKind.ANY,
    first: int | None = None,
    backward: bool = False,
) -> set[int]:
    """The points that come after a point, or after some; the point itself where it comes again.

    Args:
        graph: The graph.
        start: Where to begin.
        avoiding: Points that end a way; they are not part of the answer.
        along: The kinds of edge to follow.
        first: The kinds of edge to follow from *start* itself, where they are others.
        backward: Whether to go against the edges.
    """
    ahead = graph.before if backward else graph.after
    starts = (start,) if isinstance(start, int) else start
    mask = along if first is None else first
    seen: set[int] = set()
    stack: list[int] = []
    closed = avoiding if isinstance(avoiding, (set, frozenset)) else frozenset(avoiding)
    for index in starts:
        for target, kind in ahead[index]:
            if kind & mask and target not in seen and target not in closed:
                seen.add(target)
                stack.append(target)
    while stack:
        for target, kind in ahead[stack.pop()]:
            if kind & along and target not in seen and target not in closed:
                seen.add(target)
                stack.append(target)
    return seen


class Ahead:
    """Which points lead to some goals, for many questions about the same ones.

    Of each point it is known whether it leads to none of them, to one, or to several.
    """

    #: More than one goal.
    _SEVERAL: Final = -1

    def __init__(self, graph: Graph, goals: Iterable[int]) -> None:
        """Go back from all goals at once: no point is come to more than twice."""
        self._graph = graph
        #: What lies at a point or after it.
        self._found: dict[int, int] = {}
        left = [(goal, goal) for goal in goals]
        while left:
            index, goal = left.pop()
            known = self._found.get(index)
            if known in (goal, self._SEVERAL):
                continue
            self._found[index] = found = goal if known is None else self._SEVERAL
            left += [(source, found) for source, _ in graph.before[index]]

    def may_follow(self, point: int, *, first: int = EdgeKind.ANY, beside: int = -2) -> bool:
        """Whether a way leads from a point to one of the goals.

        Args:
            point: Where to begin.
            first: The kinds of edge to follow from there.
            beside: A goal that does not count.
        """
        return any(
            kind & first and self._found.get(target, beside) != beside
            for target, kind in self._graph.after[point]
        )


def may_reach(
    graph: Graph,
    start: int | Collection[int],
    goals: int | Collection[int],
    *,
    avoiding: Collection[int] = (),
    along: int = EdgeKind.ANY,
    first: int | None = None,
) -> bool:
    """Whether a way leads from *start* to one of the goals; what it avoids ends a way."""
    wanted = (goals,) if isinstance(goals, int) else goals
    found = reachable(graph, start, avoiding=avoiding, along=along, first=first)
    return not found.isdisjoint(wanted)


def on_every_path(
    graph: Graph,
    start: int | Collection[int],
    through: Collection[int],
    goals: int | Collection[int] = Graph.ENDS,
    *,
    along: int = EdgeKind.ANY,
) -> bool:
    """Whether each way from *start* to a goal comes through one of some points."""
    return not may_reach(graph, start, goals, avoiding=through, along=along)


def dominates(graph: Graph, one: int, other: int, *, along: int = EdgeKind.ANY) -> bool:
    """Whether no way leads from the entry to *other* but through *one*."""
    return one in (Graph.ENTRY, other) or not may_reach(
        graph, Graph.ENTRY, other, avoiding=(one,), along=along
    )


#: What bindings a use sees: the point of each, or the entry, where the name was bound before.
Definitions = frozenset[int]
#: How often a body is walked through for a name before all is found out about that.
_WALKS: Final = 4
#: The kinds of edge on which a point has bound nothing yet.
_UNDONE: Final = EdgeKind.RAISING


class Bindings:
    """Where the names of a body are bound, and which of these a use may see.

    Each question is answered by a walk from where it is asked, as far as the next bindings. Where
    many are asked of a name that is bound far away, all of them are answered at once.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._points: dict[str, set[int]] = {}
        #: How many points were walked through for a name, and what was found once for all of them.
        self._walked: dict[str, int] = {}
        self._solved: dict[str, Solution[Definitions]] = {}
        for point in graph.points:
            for name in bound_at(point):
                self._points.setdefault(name, set()).add(point.index)

    def of(self, name: str) -> Collection[int]:
        """The points that bind a name."""
        return self._points.get(name, ())

    def reaching(self, point: int, name: str, *, along: int = EdgeKind.ANY) -> Definitions:
        """The points whose binding of a name may hold before a point.

        The entry is among them where the name may not have been bound on the way.
        """
        bound = self._points.get(name, set())
        if along == EdgeKind.ANY:
            solved = self._solved.get(name)
            if solved is not None:
                return solved.before[point] or frozenset()
            if not bound and self._graph.before[point]:
                return frozenset({Graph.ENTRY})  # each point can be reached from there
        found: set[int] = set()
        seen = {point}
        stack = [point]
        while stack:
            index = stack.pop()
            if index == Graph.ENTRY:
                found.add(index)
            for source, kind in self._graph.before[index]:
                if not kind & along:
                    continue
                if source in bound and _has_bound(kind):
                    found.add(source)
                elif source not in seen:
                    seen.add(source)
                    stack.append(source)
        if along == EdgeKind.ANY:
            walked = self._walked[name] = self._walked.get(name, 0) + len(seen)
            if walked > _WALKS * len(self._graph.points):
                self._solved[name] = solve(self._graph, _Reaching(bound))
        return frozenset(found)

    def seeing(self, binding: int, name: str, *, along: int = EdgeKind.ANY) -> list[int]:
        """The points that look a name up and may see what one point has bound to it, in order."""
        graph = self._graph
        bound = self._points.get(name, set())
        seen = {
            target for target, kind in graph.after[binding] if kind & along and _has_bound(kind)
        }
        stack = list(seen)
        while stack:
            index = stack.pop()
            for target, kind in graph.after[index]:
                if not kind & along or target in seen or (index in bound and _has_bound(kind)):
                    continue
                seen.add(target)
                stack.append(target)
        return sorted(
            index for index in seen if next(read_at(graph.points[index], name), None) is not None
        )

    def is_live(self, point: int, name: str, *, along: int = EdgeKind.ANY) -> bool:
        """Whether what a name holds after a point may be looked up before it is bound anew."""
        graph = self._graph
        bound = self._points.get(name, set())
        seen: set[int] = set()
        stack = [point]
        while stack:
            index = stack.pop()
            for target, kind in graph.after[index]:
                if not kind & along or target in seen:
                    continue
                if index != point and index in bound and _has_bound(kind):
                    continue
                if next(read_at(graph.points[target], name), None) is not None:
                    return True
                seen.add(target)
                stack.append(target)
        return False


class _Reaching(Analysis[Definitions]):
    """The bindings of one name that may hold, at every point."""

    def __init__(self, bound: Collection[int]) -> None:
        self._bound = bound

    def start(self) -> Definitions:
        """Where the body begins, the name may be bound outside."""
        return frozenset({Graph.ENTRY})

    def transfer(self, point: Point, before: Definitions) -> Definitions:
        """A point that binds the name leaves nothing of what held before."""
        return frozenset({point.index}) if point.index in self._bound else before

    def edge(
        self, point: Point, kind: int, before: Definitions, after: Definitions
    ) -> Definitions | None:
        """On some edges nothing is bound yet."""
        del point
        return after if _has_bound(kind) else before

    def join(self, one: Definitions, other: Definitions) -> Definitions:
        """Either may hold."""
        return one if other <= one else one | other


def _has_bound(kind: int) -> bool:
    """Whether a point that binds a name has done so where an edge of a kind leaves it."""
    # A ``case`` that does not match may have bound some of its names before it found out.
    return not kind & (_UNDONE | EdgeKind.FALSE)
