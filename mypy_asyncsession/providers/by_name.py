"""What annotations say, read by the names in them: where mypy has no type for these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.types import UnboundType

from mypy_asyncsession.providers import known
from mypy_asyncsession.providers.shapes import Shape
from mypy_asyncsession.providers.values import UNKNOWN, Thing, Value, thing

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from mypy.types import Type

    #: The full name of what a dotted name stands for, or ``None``.
    Resolve = Callable[[str], str | None]

_HOLDERS = (
    (known.ASYNC_GENERATOR_TYPES, Shape.ASYNC_GENERATOR, 0),
    (known.ASYNC_ITERATOR_TYPES, Shape.ASYNC_ITERATOR, 0),
    (known.GENERATOR_TYPES, Shape.GENERATOR, 0),
    (known.ITERATOR_TYPES, Shape.ITERATOR, 0),
    (known.COROUTINE_TYPES, Shape.COROUTINE, -1),
    (known.ASYNC_CONTEXT_MANAGER_TYPES, Shape.ASYNC_CONTEXT_MANAGER, 0),
    (known.CONTEXT_MANAGER_TYPES, Shape.CONTEXT_MANAGER, 0),
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
            return thing(shape, item, label=name.rpartition(".")[2])
    return resource(name, resources)


def resource(name: str, resources: AbstractSet[str]) -> Value:
    """A resource or a sessionmaker, by its full name alone."""
    label = name.rpartition(".")[2]
    if name in resources:
        shape = Shape.SYNC_SESSION if name in known.SYNC_SESSIONS else Shape.SESSION
        return thing(shape, UNKNOWN, label=label, resource=name)
    if name in known.ASYNC_SESSIONMAKERS or name in known.SESSIONMAKERS:
        return Thing(Shape.SESSIONMAKER, label=label)
    return UNKNOWN
