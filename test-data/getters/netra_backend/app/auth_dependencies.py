from typing import AsyncGenerator

from netra_backend.app.database import get_db
from sqlalchemy.ext.asyncio import AsyncSession


async def get_request_scoped_db_session() -> AsyncGenerator[AsyncSession, None]:
    async for session in get_db():
        yield session


async def get_db_dependency() -> AsyncGenerator[AsyncSession, None]:
    async for session in get_db():
        yield session


async def get_db_session() -> AsyncGenerator[AsyncSession, None]:
    async for session in get_db():
        yield session
