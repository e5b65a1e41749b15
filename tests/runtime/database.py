"""A database with one table, and a provider in every shape for it."""

from __future__ import annotations

import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from mypy_asyncsession.runtime import provider

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

_CREATE = "create table if not exists kept (id integer primary key)"


class Database:
    """One table, ``kept``, and the sessions for it.

    An engine belongs to the event loop that it was first used in, so each ``use`` has its own.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.maker: async_sessionmaker[AsyncSession]
        self.pool: AsyncAdaptedQueuePool

    async def use(self, work: Callable[[], Awaitable[Any]], size: int = 2) -> Any:
        """Do some work, with the engine there."""
        engine = create_async_engine(self.url, pool_size=size, max_overflow=0, pool_timeout=5)
        assert isinstance(engine.pool, AsyncAdaptedQueuePool)
        self.pool = engine.pool
        self.maker = async_sessionmaker(engine, expire_on_commit=False)
        try:
            async with engine.begin() as connection:
                await connection.execute(text(_CREATE))
            return await work()
        finally:
            await engine.dispose()

    async def drop(self) -> None:
        engine = create_async_engine(self.url)
        async with engine.begin() as connection:
            await connection.execute(text("drop table if exists kept"))
        await engine.dispose()

    async def kept(self) -> set[int]:
        """The rows that are in the table, seen from another connection."""
        async with self.maker() as session:
            return set((await session.execute(text("select id from kept"))).scalars())

    async def get_db(self) -> AsyncGenerator[AsyncSession, None]:
        async with self.maker() as session:
            try:
                yield session
                await session.commit()
            except BaseException:
                await session.rollback()
                raise

    @provider
    async def provided(self) -> AsyncIterator[AsyncSession]:
        async with self.maker() as session:
            try:
                yield session
                await session.commit()
            except BaseException:
                await session.rollback()
                raise

    @asynccontextmanager
    async def manager(self) -> AsyncGenerator[AsyncSession, None]:
        async with self.maker.begin() as session:
            yield session

    async def opened(self) -> AsyncSession:
        return self.maker()

    def handed_on(self) -> AsyncGenerator[AsyncSession, None]:
        return self.get_db()

    async def generator_in_a_coroutine(self) -> AsyncGenerator[AsyncSession, None]:
        return self.get_db()


async def insert(session: Any, row: int) -> None:
    await session.execute(text("insert into kept values (:row)"), {"row": row})


#: What can be given to ``session_scope``, by name, and whether it commits by itself.
SHAPES: dict[str, tuple[Callable[[Database], Any], bool]] = {
    "async generator function": (lambda it: it.get_db, True),
    "context manager function": (lambda it: it.manager, True),
    "coroutine function": (lambda it: it.opened, False),
    "sessionmaker": (lambda it: it.maker, False),
    "sessionmaker's begin": (lambda it: it.maker.begin, True),
    "function that hands on": (lambda it: it.handed_on, True),
    "coroutine function that gives a generator": (lambda it: it.generator_in_a_coroutine, True),
    "provider": (lambda it: it.provided, True),
    "partial": (lambda it: functools.partial(Database.get_db, it), True),
    "async generator": (lambda it: it.get_db(), True),
    "context manager": (lambda it: it.manager(), True),
    "coroutine": (lambda it: it.opened(), False),
    "session": (lambda it: it.maker(), False),
    "what a provider gave": (lambda it: it.provided(), True),
}
