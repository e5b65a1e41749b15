"""The providers: every session of the shop comes from here. Nothing in this file is wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

engine = create_async_engine("sqlite+aiosqlite:///:memory:")
new_session = async_sessionmaker(engine, expire_on_commit=False)


async def get_db() -> AsyncIterator[AsyncSession]:
    """For Depends(): FastAPI drives the generator."""
    async with new_session() as session:
        yield session


@asynccontextmanager
async def session_scope() -> AsyncIterator[AsyncSession]:
    """For everything outside a request: async with session_scope() as session."""
    async with new_session() as session, session.begin():
        yield session


def current_session():
    """An old name, kept for its callers, and nothing says what it returns."""
    return get_db()
