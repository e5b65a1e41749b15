"""Sessions that get out of the block that they are opened for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    CallExpr,
    ConditionalExpr,
    DictExpr,
    ExpressionStmt,
    FuncDef,
    GeneratorExpr,
    LambdaExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    ReturnStmt,
    SetExpr,
    StarExpr,
    TupleExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.block_flow import (
    does_something,
    is_bound_in,
    leaving,
    used_closed,
    waits,
)
from mypy_asyncsession.detectors.record import Escape
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.asyncio import TASK_MAKERS
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.models.starlette import STREAMING_RESPONSES
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.cfg import WithItem
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.session_ownership import kept, opens
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import (
    dotted,
    mentions,
    statements,
    walk,
)
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mypy.nodes import Block, Expression, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

#: What runs only when it is awaited or iterated over.
_LAZY = frozenset({Shape.ASYNC_GENERATOR, Shape.COROUTINE, Shape.GENERATOR})
#: Methods of a session that may be handed on as they are.
_METHODS = frozenset({"aclose", "add", "add_all", "close", "commit", "delete", "flush", "rollback"})


class Escapes:
    """Follows the session of a block to where it is used, kept or given away."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._closed: dict[tuple[int, str], dict[tuple[int, int], MemberExpr]] = {}

    def of_block(self, statement: WithStmt, point: ProgramPoint) -> Iterator[Escape]:
        """How a session gets out of the block that it is opened for."""
        for position, (expression, target) in enumerate(
            zip(statement.expr, statement.target, strict=True)
        ):
            if not isinstance(target, NameExpr) or not isinstance(expression, CallExpr):
                continue
            manager = self._interpreter.value(expression, point.scope, point.where)
            session = self._interpreter.entered(manager)
            if not isinstance(session, ObjectValue) or session.resource is None:
                continue
            if self._is_given(expression, session, point):
                continue
            if not opens(manager, self._interpreter, bare=not expression.args):
                continue
            for how, node in self._escapes(WithItem(statement, position), target.name, point):
                span = span_of(node)  # type: ignore[arg-type]
                yield Escape(
                    how=how,
                    name=target.name.rstrip("'"),
                    session=session.label or "session",
                    opener=written(expression),
                    span=span,
                    function=point.body.outermost(),
                    lines=tuple(range(span.line, span.end_line + 1)),
                )

    def _is_given(self, call: CallExpr, session: ObjectValue, point: ProgramPoint) -> bool:
        """Whether a call is given such a session: then the block need not be what closes it."""
        return any(
            isinstance(value, ObjectValue) and value.resource == session.resource
            for value in (
                self._interpreter.value(each, point.scope, point.where) for each in call.args
            )
        )

    def _escapes(
        self, item: WithItem, name: str, point: ProgramPoint
    ) -> Iterator[tuple[str, Node]]:
        flow = point.body.flow()
        block = item.statement.body
        left = leaving(flow, item)
        if is_bound_in(flow, item, name, left):
            return  # it is something else by then
        if isinstance(point.body.function(), FuncDef) and not flow.is_generator:
            for inner in statements(block):
                if isinstance(inner, ReturnStmt) and inner.expr is not None:
                    where = point.scope.names.places.get(id(inner))
                    how = self._returned(inner.expr, name, block, point.scope, where)
                    if how is not None:
                        yield how, inner
        for inner in block.body:
            if (
                isinstance(inner, AssignmentStmt)
                and isinstance(inner.rvalue, NameExpr)
                and inner.rvalue.name == name
                and any(isinstance(lvalue, MemberExpr) for lvalue in inner.lvalues)
                and not does_something(flow, inner, left)
            ):
                yield "stored", inner
        for call in self._tasks(block, name, left, point):
            yield "task", call
        # What is bound by another function meanwhile is not known.
        if name not in flow.shared:
            used = self._used_closed(flow, name).get((id(item.statement), item.position))
            if used is not None:
                yield "used", used

    def _used_closed(self, flow: FunctionFlow, name: str) -> dict[tuple[int, int], MemberExpr]:
        """For the blocks that bind a name: where it is used first as a session after its end."""
        key = id(flow), name
        if key not in self._closed:
            self._closed[key] = used_closed(flow, name)
        return self._closed[key]

    def _returned(
        self, expression: Expression, name: str, block: Block, scope: Scope, where: Where
    ) -> str | None:
        """How what is returned from a block uses the session after it, if it does."""
        items = _items(expression)
        if items is not None:
            found = (self._returned(item, name, block, scope, where) for item in items)
            return "returned" if "returned" in found else None
        if isinstance(expression, NameExpr):
            return "returned" if expression.name == name else None
        if not isinstance(expression, CallExpr):
            return None
        callee = expression.callee
        if (
            isinstance(callee, (MemberExpr, NameExpr))
            and callee.name in STREAMING_RESPONSES
            and expression.args
        ):
            streamed = self._returned(expression.args[0], name, block, scope, where)
            return streamed if streamed in ("coroutine", "generator") else None
        if isinstance(callee, NameExpr):
            inner = next(
                (each for each in statements(block) if _is_closure(each, callee.name, name)), None
            )
            if isinstance(inner, FuncDef):
                return "generator" if inner.is_generator else "coroutine"
        if not any(isinstance(each, NameExpr) and each.name == name for each in expression.args):
            return None
        made = self._interpreter.value(expression, scope, where)
        if isinstance(made, ObjectValue) and made.shape in _LAZY:
            return "coroutine" if made.shape is Shape.COROUTINE else "generator"
        maker = self._interpreter.value(callee, scope, where)
        return "held" if self._keeps(maker, expression, name) else None

    def _keeps(self, maker: Value, call: CallExpr, name: str) -> bool:
        """Whether a call makes an object that keeps an argument in an attribute."""
        if not isinstance(maker, ClassValue) or maker.info is None:
            return False
        init = self._interpreter.attribute(self._interpreter.instance(maker), "__init__")
        if not isinstance(init, FunctionValue) or not isinstance(init.node, FuncDef):
            return False
        return not kept(init.node).isdisjoint(
            parameter
            for parameter, argument in matched(call, init)
            if isinstance(argument, NameExpr) and argument.name == name
        )

    def _tasks(
        self, body: Block, name: str, left: Collection[int], point: ProgramPoint
    ) -> Iterator[CallExpr]:
        """The tasks in a block that are given the session and not waited for in it."""
        for statement in statements(body):
            call: Node | None = None
            kept: str | None = None
            if isinstance(statement, ExpressionStmt):
                call = statement.expr
            elif isinstance(statement, AssignmentStmt) and isinstance(
                statement.lvalues[0], NameExpr
            ):
                call, kept = statement.rvalue, statement.lvalues[0].name
            if not isinstance(call, CallExpr) or not self._starts_task(call, body, point):
                continue
            if not any(_holds(argument, name) for argument in call.args):
                continue
            if (kept is None or mentions(body, kept) == 1) and not waits(
                point.body.flow(), call, left, name
            ):
                yield call

    def _starts_task(self, call: CallExpr, body: Block, point: ProgramPoint) -> bool:
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return False
        if isinstance(callee, MemberExpr) and callee.name == "add_task":
            return self._is_run_later(callee.expr, body, point)
        if callee.name not in ("create_task", "ensure_future"):
            return False
        return fullname(self._interpreter.value(callee, point.scope, point.where)) in TASK_MAKERS

    def _is_run_later(self, tasks: Expression, body: Block, point: ProgramPoint) -> bool:
        """Whether these are background tasks that are not run in the block itself."""
        value = self._interpreter.value(tasks, point.scope, point.where)
        if not isinstance(value, ObjectValue) or value.label != "BackgroundTasks":
            return False
        name = dotted(tasks)
        given = [
            node
            for node in walk(body)
            if isinstance(node, MemberExpr)
            and node.name == "add_task"
            and dotted(node.expr) == name
        ]
        # Whoever else sees them in the block may run them there.
        return len(given) == sum(
            isinstance(node, (MemberExpr, NameExpr)) and dotted(node) == name for node in walk(body)
        )


def _items(expression: Expression) -> list[Expression] | None:
    """The elements of a literal."""
    if isinstance(expression, DictExpr):
        return [value for _, value in expression.items]
    return expression.items if isinstance(expression, (ListExpr, SetExpr, TupleExpr)) else None


def _is_closure(statement: Node, function: str, name: str) -> bool:
    """Whether a statement defines a function of that name, which uses a variable around it."""
    return (
        isinstance(statement, FuncDef)
        and statement.name == function
        and (statement.is_generator or statement.is_coroutine)
        and mentions(statement.body, name) > 0
        and not FunctionFlow(statement).bindings.of(name)
        and all(argument.variable.name != name for argument in statement.arguments)
    )


def _holds(value: Expression, name: str) -> bool:
    """Whether a value is what a name stands for, or leads to it later.

    What is only taken from a session holds none: ``session.info["tenant"]``.
    """
    stack: list[Expression] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, NameExpr):
            if node.name == name:
                return True
        elif isinstance(node, MemberExpr):
            if dotted(node.expr) == name and node.name in CONNECTING_ATTRIBUTES | _METHODS:
                return True
        elif isinstance(node, (LambdaExpr, GeneratorExpr)):
            if mentions(node, name):
                return True
        elif isinstance(node, CallExpr):
            of_session = isinstance(node.callee, MemberExpr) and dotted(node.callee.expr) == name
            if of_session:
                return True
            stack += [node.callee, *node.args]
        elif isinstance(node, ConditionalExpr):
            stack += [node.if_expr, node.else_expr]
        elif isinstance(node, OpExpr):
            if node.op in ("and", "or"):
                stack += [node.left, node.right]
        elif isinstance(node, (AssignmentExpr, StarExpr)):
            stack.append(node.value if isinstance(node, AssignmentExpr) else node.expr)
        else:
            stack += _items(node) or ()
    return False
