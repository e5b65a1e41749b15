"""The texts in an editor, as they are read in place of what is on disk."""

from __future__ import annotations

import ast
import io
import os
import tokenize
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.reading import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from mypy_asyncsession.findings import Finding


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


def encoded(text: str) -> bytes:
    """A text in the encoding that it names, or in UTF-8."""
    start = "".join(text.splitlines(keepends=True)[:2])
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(start.encode()).readline)
        return text.encode(encoding)
    except (LookupError, SyntaxError, UnicodeError):
        return text.encode("utf-8", "replace")


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


@dataclass(frozen=True, slots=True)
class Edit:
    """What is the same in two texts: so many lines at the beginning, and at the end.

    Attributes:
        before: How many lines at the beginning are the same.
        old_end: The first of the lines at the end, 0-based, in the old text.
        shift: By how many lines those have moved.
    """

    before: int
    old_end: int
    shift: int

    @classmethod
    def between(cls, old: str, new: str) -> Edit:
        """What is the same in these two."""
        first, second = lines_of(old), lines_of(new)
        most = min(len(first), len(second))
        before = 0
        while before < most and first[before] == second[before]:
            before += 1
        behind = 0
        while behind < most - before and first[-1 - behind] == second[-1 - behind]:
            behind += 1
        return cls(before, len(first) - behind, len(second) - len(first))

    def line(self, line: int) -> int | None:
        """Where a line, 1-based, is by now; ``None`` if it was edited."""
        if line <= self.before:
            return line
        return line + self.shift if line > self.old_end else None

    def back(self) -> Edit:
        """The same from the new text to the old one."""
        return Edit(self.before, self.old_end + self.shift, -self.shift)

    def moved(self, findings: Iterable[Finding]) -> Iterator[Finding]:
        """Findings where they are by now, without those whose lines were edited."""
        from dataclasses import replace

        for found in findings:
            first, last = self.line(found.span.line), self.line(found.span.end_line)
            if first is not None and last is not None and last >= first:
                span = replace(found.span, line=first, end_line=last)
                yield replace(found, span=span)
