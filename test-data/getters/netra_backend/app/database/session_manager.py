from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession


class DatabaseSessionManager:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    @asynccontextmanager
    async def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        async with self.session.begin():
            yield self.session


@asynccontextmanager
async def managed_session(context: AsyncSession) -> AbstractAsyncContextManager[DatabaseSessionManager]:
    manager = None
    try:
        manager = DatabaseSessionManager(context)
        yield manager
    finally:
        if manager:
            await manager.session.close()
