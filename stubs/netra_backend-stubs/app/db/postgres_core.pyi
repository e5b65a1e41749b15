# Return types of the getters of sessions.
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

def __getattr__(name: str) -> Any: ...

class Database(Any):
    def __getattr__(self, name: str) -> Any: ...
    @contextmanager
    def get_db(self) -> Generator[Session, None, None]: ...

class AsyncDatabase(Any):
    def __getattr__(self, name: str) -> Any: ...
    async def get_session(self) -> AsyncSession: ...
