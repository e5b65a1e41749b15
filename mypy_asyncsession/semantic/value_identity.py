"""When two values are the same to the interpreter, so that it need not evaluate twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    AliasValue,
    BoundMethod,
    CallableReturning,
    ClassValue,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    ManagerFactory,
    ModuleValue,
    NamedValue,
    ObjectValue,
    TypedCallable,
    UnionValue,
    Value,
    WrapsMarker,
)

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.scopes import Scope


def relevant(value: Value, *, by_key: bool = False) -> Value:
    """An argument, as far as it can change what a function hands out.

    Args:
        value: The argument.
        by_key: Whether the function looks something up by it.
    """
    if by_key and isinstance(value, LiteralValue):
        return value
    if isinstance(value, ObjectValue) and value.shape in (Shape.OTHER, Shape.NONE):
        return UNKNOWN
    if isinstance(value, (LiteralValue, ModuleValue, NamedValue)):
        return UNKNOWN
    return value


def identity(value: Value | None) -> object:
    """A key that is the same for two values that evaluate alike."""
    if value is None or value is UNKNOWN:
        return None
    if isinstance(value, ObjectValue):
        return (
            value.shape,
            value.can,
            value.label,
            value.resource,
            value.origin.fullname if value.origin else None,
            identity(value.item),
            str(value.type) if value.type is not None else None,
            value.bare,
            value.filled,
            tuple((name, identity(given)) for name, given in value.fields),
        )
    if isinstance(value, FunctionValue):
        return (
            id(value.node),
            identity(value.receiver),
            tuple(identity(preset) for preset in value.preset),
            value.partial,
            value.entered,
            identity(value.wraps),
            environment(value.scope),
        )
    if isinstance(value, ManagerFactory):
        return (value.is_async, identity(value.function))
    if isinstance(value, WrapsMarker):
        return (WrapsMarker, identity(value.function))
    if isinstance(value, AliasValue):
        return id(value.node)
    if isinstance(value, (ClassValue, NamedValue)):
        return (type(value), value.fullname)
    if isinstance(value, ModuleValue):
        return (ModuleValue, value.name)
    if isinstance(value, TypedCallable):
        return (str(value.type), value.origin.fullname if value.origin else None)
    if isinstance(value, CallableReturning):
        return (CallableReturning, identity(value.result))
    if isinstance(value, BoundMethod):
        return (value.name, identity(value.receiver))
    if isinstance(value, ContainerValue):
        return tuple(id(element) for _, element in value.entries)
    if isinstance(value, UnionValue):
        return (value.exact, tuple(identity(member) for member in value.members))
    return (type(value), getattr(value, "value", None))


def environment(scope: Scope) -> tuple[object, ...]:
    """What is known of the parameters around, as a key."""
    return tuple(
        (id(inner.node), name, identity(value))
        for inner in scope.chain()
        for name, value in inner.values.items()
    )


def is_general(function: FunctionValue) -> bool:
    """Whether the identity of a function holds no node but its own.

    Another node may be of the module at hand, and what has its ``id`` later may be a different one.
    """
    return (
        not function.preset
        and function.wraps is UNKNOWN
        and (function.receiver is None or _has_no_node(function.receiver))
        and not any(scope.values for scope in function.scope.chain())
    )


def _has_no_node(value: Value) -> bool:
    if isinstance(value, ObjectValue):
        return not value.fields and _has_no_node(value.item)
    return value is UNKNOWN or isinstance(value, (ClassValue, NamedValue))
