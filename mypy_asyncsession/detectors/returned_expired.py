"""Instances that a function returns when its session has expired them.

The session is closed by then, or is the caller's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    FuncDef,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    WithStmt,
)

from mypy_asyncsession.detectors.tracked_instances import State, Tracked
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import on_every_path, reachable
from mypy_asyncsession.semantic.objects import Variable, root_of
from mypy_asyncsession.semantic.syntax import is_stub_body, walk
from mypy_asyncsession.semantic.typestate import Change, follow, region
from mypy_asyncsession.semantic.values import FunctionValue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from mypy.nodes import FuncItem

    from mypy_asyncsession.detectors.instance_reads import InstanceReads, Read
    from mypy_asyncsession.detectors.instance_states import InstanceStates
    from mypy_asyncsession.detectors.tracked_instances import TrackedInstances
    from mypy_asyncsession.semantic.acts import Act, Summary
    from mypy_asyncsession.semantic.expiry import Expiry
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.mapped_classes import MappedClass
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.summaries import Summaries
    from mypy_asyncsession.semantic.typestate import Held
    from mypy_asyncsession.semantic.typestate import Tracked as States

_DONE: Final = EdgeKind.ANY & ~EdgeKind.RAISING
#: What looks at an instance, and leaves it as it is.
_LOOKING: Final = frozenset({"isinstance", "print", "repr", "str", "type"})


class Ended(NamedTuple):
    """How a function leaves what it returns.

    Attributes:
        mapped: The class of the instance.
        act: The commit that has expired it.
        session: The session, where the function was given it.
    """

    mapped: MappedClass
    act: Act
    session: Object | None


class LateRead(NamedTuple):
    """A read of what a function has returned.

    Attributes:
        tracked: The instance.
        read: The read.
        since: The point of the call.
        act: The commit in the function that has expired it.
        closed: Whether its session is closed.
    """

    tracked: Tracked
    read: Read
    since: int
    act: Act
    closed: bool


class ReturnedExpired:
    """Finds what is read of them where the function is called."""

    def __init__(
        self,
        summaries: Summaries,
        tracked: TrackedInstances,
        states: InstanceStates,
        expiry: Expiry,
    ) -> None:
        self._summaries = summaries
        self._objects = summaries.objects
        self._tracked = tracked
        self._states = states
        self._expiry = expiry
        self._known: dict[int, Ended | None] = {}

    def of(self, body: FunctionBody, reads: InstanceReads) -> Iterator[LateRead]:
        """The first read of each such instance."""
        for index in body.graph.of_kind(PointKind.STATEMENT):
            node = body.graph.points[index].node
            if not isinstance(node, AssignmentStmt) or not isinstance(node.rvalue, AwaitExpr):
                continue
            call, target = node.rvalue.expr, node.lvalues[0]
            if not isinstance(call, CallExpr) or not isinstance(target, NameExpr):
                continue
            at = body.at(call)
            function = self._objects.value(call.callee, body, at) if at is not None else None
            if at is None or not isinstance(function, FunctionValue):
                continue
            ended = self._of_function(function)
            if ended is None:
                continue
            session: Object | None = Variable(id(node), "", index)
            if ended.session is not None:
                session = self._of_caller(ended.session, call, function, body, at)
            if session is None:
                continue
            one = Tracked(target.name, index, index, State.EXPIRED, ended.mapped, session)
            found = reads.of(one)
            if ended.session is None:
                late = reachable(body.graph, index, avoiding=_given(target.name, body))
            else:
                late = self._still_expired(one, found, body)
            late_reads = [read for at, each in found.items() if at in late for read in each]
            if late_reads:
                first = min(late_reads, key=_place)
                yield LateRead(one, first, index, ended.act, closed=ended.session is None)

    def _of_caller(
        self,
        session: Object,
        call: CallExpr,
        function: FunctionValue,
        body: FunctionBody,
        at: int,
    ) -> Object | None:
        """The session that a call gives to a function, if commits expire its instances."""
        given = self._objects.given_by(call, function, body, at)
        callee = self._objects.body(function.node, function.scope)
        outside = self._objects.substitute(session, callee, given)
        settled = self._objects.settled(outside, body, at) if outside is not None else None
        if settled is None or not self._expiry.on_commit(settled, body):
            return None
        return settled

    def _still_expired(
        self, tracked: Tracked, reads: Collection[int], body: FunctionBody
    ) -> set[int]:
        """The points of some reads at which nothing may have loaded an instance again."""
        points = region(body.graph, {tracked.begins: _DONE}, reads)
        changes = self._states.changes(tracked, self._summaries.done(body), body, points)
        changes[tracked.begins] = [Change(tracked.state, when=_DONE, begins=True)]
        states = follow(body.graph, changes, list(reads), body.flags)
        return {each for each in reads if states.states(each) == {State.EXPIRED}}

    def _of_function(self, function: FunctionValue) -> Ended | None:
        """How a coroutine function leaves the one instance that it returns."""
        node = function.node
        if id(node) not in self._known:
            self._known[id(node)] = None  # inside itself
            is_plain = isinstance(node, FuncDef) and node.is_coroutine and not node.is_generator
            if is_plain and not is_stub_body(node) and _may_commit(node):
                body = self._objects.body(node, function.scope)
                self._known[id(node)] = self._ended(body, function)
        return self._known[id(node)]

    def _ended(self, body: FunctionBody, function: FunctionValue) -> Ended | None:
        given = {
            statement.expr.name if isinstance(statement.expr, NameExpr) else ""
            for index in body.graph.of_kind(PointKind.RETURN)
            if isinstance(statement := body.graph.points[index].node, ReturnStmt)
        }
        if len(given) != 1 or "" in given:
            return None
        (name,) = given
        followed = [each for each in self._tracked.of(body) if each.name == name]
        done = self._summaries.done(body) if followed else {}
        ended: Ended | None = None
        for each in followed:
            given_session = None if _is_own(each.session, body) else each.session
            if given_session is not None and not _is_from_outside(given_session, body):
                return None
            points = region(body.graph, {each.begins: _DONE}, [Graph.EXIT])
            changes = self._states.changes(
                each, done, body, points, expiring=given_session is not None
            )
            changes[each.begins] = [Change(each.state, when=_DONE, begins=True)]
            states = follow(body.graph, changes, [Graph.EXIT], body.flags)
            held = states.before.get(Graph.EXIT, ())
            if not held or any(one.state is not State.EXPIRED for one in held):
                return None
            # The first of them is told, in whichever order a set has them.
            ends = sorted({_expired_at(states, one) for one in held})
            commits = [_commit_at(since, each.session, done) for since in ends]
            since, act = ends[0], commits[0]
            if act is None or None in commits:
                return None
            told = act._replace(
                path=act.path or function.path,
                line=act.line or body.graph.points[since].line,
                function=function.name,
            )
            ended = Ended(each.mapped, told, given_session)
            if not on_every_path(body.graph, each.begins, ends, Graph.EXIT, along=EdgeKind.QUIET):
                return None
        return ended


def _expired_at(states: States[State], held: Held[State]) -> int:
    """The point at which an instance that has expired in the end did so."""
    return next(step for step in states.history(held) if step.state is State.EXPIRED).since


def _commit_at(point: int, session: Object, done: Mapping[int, Summary]) -> Act | None:
    """The commit of a session at a point, if that is what happens there."""
    acts = done[point].acts if point in done else ()
    return next((act for act in acts if act.object == session and act.method == "commit"), None)


def _may_commit(function: FuncItem) -> bool:
    """A quick look: whether a function names what ends a transaction."""
    return any(
        isinstance(node, MemberExpr) and node.name in ("begin", "commit")
        for node in walk(function.body)
    )


def _is_own(session: Object, body: FunctionBody) -> bool:
    """Whether a session is opened by a ``with`` of the function itself."""
    if not isinstance(session, Variable) or session.owner != id(body.node):
        return False
    if session.defined <= 0:
        return False
    point = body.graph.points[session.defined]
    return point.kind is PointKind.BIND and isinstance(point.statement, WithStmt)


def _is_from_outside(session: Object, body: FunctionBody) -> bool:
    """Whether a function was given a session, or an object that holds it."""
    root = root_of(session)
    return (
        isinstance(root, Variable) and root.owner == id(body.node) and root.defined == Graph.ENTRY
    )


def _place(read: Read) -> tuple[int, int]:
    return read.expression.line, read.expression.column


def _given(name: str, body: FunctionBody) -> frozenset[int]:
    """The points at which something is given what a name holds, and may load it again."""
    return frozenset(
        index
        for index in body.graph.of_kind(PointKind.CALL)
        if isinstance(call := body.graph.points[index].node, CallExpr)
        and not (isinstance(call.callee, NameExpr) and call.callee.name in _LOOKING)
        and any(
            isinstance(each, NameExpr) and each.name == name
            for argument in call.args
            for each in walk(argument)
        )
    )
