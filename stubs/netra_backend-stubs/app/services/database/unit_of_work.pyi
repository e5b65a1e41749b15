# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...
@asynccontextmanager
def get_unit_of_work(
    session: AsyncSession | None = ...,
) -> AsyncGenerator[UnitOfWork, None]: ...

class UnitOfWork(Any):
    def __getattr__(self, name: str) -> Any: ...
