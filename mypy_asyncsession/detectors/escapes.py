"""Sessions that get out of the block that they are opened for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentExpr,
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    DictExpr,
    DictionaryComprehension,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    GeneratorExpr,
    GlobalDecl,
    ListExpr,
    MatchStmt,
    MemberExpr,
    NameExpr,
    NonlocalDecl,
    RaiseStmt,
    ReturnStmt,
    SetExpr,
    TupleExpr,
    WithStmt,
    YieldExpr,
    YieldFromExpr,
)

from mypy_asyncsession.detectors.arguments import matched
from mypy_asyncsession.detectors.record import Escape
from mypy_asyncsession.detectors.spans import span_of, written
from mypy_asyncsession.models.asyncio import TASK_MAKERS
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.models.starlette import STREAMING_RESPONSES
from mypy_asyncsession.semantic.session_ownership import kept, opens
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import (
    DEFINITIONS,
    dotted,
    mentions,
    statements,
    walk,
    yields,
)
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Block, Expression, FuncItem, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.program_point import ProgramPoint
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

#: What runs only when it is awaited or iterated over.
_LAZY = frozenset({Shape.ASYNC_GENERATOR, Shape.COROUTINE, Shape.GENERATOR})
#: The methods of an event loop that run it.
_RUNNING = frozenset({"run_forever", "run_until_complete"})


class Escapes:
    """Follows the session of a block to where it is used, kept or given away."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of_block(
        self, statement: WithStmt, following: Sequence[Node], point: ProgramPoint
    ) -> Iterator[Escape]:
        """How a session gets out of the block that it is opened for.

        Args:
            statement: The block.
            following: The statements that come after it in the block around.
            point: Where the block is.
        """
        for expression, target in zip(statement.expr, statement.target, strict=False):
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
            for how, node in self._escapes(statement, target.name, following, point):
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
        self, statement: WithStmt, name: str, following: Sequence[Node], point: ProgramPoint
    ) -> Iterator[tuple[str, Node]]:
        if _binds(statement.body, name):
            return  # it is something else by then
        function = point.body.function()
        if isinstance(function, FuncDef) and not yields(function):
            for inner in statements(statement.body):
                if isinstance(inner, ReturnStmt) and inner.expr is not None:
                    where = point.scope.names.places.get(id(inner))
                    how = self._returned(inner.expr, name, statement.body, point.scope, where)
                    if how is not None:
                        yield how, inner
        body = statement.body.body
        for position, inner in enumerate(body):
            if (
                isinstance(inner, AssignmentStmt)
                and isinstance(inner.rvalue, NameExpr)
                and inner.rvalue.name == name
                and any(isinstance(lvalue, MemberExpr) for lvalue in inner.lvalues)
                and not any(map(_does_something, body[position + 1 :]))
            ):
                yield "stored", inner
        for call in self._tasks(statement.body, name, point):
            yield "task", call
        if function is not None:
            if _is_shared(name, function):
                return  # what is bound by another function meanwhile is not known
            if _is_bound_once(name, function, point):
                # Nothing else can be meant by it: all that comes after in the function counts.
                end = statement.end_line or statement.line
                following = [each for each in statements(function.body) if each.line > end]
        used = _used_after(following, name)
        if used is not None:
            yield "used", used

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

    def _tasks(self, body: Block, name: str, point: ProgramPoint) -> Iterator[CallExpr]:
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
            if not any(mentions(argument, name) for argument in call.args):
                continue
            if (kept is None or mentions(body, kept) == 1) and not _waits(body, call.line, name):
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
        and not _binds(statement.body, name)
        and all(argument.variable.name != name for argument in statement.arguments)
    )


def _is_shared(name: str, function: FuncItem) -> bool:
    """Whether a name is one of another function as well."""
    return any(
        isinstance(each, (GlobalDecl, NonlocalDecl)) and name in each.names
        for each in statements(function.body, into_functions=True)
    )


def _is_bound_once(name: str, function: FuncItem, point: ProgramPoint) -> bool:
    """Whether a name can mean but one thing in a function, wherever it is bound."""
    return len(point.scope.names.bindings.get(name, ())) == 1 and all(
        argument.variable.name != name for argument in function.arguments
    )


def _waits(body: Block, line: int, name: str) -> bool:
    """Whether a block waits for anything after a line, other than for the session itself."""
    return any(
        (
            (isinstance(node, AwaitExpr) and not mentions(node, name))
            or (isinstance(node, (ForStmt, WithStmt)) and node.is_async)
            or (isinstance(node, MemberExpr) and node.name in _RUNNING)
        )
        and node.line > line
        for node in walk(body)
    )


def _does_something(statement: Node) -> bool:
    """Whether a statement may use what was stored before it."""
    return any(
        isinstance(node, (AwaitExpr, CallExpr, YieldExpr, YieldFromExpr, ReturnStmt, RaiseStmt))
        for node in walk(statement)
    )


def _used_after(following: Sequence[Node], name: str) -> Node | None:
    """Where a name is used as a session after its block, if nothing binds it anew before."""
    for statement in following:
        for node in walk(statement):
            if isinstance(node, NameExpr) and node.name == name and node.is_new_def:
                return None
        if _binds(statement, name):
            return None
        if isinstance(statement, DEFINITIONS):
            continue  # it may have a parameter of that name, and runs when it is called
        for node in walk(statement, into_functions=False):
            if (
                isinstance(node, MemberExpr)
                and node.name in CONNECTING_ATTRIBUTES
                and isinstance(node.expr, NameExpr)
                and node.expr.name == name
            ):
                return node
    return None


def _binds(statement: Node, name: str) -> bool:
    for inner in (statement, *statements([statement])):
        targets: list[Node] = []
        if isinstance(inner, AssignmentStmt):
            targets = list(inner.lvalues)
        elif isinstance(inner, WithStmt):
            targets = [target for target in inner.target if target is not None]
            # One that is entered again is open again.
            targets += (each for each in inner.expr if isinstance(each, NameExpr))
        elif isinstance(inner, ForStmt):
            targets = [inner.index]
        elif isinstance(inner, MatchStmt):
            return True  # a pattern may
        if any(mentions(target, name) for target in targets):
            return True
    return any(
        (isinstance(node, AssignmentExpr) and node.target.name == name)
        or (
            isinstance(node, (GeneratorExpr, DictionaryComprehension))
            and any(mentions(index, name) for index in node.indices)
        )
        for node in walk(statement)
    )
