"""When two values are the same to the evaluator, so that it need not evaluate twice."""

from __future__ import annotations

from mypy_asyncsession.providers.shapes import Shape
from mypy_asyncsession.providers.values import (
    UNKNOWN,
    Alias,
    BoundMethod,
    Class,
    Container,
    Either,
    Function,
    Literal,
    Managed,
    Module,
    Named,
    Returns,
    Thing,
    TypedCallable,
    Value,
    Wraps,
)


def relevant(value: Value) -> Value:
    """An argument, as far as it can change what a function hands out."""
    if isinstance(value, Thing) and value.shape in (Shape.OTHER, Shape.NONE):
        return UNKNOWN
    if isinstance(value, (Literal, Module, Named)):
        return UNKNOWN
    return value


def identity(value: Value | None) -> object:
    """A key that is the same for two values that evaluate alike."""
    if value is None or value is UNKNOWN:
        return None
    if isinstance(value, Thing):
        return (
            value.shape,
            value.can,
            value.label,
            value.resource,
            value.origin.fullname if value.origin else None,
            identity(value.item),
            str(value.type) if value.type is not None else None,
            value.bare,
        )
    if isinstance(value, Function):
        return (
            id(value.node),
            identity(value.receiver),
            tuple(identity(preset) for preset in value.preset),
            value.partial,
            value.entered,
            identity(value.wraps),
            tuple(
                (id(scope.node), name, identity(inner))
                for scope in value.scope.chain()
                for name, inner in scope.values.items()
            ),
        )
    if isinstance(value, Managed):
        return (value.is_async, identity(value.function))
    if isinstance(value, Wraps):
        return (Wraps, identity(value.function))
    if isinstance(value, Alias):
        return id(value.node)
    if isinstance(value, (Class, Named)):
        return (type(value), value.fullname)
    if isinstance(value, Module):
        return (Module, value.name)
    if isinstance(value, TypedCallable):
        return (str(value.type), value.origin.fullname if value.origin else None)
    if isinstance(value, Returns):
        return (Returns, identity(value.result))
    if isinstance(value, BoundMethod):
        return (value.name, identity(value.receiver))
    if isinstance(value, Container):
        return tuple(id(element) for _, element in value.entries)
    if isinstance(value, Either):
        return (value.exact, tuple(identity(member) for member in value.members))
    return (type(value), getattr(value, "value", None))


def is_general(function: Function) -> bool:
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
    if isinstance(value, Thing):
        return _has_no_node(value.item)
    return value is UNKNOWN or isinstance(value, (Class, Named))
