"""What the functions of libraries give that are known by name: see ``models``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.types import Instance

from mypy_asyncsession.models.asyncio import AS_COMPLETED, AWAITS_FIRST_ARGUMENT, TASK_MAKERS
from mypy_asyncsession.models.builtin import CACHING, ITERATOR_MAKERS, PARTIALS, TRANSPARENT
from mypy_asyncsession.models.contextlib import (
    ASYNC_CLOSING,
    ASYNC_CONTEXT_MANAGER_DECORATORS,
    CLOSING,
    CONTEXT_MANAGER_DECORATORS,
    NULL_CONTEXT,
)
from mypy_asyncsession.models.provider import PROVIDER_DECORATORS
from mypy_asyncsession.models.pydantic import FIELDS
from mypy_asyncsession.models.sqlalchemy import ASYNC_SESSIONMAKERS, SESSIONMAKERS
from mypy_asyncsession.semantic import unresolved_annotations
from mypy_asyncsession.semantic.interpreter.context import ELLIPSIS
from mypy_asyncsession.semantic.interpreter.instances import instance
from mypy_asyncsession.semantic.interpreter.protocols import awaited, iterated, iterator
from mypy_asyncsession.semantic.shapes import USES, Can, Shape
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    LiteralValue,
    ManagerFactory,
    NamedValue,
    ObjectValue,
    Value,
    WrapsMarker,
    map_members,
    object_value,
    step,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_asyncsession.semantic.interpreter.context import Context


def known_call(
    name: str, arguments: Sequence[Value], named: Mapping[str, Value], at: Context
) -> Value | None:
    """What a call of a function of a library gives, by its full name; ``None`` for another one."""
    first = arguments[0] if arguments else UNKNOWN
    if name in ASYNC_CONTEXT_MANAGER_DECORATORS:
        return ManagerFactory(first, True)
    if name in CONTEXT_MANAGER_DECORATORS:
        return ManagerFactory(first, False)
    if name in PROVIDER_DECORATORS:
        return replace(first, entered=True) if isinstance(first, FunctionValue) else first
    if name in FIELDS:
        factory = named.get("default_factory", UNKNOWN)
        if isinstance(factory, (FunctionValue, ManagerFactory, ObjectValue)):
            return at.called(factory)
        return named.get("default", UNKNOWN)
    if name in PARTIALS:
        if isinstance(first, ObjectValue):  # an object that is called
            method = at.attribute(first, "__call__")
            first = method if isinstance(method, FunctionValue) else first
        if isinstance(first, FunctionValue):
            return replace(first, preset=(*first.preset, *arguments[1:]), partial=True)
        return first
    if name == "functools.wraps":
        return WrapsMarker(first)
    if name in ITERATOR_MAKERS:
        return map_members(first, iterator)
    if name in CACHING:
        if isinstance(first, (FunctionValue, ManagerFactory)):
            return replace(first, cached=True)
        if not arguments or isinstance(first, LiteralValue):
            return NamedValue(name)  # ``@lru_cache(maxsize=None)``
    if name in TRANSPARENT:
        return first
    if name in ASYNC_CLOSING and _has_no_aclose(first):
        return ObjectValue(Shape.MISMADE, item=first, label="aclosing", by_definition=True)
    if name in ASYNC_CLOSING:
        return object_value(Shape.ASYNC_CONTEXT_MANAGER, first, label="aclosing")
    if name in CLOSING and isinstance(first, ObjectValue) and first.shape is Shape.SESSION:
        # It calls ``close``, and drops the coroutine that this gives.
        return ObjectValue(Shape.MISMADE, item=first, label="closing", by_definition=True)
    if name in CLOSING:
        return object_value(Shape.CONTEXT_MANAGER, first, label="closing")
    if name == NULL_CONTEXT:
        return ObjectValue(
            Shape.ASYNC_CONTEXT_MANAGER,
            Can.ASYNC_ENTER | Can.ENTER,
            first,
            label="nullcontext",
        )
    if name in AWAITS_FIRST_ARGUMENT or name in TASK_MAKERS:
        return object_value(Shape.COROUTINE, awaited(first), label="Coroutine")
    if name in AS_COMPLETED:
        # From Python 3.13 on it can be gone through in both ways.
        can = Can.ITERATE | Can.NEXT | Can.ASYNC_ITERATE | Can.ASYNC_NEXT
        return ObjectValue(Shape.ITERATOR, can, label="Iterator", by_definition=True)
    if name == "builtins.anext":
        return step(first, iterated(first, at))
    if name == "builtins.type" and len(arguments) == 1 and not named:
        return _class_of(first)
    if name == "builtins.next":
        return iterated(first, at)
    if name in ASYNC_SESSIONMAKERS or name in SESSIONMAKERS:
        return _sessionmaker(name, named, at)
    return None


def _has_no_aclose(value: Value) -> bool:
    """Whether this is a manager that ``asynccontextmanager`` has made."""
    return (
        isinstance(value, ObjectValue)
        and value.shape is Shape.ASYNC_CONTEXT_MANAGER
        and value.can & USES == Can.ASYNC_ENTER  # others have a class of their own
        and value.label is None
        and value.origin is not None
    )


def _class_of(value: Value) -> Value:
    """``type(x)``."""
    type_ = value.type if isinstance(value, ObjectValue) else None
    return ClassValue(type_.type.fullname, type_.type) if isinstance(type_, Instance) else UNKNOWN


def _sessionmaker(name: str, named: Mapping[str, Value], at: Context) -> Value | None:
    """A sessionmaker that is told which class to make: SQLAlchemy's types miss some of these.

    ``sessionmaker(engine, class_=AsyncSession)`` is how async sessions were made before
    ``async_sessionmaker``.
    """
    if "class_" not in named and ELLIPSIS not in named:
        return None
    klass = named.get("class_", UNKNOWN)
    item = instance(klass, at)
    if item is UNKNOWN and isinstance(klass, (ClassValue, NamedValue)):
        item = unresolved_annotations.resource(klass.fullname, at.types.resources)
    if isinstance(item, ObjectValue):
        item = replace(item, by_definition=True)
    label = name.rpartition(".")[2]
    return ObjectValue(Shape.SESSIONMAKER, item=item, label=label, by_definition=True)
