"""What lies on disk beside the files to check, and is imported by them without being among them.

A commit's files are checked without the rest of the project. In the whole project other files
would say where a package is imported from; here only the directories can.
"""

# ruff: noqa: PTH112, PTH208
# Paths are strings, as they are to mypy; for thousands of files that is quicker, too.

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.checking.files import EXTENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: The directory that packages are kept in where they are not at the top.
_SOURCES: Final = "src"


class ImportFinder:
    """Looks modules up in directories; it reads each directory once."""

    def __init__(self, directory: str, beside: Iterable[str] = ()) -> None:
        """Read nothing yet.

        Args:
            directory: The working directory: it is looked no further up.
            beside: The directories of other projects, in which is looked as well.
        """
        self._directory = directory
        self._beside = (*beside,)
        self._entries: dict[str, frozenset[str]] = {}

    def has(self, folder: str, name: str) -> bool:
        """Whether an import of *name* is found in *folder*: a package, or a module in one.

        A directory without ``__init__`` is a package only with what is imported from it: it may
        as well be one of other things, which has the name of an installed package.
        """
        first, *rest = name.split(".")
        entries = self.listed(folder)
        if any(f"{first}{extension}" in entries for extension in EXTENSIONS):
            return True
        if first not in entries:
            return False
        inside = self.listed(os.path.join(folder, first))
        wanted = {f"__init__{extension}" for extension in EXTENSIONS}
        if rest:
            wanted |= {f"{rest[0]}{extension}" for extension in EXTENSIONS}
            if rest[0] in inside and os.path.isdir(os.path.join(folder, first, rest[0])):
                return True
        return not wanted.isdisjoint(inside)

    def folders(self, folder: str, names: Iterable[str]) -> Iterator[str]:
        """The directories in which one of *names* is found.

        They are those above *folder*, itself included, and then those of other projects.
        """
        names = list(names)
        for above in (*self._upwards(folder), *self._beside):
            for place in (above, os.path.join(above, _SOURCES)):
                if any(self.has(place, name) for name in names):
                    yield place

    def listed(self, folder: str) -> frozenset[str]:
        """The names in a directory; none if it cannot be read."""
        if folder not in self._entries:
            try:
                self._entries[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._entries[folder] = frozenset()
        return self._entries[folder]

    def looked_into(self) -> Iterable[str]:
        """The directories that were read, or are not there."""
        return self._entries.keys()

    def _upwards(self, folder: str) -> Iterator[str]:
        while folder == self._directory or folder.startswith(self._directory + os.sep):
            yield folder
            folder = os.path.dirname(folder)
