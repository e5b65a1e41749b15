"""Where the frameworks hand a request on, so that what happens there can be watched.

A custom route class, middleware and exception handlers may hide an exception, and middleware may
hand on a scope of its own: so what watches a request is kept in a context variable, and is told
of each place in which something of the application runs.
"""

from __future__ import annotations

import functools
import importlib
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from mypy_asyncsession.runtime.monitor import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Watch(Protocol):
    """What watches one request."""

    def around(self, app: Any) -> Any:
        """An application in the place of one route's, or of all."""

    def solving(self, solve: Callable[..., Any], arguments: Any, is_whole: bool) -> Awaitable[Any]:
        """Have FastAPI solve the dependencies of a handler, or of one of them."""

    def running(self, run: Callable[..., Any], arguments: Any) -> Awaitable[Any]:
        """Have FastAPI call the handler."""


#: What watches the request that is served.
CURRENT: ContextVar[Watch | None] = ContextVar("mypy_asyncsession.request", default=None)

_MARK = "__mypy_asyncsession_watched__"
#: Where an exception of a handler or a dependency passes by first. Both frameworks look this
#: function up for each request, so that it can be replaced for routes that exist.
_PASSED_BY = "wrap_app_handling_exceptions"
_MODULES = ("starlette.routing", "starlette.middleware.exceptions", "fastapi.routing")


def watch_routes() -> None:
    """Have all routes tell the watch of their request, if it has one."""

    def passing(original: Any) -> Any:
        def wrap_app_handling_exceptions(app: Any, conn: Any) -> Any:
            watch = CURRENT.get()
            return original(app if watch is None else watch.around(app), conn)

        return wrap_app_handling_exceptions

    def solving(is_whole: bool) -> Any:
        def around(original: Any) -> Any:
            def solve_dependencies(**arguments: Any) -> Awaitable[Any]:
                watch = CURRENT.get()
                if watch is None or not getattr(arguments["dependant"], "dependencies", True):
                    return original(**arguments)  # type: ignore[no-any-return]
                return watch.solving(original, arguments, is_whole)

            return solve_dependencies

        return around

    def running(original: Any) -> Any:
        def run_endpoint_function(**arguments: Any) -> Awaitable[Any]:
            watch = CURRENT.get()
            if watch is None:
                return original(**arguments)  # type: ignore[no-any-return]
            return watch.running(original, arguments)

        return run_endpoint_function

    seen = [_replace(module, _PASSED_BY, passing) for module in _MODULES]
    if not any(seen):
        logger.warning(
            "SessionGuardMiddleware finds no Starlette that it knows: "
            "it sees a misuse only if nothing inside it hides it"
        )
    if "fastapi.routing" in sys.modules:
        # The first is FastAPI's own call, the second that of the function of itself.
        found = (
            _replace("fastapi.routing", "solve_dependencies", solving(True)),
            _replace("fastapi.dependencies.utils", "solve_dependencies", solving(False)),
            _replace("fastapi.routing", "run_endpoint_function", running),
        )
        if not all(found):
            logger.warning(
                "SessionGuardMiddleware does not know this FastAPI: "
                "it does not see dependencies that nobody drives"
            )


def _replace(module_name: str, name: str, around: Callable[[Any], Any]) -> bool:
    """Put a function around another one, once.

    Returns:
        Whether there is such a function, in a module that is loaded.
    """
    if module_name.partition(".")[0] not in sys.modules:
        return False
    module = importlib.import_module(module_name)
    original = getattr(module, name, None)
    if original is None:
        return False
    if not hasattr(original, _MARK):
        replacement = functools.update_wrapper(around(original), original)
        setattr(replacement, _MARK, True)
        setattr(module, name, replacement)
    return True
