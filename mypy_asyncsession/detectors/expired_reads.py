"""Attributes of instances that are read after a rollback or a commit has expired them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import AssignmentStmt, AwaitExpr, CallExpr, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.detectors.state_records import ExpiredRead
from mypy_asyncsession.findings import Place
from mypy_asyncsession.semantic.async_sessions import is_async_session
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind, Way
from mypy_asyncsession.semantic.expiry import Expiry
from mypy_asyncsession.semantic.instances import Instances, Source
from mypy_asyncsession.semantic.objects import Variable
from mypy_asyncsession.semantic.syntax import dotted
from mypy_asyncsession.semantic.typestate import Change, follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import FuncDef, Node

    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.index import Contents
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.summaries import Act, Summaries, Summary


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


_LIVE: Final = frozenset({State.NEW, State.LOADED, State.AT_REST})
_DONE: Final = EdgeKind.ANY & ~EdgeKind.RAISING
#: What may load an instance again.
_LOADING: Final = frozenset(
    {
        "delete",
        "exec",
        "execute",
        "get",
        "get_one",
        "merge",
        "run_sync",
        "scalar",
        "scalars",
        "stream",
        "stream_scalars",
    }
)
#: What begins a transaction, and loads nothing that is there.
_BEGINNING: Final = frozenset({"add", "begin", "begin_nested", "connection", "refresh"})
_FORGETTING: Final = frozenset({"expunge", "expunge_all", "make_transient"})
#: A quick look: what a function names that has such a read.
_NAMED: Final = frozenset({"begin", "commit", "rollback"})
#: One of these names stands in each function of interest.
_TELLING: Final = _LOADING | _NAMED | {"refresh"}


class _Tracked(NamedTuple):
    """An instance under a name.

    Attributes:
        name: The name.
        bound: The point that gives it to the name.
        begins: The point at which it was loaded.
        state: What it is there.
        source: Where it comes from.
    """

    name: str
    bound: int
    begins: int
    state: State
    source: Source


class ExpiredReads:
    """Finds the expired attributes that the functions of one module read."""

    def __init__(
        self, interpreter: Interpreter, summaries: Summaries, mapped: MappedClasses
    ) -> None:
        self._summaries = summaries
        self._objects = summaries.objects
        self._instances = Instances(interpreter, summaries, mapped)
        self._expiry = Expiry(interpreter, summaries.objects)

    def of_function(self, function: FuncDef, point: ProgramPoint) -> Iterator[ExpiredRead]:
        """What a function reads too late; *point* is where it is defined."""
        if not function.is_coroutine or not point.body.may_mention(_TELLING):
            return
        if not _may_read(point.body.contents(function)):
            return
        body = self._objects.body(function, point.scope)
        done: dict[int, Summary] | None = None
        reported: set[tuple[int, int]] = set()
        for tracked in self._tracked(body):
            reads = _reads(tracked, body)
            if not reads:
                continue
            if done is None:
                done = dict(self._summaries.points(body))
            for read, since, act in self._expired(tracked, reads, done, body):
                key = (read.line, read.column)
                if key not in reported:
                    reported.add(key)
                    yield self._record(tracked, read, since, act, body, point)

    # What is followed

    def _tracked(self, body: FunctionBody) -> Iterator[_Tracked]:
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
            elif point.kind in (PointKind.CALL, PointKind.AWAIT):
                call = node.expr if isinstance(node, AwaitExpr) else node
                if isinstance(call, CallExpr) and isinstance(call.callee, MemberExpr):
                    is_awaited = point.kind is PointKind.AWAIT
                    if call.callee.name == ("refresh" if is_awaited else "add"):
                        yield from self._given(call, point, body)

    def _bound(self, name: str, at: int, body: FunctionBody) -> Iterator[_Tracked]:
        source = self._instances.bound(name, at, body)
        if source is not None:
            begins = at if source.at is None else source.at
            yield _Tracked(name, at, begins, State.LOADED, source)

    def _given(self, call: CallExpr, point: Point, body: FunctionBody) -> Iterator[_Tracked]:
        """``await session.refresh(user)``, ``session.add(user)``."""
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
        refreshes = point.kind is PointKind.AWAIT
        if not refreshes and not self._is_new(first, body, point.index):
            return
        state = State.LOADED if refreshes else State.NEW
        yield _Tracked(first.name, point.index, point.index, state, Source(session, mapped))

    def _is_new(self, name: NameExpr, body: FunctionBody, at: int) -> bool:
        """Whether what a name holds was made in this function."""
        reaching = body.bindings.reaching(at, name.name)
        return bool(reaching) and all(
            defined != Graph.ENTRY
            and isinstance(node := body.graph.points[defined].node, AssignmentStmt)
            and self._instances.new(node.rvalue, body, defined) is not None
            for defined in reaching
        )

    # What happens to it

    def _expired(
        self,
        tracked: _Tracked,
        reads: dict[int, list[MemberExpr]],
        done: dict[int, Summary],
        body: FunctionBody,
    ) -> Iterator[tuple[MemberExpr, int, Act]]:
        changes: dict[int, list[Change[State]]] = {}
        session = tracked.source.session
        on_commit = self._expiry.on_commit(session, body)
        for index, summary in done.items():
            found = self._changed(index, summary, tracked, body, on_commit=on_commit)
            if found:
                changes[index] = found
        if not any(change.to is State.EXPIRED for each in changes.values() for change in each):
            return
        self._add_statements(changes, tracked, body)
        for index in reads:
            # What is raised here is raised once.
            gone = frozenset({State.EXPIRED, State.CHANGED})
            changes[index] = [Change(None, gone), *changes.get(index, ())]
        changes[tracked.begins] = [Change(tracked.state, when=_DONE, begins=True)]
        states = follow(body.graph, changes, list(reads))
        for index, expressions in reads.items():
            assigned = _assigned_before(tracked.name, body)
            for held in states.before.get(index, ()):
                if held.state not in (State.EXPIRED, State.CHANGED):
                    continue
                left = [
                    each
                    for each in expressions
                    if held.state is State.EXPIRED or each.name not in assigned
                ]
                since = next(
                    each for each in states.history(held) if each.state is State.EXPIRED
                ).since
                act = _expiring(done.get(since), session)
                if left and act is not None:
                    yield left[0], since, act
                    break

    def _changed(
        self,
        index: int,
        summary: Summary,
        tracked: _Tracked,
        body: FunctionBody,
        *,
        on_commit: bool,
    ) -> list[Change[State]]:
        """What a point does to an instance by what it does with the session."""
        session = tracked.source.session
        acts = [act for act in summary.acts if act.object == session]
        point = body.graph.points[index]
        changes: list[Change[State]] = []
        if summary.exposes(session):
            changes.append(Change(None))
        if _is_given(tracked.name, point):
            # Whoever is given an instance may load it again.
            changes.append(Change(None, frozenset({State.EXPIRED, State.CHANGED})))
        leaves_by_error = point.kind is PointKind.LEAVE and point.way in (
            Way.ERROR,
            Way.CANCEL,
            Way.CLOSE,
        )
        for act in acts:
            when = _DONE if act.on_return else 0
            if act.on_raise:
                when |= EdgeKind.RAISING
            if leaves_by_error:
                when = EdgeKind.ANY
            changes += _by_act(act, when, on_commit=on_commit)
        return changes

    def _add_statements(
        self, changes: dict[int, list[Change[State]]], tracked: _Tracked, body: FunctionBody
    ) -> None:
        """What is assigned to the instance or its name, and the end of its session's block."""
        session = tracked.source.session
        for point in body.graph.points:
            node = point.node
            made: list[Change[State]] = []
            if point.index in body.bindings.of(tracked.name):
                if point.index != tracked.bound:
                    made.append(Change(None, when=_DONE))
            elif point.kind is PointKind.STATEMENT and isinstance(node, AssignmentStmt):
                if any(_attribute(each, tracked.name) for each in node.lvalues):
                    made.append(Change(State.CHANGED, frozenset({State.EXPIRED}), _DONE))
            elif point.kind is PointKind.CALL and isinstance(node, CallExpr):
                if _forgets(node):
                    made.append(Change(None))
            elif point.kind is PointKind.LEAVE and isinstance(node, WithStmt):
                target = node.target[point.item]
                if (
                    isinstance(session, Variable)
                    and session.defined > 0
                    and target is body.graph.points[session.defined].node
                ):
                    made.append(Change(None, _LIVE | {State.CHANGED}))
            if made:
                changes.setdefault(point.index, []).extend(made)

    def _record(
        self,
        tracked: _Tracked,
        read: MemberExpr,
        since: int,
        act: Act,
        body: FunctionBody,
        point: ProgramPoint,
    ) -> ExpiredRead:
        span = span_of(read)
        inner = point.body.inside(body.node)
        line = body.graph.points[since].line
        path = inner.path
        return ExpiredRead(
            instance=tracked.name,
            attribute=read.name,
            klass=tracked.source.mapped.name,
            session=tracked.source.session.text,
            method=act.method,
            by=act.function,
            line=line,
            place=Place(act.function or act.method, act.path or path, act.line or line),
            span=span,
            function=inner.outermost(),
            lines=tuple(range(span.line, span.end_line + 1)),
        )


def _may_read(contents: Contents) -> bool:
    """A quick look: whether something may end a transaction here, or in a function called here."""
    asked: set[str | None] = set()
    given: set[str | None] = set()
    if contents.words.isdisjoint(_TELLING):
        return False
    for node in contents.own:
        if isinstance(node, MemberExpr) and node.name in _NAMED:
            return True
        if isinstance(node, AwaitExpr) and isinstance(node.expr, CallExpr):
            callee = node.expr.callee
            if isinstance(callee, MemberExpr) and callee.name in _LOADING | {"refresh"}:
                asked.add(dotted(callee.expr))
            else:
                given.update(map(dotted, node.expr.args))
    return not (asked & given) <= {None}


def _reads(tracked: _Tracked, body: FunctionBody) -> dict[int, list[MemberExpr]]:
    """The points that read a mapped attribute of an instance, with what they read."""
    mapped: MappedClass = tracked.source.mapped
    names = mapped.columns | mapped.relationships.keys()
    found: dict[int, list[MemberExpr]] = {}
    for point in body.graph.points:
        if tracked.name in point.inner:
            continue
        for read in point.reads:
            if (
                isinstance(read, MemberExpr)
                and isinstance(read.expr, NameExpr)
                and read.expr.name == tracked.name
                and read.name in names
            ):
                found.setdefault(point.index, []).append(read)
    return found


def _by_act(act: Act, when: int, *, on_commit: bool) -> Sequence[Change[State]]:
    """What one act of a session does to an instance of it."""
    if act.method in ("commit", "rollback") and act.function and not act.last:
        return [Change(None, when=when)]
    if act.method == "commit":
        kept = State.EXPIRED if on_commit else State.AT_REST
        return [
            Change(kept, frozenset({State.NEW, State.LOADED}), when),
            Change(None, frozenset({State.CHANGED}), when),
        ]
    if act.method == "rollback":
        return [
            Change(None, frozenset({State.NEW}), when),
            Change(State.EXPIRED, frozenset({State.LOADED, State.CHANGED}), when),
        ]
    if act.method in ("aclose", "close", "invalidate", "reset"):
        return [Change(None, _LIVE | {State.CHANGED}, when)]
    if act.method in _LOADING:
        return [
            Change(State.LOADED, frozenset({State.AT_REST})),
            Change(None, frozenset({State.EXPIRED, State.CHANGED}), when),
        ]
    if act.method == "flush":
        return [Change(None, frozenset({State.CHANGED}), when)]
    if act.method in _BEGINNING:
        return [
            Change(State.LOADED, frozenset({State.AT_REST})),
            Change(None, frozenset({State.CHANGED}), when),
        ]
    return [Change(None, frozenset({State.EXPIRED, State.CHANGED}), when)]


def _expiring(summary: Summary | None, session: Object) -> Act | None:
    """What has expired the instances of a session at a point."""
    return next(
        (
            act
            for act in (summary.acts if summary is not None else ())
            if act.object == session and act.method in ("commit", "rollback")
        ),
        None,
    )


def _attribute(target: Node, name: str) -> str | None:
    if isinstance(target, MemberExpr) and isinstance(target.expr, NameExpr):
        return target.name if target.expr.name == name else None
    return None


def _assigned_before(name: str, body: FunctionBody) -> set[str]:
    """The attributes of what a name holds that the function assigns."""
    return {
        attribute
        for point in body.graph.points
        if point.kind is PointKind.STATEMENT and isinstance(point.node, AssignmentStmt)
        for target in point.node.lvalues
        if (attribute := _attribute(target, name)) is not None
    }


def _is_given(name: str, point: Point) -> bool:
    """Whether what is awaited at a point is given an instance, or is a method of it."""
    if point.kind is not PointKind.AWAIT or not isinstance(point.node, AwaitExpr):
        return False
    call = point.node.expr
    if not isinstance(call, CallExpr):
        return False
    given: list[Node] = [*call.args]
    if isinstance(call.callee, MemberExpr):
        given.append(call.callee.expr)
        if call.callee.name == "refresh":
            return any(isinstance(each, NameExpr) and each.name == name for each in given)
    return any(isinstance(each, NameExpr) and each.name == name for each in given)


def _forgets(call: CallExpr) -> bool:
    return isinstance(call.callee, (MemberExpr, NameExpr)) and call.callee.name in _FORGETTING
