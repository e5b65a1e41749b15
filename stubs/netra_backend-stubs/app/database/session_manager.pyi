# Return types of the getters of sessions.
from contextlib import _AsyncGeneratorContextManager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from netra_backend.app.agents.supervisor.user_execution_context import UserExecutionContext

def __getattr__(name: str) -> Any: ...
def managed_session(
    context: UserExecutionContext,
) -> _AsyncGeneratorContextManager[DatabaseSessionManager]: ...

class DatabaseSessionManager(Any):
    def __init__(self, context: UserExecutionContext) -> None: ...
    def transaction(self) -> _AsyncGeneratorContextManager[AsyncSession]: ...
