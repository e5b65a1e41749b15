"""The texts in an editor, as they are read in place of what is on disk."""

from __future__ import annotations

import ast
import io
import os
import time
import tokenize
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: For how many seconds after it was written: file systems keep two at the worst.
_FRESH: Final = 2.0


@dataclass(frozen=True, slots=True)
class Buffer:
    """A file that is open in the editor.

    Attributes:
        path: The file, absolute.
        text: What is in the editor.
        version: The editor's number for it.
    """

    path: str
    text: str
    version: int | None = None

    def content(self) -> bytes:
        """What would be in the file if it were saved."""
        return encoded(self.text)

    def is_new(self) -> bool:
        """Whether there is no file yet."""
        return not os.path.lexists(self.path)

    def is_saved(self) -> bool:
        """Whether that is what is in the file."""
        try:
            return read_bytes(self.path) == self.content()
        except OSError:
            return False

    def is_fresh(self) -> bool:
        """Whether the file was written so recently that its time may not tell it from another."""
        try:
            return os.stat(self.path).st_mtime > time.time() - _FRESH  # noqa: PTH116
        except OSError:
            return False


def encoded(text: str) -> bytes:
    """A text in the encoding that it names, or in UTF-8."""
    start = "".join(text.splitlines(keepends=True)[:2])
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(start.encode()).readline)
        return text.encode(encoding)
    except (LookupError, SyntaxError, UnicodeError):
        return text.encode("utf-8", "replace")


def decoded(content: bytes) -> str:
    """The text that a file holds."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (LookupError, SyntaxError, UnicodeError):
        return content.decode("utf-8", "replace")


def on_disk(path: str) -> str | None:
    """The text that is in a file; ``None`` if it cannot be read."""
    try:
        return decoded(read_bytes(path))
    except OSError:
        return None


def copies(texts: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The texts as files, by the paths of the files whose texts they are."""
    found = {}
    for number, (path, text) in enumerate(sorted(texts.items())):
        copy = folder / str(number) / os.path.basename(path)
        copy.parent.mkdir()
        copy.write_bytes(encoded(text))
        found[path] = str(copy)
    return found


def lines_of(text: str) -> list[str]:
    """The lines of a text, as Python and editors count them, without their ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def trouble(text: str) -> tuple[int, str] | None:
    """The line at which the running Python cannot parse a text, and why; ``None`` if it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 0, error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 0, str(error)
    return None
