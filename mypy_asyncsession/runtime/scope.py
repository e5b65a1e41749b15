"""One safe way to get a session outside a request, whatever shape its provider has."""

from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.markers import (
    depended_on,
    is_marker,
    marked,
    refuse_missing,
    refuse_unfilled,
)
from mypy_asyncsession.runtime.objects import Kind, describe, kind_of, name_of, remedy
from mypy_asyncsession.runtime.providing import (
    AsyncProvided,
    AsyncProvider,
    SyncProvided,
    SyncProvider,
)
from mypy_asyncsession.runtime.resources import is_mock, is_scoped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from types import TracebackType

P = ParamSpec("P")
T = TypeVar("T")

#: A coroutine may give a generator, and so on; what is deeper is a mistake.
_DEEPEST = 4


@overload
def session_scope(
    provider: Callable[P, AbstractAsyncContextManager[T, Any]], *args: P.args, **kwargs: P.kwargs
) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: Callable[P, AsyncIterator[T]], *args: P.args, **kwargs: P.kwargs
) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: Callable[P, Awaitable[AbstractAsyncContextManager[T, Any]]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: Callable[P, AbstractContextManager[T, Any]], *args: P.args, **kwargs: P.kwargs
) -> AbstractContextManager[T, bool | None]: ...
@overload
def session_scope(  # type: ignore[overload-overlap]  # it is the call that tells them apart
    provider: Callable[P, Iterator[T]], *args: P.args, **kwargs: P.kwargs
) -> AbstractContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: AbstractAsyncContextManager[T, Any],
) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(provider: AsyncIterator[T]) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: Awaitable[AbstractAsyncContextManager[T, Any]],
) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: AbstractContextManager[T, Any],
) -> AbstractContextManager[T, bool | None]: ...
@overload
def session_scope(provider: Iterator[T]) -> AbstractContextManager[T, bool | None]: ...
# With an application FastAPI fills in the parameters.
@overload
def session_scope(  # type: ignore[overload-cannot-match]
    provider: Callable[..., AbstractAsyncContextManager[T, Any]], *, app: Any
) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: Callable[..., AsyncIterator[T] | Iterator[T]], *, app: Any
) -> AbstractAsyncContextManager[T, bool | None]: ...
@overload
def session_scope(
    provider: Callable[..., Awaitable[T]], *, app: Any
) -> AbstractAsyncContextManager[T, bool | None]: ...
def session_scope(provider: Any, *args: Any, **kwargs: Any) -> Any:
    """A block with a session of a provider.

    ``async with session_scope(get_db) as session`` is right for every shape. The provider is
    entered, awaited or iterated over as its shape asks for, when the block begins. It commits and
    rolls back as it always does: an exception in the block reaches it. It is closed when the block
    is left, in whatever way, cancellation included. What the provider does with an exception holds:
    one that a generator catches and does not raise again ends there, as with
    ``contextlib.asynccontextmanager``.

    Providers that are not async are entered by ``with session_scope(get_db) as session``.

    A provider that has dependencies of its own is given an application:
    ``async with session_scope(get_db, app=app) as session``. FastAPI then gets and closes it as it
    does for a request, with what it depends on, ``dependency_overrides`` and ``app.state``. What is
    read from a request, a header say, is not there.

    A session of SQLAlchemy's registries is removed by the first block that needs it in its scope;
    blocks inside of that share it.

    Args:
        provider: An async generator function, an async context manager function, a coroutine
            function, a sessionmaker, a dependency of FastAPI's, a function that returns what one
            of these does, or what a call of one of them gave.
        *args: What to call it with.
        **kwargs: What to call it with; ``app`` is for this function where the provider has no
            parameter of that name.

    Raises:
        SessionTypeError: When the block begins: no session can be got out of it in this way, or a
            parameter is left to FastAPI, which is not calling.
    """
    if "app" in kwargs and not args and len(kwargs) == 1 and not _takes_app(provider):
        from mypy_asyncsession.runtime.solving import Solved

        return Solved(provider, kwargs["app"])
    return _Scope(provider, args, kwargs)


def _takes_app(provider: Any) -> bool:
    """Whether a provider has a parameter of that name, other than one that FastAPI fills in."""
    try:
        parameter = inspect.signature(provider).parameters.get("app")
    except (TypeError, ValueError):
        return False
    return parameter is not None and not is_marker(parameter.default)


class _Scope:
    """The block of one session."""

    __slots__ = ("_args", "_entered", "_kwargs", "_manager", "_provider")

    def __init__(self, provider: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._provider = provider
        self._args = args
        self._kwargs = kwargs
        self._entered = False
        self._manager: Any = None

    async def __aenter__(self) -> Any:
        given = self._open()
        if type(given) is types.AsyncGeneratorType:
            self._manager = provided = AsyncProvided(given)
            return await provided.__aenter__()
        for _ in range(_DEEPEST):
            class_ = type(given)
            if hasattr(class_, "__aenter__"):
                break
            if hasattr(class_, "athrow"):
                given = AsyncProvided(given)
            elif hasattr(class_, "__await__"):
                given = await given
            elif is_scoped(class_, "AsyncSession"):
                given = _AsyncScoped(given, given)
            else:
                raise self._refused(given, "async with")
        else:
            raise self._refused(given, "async with")
        self._manager = given
        return await type(given).__aenter__(given)

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        manager, self._manager = self._manager, None
        return await type(manager).__aexit__(manager, exc_type, exc, traceback)

    def __enter__(self) -> Any:
        given = self._open()
        class_ = type(given)
        if hasattr(class_, "__enter__"):
            self._manager = given
        elif is_scoped(class_, "Session"):
            self._manager = _Scoped(given, given)
        elif hasattr(class_, "throw") and not hasattr(class_, "__await__"):
            self._manager = SyncProvided(given)
        else:
            refused = self._refused(given, "with")
            if kind_of(given) is Kind.COROUTINE:
                given.close()  # nobody is going to await it
            raise refused
        return type(self._manager).__enter__(self._manager)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        manager, self._manager = self._manager, None
        return type(manager).__exit__(manager, exc_type, exc, traceback)

    def _open(self) -> Any:
        """What the provider hands out."""
        if self._entered:
            raise RuntimeError("this scope was entered before: write session_scope(...) again")
        self._entered = True
        provider, args, kwargs = self._provider, self._args, self._kwargs
        if type(provider) not in _FUNCTIONS:
            if not args and not kwargs and _is_handed_out(provider):
                return provider
            self._look_at(provider)
        markers = marked(provider)
        if markers:
            refuse_unfilled(provider, markers, args, kwargs)
        # A session of a registry is there for all that runs in its scope, the caller's included.
        if type(provider) not in _FUNCTIONS:
            for name, scoped in (("AsyncSession", _AsyncScoped), ("Session", _Scoped)):
                if is_scoped(type(provider), name):
                    return scoped(provider, lambda: provider(*args, **kwargs))
        try:
            return provider(*args, **kwargs)
        except SessionTypeError:
            raise
        except TypeError as error:
            refuse_missing(provider, args, kwargs, error)
            raise

    def _look_at(self, provider: Any) -> None:
        """Refuse what is no provider.

        Raises:
            SessionTypeError: It is none.
        """
        dependency = depended_on(provider)
        if dependency is not None:
            raise SessionTypeError(
                f'"session_scope" takes a provider, and not what FastAPI reads it from: '
                f'write "session_scope({name_of(dependency)})"'
            )
        if not callable(provider):
            raise self._refused(provider, "async with")

    def _refused(self, given: object, statement: str) -> SessionTypeError:
        provider = self._provider
        text = f'"{statement} session_scope(...)" cannot get a session out of {describe(given)}'
        kind = kind_of(given)
        if given is not provider:
            text = (
                f'"{statement} session_scope({name_of(provider)})": '
                f'"{name_of(provider)}" gave {describe(given)}'
            )
        other = "with" if statement == "async with" else "async with"
        if kind in (_SYNC if statement == "async with" else _ASYNC):
            return SessionTypeError(
                f'{text}: write "{other} session_scope({name_of(provider)}) as session"'
            )
        advice = remedy(given)
        return SessionTypeError(f"{text}: {advice}" if advice else text)


class _Scoped:
    """The block of a session in SQLAlchemy's registry of sessions for a scope.

    Who is the first to need it there removes it. One that is there already belongs to a block
    around this one, or to whoever has made it, and is left as it is.
    """

    __slots__ = ("_give", "_is_first", "_registry")

    def __init__(self, registry: Any, give: Any) -> None:
        self._registry = registry
        #: What the block gets: the session, made by this, or the registry, which stands for it.
        self._give = give
        self._is_first = False

    def _enter(self) -> Any:
        self._is_first = not self._registry.registry.has()
        return self._give if self._give is self._registry else self._give()

    def __enter__(self) -> Any:
        return self._enter()

    def __exit__(self, *_: object) -> None:
        if self._is_first:
            self._registry.remove()


class _AsyncScoped(_Scoped):
    """The same, for async sessions."""

    async def __aenter__(self) -> Any:
        return self._enter()

    async def __aexit__(self, *_: object) -> None:
        if self._is_first:
            await self._registry.remove()


_FUNCTIONS = frozenset({types.FunctionType, types.MethodType, AsyncProvider, SyncProvider})
_SYNC = (Kind.CONTEXT_MANAGER, Kind.GENERATOR, Kind.SESSION)
_ASYNC = (Kind.ASYNC_CONTEXT_MANAGER, Kind.ASYNC_GENERATOR, Kind.COROUTINE, Kind.SESSION)


def _is_handed_out(given: object) -> bool:
    """Whether an object is what a provider handed out, not the provider: it is not called."""
    class_ = type(given)
    if is_mock(class_) and callable(given):
        return False  # a mock can do anything; it stands for the provider
    return any(
        hasattr(class_, each)
        for each in ("__aenter__", "__enter__", "athrow", "throw", "__await__")
    )


_HANDED_OUT = ("__aenter__", "__enter__", "athrow", "throw", "__await__")
