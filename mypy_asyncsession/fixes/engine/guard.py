"""Which files may be edited."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mypy_asyncsession import git
from mypy_asyncsession.fixes.cannot_fix import CannotFix

#: Folders of code that others wrote.
_VENDORED: Final = frozenset(
    {"_vendor", "_vendored", "third_party", "third-party", "thirdparty", "vendor", "vendored"}
)
_GENERATED: Final = re.compile(
    rb"^\s*@generated\b"
    rb"|^\s*(?:#|\"\"\"|''')\s*(?:auto-?)?generated (?:by|from|with|using)\b"
    rb"|^\s*(?:#|\"\"\"|''').*(?:@generated\b|\bauto-?generated\b|\bdo not edit\b"
    rb"|\b(?:code|file|module)\b.*\bgenerated (?:by|from|with|using)\b)",
    re.IGNORECASE | re.MULTILINE,
)
#: How far into a file it is looked for who made it.
_HEADER: Final = 1024


@dataclass(frozen=True, slots=True)
class Guard:
    """Says why a file is not to be edited.

    Attributes:
        directory: The working directory.
        writes: Whether anything is written at all.
        backup: Whether a copy is kept of what is edited.
        force: Whether files are edited that have changes git does not know.
    """

    directory: str
    writes: bool = True
    backup: bool = False
    force: bool = False

    def check(self, path: str, content: bytes) -> None:
        """Whether a file may be edited.

        Args:
            path: The file, absolute or relative to the directory.
            content: What is in it.

        Raises:
            CannotFix: It may not; the message says why.
        """
        full = Path(self.directory, path)
        if _is_link(full, self.directory):
            raise CannotFix("the file is reached through a symbolic link")
        if _VENDORED.intersection(_below(full, self.directory).parts[:-1]):
            raise CannotFix("the file is in a folder of vendored code")
        if _GENERATED.search(content[:_HEADER]):
            raise CannotFix("the file is generated")
        if not self.writes:
            return
        # Asked of the system: for root, or on a mount, the mode alone says nothing.
        if not os.access(full, os.W_OK):
            raise CannotFix("the file is read-only")
        if not os.access(full.parent, os.W_OK):
            raise CannotFix("the folder of the file is read-only")
        if self.backup:
            if os.path.lexists(f"{full}.bak"):
                raise CannotFix(f'"{path}.bak" is in the way: use --restore, or move it')
        elif not self.force and git.is_changed(full):
            raise CannotFix("the file has changes that are not committed: use --backup or --force")


def _below(path: Path, directory: str) -> Path:
    return path.relative_to(directory) if path.is_relative_to(directory) else path


def _is_link(path: Path, directory: str) -> bool:
    """Whether the file, or a folder on the way to it from the working directory, is a link."""
    below = _below(path, directory)
    current = Path(directory) if not below.is_absolute() else Path(below.anchor)
    for part in below.parts:
        current /= part
        if current.is_symlink() and (not below.is_absolute() or current == path):
            return True
    return False
