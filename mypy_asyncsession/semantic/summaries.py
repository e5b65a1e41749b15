"""What a function does with the objects that it is given, whatever it gives them to in turn.

A summary speaks of a function's own parameters and of the variables around it; where it is called,
these are replaced by what the caller has. It says less than there is where a callee is not known:
such an object is *exposed*, and nothing is certain of it afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ExpressionStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
    WithStmt,
)

from mypy_asyncsession.models.asyncio import AWAITS_FIRST_ARGUMENT, GATHERING
from mypy_asyncsession.models.sqlalchemy import COROUTINE_METHODS, STREAMING_METHODS
from mypy_asyncsession.semantic.acts import NOTHING, Act, Asked, Summary, united
from mypy_asyncsession.semantic.asked_for import is_asked_for
from mypy_asyncsession.semantic.async_sessions import is_for_one_task, may_be_for_one_task
from mypy_asyncsession.semantic.cfg import EdgeKind, Graph, PointKind, Way
from mypy_asyncsession.semantic.dataflow import reachable
from mypy_asyncsession.semantic.fixpoint import Fixpoints
from mypy_asyncsession.semantic.guards import Guards
from mypy_asyncsession.semantic.manager_commits import ManagerCommits
from mypy_asyncsession.semantic.object_identity import Objects
from mypy_asyncsession.semantic.objects import Made, Object
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import is_stub_body
from mypy_asyncsession.semantic.told_endings import Told, comes_otherwise, is_dropped, told_of
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue, fullname
from mypy_asyncsession.semantic.wrappers import undecorated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter

#: How many functions a session is followed into.
_DEPTH: Final = 8
_AWAITED: Final = COROUTINE_METHODS | STREAMING_METHODS | {"begin", "begin_nested"}
#: How the block of a transaction ends, as the method that would do the same.
_ENDS: Final = {
    Way.NORMAL: "commit",
    Way.RETURN: "commit",
    Way.BREAK: "commit",
    Way.CONTINUE: "commit",
    Way.ERROR: "rollback",
    Way.CANCEL: "rollback",
    Way.CLOSE: "rollback",
}


#: The methods that end a transaction.
ENDING: Final = frozenset({"aclose", "close", "commit", "reset", "rollback"})
#: The methods that write what is pending, and may fail.
FLUSHING: Final = frozenset({"commit", "flush"})
#: Those that a caller may decide about, by what it gives or by the state of the session.
_DECIDED: Final = ENDING | {"begin"}


def _entering(object_: Object | None) -> Summary:
    return Summary(entered=frozenset({object_})) if object_ is not None else NOTHING


class Summaries:
    """Makes the summaries of functions, each once."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.program = interpreter.program
        self.objects = Objects(interpreter)
        self.guards = Guards(self.objects)
        self._managers = ManagerCommits(self.objects, self.points)
        self._known = Fixpoints(NOTHING, _DEPTH)

    def of(self, function: FunctionValue) -> Summary | None:
        """The summary of a coroutine function; ``None`` where its body says nothing."""
        node = function.node
        if not isinstance(node, FuncDef) or not node.is_coroutine or node.is_generator:
            return None
        if is_stub_body(node) or self.program.source(function.scope.module) is None:
            return None
        return self._known.of(id(node), lambda: self._summary(function))

    def _summary(self, function: FunctionValue) -> Summary:
        body = self.objects.body(function.node, function.scope)
        done = list(self.points(body))
        acts: dict[Act, None] = {}
        exposed: set[Object] = set()
        entered: set[Object] = set()
        for point, summary in done:
            exposed |= summary.exposed
            entered |= summary.entered
            for act in summary.acts:
                if act.method in _DECIDED and is_asked_for(point, body):
                    exposed.add(act.object)  # the caller decides
                    continue
                if act.told is not Told.NOTHING and not is_dropped(point, body):
                    # What the result says decides, and that is not followed any further.
                    act = replace(act, on_return=False)  # noqa: PLW2901
                ended = replace(
                    self._ended(act, body.graph, point),
                    path=act.path or function.path,
                    line=act.line or body.graph.points[point].line,
                    function=act.function or function.name,
                )
                if act.method in ENDING and _is_followed(act, point, done, body.graph):
                    ended = replace(ended, last=False)
                if act.method == "rollback":
                    ended = replace(
                        ended,
                        told=told_of(point, body),
                        otherwise=comes_otherwise(point, _commits(act.object, done), body)
                        or act.otherwise,
                    )
                if act.method in FLUSHING:
                    ended = replace(ended, fails=_may_leave_failed(act, point, done, body))
                acts.setdefault(ended)
        return Summary(tuple(acts), frozenset(exposed), frozenset(entered))

    def _ended(self, act: Act, graph: Graph, point: int) -> Act:
        """An act at a point, seen from where the function has ended."""
        reached: set[int] = set()
        if act.on_return:
            reached |= reachable(graph, point, first=EdgeKind.ANY & ~EdgeKind.RAISING)
            if graph.points[point].kind is PointKind.LEAVE:
                reached |= reachable(graph, point)
        if act.on_raise:
            reached |= reachable(graph, point, first=EdgeKind.RAISING)
        return replace(act, on_return=Graph.EXIT in reached, on_raise=Graph.RAISED in reached)

    def points(self, body: FunctionBody) -> Iterator[tuple[int, Summary]]:
        """What the points of a function do, where they do something."""
        for point in body.graph.points:
            if not body.graph.before[point.index]:
                continue
            found = self.at(point, body)
            if found is not NOTHING:
                yield point.index, found

    def at(self, point: Point, body: FunctionBody) -> Summary:
        """What one point of a function does."""
        node = point.node
        if point.kind is PointKind.AWAIT and isinstance(node, AwaitExpr):
            found = self.awaited(node.expr, body, point.index)
        elif point.kind in (PointKind.ENTER, PointKind.LEAVE) and isinstance(node, WithStmt):
            found = self._managed(point, node, body)
        elif point.kind is PointKind.CALL and isinstance(node, CallExpr):
            found = self._called(node, body, point.index)
        else:
            return NOTHING
        if found.acts and self.guards.at(body, point.index):
            return replace(found, acts=tuple(replace(act, guarded=True) for act in found.acts))
        return found

    def awaited(self, expression: Expression, body: FunctionBody, at: int) -> Summary:
        """What awaiting an expression does."""
        if not isinstance(expression, CallExpr):
            return NOTHING
        callee = expression.callee
        if isinstance(callee, MemberExpr) and callee.name in _AWAITED:
            value = self.objects.value(callee.expr, body, at)
            if may_be_for_one_task(value):
                asked = Asked(expression, body, at)
                return self._act(callee.name, callee.expr, body, at, asked)
        value = self.objects.value(callee, body, at)
        name = fullname(value)
        if name in AWAITS_FIRST_ARGUMENT and expression.args:
            return self.awaited(expression.args[0], body, at)
        if name in GATHERING:
            return united(self.awaited(each, body, at) for each in expression.args)
        if isinstance(value, FunctionValue):
            found = self.called(expression, undecorated(value), body, at)
            if found is not None:
                return found
        return self._exposed(expression, body, at)

    def called(
        self, call: CallExpr, function: FunctionValue, body: FunctionBody, at: int
    ) -> Summary | None:
        """What a call of a coroutine function does, seen from the caller; ``None`` if unknown."""
        summary = self.of(function)
        if summary is None or summary is NOTHING:
            return summary  # it makes no difference what it is given
        given = self.objects.given_by(call, function, body, at)
        return self.seen(summary, function, given, body, at)

    def seen(
        self,
        summary: Summary,
        function: FunctionValue,
        given: Mapping[str, Object | None],
        body: FunctionBody,
        at: int,
    ) -> Summary:
        """A summary with the objects of the caller in the place of the function's own."""
        if summary is NOTHING:
            return NOTHING
        callee = self.objects.body(function.node, function.scope)

        def outside(object_: Object) -> Object | None:
            found = self.objects.substitute(object_, callee, given)
            return self.objects.settled(found, body, at) if found is not None else None

        acts: list[Act] = []
        for act in summary.acts:
            object_ = outside(act.object)
            if object_ is not None:
                acts.append(replace(act, object=object_))
        exposed, entered = (
            frozenset(known for each in given_on if (known := outside(each)) is not None)
            for given_on in (summary.exposed, summary.entered)
        )
        return Summary(tuple(acts), exposed, entered)

    def _act(
        self,
        method: str,
        receiver: Expression,
        body: FunctionBody,
        at: int,
        asked: Asked | None = None,
    ) -> Summary:
        object_ = self.objects.of(receiver, body, at)
        if object_ is None:
            return NOTHING
        line = body.graph.points[at].line
        return Summary((Act(method, object_, line=line, asked=asked),))

    def _managed(self, point: Point, statement: WithStmt, body: FunctionBody) -> Summary:
        """What entering or leaving a manager does."""
        expression = statement.expr[point.item]
        at = body.at(expression)
        if isinstance(expression, (NameExpr, MemberExpr)):
            if at is None:
                return NOTHING
            if not is_for_one_task(self.objects.value(expression, body, at)):
                # What holds a session may have another one now.
                return _entering(self.objects.of(expression, body, at))
            if point.kind is PointKind.LEAVE:
                return self._act("close", expression, body, at)
            return NOTHING
        if not isinstance(expression, CallExpr) or at is None:
            return NOTHING
        callee = expression.callee
        if (
            isinstance(callee, MemberExpr)
            and callee.name in ("begin", "begin_nested")
            and may_be_for_one_task(self.objects.value(callee.expr, body, at))
        ):
            if point.kind is PointKind.ENTER:
                return self._act(callee.name, callee.expr, body, at)
            if callee.name == "begin" and point.way is not None:
                return self._act(_ENDS[point.way], callee.expr, body, at)
            return NOTHING
        target = statement.target[point.item]
        if point.way is not None and self._is_transaction(callee, body, at):
            # ``async with maker.begin() as session`` ends what it has begun.
            if isinstance(target, NameExpr):
                return self._act(_ENDS[point.way], target, body, point.index)
            return NOTHING
        if point.way is not None and _ENDS[point.way] == "commit":
            ended = self._managers.committed(expression, target, body, at, point.index)
            if ended is not None:
                return Summary((Act("commit", ended, line=point.line),))
        found = self._exposed(expression, body, at)
        if point.kind is PointKind.LEAVE and isinstance(target, NameExpr):
            held = self.objects.of(target, body, point.index)
            if held is not None and not may_be_for_one_task(held.value):
                found = united([found, _entering(held)])
        return found

    def _is_transaction(self, callee: Expression, body: FunctionBody, at: int) -> bool:
        """Whether this is the ``begin`` of a sessionmaker."""
        if not isinstance(callee, MemberExpr) or callee.name != "begin":
            return False
        maker = self.objects.value(callee.expr, body, at)
        return isinstance(maker, ObjectValue) and maker.shape is Shape.SESSIONMAKER

    def _called(self, call: CallExpr, body: FunctionBody, at: int) -> Summary:
        """What a call does at once, before anything is awaited."""
        callee = call.callee
        if not isinstance(callee, MemberExpr) or callee.name not in ("add", "add_all"):
            return NOTHING
        if not isinstance(body.graph.points[at].statement, ExpressionStmt):
            return NOTHING
        if not is_for_one_task(self.objects.value(callee.expr, body, at)):
            return NOTHING
        found = self._act(callee.name, callee.expr, body, at)
        return replace(found, acts=tuple(replace(act, awaited=False) for act in found.acts))

    def _exposed(self, call: CallExpr, body: FunctionBody, at: int) -> Summary:
        """What a call gives to a function that is not known."""
        found: set[Object] = set()
        given: list[Expression] = [*call.args]
        if isinstance(call.callee, MemberExpr):
            given.append(call.callee.expr)
            given += self._begun_by(call.callee.expr, body, at)
        for argument in given:
            object_ = self.objects.of(argument, body, at)
            if object_ is None:
                continue
            found.add(object_)
            if isinstance(object_, Made):
                found |= set(self._kept_by(object_))
        return Summary((), frozenset(found)) if found else NOTHING

    def _begun_by(self, receiver: Expression, body: FunctionBody, at: int) -> list[Expression]:
        """The session whose transaction a name holds: ``savepoint = await db.begin_nested()``."""
        if not isinstance(receiver, NameExpr):
            return []
        found: list[Expression] = []
        for defined in body.bindings.reaching(at, receiver.name):
            node = body.graph.points[defined].node
            made = node.rvalue if isinstance(node, AssignmentStmt) else None
            made = made.expr if isinstance(made, AwaitExpr) else made
            if (
                isinstance(made, CallExpr)
                and isinstance(made.callee, MemberExpr)
                and made.callee.name in ("begin", "begin_nested", "get_transaction")
            ):
                found.append(made.callee.expr)
        return found

    def _kept_by(self, made: Made) -> Iterator[Object]:
        """What an object that was made here was given."""
        for argument in made.call.args:
            object_ = self.objects.of(argument, made.body, made.at)
            if object_ is not None:
                yield object_


def _commits(object_: Object, done: Sequence[tuple[int, Summary]]) -> list[int]:
    """The points at which an object is committed."""
    return [
        index
        for index, summary in done
        if any(act.object == object_ and act.method == "commit" for act in summary.acts)
    ]


def _is_followed(act: Act, point: int, done: Sequence[tuple[int, Summary]], graph: Graph) -> bool:
    """Whether more may be awaited of an object after its transaction has ended."""
    later = reachable(graph, point, first=EdgeKind.ANY if act.on_raise else EdgeKind.QUIET)
    return any(
        index in later
        and (
            summary.exposes(act.object)
            or any(each.object == act.object and each.method not in ENDING for each in summary.acts)
        )
        for index, summary in done
        if index != point
    )


def _may_leave_failed(
    act: Act, point: int, done: Sequence[tuple[int, Summary]], body: FunctionBody
) -> bool:
    """Whether a function raises what a flush has raised, and never rolls back for it.

    What stands in a ``with`` does not count: the manager may be a savepoint, or roll back itself.
    """
    if act.function and not act.fails:
        return False
    if body.graph.points[point].kind is not PointKind.AWAIT or body.managers_around(point):
        return False
    mended = frozenset(
        index
        for index, summary in done
        if index != point
        and (
            summary.exposes(act.object)
            or any(each.object == act.object and each.method in ENDING for each in summary.acts)
        )
    )
    reached = reachable(body.graph, point, first=EdgeKind.ERROR)
    return Graph.RAISED in reached and reached.isdisjoint(mended)
