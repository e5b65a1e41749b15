# Return types of the getters of sessions.
from contextlib import _AsyncGeneratorContextManager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...

class DatabaseService(Any):
    def __init__(self, service_name: str) -> None: ...
    def get_db_session(self) -> _AsyncGeneratorContextManager[AsyncSession]: ...
