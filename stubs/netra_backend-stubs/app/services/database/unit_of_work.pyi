# Return types of the getters of sessions.
from contextlib import _AsyncGeneratorContextManager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...
def get_unit_of_work(
    session: AsyncSession | None = ...,
) -> _AsyncGeneratorContextManager[UnitOfWork]: ...

class UnitOfWork(Any):
    def __init__(self, session: AsyncSession | None = ...) -> None: ...
