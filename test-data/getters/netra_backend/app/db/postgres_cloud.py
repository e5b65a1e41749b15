from contextlib import asynccontextmanager
from typing import AsyncGenerator

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker


class CloudSQLManager:
    def __init__(self) -> None:
        self.factory: async_sessionmaker[AsyncSession] = async_sessionmaker()

    @asynccontextmanager
    async def get_session(self) -> AsyncGenerator[AsyncSession, None]:
        async with self.factory() as session:
            yield session


cloud_db = CloudSQLManager()
