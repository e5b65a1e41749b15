# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...
@asynccontextmanager
def get_async_db() -> AsyncGenerator[AsyncSession, None]: ...
@asynccontextmanager
def get_postgres_session() -> AsyncGenerator[AsyncSession, None]: ...
