from contextlib import asynccontextmanager
from typing import AsyncGenerator

from netra_backend.app.db.clickhouse import get_clickhouse_client as _clickhouse_client
from netra_backend.app.db.database_manager import DatabaseManager
from sqlalchemy.ext.asyncio import AsyncSession


async def get_async_session() -> AsyncGenerator[AsyncSession, None]:
    async for session in get_db():
        yield session


async def get_db() -> AsyncGenerator[AsyncSession, None]:
    async with DatabaseManager.get_async_session() as session:
        yield session


class _Manager:
    def clickhouse_client(self, bypass_manager: bool = False):
        return _clickhouse_client(bypass_manager)


_db_manager = _Manager()


def get_clickhouse_client(bypass_manager: bool = False):
    return _db_manager.clickhouse_client(bypass_manager)


async def get_postgres_db() -> AsyncGenerator[AsyncSession, None]:
    async for session in get_db():
        yield session


def get_db_session():
    return get_db()


def get_database_session():
    return get_db()


@asynccontextmanager
async def get_async_db() -> AsyncGenerator[AsyncSession, None]:
    async with DatabaseManager.get_async_session() as session:
        yield session


class SessionManager:
    async def get_session(self):
        async for session in get_db():
            yield session
