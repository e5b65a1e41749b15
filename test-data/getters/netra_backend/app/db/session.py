from contextlib import asynccontextmanager
from typing import AsyncIterator

from netra_backend.app.db.postgres_session import get_async_db
from sqlalchemy.ext.asyncio import AsyncSession


class DatabaseSessionManager:
    @asynccontextmanager
    async def get_session(self) -> AsyncIterator[AsyncSession]:
        async with get_async_db() as session:
            yield session


@asynccontextmanager
async def get_db_session() -> AsyncIterator[AsyncSession]:
    async with get_async_db() as session:
        yield session


async def get_session_from_factory(db_session_or_factory) -> AsyncSession:
    return db_session_or_factory()
