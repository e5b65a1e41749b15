# Return types of the getters of sessions.
from contextlib import _AsyncGeneratorContextManager
from typing import Any

from netra_backend.app.db.client_postgres import ResilientDatabaseClient

def __getattr__(name: str) -> Any: ...
def get_db_client() -> _AsyncGeneratorContextManager[ResilientDatabaseClient]: ...
