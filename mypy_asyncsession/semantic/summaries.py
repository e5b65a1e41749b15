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
from mypy_asyncsession.semantic.act_flow import ActFlow
from mypy_asyncsession.semantic.acts import ENDING, FLUSHING, NOTHING, Act, Asked, Summary, united
from mypy_asyncsession.semantic.async_sessions import is_for_one_task, may_be_for_one_task
from mypy_asyncsession.semantic.cfg import PointKind, Way
from mypy_asyncsession.semantic.decisions import Decisions
from mypy_asyncsession.semantic.guards import Guards
from mypy_asyncsession.semantic.manager_commits import ManagerCommits
from mypy_asyncsession.semantic.object_identity import Objects
from mypy_asyncsession.semantic.objects import Made, Object, is_local
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import is_stub_body
from mypy_asyncsession.semantic.told_endings import Tellings, Told, is_dropped
from mypy_asyncsession.semantic.values import FunctionValue, ObjectValue, fullname
from mypy_asyncsession.semantic.wrappers import undecorated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.cfg import Point
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.known_summaries import KnownSummaries

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

#: The methods that a caller may decide about, by what it gives or by the state of the session.
_DECIDED: Final = ENDING | {"begin"}


def _entering(object_: Object | None) -> Summary:
    return Summary(entered=frozenset({object_})) if object_ is not None else NOTHING


class Summaries:
    """Makes the summaries of functions, each once."""

    def __init__(self, interpreter: Interpreter, known: KnownSummaries) -> None:
        """Make those of one module.

        Args:
            interpreter: Says what expressions may be.
            known: Those that are known.
        """
        self.program = interpreter.program
        self.objects = Objects(interpreter)
        self.guards = Guards(self.objects)
        self._managers = ManagerCommits(self.program, self.objects, self.points)
        self._known = known
        self._done: dict[int, Mapping[int, Summary]] = {}

    def of(self, function: FunctionValue) -> Summary | None:
        """The summary of a coroutine function; ``None`` where its body says nothing."""
        node = function.node
        if not isinstance(node, FuncDef) or not node.is_coroutine or node.is_generator:
            return None
        if is_stub_body(node) or self.program.source(function.scope.module) is None:
            return None
        return self._known.of(node, lambda: self._summary(function))

    def _summary(self, function: FunctionValue) -> Summary:
        body = self.objects.body(function.node, function.scope)
        done = list(self.points(body))
        flow = ActFlow(body, done)
        decisions = Decisions(body)
        tellings = Tellings(body)
        acts: dict[Act, None] = {}
        exposed: set[Object] = set()
        entered: set[Object] = set()
        for point, summary in done:
            exposed |= summary.exposed
            entered |= summary.entered
            for act in summary.acts:
                if is_local(act.object, body):
                    acts.setdefault(act)  # nothing that a caller knows
                elif act.method in _DECIDED and decisions.decide(point):
                    exposed.add(act.object)  # the caller decides
                else:
                    acts.setdefault(_ended(act, point, function, flow, tellings))
        return Summary(tuple(acts), frozenset(exposed), frozenset(entered))

    def done(self, body: FunctionBody) -> Mapping[int, Summary]:
        """What the points of a function do, by their indices; it is found out once."""
        key = id(body.node)
        if key not in self._done:
            self._done[key] = dict(self.points(body))
        return self._done[key]

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
            return replace(found, acts=tuple(act._replace(guarded=True) for act in found.acts))
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

        acted = {each: outside(each) for each in {act.object for act in summary.acts}}
        acts = [
            act._replace(object=object_)
            for act in summary.acts
            if (object_ := acted[act.object]) is not None
        ]
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
        return replace(found, acts=tuple(act._replace(awaited=False) for act in found.acts))

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


def _ended(act: Act, point: int, function: FunctionValue, flow: ActFlow, tellings: Tellings) -> Act:
    """An act at a point, seen from where the function has ended."""
    if act.told is not Told.NOTHING and not is_dropped(point, flow.body):
        # What the result says decides, and that is not followed any further.
        act = act._replace(on_return=False)
    return act._replace(
        on_return=flow.may_return(act, point),
        on_raise=flow.may_raise(act, point),
        path=act.path or function.path,
        line=act.line or flow.body.graph.points[point].line,
        function=act.function or function.name,
        last=act.last and not (act.method in ENDING and flow.is_followed(act, point)),
        told=tellings.of(point) if act.method == "rollback" else act.told,
        otherwise=act.otherwise or (act.method == "rollback" and flow.comes_otherwise(act, point)),
        fails=flow.may_leave_failed(act, point) if act.method in FLUSHING else act.fails,
    )
