"""Which values of a request's dependencies nobody has driven, or will."""

from __future__ import annotations

import contextlib
import dis
import functools
import types
from typing import TYPE_CHECKING, Any, get_origin

from mypy_asyncsession.runtime.annotations import members
from mypy_asyncsession.runtime.objects import Kind, describe, kind_of, name_of
from mypy_asyncsession.runtime.providing import AsyncProvided, SyncProvided
from mypy_asyncsession.runtime.source import drives, only_looks_at

if TYPE_CHECKING:
    from collections.abc import Callable

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


def may_drive(function: Any, parameter: str, value: object) -> bool:
    """Whether a function may be there to drive what a parameter of it gets.

    The annotation says so; where there is none, or one that says nothing, the code of the function
    may show that it does nothing with the parameter.
    """
    class_: Any = type(value)
    try:
        return _may_drive(function, parameter, class_)
    except TypeError:  # what is called is not hashable
        return True


@functools.lru_cache(maxsize=1024)
def _may_drive(function: Any, parameter: str, class_: Any) -> bool:
    code = _code(function)
    says_nothing = False
    for member in members(function, parameter):
        if not isinstance(member, type) or member is object:
            says_nothing = True
        elif _is_one(class_, member):
            return True
    if says_nothing:
        return code is None or _does_something(code, parameter)
    # What it says is not true, which does not keep it from doing what is right.
    return code is not None and drives(code, parameter)


def _is_one(class_: type, member: type) -> bool:
    try:
        return issubclass(class_, get_origin(member) or member)
    except TypeError:
        return True  # nobody can say


def _code(function: Any) -> types.CodeType | None:
    """The code of a function; ``None`` where something around it may do what it does not."""
    while isinstance(function, (types.MethodType, functools.partial)):
        function = function.__func__ if isinstance(function, types.MethodType) else function.func
    if not isinstance(function, types.FunctionType) or hasattr(function, "__wrapped__"):
        return None
    return function.__code__


def _does_something(code: types.CodeType, parameter: str) -> bool:
    """Whether a function may do anything with a parameter but to look at it."""
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if parameter not in named or parameter in code.co_cellvars or "locals" in code.co_names:
        return True
    for each in dis.get_instructions(code):
        names = each.argval if isinstance(each.argval, tuple) else (each.argval,)
        if "LOAD" in each.opname and parameter in names:
            return not only_looks_at(code, parameter)
    return False


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
