"""What the lifetime rules say is harmful is harmful, and the remedy is not: run on SQLite."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock, MagicMock

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import AsyncAdaptedQueuePool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore")
SELECT = text("select 1")
INSERT = text("insert into entry values (1)")


class Database:
    """A database, and what happened to the sessions that ``provide`` handed out."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.maker = async_sessionmaker(engine)
        self.events: list[str] = []

    async def provide(self) -> AsyncIterator[AsyncSession]:
        """A provider that commits, and rolls back."""
        async with self.maker() as session:
            try:
                yield session
                await session.commit()
                self.events.append("commit")
            except Exception:
                self.events.append("rollback")
                raise
            finally:
                self.events.append("closed")

    def checked_out(self) -> int:
        """How many connections are out of the pool."""
        pool = self.engine.pool
        assert isinstance(pool, AsyncAdaptedQueuePool)
        return pool.checkedout()


def run(folder: Path, use: Callable[[Database], Awaitable[object]]) -> Database:
    """Run *use*, and look at the database before the garbage collector gets to anything."""

    async def main() -> Database:
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{folder / 'harm.db'}", poolclass=AsyncAdaptedQueuePool
        )
        opened: list[Any] = []
        event.listen(engine.sync_engine, "connect", lambda opens, _: opened.append(opens))
        async with engine.begin() as connection:
            await connection.execute(text("create table entry (number int)"))
        database = Database(engine)
        kept = None
        gc.disable()
        try:
            kept = await use(database)
            database.events.append(f"out {database.checked_out()}")
            async with engine.connect() as connection:
                rows = (await connection.execute(text("select count(*) from entry"))).scalar_one()
                database.events.append(f"rows {rows}")
        finally:
            gc.enable()
        del kept
        await engine.dispose()
        for leaked in opened:
            # Each has a thread of its own, which must not outlive the loop.
            await leaked.driver_connection.close()
        return database

    return asyncio.run(main())


async def fail_in(manager: AbstractAsyncContextManager[AsyncSession]) -> None:
    """Raise in the block of a caller's."""
    async with manager as session:
        await session.execute(INSERT)
        raise ValueError("of the caller")


async def _kept_generator(generator: AsyncIterator[AsyncSession]) -> object:
    """Leave a generator at its yield, as ``return`` does, and keep it from being collected."""
    async for session in generator:
        await session.execute(INSERT)
        return generator
    return None


def test_early_exit_loses_the_commit_and_keeps_the_connection(tmp_path: Path) -> None:
    database = run(tmp_path, lambda d: _kept_generator(d.provide()))
    assert database.events[:2] == ["out 1", "rows 0"]


def test_aclosing_loses_the_commit_alone(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        async with aclosing(database.provide()) as sessions:  # type: ignore[type-var]
            async for session in sessions:
                await session.execute(INSERT)
                break  # type: ignore[session-early-exit]

    assert run(tmp_path, use).events == ["closed", "out 0", "rows 0"]


def test_entering_commits(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        async with asynccontextmanager(database.provide)() as session:
            await session.execute(INSERT)

    assert run(tmp_path, use).events == ["commit", "closed", "out 0", "rows 1"]


def test_anext_drops_the_rest(tmp_path: Path) -> None:
    async def use(database: Database) -> object:
        generator = database.provide()
        session = await generator.__anext__()
        await session.execute(INSERT)
        return generator

    assert run(tmp_path, use).events[:2] == ["out 1", "rows 0"]


@pytest.mark.parametrize("close", [False, True])
def test_delegation_keeps_the_exception_from_the_inner_provider(
    tmp_path: Path, close: bool
) -> None:
    async def use(database: Database) -> object:
        inner = database.provide()

        @asynccontextmanager
        async def outer() -> AsyncIterator[AsyncSession]:
            if close:
                async with aclosing(inner) as sessions:  # type: ignore[type-var]
                    async for session in sessions:  # type: ignore[session-delegate]
                        yield session
            else:
                async for session in inner:
                    yield session

        with pytest.raises(ValueError, match="of the caller"):
            await fail_in(outer())
        return inner

    events = run(tmp_path, use).events
    assert "rollback" not in events
    assert events[0] == ("closed" if close else "out 1")


def test_entering_the_inner_provider_rolls_back(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        @asynccontextmanager
        async def outer() -> AsyncIterator[AsyncSession]:
            async with asynccontextmanager(database.provide)() as session:
                yield session

        with pytest.raises(ValueError, match="of the caller"):
            await fail_in(outer())

    assert run(tmp_path, use).events == ["rollback", "closed", "out 0", "rows 0"]


def test_escaped_session_takes_another_connection(tmp_path: Path) -> None:
    async def opened(database: Database) -> AsyncSession:
        async with database.maker() as session:
            return session  # type: ignore[session-escape]

    async def use(database: Database) -> object:
        session = await opened(database)
        await session.execute(SELECT)
        return session

    assert run(tmp_path, use).events == ["out 1", "rows 0"]


def test_task_outlives_the_block(tmp_path: Path) -> None:
    async def work(session: AsyncSession, kept: list[AsyncSession]) -> None:
        await asyncio.sleep(0)
        await session.execute(SELECT)
        kept.append(session)

    async def use(database: Database) -> object:
        kept: list[AsyncSession] = []
        async with database.maker() as session:
            task = asyncio.create_task(work(session, kept))  # type: ignore[session-escape]
        await task
        return kept

    assert run(tmp_path, use).events == ["out 1", "rows 0"]


def test_unentered_session_has_no_attributes(tmp_path: Path) -> None:
    async def use(database: Database) -> None:
        session = database.provide()
        with pytest.raises(AttributeError, match="execute"):
            await session.execute(SELECT)  # type: ignore[attr-defined]

    assert run(tmp_path, use).events == ["out 0", "rows 0"]


def test_doubles_of_another_shape_cannot_be_used() -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="async for"):
            async for _ in AsyncMock()():
                pass
        with pytest.raises((TypeError, AttributeError)):
            async with AsyncMock()():
                pass
        async with MagicMock()():
            pass

    asyncio.run(main())
