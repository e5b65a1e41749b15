"""What awaiting, entering and iterating over a value give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.types import Instance, TupleType

from mypy_asyncsession.models.sqlalchemy import STARTED_ONCE
from mypy_asyncsession.semantic.interpreter.containers import element
from mypy_asyncsession.semantic.shapes import Can, Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    BoundMethod,
    ContainerValue,
    ObjectValue,
    Value,
    join,
    map_members,
    object_value,
    step,
)

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.interpreter.context import Context


def awaited(value: Value) -> Value:
    """What awaiting *value* gives."""

    def one(member: Value) -> Value:
        if not isinstance(member, ObjectValue):
            return UNKNOWN
        if member.can & Can.AWAIT and member.label in STARTED_ONCE:
            return _started(member)
        if member.shape in (Shape.COROUTINE, Shape.AWAITABLE_CONTEXT_MANAGER):
            return member.item
        return UNKNOWN

    return map_members(value, one)


def entered(value: Value) -> Value:
    """What entering *value* gives, if need be in the way that was meant."""

    def one(member: Value) -> Value:
        if not isinstance(member, ObjectValue):
            return UNKNOWN
        if member.shape in (Shape.SESSION, Shape.SYNC_SESSION):
            return member
        if member.shape is Shape.COROUTINE:
            return entered(member.item)
        if member.shape is Shape.MISMADE:
            made_of = member.item
            if not isinstance(made_of, ObjectValue) or made_of.shape is Shape.SESSION:
                return made_of
            return made_of.item
        return member.item

    return map_members(value, one)


def iterated(value: Value, at: Context) -> Value:
    """What iterating over *value* gives."""

    def one(member: Value) -> Value:
        if isinstance(member, ContainerValue):
            return join(
                [element(member, key, at) for key, _ in member.entries]
                if member.is_sequence
                else []
            )
        if not isinstance(member, ObjectValue):
            return UNKNOWN
        if member.item is UNKNOWN and member.shape is Shape.OTHER and not at.is_typed:
            held = member.type if isinstance(member.type, Instance) else None
            return at.types.value(at.types.item_type(held)) if held is not None else UNKNOWN
        return iterated(member.item, at) if member.shape is Shape.COROUTINE else member.item

    return map_members(value, one)


def unpacked(value: Value, position: int, at: Context) -> Value:
    """What stands at a position of *value*, where nobody has inferred types."""
    if at.is_typed or not isinstance(value, ObjectValue):
        return UNKNOWN
    if isinstance(value.type, TupleType):
        items = value.type.items
        return at.types.value(items[position]) if position < len(items) else UNKNOWN
    return UNKNOWN


def iterator(value: Value) -> Value:
    """What ``iter`` or ``aiter`` makes of *value*: an iterator is its own."""
    if not isinstance(value, ObjectValue) or value.can & (Can.NEXT | Can.ASYNC_NEXT):
        return value
    shape = Shape.ASYNC_ITERATOR if value.can & Can.ASYNC_ITERATE else Shape.ITERATOR
    return object_value(shape, value.item)


def protocol(method: BoundMethod) -> Value:
    """What a call of a special method gives."""
    receiver = method.receiver
    if method.name in ("__aenter__", "__anext__", "asend"):
        return step(receiver, entered(receiver), method.name)
    if method.name in ("__aiter__", "__iter__"):
        return map_members(receiver, iterator)
    return entered(receiver)


def _started(value: ObjectValue) -> ObjectValue:
    """A connection or a transaction once it is awaited: neither can be started again."""
    can = value.can & ~(Can.ASYNC_ENTER | Can.AWAIT)
    return replace(value, can=can, by_definition=True)
