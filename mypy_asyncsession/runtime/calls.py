"""What a call of a function will give, without calling it."""

from __future__ import annotations

import collections.abc
import contextlib
import functools
import inspect
import types
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from mypy_asyncsession.runtime.annotations import evaluated
from mypy_asyncsession.runtime.objects import DEFAULT_RESOURCES, Kind, kind_of
from mypy_asyncsession.runtime.providing import GeneratorFunction

if TYPE_CHECKING:
    from mypy_asyncsession.runtime.resources import Resources


async def _async_example() -> Any:
    yield


def _example() -> Any:
    yield


#: The code of what ``contextlib``'s decorators make of a function: the same for every function.
_HELPERS = {
    contextlib.asynccontextmanager(_async_example).__code__: Kind.ASYNC_CONTEXT_MANAGER,
    contextlib.contextmanager(_example).__code__: Kind.CONTEXT_MANAGER,
}
#: What an annotation says that is one of these, or has it for its origin.
_MANAGERS: dict[Any, Kind] = {
    contextlib.AbstractAsyncContextManager: Kind.ASYNC_CONTEXT_MANAGER,
    contextlib.AbstractContextManager: Kind.CONTEXT_MANAGER,
    contextlib._AsyncGeneratorContextManager: Kind.ASYNC_CONTEXT_MANAGER,  # noqa: SLF001
    contextlib._GeneratorContextManager: Kind.CONTEXT_MANAGER,  # noqa: SLF001
    collections.abc.Coroutine: Kind.COROUTINE,
    collections.abc.Awaitable: Kind.AWAITABLE,
}
_ITERATORS: dict[Any, Kind] = {
    collections.abc.AsyncGenerator: Kind.ASYNC_GENERATOR,
    collections.abc.AsyncIterator: Kind.ASYNC_GENERATOR,
    collections.abc.AsyncIterable: Kind.ASYNC_GENERATOR,
    collections.abc.Generator: Kind.GENERATOR,
    collections.abc.Iterator: Kind.GENERATOR,
    collections.abc.Iterable: Kind.GENERATOR,
}


def given_by(call: Any, resources: Resources = DEFAULT_RESOURCES) -> Kind | None:
    """What a call will give: ``None`` where the definition does not say, or says a plain object."""
    for _ in range(16):
        if isinstance(call, GeneratorFunction):
            return given_by(call.func, resources)
        if isinstance(call, functools.partial):
            call = call.func
        elif isinstance(call, types.MethodType):
            call = call.__func__
        elif isinstance(call, types.FunctionType):
            found = _given_by_function(call, resources)
            wrapped = getattr(call, "__wrapped__", None)
            if found is not None or wrapped is None:
                return found
            # A wrapper hands on what it wraps, as good as always.
            call = wrapped
        elif isinstance(call, type) or kind_of(call, resources) is Kind.SESSIONMAKER:
            return None
        else:
            method = inspect.getattr_static(type(call), "__call__", None)
            if not isinstance(method, (types.FunctionType, functools.partial)):
                return None
            call = method
    return None


def _given_by_function(function: types.FunctionType, resources: Resources) -> Kind | None:
    if function.__code__ in _HELPERS:
        return _HELPERS[function.__code__]
    if inspect.isasyncgenfunction(function):
        return Kind.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(function):
        return Kind.GENERATOR
    if inspect.iscoroutinefunction(function):
        return Kind.COROUTINE
    return promised(evaluated(function, "return"), resources)


def promised(annotation: Any, resources: Resources) -> Kind | None:
    """What an annotation says that has still to be entered, awaited or iterated over.

    Iterators count only if it is sessions that they give: others are data.
    """
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin = get_origin(annotation) or annotation
    if not isinstance(origin, type):
        return None
    if origin in _MANAGERS:
        return _MANAGERS[origin]
    kind = _ITERATORS.get(origin)
    if kind is not None:
        inner = next(iter(get_args(annotation)), None)
        if isinstance(inner, type) and resources.include(inner):
            return kind
    return None


def asks_for_raw(annotation: Any) -> bool:
    """Whether a parameter wants what has still to be driven, and not a session."""
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin = get_origin(annotation) or annotation
    return origin in _MANAGERS or origin in _ITERATORS or origin is collections.abc.Callable
