"""Calls that never come back: what they call always raises. ``except SQLAlchemyError: fail()``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AwaitExpr,
    CallExpr,
    Expression,
    ExpressionStmt,
    FuncDef,
    MemberExpr,
    NameExpr,
)
from mypy.types import CallableType, Instance, Type, UninhabitedType, get_proper_type

from mypy_asyncsession.models.typing import COROUTINE_TYPES
from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.syntax import dotted, statements, walk
from mypy_asyncsession.semantic.values import FunctionValue, TypedCallable

if TYPE_CHECKING:
    from mypy.nodes import FuncItem

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope

#: The names of what is called in most functions, and returns.
_COMMON: Final = frozenset({"log", "logger", "logging", "print", "super"})


class RaisingCalls:
    """Finds them among the statements of functions."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._known: dict[int, bool] = {}

    def of(self, node: FuncItem, scope: Scope) -> frozenset[int]:
        """The calls that are statements of a function and never come back, by id.

        Args:
            node: The function.
            scope: The names inside it.
        """
        found: set[int] = set()
        for statement in statements(node.body):
            expression = statement.expr if isinstance(statement, ExpressionStmt) else None
            awaited = expression.expr if isinstance(expression, AwaitExpr) else None
            call = expression if awaited is None else awaited
            if not isinstance(call, CallExpr) or not _may_raise(call.callee):
                continue
            where = scope.names.places.get(id(statement))
            value = self._interpreter.value(call.callee, scope, where)
            if isinstance(value, FunctionValue) and isinstance(value.node, FuncDef):
                if value.node.is_coroutine is (awaited is not None) and self._raises(value):
                    found.add(id(call))
            elif isinstance(value, TypedCallable) and _is_never(value.type, awaited is not None):
                found.add(id(call))
        return frozenset(found)

    def _raises(self, function: FunctionValue) -> bool:
        node = function.node
        assert isinstance(node, FuncDef)
        known = self._known.get(id(node))
        if known is None:
            known = _is_never(node.type, node.is_coroutine) or self._always_raises(function, node)
            self._known[id(node)] = known
        return known

    def _always_raises(self, function: FunctionValue, node: FuncDef) -> bool:
        """Whether a body comes to no end, and is there for its own sake."""
        source = self._interpreter.program.source(function.scope.module)
        flow = source.flow_of(node) if source is not None else FunctionFlow(node)
        if node.is_generator or flow.returns or not flow.graph.of_kind(PointKind.RAISE):
            return False
        return not any(
            isinstance(each, NameExpr) and each.name == "NotImplementedError"
            for each in walk(node.body)
        )


def _may_raise(callee: Expression) -> bool:
    """A quick look: most statements that call something write to a log."""
    name = dotted(callee)
    if not isinstance(callee, (MemberExpr, NameExpr)) or name is None:
        return False
    return _COMMON.isdisjoint(name.replace("()", "").split("."))


def _is_never(type_: Type | None, awaited: bool) -> bool:
    """Whether a function is declared not to return."""
    proper = get_proper_type(type_) if type_ is not None else None
    result = get_proper_type(proper.ret_type) if isinstance(proper, CallableType) else None
    if awaited and isinstance(result, Instance) and result.type.fullname in COROUTINE_TYPES:
        result = get_proper_type(result.args[-1]) if result.args else None
    return isinstance(result, UninhabitedType)
