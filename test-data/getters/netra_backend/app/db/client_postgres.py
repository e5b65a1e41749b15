from contextlib import asynccontextmanager
from typing import AsyncGenerator

from netra_backend.app.db.client_postgres_session import TransactionHandler
from sqlalchemy.ext.asyncio import AsyncSession


class ResilientDatabaseClient:
    @asynccontextmanager
    async def get_session(self) -> AsyncGenerator[AsyncSession, None]:
        async with TransactionHandler.get_session() as session:
            yield session
