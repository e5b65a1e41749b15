"""Writing: a file is the old one or the new one, whatever happens in between."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

#: The mode of a new file, where there was none.
_MODE = 0o644


def write(path: Path, content: bytes, temporary: Path | None = None) -> None:
    """Put *content* in the place of a file's, or make the file.

    It is written beside it and renamed; the mode stays, and the owner where that is allowed.

    Args:
        path: The file.
        content: What is to be in it.
        temporary: Where it is written first, if that is to be known to others.

    Raises:
        OSError: It cannot be done, and the file is as it was.
    """
    status = path.stat() if path.exists() else None
    if temporary is None:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    else:
        name = str(temporary)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        if status is not None and hasattr(os, "chown"):
            with contextlib.suppress(OSError):
                os.chown(name, status.st_uid, status.st_gid)
        Path(name).chmod(status.st_mode & 0o7777 if status is not None else _MODE)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _settle(path.parent)


def _settle(folder: Path) -> None:
    """Have the new name of a file outlast a loss of power, where that can be asked for."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
