"""Finds, before the first request, the dependencies that FastAPI cannot drive."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_origin

from mypy_asyncsession.runtime.annotations import evaluated
from mypy_asyncsession.runtime.calls import asks_for_raw, given_by
from mypy_asyncsession.runtime.dependencies import Dependency, Drive, endpoints, tree
from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.objects import Kind, kind_of, name_of, origin_of
from mypy_asyncsession.runtime.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class DependencyProblem:
    """A dependency that FastAPI cannot drive.

    Attributes:
        dependency: Its name.
        place: Where it is defined, as ``app/db.py:12``; empty where nobody can say.
        message: What is wrong.
        remedy: What to write instead.
        routes: The routes that depend on it, as ``GET /items``.
    """

    dependency: str
    place: str
    message: str
    remedy: str
    routes: tuple[str, ...]

    def __str__(self) -> str:
        first, others = self.routes[0], len(self.routes) - 1
        where = f"{first} and {others} more" if others else first
        text = f"{self.message} (in {where}): {self.remedy}"
        return f"{self.place}: {text}" if self.place else text


def audit_app(app: Any, *, resources: Iterable[str | type] = ()) -> list[DependencyProblem]:
    """The dependencies of an application that FastAPI cannot drive, each of them once.

    Looks at all routes, those of included routers and mounted applications and websockets among
    them, at the dependencies of the application and its routers, at ``dependency_overrides``, and
    at what dependencies depend on. Nothing is called but FastAPI. What FastAPI decides about a
    dependency is the decision of the release that is installed.

    Args:
        app: A FastAPI or Starlette application, be it behind middleware.
        resources: Classes that count as sessions besides SQLAlchemy's, or their full names.

    Raises:
        TypeError: It is no such application.
    """
    known = Resources(resources)
    found: dict[tuple[int, str], tuple[Any, str, str, list[str]]] = {}
    for endpoint in endpoints(app):
        for dependency in tree(endpoint):
            wrong = problem(dependency, known)
            if wrong is None:
                continue
            message, remedy = wrong
            key = (id(dependency.call), message)
            _, _, _, routes = found.setdefault(key, (dependency.call, message, remedy, []))
            if endpoint.label not in routes:
                routes.append(endpoint.label)
    problems = []
    for call, message, remedy, routes in found.values():
        origin = origin_of(call)
        if origin is None and kind_of(call, known) is Kind.OTHER:  # an instance that is callable
            origin = origin_of(getattr(type(call), "__call__", None))  # noqa: B004
        place = origin.place if origin is not None else ""
        problems.append(DependencyProblem(_name(call), place, message, remedy, tuple(routes)))
    return problems


def assert_app(app: Any, *, resources: Iterable[str | type] = ()) -> None:
    """Make sure that FastAPI can drive all dependencies of an application.

    For a test, or for the start-up, so that a deployment stops where it would fail its requests.

    Args:
        app: As for ``audit_app``.
        resources: As for ``audit_app``.

    Raises:
        SessionTypeError: There are some that it cannot drive; the message lists them.
        TypeError: It is no such application.
    """
    problems = audit_app(app, resources=resources)
    if problems:
        lines = "\n".join(f"  {each}" for each in problems)
        raise SessionTypeError(f"FastAPI cannot drive these dependencies:\n{lines}")


def load_app(target: str) -> Any:
    """The application that ``package.module:app`` names; a function there is called for it.

    Args:
        target: The module and, behind a colon, the name of the application in it.

    Raises:
        ValueError: There is none; the message says why.
    """
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise ValueError(f'"{target}" is not of the form package.module:app')
    if "" not in sys.path and "." not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
        if not hasattr(found, "routes") and callable(found) and hasattr(found, "__code__"):
            found = found()
    except (Exception, SystemExit) as error:  # the module is run, and may do anything
        raise ValueError(f'"{target}": {type(error).__name__}: {error}') from error
    return found


def problem(dependency: Dependency, resources: Resources) -> tuple[str, str] | None:
    """What is wrong with a dependency, and the remedy; ``None`` if FastAPI can drive it."""
    call, drive = dependency.call, dependency.drive
    name = f'"{_name(call)}"'
    if dependency.override:
        name = f"the override {name}"
    if kind_of(call, resources) is Kind.SESSIONMAKER:
        return (
            "a sessionmaker: FastAPI would ask the client for its parameters",
            "depend on an async generator function that enters what it makes",
        )
    if get_origin(call) is Annotated:
        return (
            f"{call}: FastAPI is given an alias that holds a dependency",
            "use the alias as an annotation, or depend on the function in it",
        )
    kind = given_by(call, resources)
    if kind is None or _DRIVEN.get(drive) is kind:
        return None
    remedy = _REMEDIES[kind].format(name=name)
    if drive is not Drive.VALUE:
        return (
            f"{name} gives {kind.value}, and FastAPI {drive.value}: every request fails",
            remedy,
        )
    if dependency.parameter is None:
        return (
            f"{name} gives {kind.value} that nobody drives: every request passes unchecked",
            remedy,
        )
    if asks_for_raw(evaluated(dependency.parent, dependency.parameter)):
        return None
    return (f"{name} gives {kind.value}, and FastAPI {drive.value}", remedy)


def _name(call: Any) -> str:
    return str(call) if get_origin(call) is Annotated else name_of(call)


_DRIVEN = {
    Drive.ASYNC_GENERATOR: Kind.ASYNC_GENERATOR,
    Drive.GENERATOR: Kind.GENERATOR,
    Drive.AWAITED: Kind.COROUTINE,
}
_DECORATED = (
    "remove the decorator from {name}, put @provider in its place, or depend on an async "
    "generator that enters it"
)
_REMEDIES = {
    Kind.ASYNC_CONTEXT_MANAGER: _DECORATED,
    Kind.CONTEXT_MANAGER: _DECORATED.replace("an async", "a"),
    Kind.ASYNC_GENERATOR: "depend on the async generator function itself",
    Kind.GENERATOR: "depend on the generator function itself",
    Kind.COROUTINE: "depend on a coroutine function that awaits it",
    Kind.AWAITABLE: "depend on a coroutine function that awaits it",
}
