"""``validate_session``: what it lets through, what it refuses, and what it says."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NewType, Optional, TypedDict, TypeVar, Union
from unittest.mock import AsyncMock, MagicMock

import pytest
from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from starlette._utils import is_async_callable

from mypy_asyncsession.runtime import SessionTypeError, provider, validate_session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


SESSION = AsyncSession()
Maker = async_sessionmaker()


class Own(AsyncSession):
    pass


class Resource:
    pass


class Row(TypedDict):
    name: str


async def generator() -> AsyncIterator[AsyncSession]:
    yield SESSION


@provider
async def provided() -> AsyncIterator[AsyncSession]:
    yield SESSION


@asynccontextmanager
async def manager() -> AsyncIterator[AsyncSession]:
    yield SESSION


@contextmanager
def sync_manager() -> Iterator[Session]:
    yield Session()


async def coroutine() -> AsyncSession:
    return SESSION


def drop(given: Any) -> None:
    if inspect.iscoroutine(given):
        given.close()


WRONG: list[tuple[Callable[[], Any], str]] = [
    (generator, 'the async generator of "generator".*write "async with session_scope(generator)'),
    (manager, 'the async context manager of "manager".*"async with manager(...) as session"'),
    (provided, 'the async context manager of "provided"'),
    (coroutine, 'the coroutine of "coroutine".*"await coroutine(...)"'),
    (sync_manager, 'the context manager of "sync_manager"'),
    (lambda: generator, 'the function "generator".*not called'),
    (lambda: provided, 'the function "provided".*not called'),
    (lambda: partial(generator), 'the function "generator".*not called'),
    (lambda: Maker, "a sessionmaker.*call it"),
    (lambda: AsyncSession, 'the class "AsyncSession"'),
    (Session, 'an object of class "sqlalchemy.orm.session.Session"'),
    (lambda: Depends(generator), "only FastAPI fills in"),
    (lambda: 3, 'an object of class "int"'),
    (lambda: None, "got None"),
]


@pytest.mark.parametrize(("make", "message"), WRONG, ids=[each[1][:30] for each in WRONG])
def test_refused_before_the_call(make: Callable[[], Any], message: str) -> None:
    calls: list[Any] = []

    @validate_session
    def use(amount: int, session: AsyncSession) -> None:
        calls.append((amount, session))

    given = make()
    pattern = message.replace("(", "\\(").replace(")", "\\)").replace("...", "\\.\\.\\.")
    calls_of_it: list[Callable[[], None]] = [
        lambda: use(1, given),
        lambda: use(session=given, amount=1),
    ]
    for call in calls_of_it:
        with pytest.raises(SessionTypeError, match=pattern) as caught:
            call()
        assert isinstance(caught.value, TypeError)
        assert '"session' in str(caught.value)
    drop(given)
    assert not calls


def test_the_message_names_both_places() -> None:
    @validate_session
    def use(session: AsyncSession) -> None:
        pytest.fail(f"called with {session}")

    line = inspect.getsourcelines(generator)[1]
    wrong: Any = generator()
    with pytest.raises(SessionTypeError) as caught:
        use(wrong)
    assert f"test_validate.py:{line})" in str(caught.value)
    assert f"test_validate.py:{line}" not in str(caught.value).rpartition(" is in ")[2]
    assert '"use" takes "session: AsyncSession"' in str(caught.value)


RIGHT: list[Any] = [
    SESSION,
    Own(),
    async_scoped_session(Maker, scopefunc=lambda: 1),
    MagicMock(),
    AsyncMock(spec=AsyncSession),
]


@pytest.mark.parametrize("given", RIGHT, ids=lambda it: type(it).__name__)
def test_let_through(given: Any) -> None:
    @validate_session
    def use(session: AsyncSession) -> Any:
        return session

    assert use(given) is given


Either = TypeVar("Either", AsyncSession, Session)
Bound = TypeVar("Bound", bound=AsyncSession)
Free = TypeVar("Free")
Tenant = NewType("Tenant", AsyncSession)

#: The annotation, and whether it takes an async session, ``None``, a sync session and a generator.
ANNOTATIONS: list[tuple[Any, str]] = [
    (AsyncSession, "y..."),
    (Optional[AsyncSession], "yy.."),  # noqa: UP045
    (AsyncSession | None, "yy.."),
    (Union[AsyncSession, Session], "y.y."),  # noqa: UP007
    (Annotated[AsyncSession, Depends(generator)], "y..."),
    (Annotated[AsyncSession | None, "note"], "yy.."),
    (Bound, "y..."),
    (Either, "y.y."),
    (Tenant, "y..."),
    (AsyncSession | int, "y..."),
    ("AsyncSession", "y..."),
    ("Optional[AsyncSession]", "yy.."),
    ("OnlyForCheckers", "yyyy"),  # a name that nobody configured, and cannot be looked up
    ("Missing.AsyncSession", "y..."),
    ("Missing.AsyncSession | None", "yy.."),
    ("Union[Missing.AsyncSession, Session]", "y.y."),
    ("Annotated[Missing.AsyncSession, Depends(generator)]", "y..."),
    ("Optional['Missing.AsyncSession']", "yy.."),
    (Any, "yyyy"),
    (object, "yyyy"),
    (AsyncSession | Any, "yyyy"),
    (Union[AsyncSession, Any], "yyyy"),  # noqa: UP007
    (AsyncSession | Row, "yyyy"),
    (Optional[Row], "yyyy"),  # noqa: UP045
    (list[AsyncSession], "yyyy"),
    (AsyncSession | list[int], "yyyy"),
    (Free, "yyyy"),
    ("not ( python", "yyyy"),
]


@pytest.mark.parametrize(("annotation", "expected"), ANNOTATIONS, ids=lambda it: str(it)[:40])
def test_annotations(annotation: Any, expected: str) -> None:
    def use(session: Any) -> Any:
        return session

    use.__annotations__ = {"session": annotation}
    checked: Any = validate_session(use)
    answer = ""
    for given in (SESSION, None, Session(), generator()):
        try:
            checked(given)
        except SessionTypeError:  # noqa: PERF203
            answer += "."
        else:
            answer += "y"
    assert answer == expected


def test_every_kind_of_parameter() -> None:
    @validate_session
    def use(
        first: AsyncSession,
        /,
        second: AsyncSession,
        *rest: AsyncSession,
        only: AsyncSession | None = None,
        default: AsyncSession = None,  # type: ignore[assignment]
        **others: AsyncSession,
    ) -> str:
        return "called" if [first, second, rest, only, default, others] else ""

    function: Any = use
    s, wrong = SESSION, 3
    assert function(s, s) == "called"
    assert function(s, s, s, s, only=s, default=None, first=s, more=s) == "called"
    assert function(s, second=s) == "called"
    for args, kwargs, name in (
        ((wrong, s), {}, "first"),
        ((s, wrong), {}, "second"),
        ((s,), {"second": wrong}, "second"),
        ((s, s, s, wrong), {}, "rest"),
        ((s, s), {"only": wrong}, "only"),
        ((s, s), {"default": wrong}, "default"),
        ((s, s), {"first": wrong}, "others"),
        ((s, s), {"more": wrong}, "others"),
    ):
        with pytest.raises(SessionTypeError, match=f'takes "{name}: '):
            function(*args, **kwargs)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'second'"):
        function(s)


def test_a_default_that_only_fastapi_fills_in() -> None:
    @validate_session
    async def handler(item: int, db: AsyncSession = Depends(generator)) -> int:  # noqa: B008
        return item if db is SESSION else 0

    with pytest.raises(SessionTypeError, match=r'without "db": only FastAPI.*Depends\(generator\)'):
        asyncio.run(handler(1))
    assert asyncio.run(handler(1, SESSION)) == 1


@validate_session
async def find(session: AsyncSession) -> AsyncSession:
    return session


def test_a_coroutine_function_is_checked_when_it_is_called() -> None:
    """Who calls it is on the way of the exception, and no task has to be awaited for it."""
    wrong: Any = generator()

    async def main() -> None:
        with pytest.raises(SessionTypeError) as caught:
            await asyncio.create_task(find(wrong))
        # It was called by this function, and no task was made for it.
        assert [entry.name for entry in caught.traceback][:2] == ["main", "__call__"] or (
            [entry.name for entry in caught.traceback][:2] == ["main", "plain"]
        )
        assert await asyncio.create_task(find(SESSION)) is SESSION
        for given in (find, Service().coroutine, partial(find)):
            assert inspect.iscoroutinefunction(given)
            assert is_async_callable(given)

    asyncio.run(main())
    assert find.__name__ == "find"
    assert pickle.loads(pickle.dumps(find)) is find


class Service:
    @validate_session
    def method(self, session: AsyncSession) -> Any:
        return self, session

    @staticmethod
    @validate_session
    def static(session: AsyncSession) -> Any:
        return session

    @classmethod
    @validate_session
    def of_class(cls, session: AsyncSession) -> Any:
        return cls, session

    @validate_session
    async def coroutine(self, session: AsyncSession) -> Any:
        return self, session

    @validate_session
    async def generator(self, session: AsyncSession) -> AsyncIterator[Any]:
        yield self, session

    @validate_session
    def sync_generator(self, session: AsyncSession) -> Iterator[Any]:
        yield self, session


def test_methods() -> None:
    service: Any = Service()
    assert service.method(SESSION) == (service, SESSION)
    assert service.static(SESSION) is SESSION
    assert service.of_class(SESSION) == (Service, SESSION)
    assert asyncio.run(service.coroutine(SESSION)) == (service, SESSION)
    assert next(service.sync_generator(SESSION)) == (service, SESSION)

    async def first() -> Any:
        return [each async for each in service.generator(SESSION)]

    assert asyncio.run(first()) == [(service, SESSION)]
    for name in ("method", "static", "of_class", "generator", "sync_generator"):
        with pytest.raises(SessionTypeError, match=f'"Service.{name}" takes "session'):
            getattr(service, name)(3)
    with pytest.raises(SessionTypeError, match=r'"Service\.coroutine" takes'):
        asyncio.run(service.coroutine(3))


def test_functions_stay_what_they_are() -> None:
    service: Any = Service()
    for owner in (Service, service):
        assert inspect.iscoroutinefunction(owner.coroutine)
        assert inspect.isasyncgenfunction(owner.generator)
        assert inspect.isgeneratorfunction(owner.sync_generator)
    assert list(inspect.signature(service.generator).parameters) == ["session"]
    assert Service.method.__name__ == "method"


def test_exceptions_reach_a_generator() -> None:
    log = []

    @asynccontextmanager
    @validate_session
    async def scoped(session: AsyncSession) -> AsyncIterator[AsyncSession]:
        try:
            yield session
        except KeyError:
            log.append("reached")
            raise

    async def main() -> None:
        async with scoped(SESSION):
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(main())
    assert log == ["reached"]


def test_resources_by_class_and_by_name() -> None:
    def use(given: Resource) -> str:
        return type(given).__name__ and "called"

    not_configured: Any = validate_session(use)
    assert not_configured(3) == "called"
    for resources in (
        [Resource],
        [f"{__name__}.Resource"],
        [f"{__name__.partition('.')[0]}.Resource"],
    ):
        checked: Any = validate_session(resources=resources)(use)
        assert checked(Resource()) == "called"
        with pytest.raises(SessionTypeError, match='takes "given: Resource"'):
            checked(3)


@pytest.mark.parametrize("name", ["Resource", "a b.c", "app.", ""])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="is not the full name of a class"):
        validate_session(resources=[name])


@pytest.mark.parametrize("given", [AsyncSession, 3, staticmethod(generator)])
def test_what_is_no_function(given: Any) -> None:
    with pytest.raises(SessionTypeError, match=r"takes a function|goes above"):
        validate_session(given)


def test_sync_sessions() -> None:
    @validate_session
    def use(session: Session) -> Any:
        return session

    scoped: Any = scoped_session(sessionmaker())
    assert use(scoped) is scoped
    wrong: Any = SESSION
    with pytest.raises(SessionTypeError, match="AsyncSession"):
        use(wrong)
