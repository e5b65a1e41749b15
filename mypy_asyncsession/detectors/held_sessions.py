"""Sessions inside what has to be entered, iterated over or awaited first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import Instance, NoneType, Type, UnionType, get_proper_type

from mypy_asyncsession.models.sqlalchemy import (
    SESSION_ATTRIBUTES,
)
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import (
    ObjectValue,
    UnionValue,
    Value,
)

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.from_mypy_types import Types

#: The shapes that hold a session without being one.
_HOLDERS = frozenset(
    {
        Shape.ASYNC_GENERATOR,
        Shape.ASYNC_ITERATOR,
        Shape.ASYNC_CONTEXT_MANAGER,
        Shape.AWAITABLE_CONTEXT_MANAGER,
        Shape.COROUTINE,
        Shape.GENERATOR,
        Shape.ITERATOR,
        Shape.CONTEXT_MANAGER,
    }
)


#: What generators and coroutines have, besides their special methods.
_OWN = frozenset({"aclose", "asend", "athrow", "close", "send", "throw"})


def held_in(value: object, depth: int = 0) -> ObjectValue | None:
    """The session inside what has to be entered, iterated over or awaited first."""
    if not isinstance(value, ObjectValue) or value.shape not in _HOLDERS or depth > 3:
        return None
    item = value.item
    if isinstance(item, UnionValue):
        return None
    if isinstance(item, ObjectValue) and item.resource is not None:
        return item
    return held_in(item, depth + 1)


def is_resource(value: Value) -> bool:
    """Whether a value is itself of a class of sessions."""
    return isinstance(value, ObjectValue) and value.resource is not None


def has_attribute(value: ObjectValue, name: str) -> bool:
    """Whether an object has an attribute, as far as its class tells."""
    if value.shape in _HOLDERS and (name in _OWN or name.startswith(("__", "ag_", "gi_", "cr_"))):
        return True
    if isinstance(value.type, Instance):
        info = value.type.type
        looked_up = info.get("__getattr__") is not None
        return info.get(name) is not None or info.fallback_to_any or looked_up
    return value.resource is not None and name in SESSION_ATTRIBUTES


def is_session(type_: Type | None, types: Types) -> bool:
    """Whether a type is of sessions, or of sessions and ``None``."""
    proper = get_proper_type(type_) if type_ is not None else None
    if isinstance(proper, UnionType):
        items = [each for each in proper.items if not isinstance(get_proper_type(each), NoneType)]
        return bool(items) and all(is_session(each, types) for each in items)
    return isinstance(proper, Instance) and types.resource(proper.type) is not None
