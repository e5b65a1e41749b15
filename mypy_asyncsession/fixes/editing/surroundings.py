"""The files of the project beside those to fix: they may name what is fixed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mypy_asyncsession.config import upwards

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Folders in which no project says anything of its own.
_INSTALLED = frozenset(
    {
        ".git",
        ".hg",
        ".mypy_cache",
        ".mypy-asyncsession",
        "__pycache__",
        "node_modules",
        "site-packages",
    }
)
#: Larger files are data.
_MOST_BYTES = 4_000_000


class Surroundings:
    """Those files, each looked at when something is asked for."""

    def __init__(self, known: Iterable[str], directory: str | None) -> None:
        """Look at nothing yet.

        Args:
            known: The files to fix.
            directory: What their paths are relative to; ``None`` if there is nothing around them.
        """
        self._known = known
        self._directory = directory
        self._paths: list[str] | None = None
        self._mentioning: dict[str, dict[str, bytes]] = {}

    def texts(self) -> list[str]:
        """The absolute paths of all of them, in whatever language they are."""
        if self._directory is None:
            return []
        if self._paths is None:
            known = {os.path.realpath(os.path.join(self._directory, path)) for path in self._known}
            self._paths = sorted(_texts(_top(self._directory), known))
        return self._paths

    def mentioning(self, word: str) -> dict[str, bytes]:
        """The Python files and notebooks that have a word in them, by their path as it is shown."""
        if word not in self._mentioning:
            pattern = re.compile(rb"\b" + re.escape(word.encode()) + rb"\b")
            self._mentioning[word] = {
                os.path.relpath(path, self._directory): text
                for path in self.texts()
                if path.endswith((".py", ".ipynb"))
                for text in [content(path)]
                if pattern.search(text)
            }
        return self._mentioning[word]


def _top(directory: str) -> str:
    """The folder of the repository that a directory is in, or the directory itself."""
    *_, last = upwards(directory)
    return str(last) if any((last / name).exists() for name in (".git", ".hg")) else directory


def _texts(top: str, known: set[str]) -> Iterator[str]:
    """The files of a project, those aside that are known, and what others installed there."""
    for folder, folders, names in os.walk(top):
        folders[:] = [
            each
            for each in folders
            if each not in _INSTALLED and not Path(folder, each, "pyvenv.cfg").exists()
        ]
        for name in names:
            path = os.path.join(folder, name)
            if os.path.realpath(path) not in known:
                yield path


def content(path: str) -> bytes:
    """What is in a file; nothing if it cannot be read, or is so large that it must be data."""
    try:
        return Path(path).read_bytes() if Path(path).stat().st_size < _MOST_BYTES else b""
    except OSError:
        return b""
