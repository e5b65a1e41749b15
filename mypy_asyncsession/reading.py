"""Reading: a file is a regular file; a pipe or a device would have us wait for ever."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_bytes(path: str | Path) -> bytes:
    """What is in a file.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    # Opening a pipe waits for somebody who writes.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return opened.read()


def read_text(path: str | Path, errors: str = "strict") -> str:
    """The text of a file in UTF-8, with line feeds at the ends of its lines.

    Raises:
        OSError: It cannot be read, or is no regular file.
        UnicodeDecodeError: It is not in UTF-8, and *errors* is "strict".
    """
    text = read_bytes(path).decode("utf-8", errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


_BINARY = getattr(os, "O_BINARY", 0)
