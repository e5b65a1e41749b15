"""One provider for both worlds: ``Depends(get_db)`` and ``async with get_db() as session``."""

from __future__ import annotations

import functools
import inspect
import types
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from mypy_asyncsession.runtime.errors import SessionTypeError
from mypy_asyncsession.runtime.markers import marked, refuse_missing, refuse_unfilled
from mypy_asyncsession.runtime.objects import describe, name_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
    from types import TracebackType

    from typing_extensions import Self

    _Partial = object  # type checkers have rules of their own for calls of a partial
else:
    _Partial = functools.partial

P = ParamSpec("P")
Q = ParamSpec("Q")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

#: The code of the async generator functions that are decorated: what is left of one in a generator.
DECORATED: set[types.CodeType] = set()


def _itself(generator: Any) -> Any:
    return generator


#: What ends a generator that there is already.
_async_manager = asynccontextmanager(_itself)
_manager = contextmanager(_itself)


class AsyncProvided(Generic[T_co]):
    """What a call of an async provider hands out: to be entered, or iterated over to its end.

    It is an async generator too, so that whatever drives one can drive it.

    Args:
        generator: The generator of the provider.
    """

    __slots__ = ("__weakref__", "_is_entered", "gen")

    def __init__(self, generator: AsyncIterator[T_co]) -> None:
        self.gen: Any = generator
        self._is_entered = False

    if not TYPE_CHECKING:

        @property
        def __class__(self):
            # Litestar drives what is an instance of the language's own class for `inspect`.
            return types.AsyncGeneratorType

    # What contextlib does, without its manager as long as nothing is raised.

    async def __aenter__(self) -> T_co:
        if self._is_entered:
            raise RuntimeError(f'"{name_of(self.gen)}(...)" was entered before: call it again')
        self._is_entered = True
        try:
            entered: T_co = await anext(self.gen)
        except StopAsyncIteration:
            raise RuntimeError("generator didn't yield") from None
        return entered

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if exc_type is None:
            try:
                await anext(self.gen)
            except StopAsyncIteration:
                return False
            await self.gen.aclose()  # contextlib leaves it open
            raise RuntimeError("generator didn't stop")
        try:
            ends: bool | None = await _async_manager(self.gen).__aexit__(exc_type, exc, traceback)
            return ends
        finally:
            await self.gen.aclose()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Coroutine[Any, Any, T_co]:
        step: Coroutine[Any, Any, T_co] = self.gen.__anext__()
        return step

    def asend(self, value: Any, /) -> Coroutine[Any, Any, T_co]:
        """Go on to the next ``yield``; the last one gives *value*."""
        step: Coroutine[Any, Any, T_co] = self.gen.asend(value)
        return step

    def athrow(self, *exception: Any) -> Coroutine[Any, Any, T_co]:
        """Raise an exception at the ``yield``."""
        step: Coroutine[Any, Any, T_co] = self.gen.athrow(*exception)
        return step

    def aclose(self) -> Coroutine[Any, Any, None]:
        """End the generator at its ``yield``."""
        step: Coroutine[Any, Any, None] = self.gen.aclose()
        return step

    def __repr__(self) -> str:
        return f"<{describe(self.gen)}>"


class SyncProvided(Generic[T_co]):
    """What a call of a sync provider hands out: to be entered, or iterated over to its end.

    Args:
        generator: The generator of the provider.
    """

    __slots__ = ("__weakref__", "_is_entered", "gen")

    def __init__(self, generator: Iterator[T_co]) -> None:
        self.gen: Any = generator
        self._is_entered = False

    def __enter__(self) -> T_co:
        if self._is_entered:
            raise RuntimeError(f'"{name_of(self.gen)}(...)" was entered before: call it again')
        self._is_entered = True
        try:
            entered: T_co = next(self.gen)
        except StopIteration:
            raise RuntimeError("generator didn't yield") from None
        return entered

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if exc_type is None:
            try:
                next(self.gen)
            except StopIteration:
                return False
            self.gen.close()
            raise RuntimeError("generator didn't stop")
        try:
            ends: bool | None = _manager(self.gen).__exit__(exc_type, exc, traceback)
            return ends
        finally:
            self.gen.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T_co:
        item: T_co = next(self.gen)
        return item

    def send(self, value: Any, /) -> T_co:
        """Go on to the next ``yield``; the last one gives *value*."""
        item: T_co = self.gen.send(value)
        return item

    def throw(self, *exception: Any) -> T_co:
        """Raise an exception at the ``yield``."""
        item: T_co = self.gen.throw(*exception)
        return item

    def close(self) -> None:
        """End the generator at its ``yield``."""
        self.gen.close()

    def __repr__(self) -> str:
        return f"<{describe(self.gen)}>"


class GeneratorFunction(_Partial):
    """A generator function whose calls go through something else first.

    FastAPI decides how to drive a dependency by asking ``inspect`` whether it is a generator
    function, and only its later releases look behind ``__wrapped__``. To all of them a ``partial``
    is what the function in it is, and so is a method made from a ``partial``.
    """

    if TYPE_CHECKING:
        func: Callable[..., Any]

        def __init__(self, function: Callable[..., Any], /) -> None: ...

    def bind_to(self, instance: object) -> Any:
        """The method of an instance, or the function itself for ``None``."""
        method: Any = self  # what is callable is the subclass
        return self if instance is None else types.MethodType(method, instance)

    def __reduce__(self) -> str:
        # By its name, as functions are copied and pickled.
        name: str = getattr(self, "__qualname__")  # noqa: B009
        return name

    def __getattr__(self, name: str) -> Any:
        # A method made from this in a partial is asked for its code, and FastAPI before 0.123.5
        # looks up the names of annotations that are strings.
        if name in ("__code__", "__defaults__", "__kwdefaults__", "__globals__"):
            return getattr(self.func, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


class AsyncProvider(GeneratorFunction, Generic[P, T_co]):
    """An async generator function that ``provider`` decorates."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> AsyncProvided[T_co]:
        """What hands out the session: an async context manager, and an async generator.

        Raises:
            SessionTypeError: A parameter is left to FastAPI, which is not calling.
        """
        if self._markers:
            refuse_unfilled(self.func, self._markers, args, kwargs)
        try:
            return AsyncProvided(self.func(*args, **kwargs))
        except TypeError as error:
            refuse_missing(self.func, args, kwargs, error)
            raise

    # A class method's: its first parameter takes a class.
    @overload
    def __get__(  # type: ignore[misc]  # not all have such a parameter
        self: Callable[Concatenate[type[Any], Q], AsyncProvided[T]],
        instance: None,
        owner: type | None = None,
    ) -> AsyncProvider[Q, T]: ...
    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self: Callable[Concatenate[Any, Q], AsyncProvided[T]],
        instance: object,
        owner: type | None = None,
    ) -> AsyncProvider[Q, T]: ...
    @overload  # a static method's, without a parameter
    def __get__(self, instance: object, owner: type | None = None) -> Self: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self.bind_to(instance)

    _markers: dict[str, object]


class SyncProvider(GeneratorFunction, Generic[P, T_co]):
    """A generator function that ``provider`` decorates."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> SyncProvided[T_co]:
        """What hands out the session: a context manager, and a generator.

        Raises:
            SessionTypeError: A parameter is left to FastAPI, which is not calling.
        """
        if self._markers:
            refuse_unfilled(self.func, self._markers, args, kwargs)
        try:
            return SyncProvided(self.func(*args, **kwargs))
        except TypeError as error:
            refuse_missing(self.func, args, kwargs, error)
            raise

    # A class method's: its first parameter takes a class.
    @overload
    def __get__(  # type: ignore[misc]  # not all have such a parameter
        self: Callable[Concatenate[type[Any], Q], SyncProvided[T]],
        instance: None,
        owner: type | None = None,
    ) -> SyncProvider[Q, T]: ...
    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(
        self: Callable[Concatenate[Any, Q], SyncProvided[T]],
        instance: object,
        owner: type | None = None,
    ) -> SyncProvider[Q, T]: ...
    @overload  # a static method's, without a parameter
    def __get__(self, instance: object, owner: type | None = None) -> Self: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return self.bind_to(instance)

    _markers: dict[str, object]


@overload
def provider(function: Callable[P, AsyncGenerator[T, Any]], /) -> AsyncProvider[P, T]: ...
@overload
def provider(function: Callable[P, AsyncIterator[T]], /) -> AsyncProvider[P, T]: ...
@overload
def provider(function: Callable[P, Iterator[T]], /) -> SyncProvider[P, T]: ...
def provider(function: Callable[..., Any], /) -> Any:
    """Make one provider of a generator function that yields one session.

    The result is right as ``Depends(get_db)`` and in ``dependency_overrides``, and its calls are
    right in ``async with get_db() as session`` and ``async for session in get_db()``; for a
    generator function that is not async, in the sync forms. Parameters and dependencies of its own
    are FastAPI's to fill in, as ever; other callers pass them.

    Entering it does what ``contextlib.asynccontextmanager`` does: what the block raises is raised
    at the ``yield``, and an exception that the provider does not raise again ends there.

    Args:
        function: A function or method with a ``yield``, async or not. ``@staticmethod`` and
            ``@classmethod`` go above this decorator.

    Raises:
        SessionTypeError: It has no ``yield`` of its own.
    """
    target = function
    if not isinstance(function, (types.FunctionType, types.MethodType, functools.partial, type)):
        # An instance with a generator for ``__call__``: what it is called with is that method.
        target = getattr(function, "__call__", function)  # noqa: B004
    made: AsyncProvider[..., Any] | SyncProvider[..., Any]
    if isinstance(function, GeneratorFunction):
        raise SessionTypeError(f'"{name_of(function)}" is decorated already')
    if inspect.isasyncgenfunction(target):
        made = AsyncProvider(target)
        DECORATED.add(inspect.unwrap(getattr(target, "__func__", target)).__code__)
    elif inspect.isgeneratorfunction(target):
        made = SyncProvider(target)
    else:
        raise SessionTypeError(_refused(function))
    functools.update_wrapper(made, target)
    made._markers = marked(target)  # noqa: SLF001
    # Litestar and dishka look at the `__call__` of what is no function to see what it gives, and
    # dishka takes an instance of a generic class for that class. A call does not come by here.
    vars(made).update(__call__=target, __parameters__=())
    return made


def _refused(function: object) -> str:
    if isinstance(function, (staticmethod, classmethod)):
        return f"@{type(function).__name__} goes above @provider, not below it"
    text = f'@provider takes a generator function, and "{name_of(function)}" is none'
    code = getattr(function, "__code__", None)
    if isinstance(code, types.CodeType) and code.co_filename == contextmanager.__code__.co_filename:
        return f"{text}: put @provider in the place of its decorator from contextlib"
    return text
