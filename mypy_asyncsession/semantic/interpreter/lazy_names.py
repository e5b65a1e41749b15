"""What a module hands out that has a ``__getattr__`` of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ComparisonExpr,
    ConditionalExpr,
    ExpressionStmt,
    FuncDef,
    IfStmt,
    ListExpr,
    NameExpr,
    ReturnStmt,
    SetExpr,
    StrExpr,
    TupleExpr,
)

from mypy_asyncsession.semantic.syntax import is_stub_body
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ContainerValue,
    LiteralValue,
    UnionValue,
    Value,
)

if TYPE_CHECKING:
    from mypy.nodes import Block, Expression, Statement

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource


def lazy_name(source: ModuleSource, name: str, at: Context) -> Value:
    """What the ``__getattr__`` of a module gives for a name that its body does not bind.

    Args:
        source: The module.
        name: The name.
        at: Where the module's body is evaluated.
    """
    bindings = source.scope.names.bindings.get("__getattr__", [])
    function = bindings[0].node if len(bindings) == 1 else None
    if not isinstance(function, FuncDef) or len(function.arguments) != 1:
        return UNKNOWN
    parameter = function.arguments[0].variable.name
    scope = source.scope_in(function, source.scope)
    if is_stub_body(function) or parameter in scope.names.bindings:
        return UNKNOWN
    inside = at.within(scope.with_values({parameter: LiteralValue(name)}))
    return _in_body(function.body, parameter, name, inside)


def _in_body(body: Block, parameter: str, name: str, at: Context) -> Value:
    """What a body returns for a name; ``UNKNOWN`` where it goes on, or does anything else."""
    for statement in body.body:
        if isinstance(statement, ReturnStmt) and statement.expr is not None:
            where = at.scope.names.places.get(id(statement))
            return _given(statement.expr, parameter, name, at.within(at.scope, where))
        if isinstance(statement, IfStmt):
            chosen = _chosen(statement, parameter, name, at)
            if isinstance(chosen, Value):
                return chosen
            if chosen is not None:
                return _in_body(chosen, parameter, name, at)
        elif not _goes_on(statement):
            return UNKNOWN
    return UNKNOWN


def _given(expression: Expression, parameter: str, name: str, at: Context) -> Value:
    """What is returned for a name: ``a if name == "x" else b`` among others."""
    if isinstance(expression, ConditionalExpr):
        held = _is_met(expression.cond, parameter, name, at)
        if held is None:
            return UNSURE
        chosen = expression.if_expr if held else expression.else_expr
        return _given(chosen, parameter, name, at)
    found = at.value(expression)
    return UNSURE if isinstance(found, UnionValue) else found


def _goes_on(statement: Statement) -> bool:
    """Whether a statement decides nothing: an import, an assignment, a docstring."""
    kind = type(statement).__name__
    return kind in ("AssignmentStmt", "GlobalDecl", "Import", "ImportFrom") or (
        isinstance(statement, ExpressionStmt) and isinstance(statement.expr, StrExpr)
    )


def _chosen(statement: IfStmt, parameter: str, name: str, at: Context) -> Block | Value | None:
    """The block that runs for a name, if one does; ``UNSURE`` where that is not known."""
    for tests, block in zip(statement.expr, statement.body, strict=True):
        held = _is_met(tests, parameter, name, at)
        if held is None:
            return UNSURE
        if held:
            return block
    return statement.else_body


def _is_met(test: Expression, parameter: str, name: str, at: Context) -> bool | None:
    """Whether ``name == "session"`` or ``name in ("a", "b")`` holds; ``None`` if that is open."""
    if not isinstance(test, ComparisonExpr) or len(test.operators) != 1:
        return None
    left, right = test.operands
    if not isinstance(left, NameExpr) or left.name != parameter:
        return None
    operator = test.operators[0]
    if operator in ("==", "!=") and isinstance(right, StrExpr):
        return (right.value == name) is (operator == "==")
    if operator not in ("in", "not in"):
        return None
    among = at.structural(right)
    if not isinstance(among, ContainerValue):
        return None
    keys = [key for key, _ in among.entries]
    if among.is_sequence:
        keys = [item.value if isinstance(item, StrExpr) else None for _, item in among.entries]
    if None in keys:
        return None
    if name in keys:
        return operator == "in"
    # What is put there later may be that name.
    return operator == "not in" if isinstance(right, (ListExpr, SetExpr, TupleExpr)) else None
