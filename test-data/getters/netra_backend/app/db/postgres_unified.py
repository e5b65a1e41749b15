from contextlib import asynccontextmanager
from typing import AsyncGenerator

from netra_backend.app import database
from sqlalchemy.ext.asyncio import AsyncSession


class UnifiedPostgresDB:
    @asynccontextmanager
    async def get_session(self) -> AsyncGenerator[AsyncSession, None]:
        async for session in database.get_db():
            yield session


async def get_db():
    async for session in database.get_db():
        yield session


def get_async_db():
    return get_db()
