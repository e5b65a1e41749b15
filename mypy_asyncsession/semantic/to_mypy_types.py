"""From values to mypy's types: the precise type of what an unannotated provider hands out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import AnyType, Instance, NoneType, TypeOfAny

from mypy_asyncsession.models.contextlib import CONTEXT_MANAGERS_MADE
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import ObjectValue, Value

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.types import ProperType, Type

    #: Makes an instance of a class, by its full name; ``None`` if the class is not loaded.
    Make = Callable[[str, list[Type]], Instance | None]

#: For each shape that holds something: its class, and the types after the one that it holds.
CLASSES = {
    Shape.ASYNC_GENERATOR: "typing.AsyncGenerator",
    Shape.ASYNC_ITERATOR: "typing.AsyncIterator",
    Shape.ASYNC_CONTEXT_MANAGER: "contextlib.AbstractAsyncContextManager",
    Shape.COROUTINE: "typing.Coroutine",
    Shape.GENERATOR: "typing.Generator",
    Shape.ITERATOR: "typing.Iterator",
    Shape.CONTEXT_MANAGER: "contextlib.AbstractContextManager",
}


def session_inside(value: Value, depth: int = 0) -> ObjectValue | None:
    """The session that *value* is or holds, however deeply; ``None`` if it is none or unknown."""
    if not isinstance(value, ObjectValue) or depth > 3:
        return None
    if value.resource is not None:
        return value
    return session_inside(value.item, depth + 1) if value.shape in CLASSES else None


def precise(value: Value, make: Make) -> ProperType | None:
    """mypy's type of a value that is a session or holds one; ``None`` where it is not certain."""
    if not isinstance(value, ObjectValue) or session_inside(value) is None:
        return None
    if value.resource is not None:
        return value.type if isinstance(value.type, Instance) else None
    item = precise(value.item, make)
    if item is None:
        return None
    known_type = value.type
    if isinstance(known_type, Instance) and known_type.type.fullname in CONTEXT_MANAGERS_MADE:
        # What ``asynccontextmanager`` makes can do more than any context manager.
        return known_type.copy_modified(args=[item, *known_type.args[1:]])
    return make(CLASSES[value.shape], arguments_of(value.shape, item))


def arguments_of(shape: Shape, item: Type) -> list[Type]:
    """The type arguments of the class of a shape, for the type of what it holds."""
    anything, nothing = AnyType(TypeOfAny.special_form), NoneType()
    if shape is Shape.COROUTINE:
        return [anything, anything, item]
    if shape is Shape.ASYNC_GENERATOR:
        return [item, nothing]
    return [item, nothing, nothing] if shape is Shape.GENERATOR else [item]
