"""What comes before and after the acts of a function, in the function itself.

A long function does much with one session, and the same is asked of each act. So what is asked is
answered for all points of the graph at once, and kept.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.semantic.acts import ENDING
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import Ahead, reachable
from mypy_asyncsession.semantic.objects import owners

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_asyncsession.semantic.acts import Act, Summary
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.objects import Object

_RETURNING: Final = EdgeKind.ANY & ~EdgeKind.RAISING


class ActFlow:
    """The acts of one function, in the order in which they may be done.

    Attributes:
        body: The function.
    """

    def __init__(self, body: FunctionBody, done: Sequence[tuple[int, Summary]]) -> None:
        """Begin with nothing asked.

        Args:
            body: The function.
            done: What its points do, each with its index.
        """
        self.body = body
        self._graph = body.graph
        self._returned = Ahead(body.graph, [Graph.EXIT])
        self._raised = Ahead(body.graph, [Graph.RAISED])
        #: Where which methods of an object are called, and where it may be anything.
        self._acted: defaultdict[Object, list[tuple[int, str]]] = defaultdict(list)
        self._exposed: defaultdict[Object, list[int]] = defaultdict(list)
        self._used: dict[Object, Ahead] = {}
        self._mended: dict[Object, Ahead] = {}
        #: What may come after a commit of an object; ``None`` where it is never committed.
        self._committed: dict[Object, set[int] | None] = {}
        for point, summary in done:
            for act in summary.acts:
                self._acted[act.object].append((point, act.method))
            for object_ in summary.exposed | summary.entered:
                self._exposed[object_].append(point)

    def may_return(self, act: Act, point: int) -> bool:
        """Whether the function may return once it has done something at a point."""
        return self._may_end(self._returned, act, point)

    def may_raise(self, act: Act, point: int) -> bool:
        """Whether the function may raise an exception once it has done something at a point."""
        return self._may_end(self._raised, act, point)

    def _may_end(self, end: Ahead, act: Act, point: int) -> bool:
        is_left = self._graph.points[point].kind is PointKind.LEAVE
        returned = EdgeKind.ANY if is_left else _RETURNING
        return (act.on_return and end.may_follow(point, first=returned)) or (
            act.on_raise and end.may_follow(point, first=EdgeKind.RAISING)
        )

    def is_followed(self, act: Act, point: int) -> bool:
        """Whether more may be awaited of an object after its transaction has ended."""
        if act.object not in self._used:
            self._used[act.object] = self._where(act.object, lambda method: method not in ENDING)
        first = EdgeKind.ANY if act.on_raise else EdgeKind.QUIET
        return self._used[act.object].may_follow(point, first=first, beside=point)

    def may_leave_failed(self, act: Act, point: int) -> bool:
        """Whether the function raises what a flush has raised, and never rolls back for it.

        What stands in a ``with`` does not count: the manager may be a savepoint, or roll back
        itself.
        """
        if act.function and not act.fails:
            return False
        if self._graph.points[point].kind is not PointKind.AWAIT:
            return False
        if self.body.managers_around(point):
            return False
        if act.object not in self._mended:
            self._mended[act.object] = self._where(act.object, ENDING.__contains__)
        mended = self._mended[act.object]
        return self._raised.may_follow(point, first=EdgeKind.ERROR) and not mended.may_follow(
            point, first=EdgeKind.ERROR, beside=point
        )

    def comes_otherwise(self, act: Act, point: int) -> bool:
        """Whether a point comes only where no commit of the same object has gone well."""
        if act.object not in self._committed:
            commits = [index for index, method in self._acted[act.object] if method == "commit"]
            later = reachable(self._graph, commits, first=EdgeKind.QUIET)
            self._committed[act.object] = later if commits else None
        committed = self._committed[act.object]
        return committed is not None and point not in committed

    def _where(self, object_: Object, counts: Callable[[str], bool]) -> Ahead:
        """Where an object is given to what is not known, or one of some methods is called."""
        found = [index for index, method in self._acted[object_] if counts(method)]
        for each in owners(object_):
            found += self._exposed.get(each, ())
        return Ahead(self._graph, found)
