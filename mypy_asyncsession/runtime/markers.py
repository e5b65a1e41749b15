"""Parameters that only FastAPI fills in: their default is a ``Depends()``, a ``Query()``.

A call that leaves one out gets the marker itself where a session is expected.
"""

from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mypy_asyncsession.runtime.annotations import evaluated
from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.objects import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def is_marker(value: object) -> bool:
    """Whether a value is one of FastAPI's markers; FastAPI is not imported for that."""
    return any(
        base.__module__ == "fastapi.params" or base.__module__.startswith("fastapi.params.")
        for base in type(value).__mro__
    )


def depended_on(given: object) -> object | None:
    """The dependency in a ``Depends(get_db)``, or in an alias that is ``Annotated`` with it."""
    for each in (given, *getattr(given, "__metadata__", ())):
        if is_marker(each):
            dependency: object = getattr(each, "dependency", None)
            return each if dependency is None else dependency
    return None


def marked(function: Callable[..., Any]) -> dict[str, object]:
    """The parameters whose default is a marker, with the marker.

    Most functions have none, and then nothing has to be looked at when they are called. A function
    is looked at once.
    """
    key = function.__func__ if isinstance(function, types.MethodType) else function
    try:
        known = _KNOWN.get(key)
        if known is None:
            known = _KNOWN[key] = _marked(key)
    except TypeError:  # it cannot be a key
        return _marked(function)
    return known


#: Of functions that have been looked at, what came of it.
_KNOWN: WeakKeyDictionary[Any, dict[str, object]] = WeakKeyDictionary()


def _marked(function: Callable[..., Any]) -> dict[str, object]:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have none
        return {}
    return {name: each.default for name, each in parameters.items() if is_marker(each.default)}


def refuse_missing(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    error: TypeError,
) -> None:
    """Look at a call that has failed: was it for a parameter that FastAPI fills in?

    That is one without a default, which ``Annotated[str, Depends(tenant)]`` says nothing of to
    Python.

    Raises:
        SessionTypeError: It was; the message names the parameter.
    """
    try:
        signature = inspect.signature(function)
        given = signature.bind_partial(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return  # the call itself says it better
    for name, parameter in signature.parameters.items():
        if name in given or parameter.default is not parameter.empty:
            continue
        for marker in getattr(evaluated(function, name), "__metadata__", ()):
            if is_marker(marker):
                raise SessionTypeError(
                    f'{error}: only FastAPI fills in "{_shown(marker)}": {_advice(function)}'
                ) from None


def refuse_unfilled(
    function: Callable[..., Any],
    markers: Mapping[str, object],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    """Refuse a call that leaves a marker as the value of a parameter.

    Raises:
        SessionTypeError: It does; the message names the parameter.
    """
    try:
        given = inspect.signature(function).bind_partial(*args, **kwargs).arguments
    except TypeError:
        return  # the call itself says it better
    for name, marker in markers.items():
        if name not in given:
            raise unfilled(function, name, marker)


def unfilled(function: Callable[..., Any], parameter: str, marker: object) -> SessionTypeError:
    """The error for a parameter that is left to FastAPI where FastAPI does not call."""
    return SessionTypeError(
        f'"{name_of(function)}" is called without "{parameter}": only FastAPI fills in its default '
        f'"{_shown(marker)}", so {_advice(function)}'
    )


def _shown(marker: object) -> str:
    kind = type(marker).__name__
    dependency = getattr(marker, "dependency", None)
    return f"{kind}({name_of(dependency)})" if dependency is not None else f"{kind}(...)"


def _advice(function: Callable[..., Any]) -> str:
    return (
        f'pass a value for it, or have FastAPI do so: "session_scope({name_of(function)}, app=app)"'
    )
