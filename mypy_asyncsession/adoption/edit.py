"""An edit of a file, shown before it is made."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.reading import read_bytes
from mypy_asyncsession.writing import write

if TYPE_CHECKING:
    from pathlib import Path


class NotUnderstood(CannotRun):
    """A file is not edited, because it is not clear how; the message says what to write by hand."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What a file is to hold.

    Attributes:
        path: The file.
        before: What it holds, or ``None`` if it is not there yet.
        after: What it is to hold.
    """

    path: Path
    before: str | None
    after: str

    def diff(self) -> list[str]:
        """The lines of a unified diff; none if nothing is to be changed."""
        name = shown(self.path)
        lines = difflib.unified_diff(
            _lines(self.before or ""),
            _lines(self.after),
            "/dev/null" if self.before is None else f"a/{name}",
            f"b/{name}",
            lineterm="",
        )
        return list(lines)

    def apply(self) -> None:
        """Write the file.

        Raises:
            CannotRun: It cannot be written.
        """
        if self.path.is_symlink():
            raise CannotRun(f"{shown(self.path)}: a symbolic link: edit the file that it leads to")
        try:
            write(self.path, self.after.encode())
        except OSError as error:
            raise CannotRun(f"{shown(self.path)}: cannot be written: {error.strerror}") from None


def read(path: Path) -> str:
    """The text of a file, with its own line endings.

    Raises:
        NotUnderstood: It cannot be read.
    """
    try:
        return read_bytes(path).decode()
    except OSError as error:
        raise NotUnderstood(f"{shown(path)}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NotUnderstood(f"{shown(path)}: cannot be read: not UTF-8") from None


def newline(text: str) -> str:
    """The line ending that a text has."""
    return "\r\n" if "\r\n" in text else "\n"


def shown(path: Path) -> str:
    """A path, relative to the working directory where that is no longer."""
    try:
        relative = os.path.relpath(path)
    except ValueError:  # another drive
        return str(path)
    return relative if len(relative) <= len(str(path)) else str(path)


def _lines(text: str) -> list[str]:
    """Without the line endings, and without what only a change of these would show."""
    return text.replace("\r\n", "\n").splitlines()
