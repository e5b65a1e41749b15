# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import _AsyncGeneratorContextManager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...

class SessionManager(Any):
    @staticmethod
    async def create_session_factory() -> AsyncSession: ...

class TransactionHandler(Any):
    @staticmethod
    def _yield_session_and_commit(
        session: AsyncSession,
    ) -> AsyncGenerator[AsyncSession, None]: ...
    @staticmethod
    def handle_session_transaction(
        session: AsyncSession,
    ) -> AsyncGenerator[AsyncSession, None]: ...
    @staticmethod
    async def create_protected_session() -> AsyncSession: ...
    @staticmethod
    def get_session() -> _AsyncGeneratorContextManager[AsyncSession]: ...
