# Return types of the getters of sessions.
from typing import Any

def __getattr__(name: str) -> Any: ...
