"""From what the interpreter computes to the plain record that rules read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ArgKind
from mypy.types import CallableType

from mypy_asyncsession.detectors.record import ObjectInfo
from mypy_asyncsession.findings import Place
from mypy_asyncsession.semantic.generator_summary import yields_of
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    CallableReturning,
    ClassValue,
    FunctionValue,
    ManagerFactory,
    ObjectValue,
    Origin,
    TypedCallable,
    UnionValue,
    Value,
)

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.scopes import Scope

#: Classes with another metaclass may bring special methods of their own.
_PLAIN_METACLASSES = frozenset({"builtins.type", "abc.ABCMeta"})
_GENERATORS = frozenset(
    {Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR, Shape.GENERATOR, Shape.ITERATOR}
)


def object_info(
    value: Value, interpreter: Interpreter, scope: Scope, depth: int = 0
) -> ObjectInfo | None:
    """The record of *value*, or ``None`` where it is not known well enough."""
    if isinstance(value, ObjectValue):
        item = None
        if depth < 3 and value.item is not UNKNOWN and not isinstance(value.item, UnionValue):
            item = object_info(value.item, interpreter, scope, depth + 1)
        return ObjectInfo(
            shape=value.shape,
            can=value.can,
            label=value.label,
            item=item,
            resource=value.resource,
            name=_name(value.origin),
            place=place_of(value.origin),
            through=value.through,
            yields=yields_of(value, interpreter) if value.shape in _GENERATORS else None,
        )
    if isinstance(value, (FunctionValue, ManagerFactory, TypedCallable, CallableReturning)):
        result = interpreter.called(value, [], scope)
        item = object_info(result, interpreter, scope, depth + 1) if depth < 3 else None
        if item is None or item.shape in (Shape.OTHER, Shape.NONE):
            return None
        return ObjectInfo(
            Shape.FUNCTION,
            Can.NOTHING,
            "function",
            item,
            name=item.name,
            place=item.place,
            takes=_takes(value),
        )
    if isinstance(value, ClassValue):
        info = value.info
        if info is None or info.metaclass_type is None:
            plain = True
        else:
            plain = info.metaclass_type.type.fullname in _PLAIN_METACLASSES
        item = (
            object_info(interpreter.instance(value), interpreter, scope, depth + 1)
            if depth < 3
            else None
        )
        if not plain or item is None or item.shape in (Shape.OTHER, Shape.NONE):
            return None
        return ObjectInfo(Shape.CLASS, Can.NOTHING, "class", item, None, None, None)
    return None


def _takes(function: Value) -> bool:
    """Whether a function has to be given arguments."""
    if isinstance(function, ManagerFactory):
        return _takes(function.function)
    if isinstance(function, TypedCallable) and isinstance(function.type, CallableType):
        return ArgKind.ARG_POS in function.type.arg_kinds
    if not isinstance(function, FunctionValue):
        return False
    required = sum(
        each.kind in (ArgKind.ARG_POS, ArgKind.ARG_NAMED) for each in function.node.arguments
    )
    is_bound = function.receiver is not None and not function.is_static
    return required > is_bound + len(function.preset)


def _name(origin: Origin | None) -> str | None:
    # ``async_sessionmaker.__call__`` tells a reader nothing that the expression does not.
    return origin.name if origin and not origin.name.endswith("__call__") else None


def provider_of(value: Value) -> str | None:
    """The full name of the function that a callable is; ``None`` for what is no function."""
    if isinstance(value, ManagerFactory):
        return provider_of(value.function)
    if isinstance(value, FunctionValue):
        return value.fullname
    if isinstance(value, (TypedCallable, CallableReturning)) and value.origin is not None:
        return value.origin.fullname
    return None


def place_of(origin: Origin | None) -> Place | None:
    """Where a provider is defined, as a finding records it."""
    return Place(origin.fullname, origin.path, origin.line) if origin else None
