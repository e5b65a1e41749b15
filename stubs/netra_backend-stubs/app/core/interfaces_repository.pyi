# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...

class DatabaseService(Any):
    def __getattr__(self, name: str) -> Any: ...
    @asynccontextmanager
    def get_db_session(self) -> AsyncGenerator[AsyncSession, None]: ...
