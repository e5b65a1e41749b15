"""Which values of a request's dependencies nobody has driven, or will."""

from __future__ import annotations

import contextlib
import dis
import functools
import inspect
import opcode
import sys
import types
from enum import Enum
from typing import TYPE_CHECKING, Any, get_origin

from mypy_asyncsession.runtime.annotations import members
from mypy_asyncsession.runtime.objects import Kind, describe, kind_of, name_of
from mypy_asyncsession.runtime.providing import AsyncProvided, SyncProvided

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: What has still to be entered, awaited or iterated over, and does nothing until then.
RAW = frozenset(
    {
        types.AsyncGeneratorType,
        types.CoroutineType,
        types.GeneratorType,
        contextlib._AsyncGeneratorContextManager,  # noqa: SLF001
        contextlib._GeneratorContextManager,  # noqa: SLF001
        AsyncProvided,
        SyncProvided,
    }
)


class Wanted(Enum):
    """What the one that gets such a value says of it."""

    YES = "it asks for it"
    NO = "it asks for something else, or does nothing with it"
    UNKNOWN = "it does not say"


def wanted(function: Any, parameter: str, value: object) -> Wanted:
    """Whether a parameter is there for a value that has still to be driven.

    An annotation says so; where there is none, or one that says nothing, the code of the function
    may show that nobody can drive it, because it never looks at the parameter.
    """
    try:
        class_: Any = type(value)
        return _wanted(function, parameter, class_)
    except TypeError:  # what is called is not hashable
        return Wanted.UNKNOWN


@functools.lru_cache(maxsize=1024)
def _wanted(function: Any, parameter: str, class_: Any) -> Wanted:
    answer = Wanted.NO
    for member in members(function, parameter):
        if not isinstance(member, type) or member is object:
            answer = Wanted.UNKNOWN
        elif _is_one(class_, member):
            return Wanted.YES
    if answer is Wanted.UNKNOWN and not _looks_at(function, parameter):
        return Wanted.NO
    return answer


def _is_one(class_: type, member: type) -> bool:
    try:
        return issubclass(class_, get_origin(member) or member)
    except TypeError:
        return True  # nobody can say


def _looks_at(function: Any, parameter: str) -> bool:
    """Whether a function may do anything with a parameter."""
    while isinstance(function, (types.MethodType, functools.partial)):
        function = function.__func__ if isinstance(function, types.MethodType) else function.func
    if not isinstance(function, types.FunctionType) or hasattr(function, "__wrapped__"):
        return True
    code = function.__code__
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if parameter not in named or parameter in code.co_cellvars or "locals" in code.co_names:
        return True
    for each in dis.get_instructions(code):
        names = each.argval if isinstance(each.argval, tuple) else (each.argval,)
        if "LOAD" in each.opname and parameter in names:
            return True
    return False


def lost(given: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """The coroutines and managers that were never begun, and that nobody knows any more.

    Generators are passed over: as good as always they are data, and nobody has to look at it.

    Args:
        given: Values, each with what goes with it; the list is emptied.
    """
    for value, other, references in _counted(given):
        if references <= _ALONE and _was_never_begun(value):
            yield value, other


def _counted(given: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any, int]]:
    while given:
        value, other = given.pop()
        yield value, other, sys.getrefcount(value)


#: How many references are counted to an object that only this module knows.
_ALONE = next(_counted([(object(), None)]))[2]


def _was_never_begun(value: Any) -> bool:
    if isinstance(value, types.CoroutineType):
        return inspect.getcoroutinestate(value) == inspect.CORO_CREATED
    if isinstance(value, (types.AsyncGeneratorType, types.GeneratorType)):
        return False
    return _is_new(value.gen)


def _is_new(generator: Any) -> bool:
    frame = getattr(generator, "ag_frame", None) or getattr(generator, "gi_frame", None)
    if frame is None:
        return False
    if frame.f_lasti < 0:
        return True
    name: str = opcode.opname[frame.f_code.co_code[frame.f_lasti]]
    return name == "RETURN_GENERATOR"


def told(value: object, call: Callable[..., Any] | None) -> tuple[str, str]:
    """What is wrong with a value that nobody drives, and what to write instead."""
    giver = f'"{name_of(call)}"' if call is not None else "a dependency"
    what = f"{giver} gives {describe(value)}, and nobody drives it: its code does not run"
    return what, _REMEDIES[kind_of(value)].format(name=name_of(value))


_MANAGER = (
    'remove the decorator from "{name}", put @provider in its place, or depend on {kind} that '
    "enters it"
)
_REMEDIES = {
    Kind.ASYNC_GENERATOR: 'depend on the async generator function itself: "Depends({name})"',
    Kind.GENERATOR: 'depend on the generator function itself: "Depends({name})"',
    Kind.COROUTINE: 'depend on the coroutine function itself: "Depends({name})"',
    Kind.ASYNC_CONTEXT_MANAGER: _MANAGER.replace("{kind}", "an async generator function"),
    Kind.CONTEXT_MANAGER: _MANAGER.replace("{kind}", "a generator function"),
}
