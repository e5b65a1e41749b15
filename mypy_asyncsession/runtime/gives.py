"""Whether a provider is there for a session, as far as its definition says so."""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.objects import Kind, kind_of
from mypy_asyncsession.runtime.providing import DECORATED
from mypy_asyncsession.runtime.resources import is_named
from mypy_asyncsession.runtime.source import body_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_asyncsession.runtime.resources import Resources

#: How many providers are looked through that hand on what another one gives.
_DEEPEST = 4
_ENGINES = (
    "sqlalchemy.engine.Engine",
    "sqlalchemy.ext.asyncio.AsyncEngine",
    "sqlalchemy.ext.asyncio.AsyncSessionTransaction",
    "sqlalchemy.ext.asyncio.AsyncTransaction",
)
#: What an annotation names besides what is in the provider.
_SHAPES = frozenset(
    {
        "AbstractAsyncContextManager", "AbstractContextManager", "Any", "AsyncContextManager",
        "AsyncGenerator", "AsyncIterable", "AsyncIterator", "Awaitable", "ContextManager",
        "Coroutine", "Generator", "Iterable", "Iterator", "None", "Optional", "Union", "abc",
        "collections", "contextlib", "object", "t", "typing", "typing_extensions",
    }
)  # fmt: skip


def gives_session(given: object, resources: Resources) -> bool | None:
    """Whether a provider, or what it handed out, is there for a session.

    Returns:
        ``None`` where its definition does not say.
    """
    return _gives(given, resources, _DEEPEST)


def _gives(given: Any, resources: Resources, depth: int) -> bool | None:
    if depth == 0:
        return None
    kind = kind_of(given, resources)
    if kind in (Kind.SESSION, Kind.SESSIONMAKER) or _is_engine(type(given)):
        return True
    if isinstance(given, type):
        return resources.include(given)
    code, namespace = _definition(given)
    if code is None:
        return None
    if code in DECORATED:
        return True
    body = body_of(code)
    if body is None:
        return None
    if body.returns is not None:
        said = _mentions(body.returns, namespace, resources)
        if said or _names(body.returns) - _SHAPES:
            return said  # what is annotated as something else is something else
    makes = _Makes(body.bound, namespace, resources, depth)
    return True if any(map(makes.a_session, body.handed)) else None


def _is_engine(class_: type) -> bool:
    return any(is_named(base, name) for base in class_.__mro__ for name in _ENGINES)


def _definition(given: Any) -> tuple[types.CodeType | None, Mapping[str, Any]]:
    """The code that is behind a provider or what it handed out, and the names that it sees."""
    instance = None
    for _ in range(16):
        if isinstance(given, functools.partial):
            given = given.func
        elif isinstance(given, types.MethodType):
            instance, given = given.__self__, given.__func__
        elif isinstance(given, types.FunctionType):
            if hasattr(given, "__wrapped__"):
                given = given.__wrapped__
                continue
            try:
                enclosed = inspect.getclosurevars(given).nonlocals
            except (TypeError, ValueError):
                enclosed = {}
            first = given.__code__.co_varnames[:1]
            itself = {} if instance is None else dict.fromkeys(first, instance)
            return given.__code__, ChainMap(itself, {**enclosed}, given.__globals__)
        elif isinstance(getattr(type(given), "__call__", None), types.FunctionType):  # noqa: B004
            instance, given = given, type(given).__call__
        elif hasattr(given, "gen"):  # a manager of contextlib's, or what @provider hands out
            given = given.gen
        else:
            break
    for prefix in ("ag", "gi", "cr"):
        code = getattr(given, f"{prefix}_code", None)
        if isinstance(code, types.CodeType):
            frame = getattr(given, f"{prefix}_frame", None)
            if frame is None:
                return code, {}
            return code, ChainMap({**frame.f_locals}, frame.f_globals)
    return None, {}


def _names(annotation: ast.expr) -> set[str]:
    """The names in an annotation."""
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(annotation)
        if isinstance(node, (ast.Name, ast.Attribute))
    }


def _mentions(annotation: ast.expr, namespace: Mapping[str, Any], resources: Resources) -> bool:
    """Whether an annotation names a session."""
    return any(
        _is_session(node, namespace, resources)
        for node in ast.walk(annotation)
        if isinstance(node, (ast.Name, ast.Attribute))
    )


def _is_session(
    node: ast.Name | ast.Attribute, namespace: Mapping[str, Any], resources: Resources
) -> bool:
    """Whether a name is that of a class of sessions."""
    found = _found(node, namespace)
    if isinstance(found, type) and resources.include(found):
        return True
    # Other things are called sessions, too, but nobody can execute anything there.
    name = node.id if isinstance(node, ast.Name) else node.attr
    return resources.named(name) and (found is None or hasattr(found, "execute"))


#: What gives what is in its argument.
_HANDING_ON = frozenset(
    {
        "aclosing", "asynccontextmanager", "closing", "contextmanager", "enter_async_context",
        "enter_context", "session_scope",
    }
)  # fmt: skip


class _Makes:
    """What the expressions of a function make, as far as its names say so."""

    def __init__(
        self,
        bound: Mapping[str, list[ast.expr]],
        namespace: Mapping[str, Any],
        resources: Resources,
        depth: int,
    ) -> None:
        self._bound = bound
        self._namespace = namespace
        self._resources = resources
        self._depth = depth
        self._seen: set[str] = set()

    def a_session(self, expression: ast.expr) -> bool:
        """Whether an expression is a session, or makes one: not what is asked of one."""
        if isinstance(expression, ast.Await):
            return self.a_session(expression.value)
        if isinstance(expression, ast.Call):
            function = expression.func
            name = getattr(function, "attr", getattr(function, "id", ""))
            if name in _HANDING_ON and any(map(self.a_session, expression.args)):
                return True
            return self.a_session(function)
        if isinstance(expression, ast.Name) and expression.id in self._bound:
            if expression.id in self._seen:
                return False
            self._seen.add(expression.id)
            return any(map(self.a_session, self._bound[expression.id]))
        if isinstance(expression, (ast.Name, ast.Attribute)):
            if _is_session(expression, self._namespace, self._resources):
                return True
            found = _found(expression, self._namespace)
            if found is not None and _gives(found, self._resources, self._depth - 1):
                return True
            # "maker.begin", "engine.connect": but what is asked of a session is data.
            while isinstance(expression, ast.Attribute):
                expression = expression.value
                found = _found(expression, self._namespace)
                if kind_of(found) is Kind.SESSIONMAKER or _is_engine(type(found)):
                    return True
        return False


def _found(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """The object that a dotted name means; no property is run for it."""
    path = []
    while isinstance(node, ast.Attribute):
        path.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    found = namespace.get(node.id)
    for name in reversed(path):
        if found is None:
            return None
        found = inspect.getattr_static(found, name, None)
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__
    return found
