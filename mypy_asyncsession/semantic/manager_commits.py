"""The session that a manager commits at the end of its block, by its generator function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import MemberExpr, NameExpr, YieldExpr

from mypy_asyncsession.models.sqlalchemy import FORGETTING
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import on_every_path
from mypy_asyncsession.semantic.objects import Variable
from mypy_asyncsession.semantic.syntax import walk, yields
from mypy_asyncsession.semantic.values import FunctionValue, ManagerFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy.nodes import CallExpr, Node

    from mypy_asyncsession.semantic.acts import Summary
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.object_identity import Objects
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.program import Program


class ManagerCommits:
    """Looks into the generator functions of managers."""

    def __init__(
        self,
        program: Program,
        objects: Objects,
        points: Callable[[FunctionBody], Iterator[tuple[int, Summary]]],
    ) -> None:
        """Begin.

        Args:
            program: Notes which modules are read.
            objects: Says which objects expressions are.
            points: Says what the points of a function do with objects.
        """
        self._program = program
        self._objects = objects
        self._points = points
        #: What a generator function yields, and the modules that were read for it.
        self._known: dict[int, tuple[str | None, set[str]]] = {}

    def committed(
        self, call: CallExpr, target: Node | None, body: FunctionBody, at: int, left: int
    ) -> Object | None:
        """The session that a manager commits when its block has come to its end.

        Args:
            call: What makes the manager.
            target: What the block binds.
            body: The function that the block stands in.
            at: The point of the call.
            left: The point at which the block is left.
        """
        objects = self._objects
        factory = objects.value(call.callee, body, at)
        function = factory.function if isinstance(factory, ManagerFactory) else None
        if not isinstance(function, FunctionValue) or not function.node.is_generator:
            return None
        key = id(function.node)
        if key not in self._known:
            self._known[key] = None, set()  # inside itself
            with self._program.noting() as read:
                self._known[key] = self._yielded(function), read
        name, read = self._known[key]
        self._program.modules_read |= read
        if name is None:
            return None
        if name and (given := objects.given_by(call, function, body, at).get(name)) is not None:
            return given
        return objects.of(target, body, left) if isinstance(target, NameExpr) else None

    def _yielded(self, function: FunctionValue) -> str | None:
        """The parameter that is yielded and committed then; empty for a session of its own."""
        given = yields(function.node)
        session = given[0].expr if len(given) == 1 and isinstance(given[0], YieldExpr) else None
        if not isinstance(session, NameExpr):
            return None
        if any(
            isinstance(node, MemberExpr) and node.name in FORGETTING
            for node in walk(function.node.body)
        ):
            return None
        body = self._objects.body(function.node, function.scope)
        graph = body.graph
        starts = graph.of_kind(PointKind.YIELD)
        at = body.at(session)
        yielded = self._objects.of(session, body, at) if at is not None else None
        if yielded is None:
            return None
        commits = [
            index
            for index, summary in self._points(body)
            if any(
                act.method == "commit" and act.object == yielded and act.on_return
                for act in summary.acts
            )
        ]
        quiet = EdgeKind.QUIET
        if not commits or not on_every_path(graph, starts, commits, Graph.EXIT, along=quiet):
            return None
        is_parameter = isinstance(yielded, Variable) and yielded.defined == Graph.ENTRY
        return session.name if is_parameter else ""
