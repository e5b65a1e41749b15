from contextlib import asynccontextmanager
from typing import AsyncGenerator

from netra_backend.app.db.client_postgres import ResilientDatabaseClient


@asynccontextmanager
async def get_db_client() -> AsyncGenerator[ResilientDatabaseClient, None]:
    yield ResilientDatabaseClient()
