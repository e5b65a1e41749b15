from contextlib import contextmanager
from typing import Generator

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import Session, sessionmaker

async_session_factory: async_sessionmaker[AsyncSession] = async_sessionmaker()


class Database:
    def __init__(self, db_url: str):
        self.maker = sessionmaker()

    @contextmanager
    def get_db(self) -> Generator[Session, None, None]:
        with self.maker() as session:
            yield session


class AsyncDatabase:
    def __init__(self, db_url: str = None):
        self.db_url = db_url

    async def get_session(self) -> AsyncSession:
        return async_session_factory()
