"""Copies of this process, which work beside it on what it has read by then."""

from __future__ import annotations

import os
import sys
import warnings
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def possible() -> bool:
    """Whether this system can copy a process."""
    return hasattr(os, "fork")


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start(work: Callable[[IO[bytes]], None]) -> tuple[int, IO[bytes]]:
    """Start a copy of this process.

    Args:
        work: What the copy does, with the stream that its results go to; then it ends.

    Returns:
        The number of the process, and the stream that its results come from.

    Raises:
        OSError: The system has no room for another process.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # mypy's parser has had threads, which have ended: none of them holds a lock.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child:
        os.close(writing)
        return child, os.fdopen(reading, "rb")
    status = 1
    try:
        os.close(reading)
        with os.fdopen(writing, "wb") as stream:
            work(stream)
        status = 0
    finally:
        os._exit(status)
