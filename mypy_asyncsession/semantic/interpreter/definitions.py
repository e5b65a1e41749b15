"""What a definition is, its decorators applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import (
    CallExpr,
    ClassDef,
    Decorator,
    Expression,
    FuncDef,
    LambdaExpr,
    MemberExpr,
    OverloadedFuncDef,
    TypeInfo,
)
from mypy.types import CallableType, Instance, ProperType, get_proper_type
from mypy.typevars import fill_typevars

from mypy_asyncsession.models.builtin import PROPERTY_DECORATORS
from mypy_asyncsession.models.decorators import AWAITING_DECORATORS
from mypy_asyncsession.models.frameworks import REGISTERING, ROUTE_METHODS
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter import symbols
from mypy_asyncsession.semantic.interpreter.call_types import bound_type
from mypy_asyncsession.semantic.interpreter.instances import instance
from mypy_asyncsession.semantic.interpreter.signatures import signature
from mypy_asyncsession.semantic.overloads import implementation_of
from mypy_asyncsession.semantic.scopes import qualname_in
from mypy_asyncsession.semantic.syntax import definition_of
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    Origin,
    TypedCallable,
    Value,
    fullname,
)

if TYPE_CHECKING:
    from mypy.nodes import Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter.context import Context


def defined(node: Node, at: Context) -> Value:
    """The value of a definition, its decorators applied."""
    function = definition_of(node)
    if function is None:
        return UNKNOWN
    scope = at.scope
    if isinstance(node, OverloadedFuncDef):
        first = node.items[0] if node.items else None
        if isinstance(first, Decorator) and any(
            fullname(at.value(each)) in PROPERTY_DECORATORS for each in first.original_decorators
        ):
            return defined(first, at)
        implementation = implementation_of(node)
        if implementation is None or (len(node.items) > 1 and _says_something(node)):
            semantic = at.program.symbol(f"{scope.module}.{qualname_in(scope, function.name)}")
            if semantic is not None:
                found = symbols.function(semantic, at.program)
                if isinstance(found, TypedCallable):
                    return _without_self(found, function, at)
            return UNKNOWN
        return defined(implementation, at)
    source = at.source(scope.module)
    qualname = qualname_in(scope, function.name)
    path = source.path if source else ""
    value: Value = FunctionValue(
        function, scope, qualname, f"{scope.module}.{qualname}", path, function.line
    )
    if isinstance(node, Decorator):
        for decorator in reversed(node.original_decorators):
            value = _decorated(decorator, value, at)
        if value is UNKNOWN:
            symbol = (
                node
                if at.is_current(scope.module)
                else at.program.symbol(f"{scope.module}.{qualname}")
            )
            if isinstance(symbol, Decorator) and informative(at.program.type_of(symbol)):
                found = symbols.function(symbol, at.program)
                if isinstance(found, TypedCallable):
                    origin = Origin(qualname, f"{scope.module}.{qualname}", path, function.line)
                    return TypedCallable(found.type, origin)
    return value


def _says_something(node: OverloadedFuncDef) -> bool:
    """Whether one of the overloads has annotations: else the implementation says all."""
    functions = [definition_of(each) for each in node.items]
    return any(
        each.type is not None or each.unanalyzed_type is not None
        for each in functions
        if each is not None
    )


def _without_self(found: TypedCallable, function: FuncDef, at: Context) -> TypedCallable:
    """An overloaded method as an instance hands it out, where the arguments decide."""
    owner = at.scope.node
    if at.is_typed or not isinstance(owner, ClassDef) or function.is_static:
        return found
    info = at.program.symbol(f"{at.scope.module}.{qualname_in(at.scope.parent, owner.name)}")
    receiver = fill_typevars(info) if isinstance(info, TypeInfo) else None
    if not isinstance(receiver, Instance):
        return found
    return replace(found, type=bound_type(found.type, receiver, function.is_class, at))


def anonymous(expr: LambdaExpr, at: Context) -> Value:
    """The function that a lambda makes."""
    source = at.source(at.scope.module)
    path = source.path if source else ""
    fullname = f"{at.scope.module}.<lambda>"
    return FunctionValue(expr, at.scope, "lambda", fullname, path, expr.line)


def _decorated(decorator: Expression, value: Value, at: Context) -> Value:
    if isinstance(decorator, CallExpr) and _registers(decorator.callee, at):
        return value
    if _is_coroutine_function(value) and _awaits(decorator, at):
        return value
    applied = at.value(decorator)
    name = fullname(applied)
    if name in ("builtins.staticmethod", "builtins.classmethod"):
        is_static = name == "builtins.staticmethod"
        if isinstance(value, ManagerFactory) and isinstance(value.function, FunctionValue):
            inner = replace(value.function, is_static=is_static, is_class=not is_static)
            return replace(value, function=inner)
        if isinstance(value, FunctionValue):
            return replace(value, is_static=is_static, is_class=not is_static)
    if name in PROPERTY_DECORATORS:
        if isinstance(value, FunctionValue):
            return replace(value, is_property=True)
        if isinstance(value, ManagerFactory) and isinstance(value.function, FunctionValue):
            return replace(value, function=replace(value.function, is_property=True))
    return at.called(applied, [value])


def _registers(callee: Expression, at: Context) -> bool:
    """Whether a decorator is ``router.get(...)``, which gives back the function itself."""
    return (
        isinstance(callee, MemberExpr)
        and callee.name in ROUTE_METHODS
        and fullname(at.value(callee)) in REGISTERING
    )


def _is_coroutine_function(value: Value) -> bool:
    return (
        isinstance(value, FunctionValue)
        and isinstance(value.node, FuncDef)
        and value.node.is_coroutine
        and not value.node.is_generator
    )


def _awaits(decorator: Expression, at: Context) -> bool:
    """Whether a decorator gives what awaits the function: a retry, a trace."""
    named = decorator.callee if isinstance(decorator, CallExpr) else decorator
    return fullname(at.value(named)) in AWAITING_DECORATORS


def callable_type(callee: Expression, at: Context) -> CallableType | None:
    """The type of what is called, without what it is bound to; ``None`` if it has several."""
    found = at.frame.evaluator.type_of(callee, at.scope.module)
    if found is None and not at.is_typed:
        found = _signature_of(at.value(callee), at)
    proper = get_proper_type(found) if found is not None else None
    return proper if isinstance(proper, CallableType) else None


def static_type(expr: Expression, at: Context) -> ProperType | None:
    """mypy's type of an expression; that of what it may be, where nobody has inferred types."""
    found = at.frame.evaluator.type_of(expr, at.scope.module)
    if found is not None or at.is_typed:
        return get_proper_type(found) if found is not None else None
    value = at.value(expr)
    return value.type if isinstance(value, ObjectValue) else None


def _signature_of(callee: Value, at: Context) -> Type | None:
    """The type of a callable value, by its definition."""
    if isinstance(callee, FunctionValue):
        found = signature(callee.node, callee.scope, at.program)
        bound = callee.receiver is not None and not callee.is_static
        if not isinstance(found, CallableType) or not bound or not found.arg_types:
            return found
        return found.copy_modified(
            arg_types=found.arg_types[1:],
            arg_kinds=found.arg_kinds[1:],
            arg_names=found.arg_names[1:],
        )
    if isinstance(callee, ClassValue):
        return _signature_of(at.attribute(instance(callee, at), "__init__"), at)
    return callee.type if isinstance(callee, TypedCallable) else None
