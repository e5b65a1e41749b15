"""Parameters that only FastAPI fills in: their default is a ``Depends()``, a ``Query()``.

A call that leaves one out gets the marker itself where a session is expected.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

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


def marked(function: Callable[..., Any]) -> dict[str, object]:
    """The parameters whose default is a marker, with the marker.

    Most functions have none, and then nothing has to be looked at when they are called.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins have none
        return {}
    return {name: each.default for name, each in parameters.items() if is_marker(each.default)}


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
    kind = type(marker).__name__
    dependency = getattr(marker, "dependency", None)
    what = f"{kind}({name_of(dependency)})" if dependency is not None else f"{kind}(...)"
    return SessionTypeError(
        f'"{name_of(function)}" is called without "{parameter}": only FastAPI fills in its default '
        f'"{what}", so pass a value for it'
    )
