"""What the machine refuses, in words: a full disk is nothing that is to be reported to us."""

from __future__ import annotations

import errno
import re
from typing import Final

_NO_MEMORY: Final = "there is not enough memory"
_FULL: Final = "the disk is full"
_FILES: Final = "no more files may be open at once: allow more (ulimit -n)"

_WORDS: Final = {
    errno.ENOSPC: _FULL,
    getattr(errno, "EDQUOT", errno.ENOSPC): "the disk is full, or the quota is used up",
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.ENOMEM: _NO_MEMORY,
    errno.EAGAIN: "no more processes can be started",
    errno.EFBIG: "a file may not become as large as it has to (ulimit -f)",
}

#: What a process printed that ended by it, in the words of Python, SQLite and Rust.
_PRINTED: Final = (
    (re.compile(r"No space left on device|database or disk is full"), _FULL),
    (re.compile(r"Disk quota exceeded"), _WORDS[getattr(errno, "EDQUOT", errno.ENOSPC)]),
    (re.compile(r"Too many open files|unable to open database file"), _FILES),
    (
        re.compile(
            r"MemoryError|Cannot allocate memory|memory allocation of \d+|failed to map segment"
        ),
        _NO_MEMORY,
    ),
    (re.compile(r"File too large|disk I/O error"), "the disk cannot be written to"),
)


def in_words(error: BaseException) -> str | None:
    """Why the machine refused something, in a line; ``None`` if it did not."""
    if isinstance(error, MemoryError):
        return _NO_MEMORY
    if not isinstance(error, OSError):
        return None
    words = _WORDS.get(error.errno or 0) or error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words


def printed_in_words(text: str) -> str | None:
    """The same of a process, from what it printed at last."""
    last = "\n".join(text.strip().splitlines()[-20:])
    return next((words for pattern, words in _PRINTED if pattern.search(last)), None)
