"""Attributes of instances that are read after a rollback or a commit has expired them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, AwaitExpr, CallExpr, MemberExpr, NameExpr, WithStmt

from mypy_asyncsession.detectors.instance_reads import InstanceReads
from mypy_asyncsession.detectors.instance_states import (
    LOADING,
    InstanceStates,
    attribute_of,
    ends_session,
)
from mypy_asyncsession.detectors.passed_instances import PassedInstances
from mypy_asyncsession.detectors.response_models import ModelReaders
from mypy_asyncsession.detectors.returned_expired import ReturnedExpired
from mypy_asyncsession.detectors.savepoints import rollback_of
from mypy_asyncsession.detectors.spans import span_of
from mypy_asyncsession.detectors.state_records import ExpiredRead
from mypy_asyncsession.detectors.tracked_instances import State, Tracked, TrackedInstances
from mypy_asyncsession.findings import Place
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.expiry import Expiry
from mypy_asyncsession.semantic.objects import Variable, root_of
from mypy_asyncsession.semantic.reloading import Reloading
from mypy_asyncsession.semantic.syntax import dotted
from mypy_asyncsession.semantic.told_endings import where_false
from mypy_asyncsession.semantic.typestate import Change, follow, region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from mypy.nodes import FuncDef

    from mypy_asyncsession.detectors.instance_reads import Read
    from mypy_asyncsession.detectors.parameter_dependencies import ParameterDependencies
    from mypy_asyncsession.semantic.acts import Act, Summary
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.index import Contents
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.mapped_classes import MappedClasses
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.program_point import Body, ProgramPoint
    from mypy_asyncsession.semantic.summaries import Summaries

_DONE: Final = EdgeKind.ANY & ~EdgeKind.RAISING
#: A quick look: what a function names that has such a read.
_NAMED: Final = frozenset({"begin", "begin_nested", "commit", "rollback"})
#: One of these names stands in each function of interest.
_TELLING: Final = LOADING | _NAMED | {"refresh"}


class ExpiredReads:
    """Finds the expired attributes that the functions of one module read."""

    def __init__(
        self,
        interpreter: Interpreter,
        summaries: Summaries,
        mapped: MappedClasses,
        dependencies: ParameterDependencies,
    ) -> None:
        self._summaries = summaries
        self._objects = summaries.objects
        self._expiry = Expiry(interpreter, summaries.objects, dependencies.provider)
        self._states = InstanceStates(self._expiry, Reloading(summaries.objects, mapped))
        self._tracked = TrackedInstances(interpreter, summaries, mapped, dependencies)
        self._models = ModelReaders(interpreter)
        self._passed = PassedInstances(interpreter, summaries, self._tracked, self._states)
        self._returned = ReturnedExpired(summaries, self._tracked, self._states, self._expiry)

    def of_function(
        self, function: FuncDef, point: ProgramPoint, inner: Body
    ) -> Iterator[ExpiredRead]:
        """What a function reads too late.

        Args:
            function: The function.
            point: Where it is defined.
            inner: Its body.
        """
        contents = point.body.contents(function)
        if not function.is_coroutine:
            return
        ends, awaited = _may_read(contents), _reads_what_was_awaited(contents)
        opens = any(isinstance(each, WithStmt) and _is_of_manager(each) for each in contents.own)
        if not ends and not awaited and not (opens and _reads_after_a_block(contents)):
            return
        body = self._objects.body(function, point.scope)
        reported: set[tuple[int, int]] = set()
        read_here = InstanceReads(body, self._models.readers(function, body.graph, inner))
        found = [*self._tracked.of(body)] if ends or opens else []
        for tracked in (*found, *(self._parameters(body) if ends else ())):
            reads = read_here.of(tracked)
            if not reads or not (ends or self._expiry.on_commit(tracked.session, body)):
                continue  # what names no transaction may commit, through others
            for read, since, act in self._expired(tracked, reads, body):
                key = (read.expression.line, read.expression.column)
                if key not in reported:
                    reported.add(key)
                    names = {one.name for each in reads.values() for one in each}
                    yield _record(tracked, read, names, since, act, body, inner)
        for late in self._returned.of(body, read_here) if awaited else ():
            read = late.read
            if (read.expression.line, read.expression.column) not in reported:
                record = _record(late.tracked, read, {read.name}, late.since, late.act, body, inner)
                yield record._replace(ended=True, line=late.act.line) if late.closed else record

    def _parameters(self, body: FunctionBody) -> Iterator[Tracked]:
        """The instances that the function is given with their session."""
        read = {
            each.expr.name
            for point in body.graph.points
            for each in point.reads
            if isinstance(each, MemberExpr) and isinstance(each.expr, NameExpr)
        }
        names = [name for name in body.parameters() if name in read]
        if not names:
            return
        sessions = {
            act.object
            for summary in self._summaries.done(body).values()
            for act in summary.acts
            if act.method in ("commit", "rollback") and _is_from_outside(act.object, body)
        }
        for name in names if sessions else ():
            passed = list(self._passed.of(name, body, sessions))
            yield from passed
            if not passed and not self._passed.is_called_here(body):
                owned = self._tracked.owned(name, body)
                yield from (each for each in owned if each.session in sessions)

    # What happens to it

    def _expired(
        self,
        tracked: Tracked,
        reads: dict[int, list[Read]],
        body: FunctionBody,
    ) -> Iterator[tuple[Read, int, Act]]:
        """The reads, each with the point at which the instance expired and what did that."""
        session = tracked.session
        done = self._summaries.done(body)
        points = region(body.graph, {tracked.begins: _DONE}, reads)
        changes = self._states.changes(tracked, done, body, points)
        if not any(change.to is State.EXPIRED for each in changes.values() for change in each):
            return
        for index in reads:
            # What is raised here is raised once.
            gone = frozenset({State.EXPIRED, State.CHANGED})
            changes[index] = [Change(None, gone), *changes.get(index, ())]
        changes[tracked.begins] = [Change(tracked.state, when=_DONE, begins=True)]
        states = follow(body.graph, changes, list(reads), body.flags)
        found: list[tuple[int, Read, int, Act]] = []
        ending = {"rollback"} | ({"commit"} if self._expiry.on_commit(session, body) else set())
        assigned = _assigned_before(tracked.name, body)
        for index, expressions in reads.items():
            for held in sorted(states.before.get(index, ()), key=lambda each: each.since):
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
                since = _awaited(since, done, body)
                act = _expiring(done.get(since), session, ending) or rollback_of(
                    body.graph.points[since], session, tracked.name
                )
                if left and act is not None:
                    found.append((index, left[0], since, act))
                    break
        together: dict[int, set[int]] = {}
        for index, _, since, _ in found:
            together.setdefault(since, set()).add(index)
        for index, read, since, act in found:
            others = together[since] - {index}
            if others:
                quietly = reachable(body.graph, since, along=_DONE, first=EdgeKind.ANY)
                # In a handler of the round that has raised for it, it is read once more.
                if index not in quietly and not others.isdisjoint(quietly):
                    continue
            yield read, since, act


def _record(
    tracked: Tracked,
    read: Read,
    names: AbstractSet[str],
    since: int,
    act: Act,
    body: FunctionBody,
    inner: Body,
) -> ExpiredRead:
    span = span_of(read.expression)
    line = body.graph.points[since].line
    return ExpiredRead(
        instance=tracked.name,
        attribute=read.name,
        columns=tuple(sorted(names & tracked.mapped.columns)),
        klass=tracked.mapped.name,
        session=tracked.session.text,
        reader=read.reader,
        method=act.method,
        by=act.function,
        line=line,
        place=Place(act.function or act.method, act.path or inner.path, act.line or line),
        ended=ends_session(body.graph.points[since], tracked.session, body),
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
            if isinstance(callee, MemberExpr) and callee.name in LOADING | {"refresh"}:
                asked.add(dotted(callee.expr))
            else:
                given.update(map(dotted, node.expr.args))
        elif isinstance(node, CallExpr):
            given.update(map(dotted, node.args))  # ``UnitOfWork(session)``
    return not (asked & given) <= {None}


def _reads_what_was_awaited(contents: Contents) -> bool:
    """Whether an attribute is read of what a function has given that is awaited.

    ``user = await users.get(key)``, ``await users.save()``, ``user.name``.
    """
    names: set[str] = set()
    read: set[str] = set()
    for node in contents.own:
        if isinstance(node, AssignmentStmt) and isinstance(node.rvalue, AwaitExpr):
            if isinstance(node.rvalue.expr, CallExpr):
                names.update(each.name for each in node.lvalues if isinstance(each, NameExpr))
        elif isinstance(node, MemberExpr) and isinstance(node.expr, NameExpr):
            read.add(node.expr.name)
    return not names.isdisjoint(read)


def _reads_after_a_block(contents: Contents) -> bool:
    """Whether an attribute is read after the block of a manager, which may commit at its end."""
    ends = [
        node.body.body[-1].end_line or node.body.body[-1].line
        for node in contents.own
        if isinstance(node, WithStmt) and _is_of_manager(node)
    ]
    return bool(ends) and any(
        isinstance(node, MemberExpr) and isinstance(node.expr, NameExpr) and node.line > min(ends)
        for node in contents.own
    )


def _is_of_manager(block: WithStmt) -> bool:
    """Whether a block binds what a call has given that it enters."""
    return block.is_async and any(
        isinstance(expression, CallExpr) and isinstance(target, NameExpr)
        for expression, target in zip(block.expr, block.target, strict=True)
    )


def _is_from_outside(object_: Object, body: FunctionBody) -> bool:
    root = root_of(object_)
    return (
        isinstance(root, Variable) and root.owner == id(body.node) and root.defined == Graph.ENTRY
    )


def _awaited(since: int, done: Mapping[int, Summary], body: FunctionBody) -> int:
    """The point that has done what a branch on its result says was done."""
    if body.graph.points[since].kind is not PointKind.BRANCH:
        return since
    return next(
        (at for at in done if any(since == branch for branch, _ in where_false(at, body))), since
    )


def _expiring(summary: Summary | None, session: Object, ending: set[str]) -> Act | None:
    """What has expired the instances of a session at a point."""
    return next(
        (
            act
            for act in (summary.acts if summary is not None else ())
            if act.object == session and act.method in ending
        ),
        None,
    )


def _assigned_before(name: str, body: FunctionBody) -> set[str]:
    """The attributes of what a name holds that the function assigns."""
    return {
        attribute
        for point in body.graph.points
        if point.kind is PointKind.STATEMENT and isinstance(point.node, AssignmentStmt)
        for target in point.node.lvalues
        if (attribute := attribute_of(target, name)) is not None
    }
