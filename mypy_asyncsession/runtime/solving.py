"""Has FastAPI itself fill in what a provider depends on, where there is no request."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.runtime.dependencies import parts_of
from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.objects import name_of

if TYPE_CHECKING:
    from types import TracebackType

#: Where FastAPI looks for what closes its dependencies; its releases differ in the names.
_STACKS = ("fastapi_astack", "fastapi_inner_astack", "fastapi_function_astack")


class Solved:
    """The block of a dependency, which FastAPI gets and closes as it does for a request.

    Args:
        provider: The dependency.
        app: The application, for its ``dependency_overrides`` and its ``state``.
    """

    def __init__(self, provider: Any, app: Any) -> None:
        self._provider = provider
        self._app = app
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Any:
        await self._stack.__aenter__()
        try:
            return await self._solve()
        except BaseException as error:
            # What was entered before that is left by it.
            if await self._stack.__aexit__(type(error), error, error.__traceback__):
                raise RuntimeError("a dependency has hidden that another one failed") from error
            raise

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._stack.__aexit__(exc_type, exc, traceback)

    async def _solve(self) -> Any:
        from fastapi import Depends, Request
        from fastapi.dependencies import utils

        # A function that depends on it, as a handler does: so an override counts for it, too.
        def handler(value: Any = Depends(self._provider)) -> Any:  # noqa: B008
            return value

        scope = {
            "type": "http", "method": "GET", "path": "/", "root_path": "", "query_string": b"",
            "headers": [], "path_params": {}, "app": self._app,
            "router": getattr(self._app, "router", None),
            **dict.fromkeys(_STACKS, self._stack),
        }  # fmt: skip
        given = {
            "request": Request(scope),
            "dependant": utils.get_dependant(path="/", call=handler),
            "dependency_overrides_provider": self._app,
            "async_exit_stack": self._stack,
            "embed_body_fields": False,
        }
        solve = utils.solve_dependencies
        known = inspect.signature(solve).parameters
        arguments: Any = {name: value for name, value in given.items() if name in known}
        values, errors, _ = parts_of(await solve(**arguments))
        if errors:
            needed = ", ".join(dict.fromkeys(map(_needed, errors)))
            raise SessionTypeError(
                f'"{name_of(self._provider)}" needs what only a request has: {needed}; override '
                "what reads it, or call the provider with a value for it"
            )
        return values["value"]


def _needed(error: Any) -> str:
    """What is missing, such as ``header "x-tenant"``."""
    location = error.get("loc", ()) if isinstance(error, dict) else ()
    place, *path = [str(each) for each in location] or ["input"]
    return f'{place} "{".".join(path)}"' if path else place
