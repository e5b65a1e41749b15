"""What a function returns: objects that it makes itself, sessions that it leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import CallExpr, NameExpr, ReturnStmt

from mypy_asyncsession.models.sqlalchemy import CONNECTING_METHODS
from mypy_asyncsession.semantic.session_disposal import Closing
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import statements
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ObjectValue,
    TypedCallable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.scopes import Scope


class ReturnedObjects:
    """Reads what functions return."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._closing = Closing(interpreter)

    def opens(self, function: FunctionValue, result: ObjectValue) -> bool:
        """Whether a function makes a session itself, and returns it as it is."""
        if result.shape is not Shape.SESSION:
            return False
        found = [
            self._is_construction(expression, scope, where)
            and not self._closing.keeps(function.node, expression, function.scope)
            for expression, scope, where in self._returns(function)
        ]
        return bool(found) and all(found)

    def makes(self, function: FunctionValue) -> bool:
        """Whether a function returns nothing but what it makes of a class on the spot."""
        found = [
            self._is_construction(expression, scope, where)
            for expression, scope, where in self._returns(function)
        ]
        return bool(found) and all(found)

    def starts(self, function: FunctionValue) -> bool:
        """Whether a function returns a connection that it has not started."""
        found = []
        for expression, scope, where in self._returns(function):
            callee = (
                self._interpreter.value(expression.callee, scope, where)
                if isinstance(expression, CallExpr)
                else UNKNOWN
            )
            found.append(
                isinstance(callee, TypedCallable)
                and callee.origin is not None
                and callee.origin.fullname in CONNECTING_METHODS
            )
        return bool(found) and all(found)

    def _returns(self, function: FunctionValue) -> Iterator[tuple[Expression, Scope, Where]]:
        """What a function returns, each with where that stands."""
        node = function.node
        source = self._interpreter.program.source(function.scope.module)
        if source is None:
            return
        scope = source.scope_in(node, function.scope)
        for statement in statements(node.body):
            if isinstance(statement, ReturnStmt) and statement.expr is not None:
                yield statement.expr, scope, scope.names.places.get(id(statement))

    def _is_construction(self, expression: Expression, scope: Scope, where: Where) -> bool:
        if isinstance(expression, NameExpr):
            bindings = scope.names.bindings.get(expression.name, [])
            return len(bindings) == 1 and (
                bindings[0].kind == "assign"
                and isinstance(bindings[0].node, CallExpr)
                and self._is_construction(bindings[0].node, scope, bindings[0].blocks)
            )
        if not isinstance(expression, CallExpr):
            return False
        callee = self._interpreter.value(expression.callee, scope, where)
        if isinstance(callee, ClassValue):
            return True
        return isinstance(callee, ObjectValue) and callee.shape is Shape.SESSIONMAKER
