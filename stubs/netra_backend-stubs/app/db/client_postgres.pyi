# Return types of the getters of sessions.
from contextlib import _AsyncGeneratorContextManager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...

class ResilientDatabaseClient(Any):
    def __init__(self) -> None: ...
    def get_session(self) -> _AsyncGeneratorContextManager[AsyncSession]: ...
