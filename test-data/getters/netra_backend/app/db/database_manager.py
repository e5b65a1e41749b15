from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine


class DatabaseManager:
    _instance = None

    @staticmethod
    def get_application_session():
        engine = create_async_engine("sqlite+aiosqlite://")
        return async_sessionmaker(engine, class_=AsyncSession)

    @staticmethod
    def get_connection_manager():
        if DatabaseManager._instance is None:
            DatabaseManager._instance = DatabaseManager()
        return DatabaseManager._instance

    @staticmethod
    @asynccontextmanager
    async def get_async_session(name: str = "default"):
        factory = DatabaseManager.get_application_session()
        async with factory() as session:
            try:
                yield session
                if hasattr(session, "in_transaction") and session.in_transaction():
                    await session.commit()
            except Exception:
                await session.rollback()
                raise

    def get_session(self):
        return DatabaseManager.get_async_session()

    async def get_connection(self):
        return await self.circuit_breaker.call(self.connect)


@asynccontextmanager
async def get_db_client():
    async with DatabaseManager.get_async_session() as session:
        yield session


class UnifiedDatabaseManager:
    @staticmethod
    @asynccontextmanager
    async def get_async_session(name: str = "default"):
        async with DatabaseManager.get_async_session(name) as session:
            yield session
