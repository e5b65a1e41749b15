"""Work on many items that several processes share, each a copy of this one."""

from __future__ import annotations

import os
import pickle
import struct
import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_T = TypeVar("_T")

#: How many items are taken at once: those next to each other lean on the same modules.
_AT_ONCE: Final = 4
#: Fewer are not worth a copy of this process.
_WORTH_IT: Final = 40
_TOKEN: Final = struct.Struct("=I")
#: A pipe holds so many tokens without a reader.
_MOST_TOKENS: Final = 4000


def shared(
    items: Sequence[_T],
    work: Callable[[_T], Any],
    last: Callable[[], Any],
    processes: int,
) -> Iterator[tuple[int, Any]]:
    """Do the work on each item, here and in copies of this process.

    Args:
        items: The items.
        work: What is done with one; its result can be pickled.
        last: Called in each copy when nothing is left; its result can be pickled.
        processes: How many processes there may be, this one among them.

    Yields:
        The positions of the items, each with its result, as they come; then -1 for each copy, with
        what it said last.
    """
    if processes < 2 or len(items) < _WORTH_IT or not hasattr(os, "fork"):
        for position, item in enumerate(items):
            yield position, work(item)
        return
    size = max(_AT_ONCE, -(-len(items) // _MOST_TOKENS))
    taking, giving = os.pipe()
    for start in range(0, len(items), size):
        os.write(giving, _TOKEN.pack(start))
    os.close(giving)
    copies = [_copy(items, work, last, taking, size) for _ in range(processes - 1)]
    left = set(range(len(items)))
    for position in _taken(taking, size, len(items)):
        left.discard(position)
        yield position, work(items[position])
    os.close(taking)
    for child, results in copies:
        with os.fdopen(results, "rb") as stream:
            found = _read(stream.read())
        os.waitpid(child, 0)
        for position, result in found:
            left.discard(position)
            yield position, result
    # What a copy had taken that did not come to its end.
    for position in sorted(left):
        yield position, work(items[position])


def _taken(taking: int, size: int, count: int) -> Iterator[int]:
    """The positions of the items that nobody else has taken."""
    while token := os.read(taking, _TOKEN.size):
        (start,) = _TOKEN.unpack(token)
        yield from range(start, min(start + size, count))


def _copy(
    items: Sequence[_T],
    work: Callable[[_T], Any],
    last: Callable[[], Any],
    taking: int,
    size: int,
) -> tuple[int, int]:
    """Start a copy of this process: its number, and the pipe that its results come from."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(writing)
        return child, reading
    status = 1
    try:
        os.close(reading)
        results = [
            (position, work(items[position])) for position in _taken(taking, size, len(items))
        ]
        results.append((-1, last()))
        with os.fdopen(writing, "wb") as stream:
            stream.write(pickle.dumps(results))
        status = 0
    finally:
        os._exit(status)


def _read(data: bytes) -> list[tuple[int, Any]]:
    try:
        return list(pickle.loads(data))
    except (EOFError, pickle.UnpicklingError):
        return []  # it was killed
