"""What annotations say, read by the names in them: where mypy has no type for these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import UnboundType

from mypy_asyncsession.models.sqlalchemy import ASYNC_SESSIONMAKERS, SESSIONMAKERS, SYNC_SESSIONS
from mypy_asyncsession.models.typing import (
    ASYNC_CONTEXT_MANAGER_TYPES,
    ASYNC_GENERATOR_TYPES,
    ASYNC_ITERATOR_TYPES,
    CONTEXT_MANAGER_TYPES,
    COROUTINE_TYPES,
    GENERATOR_TYPES,
    ITERATOR_TYPES,
)
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import UNKNOWN, ObjectValue, Value, object_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from mypy.types import Type

    #: The full name of what a dotted name stands for, or ``None``.
    Resolve = Callable[[str], str | None]

_HOLDERS = (
    (ASYNC_GENERATOR_TYPES, Shape.ASYNC_GENERATOR, 0),
    (ASYNC_ITERATOR_TYPES, Shape.ASYNC_ITERATOR, 0),
    (GENERATOR_TYPES, Shape.GENERATOR, 0),
    (ITERATOR_TYPES, Shape.ITERATOR, 0),
    (COROUTINE_TYPES, Shape.COROUTINE, -1),
    (ASYNC_CONTEXT_MANAGER_TYPES, Shape.ASYNC_CONTEXT_MANAGER, 0),
    (CONTEXT_MANAGER_TYPES, Shape.CONTEXT_MANAGER, 0),
)


def annotated(type_: Type, resolve: Resolve, resources: AbstractSet[str]) -> Value:
    """What an annotation says that mypy has not analysed."""
    if not isinstance(type_, UnboundType):
        return UNKNOWN
    name = resolve(type_.name)
    if name is None:
        return UNKNOWN
    for names, shape, index in _HOLDERS:
        if name in names:
            item: Value = UNKNOWN
            if type_.args and abs(index) <= len(type_.args):
                item = annotated(type_.args[index], resolve, resources)
            return object_value(shape, item, label=name.rpartition(".")[2])
    return resource(name, resources)


def resource(name: str, resources: AbstractSet[str]) -> Value:
    """A resource or a sessionmaker, by its full name alone."""
    label = name.rpartition(".")[2]
    if name in resources:
        shape = Shape.SYNC_SESSION if name in SYNC_SESSIONS else Shape.SESSION
        return object_value(shape, UNKNOWN, label=label, resource=name)
    if name in ASYNC_SESSIONMAKERS or name in SESSIONMAKERS:
        return ObjectValue(Shape.SESSIONMAKER, label=label)
    return UNKNOWN
