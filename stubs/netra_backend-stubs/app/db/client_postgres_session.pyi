# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

def __getattr__(name: str) -> Any: ...

class SessionManager(Any):
    def __getattr__(self, name: str) -> Any: ...
    @staticmethod
    async def create_session_factory() -> AsyncSession: ...

class TransactionHandler(Any):
    def __getattr__(self, name: str) -> Any: ...
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
    @asynccontextmanager
    def get_session() -> AsyncGenerator[AsyncSession, None]: ...
