"""Paths as a code host wants them: relative to the repository, with forward slashes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

#: Where GitHub and GitLab say that the repository is: the check may run in a part of it.
_ROOTS: Final = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")


def in_repository(path: str) -> str:
    """*path* relative to the repository, if it is known where that is and the file is in it."""
    full = os.path.abspath(path)
    for name in _ROOTS:
        root = os.environ.get(name, "").rstrip(os.sep)
        if root and full.startswith(root + os.sep):
            path = os.path.relpath(full, root)
            break
    return Path(path).as_posix()
