from contextlib import asynccontextmanager
from typing import AsyncGenerator

from netra_backend.app.database import get_db
from sqlalchemy.ext.asyncio import AsyncSession


@asynccontextmanager
async def get_async_db() -> AsyncGenerator[AsyncSession, None]:
    async with get_db() as session:
        yield session


@asynccontextmanager
async def get_postgres_session() -> AsyncGenerator[AsyncSession, None]:
    async with get_async_db() as session:
        yield session
