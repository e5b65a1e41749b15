"""Puts together what definitions say and what types say of the same thing."""

from __future__ import annotations

from dataclasses import replace

from mypy.types import CallableType, has_type_vars

from mypy_asyncsession.models.contextlib import CONTEXT_MANAGERS_MADE
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    RECURSIVE,
    UNKNOWN,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    ManagerFactory,
    NamedValue,
    ObjectValue,
    TypedCallable,
    UnionValue,
    Value,
    join,
    map_members,
    members,
)


def combine(structural: Value, typed: Value) -> Value:
    """Put together what the definitions say and what mypy says of one expression.

    What definitions settle is believed before any type, which dmypy may not have brought up to
    date; only what they leave open in it, generics mostly, is the type's to say. Otherwise the
    type says which of the possible objects it is, since mypy follows flow, and the definition adds
    where it comes from.
    """
    if isinstance(structural, NamedValue):
        return structural
    if isinstance(structural, ObjectValue) and structural.shape is not Shape.NONE:
        return _completed(structural, typed)
    unknown = (UNKNOWN, RECURSIVE)
    if structural in unknown or typed in unknown or is_none(typed):
        return typed if structural in unknown else structural
    options = [m for m in members(structural) if isinstance(m, ObjectValue)]
    if any(option.by_definition for option in options):
        return structural
    if not options:
        # The type of a function, module or literal says less than the definition.
        says_more = any(
            isinstance(member, ObjectValue) and member.shape not in (Shape.NONE, Shape.OTHER)
            for member in members(typed)
        )
        return typed if says_more and not isinstance(structural, ContainerValue) else structural

    def refined(member: Value) -> Value:
        if not isinstance(member, ObjectValue) or member.shape is Shape.NONE:
            return member
        for option in options:
            if option.shape is member.shape:
                item = member.item if option.item is UNKNOWN else option.item
                return replace(
                    member,
                    item=item,
                    origin=option.origin,
                    bare=option.bare,
                    filled=option.filled,
                    fields=option.fields,
                )
            if option.can == member.can and member.shape is not Shape.OTHER:
                by_body = isinstance(option.item, ObjectValue) and option.item.by_definition
                item = option.item if by_body or member.item is UNKNOWN else member.item
                return replace(member, shape=option.shape, item=item, origin=option.origin)
        return member

    result = map_members(typed, refined)
    agreed = any(
        isinstance(member, ObjectValue) and any(member.can == option.can for option in options)
        for member in members(result)
    )
    if not agreed or (isinstance(structural, UnionValue) and not structural.exact):
        # A name that is bound anew, or flow that only mypy follows: either may be right.
        return join([*members(result), *options], exact=False)
    return result


def _completed(structural: ObjectValue, typed: Value) -> ObjectValue:
    """What definitions settle, holding what the type says where they do not say what it holds."""
    if (
        structural.item is UNKNOWN
        and isinstance(typed, ObjectValue)
        and typed.shape is structural.shape
    ):
        return replace(structural, item=typed.item)
    return structural


def combine_result(inferred: Value, declared: Value) -> Value:
    """Put together what a function returns and what its annotation says that it returns."""
    if inferred is UNKNOWN or inferred is RECURSIVE:
        return inferred if declared is UNKNOWN else declared
    if isinstance(inferred, ManagerFactory) and isinstance(declared, TypedCallable):
        return inferred
    if isinstance(inferred, FunctionValue) and _is_open_callable(declared):
        return inferred  # what fills the variables in is known to the function alone
    if not isinstance(declared, ObjectValue):
        return inferred if declared is UNKNOWN or is_opaque(declared) else declared
    if isinstance(inferred, ObjectValue):
        if _is_resource_itself(inferred) and declared.shape in UNMISTAKABLE:
            # ``async def f() -> AsyncGenerator[...]: return Maker()``
            return replace(inferred, by_definition=True)
        if inferred.shape is declared.shape:
            item = declared.item if declared.item is not UNKNOWN else inferred.item
            # A connection that was started can do less than its class.
            can = inferred.can if inferred.by_definition else declared.can
            return replace(declared, can=can, item=item, origin=inferred.origin)
        if inferred.origin is not None and _is_unmistakable(inferred):
            if declared.can & inferred.can:
                # A wider annotation of the same thing.
                return replace(declared, origin=inferred.origin)
            if declared.shape is not Shape.OTHER:
                return replace(inferred, by_definition=True)
    return declared


#: The shapes that a function has by its definition, whatever its annotation says.
UNMISTAKABLE = frozenset({Shape.ASYNC_GENERATOR, Shape.GENERATOR, Shape.COROUTINE})
#: The labels of what the decorators of contextlib have made.
_MADE = frozenset({None, *(name.rpartition(".")[2] for name in CONTEXT_MANAGERS_MADE)})


def _is_resource_itself(value: ObjectValue) -> bool:
    return value.shape in (Shape.SESSION, Shape.SYNC_SESSION) and value.resource is not None


def _is_unmistakable(value: ObjectValue) -> bool:
    """Whether a definition decides what this is: a generator function, or what was made of one."""
    return value.shape in UNMISTAKABLE or (
        value.shape in (Shape.ASYNC_CONTEXT_MANAGER, Shape.CONTEXT_MANAGER) and value.label in _MADE
    )


def is_none(value: Value) -> bool:
    """Whether a value is ``None``."""
    return (isinstance(value, ObjectValue) and value.shape is Shape.NONE) or (
        isinstance(value, LiteralValue) and value.value is None
    )


def without_none(value: Value) -> Value:
    """A value without ``None`` among what it may be, if there is anything beside it."""
    if not isinstance(value, UnionValue):
        return value
    return join([each for each in value.members if not is_none(each)], exact=value.exact)


def _is_open_callable(value: Value) -> bool:
    """Whether a value is a callable whose result is left to a type variable."""
    return (
        isinstance(value, TypedCallable)
        and isinstance(value.type, CallableType)
        and has_type_vars(value.type.ret_type)
    )


def is_opaque(value: Value) -> bool:
    """Whether a value is a callable whose type does not say what a call gives."""
    if isinstance(value, UnionValue):
        callables = [member for member in value.members if not is_none(member)]
        return all(isinstance(member, TypedCallable) for member in callables) and any(
            map(is_opaque, callables)
        )
    if isinstance(value, TypedCallable) and isinstance(value.type, CallableType):
        return not informative(value.type.ret_type)
    return False
