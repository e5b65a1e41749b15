"""Tells a misuse of a provider by the exception that it surfaces as."""

from __future__ import annotations

import inspect
import linecache
import re
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.calls import given_by
from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.gives import gives_session
from mypy_asyncsession.runtime.objects import (
    Kind,
    describe,
    kind_of,
    name_of,
    origin_of,
    remedy,
    shown,
)
from mypy_asyncsession.runtime.raised import behind

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from mypy_asyncsession.runtime.resources import Resources

#: What ``async with`` and ``with`` ask for.
_ENTERED = ("__aenter__", "__aexit__", "__enter__", "__exit__")
#: What one asks of a session, and of hardly anything else.
_DISTINCT = frozenset(
    {
        "add_all",
        "begin_nested",
        "commit",
        "execute",
        "expunge",
        "in_transaction",
        "rollback",
        "run_sync",
        "scalar",
        "scalars",
        "stream_scalars",
    }
)
#: What one asks of a session, and of other objects, too.
_ATTRIBUTES = _DISTINCT | {
    *_ENTERED,
    "add",
    "begin",
    "bulk_insert_mappings",
    "bulk_save_objects",
    "bulk_update_mappings",
    "close",
    "connection",
    "delete",
    "exec",
    "expire",
    "expire_all",
    "expunge_all",
    "flush",
    "get",
    "get_bind",
    "get_nested_transaction",
    "get_one",
    "get_transaction",
    "in_nested_transaction",
    "invalidate",
    "is_active",
    "merge",
    "no_autoflush",
    "query",
    "refresh",
    "stream",
    "sync_session",
}
#: The objects that are always a provider's, by the names of their classes.
_ALWAYS = {
    "_AsyncGeneratorContextManager": Kind.ASYNC_CONTEXT_MANAGER,
    "_GeneratorContextManager": Kind.CONTEXT_MANAGER,
    "async_generator": Kind.ASYNC_GENERATOR,
    "AsyncProvided": Kind.ASYNC_CONTEXT_MANAGER,
    "SyncProvided": Kind.CONTEXT_MANAGER,
    "async_sessionmaker": Kind.SESSIONMAKER,
    "sessionmaker": Kind.SESSIONMAKER,
}
#: Those that may be one.
_SOMETIMES = {
    "coroutine": Kind.COROUTINE,
    "generator": Kind.GENERATOR,
    "function": Kind.FUNCTION,
    "method": Kind.FUNCTION,
    "AsyncProvider": Kind.FUNCTION,
    "SyncProvider": Kind.FUNCTION,
}
#: What CPython says, with the class of the object.
_MESSAGES = (
    re.compile(r"'([\w.]+)' object does not support the (?:asynchronous )?context manager"),
    re.compile(r"'async for' requires an object with __aiter__ method, got ([\w.]+)"),
    re.compile(r"object ([\w.]+) can't be used in 'await' expression"),
    re.compile(r"'([\w.]+)' object can't be awaited"),
    re.compile(r"'([\w.]+)' object is not an? (?:async(?:hronous)? )?itera(?:tor|ble)"),
    re.compile(r"'([\w.]+)' object is not (?:async )?iterable"),
)


class Surfaced:
    """A misuse that an exception tells of.

    Attributes:
        what: What is wrong.
        remedy: What to write instead.
        provider: The provider, if it is known.
        kind: What it gave.
        error: The exception.
    """

    def __init__(self, what: str, remedy: str, provider: object, kind: str) -> None:
        self.what = what
        self.remedy = remedy
        self.origin = origin_of(provider)
        self.kind = kind
        self.error: BaseException | None = None


def surfaced(error: BaseException, resources: Resources) -> Surfaced | None:
    """The misuse that an exception tells of, itself or through what it came from."""
    for each in behind(error):
        found = None
        if isinstance(each, SessionTypeError):
            found = Surfaced(str(each), "", None, "")
        elif isinstance(each, AttributeError):
            found = _of_attribute(each, resources)
        elif isinstance(each, TypeError):
            found = _of_protocol(each, str(each), resources)
        if found is not None:
            found.error = each
            return found
    return None


def _of_attribute(error: AttributeError, resources: Resources) -> Surfaced | None:
    given, name = error.obj, error.name
    if name is None:
        # Python 3.10 says no more than the name of what `async with` and `with` ask for.
        if error.args and error.args[0] in _ENTERED:
            return _entered(error, str(error.args[0]), resources)
        return None
    kind = kind_of(given, resources)
    if not kind.holds or (kind is Kind.FUNCTION and given_by(given, resources) is None):
        return None
    if not _is_asked_of_a_session(given, name, resources):
        return None
    what = f'"{name}" is asked of {describe(given, resources)}{_where(error)}'
    return Surfaced(what, remedy(given, resources), given, kind.value)


def _is_asked_of_a_session(given: object, name: str, resources: Resources) -> bool:
    """Whether an attribute tells that an object was taken for a session."""
    gives = gives_session(given, resources)
    class_name = type(given).__name__
    if gives and class_name not in _SOMETIMES:
        return name in _ATTRIBUTES or resources.have(name)
    if gives or (gives is None and class_name in (_ALWAYS | _SOMETIMES)):
        known = name in _DISTINCT or (gives is True and name in _ENTERED)
        return known or resources.have(name)
    return False


def _entered(error: AttributeError, method: str, resources: Resources) -> Surfaced | None:
    innermost = _innermost(error.__traceback__)
    if innermost is None:
        return None
    provider = _called(innermost[0], innermost[1])
    if provider is None or not gives_session(provider, resources):
        return None
    kind = kind_of(provider, resources)
    what = f'"{method}" is asked of what "{name_of(provider)}" gives{_where(error)}'
    return Surfaced(what, remedy(provider, resources), provider, kind.value)


def _of_protocol(error: TypeError, message: str, resources: Resources) -> Surfaced | None:
    for pattern in _MESSAGES:
        match = pattern.search(message)
        if match is None:
            continue
        name = match[1].rpartition(".")[2]
        kind = _ALWAYS.get(name) or _SOMETIMES.get(name)
        if kind is None and resources.named(name):
            kind = Kind.SESSION
        if kind is None:
            continue
        where = _where(error)
        given, is_dependency = _object(error, name)
        if given is None:
            continue
        if is_dependency:
            what = f"FastAPI is given {describe(given, resources)}: {message}"
            advice = f'remove the decorator from "{name_of(given)}", or put @provider there'
            return Surfaced(what, advice, given, kind.value)
        if not gives_session(given, resources):
            continue
        if kind is Kind.SESSION:
            return Surfaced(f"{message}{where}", _IS_SESSION, None, kind.value)
        if type(given).__name__ == name:
            what = f"{message}: it is {describe(given, resources)}{where}"
        else:
            what = f'{message}: it is what "{name_of(given)}" gives{where}'
        return Surfaced(what, remedy(given, resources), given, kind.value)
    return None


_IS_SESSION = "it is a session already: use it as it is"


def _innermost(traceback: TracebackType | None) -> tuple[FrameType, int] | None:
    """The frame in which an exception was raised, and the line there."""
    found = None
    while traceback is not None:
        found = traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def _caller(traceback: TracebackType | None, library: str) -> str:
    """The package that has called what a library does at the end of a traceback."""
    package = ""
    while traceback is not None:
        name = str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if name != library:
            package = name
        traceback = traceback.tb_next
    return package


def _where(error: BaseException) -> str:
    innermost = _innermost(error.__traceback__)
    if innermost is None:
        return ""
    frame, line = innermost
    return f" at {shown(frame.f_code.co_filename)}:{line}"


def _object(error: BaseException, name: str) -> tuple[Any, bool]:
    """The object of a class of that name that an exception is about, and whether FastAPI got it.

    It is in a variable, or it is what a function gives that is called in the line.
    """
    innermost = _innermost(error.__traceback__)
    if innermost is None:
        return None, False
    frame, line = innermost
    if frame.f_globals.get("__name__") == "contextlib":
        # Perhaps a dependency that FastAPI makes a context manager of, though it is one.
        inner = getattr(frame.f_locals.get("self"), "gen", None)
        if type(inner).__name__ == name:
            return inner, _caller(error.__traceback__, "contextlib") == "fastapi"
    for given in frame.f_locals.values():
        if type(given).__name__ == name:
            return given, False
    return _called(frame, line), False


#: A name that is called, entered, awaited or iterated over.
_NAMES = re.compile(r"(?:(?<=with )|(?<=await )|(?<=in ))[A-Za-z_][\w.]*|[A-Za-z_][\w.]*(?=\s*\()")


def _called(frame: FrameType, line: int) -> Any:
    """What a line names and that may be a provider, or be made by one."""
    text = linecache.getline(frame.f_code.co_filename, line, frame.f_globals)
    for path in _NAMES.findall(text):
        first, *others = path.split(".")
        found = frame.f_locals.get(first, frame.f_globals.get(first))
        for each in others:
            # Not by getattr: a property would be run.
            found = inspect.getattr_static(found, each, None)
        if isinstance(found, (staticmethod, classmethod)):
            found = found.__func__
        unwrapped = inspect.unwrap(found) if callable(found) else None
        kind = kind_of(found)
        if (
            (kind.holds and kind is not Kind.FUNCTION)
            or inspect.isasyncgenfunction(unwrapped)
            or inspect.isgeneratorfunction(unwrapped)
            or inspect.iscoroutinefunction(unwrapped)
        ):
            return found
    return None
