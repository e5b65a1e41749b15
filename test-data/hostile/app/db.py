from sqlalchemy.ext.asyncio import AsyncSession


async def get_db():
    yield 1


async def get_session():
    yield AsyncSession()
