"""``session_scope``: every shape, every way out."""

from __future__ import annotations

import asyncio
import gc
import inspect
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any
from unittest.mock import MagicMock

import pytest
from fastapi import Depends
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from mypy_asyncsession.runtime import SessionTypeError, provider, session_scope
from tests.runtime.database import SHAPES, Database, insert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

#: The scope is given what only exists at run time: its types are tested elsewhere.
scope: Any = session_scope


class Failure(Exception):
    pass


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_commits_rolls_back_and_closes(shape: str, database: Database) -> None:
    make, commits = SHAPES[shape]

    async def work() -> None:
        async with scope(make(database)) as session:
            await insert(session, 1)
            if not commits:
                await session.commit()
        assert database.pool.checkedout() == 0
        with pytest.raises(Failure):
            await _fail_in(scope(make(database)), 2)
        assert database.pool.checkedout() == 0
        cancelled = asyncio.create_task(_wait_in(scope(make(database)), 3))
        await asyncio.sleep(0.02)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert database.pool.checkedout() == 0
        assert await database.kept() == {1}

    asyncio.run(database.use(work))


async def _fail_in(scope: Any, row: int) -> None:
    async with scope as session:
        await insert(session, row)
        raise Failure


async def _wait_in(scope: Any, row: int) -> None:
    async with scope as session:
        await insert(session, row)
        await asyncio.Event().wait()


def test_a_scoped_session_is_closed(database: Database) -> None:
    async def work() -> None:
        scoped = async_scoped_session(database.maker, scopefunc=asyncio.current_task)
        for given in (scoped, lambda: scoped):
            async with scope(given) as session:
                await session.execute(text("select 1"))
                assert database.pool.checkedout() == 1
            assert database.pool.checkedout() == 0
            assert not scoped.registry.has()

    asyncio.run(database.use(work))


def test_a_scoped_session_is_removed_from_its_registry(database: Database) -> None:
    async def work() -> None:
        scoped = async_scoped_session(database.maker, scopefunc=asyncio.current_task)

        async def one(row: int) -> None:
            async with scope(scoped) as session:
                await insert(session, row)
                with suppress(Failure):
                    if row % 2:
                        await session.commit()
                    else:
                        raise Failure

        await asyncio.gather(*(one(row) for row in range(20)))
        assert not scoped.registry.registry
        assert await database.kept() == set(range(1, 20, 2))

    asyncio.run(database.use(work))


def test_scopes_in_scopes_share_the_session_of_a_registry(database: Database) -> None:
    async def work() -> None:
        scoped = async_scoped_session(database.maker, scopefunc=asyncio.current_task)
        async with scope(scoped) as outer:
            await insert(outer, 1)
            async with scope(scoped) as inner, scope(lambda: scoped) as innermost:
                assert inner is outer
                await insert(innermost, 2)
            with suppress(Failure):
                async with scope(scoped):
                    raise Failure
            await outer.commit()
        assert not scoped.registry.has()
        # One that somebody else has made is left to them.
        session = scoped()
        async with scope(scoped):
            await insert(session, 3)
        await session.commit()
        await scoped.remove()
        assert await database.kept() == {1, 2, 3}

    asyncio.run(database.use(work))


def test_the_same_for_sync_sessions(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    scoped = scoped_session(sessionmaker(engine))
    for given in (scoped, lambda: scoped):
        with scope(given) as outer:
            outer.execute(text("create table if not exists kept (id integer primary key)"))
            with scope(given):
                outer.execute(text("insert into kept values (null)"))
            outer.commit()
        assert not scoped.registry.has()
    with Session(engine) as session:
        assert session.scalar(text("select count(*) from kept")) == 2
    engine.dispose()


async def get_session() -> AsyncIterator[AsyncSession]:
    yield AsyncSession()


DbDep = Annotated[AsyncSession, Depends(get_session)]


@pytest.mark.parametrize("given", [Depends(get_session), DbDep], ids=["Depends", "alias"])
def test_what_fastapi_reads_a_provider_from(given: Any) -> None:
    async def main() -> None:
        async with scope(given):
            pytest.fail("there is no session")

    with pytest.raises(SessionTypeError, match=r'write "session_scope\(get_session\)"'):
        asyncio.run(main())


def test_a_signature_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get_db(tenant: str = "") -> AsyncIterator[str]:
        yield tenant

    async def main() -> None:
        for _ in range(3):
            async with session_scope(get_db) as session:
                assert session == ""

    signature = MagicMock(side_effect=inspect.signature)
    monkeypatch.setattr(inspect, "signature", signature)
    asyncio.run(main())
    assert signature.call_count == 1


def test_scopes_in_scopes_and_side_by_side(database: Database) -> None:
    async def one(row: int) -> None:
        async with session_scope(database.get_db) as session:
            await insert(session, row)
            await asyncio.sleep(0)

    async def work() -> None:
        async with session_scope(database.provided) as outer:
            await insert(outer, 100)
            with suppress(Failure):
                async with session_scope(database.manager) as inner:
                    await inner.execute(text("select 1"))
                    raise Failure
        await asyncio.gather(*(one(row) for row in range(20)))
        assert database.pool.checkedout() == 0
        assert await database.kept() == {*range(20), 100}

    asyncio.run(database.use(work))


class Steps:
    """A provider that says where it is, and can be stopped or fail at each place."""

    def __init__(self, stop: str, error: type[BaseException] | None = None) -> None:
        self.stop = stop
        self.error = error
        self.log: list[str] = []
        self.reached = asyncio.Event()

    async def step(self, name: str) -> None:
        self.log.append(name)
        if name == self.stop:
            self.reached.set()
            if self.error is not None:
                raise self.error
            await asyncio.Event().wait()

    async def generator(self) -> AsyncIterator[str]:
        try:
            await self.step("open")
            yield "session"
            await self.step("commit")
        except BaseException as error:
            self.log.append(type(error).__name__)
            raise
        finally:
            self.log.append("close")

    async def run(self, given: Any) -> None:
        async with scope(given):
            await self.step("block")


MAKERS: dict[str, Callable[[Steps], Any]] = {
    "generator function": lambda steps: steps.generator,
    "generator": lambda steps: steps.generator(),
    "provider": lambda steps: provider(steps.generator),
    "manager": lambda steps: asynccontextmanager(steps.generator),
}


@pytest.mark.parametrize("made", MAKERS)
@pytest.mark.parametrize("stop", ["open", "block", "commit"])
def test_cancelled_in_each_phase(stop: str, made: str) -> None:
    async def main() -> list[str]:
        steps = Steps(stop)
        task = asyncio.create_task(steps.run(MAKERS[made](steps)))
        await steps.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return steps.log

    assert asyncio.run(main())[-2:] == ["CancelledError", "close"]


@pytest.mark.parametrize("made", MAKERS)
@pytest.mark.parametrize("error", [Failure, KeyboardInterrupt, StopAsyncIteration, GeneratorExit])
@pytest.mark.parametrize("stop", ["open", "block", "commit"])
def test_an_exception_in_each_phase(stop: str, error: type[BaseException], made: str) -> None:
    async def main() -> list[str]:
        steps = Steps(stop, error)
        # The language turns it into another one where a generator raises it.
        raised = RuntimeError if error is StopAsyncIteration and stop != "block" else error
        with pytest.raises(raised):
            await steps.run(MAKERS[made](steps))
        return steps.log

    assert asyncio.run(main())[-2:] == [error.__name__, "close"]


@pytest.mark.parametrize("made", MAKERS)
def test_an_exception_that_the_provider_keeps_ends_there(made: str) -> None:
    class Keeping(Steps):
        async def generator(self) -> AsyncIterator[str]:
            with suppress(Failure):
                yield "session"

    steps = asyncio.run(_keep(Keeping("block", Failure), MAKERS[made]))
    assert steps.log == ["block"]


async def _keep(steps: Steps, make: Callable[[Steps], Any]) -> Steps:
    steps.reached = asyncio.Event()
    await steps.run(make(steps))
    return steps


@pytest.mark.parametrize("wrap", [lambda it: it, provider, asynccontextmanager])
@pytest.mark.parametrize("fails", [False, True])
def test_a_second_yield_is_an_error_and_closed(fails: bool, wrap: Callable[[Any], Any]) -> None:
    log = []

    async def twice() -> AsyncIterator[str]:
        try:
            with suppress(Failure):
                yield "one"
            yield "two"
        finally:
            log.append("closed")

    async def main() -> None:
        async with scope(wrap(twice)):
            if fails:
                raise Failure

    with pytest.raises(RuntimeError, match="generator didn't stop"):
        asyncio.run(main())
    gc.collect()
    assert log == ["closed"]


def test_a_provider_that_yields_nothing() -> None:
    async def nothing() -> AsyncIterator[str]:
        for session in list[str]():
            yield session

    async def main() -> None:
        async with session_scope(nothing):
            pytest.fail("there is no session")

    with pytest.raises(RuntimeError, match="didn't yield"):
        asyncio.run(main())


def test_a_scope_is_entered_once(database: Database) -> None:
    async def work() -> None:
        for once in (session_scope(database.get_db), database.provided()):
            async with once:
                pass
            with pytest.raises(RuntimeError, match="entered before"):
                async with once:
                    pass

    asyncio.run(database.use(work))


def test_nothing_happens_before_the_block_begins() -> None:
    def get_db() -> Any:
        raise Failure

    session_scope(get_db)


def test_arguments_reach_the_provider() -> None:
    async def get_db(tenant: str, *, read_only: bool) -> AsyncIterator[str]:
        yield f"{tenant} {read_only}"

    async def main() -> str:
        async with session_scope(get_db, "acme", read_only=True) as session:
            return session

    assert asyncio.run(main()) == "acme True"


SyncMaker = sessionmaker()


def sync_generator(log: list[str]) -> Iterator[str]:
    try:
        yield "session"
    except Failure:
        log.append("failed")
        raise
    finally:
        log.append("closed")


@pytest.mark.parametrize("wrap", [lambda it: it, provider, contextmanager])
def test_sync_providers(wrap: Callable[[Any], Any]) -> None:
    log: list[str] = []
    with scope(wrap(sync_generator), log) as session:
        assert session == "session"
    with pytest.raises(Failure), scope(wrap(sync_generator)(log)):
        raise Failure
    assert log == ["closed", "failed", "closed"]


def test_a_sync_sessionmaker() -> None:
    with session_scope(SyncMaker) as session:
        assert isinstance(session, Session)


async def async_generator() -> AsyncIterator[str]:
    yield "session"


async def coroutine() -> AsyncSession:
    return AsyncSession()


async def no_session() -> int:
    return 1


def handler(db: str = Depends(async_generator)) -> Any:
    return db


def with_annotation(db: Annotated[str, Depends(async_generator)]) -> Any:
    return db


@provider
async def dependent(db: str = Depends(async_generator)) -> AsyncIterator[str]:
    yield db


ASYNC_REFUSED: list[tuple[Any, str]] = [
    (lambda: sync_generator([]), 'write "with session_scope\\('),
    (sync_generator([]), 'write "with session_scope\\('),
    (SyncMaker, 'write "with session_scope\\('),
    (no_session, '"no_session" gave an object of class "int"'),
    (lambda: no_session, 'gave the function "no_session"'),
    (3, 'an object of class "int"'),
    (None, "out of None"),
    (handler, '"handler" is called without "db".*Depends\\(async_generator\\)'),
    (with_annotation, "missing 1 required positional argument: 'db'"),
    (dependent, '"dependent" is called without "db"'),
]


@pytest.mark.parametrize(
    ("given", "message"), ASYNC_REFUSED, ids=[message[:40] for _, message in ASYNC_REFUSED]
)
def test_refused_by_async_with(given: Any, message: str) -> None:
    async def main() -> None:
        async with scope(given):
            pytest.fail("there is no session")

    with pytest.raises(TypeError, match=message):
        asyncio.run(main())


def test_what_is_passed_is_not_looked_for() -> None:
    async def main() -> str:
        async with session_scope(dependent, "given") as session:
            return session

    assert asyncio.run(main()) == "given"


@pytest.mark.parametrize(
    "given", [async_generator, coroutine, asynccontextmanager(async_generator)]
)
def test_refused_by_with(given: Any) -> None:
    with pytest.raises(SessionTypeError, match='write "async with session_scope\\('), scope(given):
        pytest.fail("there is no session")


def test_a_mock_stands_for_the_provider() -> None:

    given = MagicMock(return_value=async_generator())

    async def main() -> Any:
        async with scope(given) as session:
            return session

    assert asyncio.run(main()) == "session"
    given.assert_called_once_with()


def test_in_a_task_that_is_left_by_return_break_and_raise() -> None:
    steps: list[str] = []

    async def get_db() -> AsyncIterator[str]:
        steps.append("open")
        yield "session"
        steps.append("commit")

    async def leave() -> str:
        for _ in range(3):
            async with session_scope(get_db):
                break
        async with session_scope(get_db) as session:
            return session

    assert asyncio.run(leave()) == "session"
    assert steps == ["open", "commit"] * 2
