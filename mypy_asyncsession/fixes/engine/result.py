"""What a fix hands back."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Problem
    from mypy_asyncsession.findings import Finding


@dataclass(frozen=True, slots=True)
class Edited:
    """A file that is fixed.

    Attributes:
        path: The file, as it is shown.
        old: What was in it.
        new: What is in it now.
        needs: The files that have to be written before: they define what this one imports.
    """

    path: str
    old: bytes
    new: bytes
    needs: frozenset[str] = frozenset()

    def diff(self) -> Iterator[bytes]:
        """The difference, as ``git apply`` takes it, where paths are relative."""
        # Python's lines end where git's do, at a line feed, and at no other character.
        old, new = (
            [f"{line}\n" for line in text.decode("latin-1").split("\n")]
            for text in (self.old, self.new)
        )
        for lines in (old, new):
            last = lines.pop()
            if last != "\n":
                lines.append(last[:-1])
        for line in difflib.unified_diff(old, new, _named("a", self.path), _named("b", self.path)):
            yield line.encode("latin-1")
            if not line.endswith("\n"):
                yield b"\n\\ No newline at end of file\n"


def _named(side: str, path: str) -> str:
    """A path as git writes it in a diff: in quotes where it holds what would end it."""
    name = f"{side}/{path}".encode(errors="surrogateescape").decode("latin-1")
    if re.search(r'[\0-\x1f"\\\x7f]', name):
        quoted = re.sub(
            r'[\0-\x1f"\\\x7f-\xff]',
            lambda match: rf"\{match[0]}" if match[0] in '"\\' else rf"\{ord(match[0]):03o}",
            name,
        )
        return f'"{quoted}"'
    # A name with a space in it has to be ended.
    return f"{name}\t" if " " in name else name


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finding, and what became of it.

    Attributes:
        finding: The finding.
        reason: Why it is left, or ``None`` where it is fixed.
    """

    finding: Finding
    reason: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of all findings.

    Attributes:
        edited: The files that are fixed; those that others import from come first.
        fixed: The findings that are, where they were when they were found.
        left: The findings that are not, with the reasons, where they are now.
        problems: What was in the way.
        checked: How many files were checked.
        known: How many findings are left that a baseline has.
        unchecked: How many files were not checked, or not in full.
        incomplete: Whether there is something that was not read, and that nobody has allowed.
    """

    edited: list[Edited] = field(default_factory=list)
    fixed: list[Outcome] = field(default_factory=list)
    left: list[Outcome] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    checked: int = 0
    known: int = 0
    unchecked: int = 0
    incomplete: bool = False

    def as_written(self, written: list[Edited], problems: list[Problem]) -> Result:
        """The same, where only some of the files could be written.

        Args:
            written: The files that were.
            problems: Why others were not.
        """
        paths = {each.path for each in self.edited} - {each.path for each in written}
        reasons = {problem.path: problem.message for problem in problems}
        other = problems[-1].message if problems else ""
        fixed, left = [], list(self.left)
        for each in self.fixed:
            path = each.finding.path
            if path in paths:
                left.append(Outcome(each.finding, f"the file {reasons.get(path, other)}"))
            else:
                fixed.append(each)
        return replace(self, edited=written, fixed=fixed, left=left)
