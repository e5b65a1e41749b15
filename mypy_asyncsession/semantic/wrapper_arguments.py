"""What the wrapper of a decorator gives to what it wraps: ``f(*args, db=get_db())``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import (
    ArgKind,
    AssignmentStmt,
    CallExpr,
    ClassDef,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    StrExpr,
)

from mypy_asyncsession.semantic.syntax import children, definition_of, expressions, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem, Node

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


class Gift(NamedTuple):
    """One argument that a wrapper gives on top of those that it is called with.

    Attributes:
        parameter: The parameter that it is for, by name or by position.
        expression: The argument.
        scope: The scope that it stands in.
        where: The blocks around it.
    """

    parameter: str | int
    expression: Expression
    scope: Scope
    where: Where

    def value(self, interpreter: Interpreter) -> Value:
        """What is given."""
        return interpreter.value(self.expression, self.scope, self.where)


def wrapper_of(function: FuncItem) -> FuncDef | None:
    """The function inside that a decorator returns, if it returns nothing else."""
    inner = {
        each.name: each
        for statement in statements(function.body)
        if (each := definition_of(statement)) is not None
    }
    given = [each.expr for each in statements(function.body) if isinstance(each, ReturnStmt)]
    if len(given) != 1 or len(inner) != 1:
        return None
    last = given[0]
    return inner.get(last.name) if isinstance(last, NameExpr) else None


def gifts(decorator: FuncItem, scope: Scope, source: ModuleSource, *, bound: int = 0) -> list[Gift]:
    """What the wrapper of a decorator gives to what it decorates.

    Args:
        decorator: The decorator: a function of one function.
        scope: The scope that it stands in.
        source: Its module.
        bound: How many of its parameters are the object that it is a method of.
    """
    wrapper = wrapper_of(decorator)
    formal = decorator.arguments[bound:]
    if wrapper is None or len(formal) != 1:
        return []
    name = formal[0].variable.name
    if any(each.variable.name == name for each in wrapper.arguments):
        return []
    inside = source.scope_in(wrapper, source.scope_in(decorator, scope))
    if name in inside.names.bindings:
        return []
    options = [each.variable.name for each in wrapper.arguments if each.kind is ArgKind.ARG_STAR2]
    found: list[Gift] = []
    for statement in statements(wrapper.body):
        where = inside.names.places.get(id(statement))
        if isinstance(statement, AssignmentStmt):
            found += (
                Gift(key, statement.rvalue, inside, where)
                for each in statement.lvalues
                if (key := _key(each, options)) is not None
            )
        for call in _calls(statement):
            if isinstance(call.callee, NameExpr) and call.callee.name == name:
                found += (Gift(at, each, inside, where) for at, each in _given(call))
            elif _sets_default(call, options):
                put = call.args[0]
                if isinstance(put, StrExpr):
                    found.append(Gift(put.value, call.args[1], inside, where))
    return found


def _calls(statement: Node) -> Iterator[CallExpr]:
    """The calls in a statement, those in the blocks inside it aside."""
    if isinstance(statement, (ClassDef, FuncDef)):
        return
    for child in children(statement):
        for node in expressions(child, frozenset({CallExpr})):
            assert isinstance(node, CallExpr)
            yield node


def _given(call: CallExpr) -> Iterator[tuple[str | int, Expression]]:
    """The arguments of a call by the names of what they are for, or by their positions."""
    for position, (argument, kind) in enumerate(zip(call.args, call.arg_kinds, strict=True)):
        if kind is ArgKind.ARG_STAR:
            break
        if kind is ArgKind.ARG_POS:
            yield position, argument
    for argument, name in zip(call.args, call.arg_names, strict=True):
        if name is not None:
            yield name, argument


def _key(target: Expression, options: list[str]) -> str | None:
    """``"db"`` for ``kwargs["db"]``."""
    if (
        isinstance(target, IndexExpr)
        and isinstance(target.base, NameExpr)
        and target.base.name in options
        and isinstance(target.index, StrExpr)
    ):
        return target.index.value
    return None


def _sets_default(call: CallExpr, options: list[str]) -> bool:
    """Whether a call is ``kwargs.setdefault("db", value)``."""
    callee = call.callee
    return (
        isinstance(callee, MemberExpr)
        and callee.name == "setdefault"
        and isinstance(callee.expr, NameExpr)
        and callee.expr.name in options
        and len(call.args) == 2
    )
