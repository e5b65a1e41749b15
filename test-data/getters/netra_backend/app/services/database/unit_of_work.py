from contextlib import asynccontextmanager
from typing import Optional

from sqlalchemy.ext.asyncio import AsyncSession


class UnitOfWork:
    def __init__(self, session: Optional[AsyncSession] = None):
        self._session = session

    async def __aenter__(self):
        return self

    async def __aexit__(self, exc_type, exc_val, exc_tb):
        return None


@asynccontextmanager
async def get_unit_of_work(session: Optional[AsyncSession] = None):
    unit = UnitOfWork(session)
    async with unit:
        yield unit
