# Return types of the getters of sessions.
from contextlib import _AsyncGeneratorContextManager
from typing import Any

def __getattr__(name: str) -> Any: ...
def get_clickhouse_client(
    bypass_manager: bool = ...,
) -> _AsyncGeneratorContextManager[Any]: ...
