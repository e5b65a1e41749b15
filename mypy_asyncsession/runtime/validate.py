"""Refuses a call that passes something else where a session is expected, before it is made."""

from __future__ import annotations

import functools
import inspect
import types
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from mypy_asyncsession.runtime.annotations import Expected, expected
from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.markers import is_marker, unfilled
from mypy_asyncsession.runtime.objects import describe, name_of, origin_of, remedy
from mypy_asyncsession.runtime.providing import GeneratorFunction
from mypy_asyncsession.runtime.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

P = ParamSpec("P")
R = TypeVar("R")


@overload
def validate_session(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def validate_session(
    *, resources: Iterable[str | type] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def validate_session(
    function: Callable[..., Any] | None = None, /, *, resources: Iterable[str | type] = ()
) -> Any:
    """Check, on every call, each parameter that is annotated with a session.

    The check comes before the function runs. ``Optional`` lets ``None`` through, and so does a
    default of ``None``; a mock and SQLAlchemy's scoped sessions pass for the session that they
    stand for. The function may be a method, async, or a generator, and stays what it is. One that
    is async is checked when it is called, not when it is awaited.

    Args:
        function: What to decorate. ``@staticmethod`` and ``@classmethod`` go above.
        resources: Classes that count as sessions besides SQLAlchemy's, or their full names.

    Raises:
        SessionTypeError: When it is called with something else in the place of a session; the
            message says what came, from which provider, and what to write. Or when it is
            decorated: it is no function.
    """
    known = Resources(resources)
    if function is None:
        return lambda inner: _validated(inner, known)
    return _validated(function, known)


def _validated(function: Any, resources: Resources) -> Any:
    if isinstance(function, (staticmethod, classmethod)):
        raise SessionTypeError(
            f"@{type(function).__name__} goes above @validate_session, not below it"
        )
    if isinstance(function, type) or not callable(function):
        raise SessionTypeError(
            f"@validate_session takes a function, and not {describe(function)}: "
            "put it on the method"
        )
    check = _Check(function, resources)
    wrapper: Any
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        # Its calls give the generator itself, so that nothing comes between it and its caller.
        wrapper = _CheckedGenerator(function)
        wrapper.check = check
    elif inspect.iscoroutinefunction(function) and not hasattr(inspect, _MARK):
        wrapper = _CheckedCoroutine(function)
        wrapper.check = check
    else:
        # A coroutine function is checked when it is called: `create_task(find(get_db()))` is to
        # fail there, and not in the task.

        def plain(*args: Any, **kwargs: Any) -> Any:
            check(args, kwargs)
            return function(*args, **kwargs)

        wrapper = _at_home(plain, function)
        if inspect.iscoroutinefunction(function):
            getattr(inspect, _MARK)(wrapper)
    functools.update_wrapper(wrapper, function)
    return wrapper


def _at_home(wrapper: Any, function: Any) -> Any:
    """A wrapper with the globals of what it wraps.

    FastAPI, before 0.123.5, looks up the names of annotations that are strings in the globals of
    what it is given. The wrapper itself uses none.
    """
    namespace = getattr(function, "__globals__", None)
    if not isinstance(namespace, dict):
        return wrapper
    return types.FunctionType(
        wrapper.__code__, namespace, wrapper.__name__, None, wrapper.__closure__
    )


class _CheckedGenerator(GeneratorFunction):
    check: _Check

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.check(args, kwargs)
        return self.func(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self.bind_to(instance)


async def _coroutine() -> None:
    """What a call of a coroutine function is, to ``inspect``."""


class _Call(functools.partial[Any]):
    """The ``__call__`` of a class whose instances are coroutine functions.

    Without being one itself: a coroutine function checks nothing before it is awaited.
    """

    def __call__(self, checked: _CheckedCoroutine, /, *args: Any, **kwargs: Any) -> Any:
        checked.check(args, kwargs)
        return checked.func(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)


class _CheckedCoroutine(GeneratorFunction):
    """A coroutine function, where Python (before 3.12) lets nothing else pass for one.

    To ``inspect`` a ``partial`` of one is one. FastAPI, before 0.123.5, asks for the ``__call__``
    of what is no function.
    """

    check: _Check
    __call__ = _Call(_coroutine)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self.bind_to(instance)


#: The function of `inspect` that makes a coroutine function of another, from Python 3.12 on.
_MARK = "markcoroutinefunction"


@dataclass(frozen=True)
class _Parameter:
    """A parameter that takes a session.

    Attributes:
        name: Its name.
        takes: What it takes.
        marker: Its default, if that is FastAPI's to replace.
    """

    name: str
    takes: Expected
    marker: object | None


class _Check:
    """The check of one function's calls. Annotations are read at the first, when all is defined."""

    def __init__(self, function: Callable[..., Any], resources: Resources) -> None:
        self._function = function
        self._resources = resources
        self._is_read = False
        #: With its position, its keyword, and the classes of its session.
        self._each: list[tuple[int, str | None, tuple[type, ...], _Parameter]] = []
        self._rest: tuple[int, _Parameter] | None = None
        self._others: _Parameter | None = None
        self._keywords: frozenset[str] = frozenset()

    def __call__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._is_read:
            self._read()
        given = len(args)
        # Without a signature to bind: this loop is what a call costs.
        for index, keyword, classes, parameter in self._each:
            if index < given:
                value = args[index]
            elif keyword in kwargs:
                value = kwargs[keyword]
            elif parameter.marker is not None:
                raise unfilled(self._function, parameter.name, parameter.marker)
            else:
                continue
            if not isinstance(value, classes):
                self._look_at(parameter, value)
        if self._rest is not None:
            index, parameter = self._rest
            for value in args[index:]:
                self._look_at(parameter, value)
        if self._others is not None:
            for name in kwargs.keys() - self._keywords:
                self._look_at(self._others, kwargs[name])

    def _read(self) -> None:
        takes = expected(self._function, self._resources)
        parameters = inspect.signature(self._function).parameters
        each = []
        for index, (name, given) in enumerate(parameters.items()):
            if name not in takes:
                continue
            marker = given.default if is_marker(given.default) else None
            parameter = _Parameter(name, takes[name], marker)
            if given.kind is given.VAR_POSITIONAL:
                self._rest = index, parameter
            elif given.kind is given.VAR_KEYWORD:
                self._others = parameter
            else:
                keyword = None if given.kind is given.POSITIONAL_ONLY else name
                position = _NEVER if given.kind is given.KEYWORD_ONLY else index
                each.append((position, keyword, takes[name].classes, parameter))
        self._keywords = frozenset(
            name
            for name, given in parameters.items()
            if given.kind in (given.POSITIONAL_OR_KEYWORD, given.KEYWORD_ONLY)
        )
        self._each = each
        self._is_read = True

    def _look_at(self, parameter: _Parameter, value: object) -> None:
        """Refuse a value that is no instance, unless it is right all the same."""
        if parameter.takes.fits(value):
            return
        if is_marker(value):
            raise unfilled(self._function, parameter.name, value)
        function = self._function
        text = (
            f'"{name_of(function)}" takes "{parameter.name}: {parameter.takes.text}" and got '
            f"{describe(value, self._resources)}"
        )
        advice = remedy(value, self._resources)
        origin = origin_of(function)
        where = f' ("{origin.name}" is in {origin.place})' if origin is not None else ""
        raise SessionTypeError(f"{text}: {advice}{where}" if advice else f"{text}{where}")


#: The position of a parameter that no positional argument reaches.
_NEVER = 1 << 30
