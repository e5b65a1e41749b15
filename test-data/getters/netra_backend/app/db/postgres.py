from netra_backend.app.db.postgres_session import get_async_db


async def get_postgres_db():
    async for session in get_resilient_postgres_session():
        yield session


async def get_resilient_postgres_session():
    async with get_async_db() as session:
        yield session
