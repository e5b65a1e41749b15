"""The instances that a function has, with the session that each was got through."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import AssignmentStmt, AwaitExpr, CallExpr, MemberExpr, NameExpr

from mypy_asyncsession.detectors.injected_instances import InjectedInstances
from mypy_asyncsession.semantic.async_sessions import is_async_session
from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.instances import Instances
from mypy_asyncsession.semantic.syntax import walk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.detectors.parameter_dependencies import ParameterDependencies
    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.summaries import Summaries


class State(Enum):
    """What an instance is, as far as its session goes."""

    #: Not in the database before the transaction: a rollback makes it an object like any other.
    NEW = "new"
    #: Loaded, in a transaction.
    LOADED = "loaded"
    #: Loaded, and no transaction has begun since the last one ended.
    AT_REST = "at rest"
    EXPIRED = "expired"
    #: Expired, and something was assigned to it: what is flushed next loads it.
    CHANGED = "changed"


#: What says of the instance that it is given that it is one of the session's own.
_OWNING = frozenset({"delete", "refresh"})
#: Functions that look at what they are given, and no more.
_ASKING = frozenset({"bool", "getattr", "hasattr", "isinstance", "setattr", "type"})


class Tracked(NamedTuple):
    """An instance under a name.

    Attributes:
        name: The name.
        bound: The point that gives it to the name.
        begins: The point at which it was loaded.
        state: What it is there.
        mapped: Its class.
        session: The session that it was got through.
        inner: Whether the name is a comprehension's own.
    """

    name: str
    bound: int
    begins: int
    state: State
    mapped: MappedClass
    session: Object
    inner: bool = False


class TrackedInstances:
    """Finds them."""

    def __init__(
        self,
        interpreter: Interpreter,
        summaries: Summaries,
        mapped: MappedClasses,
        dependencies: ParameterDependencies,
    ) -> None:
        self._objects = summaries.objects
        self._instances = Instances(interpreter, summaries, mapped)
        self._injected = InjectedInstances(summaries, self._instances, dependencies)

    def of(self, body: FunctionBody) -> Iterator[Tracked]:
        """The instances that are got, or made and added, and the points at which they are."""
        graph = body.graph
        for point in graph.points:
            if not graph.before[point.index]:
                continue
            node = point.node
            if point.kind is PointKind.STATEMENT and isinstance(node, AssignmentStmt):
                for target in node.lvalues:
                    if isinstance(target, NameExpr):
                        yield from self._bound(target.name, point.index, body)
            elif point.kind is PointKind.BIND and isinstance(node, NameExpr):
                yield from self._bound(node.name, point.index, body)
            elif point.kind is PointKind.BIND_INNER and isinstance(node, NameExpr):
                for each in self._bound(node.name, point.index, body):
                    yield each._replace(inner=True)
            elif point.kind in (PointKind.CALL, PointKind.AWAIT):
                call = node.expr if isinstance(node, AwaitExpr) else node
                if isinstance(call, CallExpr) and isinstance(call.callee, MemberExpr):
                    is_awaited = point.kind is PointKind.AWAIT
                    name = call.callee.name
                    if name in _OWNING if is_awaited else name == "add":
                        yield from self._given(call, point, body)

    def injected(self, name: str, body: FunctionBody) -> Iterator[Tracked]:
        """The instance that a dependency gives to a parameter, with the session of another."""
        found = self._injected.of(name, body)
        if found is not None:
            given, session = found
            state = State.AT_REST if given.at_rest else State.LOADED
            yield Tracked(name, Graph.ENTRY, Graph.ENTRY, state, given.mapped, session)

    def owned(self, name: str, body: FunctionBody) -> Iterator[Tracked]:
        """The instance of a parameter that must be one of its session's, or the function fails.

        It is refreshed or deleted there, and nothing that may have added it before that is given
        it.
        """
        if body.bindings.of(name) or _is_handed_on(name, body):
            return
        for each in self.of(body):
            kind = body.graph.points[each.bound].kind
            if each.name == name and kind is PointKind.AWAIT and each.state is State.LOADED:
                yield each._replace(bound=Graph.ENTRY, begins=Graph.ENTRY)

    def _bound(self, name: str, at: int, body: FunctionBody) -> Iterator[Tracked]:
        source = self._instances.bound(name, at, body)
        if source is not None and source.mapped is not None:
            begins = at if source.at is None else source.at
            yield Tracked(name, at, begins, State.LOADED, source.mapped, source.session)

    def _given(self, call: CallExpr, point: Point, body: FunctionBody) -> Iterator[Tracked]:
        """``await session.refresh(user)``, ``await session.delete(user)``, ``session.add(user)``.

        The first two raise for what is not in the session.
        """
        assert isinstance(call.callee, MemberExpr)
        first = call.args[0] if call.args else None
        if not isinstance(first, NameExpr):
            return
        if not is_async_session(self._objects.value(call.callee.expr, body, point.index)):
            return
        mapped = self._instances.mapped(first, body, point.index)
        session = self._objects.of(call.callee.expr, body, point.index)
        if mapped is None or session is None:
            return
        is_owned = point.kind is PointKind.AWAIT
        if not is_owned and not self._is_new(first, body, point.index):
            return
        state = State.LOADED if is_owned else State.NEW
        yield Tracked(first.name, point.index, point.index, state, mapped, session)

    def _is_new(self, name: NameExpr, body: FunctionBody, at: int) -> bool:
        """Whether what a name holds was made in this function."""
        reaching = body.bindings.reaching(at, name.name)
        return bool(reaching) and all(
            defined != Graph.ENTRY
            and isinstance(node := body.graph.points[defined].node, AssignmentStmt)
            and self._instances.new(node.rvalue, body, defined) is not None
            for defined in reaching
        )


def _is_handed_on(name: str, body: FunctionBody) -> bool:
    """Whether anything is given what a name holds, but for what asks about it."""
    return any(
        isinstance(node, CallExpr)
        and any(isinstance(each, NameExpr) and each.name == name for each in node.args)
        and not (isinstance(node.callee, MemberExpr) and node.callee.name in _OWNING)
        and not (isinstance(node.callee, NameExpr) and node.callee.name in _ASKING)
        for node in walk(body.node.body)
    )
