"""The providers that the cases use; each case has a copy of its own."""

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

SessionLocal = async_sessionmaker()
SyncLocal = sessionmaker()


async def get_db() -> AsyncGenerator[AsyncSession, None]:
    async with SessionLocal() as session:
        yield session


async def get_committing() -> AsyncGenerator[AsyncSession, None]:
    async with SessionLocal() as session:
        try:
            yield session
            await session.commit()
        except Exception:
            await session.rollback()
            raise


async def get_swallowing() -> AsyncGenerator[AsyncSession, None]:
    async with SessionLocal() as session:
        try:
            yield session
        except ValueError:
            await session.rollback()


async def get_many() -> AsyncGenerator[AsyncSession, None]:
    for _ in range(2):
        async with SessionLocal() as session:
            yield session


async def get_bare():
    async with SessionLocal() as session:
        yield session


def get_wrapped():
    return get_db()


async def open_db() -> AsyncSession:
    return SessionLocal()


def get_sync() -> Generator[Session, None, None]:
    with SyncLocal() as session:
        yield session


@asynccontextmanager
async def db_manager() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


@contextmanager
def sync_manager() -> Generator[Session, None, None]:
    with SyncLocal() as session:
        yield session
