from contextlib import asynccontextmanager
from typing import AsyncGenerator

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

async_session_factory: async_sessionmaker[AsyncSession] | None = None


class SessionManager:
    @staticmethod
    async def create_session_factory() -> AsyncSession:
        if async_session_factory is None:
            raise RuntimeError("not configured")
        return async_session_factory()


class TransactionHandler:
    @staticmethod
    async def _yield_session_and_commit(session: AsyncSession):
        yield session
        await session.commit()

    @staticmethod
    async def handle_session_transaction(session: AsyncSession):
        try:
            async for inner in TransactionHandler._yield_session_and_commit(session):
                yield inner
        finally:
            await session.close()

    @staticmethod
    async def create_protected_session() -> AsyncSession:
        return await SessionManager.create_session_factory()

    @staticmethod
    @asynccontextmanager
    async def get_session() -> AsyncGenerator[AsyncSession, None]:
        session = await TransactionHandler.create_protected_session()
        async for inner in TransactionHandler.handle_session_transaction(session):
            yield inner
