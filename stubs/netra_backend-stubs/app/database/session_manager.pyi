# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from netra_backend.app.agents.supervisor.user_execution_context import UserExecutionContext

def __getattr__(name: str) -> Any: ...
@asynccontextmanager
def managed_session(
    context: UserExecutionContext,
) -> AsyncGenerator[DatabaseSessionManager, None]: ...

class DatabaseSessionManager(Any):
    def __getattr__(self, name: str) -> Any: ...
    @asynccontextmanager
    def transaction(self) -> AsyncGenerator[AsyncSession, None]: ...
