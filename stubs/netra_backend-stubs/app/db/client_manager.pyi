# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from netra_backend.app.db.client_postgres import ResilientDatabaseClient

def __getattr__(name: str) -> Any: ...
@asynccontextmanager
def get_db_client() -> AsyncGenerator[ResilientDatabaseClient, None]: ...
