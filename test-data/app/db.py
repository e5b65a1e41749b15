"""A provider of each shape."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import NullPool

engine: AsyncEngine = create_async_engine("sqlite+aiosqlite://", poolclass=NullPool)
Maker = async_sessionmaker(engine, expire_on_commit=False)
sync_engine = create_engine("sqlite://", poolclass=NullPool)
SyncMaker = sessionmaker(sync_engine)


async def get_db() -> AsyncGenerator[AsyncSession, None]:
    async with Maker() as session:
        yield session


async def get_db_iterator() -> AsyncIterator[AsyncSession]:
    async with Maker() as session:
        yield session


async def get_db_bare():
    async with Maker() as session:
        yield session


@asynccontextmanager
async def db_manager() -> AsyncIterator[AsyncSession]:
    async with Maker() as session:
        yield session


@asynccontextmanager
async def db_manager_bare():
    async with Maker() as session:
        yield session


class SessionManager:
    """An async context manager written out."""

    async def __aenter__(self) -> AsyncSession:
        self.session = Maker()
        return self.session

    async def __aexit__(self, *exc: object) -> None:
        await self.session.close()


async def open_db() -> AsyncSession:
    return Maker()


def make_db() -> AsyncSession:
    return Maker()


def connect():
    """A plain function that returns what can be entered and awaited."""
    return engine.connect()


async def get_connection() -> AsyncIterator[AsyncConnection]:
    async with engine.connect() as connection:
        yield connection


def get_sync_db() -> Generator[Session, None, None]:
    with SyncMaker() as session:
        yield session


def get_sync_db_bare():
    with SyncMaker() as session:
        yield session


@contextmanager
def sync_db_manager() -> Iterator[Session]:
    with SyncMaker() as session:
        yield session


async def get_numbers() -> AsyncIterator[int]:
    """An async generator that hands out no resource."""
    yield 1
    yield 2
