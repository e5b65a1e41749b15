"""What an object is, which provider handed it out, and what to write to use it."""

from __future__ import annotations

import functools
import inspect
import os
import types
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mypy_asyncsession.runtime.resources import Resources, is_sessionmaker


class Kind(Enum):
    """What an object is; the value is how messages call it."""

    ASYNC_GENERATOR = "an async generator"
    ASYNC_CONTEXT_MANAGER = "an async context manager"
    ASYNC_ITERATOR = "an async iterator"
    GENERATOR = "a generator"
    CONTEXT_MANAGER = "a context manager"
    COROUTINE = "a coroutine"
    AWAITABLE = "an awaitable"
    FUNCTION = "a function"
    CLASS = "a class"
    SESSIONMAKER = "a sessionmaker"
    SESSION = "a session"
    NONE = "None"
    OTHER = "another object"

    @property
    def holds(self) -> bool:
        """Whether it is something that a session has still to be got out of."""
        return self not in (Kind.SESSION, Kind.NONE, Kind.OTHER, Kind.CLASS)


@dataclass(frozen=True)
class Origin:
    """The function that handed an object out.

    Attributes:
        name: Its name, as a reader knows it: ``Database.session``.
        path: The file, relative to the working directory where it is below it.
        line: The line of its definition, counted from 1.
    """

    name: str
    path: str
    line: int

    @property
    def place(self) -> str:
        """``app/db.py:12``."""
        return f"{self.path}:{self.line}"


DEFAULT_RESOURCES = Resources()


def kind_of(given: object, resources: Resources = DEFAULT_RESOURCES) -> Kind:
    """What an object is, by its type alone: nothing of it is called."""
    if given is None:
        return Kind.NONE
    class_ = type(given)
    if class_ is types.AsyncGeneratorType:
        return Kind.ASYNC_GENERATOR
    if isinstance(given, types.GeneratorType):
        return Kind.GENERATOR
    if isinstance(given, types.CoroutineType):
        return Kind.COROUTINE
    if isinstance(given, type):
        return Kind.CLASS
    if resources.hold(given):
        return Kind.SESSION
    if is_sessionmaker(class_):
        return Kind.SESSIONMAKER
    if isinstance(given, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return Kind.FUNCTION
    for method, kind in _METHODS.items():
        if hasattr(class_, method):
            return kind
    return Kind.FUNCTION if isinstance(given, functools.partial) else Kind.OTHER


_METHODS = {
    "__aenter__": Kind.ASYNC_CONTEXT_MANAGER,
    "__enter__": Kind.CONTEXT_MANAGER,
    "athrow": Kind.ASYNC_GENERATOR,
    "__anext__": Kind.ASYNC_ITERATOR,
    "__await__": Kind.AWAITABLE,
    "throw": Kind.GENERATOR,
}


def origin_of(given: object) -> Origin | None:
    """The function that handed out a generator, context manager or coroutine, or is given."""
    code, name = _code_and_name(given)
    if code is None:
        return None
    return Origin(readable(name or code.co_name), shown(code.co_filename), code.co_firstlineno)


def _code_and_name(given: object) -> tuple[types.CodeType | None, str | None]:
    for _ in range(16):  # a partial of a method of ... does not go on for ever
        inner = _inner(given)
        if inner is None:
            break
        given = inner
    for attribute in ("ag_code", "gi_code", "cr_code", "__code__"):
        code = getattr(given, attribute, None)
        if isinstance(code, types.CodeType):
            name = getattr(given, "__qualname__", None)
            return code, name if isinstance(name, str) else None
    return None, None


def _inner(given: object) -> object | None:
    """What an object was made from by ``contextlib``, ``functools`` or a decorator of ours."""
    if isinstance(given, functools.partial):
        return given.func
    if isinstance(given, types.MethodType):
        return given.__func__
    if isinstance(given, types.FunctionType):
        wrapped: object = getattr(given, "__wrapped__", None)
        return wrapped
    # The generator in a manager of contextlib's, or in what a provider of ours hands out.
    if type(given).__module__ in ("contextlib", "mypy_asyncsession.runtime.providing"):
        inner: object = getattr(given, "gen", None)
        return inner
    return None


def readable(name: str) -> str:
    """A qualified name without the functions that it is local to."""
    return name.rpartition("<locals>.")[2]


def shown(path: str) -> str:
    """A path relative to the working directory, if it is below it."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # another drive, a working directory that is gone
        return path
    return path if relative.startswith(os.pardir) else relative


def name_of(given: object) -> str:
    """A name for a function or an object, for messages."""
    origin = origin_of(given)
    if origin is not None:
        return origin.name
    name = getattr(given, "__qualname__", None)
    return readable(name) if isinstance(name, str) else type(given).__qualname__


def describe(given: object, resources: Resources = DEFAULT_RESOURCES) -> str:
    """What an object is and where it comes from.

    Such as ``the async generator of "get_db" (app/db.py:12)``.
    """
    kind = kind_of(given, resources)
    origin = origin_of(given)
    if kind is Kind.NONE:
        return "None"
    if kind in (Kind.FUNCTION, Kind.CLASS):
        place = f" ({origin.place})" if origin is not None else ""
        what = "class" if kind is Kind.CLASS else "function"
        return f'the {what} "{name_of(given)}"{place} itself, which was not called'
    if origin is not None:
        return f'the {kind.value.partition(" ")[2]} of "{origin.name}" ({origin.place})'
    class_ = type(given)
    module = "" if class_.__module__ == "builtins" else f"{class_.__module__}."
    extra = f", {kind.value}" if kind.holds else ""
    return f'an object of class "{module}{class_.__qualname__}"{extra}'


def remedy(given: object, resources: Resources = DEFAULT_RESOURCES) -> str:
    """What to write to get a session out of an object, or an empty string."""
    kind = kind_of(given, resources)
    name = name_of(given)
    if kind in (Kind.ASYNC_GENERATOR, Kind.ASYNC_ITERATOR):
        return f'write "async with session_scope({name}) as session", or "Depends({name})"'
    if kind is Kind.ASYNC_CONTEXT_MANAGER:
        return f'enter it: "async with {name}(...) as session"'
    if kind is Kind.GENERATOR:
        return f'write "with session_scope({name}) as session", or "Depends({name})"'
    if kind is Kind.CONTEXT_MANAGER:
        return f'enter it: "with {name}(...) as session"'
    if kind in (Kind.COROUTINE, Kind.AWAITABLE):
        return f'await it: "await {name}(...)"'
    if kind is Kind.SESSIONMAKER:
        # Both of SQLAlchemy's are instances, so their own name says nothing.
        with_ = "async with" if type(given).__qualname__.startswith("async") else "with"
        return f'call it and enter what it gives: "{with_} maker() as session"'
    if kind is Kind.FUNCTION:
        with_ = "with" if _is_sync(given) else "async with"
        return f'write "{with_} session_scope({name}) as session"'
    if kind is Kind.CLASS:
        return f'make one: "{name}(...)"'
    return ""


def _is_sync(function: Any) -> bool:
    return inspect.isgeneratorfunction(inspect.unwrap(function))
