"""When files were changed, by which the next run knows them again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def changed_at(path: str, states: Mapping[str, list[int] | None]) -> int:
    """When a file was changed, as it is in its state if that is known."""
    known = states.get(path)
    return known[0] if known is not None else time_and_size(path)[0]


def time_and_size(path: str) -> tuple[int, int]:
    """When a file was changed, and its size."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
