# Return types of the getters of sessions.
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

def __getattr__(name: str) -> Any: ...
@asynccontextmanager
def get_clickhouse_client(
    bypass_manager: bool = ...,
) -> AsyncGenerator[Any, None]: ...
