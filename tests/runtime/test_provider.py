"""``provider``: what the decorated function and its calls are, without FastAPI."""

from __future__ import annotations

import asyncio
import collections.abc
import copy
import functools
import inspect
import pickle
from contextlib import aclosing, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, overload

import pytest

from mypy_asyncsession.runtime import AsyncProvided, SessionTypeError, provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@provider
async def get_db(tenant: str = "nobody") -> AsyncIterator[str]:
    """A session of a tenant."""
    yield tenant


@provider
def get_sync_db(tenant: str = "nobody") -> Iterator[str]:
    yield tenant


class Database:
    __slots__ = ("name",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Database) and other.name == self.name

    @provider
    async def session(self, tenant: str) -> AsyncIterator[str]:
        yield f"{self.name} {tenant}"

    @classmethod
    @provider
    async def of_class(cls) -> AsyncIterator[str]:
        yield cls.__name__

    @staticmethod
    @provider
    async def of_nobody() -> AsyncIterator[str]:
        yield "nobody"

    @provider
    def sync_session(self) -> Iterator[str]:
        yield self.name


async def entered(given: Any) -> Any:
    async with given as session:
        return session


async def iterated(given: Any) -> Any:
    return [session async for session in given]


CLASS: Any = Database
CALLS: dict[str, tuple[Callable[[], Any], str]] = {
    "function": (lambda: get_db("acme"), "acme"),
    "keyword": (lambda: get_db(tenant="acme"), "acme"),
    "default": (get_db, "nobody"),
    "method": (lambda: Database("big").session("acme"), "big acme"),
    "from the class": (lambda: Database.session(Database("big"), "acme"), "big acme"),
    "class method": (CLASS.of_class, "Database"),
    "static method": (Database.of_nobody, "nobody"),
    "partial": (functools.partial(get_db, "acme"), "acme"),
    "partial of a method": (functools.partial(Database("big").session, "a"), "big a"),
}


@pytest.mark.parametrize("call", CALLS)
def test_entered_and_iterated_over(call: str) -> None:
    make, session = CALLS[call]
    assert asyncio.run(entered(make())) == session
    assert asyncio.run(iterated(make())) == [session]


def test_the_sync_twin() -> None:
    with get_sync_db("acme") as session:
        assert session == "acme"
    assert list(get_sync_db()) == ["nobody"]
    with Database("big").sync_session() as session:
        assert session == "big"


def test_it_keeps_the_look_of_the_function() -> None:
    assert get_db.__name__ == "get_db"
    assert get_db.__doc__ == "A session of a tenant."
    assert get_db.__module__ == __name__
    assert list(inspect.signature(get_db).parameters) == ["tenant"]
    assert list(inspect.signature(Database("big").session).parameters) == ["tenant"]


@pytest.mark.parametrize(
    "function",
    [
        get_db,
        Database("big").session,
        functools.partial(get_db, "acme"),
        functools.partial(Database("big").session, "acme"),
    ],
)
def test_it_is_an_async_generator_function_to_inspect(function: Any) -> None:
    assert inspect.isasyncgenfunction(function)
    assert not inspect.isgeneratorfunction(function)
    assert not inspect.iscoroutinefunction(function)


def test_the_sync_twin_is_a_generator_function_to_inspect() -> None:
    assert inspect.isgeneratorfunction(get_sync_db)
    assert not inspect.isasyncgenfunction(get_sync_db)


def test_what_it_gives_is_an_async_generator() -> None:
    given = get_db()
    assert isinstance(given, collections.abc.AsyncGenerator)
    assert isinstance(get_sync_db(), collections.abc.Generator)
    assert repr(given).startswith('<the async generator of "get_db" (')
    asyncio.run(given.aclose())


def test_driven_by_hand() -> None:
    log: list[object] = []

    @provider
    async def steps() -> AsyncIterator[str]:
        try:
            log.append((yield "one"))
            yield "two"
        except KeyError:
            log.append("thrown")
            yield "three"

    async def main() -> None:
        given = steps()
        assert await anext(given) == "one"
        assert await given.asend("sent") == "two"
        assert await given.athrow(KeyError()) == "three"
        await given.aclose()
        async with aclosing(steps()) as closing:
            assert await anext(closing) == "one"

    asyncio.run(main())
    assert log == ["sent", "thrown"]


def test_wrapped_by_contextlib_again() -> None:
    assert asyncio.run(entered(asynccontextmanager(get_db)("acme"))) == "acme"
    with contextmanager(get_sync_db)("acme") as session:
        assert session == "acme"


def test_methods_are_equal_as_methods_are() -> None:
    """They are keys of ``dependency_overrides``, be the instance hashable or not."""
    first, second = Database("big"), Database("big")
    assert {first.session: "override"}[first.session] == "override"
    assert first.session != second.session
    assert hash(get_db) == hash(get_db)


def test_copied_and_pickled() -> None:
    assert asyncio.run(entered(copy.copy(get_db)("acme"))) == "acme"
    assert asyncio.run(entered(copy.deepcopy(get_db)("acme"))) == "acme"
    assert asyncio.run(entered(pickle.loads(pickle.dumps(get_db))("acme"))) == "acme"


def test_a_callable_instance() -> None:
    class Getter:
        async def __call__(self) -> AsyncIterator[str]:
            yield "called"

    assert asyncio.run(entered(provider(Getter())())) == "called"


def test_an_overloaded_function() -> None:
    @overload
    def get(kind: int) -> AsyncIterator[int]: ...
    @overload
    def get(kind: str) -> AsyncIterator[str]: ...
    async def get(kind: Any) -> AsyncIterator[Any]:
        yield kind

    assert asyncio.run(entered(provider(get)(1))) == 1


async def coroutine() -> str:
    return ""


@asynccontextmanager
async def manager() -> AsyncIterator[str]:
    yield ""


async def generator() -> AsyncIterator[str]:
    yield ""


GENERATOR: Any = generator
REFUSED: list[tuple[Any, str]] = [
    (coroutine, "takes a generator function, and"),
    (manager, "put @provider in the place of its decorator"),
    (staticmethod(generator), "@staticmethod goes above @provider"),
    (classmethod(GENERATOR), "@classmethod goes above @provider"),
    (get_db, "decorated already"),
    (Database, '"Database" is none'),
    (3, "is none"),
    (generator(), "is none"),
]


@pytest.mark.parametrize(
    ("given", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED]
)
def test_refused(given: Any, message: str) -> None:
    with pytest.raises(SessionTypeError, match=message):
        provider(given)


def test_left_while_it_is_entered() -> None:
    """An exit whose own code is interrupted is an exit all the same."""
    log = []

    @provider
    async def slow() -> AsyncIterator[str]:
        try:
            yield "session"
            await asyncio.sleep(10)
        finally:
            log.append("closed")

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(entered(slow()), 0.01)

    asyncio.run(main())
    assert log == ["closed"]


def test_its_calls_are_typed() -> None:
    given: AsyncProvided[str] = get_db()
    assert asyncio.run(entered(given)) == "nobody"


def test_what_other_frameworks_ask_of_it() -> None:
    """Litestar and dishka, which look at the ``__call__`` and at what it gives."""
    assert inspect.isasyncgenfunction(get_db.__call__)
    assert inspect.isgeneratorfunction(get_sync_db.__call__)
    given = get_db()
    for question in (inspect.isasyncgen, lambda it: isinstance(it, AsyncProvided)):
        assert question(given)
    asyncio.run(given.aclose())
    assert vars(get_db)["__parameters__"] == ()


def test_in_litestar() -> None:
    litestar = pytest.importorskip("litestar")
    from litestar.di import Provide  # type: ignore[import-not-found,unused-ignore]
    from litestar.testing import TestClient  # type: ignore[import-not-found,unused-ignore]

    log: list[str] = []

    @provider
    async def session() -> AsyncIterator[str]:
        try:
            yield "session"
            log.append("commit")
        except ValueError:
            log.append("rollback")
            raise

    @litestar.get("/{fails:int}", sync_to_thread=False)  # type: ignore[untyped-decorator,unused-ignore]
    def handler(fails: int, session: str) -> str:
        if fails:
            raise ValueError
        return session

    app = litestar.Litestar([handler], dependencies={"session": Provide(session)})
    with TestClient(app) as client:
        assert client.get("/0").text == "session"
        assert client.get("/1").status_code == 500
    assert log == ["commit", "rollback"]


def test_in_dishka() -> None:
    dishka = pytest.importorskip("dishka")

    async def main() -> None:
        factory = dishka.Provider(scope=dishka.Scope.REQUEST)
        factory.provide(_numbers)
        container = dishka.make_async_container(factory)
        async with container() as request:
            assert await request.get(int) == 1
        await container.close()

    asyncio.run(main())


@provider
async def _numbers() -> collections.abc.AsyncIterator[int]:
    yield 1
