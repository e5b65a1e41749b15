"""From what the interpreter computes to the plain record that rules read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ArgKind
from mypy.types import CallableType, Instance

from mypy_asyncsession.detectors.object_record import ObjectInfo
from mypy_asyncsession.findings import Place
from mypy_asyncsession.models.sqlalchemy import SESSION_PACKAGES
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.generator_summary import yields_of
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.syntax import is_stub_body
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
            takes=value.origin is not None
            and value.origin.function is not None
            and takes(value.origin.function),
            promised=_is_promised(value),
            of_sessions=_is_of_sessions(value),
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
            takes=takes(value),
            promised=item.promised,
            of_sessions=item.of_sessions,
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
        init = interpreter.attribute(interpreter.instance(value), "__init__")
        return ObjectInfo(
            Shape.CLASS,
            Can.NOTHING,
            "class",
            item,
            takes=isinstance(init, FunctionValue) and takes(init),
        )
    return None


def _is_promised(value: ObjectValue) -> bool:
    """Whether nothing but a declaration says what something is, and others implement that."""
    if value.origin is None and value.shape in (Shape.ASYNC_ITERATOR, Shape.ITERATOR):
        # Of an annotation; many an iterator can be entered, too. An object is what its class is.
        return not (value.bare or value.filled)
    function = value.origin.function if value.origin is not None else None
    if value.shape is Shape.COROUTINE and is_none(value.item):
        return False  # what returns nothing needs no body
    return function is not None and is_stub_body(function.node)


def _is_of_sessions(value: ObjectValue) -> bool:
    """Whether something is of a library of sessions, as a transaction is, or may hold a session."""
    if isinstance(value.item, UnionValue) and any(
        isinstance(member, ObjectValue) and member.resource for member in value.item.members
    ):
        return True
    module = value.type.type.module_name if isinstance(value.type, Instance) else ""
    made_in = value.origin.fullname if value.origin is not None else ""
    return any(name.partition(".")[0] in SESSION_PACKAGES for name in (module, made_in))


def takes(function: Value) -> bool:
    """Whether a function has to be given arguments."""
    if isinstance(function, ManagerFactory):
        return takes(function.function)
    if isinstance(function, TypedCallable) and isinstance(function.type, CallableType):
        # mypy's type of a method has the object that it is looked up on as well.
        is_method = function.type.arg_names[:1] == ["self"]
        needed = {ArgKind.ARG_POS, ArgKind.ARG_NAMED}
        return not needed.isdisjoint(function.type.arg_kinds[is_method:])
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
