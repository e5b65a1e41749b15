"""Expressions that lead to a session: what holds it, and what uses it once it is run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    DictExpr,
    ExpressionStmt,
    FuncDef,
    FuncItem,
    GeneratorExpr,
    LambdaExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    NameExpr,
    SetExpr,
    SuperExpr,
    TupleExpr,
    WithStmt,
)

from mypy_asyncsession.detectors.held import METHODS, Held, generates_with, is_stream
from mypy_asyncsession.detectors.session_closures import closure, runs_on
from mypy_asyncsession.models.builtin import PARTIALS
from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES, STREAM_VIEWS
from mypy_asyncsession.models.starlette import BACKGROUND_TASK, STREAMING_RESPONSES
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.interpreter.fields import has_generated_init
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import mentions, returned, statements, walk
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Collection

    from mypy.nodes import Block, Expression

    from mypy_asyncsession.detectors.held import Names
    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

#: What runs only when it is awaited or iterated over.
_LAZY: Final = frozenset({Shape.ASYNC_GENERATOR, Shape.COROUTINE, Shape.GENERATOR})
#: How many functions and classes a session is followed into.
_DEPTH: Final = 3


class Holders:
    """Says how expressions lead to a session."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def of(
        self, expression: Expression, names: Names, block: Block, scope: Scope, where: Where
    ) -> Held | None:
        """How an expression leads to a session, if it does.

        Args:
            expression: What is returned, stored or used later.
            names: The session, and what else is known to lead to it.
            block: The block that they stand in, for the functions that it defines.
            scope: The scope of the block.
            where: The place in it.
        """
        items = items_of(expression)
        if items is not None:
            found = [self.of(item, names, block, scope, where) for item in items]
            return next((how for how in found if how is not None), None)
        if isinstance(expression, NameExpr):
            how = names.get(expression.name)
            if how is None and closure(expression.name, names, block) is not None:
                return Held.CALLABLE
            return how
        if isinstance(expression, ListComprehension):
            return self._listed(expression, names, block, scope, where)
        if isinstance(expression, LambdaExpr):
            return Held.CALLABLE if runs_on(expression, names) else None
        if isinstance(expression, MemberExpr):
            return self._method(expression, names, scope, where)
        if isinstance(expression, GeneratorExpr):
            return Held.GENERATOR if generates_with(expression, names) else None
        if isinstance(expression, AwaitExpr):
            call = expression.expr
            if is_stream(call, names):
                return Held.STREAM
            if isinstance(call, CallExpr) and self._is_made(
                call, names, scope, where, awaited=True
            ):
                return Held.KEPT
            return None
        if isinstance(expression, CallExpr):
            return self._call(expression, names, block, scope, where)
        return None

    def _listed(
        self,
        comprehension: ListComprehension,
        names: Names,
        block: Block,
        scope: Scope,
        where: Where,
    ) -> Held | None:
        """A list of coroutines: ``[find(session, key) for key in keys]``."""
        generator = comprehension.generator
        if any(mentions(index, name) for index in generator.indices for name in names):
            return None
        if isinstance(generator.left_expr, AwaitExpr):
            return None
        how = self.of(generator.left_expr, names, block, scope, where)
        return Held.COROUTINES if how is Held.COROUTINE else None

    def _method(self, member: MemberExpr, names: Names, scope: Scope, where: Where) -> Held | None:
        """A method of a session, or one of an object that uses the session it keeps."""
        owner = member.expr
        if isinstance(owner, CallExpr):
            how = Held.KEPT if self._is_made(owner, names, scope, where) else None
        else:
            how = names.get(owner.name) if isinstance(owner, NameExpr) else None
        if how is Held.ITSELF:
            return Held.CALLABLE if member.name in CONNECTING_ATTRIBUTES | METHODS else None
        if how is Held.KEPT and self.uses_kept(self._interpreter.value(member, scope, where)):
            return Held.CALLABLE
        return None

    def uses_kept(self, method: Value) -> bool:
        """Whether a method asks an attribute of its object for what a session does."""
        if not isinstance(method, FunctionValue) or method.receiver is None:
            return False
        node = method.node
        if not isinstance(node, FuncDef) or not node.arguments or method.is_property:
            return False
        own = node.arguments[0].variable.name
        return any(
            isinstance(each, MemberExpr)
            and each.name in CONNECTING_ATTRIBUTES
            and isinstance(each.expr, MemberExpr)
            and isinstance(each.expr.expr, NameExpr)
            and each.expr.expr.name == own
            for each in walk(node.body)
        )

    def _call(
        self, call: CallExpr, names: Names, block: Block, scope: Scope, where: Where
    ) -> Held | None:
        callee = call.callee
        if isinstance(callee, MemberExpr) and callee.name in STREAM_VIEWS:
            how = self.of(callee.expr, names, block, scope, where)
            return how if how is Held.STREAM else None
        if self._has_task(call, names, block, scope, where):
            return Held.TASK
        if is_streaming(callee):
            content = streamed(call)
            how = self.of(content, names, block, scope, where) if content is not None else None
            return how if how in (Held.COROUTINE, Held.GENERATOR) else None
        if isinstance(callee, NameExpr):
            inner = closure(callee.name, names, block)
            if isinstance(inner, FuncDef):
                if inner.is_generator:
                    return Held.GENERATOR
                return Held.COROUTINE if inner.is_coroutine else None
        if isinstance(callee, MemberExpr) and self._method(callee, names, scope, where):
            return self._lazily(call, scope, where)
        if fullname(self._interpreter.value(callee, scope, where)) in PARTIALS:
            return self._partial(call, names, scope, where)
        if not any(self._holds(each, names, scope, where) for each in call.args):
            return None
        how = self._lazily(call, scope, where)
        if how is not None:
            return how
        return Held.KEPT if self._is_made(call, names, scope, where) else None

    def _has_task(
        self, response: CallExpr, names: Names, block: Block, scope: Scope, where: Where
    ) -> bool:
        """``Response(background=BackgroundTask(work, session))``."""
        for keyword, task in zip(response.arg_names, response.args, strict=True):
            if keyword == "background" and isinstance(task, CallExpr):
                made = self._interpreter.value(task, scope, where)
                return (
                    isinstance(made, ObjectValue)
                    and made.label == BACKGROUND_TASK
                    and any(
                        self.of(each, names, block, scope, where) is not None for each in task.args
                    )
                )
        return False

    def _lazily(self, call: CallExpr, scope: Scope, where: Where) -> Held | None:
        """What a call gives, if it runs only when it is awaited or iterated over."""
        made = self._interpreter.value(call, scope, where)
        if not isinstance(made, ObjectValue) or made.shape not in _LAZY:
            return None
        return Held.COROUTINE if made.shape is Shape.COROUTINE else Held.GENERATOR

    def _partial(self, call: CallExpr, names: Names, scope: Scope, where: Where) -> Held | None:
        """``partial(find, session)``, or ``partial(session.execute, query)``."""
        if not call.args:
            return None
        function = call.args[0]
        if isinstance(function, MemberExpr) and self._method(function, names, scope, where):
            return Held.CALLABLE
        value = self._interpreter.value(function, scope, where)
        if not isinstance(value, FunctionValue):
            return None
        return (
            Held.CALLABLE
            if any(
                isinstance(argument, NameExpr)
                and argument.name in names
                and uses(value.node, parameter)
                for parameter, argument in matched(call, value, after=1)
            )
            else None
        )

    def _is_made(
        self,
        call: CallExpr,
        names: Collection[str],
        scope: Scope,
        where: Where,
        *,
        awaited: bool = False,
        depth: int = 0,
    ) -> bool:
        """Whether a call, or the ``await`` of it, gives an object that keeps one of some names."""
        if depth > _DEPTH:
            return False
        maker = self._interpreter.value(call.callee, scope, where)
        if isinstance(maker, ClassValue):
            return not awaited and self._keeps(maker, call, names, scope, where, depth)
        if not isinstance(maker, FunctionValue) or not isinstance(maker.node, FuncDef):
            return False
        node = maker.node
        if node.is_generator or node.is_async_generator or node.is_coroutine is not awaited:
            return False
        given = self._given(call, maker, names, scope, where, depth)
        inner = self._inside(maker)
        results = returned(node)
        if not given or inner is None or not results:
            return False
        if any(name in inner.names.bindings for name in given):
            return False
        return all(
            isinstance(each, CallExpr) and self._is_made(each, given, inner, None, depth=depth + 1)
            for each in results
        )

    def _holds(
        self,
        argument: Expression,
        names: Collection[str],
        scope: Scope,
        where: Where,
        depth: int = 0,
    ) -> bool:
        """Whether an argument is one of some names, or makes an object that keeps one of them."""
        if isinstance(argument, CallExpr):
            return self._is_made(argument, names, scope, where, depth=depth)
        return isinstance(argument, NameExpr) and argument.name in names

    def _given(
        self,
        call: CallExpr,
        function: FunctionValue,
        names: Collection[str],
        scope: Scope,
        where: Where,
        depth: int,
    ) -> set[str]:
        """The parameters that a call gives one of some names to, or what keeps it."""
        return {
            parameter
            for parameter, argument in matched(call, function)
            if self._holds(argument, names, scope, where, depth + 1)
        }

    def _keeps(
        self,
        maker: ClassValue,
        call: CallExpr,
        names: Collection[str],
        scope: Scope,
        where: Where,
        depth: int,
    ) -> bool:
        """Whether a call makes an object that keeps an argument in an attribute."""
        if maker.info is None or depth > _DEPTH:
            return False
        instance = self._interpreter.instance(maker)
        if has_generated_init(maker.info):
            return any(self._holds(each, names, scope, where, depth + 1) for each in call.args)
        init = self._interpreter.attribute(instance, "__init__")
        if not isinstance(init, FunctionValue) or not isinstance(init.node, FuncDef):
            return False
        return self._is_kept(init, self._given(call, init, names, scope, where, depth), depth)

    def _is_kept(self, init: FunctionValue, given: Collection[str], depth: int) -> bool:
        """Whether an ``__init__`` keeps a parameter, itself or in an object that it makes."""
        inner = self._inside(init)
        if not given or inner is None:
            return False
        for statement in statements(init.node.body):
            if isinstance(statement, AssignmentStmt):
                value = statement.rvalue
                if not any(isinstance(target, MemberExpr) for target in statement.lvalues):
                    continue
                if isinstance(value, NameExpr) and value.name in given:
                    return True
                if isinstance(value, CallExpr) and self._is_made(
                    value, given, inner, None, depth=depth + 1
                ):
                    return True
            elif isinstance(statement, ExpressionStmt):
                call = statement.expr
                if isinstance(call, CallExpr) and isinstance(call.callee, SuperExpr):
                    base = self._interpreter.value(call.callee, inner, None)
                    if (
                        call.callee.name == "__init__"
                        and isinstance(base, FunctionValue)
                        and self._is_kept(
                            base, self._given(call, base, given, inner, None, depth), depth + 1
                        )
                    ):
                        return True
        return False

    def _inside(self, function: FunctionValue) -> Scope | None:
        source = self._interpreter.program.source(function.scope.module)
        return source.scope_in(function.node, function.scope) if source is not None else None


def is_streaming(callee: Expression) -> bool:
    """Whether a call makes a response that reads what it is given later."""
    return isinstance(callee, (MemberExpr, NameExpr)) and callee.name in STREAMING_RESPONSES


def streamed(call: CallExpr) -> Expression | None:
    """What a streaming response is given to read."""
    for kind, name, argument in zip(call.arg_kinds, call.arg_names, call.args, strict=True):
        if kind.is_positional() or name == "content":
            return argument
    return None


def items_of(expression: Expression) -> list[Expression] | None:
    """The elements of a literal."""
    if isinstance(expression, DictExpr):
        return [value for _, value in expression.items]
    return expression.items if isinstance(expression, (ListExpr, SetExpr, TupleExpr)) else None


def uses(function: FuncItem, parameter: str) -> bool:
    """Whether a function asks a parameter for what a session does, and does not enter it."""
    if FunctionFlow(function).bindings.of(parameter):
        return False
    asked = False
    for node in walk(function.body):
        if isinstance(node, WithStmt) and any(mentions(each, parameter) for each in node.expr):
            return False
        asked = asked or (
            isinstance(node, MemberExpr)
            and node.name in CONNECTING_ATTRIBUTES
            and isinstance(node.expr, NameExpr)
            and node.expr.name == parameter
        )
    return asked
