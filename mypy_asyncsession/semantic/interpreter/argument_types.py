"""mypy's types of values that are arguments, where nobody has inferred them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import ArgKind, TypeInfo
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    LiteralType,
    NoneType,
    TypeOfAny,
    TypeType,
    UnionType,
    get_proper_type,
)

from mypy_asyncsession.semantic.interpreter.instances import instance
from mypy_asyncsession.semantic.interpreter.signatures import signature
from mypy_asyncsession.semantic.to_mypy_types import CLASSES, arguments_of
from mypy_asyncsession.semantic.values import (
    ClassValue,
    FunctionValue,
    LiteralValue,
    ManagerFactory,
    ObjectValue,
    TypedCallable,
    UnionValue,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter.context import Context

ANY: Final = AnyType(TypeOfAny.special_form)
#: How deep into what it holds an object is looked at.
_DEPTH: Final = 3


def type_of_value(value: Value, at: Context, depth: int = 0) -> Type:
    """The type of a value as an argument; ``Any`` where that is not known."""
    if isinstance(value, UnionValue):
        return UnionType.make_union([type_of_value(each, at, depth) for each in value.members])
    if depth > _DEPTH:
        return ANY
    if isinstance(value, ObjectValue):
        return value.type if value.type is not None else _of_shape(value, at, depth)
    if isinstance(value, LiteralValue):
        return _of_literal(value.value, at)
    if isinstance(value, TypedCallable):
        return value.type
    if isinstance(value, ClassValue):
        made = instance(value, at)
        type_ = made.type if isinstance(made, ObjectValue) else None
        return _callable(type_, "builtins.type", at) if type_ is not None else ANY
    if isinstance(value, FunctionValue):
        declared = bound_signature(value, at)
        if declared is not None:
            return declared
        return _callable(type_of_value(at.called(value), at, depth + 1), "builtins.function", at)
    if isinstance(value, ManagerFactory):
        return _callable(type_of_value(at.called(value), at, depth + 1), "builtins.function", at)
    return ANY


def bound_signature(function: FunctionValue, at: Context) -> CallableType | None:
    """The signature of a function, without what it is bound to; ``None`` where it has none."""
    found = signature(function.node, function.scope, at.program)
    if not isinstance(found, CallableType):
        return None
    if function.receiver is None or function.is_static or not found.arg_types:
        return found
    return found.copy_modified(
        arg_types=found.arg_types[1:],
        arg_kinds=found.arg_kinds[1:],
        arg_names=found.arg_names[1:],
    )


def make(fullname: str, arguments: Sequence[Type], at: Context) -> Instance | None:
    """An instance of a class by its full name; ``None`` where it is not there."""
    info = at.program.symbol(fullname)
    if not isinstance(info, TypeInfo):
        return None
    wanted = len(info.defn.type_vars)
    given = [*arguments[:wanted], *[ANY] * (wanted - len(arguments))]
    return Instance(info, given)


def _of_shape(value: ObjectValue, at: Context, depth: int) -> Type:
    name = CLASSES.get(value.shape)
    if name is None:
        return ANY
    item = type_of_value(value.item, at, depth + 1)
    return make(name, arguments_of(value.shape, item), at) or ANY


def _of_literal(value: object, at: Context) -> Type:
    if value is None:
        return NoneType()
    fallback = make(f"builtins.{type(value).__name__}", (), at)
    if fallback is None or not isinstance(value, (bool, int, str)):
        return fallback or ANY
    return LiteralType(value, fallback)


def _callable(result: Type, fallback: str, at: Context) -> Type:
    made = make(fallback, (), at)
    if made is None:
        return ANY
    kinds = [ArgKind.ARG_STAR, ArgKind.ARG_STAR2]
    return CallableType([ANY, ANY], kinds, [None, None], result, made, is_ellipsis_args=True)


def is_open(type_: Type) -> bool:
    """Whether a type leaves open what may decide between overloads."""
    proper = get_proper_type(type_)
    if isinstance(proper, UnionType):
        return any(is_open(each) for each in proper.items)
    if isinstance(proper, TypeType):
        return is_open(proper.item)
    return isinstance(proper, AnyType)
