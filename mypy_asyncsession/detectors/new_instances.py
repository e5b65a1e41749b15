"""New instances whose relationships are read after they were written, and were never there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import CallExpr, MemberExpr, NameExpr

from mypy_asyncsession.models.sqlalchemy import ASYNC_SESSIONS
from mypy_asyncsession.semantic.dataflow import on_every_path
from mypy_asyncsession.semantic.mapped_classes import LOADED_WITH_INSTANCE
from mypy_asyncsession.semantic.relationships import DEFAULT_LAZY
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import dotted, walk
from mypy_asyncsession.semantic.values import ClassValue, ObjectValue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.cfg import Graph
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.relationships import Relationship

_ADDING: Final = frozenset({"add", "add_all"})
_WRITING: Final = frozenset({"commit", "flush"})


class NewInstance(NamedTuple):
    """An instance that a function makes.

    Attributes:
        mapped: Its class.
        made: The call that makes it.
        name: The one name that it has.
        relationship: The relationship that is read.
        session: The session that it is added to, as written.
    """

    mapped: MappedClass
    made: CallExpr
    name: str
    relationship: Relationship
    session: str


class NewInstances:
    """Finds the reads of new instances' relationships in one module."""

    def __init__(self, interpreter: Interpreter, mapped: MappedClasses) -> None:
        self._interpreter = interpreter
        self._mapped = mapped

    def read(
        self, member: MemberExpr, point: ProgramPoint, calls: Sequence[CallExpr]
    ) -> NewInstance | None:
        """The new instance whose relationship a function reads, if it is one, and not set.

        Args:
            member: What is read.
            point: Where that is.
            calls: The calls of the function.
        """
        name = member.expr.name if isinstance(member.expr, NameExpr) else None
        bindings = point.scope.names.bindings.get(name, []) if name is not None else []
        if name is None or len(bindings) != 1 or name in point.scope.names.outer:
            return None
        made = bindings[0].node
        if bindings[0].kind != "assign" or not isinstance(made, CallExpr):
            return None
        if bindings[0].element is not None:
            return None
        klass = self._interpreter.value(made.callee, point.scope, bindings[0].blocks)
        mapped = self._mapped.of_class(klass) if isinstance(klass, ClassValue) else None
        if mapped is None or not mapped.complete or not mapped.constructed:
            return None
        relationship = mapped.relationships.get(member.name)
        if relationship is None or member.name in made.arg_names:
            return None
        if any(kind.is_star() for kind in made.arg_kinds):
            return None
        if relationship.lazy not in {DEFAULT_LAZY, *LOADED_WITH_INSTANCE}:
            return None
        if relationship.many is not True and mapped.has_foreign_keys:
            return None  # the other end may be there, or there may be none
        session = self._added_to(name, calls, point)
        if session is None:
            return None
        return NewInstance(mapped, made, name, relationship, session)

    def _added_to(self, name: str, calls: Sequence[CallExpr], point: ProgramPoint) -> str | None:
        for call in calls:
            callee = call.callee
            if not isinstance(callee, MemberExpr) or callee.name not in _ADDING:
                continue
            if not any(
                isinstance(node, NameExpr) and node.name == name
                for argument in call.args
                for node in walk(argument)
            ):
                continue
            session = self._interpreter.value(callee.expr, point.scope, None)
            if (
                isinstance(session, ObjectValue)
                and session.shape is Shape.SESSION
                and session.resource in ASYNC_SESSIONS
            ):
                return dotted(callee.expr)
        return None


def is_written_before(
    new: NewInstance, graph: Graph, calls: Sequence[CallExpr], reads: Sequence[Node]
) -> bool:
    """Whether a new instance is flushed on every way to each read of its relationship.

    What reads it before fills it: there is an empty collection then.
    """
    written = [
        point
        for call in calls
        if isinstance(call.callee, MemberExpr)
        and call.callee.name in _WRITING
        and dotted(call.callee.expr) == new.session
        for point in graph.points_of(call)
    ]
    added = [
        point
        for call in calls
        if isinstance(call.callee, MemberExpr)
        and call.callee.name in _ADDING
        and dotted(call.callee.expr) == new.session
        for point in graph.points_of(call)
    ]
    starts = graph.points_of(new.made)
    goals = [point for read in reads for point in graph.points_of(read)]
    if not written or not starts or not goals or not added:
        return False
    return on_every_path(graph, starts, set(written), set(goals)) and on_every_path(
        graph, starts, set(added), set(written)
    )


def refreshed(calls: Sequence[CallExpr], name: str) -> bool:
    """Whether something refreshes an instance as a whole."""
    return any(
        isinstance(call.callee, MemberExpr)
        and call.callee.name == "refresh"
        and bool(call.args)
        and isinstance(call.args[0], NameExpr)
        and call.args[0].name == name
        for call in calls
    )
