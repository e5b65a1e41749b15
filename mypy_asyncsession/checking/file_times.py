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


def state(path: str) -> list[int] | None:
    """By what a file or directory is known to be unchanged; ``None`` if it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return None
    return state_of(found)


def state_of(found: os.stat_result) -> list[int]:
    """The same, of what ``os.stat`` gave."""
    return [found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino]
