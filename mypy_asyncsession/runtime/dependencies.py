"""The dependencies of an application, as FastAPI itself has them, and what it does with each.

FastAPI's releases differ in how they keep routes and in how they decide to drive a dependency: so
each is asked for what it decided, and nothing is decided here.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Drive(Enum):
    """What FastAPI does with what a dependency gives."""

    ASYNC_GENERATOR = "iterates over it with async for"
    GENERATOR = "iterates over it"
    AWAITED = "awaits it"
    VALUE = "injects it as it is"


@dataclass(frozen=True)
class Dependency:
    """A dependency in the tree of a route.

    Attributes:
        call: What FastAPI calls, after overrides.
        parameter: The parameter that gets the result; ``None`` where nobody does.
        parent: What has that parameter, or ``None``.
        drive: What FastAPI does with the result.
        override: Whether it stands for another one, by ``dependency_overrides``.
    """

    call: Any
    parameter: str | None
    parent: Any
    drive: Drive
    override: bool


@dataclass(frozen=True)
class Endpoint:
    """A route that has dependencies.

    Attributes:
        label: The method and the path: ``GET /items/{item_id}``.
        dependant: FastAPI's own record of it.
        overrides: What stands for what.
    """

    label: str
    dependant: Any
    overrides: Mapping[Any, Any]


def endpoints(app: Any, prefix: str = "") -> Iterator[Endpoint]:
    """All routes of an application, with those of included routers and mounted applications.

    Args:
        app: A FastAPI or Starlette application, a router, or one of these behind middleware.
        prefix: The path that it is mounted at.

    Raises:
        TypeError: It is none of these.
    """
    inner = _inside(app)
    if inner is None:
        raise TypeError(f'"{type(app).__qualname__}" is no FastAPI or Starlette application')
    overrides = getattr(inner, "dependency_overrides", None) or {}
    router = getattr(inner, "router", inner)
    for route in [*inner.routes, *getattr(router, "_low_priority_routes", ())]:
        for found in _below(route, prefix):
            provider = found.overrides
            yield replace(found, overrides=overrides if provider is None else provider)


def _inside(app: Any) -> Any:
    """The application inside middleware, or ``None``."""
    for _ in range(100):
        if app is None or hasattr(app, "routes"):
            return app
        app = getattr(app, "app", None)
    return None


def _below(route: Any, prefix: str) -> Iterator[Any]:
    if hasattr(route, "effective_candidates"):  # an included router, in newer releases
        for each in (*route.effective_candidates(), *route.effective_low_priority_routes()):
            yield from _below(each, prefix)
    elif getattr(route, "starlette_route", None) is not None:
        yield from _below(route.starlette_route, prefix)
    elif getattr(route, "dependant", None) is not None:
        provider = getattr(route, "dependency_overrides_provider", None)
        overrides: Any = getattr(provider, "dependency_overrides", None)
        yield Endpoint(_label(route, prefix), route.dependant, overrides)
    elif not hasattr(route, "endpoint") and _inside(getattr(route, "app", None)) is not None:
        yield from endpoints(route.app, prefix + (getattr(route, "path", None) or ""))


def _label(route: Any, prefix: str) -> str:
    methods = getattr(route, "methods", None)
    path = prefix + (getattr(route, "path", None) or getattr(route, "frontend_prefix", "") or "/")
    return f"{'|'.join(sorted(methods)) if methods else 'WEBSOCKET'} {path}"


def tree(endpoint: Endpoint) -> Iterator[Dependency]:
    """The dependencies of a route, with those of these, as FastAPI resolves them."""
    stack = [endpoint.dependant]
    # What an override depends on may be overridden by what depends on it: FastAPI would not end.
    for _ in range(10_000):
        if not stack:
            return
        parent = stack.pop()
        for each in parent.dependencies:
            override = _override(each, endpoint.overrides)
            used = each if override is None else override
            yield Dependency(each.call if override is None else override.call, each.name,
                             parent.call, _drive(used), override is not None)  # fmt: skip
            stack.append(used)


def _override(dependant: Any, overrides: Mapping[Any, Any]) -> Any:
    try:
        call = overrides.get(dependant.call)
    except TypeError:  # not hashable, so it is no key
        return None
    if call is None:
        return None
    from fastapi.dependencies.utils import get_dependant

    try:
        return get_dependant(path=dependant.path or "", call=call, name=dependant.name)
    except Exception:  # noqa: BLE001 - what it raises at a request is for the application's tests
        return type(dependant)(call=call, name=dependant.name)


def _drive(dependant: Any) -> Drive:
    if _asked("is_async_gen_callable", dependant):
        return Drive.ASYNC_GENERATOR
    if _asked("is_gen_callable", dependant):
        return Drive.GENERATOR
    return Drive.AWAITED if _asked("is_coroutine_callable", dependant) else Drive.VALUE


def _asked(question: str, dependant: Any) -> bool:
    """FastAPI's own answer, which has moved between its modules."""
    answer = getattr(dependant, question, None)
    if answer is not None:
        return bool(answer)
    for module in ("fastapi.dependencies.models", "fastapi.dependencies.utils"):
        for name in (question, f"_{question}"):
            function = getattr(importlib.import_module(module), name, None)
            if function is not None:
                return bool(function(dependant.call))
    raise RuntimeError(f"this release of FastAPI does not say {question}")


def route_of(scope: Mapping[str, Any]) -> Any:
    """The route that answers a request, with the path and the dependencies that it has there."""
    inside = scope.get("fastapi")
    context = inside.get("effective_route_context") if isinstance(inside, dict) else None
    return scope.get("route") if context is None else context


def parts_of(solved: Any) -> tuple[dict[str, Any], list[Any], dict[Any, Any]]:
    """What FastAPI has made of dependencies: the arguments, the errors, and what each gave."""
    if isinstance(solved, tuple):  # up to 0.112
        values, errors, _, _, cache = solved
        return values, errors, cache
    return solved.values, solved.errors, solved.dependency_cache
